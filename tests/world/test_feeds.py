"""Feeds have Chainlink's shape and habits, and every way of being wrong that a keeper must notice."""

import pytest

from keeper.errors import Halt
from keeper.world import RunningWorld, calls, market
from keeper.world.content import SPECS

ROUND = "(uint80,int256,uint256,uint256,uint80)"
PHASE = 1 << 64


def latest(running: RunningWorld, symbol: str) -> tuple[int, int, int, int, int]:
    found: tuple[int, int, int, int, int] = calls.view(
        running.url, running.world.feed(symbol).address, "latestRoundData()", ROUND
    )
    return found


@pytest.mark.parametrize("symbol", SPECS)
def test_every_feed_is_fresh_and_says_the_starting_price(world: RunningWorld, symbol: str) -> None:
    feed = world.world.feed(symbol)
    identity, answer, started, updated, answered_in = latest(world, symbol)
    assert answer == SPECS[symbol].usd * 10**8
    assert started == updated == market.now(world)
    assert identity == answered_in > PHASE
    assert calls.view(world.url, feed.address, "decimals()", "(uint8)") == feed.decimals == 8
    assert calls.view(world.url, feed.address, "description()", "(string)") == feed.description


def test_the_gas_token_has_a_feed(world: RunningWorld) -> None:
    assert world.world.feed("ETH").description == "ETH / USD"


def test_rounds_grow_and_stay_readable(fork: RunningWorld) -> None:
    first = latest(fork, "LINK")
    market.push_price(fork, "LINK", 14.25)
    second = latest(fork, "LINK")
    assert second[0] == first[0] + 1
    assert second[1] == 1_425_000_000
    assert second[3] == market.now(fork) > first[3]
    feed = fork.world.feed("LINK").address
    assert calls.view(fork.url, feed, "getRoundData(uint80)", ROUND, first[0]) == first


@pytest.mark.parametrize("identity", [0, 1, PHASE, PHASE + 10**6, 2 * PHASE + 1])
def test_a_round_that_never_was_reverts(world: RunningWorld, identity: int) -> None:
    with pytest.raises(Halt):
        calls.view(world.url, world.world.feed("WETH").address, "getRoundData(uint80)", ROUND, identity)


@pytest.mark.parametrize("answer", [0, -1, 1])
def test_any_answer_can_be_pushed(fork: RunningWorld, answer: int) -> None:
    market.push_round(fork, "WBTC", answer)
    assert latest(fork, "WBTC")[1] == answer


@pytest.mark.parametrize("age", [-3_600, 0, 100_000])
def test_any_age_can_be_pushed(fork: RunningWorld, age: int) -> None:
    updated_at = market.now(fork) - age
    market.push_round(fork, "WBTC", 60_000 * 10**8, updated_at)
    assert latest(fork, "WBTC")[3] == updated_at


def test_a_feed_can_go_down_and_come_back(fork: RunningWorld) -> None:
    market.set_feed_down(fork, "USDC", True)
    with pytest.raises(Halt):
        latest(fork, "USDC")
    market.set_feed_down(fork, "USDC", False)
    assert latest(fork, "USDC")[1] == 10**8


def test_nobody_but_the_admin_writes(fork: RunningWorld) -> None:
    feed = fork.world.feed("WETH").address
    for function, values in (
        ("pushRound(int256)", (1,)),
        ("pushRoundAt(int256,uint256)", (1, 1)),
        ("setDown(bool)", (True,)),
    ):
        with pytest.raises(Halt, match="failed"):
            market.transact(fork, "trader", feed, function, *values)
    with pytest.raises(Halt, match="failed"):
        market.transact(fork, "trader", fork.world.token("USDC").address, "mint(address,uint256)", feed, 1)
