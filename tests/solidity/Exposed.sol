// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PricedFeed, Prices} from "../../contracts/guard/Prices.sol";
import {Bucket, RefillingBudget, Since} from "../../contracts/guard/RefillingBudget.sol";
import {ILendingPool} from "../../contracts/interfaces/External.sol";
import {Feed} from "../../contracts/interfaces/IKeeperVault.sol";
import {ShareSetup} from "../../contracts/interfaces/Setup.sol";
import {Band, RangeAmounts} from "../../contracts/range/RangeAmounts.sol";
import {RangePosition} from "../../contracts/range/RangePosition.sol";
import {TickPrice} from "../../contracts/range/TickPrice.sol";
import {BasketVault} from "../../contracts/vaults/BasketVault.sol";
import {LendingSetup, LeverageVault} from "../../contracts/vaults/LeverageVault.sol";

/// @notice The contracts' own arithmetic, laid open: tests/contracts compares it with exact arithmetic in Python.

contract ExposedLibraries {
    using RefillingBudget for Bucket;
    using Prices for PricedFeed;

    Bucket private bucket;
    PricedFeed private feed;

    function budget(Bucket calldata from, uint256 bps, uint256 baseNow, Since calldata since)
        external
        returns (uint256)
    {
        bucket.checkpoint(from.left, from.base);
        return bucket.availableDown(bps, baseNow, since);
    }

    function priceX(address token, Feed calldata candidate) external returns (uint256) {
        feed = Prices.admit(token, candidate);
        return feed.demand(token);
    }

    function rootAt(int24 tick) external pure returns (uint160) {
        return TickPrice.sqrtX96Up(tick);
    }

    function amounts(uint160 at, int24 lower, int24 upper, uint128 liquidity)
        external
        pure
        returns (uint256 down0, uint256 down1, uint256 up0, uint256 up1)
    {
        Band memory band = RangeAmounts.bandOf(lower, upper);
        (down0, down1) = RangeAmounts.amountsDown(at, band, liquidity);
        (up0, up1) = RangeAmounts.amountsUp(at, band, liquidity);
    }

    function liquidity(uint160 at, int24 lower, int24 upper, uint256 amount0, uint256 amount1)
        external
        pure
        returns (uint128)
    {
        return RangeAmounts.liquidityDown(at, RangeAmounts.bandOf(lower, upper), amount0, amount1);
    }
}

/// @dev Also its own pool: it says what its two tokens are.
contract ExposedRoot is RangePosition {
    constructor(address pool, address base, address other) RangePosition(pool, base, other) {}

    function rootDown(uint256 priceBaseX, uint256 priceOtherX) external view returns (uint160) {
        return _rootX96Down(priceBaseX, priceOtherX);
    }
}

contract TwoTokens {
    address public token0;
    address public token1;

    constructor(address a, address b) {
        (token0, token1) = (a, b);
    }
}

contract ExposedBasket is BasketVault {
    constructor(ShareSetup memory setup, uint16[] memory weights, uint16 band) BasketVault(setup, weights, band) {}

    function put(uint256[] calldata held, uint256 supply) external {
        _held = held;
        _burn(address(1), balanceOf(address(1)));
        _mint(address(1), supply);
    }
}

contract ExposedLeverage is LeverageVault {
    constructor(ShareSetup memory setup, LendingSetup memory lending) LeverageVault(setup, lending) {}

    function put(uint256[] calldata held, uint256 supply) external {
        _held = held;
        _burn(address(1), balanceOf(address(1)));
        _mint(address(1), supply);
    }
}

/// @notice A lender in which a test says what is supplied and owed.
contract StatedLender {
    Stated public immutable supplied = new Stated();
    Stated public immutable owed = new Stated();

    function state(uint256 collateral, uint256 debt) external {
        supplied.set(collateral);
        owed.set(debt);
    }

    function getReserveData(address) external view returns (ILendingPool.ReserveData memory data) {
        (data.aTokenAddress, data.variableDebtTokenAddress) = (address(supplied), address(owed));
    }

    /// @dev A liquidation bonus of 5 %, in the bits where Aave has it.
    function getConfiguration(address) external pure returns (uint256) {
        return 10_500 << 32;
    }
}

contract Stated {
    uint256 private value;

    function set(uint256 next) external {
        value = next;
    }

    function balanceOf(address) external view returns (uint256) {
        return value;
    }
}
