"""The routing optimum by its own conditions, by an independent solver, and where there is none."""

from collections.abc import Callable
from typing import Any

import clarabel
import numpy as np
import pytest
from scipy import sparse

from keeper.plan.routing.network import constant_product
from keeper.plan.routing.solve import solve

CELLS = [(4, 2), (10, 5), (40, 10), (100, 20), (100, 50), (300, 8), (1000, 20)]
SIZES = [1e-4, 1e-3, 5e-3]
ROUNDING = 1e-11
"""Of what is demanded: sixteen digits of pools that are ten thousand times as deep."""


@pytest.mark.parametrize(("pools", "tokens"), CELLS)
@pytest.mark.parametrize("seed", range(4))
def test_certificate_and_conditions_of_the_optimum(
    make_instance: Callable[..., Any], net_trade: Callable[..., Any], pools: int, tokens: int, seed: int
) -> None:
    instance = make_instance(seed, pools, tokens, SIZES[seed % 3])
    flows = solve(instance.network, instance.demand, 0)
    assert flows.solved
    assert -ROUNDING <= flows.gap <= 1e-9
    net = net_trade(instance, flows)
    assert np.all(net[1:] >= instance.demand[1:] - ROUNDING * flows.worth), "a demand is missed"
    assert np.allclose(net[1:], instance.demand[1:], rtol=0, atol=ROUNDING * flows.worth), "slack at a positive price"
    assert net[0] == pytest.approx(flows.objective, abs=ROUNDING * flows.worth)
    nu, keep, pairs = flows.prices, instance.network.keep, instance.pairs
    for i in range(pools):
        side = flows.side[i]
        if side < 0:
            bid = instance.reserves[i, 1] / instance.reserves[i, 0]
            ratio = nu[pairs[i, 0]] / nu[pairs[i, 1]]
            assert keep[i] * bid * (1 - 1e-9) <= ratio <= bid / keep[i] * (1 + 1e-9), "an idle pool offers a gain"
        else:
            r_in = instance.reserves[i, side] + flows.paid[i] * keep[i]
            r_out = instance.reserves[i, 1 - side] - flows.received[i]
            marginal = keep[i] * r_out / r_in
            assert marginal == pytest.approx(nu[pairs[i, side]] / nu[pairs[i, 1 - side]], rel=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_an_interior_point_solver_finds_the_same_optimum(make_instance: Callable[..., Any], seed: int) -> None:
    pools, tokens = [(6, 3), (12, 5), (30, 8), (40, 15)][seed % 4]
    instance = make_instance(seed, pools, tokens, [1e-3, 5e-3, 2e-2][seed % 3])
    flows = solve(instance.network, instance.demand, 0)
    peer = interior_point(instance)
    assert flows.objective == pytest.approx(peer, abs=2e-6 * flows.worth)
    assert peer <= flows.bound + 1e-7 * flows.worth, "weak duality"


def interior_point(instance: Any) -> float:
    """Ψ_0 at the optimum by Clarabel: variables (sold, bought) a pool and side, x·y >= k as second-order cones.

    (R_a + γΔ_a - Λ_a)(R_b + γΔ_b - Λ_b) >= R_a R_b is |(a - b, 2√k)| <= a + b for the new reserves a and b.
    """
    pools, tokens = len(instance.pairs), len(instance.demand)
    reserves, keep = instance.reserves, instance.network.keep
    scale = float(np.abs(instance.demand).sum())
    columns = 4 * pools  # Δ_a, Δ_b, Λ_a, Λ_b of pool i at 4i, in units of `scale`
    net = sparse.lil_matrix((tokens, columns))
    cones = sparse.lil_matrix((3 * pools, columns))
    offset = np.zeros(3 * pools)
    for i in range(pools):
        r_a, r_b = reserves[i] / np.sqrt(reserves[i].prod()) * 1.0
        depth = np.sqrt(reserves[i].prod()) / scale
        for side in range(2):
            net[instance.pairs[i, side], 4 * i + side] = -1.0
            net[instance.pairs[i, side], 4 * i + 2 + side] = 1.0
            sign = 1.0 if side == 0 else -1.0
            for row, factor in ((0, 1.0), (1, sign)):
                cones[3 * i + row, 4 * i + side] = -factor * keep[i] / depth
                cones[3 * i + row, 4 * i + 2 + side] = factor / depth
        offset[3 * i : 3 * i + 3] = r_a + r_b, r_a - r_b, 2.0
    rows = sparse.vstack([-net.tocsr()[1:], -sparse.eye(columns), cones]).tocsc()
    bounds = np.concatenate([-instance.demand[1:] / scale, np.zeros(columns), offset])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    kinds = [
        clarabel.NonnegativeConeT(tokens - 1 + columns),
        *(clarabel.SecondOrderConeT(3) for _ in range(pools)),
    ]
    objective = -np.asarray(net.tocsr()[0].todense()).ravel()
    result = clarabel.DefaultSolver(
        sparse.csc_matrix((columns, columns)), objective, rows, bounds, kinds, settings
    ).solve()
    assert str(result.status) in ("Solved", "AlmostSolved")
    return float(-result.obj_val * scale)


@pytest.mark.parametrize("seed", range(10))
def test_no_cycle_trades_from_rest(make_instance: Callable[..., Any], seed: int) -> None:
    instance = make_instance(seed, 150, 12, SIZES[seed % 3])
    flows = solve(instance.network, instance.demand, 0)
    after: dict[int, set[int]] = {j: set() for j in range(12)}
    for i in flows.active:
        if flows.received[i] > 1e-9 * flows.worth:
            side = flows.side[i]
            after[instance.pairs[i, side]].add(instance.pairs[i, 1 - side])
    while after:
        ends = [j for j, onward in after.items() if not onward & after.keys()]
        assert ends, f"a cycle among tokens {sorted(after)}"
        for j in ends:
            del after[j]


@pytest.mark.parametrize("seed", range(5))
def test_nothing_trades_when_nothing_is_demanded(make_instance: Callable[..., Any], seed: int) -> None:
    instance = make_instance(seed, 100, 10)
    flows = solve(instance.network, np.zeros(10), 0)
    assert abs(flows.objective) <= 1e-12 * instance.reserves.sum()
    assert flows.paid.sum() <= 1e-9 * instance.reserves.sum()


def test_more_than_the_pools_hold_is_not_solved() -> None:
    pairs = np.array([[0, 1], [0, 1]])
    market = constant_product(pairs, np.ones((2, 2)), np.full(2, 0.997), np.zeros(2))
    assert solve(market, np.array([0.0, 1.9]), 0).solved
    assert not solve(market, np.array([0.0, 2.1]), 0).solved


def test_tokens_that_do_not_connect_are_not_solved() -> None:
    market = constant_product(np.array([[0, 1], [2, 3]]), np.ones((2, 2)), np.full(2, 0.997), np.zeros(2))
    assert not solve(market, np.array([0.0, 0.0, -0.1, 0.05]), 0).solved
    assert solve(market, np.array([0.0, -0.1, 0.0, 0.0]), 0).solved


@pytest.mark.parametrize("seed", range(5))
def test_a_warm_start_changes_nothing(make_instance: Callable[..., Any], seed: int) -> None:
    instance = make_instance(seed, 60, 10)
    cold = solve(instance.network, instance.demand, 0)
    warm = solve(instance.network, instance.demand, 0, cold.prices * np.exp(np.linspace(-0.05, 0.05, 10)))
    assert warm.objective == pytest.approx(cold.objective, abs=1e-11 * cold.worth)
    assert np.allclose(warm.paid, cold.paid, rtol=0, atol=1e-7 * cold.worth)
