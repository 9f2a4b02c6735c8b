// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickPrice} from "./TickPrice.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @dev Root prices between which a position is liquid, times 2**96, token1 per token0, raw; low < high.
struct Band {
    uint160 low;
    uint160 high;
}

/// @notice Tokens for liquidity and liquidity for tokens at any price, as Uniswap V3 itself computes and rounds them.
/// @dev x = L (1/s - 1/high), y = L (s - low), s the root price held inside the band (whitepaper, section 6).
library RangeAmounts {
    using SafeCast for uint256;

    uint256 private constant Q96 = 2 ** 96;

    function bandOf(int24 tickLower, int24 tickUpper) internal pure returns (Band memory) {
        return Band(TickPrice.sqrtX96Up(tickLower), TickPrice.sqrtX96Up(tickUpper));
    }

    /// @notice What the pool pays for `liquidity` taken out at the root price `at`: both rounded down.
    function amountsDown(uint160 at, Band memory band, uint128 liquidity)
        internal
        pure
        returns (uint256 amount0, uint256 amount1)
    {
        uint160 inside = _inside(at, band);
        amount0 = Math.mulDiv(uint256(liquidity) << 96, band.high - inside, band.high) / inside;
        amount1 = Math.mulDiv(liquidity, inside - band.low, Q96);
    }

    /// @notice What the pool takes for `liquidity` put in at the root price `at`: both rounded up.
    function amountsUp(uint160 at, Band memory band, uint128 liquidity)
        internal
        pure
        returns (uint256 amount0, uint256 amount1)
    {
        uint160 inside = _inside(at, band);
        uint256 scaled = Math.mulDiv(uint256(liquidity) << 96, band.high - inside, band.high, Math.Rounding.Ceil);
        amount0 = Math.ceilDiv(scaled, inside);
        amount1 = Math.mulDiv(liquidity, inside - band.low, Q96, Math.Rounding.Ceil);
    }

    /// @notice The most liquidity that both amounts pay for at the root price `at`, rounded down: `amountsUp` of it is
    /// never above them.
    function liquidityDown(uint160 at, Band memory band, uint256 amount0, uint256 amount1)
        internal
        pure
        returns (uint128)
    {
        uint160 inside = _inside(at, band);
        uint256 most = type(uint256).max;
        if (inside < band.high) {
            most = Math.mulDiv(amount0, Math.mulDiv(inside, band.high, Q96), band.high - inside);
        }
        if (inside > band.low) most = Math.min(most, Math.mulDiv(amount1, Q96, inside - band.low));
        return most.toUint128();
    }

    function _inside(uint160 at, Band memory band) private pure returns (uint160) {
        return at < band.low ? band.low : at > band.high ? band.high : at;
    }
}
