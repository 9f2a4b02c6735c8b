// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../contracts/guard/Guard.sol";
import {Leg, Limits, Order} from "../../contracts/interfaces/IKeeperVault.sol";
import {ShareSetup} from "../../contracts/interfaces/Setup.sol";
import {BasketVault} from "../../contracts/vaults/BasketVault.sol";
import {WorldToken} from "../../contracts/world/WorldToken.sol";
import {Markets} from "./Markets.sol";

/// @notice A basket of USDC, WETH and WBTC (30, 40, 30 %) that holds a million dollars at its weights.
abstract contract BasketWorld is Markets {
    uint16 internal constant ENTRY_FEE_BPS = 50;
    uint16 internal constant EXIT_FEE_BPS = 50;
    uint16 internal constant DRIFT_BAND_BPS = 2_000;
    uint256 internal constant DAY = 86_400;

    Guard internal guard;
    BasketVault internal vault;

    function _openBasket() internal {
        _openMarkets();
        _newBasket();
    }

    /// @dev An empty basket over the markets there are.
    function _newBasket() internal {
        guard = new Guard(_guardSetup(_basketTokens()));
        vault = new BasketVault(_shareSetup(address(guard)), _weights(3_000, 4_000, 3_000), DRIFT_BAND_BPS);
        WorldToken[] memory tokens = _basketTokens();
        for (uint256 i; i < 3; ++i) {
            vm.prank(alice);
            tokens[i].approve(address(vault), type(uint256).max);
            vm.prank(bob);
            tokens[i].approve(address(vault), type(uint256).max);
        }
    }

    /// @dev A deposit and four purchases bring the basket to its weights, others bring the pools back; then a day passes.
    function _fillBasket() internal {
        _deposit(alice, 1_000_000e6);
        for (uint256 i; i < 4; ++i) {
            uint256[] memory before = vault.holdings();
            _rebalance(_legs(_leg(V3, v3UsdcWeth, usdc, 100_000e6), _leg(V2, v2UsdcWbtc, usdc, 75_000e6)));
            _push(v3UsdcWeth, weth, vault.holdings()[1] - before[1]);
            _pushV2(v2UsdcWbtc, wbtc, vault.holdings()[2] - before[2]);
            _pass(DAY);
        }
    }

    function _basketTokens() internal view returns (WorldToken[] memory tokens) {
        tokens = new WorldToken[](3);
        (tokens[0], tokens[1], tokens[2]) = (usdc, weth, wbtc);
    }

    function _shareSetup(address guard_) internal pure returns (ShareSetup memory) {
        return ShareSetup(guard_, "Keeper Basket", "kBASK", ENTRY_FEE_BPS, EXIT_FEE_BPS);
    }

    function _weights(uint16 a, uint16 b, uint16 c) internal pure returns (uint16[] memory weights) {
        weights = new uint16[](3);
        (weights[0], weights[1], weights[2]) = (a, b, c);
    }

    function _deposit(address user, uint256 assets) internal returns (uint256) {
        usdc.mint(user, assets);
        vm.prank(user);
        return vault.deposit(assets, user);
    }

    function _order() internal view returns (Order memory) {
        return Order("intent", guard.epoch(), uint64(vm.getBlockTimestamp() + 600), 0, 0);
    }

    function _rebalance(Leg[] memory legs) internal {
        _rebalance(_order(), legs);
    }

    function _rebalance(Order memory order, Leg[] memory legs) internal {
        vm.prank(keeper);
        vault.rebalance(order, legs);
    }

    /// @dev A small trade.
    function _goodLegs() internal view returns (Leg[] memory) {
        return _legs(_leg(V3, v3UsdcWeth, weth, 1e18));
    }

    function _zeros() internal pure returns (uint256[] memory) {
        return new uint256[](3);
    }

    function _most() internal pure returns (uint256[] memory most) {
        most = new uint256[](3);
        (most[0], most[1], most[2]) = (type(uint256).max, type(uint256).max, type(uint256).max);
    }

    function _tighten(Limits memory next) internal {
        vm.prank(curator);
        guard.setLimits(next);
    }

    /// @dev USDC into LINK and on into WETH.
    function _linkLegs(uint256 amount, uint256 second) internal view returns (Leg[] memory) {
        return _legs(_leg(V2, v2UsdcLink, usdc, amount), _leg(V3, v3LinkWeth, link, second));
    }

    function _wethFor(uint256 dollars) internal pure returns (uint256) {
        return dollars * 1e12 / 3_000;
    }
}
