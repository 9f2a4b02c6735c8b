// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPairV2, IPoolV3} from "../../../contracts/interfaces/External.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Campaign} from "./Campaign.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice The pools, and who pushes them about.
abstract contract Pools is Campaign {
    function _poolAt(uint256 which) internal view returns (address pool, bool v2) {
        address[5] memory pools = [v3UsdcWeth, v2UsdcWbtc, v3WbtcWeth, v2UsdcLink, v3LinkWeth];
        return (pools[which % 5], which % 5 == 1 || which % 5 == 3);
    }

    function _sideOf(address pool, bool first) internal view returns (address) {
        return first ? IPoolV3(pool).token0() : IPoolV3(pool).token1();
    }

    /// @dev Somebody brings every pool to the true price.
    function _toTruth() internal {
        for (uint256 i; i < 5; ++i) {
            (address pool, bool v2) = _poolAt(i);
            (WorldToken t0, WorldToken t1) = (WorldToken(IPairV2(pool).token0()), WorldToken(IPairV2(pool).token1()));
            if (v2) _toPriceV2(pool, t0, t1);
            else _toRoot(pool, uint160(Math.sqrt(Math.mulDiv(_trueX(t0), 1 << 192, _trueX(t1)))));
        }
    }

    /// @dev The product stays, nearly: in = sqrt(product * price ratio) - reserve.
    function _toPriceV2(address pair, WorldToken t0, WorldToken t1) private {
        (uint256 r0, uint256 r1,) = IPairV2(pair).getReserves();
        uint256 want0 = Math.sqrt(Math.mulDiv(r0 * r1, _trueX(t1), _trueX(t0)));
        if (want0 > r0 + r0 / 1e6) return _pushV2(pair, t0, (want0 - r0) * 1000 / 997);
        uint256 want1 = r0 * r1 / want0;
        if (want1 > r1 + r1 / 1e6) _pushV2(pair, t1, (want1 - r1) * 1000 / 997);
    }

    /// @dev Somebody sells so much of a token into a pool that its price there falls by so many millionths, about.
    function _lean(address pool, bool v2, WorldToken tokenIn, uint256 ppm) internal {
        bool first = address(tokenIn) == _sideOf(pool, true);
        if (!v2) {
            uint256 root = IPoolV3(pool).slot0();
            return
                _toRoot(pool, uint160(first ? root * (2 * PPM - ppm) / (2 * PPM) : root * (2 * PPM + ppm) / (2 * PPM)));
        }
        (uint256 reserve0, uint256 reserve1,) = IPairV2(pool).getReserves();
        uint256 amount = (first ? reserve0 : reserve1) * ppm / (2 * PPM);
        if (amount > 1e3) _pushV2(pool, tokenIn, amount);
    }

    /// @dev |pool price / oracle price - 1|, bps, rounded down.
    function _deviationBps(address pool) internal view returns (uint256) {
        (WorldToken t0, WorldToken t1) = (WorldToken(IPairV2(pool).token0()), WorldToken(IPairV2(pool).token1()));
        uint256 ppb; // pool price over oracle price, times 1e9
        if (pool == v2UsdcWbtc || pool == v2UsdcLink) {
            (uint256 r0, uint256 r1,) = IPairV2(pool).getReserves();
            ppb = Math.mulDiv(r1 * _priceX(t1), 1e9, r0 * _priceX(t0));
        } else {
            uint256 root = IPoolV3(pool).slot0();
            ppb = Math.mulDiv(Math.mulDiv(root, root, 1 << 96), 1e9 * _priceX(t1) / 1e9, 1 << 96) * 1e9 / _priceX(t0);
        }
        return (ppb > 1e9 ? ppb - 1e9 : 1e9 - ppb) / 1e5;
    }
}
