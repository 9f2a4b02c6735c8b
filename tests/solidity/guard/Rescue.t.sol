// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard, Settled, Worth} from "../../../contracts/guard/Guard.sol";
import {Lent, Rescue} from "../../../contracts/guard/Rescue.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {HealthLimits, Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup} from "../../../contracts/interfaces/Setup.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Construction} from "../Construction.sol";
import {Markets} from "../Markets.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What the guard allows a rescue, in values alone: this test is the vault, and says what it is worth.
contract RescueTest is Markets, Construction {
    uint256 private constant DAY = 86_400;
    uint256 private constant GROSS = 300_000e6;
    uint256 private constant OWED = 200_000e6;
    uint256 private constant BONUS = 500;

    Guard private guard;
    /// @dev As the vault's own: nothing is under way.
    bool public locked;

    function setUp() public {
        _openMarkets();
        guard = _guard(_healthLimits());
    }

    // configuration

    function test_C11_limits_AreOrdered() public {
        HealthLimits[6] memory wrong;
        for (uint256 i; i < 6; ++i) {
            wrong[i] = _healthLimits();
        }
        (wrong[0].floor, wrong[0].urgent, wrong[0].ripcord) = (1.05e18 - 1, 1e18, 1e18);
        wrong[1].ceiling = wrong[1].floor;
        wrong[2].urgent = wrong[2].floor;
        wrong[3].ripcord = wrong[3].urgent + 1;
        wrong[4].chunkBps = 99;
        (wrong[5].floor, wrong[5].urgent, wrong[5].ripcord) = (1, 0, 0);
        for (uint256 i; i < 6; ++i) {
            GuardSetup memory setup = _setup(wrong[i]);
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.HealthLimitsInvalid.selector));
            this.construct(setup);
        }
    }

    function test_C11_limits_HaveHardMaxima() public {
        HealthLimits[3] memory wide;
        for (uint256 i; i < 3; ++i) {
            wide[i] = _healthLimits();
        }
        (wide[0].urgentLossBps, wide[1].chunkBps, wide[2].rewardBps) = (501, 5_001, 51);
        uint256[3] memory most = [uint256(500), 5_000, 50];
        for (uint256 i; i < 3; ++i) {
            GuardSetup memory setup = _setup(wide[i]);
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.LimitTooWide.selector, most[i] + 1, most[i]));
            this.construct(setup);
        }
    }

    function test_C11_limits_AtTheirEdgesAreTaken() public {
        HealthLimits memory edge = HealthLimits(1.05e18, 1.05e18 + 1, 1.05e18 - 1, 1.05e18 - 1, 500, 100, 50);
        assertEq(abi.encode(_guard(edge).healthLimits()), abi.encode(edge));
        edge.chunkBps = 5_000;
        assertEq(abi.encode(_guard(edge).healthLimits()), abi.encode(edge));
    }

    /// @dev The same limits again are no wider, and are told.
    function test_C39_limits_AreTold() public {
        HealthLimits memory next = guard.healthLimits();
        vm.expectEmit(address(guard));
        emit Rescue.HealthLimitsSet(next);
        vm.prank(curator);
        guard.setHealthLimits(next);
    }

    function test_C4_limits_TightenAtOnceAndWidenAfterADay() public {
        HealthLimits memory next = _healthLimits();
        (next.floor, next.ceiling, next.urgent, next.urgentLossBps) = (1.3e18, 2.9e18, 1.1e18, 100);
        uint64 epoch = guard.epoch();
        vm.prank(curator);
        guard.setHealthLimits(next);
        assertEq(guard.epoch(), epoch + 1);
        assertEq(abi.encode(guard.healthLimits()), abi.encode(next));
        HealthLimits[7] memory wider;
        for (uint256 i; i < 7; ++i) {
            wider[i] = guard.healthLimits();
        }
        --wider[0].floor;
        ++wider[1].ceiling;
        ++wider[2].urgent;
        ++wider[3].urgentLossBps;
        // The ripcord is everyone's: less of it waits as well as more.
        --wider[4].ripcord;
        --wider[5].chunkBps;
        --wider[6].rewardBps;
        for (uint256 i; i < 7; ++i) {
            vm.startPrank(curator);
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, guard.setHealthLimits.selector));
            guard.setHealthLimits(wider[i]);
            guard.submit(abi.encodeCall(guard.setHealthLimits, (wider[i])));
            vm.stopPrank();
        }
        vm.warp(block.timestamp + DAY);
        for (uint256 i; i < 7; ++i) {
            vm.prank(curator);
            guard.setHealthLimits(wider[i]);
        }
    }

    // admission

    function test_C11_admit_RefusesAHealthyVault() public {
        Order memory order = _order();
        uint64 level = _healthLimits().urgent;
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotUrgent.selector, level, level));
        guard.admit(keeper, order, 0, 0, true, level);
        guard.admit(keeper, order, 0, 0, true, level - 1);
    }

    function test_C11_admit_UrgentlyWaitsForNoCooldown() public {
        guard.admit(keeper, _order(), 0, 0, false, 0);
        guard.weigh(new Leg[](0), Worth(GROSS, OWED, 1));
        guard.settle(new Leg[](0), Worth(GROSS, OWED, 1), Lent(true, 0, 2e18, 0, 0));
        Order memory order = _order();
        vm.expectRevert(
            abi.encodeWithSelector(IGuardErrors.CoolingDown.selector, block.timestamp, block.timestamp + 300)
        );
        guard.admit(keeper, order, 0, 0, false, 0);
        guard.admit(keeper, order, 0, 0, true, 1.1e18);
    }

    function test_C15_ripcord_RefusesAVaultAboveItsLevel() public {
        uint64 level = _healthLimits().ripcord;
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotUrgent.selector, level, level));
        guard.admitRipcord(0, level);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.TooManyLegs.selector, 17, 16));
        guard.admitRipcord(17, level - 1);
        guard.admitRipcord(16, level - 1);
    }

    function test_C15_ripcord_IsPulledWhilePaused() public {
        vm.prank(sentinel);
        guard.pause();
        uint64 epoch = guard.epoch();
        guard.admitRipcord(0, 1e18);
        assertEq(guard.epoch(), epoch + 1);
    }

    // the result

    function test_C11_settle_RefusesARescueThatRepaysNothing() public {
        _urgent();
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NothingRepaid.selector));
        guard.settle(new Leg[](0), Worth(GROSS, OWED, 1), _lent(1.1e18, 1.2e18));
    }

    /// @dev At most 150 bps of the debt repaid, or half the bonus of the lending market.
    function testFuzz_C11_settle_BoundsTheLossByTheDebtRepaid(uint256 repaid, uint256 bonus) public {
        repaid = bound(repaid, 1, OWED - 1);
        bonus = bound(bonus, 0, 2_000);
        uint256 most = repaid * Math.min(150, bonus / 2) / 10_000;
        Lent memory lent = Lent(false, 1.1e18, 1.2e18, bonus, 0);
        _urgent();
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.RescueTooDear.selector, most + 1, most));
        guard.settle(new Leg[](0), Worth(GROSS - repaid - most - 1, OWED - repaid, 1), lent);
        Settled memory done = guard.settle(new Leg[](0), Worth(GROSS - repaid - most, OWED - repaid, 1), lent);
        assertEq(done.repaid, repaid);
        assertEq(done.reward, 0);
        assertEq(done.navBefore - done.navAfter, most);
        assertEq(guard.urgentBudgetOf(OWED), OWED * 150 / 10_000 - most);
    }

    function test_C11_settle_RefusesBelowTheLeastNav() public {
        Order memory order = _order();
        order.minNavAfter = GROSS - OWED;
        guard.admit(keeper, order, 0, 0, true, 1.1e18);
        guard.weigh(new Leg[](0), Worth(GROSS, OWED, 1));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NavBelowMinimum.selector, GROSS - OWED - 1, GROSS - OWED));
        guard.settle(new Leg[](0), Worth(GROSS - 1_000e6 - 1, OWED - 1_000e6, 1), _lent(1.1e18, 1.2e18));
    }

    /// @dev The market is above the oracle: no action gains more than G_tx, but a rescue is not refused for it.
    function test_C9_settle_BoundsTheGainButOfARescue() public {
        uint256 most = (GROSS - OWED) / 100;
        Worth memory after_ = Worth(GROSS - 100_000e6 + most + 1, OWED - 100_000e6, 1);
        guard.admit(keeper, _order(), 0, 0, false, 0);
        guard.weigh(new Leg[](0), Worth(GROSS, OWED, 1));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.GainTooLarge.selector, most + 1, most));
        guard.settle(new Leg[](0), after_, _lent(1.1e18, 1.2e18));
        _urgent();
        Settled memory done = guard.settle(new Leg[](0), after_, _lent(1.1e18, 1.2e18));
        assertEq(done.navAfter - done.navBefore, most + 1);
        assertEq(guard.urgentBudgetOf(OWED), OWED * 150 / 10_000);
    }

    function test_C11_settle_RaisesTheHealthFactorUpToTheCeiling() public {
        Worth memory after_ = Worth(GROSS - 1_000e6, OWED - 1_000e6, 1);
        _urgent();
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.HealthFactorNotRaised.selector, 1.1e18, 1.1e18));
        guard.settle(new Leg[](0), after_, _lent(1.1e18, 1.1e18));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.HealthFactorTooHigh.selector, 3e18 + 1, 3e18));
        guard.settle(new Leg[](0), after_, _lent(1.1e18, 3e18 + 1));
        // No debt at all is no rescue: that has time.
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.HealthFactorTooHigh.selector, type(uint256).max, 3e18));
        guard.settle(new Leg[](0), Worth(GROSS - OWED, 0, 1), _lent(1.1e18, type(uint256).max));
        guard.settle(new Leg[](0), after_, _lent(1.1e18, 3e18));
    }

    /// @dev More debt ends at the floor or above it. Without more debt a raised health factor is enough.
    function test_C11_settle_LeveringEndsAtTheFloor() public {
        uint256 floor = _healthLimits().floor;
        Worth memory more = Worth(GROSS + 1_000e6, OWED + 1_000e6, 1);
        _normal();
        _tooLow(more, Lent(true, 1.4e18, floor - 1, 0, 0));
        _tooLow(more, Lent(true, 1.1e18, 1.2e18, 0, 0));
        _tooLow(Worth(GROSS, OWED, 1), Lent(true, 1.2e18, 1.2e18, 0, 0));
        guard.settle(new Leg[](0), more, Lent(true, 1.4e18, floor, 0, 0));
        guard = _guard(_healthLimits());
        _normal();
        guard.settle(new Leg[](0), Worth(GROSS, OWED, 1), Lent(true, 1.2e18, 1.2e18 + 1, 0, 0));
    }

    function test_C11_settle_DeleveringRaisesUpToTheCeilingOrPaysAll() public {
        Worth memory less = Worth(GROSS - 1_000e6, OWED - 1_000e6, 1);
        _normal();
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.HealthFactorNotRaised.selector, 1.3e18, 1.3e18));
        guard.settle(new Leg[](0), less, _lent(1.3e18, 1.3e18));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.HealthFactorTooHigh.selector, 3e18 + 1, 3e18));
        guard.settle(new Leg[](0), less, _lent(1.3e18, 3e18 + 1));
        guard.settle(new Leg[](0), Worth(GROSS - OWED, 0, 1), _lent(1.3e18, type(uint256).max));
    }

    /// @dev A rescue may sell all there is, through a pool that was removed, and as far off as any curator may allow.
    function test_C11_weigh_ARescueUsesRemovedPoolsAndNoTurnover() public {
        vm.prank(sentinel);
        guard.removeVenue(v3UsdcWeth);
        _push(v3UsdcWeth, weth, 600e18);
        Leg[] memory legs = _legs(_leg(V3, v3UsdcWeth, weth, 1_000e18));
        guard.admit(keeper, _order(), 1, 0, true, 1.1e18);
        guard.weigh(legs, Worth(GROSS, OWED, 1));
        guard.settle(legs, Worth(GROSS - 1_000e6, OWED - 1_000e6, 1), _lent(1.1e18, 1.2e18));
        guard.admit(keeper, _order(), 1, 0, false, 0);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, v3UsdcWeth));
        guard.weigh(legs, Worth(GROSS, OWED, 1));
    }

    /// @dev Whoever spends all of the budget has repaid all of the debt: so long as none is added, what is left of it is
    /// enough for the dearest rescue of what is left of the debt.
    function testFuzz_C11_budget_NeverBlocksARescueWhileNoDebtIsAdded(uint256[6] memory repaid) public {
        (uint256 gross, uint256 owed) = (GROSS, OWED);
        for (uint256 i; i < 6; ++i) {
            uint256 part = bound(repaid[i], 1, owed / 2);
            uint256 loss = part * 150 / 10_000;
            guard.admit(keeper, _order(), 0, 0, true, 1.1e18);
            guard.weigh(new Leg[](0), Worth(gross, owed, 1));
            (gross, owed) = (gross - part - loss, owed - part);
            guard.settle(new Leg[](0), Worth(gross, owed, 1), _lent(1.1e18, 1.2e18));
            assertGe(guard.urgentBudgetOf(owed), owed * 150 / 10_000);
        }
    }

    /// @dev Debt that was added since is not in what is left: B_urgent is spent once a day, whatever a stolen key does.
    function test_C11_budget_IsSpentOnceADay() public {
        _urgent();
        guard.settle(new Leg[](0), Worth(100_500e6, 1_000e6, 1), Lent(false, 1.1e18, 2e18, 300, 0)); // 199,000 repaid
        uint256 left = guard.urgentBudgetOf(OWED);
        assertEq(left, OWED * 150 / 10_000 - 500e6);
        vm.warp(block.timestamp + DAY / 4);
        assertEq(guard.urgentBudgetOf(OWED), Math.min(left + OWED * 150 / 40_000, OWED * 150 / 10_000));
    }

    function test_C11_settle_RefusesMoreThanIsLeft() public {
        uint256 loss = 199_000e6 * uint256(150) / 10_000;
        _urgent();
        guard.settle(new Leg[](0), Worth(GROSS - 199_000e6 - loss, 1_000e6, 1), _lent(1.1e18, 2e18));
        // Levered up again meanwhile.
        guard.admit(keeper, _order(), 0, 0, true, 1.1e18);
        guard.weigh(new Leg[](0), Worth(GROSS, OWED, 1));
        uint256 left = OWED * 150 / 10_000 - loss;
        assertEq(left, 15e6);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.UrgentLossSpent.selector, left + 1, left));
        guard.settle(new Leg[](0), Worth(GROSS - 100_000e6 - left - 1, OWED - 100_000e6, 1), _lent(1.1e18, 2e18));
        guard.settle(new Leg[](0), Worth(GROSS - 100_000e6 - left, OWED - 100_000e6, 1), _lent(1.1e18, 2e18));
        assertEq(guard.urgentBudgetOf(OWED), 0);
    }

    function test_C11_settle_LeavesTheOtherBudgetsAlone() public {
        Worth memory before = Worth(GROSS, OWED, 1);
        uint256 loss = guard.stateOf(before).lossBudget;
        uint256 turnover = guard.stateOf(before).turnoverBudget;
        _urgent();
        vm.expectEmit(address(guard));
        emit Guard.UrgentCharged(OWED * 150 / 10_000 - 1_500e6);
        guard.settle(new Leg[](0), Worth(GROSS - 101_500e6, OWED - 100_000e6, 1), _lent(1.1e18, 1.2e18));
        assertEq(guard.stateOf(before).lossBudget, loss);
        assertEq(guard.stateOf(before).turnoverBudget, turnover);
        assertEq(guard.lastActionAt(), 0);
    }

    // the ripcord's

    function test_C15_settle_RepaysAChunkAtMostAndNoCrumbs() public {
        (uint256 most, uint256 least) = (OWED / 4, OWED / 100);
        _ripcord();
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.ChunkInvalid.selector, most + 1, least, most));
        guard.settle(new Leg[](0), Worth(GROSS - most - 1, OWED - most - 1, 1), _lent(1e18, 1.04e18));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.ChunkInvalid.selector, least - 1, least, most));
        guard.settle(new Leg[](0), Worth(GROSS - least + 1, OWED - least + 1, 1), _lent(1e18, 1.04e18));
        // Less will do when it ends the emergency.
        guard.settle(new Leg[](0), Worth(GROSS - least + 1, OWED - least + 1, 1), _lent(1e18, 1.05e18));
        _ripcord();
        guard.settle(new Leg[](0), Worth(GROSS - most, OWED - most, 1), _lent(1e18, 1.04e18));
    }

    /// @dev The least is rounded up and the most down, of a debt that neither divides.
    function test_C15_settle_RoundsTheChunkForTheDebt() public {
        (uint256 most, uint256 least) = (OWED / 4, OWED / 100 + 1);
        guard.admitRipcord(0, 1e18);
        guard.weigh(new Leg[](0), Worth(GROSS, OWED + 2, 1));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.ChunkInvalid.selector, most + 1, least, most));
        guard.settle(new Leg[](0), Worth(GROSS - most - 1, OWED + 2 - most - 1, 1), _lent(1e18, 1.04e18));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.ChunkInvalid.selector, most + 1, 0, most));
        guard.settle(new Leg[](0), Worth(GROSS - most - 1, OWED + 2 - most - 1, 1), _lent(1e18, 1.05e18));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.ChunkInvalid.selector, least - 1, least, most));
        guard.settle(new Leg[](0), Worth(GROSS - least + 1, OWED + 2 - least + 1, 1), _lent(1e18, 1.04e18));
        guard.settle(new Leg[](0), Worth(GROSS - least, OWED + 2 - least, 1), _lent(1e18, 1.04e18));
    }

    /// @dev The least of 50 bps of the debt repaid, what was taken out for it, and what the loss left of 150 bps.
    function testFuzz_C15_settle_RewardFitsIntoTheLossAllowed(uint256 repaid, uint256 loss, uint256 freed) public {
        repaid = bound(repaid, OWED / 100, OWED / 4);
        uint256 most = repaid * 150 / 10_000;
        loss = bound(loss, 0, most);
        freed = bound(freed, 0, most);
        _ripcord();
        Settled memory done = guard.settle(
            new Leg[](0), Worth(GROSS - repaid - loss, OWED - repaid, 1), Lent(false, 1e18, 1.04e18, BONUS, freed)
        );
        assertEq(done.reward, Math.min(Math.min(repaid * 50 / 10_000, freed), most - loss));
        assertEq(guard.urgentBudgetOf(OWED), OWED * 150 / 10_000 - loss - done.reward);
    }

    function test_C8_settle_PaysNoRewardToAKeeper() public {
        _urgent();
        Lent memory lent = Lent(false, 1.1e18, 1.2e18, BONUS, 1_000e6);
        assertEq(guard.settle(new Leg[](0), Worth(GROSS - 100_000e6, OWED - 100_000e6, 1), lent).reward, 0);
    }

    // helpers of these tests

    function _normal() private {
        guard.admit(keeper, _order(), 0, 0, false, 0);
        guard.weigh(new Leg[](0), Worth(GROSS, OWED, 1));
    }

    function _tooLow(Worth memory after_, Lent memory lent) private {
        vm.expectRevert(
            abi.encodeWithSelector(IGuardErrors.HealthFactorTooLow.selector, lent.healthAfter, _healthLimits().floor)
        );
        guard.settle(new Leg[](0), after_, lent);
    }

    function _urgent() private {
        guard.admit(keeper, _order(), 0, 0, true, 1.1e18);
        guard.weigh(new Leg[](0), Worth(GROSS, OWED, 1));
    }

    function _ripcord() private {
        guard.admitRipcord(0, 1e18);
        guard.weigh(new Leg[](0), Worth(GROSS, OWED, 1));
    }

    function _lent(uint256 before, uint256 after_) private pure returns (Lent memory) {
        return Lent(false, before, after_, BONUS, 0);
    }

    function _order() private view returns (Order memory) {
        return Order("intent", guard.epoch(), uint64(block.timestamp), 0, 0);
    }

    function _healthLimits() private pure returns (HealthLimits memory) {
        return HealthLimits(1.25e18, 3e18, 1.15e18, 1.05e18, 150, 2_500, 50);
    }

    function _setup(HealthLimits memory health) private view returns (GuardSetup memory setup) {
        WorldToken[] memory tokens = new WorldToken[](2);
        (tokens[0], tokens[1]) = (usdc, weth);
        setup = _guardSetup(tokens);
        setup.health = health;
    }

    function _guard(HealthLimits memory health) private returns (Guard made) {
        made = new Guard(_setup(health));
        made.bind();
    }
}
