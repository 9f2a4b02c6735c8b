// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRangePool} from "../../../contracts/interfaces/IRangeVault.sol";
import {IPairV2} from "../../../contracts/interfaces/External.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {IV2Mint, IV3Mint} from "../Markets.sol";
import {Law} from "./Law.sol";
import {Pools} from "./Pools.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

interface IPairBurn {
    function burn(address to) external returns (uint256, uint256);
}

/// @notice The stolen keys, in the campaigns that have a thief: keeper and sentinel, money without end, and every pool in
/// hand, whose only provider the thief is. He comes and goes as a holder, too. Since tokens are conserved (A-1, A-6), what
/// a share has lost is what he has gained; interest and the market's own moves are nobody's theft and are left out.
abstract contract Thief is Pools {
    uint256 private constant X = 1e36;
    string internal constant THIEF_VERBS = "provide(uint256,uint256,uint256) garbage(uint256,uint256) wait_(uint256)"
        " dismiss(uint256,uint256) round(uint256,uint256,uint256) gift(uint256,uint256,uint256) leave(uint256,uint256)"
        " sandwich(uint256,uint256,uint256)";

    /// @dev Whether this campaign has a thief.
    bool internal stolen;

    /// @dev Liquidity of the thief's own round a pool's price.
    struct Narrow {
        int24 lower;
        int24 upper;
        uint128 liquidity;
    }

    mapping(address pool => Narrow) private _narrow;
    /// @dev What a share lost to the market and to its lender.
    int256 internal outsideX;
    /// @dev What actions sold per share, rescues included, times what the feeds were off among each other.
    uint256 private _offX;
    /// @dev What a share lost by actions, at the true prices.
    int256 internal takenTrueX;
    uint256 private _trueThen;

    function _shareX(uint256[] memory prices) internal view returns (uint256) {
        return Math.mulDiv(_navAt(prices), X, _supply());
    }

    function _truePrices() internal view returns (uint256[] memory prices) {
        WorldToken[] memory tokens = _held();
        prices = new uint256[](tokens.length);
        for (uint256 i; i < prices.length; ++i) {
            prices[i] = _trueX(tokens[i]);
        }
    }

    /// @dev Around an action, a ripcord's too.
    function _acting() internal virtual {
        if (stolen) _trueThen = _shareX(_truePrices());
    }

    function _acted() internal virtual {
        if (stolen) takenTrueX += int256(_trueThen) - int256(_shareX(_truePrices()));
    }

    /// @dev Time passes, and interest with it.
    function _elapse(uint256 elapsed) internal {
        if (!stolen) return _pass(elapsed);
        uint256 before = _shareX(_prices());
        _pass(elapsed);
        outsideX += int256(before) - int256(_shareX(_prices()));
    }

    /// @dev What urgent losses refill to in a day, per share.
    function _urgentX() internal view virtual returns (uint256) {
        return 0;
    }

    function _takenX() private view returns (int256) {
        return int256(startShareX) - int256(_shareX(_prices())) - outsideX;
    }

    function _boundX() private view returns (uint256) {
        uint256 most = peakX * widestDailyLoss / BPS + _urgentX();
        return most + most * (vm.getBlockTimestamp() - startedAt) / PERIOD;
    }

    /// @notice What was taken so far at the feeds' prices, millionths of the bound.
    function takenPpm() external view returns (int256) {
        return _takenX() * int256(PPM) / int256(_boundX());
    }

    /// @dev What is sold at the true price of the token that the feeds tell most wrongly, for the one they tell most
    /// wrongly the other way, is off by as much.
    function _turned(uint256 shareX) internal {
        if (!stolen) return;
        (uint256 least, uint256 most) = (type(uint256).max, 0);
        WorldToken[4] memory all = [usdc, weth, wbtc, link];
        for (uint256 i; i < 4; ++i) {
            uint256 ppm = truePpm[address(all[i])];
            (least, most) = (Math.min(least, ppm), Math.max(most, ppm));
        }
        _offX += Math.mulDiv(shareX, most - least, least, Math.Rounding.Ceil);
    }

    /// @dev At true prices what the feeds tell of a loss is itself off.
    function _requireBound() internal view override {
        if (!stolen) return super._requireBound();
        uint256 mostX = _boundX() * (PPM + OFF_PPM) / (PPM - OFF_PPM);
        assertLe(takenTrueX, int256(mostX + _offX + _dustX()), Law.SK1);
        assertLe(_takenX(), int256(_boundX() + _dustX()), Law.SK2);
    }

    /// @notice The thief takes liquidity out of a pool, puts it back, or puts some round the pool's price and burns it the
    /// next time.
    function provide(uint256 which, uint256 permille, uint256 how) external verb {
        (address pool, bool v2) = _poolAt(which);
        permille = _bound(permille, 1, how % 8 == 0 ? 980 : 600);
        if (v2) return _provideV2(pool, permille, how % 2 == 0);
        int24 spacing = IV3Mint(pool).tickSpacing();
        int24 edge = 887_272 / spacing * spacing;
        uint128 whole = _liquidityOf(pool, -edge, edge);
        uint128 part = uint128(whole * permille / 1_000);
        if (how % 3 == 0) return _burn(pool, -edge, edge, part);
        if (how % 3 == 1) return _mint(pool, -edge, edge, part);
        Narrow memory narrow = _narrow[pool];
        if (narrow.liquidity > 0) _burn(pool, narrow.lower, narrow.upper, narrow.liquidity);
        (, int24 tick) = IRangePool(pool).slot0();
        narrow.lower = tick / spacing * spacing - spacing * int24(int256(1 + (how >> 8) % 20));
        narrow.upper = tick / spacing * spacing + spacing * int24(int256(1 + (how >> 16) % 20));
        narrow.liquidity = part * 10;
        _mint(pool, narrow.lower, narrow.upper, narrow.liquidity);
        _narrow[pool] = narrow;
    }

    function _liquidityOf(address pool, int24 lower, int24 upper) private view returns (uint128 liquidity) {
        (liquidity,,,,) = IRangePool(pool).positions(keccak256(abi.encodePacked(address(this), lower, upper)));
    }

    function _mint(address pool, int24 lower, int24 upper, uint128 liquidity) private {
        IV3Mint(pool).mint(address(this), lower, upper, liquidity, "");
    }

    function _burn(address pool, int24 lower, int24 upper, uint128 liquidity) private {
        IRangePool(pool).burn(lower, upper, liquidity);
        IRangePool(pool).collect(address(this), lower, upper, type(uint128).max, type(uint128).max);
    }

    function _provideV2(address pair, uint256 permille, bool out) private {
        if (out) {
            IERC20(pair).transfer(pair, IERC20(pair).balanceOf(address(this)) * permille / 1_000);
            IPairBurn(pair).burn(address(this));
            return;
        }
        (uint256 reserve0, uint256 reserve1,) = IPairV2(pair).getReserves();
        WorldToken(_sideOf(pair, true)).mint(pair, reserve0 * permille / 1_000);
        WorldToken(_sideOf(pair, false)).mint(pair, reserve1 * permille / 1_000);
        IV2Mint(pair).mint(address(this));
    }
}
