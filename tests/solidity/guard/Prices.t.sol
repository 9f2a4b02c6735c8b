// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PricedFeed, Prices} from "../../../contracts/guard/Prices.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Feed} from "../../../contracts/interfaces/IKeeperVault.sol";
import {WorldFeed} from "../../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Test} from "forge-std/Test.sol";

/// @notice One feed at a time: what is refused at configuration, what is refused of an answer, what the price then is.
contract PricesTest is Test {
    using Prices for PricedFeed;

    uint32 private constant HEARTBEAT = 3_600;
    PricedFeed private feed;
    WorldToken private token;
    WorldFeed private source;

    function setUp() public {
        vm.warp(1_700_000_000);
        _admit(18, 8);
    }

    // configuration

    function test_admit_RefusesAMisshapenFeed() public {
        Feed[7] memory bad = [
            Feed(makeAddr("no code"), HEARTBEAT, 1, 2),
            Feed(address(source), 0, 1, 2),
            Feed(address(source), 7 days + 1, 1, 2),
            Feed(address(source), HEARTBEAT, -1, 2),
            Feed(address(source), HEARTBEAT, 2, 2),
            Feed(address(source), HEARTBEAT, 3, 2),
            Feed(address(source), HEARTBEAT, 1, int256(type(int128).max) + 1)
        ];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.FeedInvalid.selector, address(token)));
            this.admit(bad[i]);
        }
    }

    function test_admit_RefusesMoreDecimalsThanAPriceHas() public {
        source = new WorldFeed("feed", 19, 1);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.FeedInvalid.selector, address(token)));
        this.admit(Feed(address(source), HEARTBEAT, 0, 2));
        source = new WorldFeed("feed", 18, 1);
        this.admit(Feed(address(source), HEARTBEAT, 0, 2));
        assertEq(feed.demand(address(token)), 1);
    }

    function test_admit_TakesAWeekAndAllThatFits() public {
        this.admit(Feed(address(source), 7 days, 0, type(int128).max));
        this.admit(Feed(address(source), 1, type(int128).max - 1, type(int128).max));
    }

    // answers, in the order of the checks

    function test_C17_demand_RefusesAMissingFeed() public {
        delete feed;
        _refused(abi.encodeWithSelector(IGuardErrors.FeedMissing.selector, address(token)));
    }

    function test_C17_demand_RefusesAFeedThatReverts() public {
        source.setDown(true);
        _refused(abi.encodeWithSelector(IGuardErrors.FeedUnreadable.selector, address(token), address(source)));
    }

    function test_C17_demand_RefusesAnAnswerTooShort() public {
        bytes memory question = abi.encodeCall(source.latestRoundData, ());
        bytes memory reason =
            abi.encodeWithSelector(IGuardErrors.FeedUnreadable.selector, address(token), address(source));
        bytes memory answer = abi.encode(1, 100e8, block.timestamp, block.timestamp, 1);
        vm.mockCall(address(source), question, answer);
        feed.demand(address(token));
        assembly ("memory-safe") {
            mstore(answer, 159)
        }
        vm.mockCall(address(source), question, answer);
        _refused(reason);
    }

    /// @dev Whatever comes with a revert is no answer.
    function test_C17_demand_RefusesAnAnswerThatIsARevert() public {
        vm.mockCallRevert(
            address(source),
            abi.encodeCall(source.latestRoundData, ()),
            abi.encode(1, 100e8, block.timestamp, block.timestamp, 1)
        );
        _refused(abi.encodeWithSelector(IGuardErrors.FeedUnreadable.selector, address(token), address(source)));
    }

    function test_C17_demand_RefusesAFeedWithoutCode() public {
        feed.aggregator = makeAddr("no code");
        _refused(abi.encodeWithSelector(IGuardErrors.FeedUnreadable.selector, address(token), feed.aggregator));
    }

    function test_C17_demand_RefusesZeroAndLess() public {
        source.pushRound(0);
        _refused(abi.encodeWithSelector(IGuardErrors.PriceNotPositive.selector, address(token), 0));
        source.pushRound(-1);
        _refused(abi.encodeWithSelector(IGuardErrors.PriceNotPositive.selector, address(token), -1));
    }

    function test_C17_demand_RefusesAnIncompleteRound() public {
        source.pushRoundAt(100e8, 0);
        _refused(
            abi.encodeWithSelector(IGuardErrors.RoundIncomplete.selector, address(token), uint80(source.latestRound()))
        );
    }

    function test_C17_demand_RefusesAPriceFromTheFuture() public {
        source.pushRoundAt(100e8, block.timestamp + 1);
        _refused(
            abi.encodeWithSelector(
                IGuardErrors.PriceFromFuture.selector, address(token), block.timestamp + 1, block.timestamp
            )
        );
    }

    function test_C17_demand_RefusesAStalePrice() public {
        source.pushRoundAt(100e8, block.timestamp - 3_960);
        feed.demand(address(token)); // the heartbeat and 10 % more, to the second
        source.pushRoundAt(100e8, block.timestamp - 3_961);
        _refused(abi.encodeWithSelector(IGuardErrors.PriceStale.selector, address(token), 3_961, 3_960));
    }

    function test_C17_demand_RefusesAPriceAtItsBounds() public {
        source.pushRound(10e8);
        _refused(abi.encodeWithSelector(IGuardErrors.PriceAtOrBelowMinimum.selector, address(token), 10e8, 10e8));
        source.pushRound(1_000e8);
        _refused(abi.encodeWithSelector(IGuardErrors.PriceAtOrAboveMaximum.selector, address(token), 1_000e8, 1_000e8));
        source.pushRound(10e8 + 1);
        feed.demand(address(token));
        source.pushRound(1_000e8 - 1);
        feed.demand(address(token));
    }

    // the price

    /// @dev priceX = answer * 10**(36 - feed decimals - token decimals), exactly, for all decimals that fit.
    function testFuzz_C27_demand_IsExact(uint8 tokenDecimals, uint8 feedDecimals, int256 answer) public {
        tokenDecimals = uint8(bound(tokenDecimals, 0, 24));
        feedDecimals = uint8(bound(feedDecimals, 0, 36 - tokenDecimals));
        answer = bound(answer, 1, type(int128).max - 1);
        token = new WorldToken("T", "T", tokenDecimals);
        source = new WorldFeed("feed", feedDecimals, answer);
        this.admit(Feed(address(source), HEARTBEAT, 0, type(int128).max));
        uint256 expected = uint256(answer);
        for (uint256 i = uint256(tokenDecimals) + feedDecimals; i < 36; ++i) {
            expected *= 10;
        }
        assertEq(feed.demand(address(token)), expected);
    }

    function admit(Feed memory candidate) external {
        feed = Prices.admit(address(token), candidate);
    }

    function demand() external view returns (uint256) {
        return feed.demand(address(token));
    }

    function _admit(uint8 tokenDecimals, uint8 feedDecimals) private {
        token = new WorldToken("T", "T", tokenDecimals);
        source = new WorldFeed("feed", feedDecimals, 100e8);
        this.admit(Feed(address(source), HEARTBEAT, 10e8, 1_000e8));
    }

    function _refused(bytes memory reason) private {
        vm.expectRevert(reason);
        this.demand();
    }
}
