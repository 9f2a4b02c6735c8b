// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IPool2Tokens} from "./External.sol";
import {IKeeperVault, Leg, Order} from "./IKeeperVault.sol";

/// @notice Where the liquidity goes. The same ticks as now collect the fees and add them.
/// @param tickLower, tickUpper Ends of the new range, multiples of the pool's tick spacing.
/// @param minLiquidity Least liquidity that the new range must end with.
struct RangeMove {
    int24 tickLower;
    int24 tickUpper;
    uint128 minLiquidity;
}

/// @notice One range of liquidity in one Uniswap V3 pool, and ERC-20 shares over its two tokens. Claims no ERC-4626:
/// shares are bought and redeemed in both tokens, pro rata, without a price.
/// @dev `tokens()` is [base, other] whatever the pool's order; every pair of amounts here is in that order.
interface IRangeVault is IKeeperVault {
    event WidthSet(int24 minWidth, int24 maxWidth);
    event RangeSet(int24 tickLower, int24 tickUpper, uint128 liquidity);
    event FeesCollected(uint256[2] amounts);

    /// @notice Uniswap V3 pool.
    function pool() external view returns (address);
    /// @notice The range and the vault's own liquidity in it; liquidity 0 when nothing is invested.
    function range() external view returns (int24 lower, int24 upper, uint128 liquidity);
    /// @notice `liquidityGross` of the pool at both ends of the range: what tells whether the ends outlive the position.
    function grossAtEnds() external view returns (uint128 lower, uint128 upper);
    /// @notice Fees earned and not yet collected.
    function fees() external view returns (uint256[2] memory);
    /// @notice The part of the fees collected before that an exit does not pay yet.
    function lockedFees() external view returns (uint256[2] memory);
    /// @notice Least and most ticks between the ends of a new range.
    function width() external view returns (int24 least, int24 most);

    /// @notice Takes all liquidity and fees out, swaps, and puts all that fits into the range of `move`.
    function rebalance(Order calldata order, Leg[] calldata legs, RangeMove calldata move) external;
}

/// @dev The functions of a Uniswap V3 pool that a position needs. `slot0` and `ticks` return more words.
interface IRangePool is IPool2Tokens {
    function slot0() external view returns (uint160 sqrtPriceX96, int24 tick);
    function tickSpacing() external view returns (int24);
    function feeGrowthGlobal0X128() external view returns (uint256);
    function feeGrowthGlobal1X128() external view returns (uint256);
    function ticks(int24 tick)
        external
        view
        returns (
            uint128 liquidityGross,
            int128 liquidityNet,
            uint256 feeGrowthOutside0X128,
            uint256 feeGrowthOutside1X128
        );
    function positions(bytes32 key)
        external
        view
        returns (
            uint128 liquidity,
            uint256 feeGrowthInside0LastX128,
            uint256 feeGrowthInside1LastX128,
            uint128 tokensOwed0,
            uint128 tokensOwed1
        );
    function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes calldata data)
        external
        returns (uint256 amount0, uint256 amount1);
    function burn(int24 tickLower, int24 tickUpper, uint128 amount) external returns (uint256 amount0, uint256 amount1);
    function collect(address recipient, int24 tickLower, int24 tickUpper, uint128 requested0, uint128 requested1)
        external
        returns (uint128 amount0, uint128 amount1);
}
