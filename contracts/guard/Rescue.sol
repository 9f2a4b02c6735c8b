// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {HealthLimits} from "../interfaces/IKeeperVault.sol";
import {Charter} from "./Charter.sol";

/// @dev How a move went, as the lending market says; all zero for a vault that owes nothing.
/// @param lever Whether it was to lever.
/// @param healthBefore, healthAfter Its health factor, WAD; `type(uint256).max` without debt.
/// @param bonusBps What a liquidator of the collateral is paid there, bps of the debt repaid.
/// @param freed Collateral taken out and not sold, raw units: what a reward can be paid from.
struct Lent {
    bool lever;
    uint256 healthBefore;
    uint256 healthAfter;
    uint256 bonusBps;
    uint256 freed;
}

/// @notice The health factor a levered vault keeps, and how far it must have fallen before the rules give way to a rescue.
/// @dev Aave's own health factor, WAD. For a vault that owes nothing all of it is zero and nothing of it is asked.
abstract contract Rescue is Charter {
    /// @notice No curator can set a floor below it, WAD.
    uint256 public constant MIN_HEALTH_FACTOR = 1.05e18;
    /// @notice Least part of the debt that a pull of the ripcord repays, bps, unless less ends the emergency: whoever
    /// pulls it to spoil the keeper's epoch does the keeper's work.
    uint256 public constant MIN_CHUNK_BPS = 100;

    HealthLimits internal _health;

    event HealthLimitsSet(HealthLimits limits);

    constructor(HealthLimits memory health) {
        if (health.floor > 0) _setHealthLimits(health);
    }

    /// @notice Instant when a rescue is allowed no sooner and may cost no more, and the ripcord, which belongs to everyone,
    /// stays as it is; timelocked otherwise.
    function setHealthLimits(HealthLimits calldata next) external unlocked onlyCurator {
        HealthLimits memory present = _health;
        bool tighter = next.floor >= present.floor && next.ceiling <= present.ceiling && next.urgent <= present.urgent
            && next.urgentLossBps <= present.urgentLossBps && next.ripcord == present.ripcord
            && next.chunkBps == present.chunkBps && next.rewardBps == present.rewardBps;
        if (!tighter) _requireWaited();
        _setHealthLimits(next);
        _advance();
    }

    function healthLimits() external view returns (HealthLimits memory) {
        return _health;
    }

    /// @notice Levering that borrows ends at or above the floor; any other move raises the health factor, and de-levering
    /// stops at the ceiling unless no debt is left, which a rescue has no cause to do.
    /// @param borrowed Whether there is more debt than before.
    function _requireHealth(Lent calldata lent, bool borrowed, bool rescuing) internal view {
        if (lent.lever) {
            bool strengthened = !borrowed && lent.healthAfter > lent.healthBefore;
            if (lent.healthAfter < _health.floor && !strengthened) {
                revert HealthFactorTooLow(lent.healthAfter, _health.floor);
            }
        } else if (rescuing || lent.healthAfter < type(uint256).max) {
            if (lent.healthAfter <= lent.healthBefore) {
                revert HealthFactorNotRaised(lent.healthBefore, lent.healthAfter);
            }
            if (lent.healthAfter > _health.ceiling) revert HealthFactorTooHigh(lent.healthAfter, _health.ceiling);
        }
    }

    function _requireBelow(uint256 health, uint256 level) internal pure {
        if (health >= level) revert NotUrgent(health, level);
    }

    /// @dev The hard-coded maxima: no curator can go beyond them.
    function _setHealthLimits(HealthLimits memory next) private {
        bool ordered = next.floor >= MIN_HEALTH_FACTOR && next.ceiling > next.floor && next.urgent < next.floor
            && next.ripcord <= next.urgent && next.chunkBps >= MIN_CHUNK_BPS;
        if (!ordered) revert HealthLimitsInvalid();
        _requireAtMost(next.urgentLossBps, 500);
        _requireAtMost(next.chunkBps, BPS / 2);
        _requireAtMost(next.rewardBps, 50);
        _health = next;
        emit HealthLimitsSet(next);
    }
}
