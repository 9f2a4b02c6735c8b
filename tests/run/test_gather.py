"""The past as a node tells it: every round, every hour's trades, gas and rates; and what is said where it does not."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper.chain.node import Node
from keeper.journal import Journal, Scan, open_journal
from keeper.model import Candles, Round, Series
from keeper.run import Keeper, open_keeper
from keeper.run.gather import Wanted, _joined, _spans, gather
from keeper.run.hours import BEGINNING, HOUR_S, HOURS, Gathered
from keeper.run.record import CODEC
from keeper.units import Address, PriceX36, Timestamp
from keeper.world import RunningWorld, calls, market, rpc
from tests.cli.conftest import Proxy, serving
from tests.run.settings import config

ROUNDS = 7
PRICES = (3_040.0, 2_950.0, 3_060.0, 2_980.0, 3_010.0, 2_900.0)


@pytest.fixture(scope="module")
def lived(fork: RunningWorld) -> Iterator[RunningWorld]:
    """The fork after six hours in which the market moved at ten minutes past each hour."""
    state = rpc.request(fork.url, "evm_snapshot")
    start = -(-market.now(fork) // HOUR_S) * HOUR_S
    for hour, usd in enumerate(PRICES):
        market.mine(fork, start + hour * HOUR_S + 600 - market.now(fork))
        market.move(fork, {"WETH": usd, "WBTC": 20.0 * usd})
    market.mine(fork, start + len(PRICES) * HOUR_S + 60 - market.now(fork))
    yield fork
    rpc.request(fork.url, "evm_revert", state)


@pytest.fixture(scope="module")
def keeper(lived: RunningWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    with open_keeper(config(lived, tmp_path_factory.mktemp("gather"))) as opened:
        yield opened


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(str(tmp_path / "journal.sqlite"), CODEC) as opened:
        yield opened


def token(running: RunningWorld, symbol: str) -> Address:
    return next(Address(t.address) for t in running.world.tokens if t.symbol == symbol)


def wanted(since: int, scans: dict[str, Scan] | None = None) -> Wanted:
    return Wanted(Timestamp(since), Timestamp(since), scans or {}, 120.0)


def first_hour(running: RunningWorld) -> int:
    return market.now(running) // HOUR_S * HOUR_S - len(PRICES) * HOUR_S


def candles_of(found: Gathered, address: Address) -> Candles:
    return next(c for c in found.candles if c.token == address)


def test_every_round_is_found_once_and_only_new_ones_are_asked_again(
    keeper: Keeper, lived: RunningWorld, journal: Journal
) -> None:
    found = gather(keeper.node, keeper.bound, wanted(0))
    assert found.trouble == ""
    feed = lived.world.feed("WETH").address
    latest = int(calls.view(lived.url, feed, "latestRound()", "(uint256)"))
    mine = sorted((r for r in found.rounds if r.feed == feed), key=lambda r: r.round_id)
    assert [r.round_id for r in mine] == list(range((1 << 64) + 1, latest + 1))
    assert [r.answer / 1e8 for r in mine[-len(PRICES) :]] == list(PRICES)
    scan = next(s for s in found.scans if s.source == f"rounds {feed}")
    assert (scan.until, scan.note) == (latest, "its first round")
    found.keep(journal, lived.world.chain_id)
    (series,) = journal.past.series(lived.world.chain_id, [token(lived, "WETH")], Timestamp(2**40))
    assert series.prices[-len(PRICES) :] == PRICES
    again = gather(keeper.node, keeper.bound, wanted(0, journal.past.scans(lived.world.chain_id)))
    assert again.rounds == []
    assert again.candles == []
    assert again.scans == [s for s in found.scans if s.source != HOURS]


def test_a_pool_s_hours_are_those_of_its_trades(keeper: Keeper, lived: RunningWorld) -> None:
    found = gather(keeper.node, keeper.bound, wanted(first_hour(lived)))
    weth = candles_of(found, token(lived, "WETH"))
    assert weth.ends == tuple(first_hour(lived) + (k + 1) * HOUR_S for k in range(len(PRICES)))
    assert weth.closes == pytest.approx(PRICES, rel=0.004)  # a pool rests within its fee of the oracle
    assert weth.opens[1:] == weth.closes[:-1]
    for low, high, opened, closed in zip(weth.lows, weth.highs, weth.opens, weth.closes, strict=True):
        assert low <= min(opened, closed) <= max(opened, closed) <= high
    assert token(lived, "USDC") not in {c.token for c in found.candles}
    wbtc = candles_of(found, token(lived, "WBTC"))
    assert wbtc.closes[-1] / wbtc.closes[0] == pytest.approx(PRICES[-1] / PRICES[0], rel=0.01)


def test_gas_is_the_last_and_least_base_fee_of_each_hour(keeper: Keeper, lived: RunningWorld) -> None:
    found = gather(keeper.node, keeper.bound, wanted(first_hour(lived)))
    gas = next(one for one in found.levels if one.name == "gas")
    assert len(gas.ends) == len(PRICES)
    head = int(rpc.request(lived.url, "eth_blockNumber"), 16)
    blocks = [rpc.request(lived.url, "eth_getBlockByNumber", hex(n), False) for n in range(head + 1)]
    for end, value, low in zip(gas.ends, gas.values, gas.lows, strict=True):
        fees = [int(b["baseFeePerGas"], 16) / 1e9 for b in blocks if end - HOUR_S < int(b["timestamp"], 16) <= end]
        assert (value, low) == (fees[-1], min(fees))


def test_before_the_chain_began_there_is_nothing_and_no_fault(keeper: Keeper, lived: RunningWorld) -> None:
    found = gather(keeper.node, keeper.bound, wanted(first_hour(lived) - 400 * HOUR_S))
    assert found.trouble == ""
    scan = next(s for s in found.scans if s.source == HOURS)
    assert scan.note == BEGINNING
    assert len(candles_of(found, token(lived, "WETH")).ends) >= len(PRICES)


def refusing(url: str, words: str) -> Any:
    """A node that keeps no logs."""

    def change(request: dict[str, Any]) -> dict[str, Any] | None:
        return {"error": {"code": -32000, "message": words}} if request["method"] == "eth_getLogs" else None

    return change


def test_without_logs_the_pools_own_observations_tell_prices(keeper: Keeper, lived: RunningWorld) -> None:
    with serving(Proxy(lived.url, refusing(lived.url, "history has been pruned for this block"))) as proxy:
        node = Node([proxy.url], lived.world.chain_id)
        found = gather(node, keeper.bound, wanted(first_hour(lived)))
        node.close()
    assert found.candles == []
    scan = next(s for s in found.scans if s.source == HOURS)
    assert "no logs of" in scan.note
    assert "pruned" in scan.note
    for series, source in found.series:
        assert source.startswith("pool 0x")
        told = dict(zip(series.timestamps, series.prices, strict=True))
        scale = 1.0 if series.token == token(lived, "WETH") else 20.0
        for at, price in told.items():
            hour = (at - first_hour(lived)) // HOUR_S - 1
            if hour >= 0:
                assert price == pytest.approx(scale * PRICES[min(hour, len(PRICES) - 1)], rel=0.004)


def test_a_node_that_returns_too_many_logs_is_asked_for_fewer(keeper: Keeper, lived: RunningWorld) -> None:
    asked = []

    def change(request: dict[str, Any]) -> dict[str, Any] | None:
        if request["method"] != "eth_getLogs":
            return None
        span = int(request["params"][0]["toBlock"], 16) - int(request["params"][0]["fromBlock"], 16)
        asked.append(span)
        return {"error": {"code": -32005, "message": "query returned more than 2 results"}} if span > 1 else None

    with serving(Proxy(lived.url, change)) as proxy:
        node = Node([proxy.url], lived.world.chain_id)
        found = gather(node, keeper.bound, wanted(first_hour(lived)))
        node.close()
    plain = gather(keeper.node, keeper.bound, wanted(first_hour(lived)))
    assert max(asked) > 1
    assert candles_of(found, token(lived, "WETH")) == candles_of(plain, token(lived, "WETH"))


def test_a_node_that_stops_answering_leaves_what_was_found(keeper: Keeper, lived: RunningWorld) -> None:
    def change(request: dict[str, Any]) -> dict[str, Any] | bytes | None:
        return b"<html>busy</html>" if request["method"] == "eth_getLogs" else None

    with serving(Proxy(lived.url, change)) as proxy:
        node = Node([proxy.url], lived.world.chain_id)
        found = gather(node, keeper.bound, wanted(first_hour(lived)))
        node.close()
    assert "malformed answer to eth_getLogs" in found.trouble
    assert found.rounds


def test_spans_are_what_was_not_read_newest_first() -> None:
    hours = [(a // HOUR_S, b // HOUR_S) for a, b in _spans(100 * HOUR_S + 5, 40 * HOUR_S, None)]
    assert hours == [(76, 100), (52, 76), (40, 52)]
    read = Scan(HOURS, Timestamp(60 * HOUR_S), 90 * HOUR_S)
    hours = [(a // HOUR_S, b // HOUR_S) for a, b in _spans(100 * HOUR_S + 5, 40 * HOUR_S, read)]
    assert hours == [(90, 100), (40, 60)]
    pruned = replace(read, note="no more")
    assert [(a // HOUR_S, b // HOUR_S) for a, b in _spans(100 * HOUR_S, 40 * HOUR_S, pruned)] == [(90, 100)]
    later = Scan(HOURS, Timestamp(90 * HOUR_S), 100 * HOUR_S)
    assert _joined(read, later) == Scan(HOURS, Timestamp(60 * HOUR_S), 100 * HOUR_S)
    apart = Scan(HOURS, Timestamp(95 * HOUR_S), 100 * HOUR_S)
    assert _joined(read, apart) == apart


def test_a_file_and_a_pool_stand_only_before_the_first_round(journal: Journal) -> None:
    a = Address("0x" + "a" * 40)
    journal.past.add_prices(1, Series(a, (Timestamp(10), Timestamp(30)), (1.0, 3.0)), "file x.csv")
    journal.past.add_prices(1, Series(a, (Timestamp(15), Timestamp(35)), (1.5, 3.5)), "pool 0x1")
    journal.past.add_rounds(1, [Round(a, a, 1, 2 * 10**8, 8, Timestamp(20), PriceX36(0))])
    (series,) = journal.past.series(1, [a], Timestamp(100))
    assert series.prices == (1.0, 1.5, 2.0)
    assert math.isclose(series.timestamps[-1], 20)
