// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ExternalCallFailed} from "../../../contracts/guard/Swaps.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {GuardState, Leg, Limits, Order, Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {ILeverageVault, LeverageMove} from "../../../contracts/interfaces/ILeverageVault.sol";
import {GuardSetup} from "../../../contracts/interfaces/Setup.sol";
import {MoveInvalid, OwnCollateral} from "../../../contracts/vaults/LeverageVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {LeverageWorld} from "../LeverageWorld.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice A levered vault near its liquidation, on the published Aave V3: the keeper's urgent move and everyone's ripcord,
/// in a market of 30 basis points.
contract LeverageRescueTest is LeverageWorld {
    address private pool;

    function setUp() public {
        _open(0);
    }

    function _open(uint8 eMode) private {
        _openAave();
        pool = _poolV3(_deployV3Factory(), usdc, weth, 3_000, 50_000_000);
        _openVault(eMode);
        _fillLeverage();
    }

    /// @dev The pool at 5 bp is where the vault was filled; rescues here go through one at 30 bp.
    function _leverageGuard(WorldToken collateral) internal view override returns (GuardSetup memory setup) {
        setup = super._leverageGuard(collateral);
        setup.venues[1] = Venue(V3, pool);
    }

    // refusals

    function test_C11_refuses_ToLeverUrgently() public {
        _toHealth(1.1e18);
        LeverageMove memory move = _leverMove(1_000e6, true);
        move.urgent = true;
        _refused(move, _buyLegs(1_000e6), abi.encodeWithSelector(MoveInvalid.selector));
    }

    function test_C11_refuses_AnyoneButAKeeper() public {
        _toHealth(1.1e18);
        Order memory order = _order();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotKeeper.selector, alice));
        vault.rebalance(order, _sell(1e18), _urgentMove(1_000e6, 1e18));
    }

    function test_C11_refuses_WhileTheVaultIsHealthy() public {
        uint256 health = vault.healthFactor();
        bytes memory reason = abi.encodeWithSelector(IGuardErrors.NotUrgent.selector, health, URGENT);
        _refused(_urgentMove(1_000e6, 1e18), _sell(1e18), reason);
        _toHealth(URGENT + 1e12);
        health = vault.healthFactor();
        assertGe(health, URGENT);
        reason = abi.encodeWithSelector(IGuardErrors.NotUrgent.selector, health, URGENT);
        _refused(_urgentMove(1_000e6, 1e18), _sell(1e18), reason);
    }

    /// @dev A rescue meets pools that a normal action may not: up to a tenth away from the oracle, and no further.
    function test_C10_refuses_APoolBeyondTheHardMaximum() public {
        _toHealth(1.1e18);
        (, uint256 debt) = vault.position();
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt / 100);
        uint160 fair = _root();
        // WETH is dearer in the pool than at the oracle: good for the vault, but 12 % is no market.
        _toRoot(pool, _scaled(fair, 1.12e18));
        (bool ok, bytes memory reason) = _try(move, legs);
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
        assertEq(_word(reason, 2), guard.MAX_DEVIATION_BPS());
        _toRoot(pool, _scaled(fair, 1.05e18));
        move.urgent = false;
        (ok, reason) = _try(move, legs);
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
        assertEq(_word(reason, 2), vault.limits().maxDeviationBps);
        move.urgent = true;
        (ok,) = _try(move, legs);
        assertTrue(ok);
    }

    function test_C11_refuses_ToTakeCollateralOutAndRepayNothing() public {
        _toHealth(1.1e18);
        LeverageMove memory move = _deleverMove(0, 0, false);
        move.urgent = true;
        _refused(move, new Leg[](0), abi.encodeWithSelector(IGuardErrors.NothingRepaid.selector));
    }

    function test_C11_refuses_ALossAboveItsShareOfTheDebtRepaid() public {
        _toHealth(1.1e18);
        (, uint256 debt) = vault.position();
        _toRoot(pool, _scaled(_root(), 0.98e18));
        // 2 % under the oracle, and 30 bp: more than 150 bps of what is repaid.
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt / 10);
        (bool ok, bytes memory reason) = _try(move, legs);
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.RescueTooDear.selector);
        assertApproxEqRel(_word(reason, 1), _inWeth(debt / 10) * 150 / 10_000, 0.001e18);
    }

    /// @dev In the e-mode a liquidator takes 1 %: a rescue for more than half of that is refused.
    function test_C11_refuses_ALossAboveHalfOfTheLiquidationBonus() public {
        _open(E_MODE);
        (, uint256 most) = vault.urgentBudget();
        assertEq(most, 50);
        _fallTo(_answerAt(1.1e18) * 825 / 930);
        assertApproxEqRel(vault.healthFactor(), 1.1e18, 0.001e18);
        _toRoot(pool, _scaled(_root(), 0.995e18));
        (, uint256 debt) = vault.position();
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt / 10);
        (bool ok, bytes memory reason) = _try(move, legs);
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.RescueTooDear.selector);
        assertApproxEqRel(_word(reason, 1), _inWeth(debt / 10) * 50 / 10_000, 0.001e18);
        // The category is Aave's to change; outside of it the reserve's own 5 % would hold, and the lesser of both counts.
        configurator.setEModeCategory(E_MODE, 9_000, 9_300, 10_600, address(0), "both");
        (, most) = vault.urgentBudget();
        assertEq(most, 150);
        // A category that has gone, or whose getter has, stops no rescue.
        bytes memory getter = abi.encodeWithSignature("getEModeCategoryData(uint8)", E_MODE);
        vm.mockCall(address(aave), getter, abi.encode(32, 0, 0, 0, 0, 160, 0));
        (, most) = vault.urgentBudget();
        assertEq(most, 150);
        vm.mockCallRevert(address(aave), getter, "gone");
        (, most) = vault.urgentBudget();
        assertEq(most, 150);
    }

    function test_C11_refuses_ToEndAboveTheCeiling() public {
        _toHealth(1.1e18);
        (uint256 collateral, uint256 debt) = vault.position();
        // All but a twentieth of the debt.
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt * 95 / 100);
        assertLt(move.collateralAmount, collateral);
        (bool ok, bytes memory reason) = _try(move, legs);
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.HealthFactorTooHigh.selector);
    }

    // the urgent move

    /// @dev The promise: at a health factor of 1.05, in a market of 30 bp, right after another action and with every budget
    /// of the day spent, one action brings the vault back to its target.
    function test_C11_aRescueIsNeverBlocked() public {
        _spendTheDay();
        _toHealth(1.05e18);
        uint256 nav = vault.nav();
        GuardState memory before = vault.guardState();
        LeverageMove memory move = _toTarget(1.8e18);
        assertGt(move.collateralAmount * 10_000, nav * 16_800, "it sells more than 168 % of net asset value");
        _act(move, _sell(move.collateralAmount));
        assertApproxEqRel(vault.healthFactor(), 1.8e18, 0.01e18);
        assertEq(vault.guardState().epoch, before.epoch + 1);
        assertEq(vault.guardState().lastActionAt, before.lastActionAt);
        // It cost the pool, the flash loan and nothing else, and that is charged to the urgent budget alone.
        uint256 loss = nav - vault.nav();
        assertLt(loss * 10_000, move.collateralAmount * 150);
        (uint256 left,) = vault.urgentBudget();
        (, uint256 debt) = vault.position();
        assertGe(left, _inWeth(debt) * 150 / 10_000 - 1, "enough is left for the dearest rescue of the rest");
    }

    /// @dev From any health factor in danger to any target in the band, liquidation already possible or not.
    function testFuzz_C11_rescues_FromAnywhereToAnywhere(uint256 health, uint256 target) public {
        health = bound(health, 0.9e18, 1.149e18);
        target = bound(target, 1.2e18, 2.9e18);
        _toHealth(health);
        LeverageMove memory move = _toTarget(target);
        _act(move, _sell(move.collateralAmount));
        assertApproxEqRel(vault.healthFactor(), target, 0.05e18);
        assertGt(vault.healthFactor(), health);
        assertLe(vault.healthFactor(), CEILING);
        _requireClean();
    }

    /// @dev A stolen sentinel's key takes every pool off the list, to wait for the liquidation: rescues use them all the
    /// same, and nothing else does.
    function test_C8_aSentinelCannotTakeTheWayOutAway() public {
        _toHealth(1.04e18);
        Venue[] memory all = vault.venues();
        for (uint256 i; i < all.length; ++i) {
            vm.prank(sentinel);
            guard.removeVenue(all[i].pool);
        }
        assertEq(vault.venues().length, 0);
        (, uint256 debt) = vault.position();
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt / 5);
        move.urgent = false;
        _refused(move, legs, abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, pool));
        move.urgent = true;
        uint256 snapshot = vm.snapshotState();
        _act(move, legs);
        vm.revertToState(snapshot);
        snapshot = vm.snapshotState();
        vault.pullRipcord(legs, move, bob);
        vm.revertToState(snapshot);
        // A pool that never was on the list is none for a rescue either.
        legs[0].pool = _poolV3(_deployV3Factory(), usdc, weth, 500, 1_000_000);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, legs[0].pool));
        vault.pullRipcord(legs, move, bob);
    }

    /// @dev The market has come back before the oracle has: 5 % above it, what is sold gains more than G_tx, and goes.
    function test_C9_aRescueIsNotRefusedForItsGain() public {
        _toHealth(1.1e18);
        (, uint256 debt) = vault.position();
        _toRoot(pool, _scaled(_root(), 1.05e18));
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt / 2);
        legs[0].amountIn = move.collateralAmount = _inWeth(debt / 2) * 101 / 100;
        uint256 nav = vault.nav();
        _act(move, legs);
        assertGt(vault.nav() * 100, nav * 102);
    }

    /// @dev Without flash loans: what may be withdrawn above a health factor of one is sold, again and again in one block.
    function test_C11_rescues_WithoutAFlashLoanInSteps() public {
        configurator.setReserveFlashLoaning(address(usdc), false);
        _toHealth(1.05e18);
        uint256 steps;
        while (vault.healthFactor() < URGENT) {
            (uint256 collateral,) = vault.position();
            LeverageMove memory move = _deleverMove(0, collateral * 4 / 100, false);
            move.urgent = true;
            _act(move, _sell(move.collateralAmount));
            ++steps;
        }
        assertLe(steps, 16);
    }

    // the ripcord: refusals

    function test_C15_ripcord_RefusesAMoveThatIsNotUrgent() public {
        _toHealth(1.04e18);
        LeverageMove memory move = _deleverMove(1_000e6, 1e18, true);
        vm.expectRevert(abi.encodeWithSelector(MoveInvalid.selector));
        vault.pullRipcord(_sell(1e18), move, bob);
    }

    function test_C15_ripcord_RefusesAboveItsLevel() public {
        _toHealth(1.06e18);
        uint256 health = vault.healthFactor();
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotUrgent.selector, health, RIPCORD));
        vault.pullRipcord(_sell(1e18), _urgentMove(1_000e6, 1e18), bob);
    }

    function test_C15_ripcord_RefusesMoreThanAChunkAndCrumbs() public {
        _toHealth(1.0e18);
        (, uint256 debt) = vault.position();
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt * 26 / 100);
        vm.expectPartialRevert(IGuardErrors.ChunkInvalid.selector);
        vault.pullRipcord(legs, move, bob);
        (move, legs) = _rescue(debt / 200);
        vm.expectPartialRevert(IGuardErrors.ChunkInvalid.selector);
        vault.pullRipcord(legs, move, bob);
    }

    // the ripcord: what it does

    /// @dev Keeper burnt, vault paused, nobody of ours alive: a stranger brings the vault out of danger, chunk by chunk.
    function test_C15_ripcord_NeedsNoneOfUs() public {
        vm.startPrank(sentinel);
        guard.pause();
        guard.removeKeeper(keeper);
        vm.stopPrank();
        _toHealth(0.98e18);
        uint256 pulls;
        while (vault.healthFactor() < RIPCORD) {
            uint256 health = vault.healthFactor();
            uint64 epoch = guard.epoch();
            (, uint256 debt) = vault.position();
            (LeverageMove memory move, Leg[] memory legs) = _rescue(debt * 20 / 100);
            move.collateralAmount += _inWeth(debt * 20 / 100) / 100; // out of which it is paid
            uint256 had = weth.balanceOf(bob);
            uint256 idle = vault.holdings()[0];
            uint256 nav = vault.nav();
            vm.prank(alice);
            uint256 reward = vault.pullRipcord(legs, move, bob);
            assertEq(weth.balanceOf(bob) - had, reward);
            assertGt(reward, 0);
            assertGt(vault.healthFactor(), health);
            assertEq(guard.epoch(), epoch + 1);
            (, uint256 owed) = vault.position();
            uint256 repaid = _inWeth(debt - owed);
            assertLe(reward * 10_000, (repaid + 1) * 50);
            assertLe((nav - vault.nav()) * 10_000, (repaid + 2) * 150, "loss and reward together");
            assertGe(vault.holdings()[0], idle, "never out of what was idle");
            ++pulls;
        }
        assertLe(pulls, 2);
        _requireClean();
    }

    function test_C15_ripcord_PaysNothingWhenNothingWasFreed() public {
        _toHealth(1.0e18);
        _deposit(bob, 1e18);
        (, uint256 debt) = vault.position();
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt / 5);
        uint256 idle = vault.holdings()[0];
        assertEq(vault.pullRipcord(legs, move, bob), 0);
        assertEq(vault.holdings()[0], idle);
    }

    function test_C39_ripcord_Tells() public {
        _toHealth(1.0e18);
        (, uint256 debt) = vault.position();
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt / 5);
        uint64 epoch = guard.epoch();
        uint256 nav = vault.nav();
        vm.expectEmit(true, true, false, false, address(vault));
        emit ILeverageVault.RipcordPulled(address(this), epoch + 1, 0, 0, nav, 0);
        vault.pullRipcord(legs, move, bob);
    }

    /// @dev Whoever pulls it has moved the pool first, and moves it back after: what he takes from the vault at oracle
    /// prices, reward included, is at most 150 bps of the debt he repaid for it, or there is no pull.
    function testFuzz_C8_ripcord_ByWhoOwnsThePool(uint256 push, uint256 part, uint256 extra) public {
        _toHealth(1.0e18);
        (, uint256 debt) = vault.position();
        _toRoot(pool, _scaled(_root(), bound(push, 0.85e18, 1.15e18)));
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt * bound(part, 1, 27) / 100);
        move.collateralAmount += bound(extra, 0, 2e18);
        uint256 nav = vault.nav();
        (bool ok,) = address(vault).call(abi.encodeCall(vault.pullRipcord, (legs, move, address(this))));
        (, uint256 owed) = vault.position();
        if (!ok) assertEq(vault.nav(), nav);
        else assertLe(Math.saturatingSub(nav, vault.nav()) * 10_000, (_inWeth(debt - owed) + 2) * 150);
    }

    // gifts of collateral

    /// @dev 1 wei of another asset, supplied in the vault's name, and that asset's loan-to-value set to zero: Aave then lets
    /// nothing but that asset be withdrawn. Anyone can undo it.
    function test_C16_unpledge_FreesTheExitsFromAGift() public {
        usdc.mint(bob, 1e6);
        vm.startPrank(bob);
        usdc.approve(address(aave), 1e6);
        aave.supply(address(usdc), 1, address(vault), 0);
        vm.stopPrank();
        configurator.configureReserveAsCollateral(address(usdc), 0, 8_000, 10_500);
        usdc.mint(alice, 1_000_000e6);
        uint256 shares = vault.balanceOf(alice) / 2;
        bytes memory blocked = abi.encodeWithSelector(
            ExternalCallFailed.selector, address(aave), abi.encodeWithSignature("Error(string)", "57")
        );
        vm.prank(alice);
        vm.expectRevert(blocked);
        vault.redeemInKind(shares, alice, alice, _zeros());
        vm.prank(bob);
        vault.unpledge(address(usdc));
        vm.prank(alice);
        vault.redeemInKind(shares, alice, alice, _zeros());
    }

    function test_unpledge_RefusesTheVaultsOwn() public {
        vm.expectRevert(abi.encodeWithSelector(OwnCollateral.selector, address(weth)));
        vault.unpledge(address(weth));
    }

    function test_unpledge_ChangesNothingElse() public {
        uint256 health = vault.healthFactor();
        (uint256 collateral, uint256 debt) = vault.position();
        usdc.mint(bob, 1e6);
        vm.startPrank(bob);
        usdc.approve(address(aave), 1e6);
        aave.supply(address(usdc), 1e6, address(vault), 0);
        vault.unpledge(address(usdc));
        vm.stopPrank();
        assertEq(vault.healthFactor(), health);
        (uint256 after_, uint256 owed) = vault.position();
        assertEq(after_, collateral);
        assertEq(owed, debt);
    }

    // below a health factor of one

    /// @dev Aave lets nobody withdraw who stays below one: a part of the shares cannot leave in kind, all of them can, and
    /// after a pull of the ripcord a part can again.
    function test_C16_belowOne_AllOfItLeavesOrTheRipcordFirst() public {
        usdc.mint(alice, 1_000_000e6);
        _toHealth(0.99e18);
        uint256 shares = vault.balanceOf(alice);
        bytes memory blocked = abi.encodeWithSelector(
            ExternalCallFailed.selector, address(aave), abi.encodeWithSignature("Error(string)", "35")
        );
        vm.prank(alice);
        vm.expectRevert(blocked);
        vault.redeemInKind(shares / 2, alice, alice, _zeros());
        uint256 snapshot = vm.snapshotState();
        vm.prank(alice);
        vault.redeemInKind(shares, alice, alice, _zeros());
        (uint256 left, uint256 owed) = vault.position();
        assertLe(left, 1e9);
        assertEq(owed, 0);
        vm.revertToState(snapshot);
        (, uint256 debt) = vault.position();
        (LeverageMove memory move, Leg[] memory legs) = _rescue(debt / 5);
        vault.pullRipcord(legs, move, bob);
        vm.prank(alice);
        vault.redeemInKind(shares / 2, alice, alice, _zeros());
    }

    /// @dev Aave's own oracle is dead: only who leaves no debt behind is let out, since Aave then asks for no price.
    function test_C16_withAavesOracleDead_OnlyWithoutDebt() public {
        usdc.mint(alice, 1_000_000e6);
        vm.mockCallRevert(address(feeds[address(weth)]), abi.encodeWithSignature("latestAnswer()"), "dead");
        uint256 shares = vault.balanceOf(alice);
        vm.startPrank(alice);
        vm.expectRevert();
        vault.redeemInKind(shares / 2, alice, alice, _zeros());
        vault.redeemInKind(shares, alice, alice, _zeros());
        vm.stopPrank();
        (, uint256 debt) = vault.position();
        assertEq(debt, 0);
    }

    // helpers of these tests

    function _toHealth(uint256 health) private {
        _fallTo(_answerAt(health));
        assertApproxEqRel(vault.healthFactor(), health, 0.0001e18);
    }

    function _follow(address) internal override {
        super._follow(v3UsdcWeth);
        super._follow(pool);
    }

    /// @dev Normal actions until cooldown, turnover and daily loss refuse another.
    function _spendTheDay() private {
        for (uint256 i; i < 2; ++i) {
            _act(_deleverMove(30_000e6, 10.2e18, true), _sell(10.2e18));
            _pass(300);
            _act(_leverMove(30_000e6, true), _legs(_leg(V3, pool, usdc, 30_000e6)));
            _pass(300);
        }
        Limits memory tight = vault.limits();
        (tight.dailyLossBps, tight.maxTurnoverBps, tight.cooldown) = (0, 0, 1 days);
        vm.prank(curator);
        guard.setLimits(tight);
        (bool ok,) = _try(_deleverMove(1_000e6, 1e18, true), _sell(1e18));
        assertFalse(ok);
    }

    /// @dev Repays so much debt by flash loan; sells as much collateral as that and its premium need in this pool, by
    /// asking it. No surplus to speak of.
    function _rescue(uint256 amount) private returns (LeverageMove memory move, Leg[] memory legs) {
        uint256 due = amount + (amount * FLASH_PREMIUM_BPS + 5_000) / 10_000;
        uint256 snapshot = vm.snapshotState();
        uint256 sold = _sellFor(due);
        vm.revertToState(snapshot);
        return (_urgentMove(amount, sold), _sell(sold));
    }

    /// @dev WETH that buys exactly so much USDC, rounded up, from the pool's own code.
    function _sellFor(uint256 amount) private returns (uint256) {
        uint256 balance = weth.totalSupply();
        bool zeroForOne = address(weth) < address(usdc);
        (bool ok,) = pool.call(
            abi.encodeWithSignature(
                "swap(address,bool,int256,uint160,bytes)",
                address(this),
                zeroForOne,
                -int256(amount),
                zeroForOne ? 4295128740 : 1461446703485210103287273052203988822378723970341,
                ""
            )
        );
        require(ok, "the pool did not quote");
        return weth.totalSupply() - balance + 1e6;
    }

    /// @dev The debt x to repay so that t (C - x (1 + cost)) / (D - x) is the target, C and D in dollars.
    function _toTarget(uint256 target) private returns (LeverageMove memory move) {
        (uint256 collateral, uint256 debt) = vault.position();
        (, int256 answer,,,) = feeds[address(weth)].latestRoundData();
        uint256 value = collateral * uint256(answer) / 1e20; // six decimals
        uint256 cost = 1.0045e18; // 30 bp of fee, 9 of premium, the price moved
        uint256 amount = (target * debt - 0.825e18 * value) / (target - 0.825e18 * cost / 1e18);
        (move,) = _rescue(amount);
    }

    function _sell(uint256 amount) private view returns (Leg[] memory) {
        return _legs(_leg(V3, pool, weth, amount));
    }

    function _inWeth(uint256 dollars) private view returns (uint256) {
        return Math.mulDiv(dollars, _priceX(usdc), _priceX(weth));
    }

    function _root() private view returns (uint160 root) {
        (bool ok, bytes memory data) = pool.staticcall(abi.encodeWithSignature("slot0()"));
        require(ok);
        (root) = abi.decode(data, (uint160));
    }

    /// @dev The root price at which WETH is worth so many times as much in the pool, WAD.
    function _scaled(uint160 root, uint256 times) private view returns (uint160) {
        uint256 factor = Math.sqrt(times * 1e18);
        return uint160(address(weth) < address(usdc) ? uint256(root) * factor / 1e18 : uint256(root) * 1e18 / factor);
    }

    function _refused(LeverageMove memory move, Leg[] memory legs, bytes memory reason) private {
        Order memory order = _order();
        vm.prank(keeper);
        vm.expectRevert(reason);
        vault.rebalance(order, legs, move);
    }

    function _try(LeverageMove memory move, Leg[] memory legs) private returns (bool, bytes memory) {
        Order memory order = _order();
        vm.prank(keeper);
        return address(vault).call(abi.encodeCall(vault.rebalance, (order, legs, move)));
    }

    function _requireClean() private view {
        assertEq(weth.balanceOf(address(vault)), vault.holdings()[0]);
        assertEq(usdc.balanceOf(address(vault)), vault.holdings()[1]);
        assertEq(weth.allowance(address(vault), address(aave)), 0);
        assertEq(usdc.allowance(address(vault), address(aave)), 0);
    }

    function _word(bytes memory reason, uint256 i) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(reason, add(0x24, mul(i, 0x20))))
        }
    }
}
