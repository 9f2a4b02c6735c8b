// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Leg} from "../../../contracts/interfaces/IKeeperVault.sol";
import {RangeMove} from "../../../contracts/interfaces/IRangeVault.sol";
import {AmountCountMismatch, AmountTooLarge, AmountTooSmall, SharesZero} from "../../../contracts/vaults/InKind.sol";
import {SeedEmpty, SharesTooFew} from "../../../contracts/vaults/RangeVault.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {RangeWorld} from "../RangeWorld.sol";

/// @notice A range's shares: who gets what for them, and who cannot get more.
contract RangeSharesTest is RangeWorld {
    function setUp() public {
        _openRange();
        _fillRange();
    }

    // deposit: refusals

    function test_deposit_refuses_WhilePaused() public {
        _pause();
        vm.prank(bob);
        vm.expectRevert(IGuardErrors.VaultPaused.selector);
        vault.deposit(1, bob, _most());
    }

    function test_deposit_refuses_AnotherCount() public {
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(AmountCountMismatch.selector, 1, 2));
        vault.deposit(1, bob, new uint256[](1));
    }

    function test_deposit_refuses_NoShares() public {
        vm.prank(bob);
        vm.expectRevert(SharesZero.selector);
        vault.deposit(0, bob, _most());
    }

    function test_deposit_refuses_AnEmptySeed() public {
        _newRange(usdc, weth);
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(SharesTooFew.selector, 1e9 - 1, 1e9));
        vault.deposit(1e9 - 1, bob, _pair(1, 1));
        vm.expectRevert(SeedEmpty.selector);
        vault.deposit(1e9, bob, _pair(0, 0));
        vm.stopPrank();
    }

    function test_deposit_refuses_MoreThanTheMost() public {
        uint256 snapshot = vm.snapshotState();
        uint256[] memory paid = _join(bob, SEED / 7);
        vm.revertToState(snapshot);
        usdc.mint(bob, paid[0]);
        weth.mint(bob, paid[1]);
        for (uint256 i; i < 2; ++i) {
            uint256[] memory most = _pair(paid[0], paid[1]);
            --most[i];
            address token = i == 0 ? address(usdc) : address(weth);
            vm.prank(bob);
            vm.expectRevert(abi.encodeWithSelector(AmountTooLarge.selector, token, paid[i], paid[i] - 1));
            vault.deposit(SEED / 7, bob, most);
        }
        vm.prank(bob);
        vault.deposit(SEED / 7, bob, paid);
    }

    // exit: refusals

    function test_redeem_refuses_NoSharesAndAnotherCount() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(AmountCountMismatch.selector, 3, 2));
        vault.redeemInKind(1, alice, alice, new uint256[](3));
        vm.expectRevert(SharesZero.selector);
        vault.redeemInKind(0, alice, alice, new uint256[](2));
        vm.stopPrank();
    }

    function test_redeem_refuses_SomebodyElsesShares() public {
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, bob, 0, 5));
        vault.redeemInKind(5, bob, alice, new uint256[](2));
        vm.prank(alice);
        vault.approve(bob, 5);
        vm.prank(bob);
        vault.redeemInKind(5, bob, alice, new uint256[](2));
        assertEq(vault.allowance(alice, bob), 0);
    }

    function test_redeem_refuses_LessThanTheLeast() public {
        uint256 snapshot = vm.snapshotState();
        uint256[] memory paid = _leave(alice, SEED / 3);
        vm.revertToState(snapshot);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(AmountTooSmall.selector, address(weth), paid[1], paid[1] + 1));
        vault.redeemInKind(SEED / 3, alice, alice, _pair(paid[0], paid[1] + 1));
        vault.redeemInKind(SEED / 3, alice, alice, paid);
        vm.stopPrank();
    }

    // F-51: what cannot be moved is forgone

    /// @dev One token cannot be moved, not even out of the pool. Who leaves takes the other, all that is due of it; what
    /// is forgone stays in the pool, the vault's own, and whoever is left has it once it moves again.
    function testFuzz_C16_redeemInKind_ForgoesWhatCannotBeMoved(uint256 part, uint256 i, uint256 trades) public {
        i = bound(i, 0, 1);
        part = bound(part, SEED / 1_000, SEED * 9 / 10);
        for (uint256 j; j < bound(trades, 0, 2); ++j) {
            _trade(500_000);
        }
        vm.prank(alice);
        vault.transfer(bob, SEED - part);
        uint256 snapshot = vm.snapshotState();
        uint256[] memory due = _leave(alice, part);
        _pass(3_600);
        uint256[] memory rest = _leave(bob, SEED - part);
        vm.revertToState(snapshot);

        WorldToken stuck = i == 0 ? usdc : weth;
        vm.mockCallRevert(address(stuck), abi.encodeWithSelector(stuck.transfer.selector), "paused");
        vm.startPrank(alice);
        vm.expectRevert();
        vault.redeemInKind(part, alice, alice, new uint256[](2));
        uint256[] memory least = _pair(due[0], due[1]);
        least[i] = vault.FORGO();
        uint256 nav = vault.nav();
        uint256[] memory paid = vault.redeemInKind(part, alice, alice, least);
        vm.stopPrank();
        assertEq(paid[i], 0);
        assertEq(paid[1 - i], due[1 - i]);
        assertApproxEqAbs(
            vault.nav(), nav - (i == 1 ? due[0] : _worthOf(0, due[1])), 3, "what is forgone is still there"
        );
        // A second one in the same case, so that two leave something behind.
        least[1 - i] = 0;
        vm.startPrank(bob);
        vault.redeemInKind(SEED / 20, bob, bob, least);
        vm.stopPrank();

        vm.clearMockedCalls();
        _pass(3_600);
        uint256[] memory back = _leave(bob, SEED - part - SEED / 20);
        assertApproxEqRel(back[i], due[i] + rest[i], 0.0001e18);
        assertEq(usdc.balanceOf(address(vault)), vault.holdings()[0]);
        assertEq(weth.balanceOf(address(vault)), vault.holdings()[1]);
    }

    /// @dev Nobody is left, and the position is gone: what was forgone comes out with the next deposit all the same.
    function test_C16_redeemInKind_WhatTheLastOneForgoesIsNotLost() public {
        vm.mockCallRevert(address(weth), abi.encodeWithSelector(weth.transfer.selector), "paused");
        uint256[] memory least = new uint256[](2);
        least[1] = vault.FORGO();
        vm.prank(alice);
        vault.redeemInKind(SEED, alice, alice, least);
        uint256 left = vault.holdings()[1];
        assertGt(left, 49e18);
        assertLt(weth.balanceOf(address(vault)), 1e6);
        vm.clearMockedCalls();
        _seed(bob, 1_000);
        assertEq(weth.balanceOf(address(vault)), vault.holdings()[1]);
        assertGt(vault.holdings()[1], left);
    }

    // what they do

    function test_seed_TakesWhatWasStatedAndInvestsNothing() public {
        _newRange(usdc, weth);
        _seed(bob, 1_000);
        assertEq(vault.balanceOf(bob), SEED);
        assertEq(vault.holdings()[0], 1_000e6);
        (,, uint128 liquidity) = vault.range();
        assertEq(liquidity, 0);
    }

    /// @dev Half the shares again cost, and add, half of everything again.
    function test_deposit_GrowsEverythingInProportion() public {
        for (uint256 i; i < 3; ++i) {
            _trade(1_000_000);
        }
        (,, uint128 before) = vault.range();
        uint256 navBefore = vault.nav();
        _join(bob, SEED / 2);
        (,, uint128 liquidity) = vault.range();
        assertApproxEqRel(liquidity, uint256(before) * 3 / 2, 1e6);
        assertApproxEqRel(vault.nav(), navBefore * 3 / 2, 1e10);
    }

    /// @dev C-36: the smallest share costs a whole unit of everything that there is any of, liquidity too.
    function test_C36_deposit_RoundsEverythingUp() public {
        _rebalance(_noLegs(), _round(HALF));
        uint256[] memory held = vault.holdings();
        assertGt(held[0] + held[1], 0, "something must be idle");
        (,, uint128 before) = vault.range();
        uint256 supply = vault.totalSupply() + 1_000;
        assertGt(uint256(before) % supply, 0, "the division must leave a rest");
        _join(bob, 1);
        (,, uint128 liquidity) = vault.range();
        assertEq(liquidity - before, uint256(before) / supply + 1);
        uint256[] memory now_ = vault.holdings();
        for (uint256 i; i < 2; ++i) {
            assertEq(now_[i] - held[i], held[i] == 0 ? 0 : held[i] / supply + 1);
        }
    }

    /// @dev C-36: an exit is rounded down in each of its parts: liquidity, idle tokens and fees.
    function test_C36_redeem_RoundsEverythingDown() public {
        uint256[] memory held = vault.holdings();
        (,, uint128 before) = vault.range();
        uint256 supply = vault.totalSupply() + 1_000;
        uint256 shares = supply / 3;
        _leave(alice, shares);
        (,, uint128 liquidity) = vault.range();
        assertEq(before - liquidity, uint256(before) * shares / supply);
        uint256[] memory now_ = vault.holdings();
        for (uint256 i; i < 2; ++i) {
            assertEq(held[i] - now_[i], held[i] * shares / supply);
        }
    }

    /// @dev C-24: in and out at once never pays, in either token; what it costs is wei while no fee was there to lock.
    function testFuzz_C24_inAndOut_NeverProfits(uint256 shares, uint256 dollars, uint256 wait) public {
        shares = bound(shares, 1, 1e24);
        _trade(bound(dollars, 1, 5_000_000));
        if (wait % 2 == 1) {
            (int24 lower, int24 upper,) = vault.range();
            _rebalance(_noLegs(), RangeMove(lower, upper, 0));
            _pass(bound(wait, 0, 7_200));
        }
        uint256[] memory paid = _join(bob, shares);
        uint256[] memory got = _leave(bob, shares);
        assertLe(got[0], paid[0]);
        assertLe(got[1], paid[1]);
    }

    /// @dev Out and in again for the same shares never pays either.
    function testFuzz_C24_outAndIn_NeverProfits(uint256 shares, uint256 dollars) public {
        shares = bound(shares, 1, SEED);
        _trade(bound(dollars, 1, 5_000_000));
        if (shares == SEED) return; // the last one out seeds anew
        uint256[] memory got = _leave(alice, shares);
        uint256[] memory paid = _join(alice, shares);
        assertLe(got[0], paid[0]);
        assertLe(got[1], paid[1]);
    }

    /// @dev Nobody's comings and goings cost those who stay: value a share never falls.
    function testFuzz_theStayersNeverPay(uint256 in_, uint256 out, uint256 dollars) public {
        _join(bob, bound(in_, 1e9, 1e20));
        _trade(bound(dollars, 1, 5_000_000));
        (uint256 nav, uint256 supply) = (vault.nav(), vault.totalSupply() + 1_000);
        _join(bob, bound(in_, 1, 1e20));
        assertGe((vault.nav() + 2) * supply, nav * (vault.totalSupply() + 1_000), "a deposit");
        (nav, supply) = (vault.nav(), vault.totalSupply() + 1_000);
        _leave(bob, bound(out, 1, vault.balanceOf(bob)));
        assertGe((vault.nav() + 2) * supply, nav * (vault.totalSupply() + 1_000), "an exit");
    }

    /// @dev C-22: in before a harvest and out after it, whatever the fees: the attacker is not richer, in any token.
    function testFuzz_C22_aHarvestCannotBeSandwiched(uint256 shares, uint256 dollars, uint256 wait) public {
        shares = bound(shares, 1e6, 100 * SEED);
        wait = bound(wait, 0, 1_800);
        for (uint256 i; i < 3; ++i) {
            _trade(bound(dollars, 100_000, 5_000_000));
        }
        uint256[] memory paid = _join(bob, shares);
        (int24 lower, int24 upper,) = vault.range();
        _rebalance(_noLegs(), RangeMove(lower, upper, 0));
        _pass(wait);
        uint256[] memory got = _leave(bob, shares);
        assertLe(got[0], paid[0] + 1, "base");
        assertLe(got[1], paid[1] + 1, "other");
    }

    /// @dev With the pool pushed away by a flash of any size, in or out, and brought back: never a profit.
    function testFuzz_pushingThePoolRoundAnEntryNeverPays(uint256 shares, uint256 push, bool up, bool exit) public {
        shares = bound(shares, 1e12, 10 * SEED);
        (uint160 home,) = pool.slot0();
        uint256 value = exit ? _inValue(_join(bob, shares)) : 0;
        uint160 away = uint160(
            up
                ? uint256(home) * (1_000 + bound(push, 1, 300)) / 1_000
                : uint256(home) * (1_000 - bound(push, 1, 300)) / 1_000
        );
        int256 spent = _toRootFor(away);
        if (exit) _leave(bob, shares);
        else value = _inValue(_join(bob, shares));
        spent += _toRootFor(home);
        if (!exit) _leave(bob, shares);
        assertLe(int256(_bobHas()), int256(value) + spent + 2, "richer");
    }

    /// @dev Collected fees reach the leaver only as they unlock, linearly over the hour.
    function test_C22_collectedFeesUnlockOverAnHour() public {
        for (uint256 i; i < 5; ++i) {
            _trade(3_000_000);
        }
        (int24 lower, int24 upper,) = vault.range();
        _rebalance(_noLegs(), RangeMove(lower, upper, 0));
        uint256[2] memory all = vault.lockedFees();
        assertGt(all[0], 1e6);
        _pass(900);
        assertApproxEqAbs(vault.lockedFees()[0], all[0] * 3 / 4, 1);
        uint256 snapshot = vm.snapshotState();
        uint256[] memory early = _leave(alice, SEED);
        vm.revertToState(snapshot);
        _pass(2_700);
        assertEq(vault.lockedFees()[0] + vault.lockedFees()[1], 0);
        uint256[] memory late = _leave(alice, SEED);
        assertApproxEqAbs(late[0] - early[0], all[0] * 3 / 4, 2);
    }

    /// @dev C-25: an attacker who seeds with dust and donates cannot take what the next one brings.
    function testFuzz_C25_inflationDoesNotPay(uint256 donation, uint256 dollars) public {
        _newRange(usdc, weth);
        usdc.mint(bob, 1);
        weth.mint(bob, 1);
        vm.prank(bob);
        vault.deposit(1e9, bob, _pair(1, 1));
        usdc.mint(address(vault), bound(donation, 1, 1e15)); // counts for nothing
        dollars = bound(dollars, 1, 1e6);
        uint256[] memory paid = _join(alice, dollars * 1e15);
        uint256[] memory got = _leave(alice, dollars * 1e15);
        assertApproxEqAbs(paid[0], got[0], 1 + paid[0] / 1e6);
        assertApproxEqAbs(paid[1], got[1], 1 + paid[1] / 1e6);
        assertLe(_leave(bob, 1e9)[0], 2);
    }

    // C-16

    /// @dev Nobody is needed: paused, the feeds dead, the keeper gone, the pool struck from the list and pushed away.
    function test_C16_exit_NeedsNobody() public {
        for (uint256 i; i < 3; ++i) {
            _trade(1_000_000);
        }
        _pause();
        vm.startPrank(sentinel);
        guard.removeKeeper(keeper);
        guard.removeVenue(address(pool));
        vm.stopPrank();
        feeds[address(usdc)].setDown(true);
        feeds[address(weth)].pushRound(0);
        vm.warp(vm.getBlockTimestamp() + 365 days);
        _push(address(pool), weth, 3_000e18);
        uint256[] memory got = _leave(alice, SEED);
        assertGt(got[0] / 1e6 + got[1] * 3_000 / 1e18, 590_000);
        (,, uint128 liquidity) = vault.range();
        assertLt(liquidity, 1e9);
        uint256[] memory held = vault.holdings();
        assertEq(usdc.balanceOf(address(vault)), held[0]);
        assertEq(weth.balanceOf(address(vault)), held[1]);
    }

    /// @dev After the last one has gone, another can begin.
    function test_seedsAgainAfterTheLastExit() public {
        _leave(alice, SEED);
        _seed(bob, 10_000);
        _pass(301);
        _rebalance(new Leg[](0), _round(HALF));
        uint256[] memory got = _leave(bob, SEED);
        assertApproxEqRel(_worthOf(got[0], got[1]), 20_000e6, 1e14);
    }

    // helpers

    function _pause() private {
        vm.prank(sentinel);
        guard.pause();
    }

    function _pair(uint256 a, uint256 b) private pure returns (uint256[] memory pair) {
        pair = new uint256[](2);
        (pair[0], pair[1]) = (a, b);
    }

    function _inValue(uint256[] memory amounts) private view returns (uint256) {
        return _worthOf(amounts[0], amounts[1]);
    }

    function _bobHas() private view returns (uint256) {
        return _worthOf(usdc.balanceOf(bob), weth.balanceOf(bob));
    }

    /// @dev Brings the pool there, and returns what it cost at oracle prices, raw units of the base asset.
    function _toRootFor(uint160 root) private returns (int256 cost) {
        uint256[2] memory before = [usdc.balanceOf(address(pool)), weth.balanceOf(address(pool))];
        _toRoot(address(pool), root);
        cost = int256(usdc.balanceOf(address(pool))) - int256(before[0]);
        cost += (int256(weth.balanceOf(address(pool))) - int256(before[1])) * int256(_priceX(weth))
            / int256(_priceX(usdc));
    }
}
