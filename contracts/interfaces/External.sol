// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @notice The functions of the deployed protocols that the vaults call, written from their ABI.

interface IAggregator {
    function decimals() external view returns (uint8);
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}

interface IPool2Tokens {
    function token0() external view returns (address);
    function token1() external view returns (address);
}

/// @dev Uniswap V2 pair.
interface IPairV2 is IPool2Tokens {
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast);
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
}

/// @dev Uniswap V3 pool. `slot0` returns more words; only the first is read.
interface IPoolV3 is IPool2Tokens {
    function slot0() external view returns (uint160 sqrtPriceX96);
    function liquidity() external view returns (uint128);
    function swap(
        address recipient,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96,
        bytes calldata data
    ) external returns (int256 amount0, int256 amount1);
}

/// @dev Aave V3 pool.
interface ILendingPool {
    struct ReserveData {
        uint256 configuration;
        uint128 liquidityIndex;
        uint128 currentLiquidityRate;
        uint128 variableBorrowIndex;
        uint128 currentVariableBorrowRate;
        uint128 currentStableBorrowRate;
        uint40 lastUpdateTimestamp;
        uint16 id;
        address aTokenAddress;
        address stableDebtTokenAddress;
        address variableDebtTokenAddress;
        address interestRateStrategyAddress;
        uint128 accruedToTreasury;
        uint128 unbacked;
        uint128 isolationModeTotalDebt;
    }

    function getReserveData(address asset) external view returns (ReserveData memory);
    function getUserAccountData(address user)
        external
        view
        returns (
            uint256 totalCollateralBase,
            uint256 totalDebtBase,
            uint256 availableBorrowsBase,
            uint256 currentLiquidationThreshold,
            uint256 ltv,
            uint256 healthFactor
        );
    /// @return configuration Bits 32 … 47: liquidation bonus, bps, 10,000 included.
    function getConfiguration(address asset) external view returns (uint256 configuration);
    /// @dev A struct that ends in a string: its offset, then its words.
    function getEModeCategoryData(uint8 id)
        external
        view
        returns (uint256 offset, uint256 ltv, uint256 liquidationThreshold, uint256 liquidationBonus);
    function setUserEMode(uint8 categoryId) external;
    function setUserUseReserveAsCollateral(address asset, bool useAsCollateral) external;
    function supply(address asset, uint256 amount, address onBehalfOf, uint16 referralCode) external;
    function withdraw(address asset, uint256 amount, address to) external returns (uint256);
    function borrow(address asset, uint256 amount, uint256 rateMode, uint16 referralCode, address onBehalfOf) external;
    function repay(address asset, uint256 amount, uint256 rateMode, address onBehalfOf) external returns (uint256);
    function flashLoanSimple(
        address receiver,
        address asset,
        uint256 amount,
        bytes calldata params,
        uint16 referralCode
    ) external;
}

/// @dev Aave V3 aToken and variable debt token: what does not grow with time.
interface IScaledBalance {
    function scaledBalanceOf(address user) external view returns (uint256);
}
