// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard, Settled, Worth} from "../guard/Guard.sol";
import {Ledger, Ledgers} from "../guard/Ledger.sol";
import {Lent} from "../guard/Rescue.sol";
import {ILockable} from "../guard/Roles.sol";
import {OutputTooSmall, Swaps} from "../guard/Swaps.sol";
import {Feed, GuardState, IKeeperVault, Leg, Limits, Order, Venue} from "../interfaces/IKeeperVault.sol";
import {IGuardErrors} from "../interfaces/IGuardErrors.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title GuardedVault
/// @notice Holdings that a keeper can trade, every action between its guard's `admit`, `weigh` and `settle`.
/// @dev A vault kind supplies `_value`, `_positions` and `_shareSupply`, and in its `rebalance` calls `_begin`, `_run`,
/// `_close` and `_finish`. One transient lock is over every state-changing function, and over the views that others
/// could price from.
abstract contract GuardedVault is IKeeperVault, IGuardErrors, ILockable, ReentrancyGuardTransient, Swaps {
    using Ledgers for Ledger;

    uint256 internal constant BPS = 10_000;

    Guard internal immutable GUARD;
    address[] internal _tokens;
    /// @dev Amounts the vault accounts for, in the order of `_tokens`.
    uint256[] internal _held;

    constructor(address guard_) {
        GUARD = Guard(guard_);
        GUARD.bind();
        _tokens = GUARD.tokens();
        _held = new uint256[](_tokens.length);
    }

    // views

    /// @notice Roles, timelock, feeds, pools, limits and budgets of this vault; its owner, curator and sentinels act there.
    function guard() external view returns (address) {
        return address(GUARD);
    }

    function owner() external view returns (address) {
        _answerFromGuard();
    }

    function curator() external view returns (address) {
        _answerFromGuard();
    }

    function isKeeper(address) external view returns (bool) {
        _answerFromGuard();
    }

    function isSentinel(address) external view returns (bool) {
        _answerFromGuard();
    }

    function feedOf(address) external view returns (Feed memory) {
        _answerFromGuard();
    }

    function venues() external view returns (Venue[] memory) {
        _answerFromGuard();
    }

    function limits() external view returns (Limits memory) {
        _answerFromGuard();
    }

    function tokens() external view returns (address[] memory) {
        return _tokens;
    }

    function holdings() external view nonReentrantView returns (uint256[] memory) {
        return _held;
    }

    /// @dev The budgets are 0 while a price is unusable: nothing can be lost or sold then.
    function guardState() external view nonReentrantView returns (GuardState memory) {
        (, Worth memory worth) = _tryWorth();
        return GUARD.stateOf(worth);
    }

    function stateHash() external view nonReentrantView returns (bytes32) {
        return GUARD.stateHashOf(_holdingsHash());
    }

    function nav() external view nonReentrantView returns (uint256) {
        return _navDown();
    }

    function locked() public view returns (bool) {
        return _reentrancyGuardEntered();
    }

    /// @dev The guard has a view of the same signature; its answer is this call's answer.
    function _answerFromGuard() internal view {
        address target = address(GUARD);
        assembly ("memory-safe") {
            let at := mload(0x40)
            calldatacopy(at, 0, calldatasize())
            let ok := staticcall(gas(), target, at, calldatasize(), 0, 0)
            returndatacopy(at, 0, returndatasize())
            if iszero(ok) { revert(at, returndatasize()) }
            return(at, returndatasize())
        }
    }

    // value

    /// @notice What the vault has, each holding rounded down, and what it owes, rounded up; raw units of the base asset.
    function _value(uint256[] memory pricesX) internal view virtual returns (uint256 grossDown, uint256 owedUp);

    /// @dev Hash of what the vault has outside its holdings, without what grows by itself with time.
    function _positions() internal view virtual returns (bytes32);

    /// @dev Shares issued, virtual ones included: never 0.
    function _shareSupply() internal view virtual returns (uint256);

    /// @dev Value of `amount` of the i-th token in raw units of the base asset.
    function _worthOf(uint256[] memory pricesX, uint256 i, uint256 amount, Math.Rounding rounding)
        internal
        pure
        returns (uint256)
    {
        return Math.mulDiv(amount, pricesX[i], pricesX[0], rounding);
    }

    function _worth(uint256[] memory pricesX) internal view returns (Worth memory worth) {
        (worth.gross, worth.owed) = _value(pricesX);
        worth.supply = _shareSupply();
    }

    /// @notice Reverts on an unusable price, and `Insolvent` when nothing is left above what is owed.
    function _navDown() internal view returns (uint256) {
        return GUARD.navOf(_worth(GUARD.pricesX()));
    }

    /// @notice False, and worth nothing, on an unusable price.
    function _tryWorth() internal view returns (bool priced, Worth memory worth) {
        uint256[] memory pricesX = GUARD.pricesXOrNone();
        if (pricesX.length > 0) return (true, _worth(pricesX));
        worth.supply = _shareSupply();
    }

    function _holdingsHash() private view returns (bytes32) {
        return keccak256(abi.encode(_held, _positions()));
    }

    // an action

    /// @dev One action between its checks.
    struct Action {
        uint256[] pricesX;
        uint256 navBefore;
    }

    /// @notice Checks the order, reads the prices once for before and after, and checks what can be known before the
    /// first trade.
    function _begin(Order calldata order, Leg[] calldata legs) internal returns (Action memory) {
        _admit(order, legs.length, false, 0);
        return _weigh(legs, GUARD.pricesX());
    }

    function _admit(Order calldata order, uint256 legCount, bool urgent, uint256 healthFactor) internal {
        bytes32 state = order.expectedStateHash == 0 ? bytes32(0) : _holdingsHash();
        GUARD.admit(msg.sender, order, legCount, state, urgent, healthFactor);
    }

    function _weigh(Leg[] calldata legs, uint256[] memory pricesX) internal returns (Action memory action) {
        action.pricesX = pricesX;
        Worth memory worth = _worth(pricesX);
        GUARD.weigh(legs, worth);
        action.navBefore = worth.gross - worth.owed;
    }

    /// @notice Checks the result, charges the budgets, and tells.
    function _finish(Order calldata order, Leg[] calldata legs, Action memory action)
        internal
        returns (uint256 navAfter)
    {
        Lent memory nothing;
        Settled memory done = GUARD.settle(legs, _worth(action.pricesX), nothing);
        _tell(order, done);
        return done.navAfter;
    }

    function _tell(Order calldata order, Settled memory done) internal {
        emit IntentExecuted(order.intentId, done.epoch, done.navBefore, done.navAfter);
    }

    function _ledger(uint256 legCount) internal view returns (Ledger memory) {
        return Ledgers.open(_tokens, _held, 2 * legCount);
    }

    /// @notice Executes the legs in order, from what the ledger holds.
    function _run(Leg[] calldata legs, Ledger memory ledger) internal {
        for (uint256 i; i < legs.length; ++i) {
            Leg calldata leg = legs[i];
            uint256 from = ledger.indexOf(leg.tokenIn);
            uint256 amountIn = leg.amountIn == type(uint256).max ? ledger.amount[from] : leg.amountIn;
            if (amountIn == 0) revert AmountZero(leg.pool);
            address tokenOut = GUARD.requireVenue(leg);
            ledger.debit(from, amountIn);
            uint256 received = _swap(leg.adapter, leg.pool, leg.tokenIn, tokenOut, amountIn);
            if (received < leg.minOut) revert OutputTooSmall(leg.pool, received, leg.minOut);
            ledger.amount[ledger.indexOf(tokenOut)] += received;
            emit LegExecuted(leg.pool, leg.tokenIn, tokenOut, amountIn, received);
        }
    }

    /// @notice Makes the ledger's amounts the vault's holdings. Reverts `IntermediateLeft`.
    function _close(Ledger memory ledger) internal {
        ledger.requireClosed();
        for (uint256 i; i < ledger.held; ++i) {
            _held[i] = ledger.amount[i];
        }
    }
}
