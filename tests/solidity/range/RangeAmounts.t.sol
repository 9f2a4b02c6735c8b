// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRangePool} from "../../../contracts/interfaces/IRangeVault.sol";
import {Band, RangeAmounts} from "../../../contracts/range/RangeAmounts.sol";
import {TickOutOfRange, TickPrice} from "../../../contracts/range/TickPrice.sol";
import {IV3Mint, Markets} from "../Markets.sol";

/// @notice Our arithmetic of ticks and ranges against the deployed pool: no wei apart.
contract RangeAmountsTest is Markets {
    IRangePool internal pool;

    function setUp() public {
        _openMarkets();
        pool = IRangePool(v3UsdcWeth);
    }

    function rootAt(int24 tick) external pure returns (uint160) {
        return TickPrice.sqrtX96Up(tick);
    }

    function test_C35_refuses_TicksOutOfRange() public {
        vm.expectRevert(abi.encodeWithSelector(TickOutOfRange.selector, int24(887_273)));
        this.rootAt(887_273);
        vm.expectRevert(abi.encodeWithSelector(TickOutOfRange.selector, int24(-887_273)));
        this.rootAt(-887_273);
    }

    function test_C35_theEndsAreThePools() public view {
        assertEq(this.rootAt(-887_272), 4295128739);
        assertEq(this.rootAt(887_272), 1461446703485210103287273052203988822378723970342);
        assertEq(this.rootAt(0), 2 ** 96);
    }

    /// @dev A pool opened at the root price of a tick is at that tick; one less, and it is at the tick below.
    function testFuzz_C35_aTickBeginsExactlyAtItsRoot(int24 tick) public {
        tick = int24(bound(tick, -887_271, 887_271));
        assertEq(_tickOpenedAt(TickPrice.sqrtX96Up(tick)), tick);
        assertEq(_tickOpenedAt(TickPrice.sqrtX96Up(tick) - 1), tick - 1);
    }

    /// @dev The pool's first storage word is its price; without it the pool can be opened again.
    function _tickOpenedAt(uint160 root) private returns (int24 tick) {
        vm.store(address(pool), 0, 0);
        IV3Mint(address(pool)).initialize(root);
        (, tick) = pool.slot0();
    }

    /// @dev Any range, any price, any liquidity: what the pool takes and gives back is what we say, to the wei.
    function testFuzz_C35_amountsAreThePoolsToTheWei(int24 at, int24 lower, int24 upper, uint128 liquidity) public {
        (lower, upper) = _ticks(lower, upper);
        liquidity = uint128(bound(liquidity, 1, 1e24));
        uint160 root = _priceNear(at, lower, upper);
        Band memory band = RangeAmounts.bandOf(lower, upper);
        (uint256 up0, uint256 up1) = RangeAmounts.amountsUp(root, band, liquidity);
        (uint256 taken0, uint256 taken1) = pool.mint(address(this), lower, upper, liquidity, "");
        assertEq(up0, taken0, "token0 in");
        assertEq(up1, taken1, "token1 in");
        (uint256 down0, uint256 down1) = RangeAmounts.amountsDown(root, band, liquidity);
        (uint256 given0, uint256 given1) = pool.burn(lower, upper, liquidity);
        assertEq(down0, given0, "token0 out");
        assertEq(down1, given1, "token1 out");
    }

    /// @dev The liquidity for two amounts costs no more than them, and no more than one part in 2**32 is left behind
    /// of the scarcer one.
    function testFuzz_C35_liquidityFitsItsAmounts(int24 at, int24 lower, int24 upper, uint256 x, uint256 y) public {
        (lower, upper) = _ticks(lower, upper);
        (x, y) = (bound(x, 1e6, 1e24), bound(y, 1e6, 1e24));
        uint160 root = _priceNear(at, lower, upper);
        Band memory band = RangeAmounts.bandOf(lower, upper);
        uint128 liquidity = RangeAmounts.liquidityDown(root, band, x, y);
        (uint256 up0, uint256 up1) = RangeAmounts.amountsUp(root, band, liquidity);
        assertLe(up0, x);
        assertLe(up1, y);
        if (liquidity < 1e12) return; // one unit more is then not little
        (up0, up1) = RangeAmounts.amountsUp(root, band, liquidity + liquidity / 1e8 + 1);
        assertTrue(up0 > x || up1 > y, "more would fit");
    }

    function _ticks(int24 lower, int24 upper) private pure returns (int24, int24) {
        lower = int24(bound(lower, -40_000, 39_990)) / 10 * 10;
        return (lower, int24(bound(upper, lower + 10, 40_010)) / 10 * 10);
    }

    /// @dev Opens the pool somewhere inside the range, beyond it, or exactly on one of its ends.
    function _priceNear(int24 at, int24 lower, int24 upper) private returns (uint160 root) {
        root = TickPrice.sqrtX96Up(
            at % 5 == 0 ? lower : at % 5 == 1 ? upper : int24(bound(at, lower - 2_000, upper + 2_000))
        );
        if (at % 5 == 4) root += uint160(uint24(at < 0 ? -at : at));
        vm.store(address(pool), 0, 0);
        IV3Mint(address(pool)).initialize(root);
    }
}
