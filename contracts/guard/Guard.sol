// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {GuardState, Leg, Order} from "../interfaces/IKeeperVault.sol";
import {GuardSetup} from "../interfaces/Setup.sol";
import {Charter} from "./Charter.sol";
import {Bucket, RefillingBudget, Since} from "./RefillingBudget.sol";
import {Roles} from "./Roles.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @dev What a vault is worth at one moment, raw units of the base asset.
/// @param gross What it has, each holding rounded down.
/// @param owed What it owes, rounded up.
/// @param supply Its shares, virtual ones included.
struct Worth {
    uint256 gross;
    uint256 owed;
    uint256 supply;
}

/// @title Guard
/// @notice What one vault's keeper may do and what its key can cost: the vault asks `admit` before an action, `weigh`
/// before the first trade and `settle` after the last. Whatever the planner meant and whatever the pools did, the
/// result is bounded by value at oracle prices.
/// @dev Holds no funds. Apart from the vault because both together exceed the size of a contract.
contract Guard is Charter {
    using RefillingBudget for Bucket;

    uint256 public constant MAX_LEGS = 16;
    /// @notice Farthest a deadline may lie ahead, seconds.
    uint256 public constant MAX_DEADLINE = 600;

    /// @notice Timestamp of the last keeper action, 0 before the first.
    uint64 public lastActionAt;
    uint256 private _supplyAtCheckpoint;
    Bucket private _lossBucket;
    Bucket private _turnoverBucket;

    /// @dev The action under way, from `weigh` to `settle`.
    uint256 private transient _minNavAfter;
    uint256 private transient _navBefore;
    uint256 private transient _grossBefore;
    uint256 private transient _sold;

    constructor(GuardSetup memory setup)
        Roles(setup.owner, setup.curator, setup.keepers, setup.sentinels)
        Charter(setup.tokens, setup.feeds, setup.venues, setup.limits)
    {}

    /// @notice Called once, by the vault's constructor.
    function bind() external {
        if (vault != address(0)) revert AlreadyBound(vault);
        vault = msg.sender;
    }

    // what the vault asks

    /// @notice Reverts `VaultPaused`.
    function requireActive() public view {
        if (paused) revert VaultPaused();
    }

    /// @notice Checks an order in itself and advances the epoch: whatever follows happens at most once.
    /// @param holdingsHash As for `stateHashOf`; not looked at when the order names no state.
    function admit(address caller, Order calldata order, uint256 legCount, bytes32 holdingsHash) external {
        _requireVault();
        if (!isKeeper[caller]) revert NotKeeper(caller);
        requireActive();
        if (block.timestamp > order.deadline) revert DeadlinePassed(block.timestamp, order.deadline);
        uint256 latest = block.timestamp + MAX_DEADLINE;
        if (order.deadline > latest) revert DeadlineTooFar(order.deadline, latest);
        if (order.expectedEpoch != epoch) revert EpochMismatch(epoch, order.expectedEpoch);
        if (order.expectedStateHash != 0) {
            bytes32 found = stateHashOf(holdingsHash);
            if (found != order.expectedStateHash) revert StateMismatch(found, order.expectedStateHash);
        }
        if (legCount > MAX_LEGS) revert TooManyLegs(legCount, MAX_LEGS);
        uint256 until = lastActionAt == 0 ? 0 : lastActionAt + _limits.cooldown;
        if (block.timestamp < until) revert CoolingDown(block.timestamp, until);
        ++epoch;
        _minNavAfter = order.minNavAfter;
    }

    /// @notice Checks the legs, their pools' prices and the turnover; returns each leg's output token.
    /// @param worth Of the vault before the action.
    function weigh(Leg[] calldata legs, Worth calldata worth) external returns (address[] memory tokensOut) {
        _requireVault();
        (_navBefore, _grossBefore) = (navOf(worth), worth.gross);
        if (_navBefore == 0) revert EmptyVault();
        tokensOut = new address[](legs.length);
        uint256 sold;
        for (uint256 i; i < legs.length; ++i) {
            tokensOut[i] = _requireVenue(legs[i]);
            sold += _soldUp(legs[i]);
        }
        uint256 most = Math.mulDiv(worth.gross, _limits.maxTurnoverBps, BPS);
        if (sold > most) revert TurnoverTooLarge(sold, most);
        uint256 left = _turnoverBucket.availableDown(_limits.dailyTurnoverBps, worth.gross, _since(worth.supply));
        if (sold > left) revert DailyTurnoverSpent(sold, left);
        _sold = sold;
    }

    /// @notice Checks the result and charges the budgets.
    /// @param worth Of the vault after the action, at the prices it read before it.
    function settle(Leg[] calldata legs, Worth calldata worth) external returns (uint256 navBefore, uint256 navAfter) {
        _requireVault();
        for (uint256 i; i < legs.length; ++i) {
            _requireVenue(legs[i]);
        }
        (navBefore, navAfter) = (_navBefore, navOf(worth));
        if (navAfter < _minNavAfter) revert NavBelowMinimum(navAfter, _minNavAfter);
        uint256 loss = Math.saturatingSub(navBefore, navAfter);
        uint256 mostLoss = Math.mulDiv(navBefore, _limits.maxLossBps, BPS);
        if (loss > mostLoss) revert LossTooLarge(loss, mostLoss);
        uint256 gain = Math.saturatingSub(navAfter, navBefore);
        uint256 mostGain = Math.mulDiv(navBefore, _limits.maxGainBps, BPS);
        if (gain > mostGain) revert GainTooLarge(gain, mostGain);
        _charge(loss, navAfter, worth);
    }

    // views

    /// @notice `nav` of a vault worth so much. Reverts `Insolvent` when nothing is left above what is owed.
    function navOf(Worth calldata worth) public pure returns (uint256) {
        if (worth.owed > 0 && worth.owed >= worth.gross) revert Insolvent(worth.gross, worth.owed);
        return worth.gross - worth.owed;
    }

    /// @notice `guardState` of a vault worth so much.
    function stateOf(Worth calldata worth) external view returns (GuardState memory) {
        uint256 nav = Math.saturatingSub(worth.gross, worth.owed);
        Since memory since = _since(worth.supply);
        return GuardState({
            epoch: epoch,
            paused: paused,
            lastActionAt: lastActionAt,
            lossBudget: _lossBucket.availableDown(_limits.dailyLossBps, nav, since),
            turnoverBudget: _turnoverBucket.availableDown(_limits.dailyTurnoverBps, worth.gross, since)
        });
    }

    /// @notice keccak256(epoch, holdingsHash, round of each token's feed).
    /// @param holdingsHash Of what the vault has and owes.
    function stateHashOf(bytes32 holdingsHash) public view returns (bytes32) {
        return keccak256(abi.encode(epoch, holdingsHash, _roundIds()));
    }

    // internal

    /// @notice The value a leg sells of the vault's own tokens; an intermediate token's was counted when it was bought.
    function _soldUp(Leg calldata leg) private view returns (uint256) {
        if (leg.amountIn == 0) revert AmountZero(leg.pool);
        if (!_isHeld(leg.tokenIn)) return 0;
        if (leg.amountIn == type(uint256).max) revert AmountRequired(leg.tokenIn);
        return Math.mulDiv(leg.amountIn, _priceX(leg.tokenIn), _priceX(_tokens[0]), Math.Rounding.Ceil);
    }

    function _since(uint256 supplyNow) private view returns (Since memory) {
        return Since(_supplyAtCheckpoint, supplyNow, block.timestamp - lastActionAt);
    }

    function _charge(uint256 loss, uint256 navAfter, Worth calldata worth) private {
        Since memory since = _since(worth.supply);
        uint256 lossLeft = _lossBucket.availableDown(_limits.dailyLossBps, _navBefore, since);
        if (loss > lossLeft) revert DailyLossSpent(loss, lossLeft);
        uint256 sellable = _turnoverBucket.availableDown(_limits.dailyTurnoverBps, _grossBefore, since);
        _lossBucket.checkpoint(lossLeft - loss, navAfter);
        _turnoverBucket.checkpoint(sellable - _sold, worth.gross);
        (_supplyAtCheckpoint, lastActionAt) = (worth.supply, uint64(block.timestamp));
    }
}
