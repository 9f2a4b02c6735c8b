// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {GuardState, Leg, Order} from "../interfaces/IKeeperVault.sol";
import {GuardSetup} from "../interfaces/Setup.sol";
import {Charter} from "./Charter.sol";
import {Lent, Rescue} from "./Rescue.sol";
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

/// @dev Under whose rules an action is.
enum Tier {
    Normal,
    Urgent,
    Ripcord
}

/// @dev An action settled; values in raw units of the base asset.
/// @param repaid Debt it repaid; `reward` what is due to who pulled the ripcord, charged already and in `navAfter` still.
struct Settled {
    uint64 epoch;
    uint256 navBefore;
    uint256 navAfter;
    uint256 repaid;
    uint256 reward;
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
    Tier private transient _tier;
    uint256 private transient _minNavAfter;
    uint256 private transient _navBefore;
    uint256 private transient _grossBefore;
    uint256 private transient _owedBefore;
    uint256 private transient _sold;

    /// @notice What is left of the day's budgets, and of what they are shares, as of this block: with `LimitsSet` all that
    /// their refill depends on. Raw units of the base asset; `supply` counts virtual shares.
    event Charged(uint256 lossLeft, uint256 turnoverLeft, uint256 nav, uint256 gross, uint256 supply);
    /// @notice What is left of the urgent budget as of this block.
    event UrgentCharged(uint256 left);

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

    /// @notice Checks an order in itself and advances the epoch: whatever follows happens at most once. An urgent order
    /// waits for no cooldown, but the health factor must be below the urgent level.
    /// @param holdingsHash As for `stateHashOf`; not looked at when the order names no state.
    function admit(
        address caller,
        Order calldata order,
        uint256 legCount,
        bytes32 holdingsHash,
        bool urgent,
        uint256 healthFactor
    ) external {
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
        if (urgent) _requireBelow(healthFactor, _health.urgent);
        else if (block.timestamp < until) revert CoolingDown(block.timestamp, until);
        _start(urgent ? Tier.Urgent : Tier.Normal, order.minNavAfter);
    }

    /// @notice As `admit` for anyone, without an order, paused or not: below the ripcord's level.
    function admitRipcord(uint256 legCount, uint256 healthFactor) external {
        _requireVault();
        if (legCount > MAX_LEGS) revert TooManyLegs(legCount, MAX_LEGS);
        _requireBelow(healthFactor, _health.ripcord);
        _start(Tier.Ripcord, 0);
    }

    function _start(Tier tier, uint256 minNavAfter) private {
        (_tier, _rescuing, _minNavAfter) = (tier, tier != Tier.Normal, minNavAfter);
        _advance();
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
    function settle(Leg[] calldata legs, Worth calldata worth, Lent calldata lent)
        external
        returns (Settled memory done)
    {
        _requireVault();
        for (uint256 i; i < legs.length; ++i) {
            requireVenue(legs[i]);
        }
        (done.epoch, done.navBefore, done.navAfter) = (epoch, _navBefore, navOf(worth));
        if (done.navAfter < _minNavAfter) revert NavBelowMinimum(done.navAfter, _minNavAfter);
        uint256 gain = Math.saturatingSub(done.navAfter, done.navBefore);
        uint256 mostGain = Math.mulDiv(done.navBefore, _limits.maxGainBps, BPS);
        // A rescue may meet a market that has come back before the oracle has: that is no reason to be liquidated.
        if (gain > mostGain && !_rescuing) revert GainTooLarge(gain, mostGain);
        uint256 loss = Math.saturatingSub(done.navBefore, done.navAfter);
        if (_tier == Tier.Normal) _charge(loss, done.navAfter, worth);
        else (done.repaid, done.reward) = _chargeRescue(loss, worth, lent);
        if (_health.floor > 0) _requireHealth(lent, worth.owed > _owedBefore, _rescuing);
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

    /// @dev Debt is repaid, at a loss of at most `urgentLossBps` of it, or half the liquidation bonus if that is less. The
    /// reward takes what the loss leaves. Whoever spends the whole budget has repaid the whole debt: no rescue is blocked
    /// by the one before it.
    function _chargeRescue(uint256 loss, Worth calldata worth, Lent calldata lent)
        private
        returns (uint256 repaid, uint256 reward)
    {
        repaid = Math.saturatingSub(_owedBefore, worth.owed);
        if (repaid == 0) revert NothingRepaid();
        uint256 most = Math.mulDiv(repaid, Math.min(_health.urgentLossBps, lent.bonusBps / 2), BPS);
        if (loss > most) revert RescueTooDear(loss, most);
        uint256 left = urgentBudgetOf(_owedBefore);
        if (loss > left) revert UrgentLossSpent(loss, left);
        if (_tier == Tier.Ripcord) {
            _requireChunk(repaid, lent.healthAfter);
            reward = Math.min(Math.min(most, left) - loss, Math.mulDiv(repaid, _health.rewardBps, BPS));
            reward = Math.min(reward, lent.freed);
        }
        left -= loss + reward;
        _urgentBucket.checkpoint(left, type(uint128).max);
        emit UrgentCharged(left);
        (_rescues, _rescuedAt) = (1, uint64(block.timestamp));
    }

    function _requireChunk(uint256 repaid, uint256 health) private view {
        uint256 most = Math.mulDiv(_owedBefore, _health.chunkBps, BPS);
        uint256 least = health < _health.ripcord ? Math.mulDiv(_owedBefore, MIN_CHUNK_BPS, BPS, Math.Rounding.Ceil) : 0;
        if (repaid < least || repaid > most) revert ChunkInvalid(repaid, least, most);
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
        uint256 most = Math.mulDiv(_navBefore, _limits.maxLossBps, BPS);
        if (loss > most) revert LossTooLarge(loss, most);
        Since memory since = _since(worth.supply);
        uint256 lossLeft = _lossBucket.availableDown(_limits.dailyLossBps, _navBefore, since);
        if (loss > lossLeft) revert DailyLossSpent(loss, lossLeft);
        uint256 sellable = _turnoverBucket.availableDown(_limits.dailyTurnoverBps, _grossBefore, since);
        (lossLeft, sellable) = (lossLeft - loss, sellable - _sold);
        _lossBucket.checkpoint(lossLeft, navAfter);
        _turnoverBucket.checkpoint(sellable, worth.gross);
        emit Charged(lossLeft, sellable, navAfter, worth.gross, worth.supply);
        (_supplyAtCheckpoint, lastActionAt) = (worth.supply, uint64(block.timestamp));
    }
}
