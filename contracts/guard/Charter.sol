// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPairV2, IPool2Tokens, IPoolV3} from "../interfaces/External.sol";
import {Feed, Leg, Limits, Venue} from "../interfaces/IKeeperVault.sol";
import {TokenFeed} from "../interfaces/Setup.sol";
import {Fault, PricedFeed, Prices, Round} from "./Prices.sol";
import {Roles} from "./Roles.sol";
import {Sequencer} from "./Sequencer.sol";
import {UNISWAP_V2, UNISWAP_V3} from "./Swaps.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @dev An allow-listed pool, its tokens read once when it was listed. Removed, it serves rescues only.
struct Route {
    uint8 adapter;
    bool removed;
    address token0;
    address token1;
}

/// @notice What a vault's keeper may touch: the tokens, the feeds that price them, the pools that legs may use, the limits.
/// @dev Calls nothing that changes state.
abstract contract Charter is Roles {
    using Prices for PricedFeed;

    uint256 public constant MAX_TOKENS = 8;
    uint256 public constant MAX_VENUES = 16;
    /// @notice Widest deviation of a pool from the oracle that any curator can allow, and that a rescue is always allowed.
    uint256 public constant MAX_DEVIATION_BPS = 1_000;
    uint256 internal constant BPS = 10_000;
    uint256 private constant Q96 = 2 ** 96;

    /// @notice Uptime feed of the L2's sequencer, 0 where there is none.
    address public immutable sequencer;
    mapping(address token => PricedFeed) private _feeds;
    mapping(address pool => Route) private _routes;
    address[] internal _tokens;
    Venue[] private _venues;
    Limits internal _limits;

    event FeedSet(address indexed token, Feed feed);
    event VenueAdded(uint8 adapter, address indexed pool);
    event VenueRemoved(address indexed pool);
    event LimitsSet(Limits limits);

    /// @dev Whether the action under way may meet pools as far off as MAX_DEVIATION_BPS.
    bool internal transient _rescuing;

    constructor(
        address[] memory tokens_,
        TokenFeed[] memory feeds,
        Venue[] memory venues_,
        Limits memory limits_,
        address sequencer_
    ) {
        sequencer = sequencer_;
        for (uint256 i; i < feeds.length; ++i) {
            _setFeed(feeds[i].token, feeds[i].feed);
        }
        if (tokens_.length == 0 || tokens_.length > MAX_TOKENS) revert TokenCountInvalid(tokens_.length, MAX_TOKENS);
        for (uint256 i; i < tokens_.length; ++i) {
            _requireFeed(tokens_[i]);
            for (uint256 j; j < i; ++j) {
                if (tokens_[i] == tokens_[j]) revert TokenRepeated(tokens_[i]);
            }
        }
        _tokens = tokens_;
        for (uint256 i; i < venues_.length; ++i) {
            _addVenue(venues_[i]);
        }
        _setLimits(limits_);
    }

    // configuration

    /// @notice Timelocked: the feed of a token that the vault holds or passes through.
    function setFeed(address token, Feed calldata feed) external unlocked onlyCurator {
        _requireWaited();
        _setFeed(token, feed);
        _advance();
    }

    /// @notice Timelocked: one more pool. Both its tokens must have a feed.
    function addVenue(Venue calldata venue) external unlocked onlyCurator {
        _requireWaited();
        _addVenue(venue);
        _advance();
    }

    /// @notice No action may use the pool any more, but a rescue, which is bounded by its loss: else whoever has a sentinel's
    /// key could take every way out of the debt away, and wait for the liquidation.
    function removeVenue(address pool) external unlocked onlySentinel {
        if (!_isListed(pool)) revert VenueNotAllowed(pool);
        _routes[pool].removed = true;
        uint256 last = _venues.length - 1;
        for (uint256 i; i < last; ++i) {
            if (_venues[i].pool == pool) _venues[i] = _venues[last];
        }
        _venues.pop();
        _advance();
        emit VenueRemoved(pool);
    }

    /// @notice Instant when no limit widens, timelocked otherwise.
    function setLimits(Limits calldata next) external unlocked onlyCurator {
        Limits memory present = _limits;
        bool tighter = next.maxLossBps <= present.maxLossBps && next.maxGainBps <= present.maxGainBps
            && next.dailyLossBps <= present.dailyLossBps && next.maxDeviationBps <= present.maxDeviationBps
            && next.maxTurnoverBps <= present.maxTurnoverBps && next.dailyTurnoverBps <= present.dailyTurnoverBps
            && next.cooldown >= present.cooldown;
        if (!tighter) _requireWaited();
        _setLimits(next);
        _advance();
    }

    // views

    /// @notice The tokens the vault accounts for, the base asset first.
    function tokens() external view returns (address[] memory) {
        return _tokens;
    }

    function feedOf(address token) external view returns (Feed memory) {
        PricedFeed storage feed = _feeds[token];
        return Feed(feed.aggregator, feed.heartbeat, feed.minAnswer, feed.maxAnswer);
    }

    function venues() external view returns (Venue[] memory) {
        return _venues;
    }

    function limits() external view returns (Limits memory) {
        return _limits;
    }

    // prices

    /// @notice Price of one raw unit of each of `tokens()`, times 1e36. Reverts with the first fault's own error, the
    /// sequencer's before those of the feeds.
    function pricesX() external view returns (uint256[] memory) {
        Sequencer.demand(sequencer);
        return pricesXToDerisk();
    }

    /// @notice As `pricesX`, whether or not the sequencer has been up: what takes risk away does not wait.
    function pricesXToDerisk() public view returns (uint256[] memory found) {
        found = new uint256[](_tokens.length);
        for (uint256 i; i < found.length; ++i) {
            found[i] = _priceX(_tokens[i]);
        }
    }

    /// @notice As `pricesX`, but no prices at all instead of a revert.
    function pricesXOrNone() external view returns (uint256[] memory found) {
        if (!Sequencer.isSafe(sequencer)) return found;
        found = new uint256[](_tokens.length);
        for (uint256 i; i < found.length; ++i) {
            PricedFeed storage feed = _feeds[_tokens[i]];
            (Fault fault, Round memory round) = feed.peek();
            if (fault != Fault.None) return new uint256[](0);
            found[i] = feed.scaled(round);
        }
    }

    /// @dev Latest round of each token's feed, usable or not.
    function _roundIds() internal view returns (uint256[] memory ids) {
        ids = new uint256[](_tokens.length);
        for (uint256 i; i < ids.length; ++i) {
            (, Round memory round) = _feeds[_tokens[i]].peek();
            ids[i] = round.id;
        }
    }

    function _priceX(address token) internal view returns (uint256) {
        return _feeds[token].demand(token);
    }

    function _isHeld(address token) internal view returns (bool) {
        uint256 count = _tokens.length;
        for (uint256 i; i < count; ++i) {
            if (_tokens[i] == token) return true;
        }
        return false;
    }

    // legs

    /// @notice Checks that a leg uses an allowed pool near the oracle's price; returns its output token.
    /// @dev Asked of all before the first leg and after the last, and of each immediately before it: a pool pushed away is
    /// not traded against, nor left so.
    function requireVenue(Leg calldata leg) public view returns (address tokenOut) {
        Route memory route = _routes[leg.pool];
        if (route.adapter == 0 || (route.removed && !_rescuing)) revert VenueNotAllowed(leg.pool);
        if (leg.adapter != route.adapter) revert AdapterMismatch(leg.pool, leg.adapter, route.adapter);
        if (leg.tokenIn != route.token0 && leg.tokenIn != route.token1) revert TokenNotInPool(leg.pool, leg.tokenIn);
        _requireNear(route, leg.pool);
        return leg.tokenIn == route.token0 ? route.token1 : route.token0;
    }

    /// @notice For a vault that holds a position in `pool`: checks that it is allowed and near the oracle's price.
    function requireNear(address pool) external view {
        if (!_isListed(pool)) revert VenueNotAllowed(pool);
        _requireNear(_routes[pool], pool);
    }

    function _isListed(address pool) private view returns (bool) {
        return _routes[pool].adapter != 0 && !_routes[pool].removed;
    }

    function _requireNear(Route memory route, address pool) private view {
        uint256 found = _deviationBpsUp(route, pool);
        uint256 most = _rescuing ? MAX_DEVIATION_BPS : _limits.maxDeviationBps;
        if (found > most) revert DeviationTooLarge(pool, found, most);
    }

    // internal

    function _setFeed(address token, Feed memory feed) private {
        _feeds[token] = Prices.admit(token, feed);
        emit FeedSet(token, feed);
    }

    function _requireFeed(address token) private view {
        if (_feeds[token].aggregator == address(0)) revert FeedMissing(token);
    }

    function _addVenue(Venue memory venue) private {
        if (venue.adapter != UNISWAP_V2 && venue.adapter != UNISWAP_V3) revert AdapterUnknown(venue.adapter);
        if (_venues.length == MAX_VENUES) revert VenueCountTooLarge(MAX_VENUES + 1, MAX_VENUES);
        if (_isListed(venue.pool)) revert VenueRepeated(venue.pool);
        (address token0, address token1) = (IPool2Tokens(venue.pool).token0(), IPool2Tokens(venue.pool).token1());
        if (token0 >= token1) revert VenueTokensUnsorted(venue.pool);
        _requireFeed(token0);
        _requireFeed(token1);
        _routes[venue.pool] = Route(venue.adapter, false, token0, token1);
        _venues.push(venue);
        emit VenueAdded(venue.adapter, venue.pool);
    }

    /// @dev The hard-coded maxima: no curator can go beyond them.
    function _setLimits(Limits memory next) private {
        _requireAtMost(next.maxLossBps, 300);
        _requireAtMost(next.maxGainBps, 500);
        _requireAtMost(next.dailyLossBps, 500);
        _requireAtMost(next.maxDeviationBps, MAX_DEVIATION_BPS);
        _requireAtMost(next.maxTurnoverBps, BPS);
        _requireAtMost(next.dailyTurnoverBps, 5 * BPS);
        _requireAtMost(next.cooldown, 1 days);
        _limits = next;
        emit LimitsSet(next);
    }

    function _requireAtMost(uint256 found, uint256 most) internal pure {
        if (found > most) revert LimitTooWide(found, most);
    }

    /// @notice How far the pool's marginal price is from the oracle's, bps of the oracle's, rounded up.
    /// Reverts `PoolEmpty` when the pool has no liquidity at its price.
    /// @dev The price of this moment, and no average of the past: it is held against the oracle and never used as a price.
    function _deviationBpsUp(Route memory route, address pool) private view returns (uint256) {
        (uint256 price0X, uint256 price1X) = (_priceX(route.token0), _priceX(route.token1));
        // The value of the pool's token1 side and of its token0 side in one unit: equal when the prices agree.
        (uint256 found, uint256 fair) = (0, price0X);
        if (route.adapter == UNISWAP_V2) {
            (uint112 reserve0, uint112 reserve1,) = IPairV2(pool).getReserves();
            if (reserve0 == 0 || reserve1 == 0) revert PoolEmpty(pool);
            (found, fair) = (reserve1 * price1X, reserve0 * price0X);
        } else {
            if (IPoolV3(pool).liquidity() == 0) revert PoolEmpty(pool);
            uint256 sqrtPriceX96 = IPoolV3(pool).slot0();
            found = Math.mulDiv(Math.mulDiv(price1X, sqrtPriceX96, Q96), sqrtPriceX96, Q96);
        }
        return Math.mulDiv(found > fair ? found - fair : fair - found, BPS, fair, Math.Rounding.Ceil);
    }
}
