// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPairV2, IPoolV3} from "../../contracts/interfaces/External.sol";
import {Feed, Leg, Limits, Order, Venue} from "../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup, TokenFeed} from "../../contracts/interfaces/Setup.sol";
import {WorldFeed} from "../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../contracts/world/WorldToken.sol";
import {Artefacts} from "./Artefacts.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

interface IV2Factory {
    function createPair(address a, address b) external returns (address);
}

interface IV2Mint {
    function mint(address to) external returns (uint256);
}

interface IV3Factory {
    function createPool(address a, address b, uint24 fee) external returns (address);
}

interface IV3Mint {
    function initialize(uint160 sqrtPriceX96) external;
    function tickSpacing() external view returns (int24);
    function mint(address to, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
}

/// @notice Four tokens with feeds, and deep Uniswap pools at the feeds' prices. LINK is nobody's holding: an
/// intermediate token.
abstract contract Markets is Artefacts {
    uint8 internal constant V2 = 1;
    uint8 internal constant V3 = 2;
    uint256 internal constant START = 1_700_000_000;
    uint32 internal constant HEARTBEAT = 3_600;

    address internal owner = makeAddr("owner");
    address internal curator = makeAddr("curator");
    address internal keeper = makeAddr("keeper");
    address internal sentinel = makeAddr("sentinel");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");

    WorldToken internal usdc;
    WorldToken internal weth;
    WorldToken internal wbtc;
    WorldToken internal link;
    mapping(address token => WorldFeed) internal feeds;

    address internal v3UsdcWeth;
    address internal v2UsdcWbtc;
    address internal v3WbtcWeth;
    address internal v2UsdcLink;
    address internal v3LinkWeth;

    function _openMarkets() internal {
        vm.warp(START);
        usdc = _token("USDC", 6, 1e8);
        weth = _token("WETH", 18, 3_000e8);
        wbtc = _token("WBTC", 8, 60_000e8);
        link = _token("LINK", 18, 15e8);
        (address f2, address f3) = (_deployV2Factory(), _deployV3Factory());
        v3UsdcWeth = _poolV3(f3, usdc, weth, 500, 50_000_000);
        v2UsdcWbtc = _pairV2(f2, usdc, wbtc, 50_000_000);
        v3WbtcWeth = _poolV3(f3, wbtc, weth, 3_000, 50_000_000);
        v2UsdcLink = _pairV2(f2, usdc, link, 50_000_000);
        v3LinkWeth = _poolV3(f3, link, weth, 3_000, 50_000_000);
    }

    function _token(string memory symbol, uint8 decimals, int256 answer) internal returns (WorldToken token) {
        token = _newToken(symbol, decimals);
        feeds[address(token)] = new WorldFeed(symbol, 8, answer);
    }

    /// @dev A world of other tokens makes them here.
    function _newToken(string memory symbol, uint8 decimals) internal virtual returns (WorldToken) {
        return new WorldToken(symbol, symbol, decimals);
    }

    /// @dev Oracle price of a raw unit, times 1e36, from the rule and not from the contracts.
    function _priceX(WorldToken token) internal view returns (uint256) {
        (, int256 answer,,,) = feeds[address(token)].latestRoundData();
        return uint256(answer) * 10 ** (28 - token.decimals());
    }

    /// @dev Raw amount worth so many dollars.
    function _usd(WorldToken token, uint256 dollars) internal view returns (uint256) {
        return dollars * 1e36 / _priceX(token);
    }

    function _pairV2(address factory, WorldToken a, WorldToken b, uint256 dollars) internal returns (address pair) {
        pair = IV2Factory(factory).createPair(address(a), address(b));
        a.mint(pair, _usd(a, dollars));
        b.mint(pair, _usd(b, dollars));
        IV2Mint(pair).mint(address(this));
    }

    /// @dev Liquidity over the whole range: a side holds so many dollars.
    function _poolV3(address factory, WorldToken a, WorldToken b, uint24 fee, uint256 dollars)
        internal
        returns (address pool)
    {
        pool = IV3Factory(factory).createPool(address(a), address(b), fee);
        (WorldToken t0, WorldToken t1) = address(a) < address(b) ? (a, b) : (b, a);
        uint256 ratioX192 = Math.mulDiv(_priceX(t0), 1 << 192, _priceX(t1));
        IV3Mint(pool).initialize(uint160(Math.sqrt(ratioX192)));
        uint256 liquidity = Math.sqrt(_usd(t0, dollars) * _usd(t1, dollars));
        int24 edge = 887_272 / IV3Mint(pool).tickSpacing() * IV3Mint(pool).tickSpacing();
        IV3Mint(pool).mint(address(this), -edge, edge, uint128(liquidity), "");
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        WorldToken(IPoolV3(msg.sender).token0()).mint(msg.sender, owed0);
        WorldToken(IPoolV3(msg.sender).token1()).mint(msg.sender, owed1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        (address token, int256 owed) =
            delta0 > 0 ? (IPoolV3(msg.sender).token0(), delta0) : (IPoolV3(msg.sender).token1(), delta1);
        WorldToken(token).mint(msg.sender, uint256(owed));
    }

    /// @dev Somebody else sells so much into a V3 pool.
    function _push(address pool, WorldToken tokenIn, uint256 amount) internal {
        bool zeroForOne = address(tokenIn) == IPoolV3(pool).token0();
        uint160 limit = zeroForOne ? 4295128740 : 1461446703485210103287273052203988822378723970341;
        IPoolV3(pool).swap(address(this), zeroForOne, int256(amount), limit, "");
    }

    /// @dev Somebody brings a V3 pool to exactly this root price.
    function _toRoot(address pool, uint160 root) internal {
        uint160 found = IPoolV3(pool).slot0();
        if (found != root) IPoolV3(pool).swap(address(this), root < found, type(int256).max, root, "");
    }

    function _pushV2(address pair, WorldToken tokenIn, uint256 amount) internal {
        (uint256 reserveIn, uint256 reserveOut,) = IPairV2(pair).getReserves();
        bool zeroForOne = address(tokenIn) == IPairV2(pair).token0();
        if (!zeroForOne) (reserveIn, reserveOut) = (reserveOut, reserveIn);
        tokenIn.mint(pair, amount);
        uint256 out = amount * 997 * reserveOut / (reserveIn * 1000 + amount * 997);
        IPairV2(pair).swap(zeroForOne ? 0 : out, zeroForOne ? out : 0, address(this), "");
    }

    /// @dev Time passes, and every feed writes its answer again.
    function _pass(uint256 elapsed) internal {
        vm.warp(vm.getBlockTimestamp() + elapsed);
        WorldToken[4] memory all = [usdc, weth, wbtc, link];
        for (uint256 i; i < 4; ++i) {
            (, int256 answer,,,) = feeds[address(all[i])].latestRoundData();
            feeds[address(all[i])].pushRound(answer);
        }
    }

    // set-ups

    function _limits() internal pure returns (Limits memory) {
        return Limits({
            maxLossBps: 30,
            maxGainBps: 100,
            dailyLossBps: 100,
            maxDeviationBps: 100,
            maxTurnoverBps: 2_500,
            dailyTurnoverBps: 10_000,
            cooldown: 300
        });
    }

    function _feed(WorldToken token) internal view returns (Feed memory) {
        return Feed(address(feeds[address(token)]), HEARTBEAT, 1, 1e15);
    }

    function _guardSetup(WorldToken[] memory tokens) internal view returns (GuardSetup memory setup) {
        (setup.owner, setup.curator) = (owner, curator);
        (setup.keepers, setup.sentinels) = (_one(keeper), _one(sentinel));
        setup.tokens = new address[](tokens.length);
        for (uint256 i; i < tokens.length; ++i) {
            setup.tokens[i] = address(tokens[i]);
        }
        WorldToken[4] memory all = [usdc, weth, wbtc, link];
        setup.feeds = new TokenFeed[](4);
        for (uint256 i; i < 4; ++i) {
            setup.feeds[i] = TokenFeed(address(all[i]), _feed(all[i]));
        }
        setup.venues = new Venue[](5);
        setup.venues[0] = Venue(V3, v3UsdcWeth);
        setup.venues[1] = Venue(V2, v2UsdcWbtc);
        setup.venues[2] = Venue(V3, v3WbtcWeth);
        setup.venues[3] = Venue(V2, v2UsdcLink);
        setup.venues[4] = Venue(V3, v3LinkWeth);
        setup.limits = _limits();
    }

    function _one(address account) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }

    function _leg(uint8 adapter, address pool, WorldToken tokenIn, uint256 amountIn)
        internal
        pure
        returns (Leg memory)
    {
        return Leg(adapter, pool, address(tokenIn), amountIn, 0);
    }

    function _legs(Leg memory a) internal pure returns (Leg[] memory legs) {
        legs = new Leg[](1);
        legs[0] = a;
    }

    function _legs(Leg memory a, Leg memory b) internal pure returns (Leg[] memory legs) {
        legs = new Leg[](2);
        (legs[0], legs[1]) = (a, b);
    }
}
