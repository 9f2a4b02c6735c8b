"""Chainlink-shaped price feeds: the latest round, judged as a vault judges it, with its price exact."""

from collections.abc import Sequence
from typing import Any

from keeper.model import Failed, Feed, Question, Read, Round
from keeper.protocols import wire
from keeper.units import Address, PriceX36, Timestamp

PRICE_DECIMALS = 36


def observe(feed: Feed, token_decimals: int, timestamp: Timestamp) -> Question[Round]:
    """Asks a feed for its latest round, to be used at a block of `timestamp`.

    The answer never raises: a feed that cannot be read is a round with a `problem`.
    """

    def build(answers: Sequence[Any]) -> Round:
        latest, decimals = answers
        for answer in answers:
            if isinstance(answer, Failed):
                return _unusable(feed.token, feed.aggregator, f"the feed cannot be read: {answer.reason}")
        round_id, answer, updated_at = latest
        return judge(feed, round_id, answer, decimals, Timestamp(updated_at), token_decimals, timestamp)

    return Question(reads(feed.aggregator), build)


def reads(aggregator: Address) -> tuple[Read, Read]:
    """latestRoundData() as (round id, answer, updated at), and decimals()."""
    return (
        Read(aggregator, wire.calldata("latestRoundData()"), _latest),
        Read(aggregator, wire.calldata("decimals()"), wire.uint),
    )


def past_round(aggregator: Address, round_id: int) -> Read:
    """A past round as (round id, answer, updated at); of a proxy the phase is in the id's upper bits."""
    return Read(aggregator, wire.calldata("getRoundData(uint80)", round_id), _latest)


def phase(aggregator: Address, number: int) -> Read:
    """The aggregator that a proxy asked in an earlier phase."""
    return Read(aggregator, wire.calldata("phaseAggregators(uint16)", number), wire.address)


def latest_round(aggregator: Address) -> Read:
    """The id of an aggregator's last round, without a phase."""
    return Read(aggregator, wire.calldata("latestRound()"), wire.uint)


def judge(
    feed: Feed,
    round_id: int,
    answer: int,
    decimals: int,
    updated_at: Timestamp,
    token_decimals: int,
    timestamp: Timestamp,
) -> Round:
    """The round with its price and what is wrong with it, in the order in which the vault's guard checks."""
    exponent = PRICE_DECIMALS - decimals - token_decimals
    problem = _problem(feed, answer, updated_at, timestamp)
    if exponent < 0:
        problem = f"the feed's {decimals} decimals and the token's {token_decimals} are more than {PRICE_DECIMALS}"
    price = PriceX36(answer * 10**exponent if answer > 0 and exponent >= 0 else 0)
    return Round(feed.token, feed.aggregator, round_id, answer, decimals, updated_at, price, problem)


def max_age_s(feed: Feed) -> int:
    """Seconds after which an answer is stale: the heartbeat and 10 % more, rounded down."""
    return feed.heartbeat_s * 11 // 10


def _problem(feed: Feed, answer: int, updated_at: Timestamp, timestamp: Timestamp) -> str:
    if answer <= 0:
        return f"the answer is {answer}, expected a positive one"
    if updated_at == 0:
        return "the round is not complete: it has no time"
    if updated_at > timestamp:
        return f"the answer is from {updated_at - timestamp} s after the block"
    if timestamp - updated_at > max_age_s(feed):
        return f"the answer is {timestamp - updated_at} s old, expected at most {max_age_s(feed)} s"
    if answer <= feed.min_answer:
        return f"the answer {answer} is at or below the feed's lower bound {feed.min_answer}"
    if answer >= feed.max_answer:
        return f"the answer {answer} is at or above the feed's upper bound {feed.max_answer}"
    return ""


def _unusable(token: Address, aggregator: Address, problem: str) -> Round:
    return Round(token, aggregator, 0, 0, 0, Timestamp(0), PriceX36(0), problem)


def _latest(data: bytes) -> tuple[int, int, int]:
    round_id, answer, _, updated_at, _ = wire.words(data, 5)
    return round_id, wire.signed(answer), updated_at
