// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IKeeperVault, Leg, Order} from "./IKeeperVault.sol";

/// @notice Several assets held in target weights, valued by oracle. Also an ERC-4626 over `tokens()[0]`.
/// @dev Tokens that take a fee on transfer or rebase are not supported: an amount that arrives short reverts.
interface IBasketVault is IKeeperVault {
    event WeightsSet(uint16[] weights, uint16 driftBandBps);

    /// @notice Target share of each of `tokens()` in net asset value, bps, summing to 10,000.
    function weights() external view returns (uint16[] memory);

    /// @notice Drift is the sum over tokens of |share - target|, bps of net asset value, rounded up. A rebalance must
    /// end at or below the greater of this band and the drift it began with.
    function driftBandBps() external view returns (uint16);

    /// @notice Swaps between the vault's tokens, through its allow-listed pools, towards its weights.
    function rebalance(Order calldata order, Leg[] calldata legs) external;
}
