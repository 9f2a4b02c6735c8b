// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../contracts/guard/Guard.sol";
import {HealthLimits, Leg, Order} from "../../contracts/interfaces/IKeeperVault.sol";
import {LeverageMove} from "../../contracts/interfaces/ILeverageVault.sol";
import {GuardSetup, ShareSetup} from "../../contracts/interfaces/Setup.sol";
import {LendingSetup, LeverageVault} from "../../contracts/vaults/LeverageVault.sol";
import {WorldToken} from "../../contracts/world/WorldToken.sol";
import {AaveMarket} from "./AaveMarket.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice A vault that holds 100 WETH against USDC debt, on the published Aave V3.
abstract contract LeverageWorld is AaveMarket {
    uint256 internal constant DAY = 86_400;
    uint64 internal constant FLOOR = 1.25e18;
    uint64 internal constant CEILING = 3e18;
    uint64 internal constant URGENT = 1.15e18;
    uint64 internal constant RIPCORD = 1.05e18;

    Guard internal guard;
    LeverageVault internal vault;

    function _openLeverage(uint8 eMode) internal {
        _openAave();
        _openVault(eMode);
    }

    function _openVault(uint8 eMode) internal {
        _deploy(weth, eMode);
        for (uint256 i; i < 2; ++i) {
            vm.startPrank(i == 0 ? alice : bob);
            weth.approve(address(vault), type(uint256).max);
            usdc.approve(address(vault), type(uint256).max);
            vm.stopPrank();
        }
    }

    function _deploy(WorldToken collateral, uint8 eMode) internal {
        guard = new Guard(_leverageGuard(collateral));
        vault = new LeverageVault(
            ShareSetup(address(guard), "Keeper Leverage", "kLEV", 0, 0), LendingSetup(address(aave), eMode)
        );
    }

    /// @dev 100 WETH, 150,000 USDC of debt and 150 WETH supplied: health factor about 2.5.
    function _fillLeverage() internal {
        _deposit(alice, 100e18);
        _act(_leverMove(75_000e6, true), _buyLegs(75_000e6));
        _pass(DAY);
        _act(_leverMove(75_000e6, true), _buyLegs(75_000e6));
        _push(v3UsdcWeth, weth, 50e18);
        _pass(DAY);
    }

    function _leverageGuard(WorldToken collateral) internal view virtual returns (GuardSetup memory setup) {
        WorldToken[] memory tokens = new WorldToken[](2);
        (tokens[0], tokens[1]) = (collateral, usdc);
        setup = _guardSetup(tokens);
        setup.limits.maxTurnoverBps = 5_000;
        setup.limits.maxLossBps = 100;
        setup.health = _healthLimits();
    }

    function _healthLimits() internal pure returns (HealthLimits memory) {
        return HealthLimits({
            floor: FLOOR,
            ceiling: CEILING,
            urgent: URGENT,
            ripcord: RIPCORD,
            urgentLossBps: 150,
            chunkBps: 2_500,
            rewardBps: 50
        });
    }

    function _deposit(address user, uint256 assets) internal returns (uint256) {
        weth.mint(user, assets);
        vm.prank(user);
        return vault.deposit(assets, user);
    }

    function _order() internal view returns (Order memory) {
        return Order("intent", guard.epoch(), uint64(vm.getBlockTimestamp() + 600), 0, 0);
    }

    function _act(LeverageMove memory move, Leg[] memory legs) internal {
        Order memory order = _order();
        vm.prank(keeper);
        vault.rebalance(order, legs, move);
    }

    function _leverMove(uint256 debtAmount, bool flash) internal pure returns (LeverageMove memory) {
        return LeverageMove({lever: true, flash: flash, urgent: false, debtAmount: debtAmount, collateralAmount: 0});
    }

    function _deleverMove(uint256 debtAmount, uint256 collateralAmount, bool flash)
        internal
        pure
        returns (LeverageMove memory)
    {
        return LeverageMove({
            lever: false, flash: flash, urgent: false, debtAmount: debtAmount, collateralAmount: collateralAmount
        });
    }

    function _urgentMove(uint256 debtAmount, uint256 collateralAmount)
        internal
        pure
        returns (LeverageMove memory move)
    {
        move = _deleverMove(debtAmount, collateralAmount, true);
        move.urgent = true;
    }

    /// @dev WETH is now worth so many dollars (8 decimals): the feed says so, and the pools have followed.
    function _fallTo(int256 answer) internal {
        feeds[address(weth)].pushRound(answer);
        _follow(v3UsdcWeth);
    }

    /// @dev Somebody brings a pool to the oracle's price.
    function _follow(address pool) internal virtual {
        (WorldToken t0, WorldToken t1) = address(weth) < address(usdc) ? (weth, usdc) : (usdc, weth);
        _toRoot(pool, uint160(Math.sqrt(Math.mulDiv(_priceX(t0), 1 << 192, _priceX(t1)))));
    }

    /// @dev The price at which the health factor becomes `health`, by Aave's definition: 8 decimals.
    function _answerAt(uint256 health) internal view returns (int256) {
        (uint256 collateral, uint256 debt) = vault.position();
        return int256(Math.mulDiv(health * debt, 1e12 * 1e8, collateral * 0.825e18));
    }

    function _buyLegs(uint256 dollars) internal view returns (Leg[] memory) {
        return _legs(_leg(V3, v3UsdcWeth, usdc, dollars));
    }

    function _sellLegs(uint256 amount) internal view returns (Leg[] memory) {
        return _legs(_leg(V3, v3UsdcWeth, weth, amount));
    }

    function _zeros() internal pure returns (uint256[] memory) {
        return new uint256[](2);
    }
}
