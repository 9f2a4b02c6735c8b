// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard, Settled, Worth} from "../../../contracts/guard/Guard.sol";
import {Lent} from "../../../contracts/guard/Rescue.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {HealthLimits, Leg, Limits, Order, Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup} from "../../../contracts/interfaces/Setup.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Markets} from "../Markets.sol";

/// @notice What the guard allows an action, in values alone and to the unit: this test is the vault, and says what it is
/// worth.
contract ActionTest is Markets {
    uint256 private constant GROSS = 1_000_003e6 + 7; // no limit divides it
    uint256 private constant SUPPLY = 1e24;

    Guard private guard;
    /// @dev As the vault's own.
    bool public locked;

    function setUp() public {
        _openMarkets();
        guard = _guard(_limits());
    }

    // while the vault is at work

    function test_C31_nothingIsConfiguredWhileLocked() public {
        HealthLimits memory health;
        bytes[14] memory calls = [
            abi.encodeCall(guard.offerOwnership, (bob)),
            abi.encodeCall(guard.acceptOwnership, ()),
            abi.encodeCall(guard.setCurator, (bob)),
            abi.encodeCall(guard.setSentinel, (bob, true)),
            abi.encodeCall(guard.unpause, ()),
            abi.encodeCall(guard.submit, ("")),
            abi.encodeCall(guard.abdicate, (bytes4(0))),
            abi.encodeCall(guard.addKeeper, (bob)),
            abi.encodeCall(guard.revoke, ("")),
            abi.encodeCall(guard.pause, ()),
            abi.encodeCall(guard.removeKeeper, (bob)),
            abi.encodeCall(guard.setFeed, (address(weth), _feed(weth))),
            abi.encodeCall(guard.addVenue, (Venue(V3, v3UsdcWeth))),
            abi.encodeCall(guard.removeVenue, (v3UsdcWeth))
        ];
        locked = true;
        for (uint256 i; i < calls.length; ++i) {
            _refusedCall(calls[i]);
        }
        _refusedCall(abi.encodeCall(guard.setLimits, (_limits())));
        _refusedCall(abi.encodeCall(guard.setHealthLimits, (health)));
    }

    // the value of a vault

    function testFuzz_navOf_IsWhatIsLeftAboveTheDebt(uint128 gross, uint128 owed) public {
        if (owed > 0 && owed >= gross) {
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.Insolvent.selector, gross, owed));
            guard.navOf(Worth(gross, owed, 1));
        } else {
            assertEq(guard.navOf(Worth(gross, owed, 1)), gross - owed);
        }
    }

    function test_navOf_AtItsEdges() public {
        testFuzz_navOf_IsWhatIsLeftAboveTheDebt(0, 0);
        testFuzz_navOf_IsWhatIsLeftAboveTheDebt(1, 1);
        testFuzz_navOf_IsWhatIsLeftAboveTheDebt(0, 1);
        testFuzz_navOf_IsWhatIsLeftAboveTheDebt(2, 1);
        testFuzz_navOf_IsWhatIsLeftAboveTheDebt(2, 2);
    }

    // admission

    function test_C37_admit_TakesSixteenLegs() public {
        guard.admit(keeper, _order(), 16, 0, false, 0);
    }

    function test_C11_admit_TheFirstWaitsForNothing() public {
        vm.warp(0);
        guard.admit(keeper, _order(), 1, 0, false, 0);
    }

    // the legs

    function test_C3_weigh_RefusesALegAtOnce() public {
        guard.admit(keeper, _order(), 1, 0, false, 0);
        _refusedLeg(_leg(V3, bob, usdc, 1), abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, bob));
        _refusedLeg(_leg(V3, v3UsdcWeth, usdc, 0), abi.encodeWithSelector(IGuardErrors.AmountZero.selector, v3UsdcWeth));
        _refusedLeg(_leg(V3, v3LinkWeth, link, 0), abi.encodeWithSelector(IGuardErrors.AmountZero.selector, v3LinkWeth));
        _refusedLeg(
            _leg(V3, v3UsdcWeth, usdc, type(uint256).max),
            abi.encodeWithSelector(IGuardErrors.AmountRequired.selector, address(usdc))
        );
    }

    /// @dev What an intermediate token sells was counted when it was bought.
    function test_C11_weigh_SellsAllThatIsAllowed() public {
        uint256 most = GROSS * 2_500 / 10_000;
        guard.admit(keeper, _order(), 2, 0, false, 0);
        _refusedLeg(
            _leg(V3, v3UsdcWeth, usdc, most + 1),
            abi.encodeWithSelector(IGuardErrors.TurnoverTooLarge.selector, most + 1, most)
        );
        guard.weigh(
            _legs(_leg(V2, v2UsdcLink, usdc, most), _leg(V3, v3LinkWeth, link, type(uint256).max)), _worth(GROSS)
        );
    }

    function test_C11_weigh_SellsAllThatIsLeftOfTheDay() public {
        Limits memory next = _limits();
        (next.maxTurnoverBps, next.dailyTurnoverBps) = (10_000, 5_000);
        guard = _guard(next);
        uint256 left = GROSS / 2;
        guard.admit(keeper, _order(), 1, 0, false, 0);
        _refusedLeg(
            _leg(V3, v3UsdcWeth, usdc, left + 1),
            abi.encodeWithSelector(IGuardErrors.DailyTurnoverSpent.selector, left + 1, left)
        );
        Leg[] memory legs = _legs(_leg(V3, v3UsdcWeth, usdc, left));
        guard.weigh(legs, _worth(GROSS));
        vm.expectEmit(address(guard));
        emit Guard.Charged(GROSS / 100, 0, GROSS, GROSS, SUPPLY);
        _settle(legs, GROSS);
        assertEq(guard.stateOf(_worth(GROSS)).turnoverBudget, 0);
    }

    // the result

    function test_settle_EndsAtTheLeastNav() public {
        Order memory order = _order();
        order.minNavAfter = GROSS - 10;
        guard.admit(keeper, order, 0, 0, false, 0);
        guard.weigh(new Leg[](0), _worth(GROSS));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NavBelowMinimum.selector, GROSS - 11, GROSS - 10));
        _settle(GROSS - 11);
        _settle(GROSS - 10);
    }

    function test_C9_settle_GainsAsMuchAsIsAllowed() public {
        uint256 most = GROSS * 100 / 10_000;
        _begin();
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.GainTooLarge.selector, most + 1, most));
        _settle(GROSS + most + 1);
        Settled memory done = _settle(GROSS + most);
        assertEq(done.navBefore, GROSS);
        assertEq(done.navAfter, GROSS + most);
        assertEq(done.epoch, guard.epoch());
    }

    function test_C6_settle_LosesAsMuchAsIsAllowed() public {
        uint256 most = GROSS * 30 / 10_000;
        _begin();
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.LossTooLarge.selector, most + 1, most));
        _settle(GROSS - most - 1);
        _settle(GROSS - most);
    }

    function test_C7_settle_LosesAllThatIsLeftOfTheDay() public {
        Limits memory next = _limits();
        next.dailyLossBps = 20;
        guard = _guard(next);
        uint256 left = GROSS * 20 / 10_000;
        _begin();
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.DailyLossSpent.selector, left + 1, left));
        _settle(GROSS - left - 1);
        _settle(GROSS - left);
        assertEq(guard.stateOf(_worth(GROSS)).lossBudget, 0);
    }

    /// @dev What is told is what is left, and of what it is a share.
    function testFuzz_C39_settle_TellsWhatIsLeft(uint256 sold, uint256 loss, uint256 supply) public {
        sold = bound(sold, 1, GROSS / 4);
        loss = bound(loss, 0, GROSS * 30 / 10_000);
        supply = bound(supply, 1, type(uint128).max);
        Leg[] memory legs = _legs(_leg(V3, v3UsdcWeth, usdc, sold));
        guard.admit(keeper, _order(), 1, 0, false, 0);
        guard.weigh(legs, Worth(GROSS, 0, supply));
        vm.expectEmit(address(guard));
        emit Guard.Charged(GROSS / 100 - loss, GROSS - sold, GROSS - loss, GROSS - loss, supply);
        guard.settle(legs, Worth(GROSS - loss, 0, supply), Lent(false, 0, 0, 0, 0));
    }

    // helpers of these tests

    function _begin() private {
        guard.admit(keeper, _order(), 0, 0, false, 0);
        guard.weigh(new Leg[](0), _worth(GROSS));
    }

    function _settle(uint256 gross) private returns (Settled memory) {
        return _settle(new Leg[](0), gross);
    }

    function _settle(Leg[] memory legs, uint256 gross) private returns (Settled memory) {
        return guard.settle(legs, _worth(gross), Lent(false, 0, 0, 0, 0));
    }

    function _refusedLeg(Leg memory leg, bytes memory reason) private {
        vm.expectRevert(reason);
        guard.weigh(_legs(leg), _worth(GROSS));
    }

    function _refusedCall(bytes memory data) private {
        (bool ok, bytes memory reason) = address(guard).call(data);
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.VaultLocked.selector, vm.toString(bytes4(data)));
    }

    function _worth(uint256 gross) private pure returns (Worth memory) {
        return Worth(gross, 0, SUPPLY);
    }

    function _order() private view returns (Order memory) {
        return Order("intent", guard.epoch(), uint64(vm.getBlockTimestamp()), 0, 0);
    }

    function _guard(Limits memory limits) private returns (Guard made) {
        WorldToken[] memory tokens = new WorldToken[](2);
        (tokens[0], tokens[1]) = (usdc, weth);
        GuardSetup memory setup = _guardSetup(tokens);
        setup.limits = limits;
        made = new Guard(setup);
        made.bind();
    }
}
