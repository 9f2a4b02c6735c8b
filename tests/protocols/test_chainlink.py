"""Price feeds read from a feed's bytecode: refusals in the order of the guard's checks, then exact prices."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.model import Feed
from keeper.protocols import chainlink
from keeper.units import Address, Timestamp, address

TOKEN = Address("0x" + "11" * 20)
FEED_ARTEFACT = Path(__file__).resolve().parents[2] / "keeper/abi/WorldFeed.json"
HOUR = 3_600


@pytest.fixture
def chain(make_chain):
    return make_chain()


@pytest.fixture
def feed(chain) -> Feed:
    """ETH / USD of 8 decimals at 2,000, heard from every hour, believed between 1 and 100,000."""
    aggregator = chain.deploy(FEED_ARTEFACT, "string,uint8,int256", "ETH / USD", 8, 2_000 * 10**8)
    return Feed(TOKEN, address(aggregator), HOUR, 10**8, 10**13)


def _observe(chain, feed, token_decimals=18):
    return chain.ask(chainlink.observe(feed, token_decimals, Timestamp(chain.timestamp)))


def _push(chain, feed, answer, updated_at):
    chain.send(feed.aggregator, "pushRoundAt(int256,uint256)", answer, updated_at)


def test_a_feed_that_is_down_is_a_round_with_a_problem(chain, feed):
    chain.send(feed.aggregator, "setDown(bool)", True)
    seen = _observe(chain, feed)
    assert seen.problem.startswith("the feed cannot be read: ")
    assert (seen.token, seen.feed, seen.price_x36) == (TOKEN, feed.aggregator, 0)


def test_an_address_without_code_is_a_round_with_a_problem(chain):
    nowhere = Feed(TOKEN, Address("0x" + "22" * 20), HOUR, 1, 10**13)
    assert _observe(chain, nowhere).problem == "the feed cannot be read: expected 160 bytes, found 0"


@pytest.mark.parametrize("answer", [0, -1, -(2**190)])
def test_an_answer_that_is_not_positive_is_refused(chain, feed, answer):
    _push(chain, feed, answer, chain.timestamp)
    seen = _observe(chain, feed)
    assert seen.problem == f"the answer is {answer}, expected a positive one"
    assert seen.price_x36 == 0


def test_a_round_without_a_time_is_refused(chain, feed):
    _push(chain, feed, 10**11, 0)
    assert _observe(chain, feed).problem == "the round is not complete: it has no time"


def test_a_round_from_the_future_is_refused(chain, feed):
    _push(chain, feed, 10**11, chain.timestamp + 1)
    assert _observe(chain, feed).problem == "the answer is from 1 s after the block"


def test_a_round_is_stale_one_second_after_its_heartbeat_and_a_tenth(chain, feed):
    _push(chain, feed, 10**11, chain.timestamp)
    chain.wait(3_960)
    assert _observe(chain, feed).problem == ""
    chain.wait(1)
    assert _observe(chain, feed).problem == "the answer is 3961 s old, expected at most 3960 s"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (10**8 - 1, "at or below the feed's lower bound"),
        (10**8, "at or below the feed's lower bound"),
        (10**8 + 1, ""),
        (10**13 - 1, ""),
        (10**13, "at or above the feed's upper bound"),
        (10**13 + 1, "at or above the feed's upper bound"),
    ],
)
def test_an_answer_at_or_beyond_a_bound_is_refused(chain, feed, answer, problem):
    _push(chain, feed, answer, chain.timestamp)
    seen = _observe(chain, feed)
    assert problem in seen.problem
    assert bool(problem) == bool(seen.problem)


def test_decimals_that_leave_no_exact_price_are_refused(chain, feed):
    seen = _observe(chain, feed, token_decimals=29)
    assert seen.problem == "the feed's 8 decimals and the token's 29 are more than 36"
    assert seen.price_x36 == 0


def test_a_sound_round_keeps_its_phase_and_scales_exactly(chain, feed):
    """2,000 dollars a token of 10**18 raw units is 2000e36 / 1e18 a raw unit, times 10**36 over."""
    seen = _observe(chain, feed)
    assert (seen.problem, seen.round_id, seen.answer, seen.decimals) == ("", 2**64 + 1, 2_000 * 10**8, 8)
    assert seen.price_x36 == 2_000 * 10**18
    assert _observe(chain, feed, token_decimals=6).price_x36 == 2_000 * 10**30


@given(answer=st.integers(1, 2**190), decimals=st.integers(0, 18), token_decimals=st.integers(0, 18))
def test_a_price_loses_nothing(answer, decimals, token_decimals):
    feed = Feed(TOKEN, TOKEN, HOUR, 0, 2**191)
    seen = chainlink.judge(feed, 1, answer, decimals, Timestamp(1_000), token_decimals, Timestamp(1_000))
    assert seen.problem == ""
    assert seen.price_x36 * 10 ** (decimals + token_decimals) == answer * 10**36
