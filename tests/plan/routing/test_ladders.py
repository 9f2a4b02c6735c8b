"""Ladders of steps against the pools they were read from, and pools at rest after arbitrage."""

import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.plan import market
from keeper.plan.routing import trades
from keeper.plan.routing.kernel import Edges
from keeper.plan.routing.ladder import ladder
from keeper.plan.routing.network import network
from keeper.plan.routing.solve import demand_of, settle, solve
from keeper.protocols.uniswap_v3 import CROSSING_GAS
from keeper.units import Address
from tests.plan.markets import A, B, C, market_of, pair, pool_v3, random_market

VALUES = {A: 3e-18, B: 1e-18, C: 2e-6}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("token", [A, B])
def test_selling_down_a_ladder_is_the_pools_own_quote(seed: int, token: Address) -> None:
    venue = pool_v3(1, seed, -345 + 100 * seed)
    found = ladder(venue)
    assert found is not None
    side = venue.tokens.index(token)
    rows = found.sides[side]
    edges = edge_of(found.keep, rows)
    most = float(rows[-1, 3] + rows[-1, 2] * (1 / rows[-1, 1] - 1 / rows[-1, 0])) / found.keep
    for share in (1e-6, 1e-3, 0.03, 0.3, 0.7, 0.999):
        amount = int(most * share)
        exact = venue.quote(token, amount).amount_out
        out = trades.sell(0, float(amount), edges)
        assert out == pytest.approx(exact, rel=1e-8), "a root price has sixteen digits, and a small trade moves few"
        assert trades.buy(0, out, edges) == pytest.approx(amount, rel=1e-8)
    assert trades.buy(0, 1.01 * trades.sell(0, most, edges), edges) == math.inf


@given(st.integers(10**18, 10**26), st.integers(10**18, 10**26), st.floats(1e-9, 10.0))
def test_a_constant_product_pool_is_one_step(reserve_a: int, reserve_b: int, share: float) -> None:
    found = ladder(pair(1, reserve_a, reserve_b))
    assert found is not None
    assert [len(rows) for rows in found.sides] == [1, 1]
    for rows, r_in, r_out in zip(found.sides, (reserve_a, reserve_b), (reserve_b, reserve_a), strict=True):
        kept = share * r_in * found.keep
        out = trades.sell(0, share * r_in, edge_of(found.keep, rows))
        assert out == pytest.approx(r_out * kept / (r_in + kept), rel=1e-6)


def edge_of(keep: float, rows: Any) -> Edges:
    """One edge on its own."""
    return Edges(np.zeros((1, 2), np.int64), np.array([keep]), np.zeros(2), np.array([0]), np.array([len(rows)]), rows)


def test_an_empty_pool_has_no_ladder() -> None:
    assert ladder(pair(1, 0, 0)) is None


def markets() -> list[Any]:
    """V2 and V3 pools over three tokens, prices off by up to a per cent."""
    venues = [
        pair(1, 10**24, 3 * 10**24 + 10**22),
        pair(2, 10**22, 15 * 10**9 + 10**8, (A, C)),
        pair(3, 10**23, 5 * 10**10, (B, C)),
        pool_v3(4, 1, 10_986, 500),
        pool_v3(5, 2, 10_900, 3000),
    ]
    return [found for found in map(ladder, venues) if found is not None]


def test_at_rest_nothing_trades_and_the_rest_is_where_arbitrage_ends() -> None:
    raw = network(markets(), VALUES, 0.0)
    rest, prices = settle(raw)
    before, after = (solve(n, np.zeros(3), 0, prices) for n in (raw, rest))
    assert len(before.active) >= 3
    assert before.objective > 0.0
    assert after.paid.sum() <= 1e-9 * before.paid.sum()
    for i in range(len(raw.pools)):
        side = before.side[i]
        amount = 0.1 * float(rest.steps[rest.first[2 * i], 2])
        if side >= 0:
            edge = 2 * i + side
            whole = trades.sell(edge, before.paid[i] + amount, raw.edges)
            rest_of_it = trades.sell(edge, amount, rest.edges)
            assert whole == pytest.approx(before.received[i] + rest_of_it, rel=1e-9)
            back = trades.sell(edge ^ 1, before.received[i] / raw.keep[i], rest.edges)
            assert back == pytest.approx(before.paid[i] * raw.keep[i], rel=1e-9), "the way back has what the way took"


def test_the_value_of_a_token_is_only_a_unit() -> None:
    demand = {A: -(10**22), B: 10**22}
    found = []
    for scale in (1.0, 1e3):
        values = {A: VALUES[A], B: VALUES[B] * scale, C: VALUES[C] / scale}
        market, _ = settle(network(markets(), values, 0.0))
        flows = solve(market, demand_of(market, demand), market.tokens.index(C))
        assert flows.solved
        sold = np.where(flows.side >= 0, market.pairs[np.arange(len(flows.side)), flows.side], 0)
        found.append(flows.paid / market.values[sold])
    assert np.allclose(found[0], found[1], rtol=1e-6, atol=1e9)


def test_splitting_a_step_changes_nothing(make_instance: Callable[..., Any]) -> None:
    instance = make_instance(3, 20, 5)
    whole = solve(instance.network, instance.demand, 0)
    cut = _cut_in_two(instance.network)
    parts = solve(cut, instance.demand, 0)
    assert len(cut.steps) == 2 * len(instance.network.steps)
    assert parts.objective == pytest.approx(whole.objective, abs=1e-11 * whole.worth)
    assert np.allclose(parts.paid, whole.paid, rtol=0, atol=1e-9 * whole.worth)


def _cut_in_two(market: Any) -> Any:
    """The same pools with every step cut 0.1 % below its top."""
    steps = np.zeros((2 * len(market.steps), 5))
    for k, (top, bottom, depth, paid, out) in enumerate(market.steps):
        middle = top * 0.999
        steps[2 * k] = top, middle, depth, paid, out
        fallen = depth * (top - middle)
        steps[2 * k + 1] = middle, bottom, depth, paid + fallen / (top * middle), out + fallen
    return replace(market, first=market.first * 2, steps=steps)


@pytest.mark.parametrize("most", [None, 300])
def test_a_market_that_differs_in_one_pool_is_built_as_from_nothing(most: int | None) -> None:
    """A range vault's: the others' network with that pool's rows in place, to the last bit."""
    compared = 0
    for seed in range(40):
        venues = random_market(seed, 0.01).venues
        for at, venue in enumerate(venues):
            token = venue.tokens[seed % 2]
            moved = venue.after(token, venue.best_input(token, venue.mid(token) * 0.99))
            other = (*venues[:at], moved, *venues[at + 1 :])
            market._last.clear()
            fresh = replace(market_of(*other), max_deviation=most).graph
            market._graph.cache_clear()
            market._last.clear()
            assert replace(market_of(*venues), max_deviation=most).graph is not None
            found = replace(market_of(*other), max_deviation=most).graph
            market._graph.cache_clear()
            assert fresh is not None
            assert found is not None
            assert fresh is not found
            for part in fields(found.rest):
                ours, wanted = getattr(found.raw or found.rest, part.name), getattr(fresh.raw or fresh.rest, part.name)
                assert np.array_equal(ours, wanted)
                compared += 1
    assert compared > 1_000


@pytest.mark.parametrize("token", [A, B])
def test_a_leg_costs_the_gas_of_every_tick_it_crosses(token: Address) -> None:
    """The initialised ticks between the prices before and after; the end of a word alone is none."""
    most = 0
    for seed in range(12):
        pool = pool_v3(1, seed, 200)
        for share in (0.9999, 0.99, 0.95, 0.9):
            amount = pool.best_input(token, pool.mid(token) * (1.0 - pool.fee) * share)
            if not amount:
                continue
            low, high = sorted((pool.tick, pool.after(token, amount).tick))
            crossed = sum(low < tick <= high for tick, _ in pool.ticks)
            assert pool.gas_of(pool.quote(token, amount)) == pool.gas + crossed * CROSSING_GAS
            most = max(most, crossed)
    assert most > 3
