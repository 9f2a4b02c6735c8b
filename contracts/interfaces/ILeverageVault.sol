// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {HealthLimits, IKeeperVault, Leg, Order} from "./IKeeperVault.sol";

/// @notice How a levered position changes, apart from the trades.
/// @param lever true: more debt and more collateral. false: less of both. What is borrowed is sold, all of it: no debt
/// lies idle at interest.
/// @param flash Obtain the debt token by an Aave flash loan, returned with its premium in the same transaction.
/// @param urgent De-lever under the rules of `HealthLimits.urgent`: at once, in one action, at a bounded loss for each
/// unit of debt repaid. Only while Aave's health factor is below it, and never when levering.
/// @param debtAmount Raw units of the debt token. lever: borrowed (flash: flash-borrowed, and then borrowed together with
/// the premium to return it); 0 only supplies idle collateral. de-lever with flash: flash-borrowed and repaid, at most
/// the debt; what is above the debt stays for the return. de-lever without flash: must be 0.
/// @param collateralAmount Raw units of collateral withdrawn when de-levering (`type(uint256).max`: all of it); 0 when
/// levering.
struct LeverageMove {
    bool lever;
    bool flash;
    bool urgent;
    uint256 debtAmount;
    uint256 collateralAmount;
}

/// @notice Collateral and variable-rate debt on Aave V3 inside a health-factor band. Also an ERC-4626 over the
/// collateral token; `tokens()` is [collateral, debt] and `holdings()` is the idle amount of each.
interface ILeverageVault is IKeeperVault {
    /// @notice Emitted for each pull. `repaid` and `reward` are raw units of the base asset; `epoch` is the one reached.
    event RipcordPulled(
        address indexed caller,
        uint64 indexed epoch,
        uint256 repaid,
        uint256 reward,
        uint256 navBefore,
        uint256 navAfter
    );

    /// @notice Aave V3 pool.
    function pool() external view returns (address);
    function collateralAToken() external view returns (address);
    /// @notice Aave's variable debt token of `tokens()[1]`.
    function debtToken() external view returns (address);
    /// @notice Collateral supplied and debt owed, raw units, interest included up to this block.
    function position() external view returns (uint256 collateral, uint256 debt);
    /// @notice Aave's health factor of this vault, WAD; `type(uint256).max` without debt.
    function healthFactor() external view returns (uint256);
    /// @notice The band of the health factor, and the rules of its rescue.
    function healthLimits() external view returns (HealthLimits memory);
    /// @notice What a rescue may lose now.
    /// @return budget Raw units of the base asset, refill included: `urgentLossBps` of the debt when full; 0 while a price
    /// is unusable.
    /// @return mostLossBps Bps of the debt repaid that one rescue may lose: `urgentLossBps`, or half of Aave's liquidation
    /// bonus if that is less.
    function urgentBudget() external view returns (uint256 budget, uint256 mostLossBps);

    /// @notice Levers or de-levers once. Idle collateral is supplied when levering; surplus debt token is repaid when
    /// de-levering.
    function rebalance(Order calldata order, Leg[] calldata legs, LeverageMove calldata move) external;

    /// @notice Anyone, while Aave's health factor is below `HealthLimits.ripcord`, the vault paused or not: one urgent
    /// de-levering move that repays at most `chunkBps` of the debt. Returns what the caller was paid for it, raw units of
    /// collateral: `rewardBps` of the debt repaid, out of what the move took out of the collateral and did not sell, and
    /// only as far as the loss leaves room for it.
    function pullRipcord(Leg[] calldata legs, LeverageMove calldata move, address rewardTo)
        external
        returns (uint256 reward);

    /// @notice Anyone: makes `asset`, which somebody supplied to Aave in this vault's name, no collateral of it. Such a gift
    /// could block every withdrawal once Aave lends nothing against it.
    function unpledge(address asset) external;
}
