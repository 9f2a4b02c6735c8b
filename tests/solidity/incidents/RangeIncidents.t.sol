// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Leg, Limits, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {RangeMove} from "../../../contracts/interfaces/IRangeVault.sol";
import {TickPrice} from "../../../contracts/range/TickPrice.sol";
import {SharesTooFew} from "../../../contracts/vaults/RangeVault.sol";
import {IV3Mint} from "../Markets.sol";
import {RangeWorld} from "../RangeWorld.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What failed elsewhere, tried on a range. Each test is seen to fail on the weakened contract that
/// scripts/mutation/weakenings.toml names for it.
contract RangeIncidentsTest is RangeWorld {
    function setUp() public {
        _openRange();
        _fillRange();
    }

    /// @dev I-3 KyberSwap: at a tick's own price the two sides of the boundary disagreed about what was there.
    function test_I03_onATicksOwnPriceTheAmountsAreThePools() public {
        (int24 lower, int24 upper,) = vault.range();
        int24[4] memory ticks = [lower, lower + 10, upper - 10, upper];
        for (uint256 i; i < 4; ++i) {
            for (uint160 j; j < 3; ++j) {
                uint256 snapshot = vm.snapshotState();
                _toRoot(address(pool), TickPrice.sqrtX96Up(ticks[i]) + j - 1);
                (, int24 found) = pool.slot0();
                // On the price itself the pool is on either side, depending on where it comes from.
                if (j != 1) assertEq(found, j == 0 ? ticks[i] - 1 : ticks[i], "I-3: where the tick begins");
                uint256[] memory paid = _join(bob, 1e17);
                vm.warp(vm.getBlockTimestamp() + 1 hours); // for what the push paid in fees
                uint256[] memory back = _leave(bob, 1e17);
                assertLe(back[0], paid[0], "I-3: base");
                assertLe(back[1], paid[1], "I-3: other");
                assertApproxEqAbs(back[0], paid[0], 3);
                assertApproxEqAbs(back[1], paid[1], 1e5); // a unit of liquidity
                vm.revertToState(snapshot);
            }
        }
    }

    /// @dev I-4 yETH: near an empty pool the arithmetic of shares went to pieces.
    function test_I04_noVaultBeginsWithAHandfulOfShares() public {
        _leave(alice, SEED);
        base.mint(bob, 1);
        uint256[] memory one = new uint256[](2);
        one[0] = 1;
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(SharesTooFew.selector, 1, 1e9));
        vault.deposit(1, bob, one);
    }

    /// @dev I-8 Makina: a pool's price of the moment was the position's value. A flash loan moves it by half; the value
    /// stays.
    function testFuzz_I08_valueDoesNotFollowThePool(uint256 share, bool up) public {
        uint256 nav = vault.nav();
        share = bound(share, 1, 50);
        if (up) _push(address(pool), usdc, _usd(usdc, 500_000 * share));
        else _push(address(pool), weth, _usd(weth, 500_000 * share));
        uint256[2] memory earned = vault.fees();
        uint256 now_ = vault.nav();
        assertGe(now_ * 10_001, nav * 10_000, "I-8: less, by the pool's price");
        assertLe(now_, nav * 10_001 / 10_000 + _worthOf(earned[0], earned[1]), "I-8: more, by the pool's price");
    }

    /// @dev I-9 Summer.fi: what a stranger put into an empty position was counted, at par.
    function test_I09_anothersLiquidityIsNotCounted() public {
        uint256 nav = vault.nav();
        (int24 lower, int24 upper, uint128 liquidity) = vault.range();
        IV3Mint(address(pool)).mint(address(vault), lower, upper, liquidity, "");
        link.mint(address(vault), 1e24);
        assertEq(vault.nav(), nav, "I-9: counted");
        (,, uint128 now_) = vault.range();
        assertEq(now_, liquidity);
    }

    /// @dev I-14 Arrakis: the pool was near the oracle before the swap, and away from it when the liquidity was added.
    function test_I14_noLiquidityWhereTheLegsPushedThePool() public {
        Limits memory tight = _limits();
        tight.maxDeviationBps = 20;
        vm.prank(curator);
        guard.setLimits(tight);
        Order memory order = _order();
        RangeMove memory move = _round(HALF);
        Leg[] memory legs = _legs(_leg(V3, address(pool), usdc, 120_000e6));
        vm.prank(keeper);
        (bool ok, bytes memory reason) = address(vault).call(abi.encodeCall(vault.rebalance, (order, legs, move)));
        assertFalse(ok, "I-14: added there");
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
    }

    /// @dev I-7, C-22: what was harvested could be shared by whoever came a moment before.
    function testFuzz_I15_aHarvestIsNotForTheOneWhoJustCame(uint256 shares, uint256 dollars) public {
        shares = bound(shares, 1e12, 100 * SEED);
        for (uint256 i; i < 3; ++i) {
            _trade(bound(dollars, 1_000, 3_000_000));
        }
        uint256[] memory paid = _join(bob, shares);
        _rebalance(_noLegs(), _round(HALF));
        uint256[] memory got = _leave(bob, shares);
        assertLe(_worthOf(got[0], got[1]), _worthOf(paid[0], paid[1]), "C-22: a harvest was sandwiched");
    }

    /// @dev I-1 Balancer: entries so small that what they bring is rounded. Those who are there lose no liquidity by them.
    function testFuzz_I01_entriesRoundForTheVault(uint256 shares) public {
        shares = bound(shares, 1, 1e15);
        uint256 supply = vault.totalSupply() + 1e3;
        (,, uint128 liquidity) = vault.range();
        for (uint256 i; i < 10; ++i) {
            _join(bob, shares);
            (,, uint128 now_) = vault.range();
            assertGe(
                uint256(now_) * supply, uint256(liquidity) * (vault.totalSupply() + 1e3), "I-1: liquidity for a share"
            );
        }
    }
}
