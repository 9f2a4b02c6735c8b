// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPoolV3} from "../../../contracts/interfaces/External.sol";
import {IBasketVault} from "../../../contracts/interfaces/IBasketVault.sol";
import {Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketCampaign} from "./BasketCampaign.sol";
import {Law} from "./Law.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice The stolen keys of a basket: keeper and sentinel, money without end, and every pool in hand, whose only
/// provider the thief is, so that whatever the vault loses is his.
contract BasketThief is BasketCampaign {
    uint256 private constant X = 1e36;

    /// @dev Losses at the pools' true prices, per share.
    uint256 private _lostTrueX;

    function verbs() external pure override returns (string[] memory) {
        return vm.split(
            "rob(uint256,uint256,uint256) garbage(uint256,uint256) wait_(uint256)"
            " join(uint256,uint256) leave(uint256,uint256) deposit(uint256,uint256) redeem(uint256,uint256)"
            " comeAndGo(uint256,uint256) flash(uint256,uint256) round(uint256,uint256,uint256) gift(uint256,uint256,uint256)",
            " "
        );
    }

    /// @notice Pushes a pool against the vault, has it trade there, and brings the pool back.
    function rob(uint256 which, uint256 size, uint256 push) external verb {
        _cooled();
        (address pool, bool v2) = _poolAt(which % 3);
        WorldToken tokenIn = WorldToken(_sideOf(pool, size % 2 == 0));
        uint256 amount = vault.holdings()[tokenIn == usdc ? 0 : tokenIn == weth ? 1 : 2] * (1 + size % 350) / 1_000;
        uint256 pushed = _usd(tokenIn, 1 + push % 250_000);
        if (v2) _pushV2(pool, tokenIn, pushed);
        else _push(pool, tokenIn, pushed);
        Order memory order = _order();
        Leg[] memory legs = _legs(_leg(v2 ? V2 : V3, pool, tokenIn, amount));
        uint256 before = _trueNav();
        _action(keeper, abi.encodeCall(IBasketVault.rebalance, (order, legs)), order, legs);
        _lostTrueX += Math.mulDiv(Math.saturatingSub(before, _trueNav()), X, _supply(), Math.Rounding.Ceil);
        _toTruth();
    }

    function _trueNav() private view returns (uint256 nav) {
        uint256[] memory held = vault.holdings();
        for (uint256 i; i < held.length; ++i) {
            nav += Math.mulDiv(held[i], _trueX(_held()[i]), _trueX(usdc));
        }
    }

    /// @notice What was taken so far, millionths of the bound at oracle prices.
    function takenPpm() external view returns (int256) {
        return int256(Math.mulDiv(lostX, 1e6, _boundX()));
    }

    function _boundX() private view returns (uint256) {
        uint256 most = peakX * widestDailyLoss / BPS;
        return most + most * (clock - startedAt) / PERIOD;
    }

    /// @dev Two feeds of a trade, each off by a threshold, relative to a base that is off as well.
    function _requireKind() internal view override {
        super._requireKind();
        uint256 deviationX = soldX * 2 * OFF_PPM / (PPM - OFF_PPM);
        assertLe(_lostTrueX, _boundX() + deviationX + 10 * calls * X / _supply(), Law.T1);
    }
}
