"""Variance estimators against the truth of simulated paths."""

import numpy as np
import pytest

from keeper.forecast.ranges import garman_klass, parkinson, rogers_satchell
from tests.forecast.worlds import World, gbm, heston, jumps

BARS = 20_000
VARIANCE = 1e-4


def within(estimates: np.ndarray, truth: np.ndarray, errors: float = 4.0) -> bool:
    """Whether the mean error of `estimates` is within `errors` standard errors of 0."""
    difference = estimates - truth
    return abs(difference.mean()) <= errors * difference.std() / np.sqrt(len(difference))


@pytest.fixture(scope="module")
def still() -> World:
    return gbm(BARS, VARIANCE, 1)


def squares(world: World) -> np.ndarray:
    return np.log(world.close / world.opened) ** 2


def test_every_estimator_is_unbiased_without_drift(still: World):
    assert within(parkinson(still.high, still.low), still.truth)
    assert within(garman_klass(still.opened, still.high, still.low, still.close), still.truth)
    assert within(rogers_satchell(still.opened, still.high, still.low, still.close), still.truth)
    assert within(squares(still), still.truth)


def test_ranges_are_less_noisy_than_squares_as_their_authors_say(still: World):
    noise = squares(still).var()
    assert noise / parkinson(still.high, still.low).var() == pytest.approx(4.9, rel=0.1)
    assert noise / garman_klass(still.opened, still.high, still.low, still.close).var() == pytest.approx(7.4, rel=0.1)


def test_only_rogers_satchell_ignores_a_drift():
    world = gbm(BARS, VARIANCE, 2, drift=0.02)
    assert within(rogers_satchell(world.opened, world.high, world.low, world.close), world.truth)
    assert parkinson(world.high, world.low).mean() > 1.5 * VARIANCE
    assert squares(world).mean() > 3.0 * VARIANCE


def test_squares_and_ranges_are_unbiased_when_volatility_moves():
    world = heston(BARS, VARIANCE, 3)
    assert world.truth.std() > 0.3 * VARIANCE
    assert within(squares(world), world.truth)
    assert within(parkinson(world.high, world.low), world.truth)
    assert within(rogers_satchell(world.opened, world.high, world.low, world.close), world.truth)


def test_squares_count_a_jump_in_full_and_ranges_do_not():
    world = jumps(BARS, VARIANCE, 4)
    assert within(squares(world), world.truth)
    assert parkinson(world.high, world.low).mean() < 0.95 * world.truth.mean()


def test_a_bar_that_did_not_move_has_no_variance():
    one = np.ones(3)
    assert parkinson(one, one).tolist() == [0.0, 0.0, 0.0]
    assert garman_klass(one, one, one, one).tolist() == [0.0, 0.0, 0.0]
