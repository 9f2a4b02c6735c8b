// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardedBySymbols, VM} from "./Symbolic.sol";

/// @notice C-12, C-13 and C-4's timelock: every order at most once, at its time, and no widening before its day has passed.
contract EpochProof is GuardedBySymbols {
    function check_anOrderIsAdmittedOnlyAsItSays(address caller, Order calldata order, uint256 legs, bool urgent)
        external
    {
        VM.assume(order.expectedStateHash == 0);
        uint64 before = guard.epoch();
        guard.admit(caller, order, legs, 0, urgent, 1.1e18);
        assert(guard.isKeeper(caller) && !guard.paused());
        assert(order.expectedEpoch == before && guard.epoch() == before + 1);
        assert(block.timestamp <= order.deadline && order.deadline <= block.timestamp + 600);
        assert(legs <= 16);
    }

    function check_theSameOrderIsNeverAdmittedTwice(Order calldata order, bool urgent) external {
        VM.assume(order.expectedStateHash == 0);
        guard.admit(KEEPER, order, 1, 0, urgent, 1.1e18);
        try guard.admit(KEEPER, order, 1, 0, urgent, 1.1e18) {
            assert(false);
        } catch {}
    }

    function check_anUrgentOrderNeedsALowHealthFactor(Order calldata order, uint256 healthFactor) external {
        VM.assume(order.expectedStateHash == 0);
        guard.admit(KEEPER, order, 1, 0, true, healthFactor);
        assert(healthFactor < 1.15e18);
    }

    function check_aRipcordNeedsALowerOne(uint256 legs, uint256 healthFactor) external {
        guard.admitRipcord(legs, healthFactor);
        assert(healthFactor < 1.05e18 && legs <= 16);
    }

    function check_noKeeperBeforeItsDay(address someone, uint256 later) external {
        bytes memory data = abi.encodeCall(guard.addKeeper, (someone));
        VM.prank(CURATOR);
        guard.submit(data);
        VM.assume(later < 1 days);
        VM.warp(NOW + later);
        VM.prank(CURATOR);
        (bool ok,) = address(guard).call(data);
        assert(!ok);
    }

    function check_aSubmissionIsUsedUp(address someone) external {
        bytes memory data = abi.encodeCall(guard.addKeeper, (someone));
        VM.prank(CURATOR);
        guard.submit(data);
        VM.warp(NOW + 1 days);
        VM.prank(CURATOR);
        (bool first,) = address(guard).call(data);
        VM.prank(CURATOR);
        (bool second,) = address(guard).call(data);
        assert(first && !second);
    }
}
