// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IKeeperVault, Leg, Order} from "./IKeeperVault.sol";

/// @notice How a levered position changes, apart from the trades.
/// @param lever true: more debt and more collateral. false: less of both.
/// @param flash Obtain the debt token by an Aave flash loan, returned with its premium in the same transaction.
/// @param debtAmount Raw units of the debt token. lever: borrowed (flash: flash-borrowed, and then borrowed together with
/// the premium to return it); 0 only supplies idle collateral. de-lever with flash: flash-borrowed and repaid, at most
/// the debt; what is above the debt stays for the return. de-lever without flash: must be 0.
/// @param collateralAmount Raw units of collateral withdrawn when de-levering (`type(uint256).max`: all of it); 0 when
/// levering.
struct LeverageMove {
    bool lever;
    bool flash;
    uint256 debtAmount;
    uint256 collateralAmount;
}

/// @notice Collateral and variable-rate debt on Aave V3 inside a health-factor band. Also an ERC-4626 over the
/// collateral token; `tokens()` is [collateral, debt] and `holdings()` is the idle amount of each.
interface ILeverageVault is IKeeperVault {
    event HealthFactorBandSet(uint256 floor_, uint256 ceiling);

    /// @notice Aave V3 pool.
    function pool() external view returns (address);
    function collateralAToken() external view returns (address);
    /// @notice Aave's variable debt token of `tokens()[1]`.
    function debtToken() external view returns (address);
    /// @notice Collateral supplied and debt owed, raw units, interest included up to this block.
    function position() external view returns (uint256 collateral, uint256 debt);
    /// @notice Aave's health factor of this vault, WAD; `type(uint256).max` without debt.
    function healthFactor() external view returns (uint256);
    /// @notice Levering must end at or above the floor; de-levering must end at or below the ceiling, unless no debt is
    /// left. WAD.
    function healthFactorBand() external view returns (uint256 floor_, uint256 ceiling);

    /// @notice Levers or de-levers once. Idle collateral is supplied when levering; surplus debt token is repaid when
    /// de-levering.
    function rebalance(Order calldata order, Leg[] calldata legs, LeverageMove calldata move) external;
}
