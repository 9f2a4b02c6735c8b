// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice C-41: somebody who knows the next round of every feed, as far as a feed may lag, comes and goes.
contract OracleLagTest is BasketWorld {
    uint256 private constant LAG_BPS = 50;
    address private seer = makeAddr("seer");

    function setUp() public {
        _openBasket();
        _fillBasket();
        WorldToken[] memory tokens = _basketTokens();
        for (uint256 i; i < 3; ++i) {
            tokens[i].mint(seer, _usd(tokens[i], 3_000_000));
            vm.prank(seer);
            tokens[i].approve(address(vault), type(uint256).max);
        }
    }

    /// @dev In before the round and out after it, in the base asset or in kind on either side.
    function testFuzz_inBeforeTheRound(uint256 assets, int256 a, int256 b, bool inKindIn, bool inKindOut) public {
        assets = bound(assets, 1e6, 1_000_000e6);
        (int256 wethNext, int256 wbtcNext) = _next(a, b);
        uint256 before = _wealthAt(wethNext, wbtcNext);
        uint256 others = _othersAt(wethNext, wbtcNext);
        _enter(assets, inKindIn);
        _round(wethNext, wbtcNext);
        if (!inKindOut) _pass(1 hours); // new shares wait
        _leave(inKindOut);
        assertLe(_wealthAt(wethNext, wbtcNext), before, "C-41: the seer gained");
        assertGe(_othersAt(wethNext, wbtcNext) + 1, others, "C-41: the others paid");
    }

    /// @dev Out before the round, who was in already: for the base asset at the old price, and in again after it.
    function testFuzz_outBeforeTheRound(uint256 assets, int256 a, int256 b, bool inKindOut, bool inKindIn) public {
        assets = bound(assets, 1e6, 100_000e6);
        _enter(assets, true);
        _pass(1 hours);
        (int256 wethNext, int256 wbtcNext) = _next(a, b);
        uint256 shares = vault.balanceOf(seer);
        uint256 others = _othersAt(wethNext, wbtcNext);
        uint256 before = _wealthAt(wethNext, wbtcNext) + _sharesAt(wethNext, wbtcNext, shares);
        _leave(inKindOut);
        _round(wethNext, wbtcNext);
        _enter(assets, inKindIn);
        uint256 has = _wealthAt(wethNext, wbtcNext) + _sharesAt(wethNext, wbtcNext, vault.balanceOf(seer));
        assertLe(has, before + 2, "C-41: the seer gained");
        assertGe(_othersAt(wethNext, wbtcNext) + 1, others, "C-41: the others paid");
    }

    function _enter(uint256 assets, bool inKind) private {
        uint256 shares = vault.previewDeposit(assets);
        vm.startPrank(seer);
        if (inKind) vault.depositInKind(shares, seer, _most());
        else vault.deposit(assets, seer);
        vm.stopPrank();
    }

    function _leave(bool inKind) private {
        uint256 shares = vault.balanceOf(seer);
        uint256 payable_ = Math.min(shares, vault.maxRedeem(seer));
        vm.startPrank(seer);
        if (!inKind && payable_ > 0) vault.redeem(payable_, seer, seer);
        if (inKind || payable_ < shares) {
            vault.redeemInKind(inKind ? shares : shares - payable_, seer, seer, _zeros());
        }
        vm.stopPrank();
    }

    function _next(int256 a, int256 b) private pure returns (int256, int256) {
        int256 most = int256(LAG_BPS);
        (a, b) = (bound(a, -most, most), bound(b, -most, most));
        return (3_000e8 * (10_000 + a) / 10_000, 60_000e8 * (10_000 + b) / 10_000);
    }

    function _round(int256 wethNext, int256 wbtcNext) private {
        feeds[address(weth)].pushRound(wethNext);
        feeds[address(wbtc)].pushRound(wbtcNext);
    }

    /// @dev Raw units of the base asset, at prices that nobody else knows yet.
    function _worth(uint256[] memory held, int256 wethAt, int256 wbtcAt) private pure returns (uint256) {
        return held[0] + held[1] * uint256(wethAt) / 1e20 + held[2] * uint256(wbtcAt) / 1e10;
    }

    function _wealthAt(int256 wethAt, int256 wbtcAt) private view returns (uint256) {
        uint256[] memory has = new uint256[](3);
        (has[0], has[1], has[2]) = (usdc.balanceOf(seer), weth.balanceOf(seer), wbtc.balanceOf(seer));
        return _worth(has, wethAt, wbtcAt);
    }

    function _sharesAt(int256 wethAt, int256 wbtcAt, uint256 shares) private view returns (uint256) {
        return Math.mulDiv(_worth(vault.holdings(), wethAt, wbtcAt), shares, vault.totalSupply() + 1e12);
    }

    /// @dev What a million of the others' shares is worth.
    function _othersAt(int256 wethAt, int256 wbtcAt) private view returns (uint256) {
        return _sharesAt(wethAt, wbtcAt, 1e6 * 1e18);
    }
}
