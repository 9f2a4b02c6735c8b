"""Pools that must pay for their own gas, against every subset of them."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keeper.plan.routing.gas import loosely, solve_with_gas, value
from keeper.plan.routing.solve import settle, solve


@pytest.mark.parametrize("seed", range(12))
def test_within_two_per_cent_of_the_best_subset(make_instance: Callable[..., Any], seed: int) -> None:
    pools, tokens = [(6, 2), (8, 3), (8, 4), (9, 4)][seed % 4]
    rng = np.random.default_rng(seed)
    instance = make_instance(seed, pools, tokens, rng.choice([0.002, 0.01, 0.03]))
    market = replace(instance.network, fixed=rng.choice([1e-5, 1e-4, 1e-3]) * rng.uniform(0.5, 1.5, pools))
    subsets = itertools.chain.from_iterable(itertools.combinations(range(pools), k) for k in range(1, pools + 1))
    every = (solve(market, instance.demand, 0, live=np.array(subset)) for subset in subsets)
    best = max(value(market, flows) for flows in every if flows.solved)
    found = solve_with_gas(market, instance.demand, 0, pools)
    ideal = -instance.demand[1:].sum()
    assert found.solved
    assert ideal - value(market, found) <= 1.02 * (ideal - best)


def test_free_pools_are_all_used(make_instance: Callable[..., Any]) -> None:
    instance = make_instance(5, 30, 6)
    free = solve(instance.network, instance.demand, 0)
    found = solve_with_gas(instance.network, instance.demand, 0, 30)
    assert found.objective == pytest.approx(free.objective, abs=1e-11 * free.worth)


@pytest.mark.parametrize("most", [2, 4, 7])
def test_no_more_pools_than_allowed(make_instance: Callable[..., Any], most: int) -> None:
    instance = make_instance(5, 40, 3)
    found = solve_with_gas(instance.network, instance.demand, 0, most)
    assert found.solved
    assert len(found.active) <= most


def test_none_gives_less_than_the_least_where_it_can_be_avoided(make_instance: Callable[..., Any]) -> None:
    instance = make_instance(5, 40, 3)
    free = solve_with_gas(instance.network, instance.demand, 0, 40)
    least = float(np.median(free.received[list(free.active)]))
    found = solve_with_gas(instance.network, instance.demand, 0, 40, least=least)
    assert found.solved
    assert 0 < len(found.active) < len(free.active)
    assert found.received[list(found.active)].min() >= least


def test_more_tokens_than_pools_allowed_is_not_solved_within_the_limit(make_instance: Callable[..., Any]) -> None:
    instance = make_instance(5, 40, 8)
    found = solve_with_gas(instance.network, instance.demand, 0, 3)
    assert len(found.active) > 3, "seven demands need seven pools: the caller sees that the limit binds"


@pytest.mark.parametrize("seed", range(3))
def test_gas_is_saved_where_there_are_many_pools(make_instance: Callable[..., Any], seed: int) -> None:
    instance = make_instance(seed, 300, 8, 1e-3)
    market = replace(instance.network, fixed=np.full(300, 2e-4))
    free, found = solve(market, instance.demand, 0), solve_with_gas(market, instance.demand, 0, 300)
    assert value(market, found) > value(market, free)
    assert len(found.active) < len(free.active) / 2


@pytest.mark.parametrize("seed", range(10))
def test_loosely_every_trade_goes_to_a_token_whose_price_is_raised_more(
    make_instance: Callable[..., Any], seed: int
) -> None:
    """By which tokens are ordered: measured against their prices at rest, prices rise along every flow."""
    instance = make_instance(seed, 150, 12, [0.002, 0.01, 0.03][seed % 3])
    market, at_rest = settle(replace(instance.network, fixed=np.full(150, 1e-4)))
    flows = loosely(market, instance.demand, 0, at_rest)
    assert flows.solved
    assert 5 < len(flows.active) < 150
    risen = flows.prices / at_rest
    for i in flows.active:
        side = flows.side[i]
        assert risen[market.pairs[i, side]] < risen[market.pairs[i, 1 - side]]


def test_loosely_fewer_pools_trade_the_dearer_they_are(make_instance: Callable[..., Any]) -> None:
    instance = make_instance(3, 150, 12, 0.01)
    market, at_rest = settle(instance.network)
    used = [
        len(loosely(replace(market, fixed=np.full(150, fixed)), instance.demand, 0, at_rest).active)
        for fixed in (0.0, 1e-4, 1e-3, 1e-2)
    ]
    assert used == sorted(used, reverse=True)
    assert used[0] == len(solve(market, instance.demand, 0).active)
    assert used[-1] < used[0]
