// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IGuardErrors} from "../interfaces/IGuardErrors.sol";

interface ILockable {
    /// @notice Whether a state-changing call of the vault is under way.
    function locked() external view returns (bool);
}

/// @notice Who may do what, how long they wait, and the epoch that every such act advances.
/// @dev owner: appoints the curator and the sentinels, unpauses. curator: configuration; whatever widens a power is
/// submitted first and can be called, with the same calldata, a day later. sentinel: can only take risk away. keeper:
/// calls `rebalance`, inside the limits.
abstract contract Roles is IGuardErrors {
    /// @notice Seconds between submitting a widening call and being able to make it.
    uint256 public constant TIMELOCK = 1 days;

    address public owner;
    address public pendingOwner;
    address public curator;
    mapping(address account => bool) public isKeeper;
    mapping(address account => bool) public isSentinel;
    /// @notice First timestamp at which a submitted call may be made, by keccak256 of its calldata; 0: not submitted.
    mapping(bytes32 callHash => uint256) public executableAt;

    /// @notice Timelocked calls that can be made no more.
    mapping(bytes4 selector => bool) public isAbdicated;

    /// @notice Times the configuration changed or the keeper acted.
    uint64 public epoch;
    bool public paused;
    /// @notice The vault this guards, once it has bound itself.
    address public vault;

    event OwnershipOffered(address indexed to);
    event OwnerSet(address indexed owner);
    event CuratorSet(address indexed curator);
    event KeeperSet(address indexed account, bool allowed);
    event SentinelSet(address indexed account, bool allowed);
    event Submitted(bytes4 indexed selector, bytes data, uint256 executableAt);
    event Revoked(bytes4 indexed selector, bytes data);
    event Abdicated(bytes4 indexed selector);
    event PausedSet(bool paused);
    /// @notice Emitted whenever the epoch advances, by whatever.
    event EpochAdvanced(uint64 indexed epoch);

    /// @dev Nothing changes while the vault is at work: one lock for both.
    modifier unlocked() {
        _requireUnlocked();
        _;
    }

    modifier onlyOwner() {
        _requireOwner();
        _;
    }

    modifier onlyCurator() {
        _requireCurator();
        _;
    }

    /// @dev The sentinels, and those above them.
    modifier onlySentinel() {
        _requireSentinel();
        _;
    }

    constructor(address owner_, address curator_, address[] memory keepers, address[] memory sentinels) {
        if (owner_ == address(0) || curator_ == address(0)) revert ZeroAddress();
        (owner, curator) = (owner_, curator_);
        emit OwnerSet(owner_);
        emit CuratorSet(curator_);
        for (uint256 i; i < keepers.length; ++i) {
            _setKeeper(keepers[i], true);
        }
        for (uint256 i; i < sentinels.length; ++i) {
            _setSentinel(sentinels[i], true);
        }
    }

    // owner

    function offerOwnership(address to) external unlocked onlyOwner {
        pendingOwner = to;
        emit OwnershipOffered(to);
    }

    function acceptOwnership() external unlocked {
        if (msg.sender != pendingOwner) revert NotPendingOwner(msg.sender);
        (owner, pendingOwner) = (msg.sender, address(0));
        _advance();
        emit OwnerSet(msg.sender);
    }

    function setCurator(address next) external unlocked onlyOwner {
        if (next == address(0)) revert ZeroAddress();
        curator = next;
        _advance();
        emit CuratorSet(next);
    }

    function setSentinel(address account, bool allowed) external unlocked onlyOwner {
        _setSentinel(account, allowed);
        _advance();
    }

    function unpause() external unlocked onlyOwner {
        paused = false;
        _advance();
        emit PausedSet(false);
    }

    // curator

    /// @notice Announces a call to this contract or to the vault; the curator can make it, with exactly this calldata, after the timelock.
    function submit(bytes calldata data) external unlocked onlyCurator {
        bytes32 id = keccak256(data);
        if (executableAt[id] != 0) revert AlreadySubmitted(bytes4(data));
        executableAt[id] = block.timestamp + TIMELOCK;
        emit Submitted(bytes4(data), data, block.timestamp + TIMELOCK);
    }

    /// @notice Timelocked: gives a timelocked call up, of this contract or of the vault, for ever and for every curator. What
    /// was submitted of it dies with it.
    function abdicate(bytes4 selector) external unlocked onlyCurator {
        _requireWaited();
        isAbdicated[selector] = true;
        _advance();
        emit Abdicated(selector);
    }

    /// @notice Timelocked: another keeper.
    function addKeeper(address account) external unlocked onlyCurator {
        _requireWaited();
        _setKeeper(account, true);
        _advance();
    }

    // sentinel

    /// @notice Withdraws a submission.
    function revoke(bytes calldata data) external unlocked onlySentinel {
        bytes32 id = keccak256(data);
        if (executableAt[id] == 0) revert NotSubmitted(bytes4(data));
        delete executableAt[id];
        emit Revoked(bytes4(data), data);
    }

    /// @notice Stops rebalancing and everything that prices shares; exits in kind go on.
    function pause() external unlocked onlySentinel {
        paused = true;
        _advance();
        emit PausedSet(true);
    }

    function removeKeeper(address account) external unlocked onlySentinel {
        _setKeeper(account, false);
        _advance();
    }

    // internal

    function _setKeeper(address account, bool allowed) private {
        isKeeper[account] = allowed;
        emit KeeperSet(account, allowed);
    }

    function _setSentinel(address account, bool allowed) private {
        isSentinel[account] = allowed;
        emit SentinelSet(account, allowed);
    }

    /// @dev Uses up the submission of the current call.
    function _requireWaited() internal {
        _useUp(msg.data);
    }

    /// @notice For a timelocked function of the vault itself: checks that `caller` is the curator and uses up the
    /// submission of `data`.
    function useUp(address caller, bytes calldata data) external {
        _requireVault();
        if (caller != curator) revert NotCurator(caller);
        _useUp(data);
        _advance();
    }

    function _useUp(bytes calldata data) private {
        bytes32 id = keccak256(data);
        uint256 at = executableAt[id];
        if (at == 0) revert NotSubmitted(bytes4(data));
        if (block.timestamp < at) revert TimelockPending(block.timestamp, at);
        if (isAbdicated[bytes4(data)]) revert CallAbdicated(bytes4(data));
        delete executableAt[id];
    }

    function _advance() internal {
        emit EpochAdvanced(++epoch);
    }

    function _requireVault() internal view {
        if (msg.sender != vault) revert NotVault(msg.sender);
    }

    function _requireOwner() private view {
        if (msg.sender != owner) revert NotOwner(msg.sender);
    }

    function _requireCurator() private view {
        if (msg.sender != curator) revert NotCurator(msg.sender);
    }

    function _requireSentinel() private view {
        if (!isSentinel[msg.sender] && msg.sender != owner && msg.sender != curator) revert NotSentinel(msg.sender);
    }

    function _requireUnlocked() private view {
        if (ILockable(vault).locked()) revert VaultLocked();
    }
}
