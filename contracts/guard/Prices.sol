// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregator} from "../interfaces/External.sol";
import {IGuardErrors} from "../interfaces/IGuardErrors.sol";
import {Feed} from "../interfaces/IKeeperVault.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @dev A feed as stored. `exponent` = 36 - feed decimals - token decimals, so that
/// priceX = answer * 10**exponent is the price of one raw unit of the token, times 1e36, exactly.
struct PricedFeed {
    address aggregator;
    uint32 heartbeat;
    uint8 exponent;
    int256 minAnswer;
    int256 maxAnswer;
}

/// @dev Why an answer cannot be used, in the order of the checks.
enum Fault {
    None,
    Missing,
    Unreadable,
    NotPositive,
    Incomplete,
    Future,
    Stale,
    Minimum,
    Maximum
}

struct Round {
    uint80 id;
    int256 answer;
    uint256 updatedAt;
}

/// @notice Reads Chainlink-shaped feeds and refuses every answer that cannot be trusted.
library Prices {
    /// @dev A longer heartbeat is no price.
    uint32 internal constant MAX_HEARTBEAT = 7 days;

    /// @notice Checks a feed's shape and fixes its scale. Reverts `FeedInvalid`.
    /// @dev The bounds are positive so that the sign check and they cannot contradict each other.
    function admit(address token, Feed memory feed) internal view returns (PricedFeed memory) {
        bool shaped = feed.aggregator.code.length > 0 && feed.heartbeat > 0 && feed.heartbeat <= MAX_HEARTBEAT
            && feed.minAnswer >= 0 && feed.maxAnswer > feed.minAnswer && feed.maxAnswer <= type(int128).max;
        if (!shaped) revert IGuardErrors.FeedInvalid(token);
        uint256 decimals = uint256(IAggregator(feed.aggregator).decimals()) + IERC20Metadata(token).decimals();
        if (decimals > 36) revert IGuardErrors.FeedInvalid(token);
        return PricedFeed(feed.aggregator, feed.heartbeat, uint8(36 - decimals), feed.minAnswer, feed.maxAnswer);
    }

    /// @notice Price of one raw unit of `token` in the quote currency, times 1e36. Reverts with the fault's own error.
    function demand(PricedFeed storage feed, address token) internal view returns (uint256 priceX) {
        (Fault fault, Round memory round) = peek(feed);
        if (fault != Fault.None) _refuse(fault, feed, token, round);
        return scaled(feed, round);
    }

    /// @dev Only after `peek` found no fault: the answer is positive.
    function scaled(PricedFeed storage feed, Round memory round) internal view returns (uint256 priceX) {
        return uint256(round.answer) * 10 ** feed.exponent;
    }

    /// @notice The latest round and what is wrong with it. Never reverts.
    function peek(PricedFeed storage feed) internal view returns (Fault, Round memory round) {
        address aggregator = feed.aggregator;
        if (aggregator == address(0)) return (Fault.Missing, round);
        (bool ok, bytes memory data) = aggregator.staticcall(abi.encodeCall(IAggregator.latestRoundData, ()));
        if (!ok || data.length < 160) return (Fault.Unreadable, round);
        uint256 id;
        (id, round.answer,, round.updatedAt) = abi.decode(data, (uint256, int256, uint256, uint256));
        round.id = uint80(id);
        if (round.answer <= 0) return (Fault.NotPositive, round);
        if (round.updatedAt == 0) return (Fault.Incomplete, round);
        if (round.updatedAt > block.timestamp) return (Fault.Future, round);
        if (block.timestamp - round.updatedAt > maxAge(feed)) return (Fault.Stale, round);
        if (round.answer <= feed.minAnswer) return (Fault.Minimum, round);
        if (round.answer >= feed.maxAnswer) return (Fault.Maximum, round);
        return (Fault.None, round);
    }

    /// @dev Heartbeat and 10 % more, rounded down, seconds.
    function maxAge(PricedFeed storage feed) internal view returns (uint256) {
        return uint256(feed.heartbeat) * 11 / 10;
    }

    function _refuse(Fault fault, PricedFeed storage feed, address token, Round memory round) private view {
        if (fault == Fault.Missing) revert IGuardErrors.FeedMissing(token);
        if (fault == Fault.Unreadable) revert IGuardErrors.FeedUnreadable(token, feed.aggregator);
        if (fault == Fault.NotPositive) revert IGuardErrors.PriceNotPositive(token, round.answer);
        if (fault == Fault.Incomplete) revert IGuardErrors.RoundIncomplete(token, round.id);
        if (fault == Fault.Future) revert IGuardErrors.PriceFromFuture(token, round.updatedAt, block.timestamp);
        if (fault == Fault.Stale) {
            revert IGuardErrors.PriceStale(token, block.timestamp - round.updatedAt, maxAge(feed));
        }
        if (fault == Fault.Minimum) revert IGuardErrors.PriceAtOrBelowMinimum(token, round.answer, feed.minAnswer);
        revert IGuardErrors.PriceAtOrAboveMaximum(token, round.answer, feed.maxAnswer);
    }
}
