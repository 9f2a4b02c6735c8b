// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {HealthLimits, Limits} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardedBySymbols, VM} from "./Symbolic.sol";

/// @notice C-1, C-4, C-5: what one call of any function of the guard can change, whoever makes it, with whatever arguments.
contract RolesProof is GuardedBySymbols {
    function check_aStrangerChangesNothing(address caller) external {
        VM.assume(caller != OWNER && caller != CURATOR && caller != SENTINEL && caller != address(this));
        VM.assume(caller != address(0)); // the pending owner of a guard that nobody has been offered
        bytes32 before = _everything(KEEPER);
        _anyCall(caller);
        assert(_everything(KEEPER) == before);
    }

    function check_theKeeperChangesNothing() external {
        bytes32 before = _everything(KEEPER);
        _anyCall(KEEPER);
        assert(_everything(KEEPER) == before);
    }

    function check_theSentinelOnlyTakesAway(address someone) external {
        (bool kept, uint256 venues) = (guard.isKeeper(someone), guard.venues().length);
        bytes32 rules = _rules();
        _anyCall(SENTINEL);
        assert(_rules() == rules);
        assert(kept || !guard.isKeeper(someone));
        assert(guard.venues().length <= venues);
    }

    function check_theSentinelCannotUnpause() external {
        VM.prank(SENTINEL);
        guard.pause();
        _anyCall(SENTINEL);
        assert(guard.paused());
    }

    function check_theCuratorAppointsNobodyAtOnce(address someone) external {
        VM.assume(someone != KEEPER && someone != SENTINEL);
        _anyCall(CURATOR);
        assert(!guard.isKeeper(someone) && !guard.isSentinel(someone));
        assert(guard.owner() == OWNER && guard.curator() == CURATOR);
    }

    function check_theCuratorWidensNoLimitAtOnce() external {
        Limits memory before = guard.limits();
        _anyCall(CURATOR);
        Limits memory next = guard.limits();
        assert(next.maxLossBps <= before.maxLossBps && next.maxGainBps <= before.maxGainBps);
        assert(next.dailyLossBps <= before.dailyLossBps && next.maxDeviationBps <= before.maxDeviationBps);
        assert(next.maxTurnoverBps <= before.maxTurnoverBps && next.dailyTurnoverBps <= before.dailyTurnoverBps);
        assert(next.cooldown >= before.cooldown);
    }

    function check_theCuratorLoosensNoRescueAtOnce() external {
        HealthLimits memory before = guard.healthLimits();
        _anyCall(CURATOR);
        HealthLimits memory next = guard.healthLimits();
        assert(next.floor >= before.floor && next.urgent <= before.urgent);
        assert(next.ripcord == before.ripcord && next.urgentLossBps <= before.urgentLossBps);
        assert(next.chunkBps == before.chunkBps && next.rewardBps == before.rewardBps);
    }

    function check_theOwnerMovesNoLimit() external {
        bytes32 rules = keccak256(abi.encode(guard.limits(), guard.healthLimits(), guard.feedOf(token)));
        _anyCall(OWNER);
        assert(keccak256(abi.encode(guard.limits(), guard.healthLimits(), guard.feedOf(token))) == rules);
        assert(guard.venues().length == 0);
    }

    /// @dev Epochs never repeat and are never skipped, whoever calls whatever.
    function check_theEpochAdvancesByOneAtMost(address caller) external {
        uint64 before = guard.epoch();
        _anyCall(caller);
        uint64 next = guard.epoch();
        assert(next == before || next == before + 1);
    }

    function _rules() private view returns (bytes32) {
        return keccak256(
            abi.encode(
                guard.owner(),
                guard.pendingOwner(),
                guard.curator(),
                guard.limits(),
                guard.healthLimits(),
                guard.feedOf(token),
                guard.vault()
            )
        );
    }

    function _everything(address account) private view returns (bytes32) {
        return keccak256(
            abi.encode(
                _rules(),
                guard.epoch(),
                guard.paused(),
                guard.isKeeper(account),
                guard.isSentinel(account),
                guard.venues(),
                guard.lastActionAt()
            )
        );
    }
}
