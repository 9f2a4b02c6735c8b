"""Where a basket waits: the closed forms, what they predict against simulation, and how bands grow with their costs."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from keeper.costs import no_trade
from keeper.plan.region import Geometry, geometry, region, trimmed, typical

Floats = NDArray[np.float64]
HOURS = 8_766


def covariance(seed: int, size: int) -> Floats:
    """Annual volatilities of 0.2 to 1.2, all tokens somewhat correlated; no portfolio under the least variance."""
    rng = np.random.default_rng(seed)
    loads = rng.standard_normal((size, size)) + rng.uniform(0.0, 2.0)
    found = loads @ loads.T
    scale = rng.uniform(0.2, 1.2, size) / np.sqrt(np.diag(found))
    values, axes = np.linalg.eigh(found * np.outer(scale, scale))
    return np.asarray((axes * np.maximum(values, 1e-5)) @ axes.T, np.float64)


def weights(seed: int, size: int) -> Floats:
    return np.asarray(np.random.default_rng(seed).dirichlet(np.full(size, 4.0)) * 0.8 + 0.2 / size)


@given(target=st.floats(0.05, 0.95), sigma=st.floats(0.1, 2.0), c=st.floats(1e-5, 1e-2), k=st.floats(1e-7, 1e-3))
def test_of_two_tokens_it_is_the_one_dimensional_region(target: float, sigma: float, c: float, k: float) -> None:
    of = geometry(np.diag([sigma**2, 0.0]), [target, 1.0 - target], 2.0)
    expected = no_trade(2.0 * sigma**2, target * (1.0 - target) * sigma, c, k)
    for found in (typical(of, c, k), region(of, np.array([0.01, -0.01]), c, k), region(of, np.zeros(2), c, k)):
        assert found.loss_rate == pytest.approx(expected.loss_rate, rel=1e-3)
        for x in (0.5 * expected.inner, expected.inner, expected.outer, 2.0 * expected.outer):
            off = np.array([x, -x])
            assert found.value(off) == pytest.approx(expected.relative_value(x), rel=1e-3, abs=1e-12)
            assert found.waiting(off, 0.1) == pytest.approx(expected.waiting(x, 0.1), rel=1e-3, abs=1e-9)
        off = np.array([1.5 * expected.outer, -1.5 * expected.outer])
        assert found.distance(off) == pytest.approx(1.5, rel=1e-3)
        assert found.settle(off).tolist() == pytest.approx([expected.inner, -expected.inner], rel=1e-2, abs=1e-9)


@given(seed=st.integers(0, 10**6), size=st.integers(2, 8), k=st.floats(1e-7, 1e-3))
def test_a_fixed_cost_alone_gives_the_ellipsoid_of_the_matrix_equation(seed: int, size: int, k: float) -> None:
    aversion, sigma, target = 2.0, covariance(seed, size), weights(seed, size)
    found = typical(geometry(sigma, target, aversion), 0.0, k)
    out = np.vstack([np.eye(size - 1), -np.ones(size - 1)])
    apart = np.diag(target) @ (np.eye(size) - target)
    q = (apart @ sigma @ apart.T)[:-1, :-1]
    m = found.geometry.metric / math.sqrt(k)
    left = 4.0 * k * m @ q @ m + 2.0 * k * np.trace(q @ m) * m
    right = aversion / 2.0 * out.T @ sigma @ out
    assert np.abs(left - right).max() <= 1e-6 * np.abs(right).max()
    assert found.loss_rate == pytest.approx(2.0 * k * float(np.trace(q @ m)), rel=1e-6)
    for share in (0.2, 0.7, 1.0):
        y = np.random.default_rng(seed).standard_normal(size - 1)
        y *= math.sqrt(share / float(y @ m @ y))
        off = np.append(y, -y.sum())
        assert found.value(off) == pytest.approx(k * (2.0 * share - share**2), rel=1e-6)
        assert found.settle(off) == pytest.approx(np.zeros(size), abs=1e-12)
        assert found.distance(off) == pytest.approx(math.sqrt(share), rel=1e-6)


@given(seed=st.integers(0, 10**6), size=st.integers(2, 6), c=st.floats(1e-5, 1e-2), k=st.floats(1e-8, 1e-3))
def test_a_trade_from_the_edge_is_worth_its_cost_exactly_and_from_further_out_more(
    seed: int, size: int, c: float, k: float
) -> None:
    of = geometry(covariance(seed, size), weights(seed, size), 2.0)
    off = np.random.default_rng(seed).standard_normal(size)
    off -= off.mean()
    found = region(of, off, c, k)
    edge = off / found.distance(off)
    after = found.settle(edge)
    assert found.distance(after) <= 1.0 + 1e-4
    assert float(after.sum()) == pytest.approx(0.0, abs=1e-9)
    cost = k + c * float(np.abs(edge - after).sum()) / 2.0
    assert found.value(edge) - found.value(after) == pytest.approx(cost, rel=1e-3)
    assert found.value(2.0 * edge) - found.value(after) > cost


@given(seed=st.integers(0, 10**6), size=st.integers(2, 6))
def test_the_reach_of_a_region_is_touched_and_never_passed(seed: int, size: int) -> None:
    of = geometry(covariance(seed, size), weights(seed, size), 2.0)
    off = np.random.default_rng(seed).standard_normal((200, size))
    off -= off.mean(axis=1, keepdims=True)
    off /= np.array([of.radius(x) for x in off])[:, None]
    assert np.all(np.abs(off) <= of.reach(1.0) * (1.0 + 1e-9))
    furthest = np.append(np.linalg.inv(of.metric)[0], 0.0)
    furthest[-1] = -furthest.sum()
    assert abs(furthest[0]) / of.radius(furthest) == pytest.approx(of.reach(1.0)[0], rel=1e-6)


@given(st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=6), st.floats(0.001, 0.2))
def test_trimming_leaves_every_weight_inside_and_their_sum_at_nothing(offs: list[float], inner: float) -> None:
    off = np.array(offs) - np.mean(offs)
    found = trimmed(off, np.full(len(off), inner))
    assert np.all(np.abs(found) <= inner * (1.0 + 1e-9))
    assert float(found.sum()) == pytest.approx(0.0, abs=1e-9)


def test_a_basket_of_stablecoins_and_of_correlations_that_contradict_each_other_has_a_region_too() -> None:
    for sigma in (np.zeros((3, 3)), np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])):
        found = typical(geometry(sigma, [0.0, 0.5, 0.5], 2.0), 1e-3, 1e-5)
        assert math.isfinite(found.loss_rate)
        assert found.loss_rate > 0.0


FOUR = np.array([0.3, 0.3, 0.1, 0.3])
MOVES = np.diag([0.6, 0.8, 1.0, 0.0]) @ (0.5 * np.eye(4) + 0.5) @ np.diag([0.6, 0.8, 1.0, 0.0])


def simulated(of: Geometry, c: float, k: float, seed: int, paths: int = 150, hours: int = 4_000) -> float:
    """Mean loss a year of weights that follow geometric Brownian motions, once they have forgotten their start."""
    rng, sigma = np.random.default_rng(seed), MOVES + 1e-12 * np.eye(4)
    root = np.linalg.cholesky(sigma / HOURS)
    held, loss, warm = np.tile(FOUR, (paths, 1)), 0.0, hours // 4
    for hour in range(hours):
        held *= np.exp(rng.standard_normal((paths, 4)) @ root.T)
        held /= held.sum(axis=1, keepdims=True)
        off = held - FOUR
        radii = np.sqrt(np.einsum("pi,ij,pj->p", off[:, :-1], of.metric, off[:, :-1]))
        for path in np.flatnonzero(radii > max(k**0.25, 0.05)).tolist():
            found = region(of, off[path], c, k)
            if found.distance(off[path]) > 1.0:
                after = found.settle(off[path])
                loss += (hour >= warm) * (k + c * float(np.abs(after - off[path]).sum()) / 2.0) * HOURS
                off[path], held[path] = after, FOUR + after
        loss += (hour >= warm) * float(np.einsum("pi,ij,pj->", off, sigma, off))
    return loss / (paths * (hours - warm))


@pytest.mark.parametrize(("c", "k"), [(0.0, 2e-4), (3e-3, 2e-5)])
def test_the_predicted_loss_is_that_of_simulation(c: float, k: float) -> None:
    of = geometry(MOVES, FOUR, 2.0)
    assert simulated(of, c, k, 1) == pytest.approx(typical(of, c, k).loss_rate, rel=0.05)


WIDTHS = np.geomspace(0.015, 0.2, 18)


def simulated_widths(to_edge: bool, paths: int = 1_500, hours: int = 4_000) -> tuple[Floats, Floats, Floats]:
    """Of every half-width, for half a portfolio in a token of σ = 0.8: tracking, value sold and trades, a year."""
    rng, sigma, target = np.random.default_rng(5), 0.8, 0.5
    start = rng.uniform(-1.0, 1.0, paths) if to_edge else rng.triangular(-1.0, 0.0, 1.0, paths)
    off = WIDTHS[:, None] * start
    tracking, sold, trades = np.zeros(len(WIDTHS)), np.zeros(len(WIDTHS)), np.zeros(len(WIDTHS))
    for _ in range(hours):
        grown = (target + off) * np.exp(rng.standard_normal(paths) * sigma / math.sqrt(HOURS))
        off = grown / (grown + target - off) - target
        after = np.clip(off, -WIDTHS[:, None], WIDTHS[:, None])
        outside = after != off
        after = after if to_edge else np.where(outside, 0.0, off)
        sold += np.abs(after - off).sum(axis=1)
        trades += outside.sum(axis=1)
        off = after
        tracking += sigma**2 * (off**2).sum(axis=1)
    years = paths * hours / HOURS
    return tracking / (paths * hours), sold / years, trades / years


def best(loss: Floats) -> float:
    """The width of least loss, by a parabola through the logs about the lowest on the grid."""
    at = min(max(int(loss.argmin()), 3), len(loss) - 4)
    near = slice(at - 3, at + 4)
    a, b, _ = np.polyfit(np.log(WIDTHS[near]), np.log(loss[near]), 2)
    return math.exp(-b / (2.0 * a))


def test_the_simulated_band_grows_as_the_cube_root_of_a_proportional_cost() -> None:
    tracking, sold, _ = simulated_widths(to_edge=True)
    costs = [1e-3, 2e-3, 4e-3, 8e-3]
    found = [best(tracking + c * sold) for c in costs]
    assert math.log(found[-1] / found[0]) / math.log(8.0) == pytest.approx(1.0 / 3.0, abs=0.03)
    for c, width in zip(costs, found, strict=True):
        assert width == pytest.approx(no_trade(2.0 * 0.8**2, 0.2, c, 0.0).outer, rel=0.08)
    assert all(a < b for a, b in pairwise(found))


def test_the_simulated_band_grows_as_the_fourth_root_of_a_fixed_cost() -> None:
    tracking, _, trades = simulated_widths(to_edge=False)
    costs = [1e-5, 4e-5, 16e-5]
    found = [best(tracking + k * trades) for k in costs]
    assert math.log(found[-1] / found[0]) / math.log(16.0) == pytest.approx(0.25, abs=0.03)
    for k, width in zip(costs, found, strict=True):
        assert width == pytest.approx(no_trade(2.0 * 0.8**2, 0.2, 0.0, k).outer, rel=0.08)
