"""Closed forms, shapes and joint paths against simulation and against each other."""

import math

import numpy as np
import pytest

from keeper.costs import first_passage, leave_band
from keeper.forecast.passage import mixed_passage, passage
from keeper.forecast.paths import DISCRETE, joint_paths, ratio_chance, weight_chances
from keeper.forecast.shape import bootstrap_shape, fit_shape, interval, touch
from keeper.forecast.walk import walk_har
from keeper.model import Shape
from tests.forecast.worlds import gbm

PATHS = 60_000
STEPS = 64


def touched(distance: float, sigma: np.ndarray, drift: float, seed: int) -> np.ndarray:
    """Chance of each path, with `sigma` over the unit of time, to fall by `distance`, bridged between steps."""
    rng = np.random.default_rng(seed)
    path = np.zeros(len(sigma))
    survived = np.ones(len(sigma))
    step = sigma / math.sqrt(STEPS)
    for _ in range(STEPS):
        after = path + drift / STEPS + step * rng.standard_normal(len(sigma))
        a, b = np.maximum(distance + path, 0.0), np.maximum(distance + after, 0.0)
        survived *= 1.0 - np.exp(-2.0 * a * b / step**2)
        path = after
    return 1.0 - survived


@pytest.mark.parametrize(
    ("distance", "sigma", "drift"), [(0.5, 1.0, 0.0), (1.5, 1.0, -0.5), (0.3, 0.4, 0.2), (2.0, 1.0, 0.0)]
)
def test_first_passage_is_what_paths_do(distance: float, sigma: float, drift: float):
    chances = touched(distance, np.full(PATHS, sigma), drift, 1)
    error = chances.std() / math.sqrt(PATHS)
    assert first_passage(distance, sigma, drift, 1.0) == pytest.approx(chances.mean(), abs=4.0 * error)


def test_arrays_are_the_scalar_closed_form():
    distances = np.array([-0.1, 0.0, 0.2, 1.0, 3.0])
    expected = [first_passage(d, 0.7, 0.0, 1.0) for d in distances]
    assert passage(distances, np.full(5, 0.7)) == pytest.approx(expected, abs=1e-15)
    assert mixed_passage(distances, np.full(5, 0.7), 0.0) == pytest.approx(expected, abs=1e-12)


def test_uncertain_variance_is_what_paths_with_uncertain_variance_do():
    spread = 0.8
    normals = np.random.default_rng(3).standard_normal(PATHS)
    sigma = np.exp(0.5 * (spread * normals - spread**2 / 2.0))
    for distance in (0.5, 1.5, 2.5):
        chances = touched(distance, sigma, 0.0, 4)
        error = chances.std() / math.sqrt(PATHS)
        told = float(mixed_passage(np.array([distance]), np.array([1.0]), spread)[0])
        assert told == pytest.approx(chances.mean(), abs=4.0 * error)


# --- shapes ----------------------------------------------------------------------------------------------------------


def normal_shape(seed: int = 1) -> Shape:
    """The shape of a driftless normal motion, from draws of its end and its extremes (reflection principle)."""
    rng = np.random.default_rng(seed)
    final, up, down = rng.standard_normal((3, 50_000))
    shape = fit_shape(final, np.abs(up), np.abs(down), 86_400)
    assert shape is not None
    return shape


def test_a_shape_of_normal_moves_is_the_closed_form():
    shape = normal_shape()
    barriers = np.array([0.1, 0.5, 1.0, 2.0, 2.5])
    for rise in (True, False):
        assert touch(shape, rise, barriers) == pytest.approx(passage(barriers, np.ones(5)), abs=0.012)
    assert interval(shape, 0.9) == pytest.approx((-1.645, 1.645), abs=0.06)
    assert shape.deviation == pytest.approx(1.0, abs=0.02)
    assert shape.spread < 0.2


def test_a_touch_falls_with_distance_from_one_towards_nothing():
    chances = touch(normal_shape(), True, np.linspace(-1.0, 12.0, 300))
    assert chances[0] == 1.0
    assert (np.diff(chances) <= 0.0).all()
    assert 0.0 < chances[-1] < 1e-4


def test_a_barrier_already_reached_is_touched():
    assert touch(normal_shape(), False, np.array([0.0, -3.0])).tolist() == [1.0, 1.0]


def test_fat_tails_show_in_the_spread():
    rng = np.random.default_rng(5)
    factor = np.exp(0.5 * (0.7 * rng.standard_normal(200_000) - 0.245))
    moves = factor * rng.standard_normal(200_000)
    shape = fit_shape(moves, np.abs(moves), np.abs(moves), 86_400)
    assert shape is not None
    assert shape.spread == pytest.approx(0.7, abs=0.1)


def test_too_few_or_still_moves_have_no_shape():
    few, still = np.ones(1_000), np.zeros(5_000)
    assert fit_shape(few, few, few, 3_600) is None
    assert fit_shape(still, still, still, 3_600) is None


def test_blocks_of_a_gaussian_world_give_the_closed_form():
    bars = gbm(6_000, 1e-4, 6).bars()
    shape = bootstrap_shape(bars, np.full(len(bars), 1e-4), 24, 1)
    assert shape is not None
    barriers = np.array([0.3, 1.0, 1.8])
    for rise in (True, False):
        assert touch(shape, rise, barriers) == pytest.approx(passage(barriers, np.ones(3)), abs=0.05)


def test_blocks_that_follow_a_forecast_do_not_see_its_level():
    bars = gbm(6_000, 1e-4, 6).bars()
    quiet, loud = (bootstrap_shape(bars, np.full(len(bars), rate), 24, 1) for rate in (1e-4, 4e-4))
    assert quiet is not None
    assert loud is not None
    assert np.array(loud.rise) * 2.0 == pytest.approx(np.array(quiet.rise))
    assert walk_har(bars, 24, True, 3_000).rates[-1] == pytest.approx(1e-4, rel=0.2)


# --- several tokens --------------------------------------------------------------------------------------------------

CORRELATION = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, 0.3], [0.0, 0.3, 1.0]])
DEVIATIONS = np.array([0.10, 0.06, 0.0])


def test_joint_paths_have_the_stated_moments_and_are_driftless():
    walked = joint_paths(DEVIATIONS, CORRELATION, 0.0, 7, paths=40_000, steps=4)
    final = walked[:, -1]
    assert final.mean(axis=1) == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)  # antithetic
    assert final.std(axis=1) == pytest.approx(DEVIATIONS, rel=0.02)
    assert np.corrcoef(final[:2])[0, 1] == pytest.approx(0.6, abs=0.02)
    loud = joint_paths(DEVIATIONS, CORRELATION, 0.8, 7, paths=40_000, steps=4)[0, -1]
    assert loud.std() == pytest.approx(0.10, rel=0.05)
    assert np.mean(loud**4) / np.mean(loud**2) ** 2 == pytest.approx(3.0 * math.exp(0.64), rel=0.25)


def test_the_same_seed_draws_the_same_and_another_does_not():
    first, again, other = (joint_paths(DEVIATIONS, CORRELATION, 0.5, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_risky_weight_is_first_passage():
    """A half in cash: the weight leaves ±d when the price moves by logit(½ ± d)."""
    walked = joint_paths(np.array([0.0, 0.2]), np.eye(2), 0.0, 3, paths=8_192, steps=32)
    weights, band = np.array([0.5, 0.5]), 0.03
    chances = weight_chances(weights, weights - band, weights + band, walked)
    distance = math.log((0.5 + band) / (0.5 - band))
    exact = first_passage(distance, 0.2, 0.0, 1.0)
    for below, above in chances:
        for one in (below, above):
            assert one.probability == pytest.approx(exact, abs=4.0 * one.error + 0.006)  # the shift is asymptotic


def test_the_stated_error_is_the_scatter_between_seeds():
    found = []
    for seed in range(40):
        walked = joint_paths(np.array([0.05, 0.08]), np.eye(2), 0.3, seed)
        found.append(weight_chances(np.array([0.5, 0.5]), np.full(2, 0.47), np.full(2, 0.53), walked)[0][0])
    scatter = np.std([c.probability for c in found])
    assert np.mean([c.error for c in found]) == pytest.approx(scatter, rel=0.35)


def test_a_ratio_is_first_passage_of_the_difference():
    a, b, rho = 0.10, 0.06, 0.6
    pair = np.array([a, b]), np.array([[1.0, rho], [rho, 1.0]])
    sigma = math.sqrt(a * a + b * b - 2.0 * rho * a * b)
    for distance in (0.04, 0.12):
        for rise in (True, False):
            for spread in (0.0, 0.8):
                found = ratio_chance(distance, rise, *pair, spread, 5, paths=8_192)
                exact = float(mixed_passage(np.array([distance]), np.array([sigma]), spread)[0])
                assert found.probability == pytest.approx(exact, abs=4.0 * found.error)


def test_hourly_paths_of_a_year_touch_as_the_shifted_barrier_says():
    """P9's check: a barrier watched hourly is one watched always, 0.5826 deviations of a step further out."""
    sigma, distance, paths, hours = 0.8, 0.5, 10_000, 8_760
    rng, step = np.random.default_rng(11), sigma / np.sqrt(hours)
    log, lowest = np.zeros(paths), np.zeros(paths)
    for _ in range(hours // 73):
        walked = log + np.cumsum(step * rng.standard_normal((73, paths)) - step**2 / 2.0, axis=0)
        log, lowest = walked[-1], np.minimum(lowest, walked.min(axis=0))
    touched = float((lowest <= -distance).mean())
    exact = first_passage(distance + DISCRETE * step, sigma, -(sigma**2) / 2.0, 1.0)
    error = np.sqrt(exact * (1.0 - exact) / paths)
    assert touched == pytest.approx(exact, abs=3.0 * error)


def test_watching_more_often_touches_more():
    walked = joint_paths(np.array([0.0, 0.2]), np.eye(2), 0.0, 3)
    edges = np.full(2, 0.46), np.full(2, 0.54)
    always = weight_chances(np.full(2, 0.5), *edges, walked)
    steps = weight_chances(np.full(2, 0.5), *edges, walked, shift=0.0)
    assert always[1][0].probability > steps[1][0].probability


def test_a_weight_outside_its_band_has_touched_it():
    walked = joint_paths(np.array([0.0, 0.01]), np.eye(2), 0.0, 3)
    below, above = weight_chances(np.array([0.5, 0.5]), np.full(2, 0.5), np.full(2, 0.9), walked)[0]
    assert (below.probability, above.probability) == (1.0, 0.0)


def test_correlation_keeps_weights_in_their_bands():
    together = np.array([[1.0, 0.95], [0.95, 1.0]])
    sigma, weights = np.array([0.1, 0.1]), np.array([0.5, 0.5])
    apart, close = (
        weight_chances(weights, weights - 0.03, weights + 0.03, joint_paths(sigma, m, 0.0, 1))[0][0].probability
        for m in (np.eye(2), together)
    )
    assert close < 0.3 * apart
    assert leave_band(0.03, 0.03, 0.5 * 0.5 * math.sqrt(0.02), 1.0) == pytest.approx(2.0 * apart, rel=0.1)
