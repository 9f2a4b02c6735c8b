// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {GuardState, Leg, Order} from "../interfaces/IKeeperVault.sol";
import {GuardSetup} from "../interfaces/Setup.sol";
import {Charter} from "./Charter.sol";
import {Rescue} from "./Rescue.sol";
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

/// @dev How an urgent move went, as the lending market says.
/// @param healthBefore, health Its health factor before and after, WAD.
/// @param bonusBps What a liquidator of the collateral is paid there, bps of the debt repaid.
/// @param freed Collateral taken out and not sold, raw units: what a reward can be paid from.
struct Rescued {
    uint256 healthBefore;
    uint256 health;
    uint256 bonusBps;
    uint256 freed;
}

/// @title Guard
/// @notice What one vault's keeper may do and what its key can cost: the vault asks `admit` before an action, `weigh`
/// before the first trade and `settle` after the last. Whatever the planner meant and whatever the pools did, the
/// result is bounded by value at oracle prices.
/// @dev Holds no funds. Apart from the vault because both together exceed the size of a contract.
contract Guard is Rescue {
    using RefillingBudget for Bucket;

    uint256 public constant MAX_LEGS = 16;
    /// @notice Farthest a deadline may lie ahead, seconds.
    uint256 public constant MAX_DEADLINE = 600;

    /// @notice Timestamp of the last keeper action, 0 before the first.
    uint64 public lastActionAt;
    uint256 private _supplyAtCheckpoint;
    Bucket private _lossBucket;
    Bucket private _turnoverBucket;
    Bucket private _urgentBucket;
    /// @dev 1 once there was a rescue: before it the urgent budget is full.
    uint256 private _rescues;
    uint64 private _rescuedAt;

    /// @dev The action under way, from `weigh` to `settle`.
    uint256 private transient _minNavAfter;
    uint256 private transient _navBefore;
    uint256 private transient _grossBefore;
    uint256 private transient _owedBefore;
    uint256 private transient _sold;

    constructor(GuardSetup memory setup)
        Roles(setup.owner, setup.curator, setup.keepers, setup.sentinels)
        Charter(setup.tokens, setup.feeds, setup.venues, setup.limits, setup.sequencer)
        Rescue(setup.health)
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
        _requireOrder(caller, order, legCount, holdingsHash);
        uint256 until = lastActionAt == 0 ? 0 : lastActionAt + _limits.cooldown;
        if (block.timestamp < until) revert CoolingDown(block.timestamp, until);
        _start(false, order.minNavAfter);
    }

    /// @notice As `admit` for an urgent order: no cooldown, but the health factor must be below the urgent level.
    function admitUrgent(
        address caller,
        Order calldata order,
        uint256 legCount,
        bytes32 holdingsHash,
        uint256 healthFactor
    ) external {
        _requireOrder(caller, order, legCount, holdingsHash);
        _requireBelow(healthFactor, _health.urgent);
        _start(true, order.minNavAfter);
    }

    /// @notice As `admitUrgent` for anyone, without an order, paused or not: below the ripcord's level.
    function admitRipcord(uint256 legCount, uint256 healthFactor) external {
        _requireVault();
        if (legCount > MAX_LEGS) revert TooManyLegs(legCount, MAX_LEGS);
        _requireBelow(healthFactor, _health.ripcord);
        _start(true, 0);
    }

    function _start(bool rescuing, uint256 minNavAfter) private {
        (_rescuing, _minNavAfter) = (rescuing, minNavAfter);
        _advance();
    }

    function _requireOrder(address caller, Order calldata order, uint256 legCount, bytes32 holdingsHash) private view {
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
    }

    /// @notice Checks the legs, their pools' prices and the turnover, which in a rescue is free.
    /// @param worth Of the vault before the action.
    function weigh(Leg[] calldata legs, Worth calldata worth) external {
        _requireVault();
        (_navBefore, _grossBefore, _owedBefore) = (navOf(worth), worth.gross, worth.owed);
        if (_navBefore == 0) revert EmptyVault();
        uint256 sold;
        for (uint256 i; i < legs.length; ++i) {
            requireVenue(legs[i]);
            sold += _soldUp(legs[i]);
        }
        if (_rescuing) return;
        uint256 most = Math.mulDiv(worth.gross, _limits.maxTurnoverBps, BPS);
        if (sold > most) revert TurnoverTooLarge(sold, most);
        uint256 left = _turnoverBucket.availableDown(_limits.dailyTurnoverBps, worth.gross, _since(worth.supply));
        if (sold > left) revert DailyTurnoverSpent(sold, left);
        _sold = sold;
    }

    /// @notice Checks the result and charges the budgets.
    /// @param worth Of the vault after the action, at the prices it read before it.
    function settle(Leg[] calldata legs, Worth calldata worth) external returns (uint256 navBefore, uint256 navAfter) {
        uint256 loss;
        (navBefore, navAfter, loss) = _outcome(legs, worth);
        uint256 mostLoss = Math.mulDiv(navBefore, _limits.maxLossBps, BPS);
        if (loss > mostLoss) revert LossTooLarge(loss, mostLoss);
        _charge(loss, navAfter, worth);
    }

    /// @notice Checks the result of an urgent move and charges the urgent budget: debt is repaid, the health factor rises
    /// and stays below the ceiling, and the loss is at most `urgentLossBps` of the debt repaid, or half the liquidation
    /// bonus if that is less.
    /// @dev Whoever spends the whole budget has repaid the whole debt: a rescue is not blocked by the one before it.
    function settleUrgent(Leg[] calldata legs, Worth calldata worth, Rescued calldata rescued)
        external
        returns (uint256 navBefore, uint256 navAfter, uint256 repaid)
    {
        (navBefore, navAfter, repaid,) = _settleRescue(legs, worth, rescued);
    }

    /// @notice As `settleUrgent` for a pull of the ripcord: at most a chunk of the debt is repaid, and the reward fits into
    /// what is left of the loss allowed, of which it is charged.
    function settleRipcord(Leg[] calldata legs, Worth calldata worth, Rescued calldata rescued)
        external
        returns (uint256 navBefore, uint256 navAfter, uint256 repaid, uint256 reward)
    {
        uint256 room;
        (navBefore, navAfter, repaid, room) = _settleRescue(legs, worth, rescued);
        uint256 most = Math.mulDiv(_owedBefore, _health.chunkBps, BPS);
        uint256 least =
            rescued.health < _health.ripcord ? Math.mulDiv(_owedBefore, MIN_CHUNK_BPS, BPS, Math.Rounding.Ceil) : 0;
        if (repaid < least || repaid > most) revert ChunkInvalid(repaid, least, most);
        reward = Math.min(Math.min(room, rescued.freed), Math.mulDiv(repaid, _health.rewardBps, BPS));
        _urgentBucket.left -= uint128(reward);
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

    /// @notice Value a rescue may lose now, raw units of the base asset, of a vault that owes so much.
    function urgentBudgetOf(uint256 owed) public view returns (uint256) {
        Since memory since = Since(_rescues, 1, block.timestamp - _rescuedAt);
        return _urgentBucket.availableDown(_health.urgentLossBps, owed, since);
    }

    // internal

    /// @dev What every action ends with.
    function _outcome(Leg[] calldata legs, Worth calldata worth)
        private
        view
        returns (uint256 navBefore, uint256 navAfter, uint256 loss)
    {
        _requireVault();
        for (uint256 i; i < legs.length; ++i) {
            requireVenue(legs[i]);
        }
        (navBefore, navAfter) = (_navBefore, navOf(worth));
        if (navAfter < _minNavAfter) revert NavBelowMinimum(navAfter, _minNavAfter);
        loss = Math.saturatingSub(navBefore, navAfter);
        uint256 gain = Math.saturatingSub(navAfter, navBefore);
        uint256 mostGain = Math.mulDiv(navBefore, _limits.maxGainBps, BPS);
        if (gain > mostGain) revert GainTooLarge(gain, mostGain);
    }

    /// @dev `room` is what could have been lost besides.
    function _settleRescue(Leg[] calldata legs, Worth calldata worth, Rescued calldata rescued)
        private
        returns (uint256 navBefore, uint256 navAfter, uint256 repaid, uint256 room)
    {
        uint256 loss;
        (navBefore, navAfter, loss) = _outcome(legs, worth);
        repaid = Math.saturatingSub(_owedBefore, worth.owed);
        if (repaid == 0) revert NothingRepaid();
        uint256 most = Math.mulDiv(repaid, Math.min(_health.urgentLossBps, rescued.bonusBps / 2), BPS);
        if (loss > most) revert RescueTooDear(loss, most);
        uint256 left = urgentBudgetOf(_owedBefore);
        if (loss > left) revert UrgentLossSpent(loss, left);
        _requireRaised(rescued.healthBefore, rescued.health);
        _urgentBucket.checkpoint(left - loss, type(uint128).max);
        (_rescues, _rescuedAt) = (1, uint64(block.timestamp));
        room = Math.min(most, left) - loss;
    }

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
