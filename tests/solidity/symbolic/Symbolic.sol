// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {Feed, HealthLimits, Limits, Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup, TokenFeed} from "../../../contracts/interfaces/Setup.sol";

/// @dev What halmos answers at its own address.
interface Halmos {
    /// @notice Calldata of every function of a contract at once, arguments of the usual sizes unknown.
    function createCalldata(string memory contractName) external returns (bytes memory);
}

interface Vm {
    function assume(bool condition) external pure;
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
}

Halmos constant HALMOS = Halmos(0xF3993A62377BCd56AE39D773740A5390411E8BC9);
Vm constant VM = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

/// @dev A token and its feed in one: a dollar, now.
contract Dollar {
    function decimals() external pure returns (uint8) {
        return 8;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (1, 1e8, block.timestamp, block.timestamp, 1);
    }
}

/// @notice A guard of one token, with this contract for its vault.
/// @dev Proofs are of one call: whatever a sequence of calls reaches, each of them keeps what is proven here, provided the
/// state before it is like the one built here in what the proof does not leave unknown.
abstract contract GuardedBySymbols {
    address internal constant OWNER = address(0x1001);
    address internal constant CURATOR = address(0x1002);
    address internal constant KEEPER = address(0x1003);
    address internal constant SENTINEL = address(0x1004);
    uint256 internal constant NOW = 1_800_000_000;

    Guard internal guard;
    address internal token;

    function setUp() public {
        VM.warp(NOW);
        token = address(new Dollar());
        GuardSetup memory setup;
        (setup.owner, setup.curator) = (OWNER, CURATOR);
        setup.keepers = _one(KEEPER);
        setup.sentinels = _one(SENTINEL);
        setup.tokens = _one(token);
        setup.feeds = new TokenFeed[](1);
        setup.feeds[0] = TokenFeed(token, Feed(token, 3_600, 0, 1e12));
        setup.limits = Limits(30, 100, 100, 100, 2_500, 10_000, 300);
        setup.health = HealthLimits(1.25e18, 3e18, 1.15e18, 1.05e18, 150, 2_500, 50);
        guard = new Guard(setup);
        guard.bind();
    }

    /// @notice The guard asks its vault.
    function locked() external pure returns (bool) {
        return false;
    }

    /// @dev Any function of the guard, with any arguments, by `caller`.
    function _anyCall(address caller) internal returns (bool ok) {
        bytes memory data = HALMOS.createCalldata("Guard");
        VM.prank(caller);
        (ok,) = address(guard).call(data);
    }

    function _one(address account) private pure returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = account;
    }
}
