"""Walking forward: the future is shuffled and nothing before it changes."""

from collections.abc import Callable

import numpy as np
import pytest

from keeper.forecast.barriers import BARRIERS, attempt
from keeper.forecast.bars import HOUR_S, Array, Bars
from keeper.forecast.contest import AUTO, GARCH, LEARNED, MEAN, RANGED, REACTIVE, _auto, contest, first_origin
from keeper.forecast.ladder import extremes, target
from keeper.forecast.levels import walk_level
from keeper.forecast.shape import LEAST_ORIGINS
from keeper.forecast.trials import EVERY_H, joint_trial, moods
from keeper.forecast.walk import (
    RETRAIN_H,
    compete,
    frequency,
    known_at,
    walk,
    walk_garch,
    walk_har,
    walk_shapes,
    walk_touch,
)
from tests.forecast.worlds import World, storms

HOURS = 5_300
CUT = 5_000
"""The last bar that is not shuffled."""


def both(seed: int) -> tuple[Bars, Bars]:
    """A world, and the same one with all bars after CUT in another order."""
    world = storms(HOURS, seed)
    order = CUT + 1 + np.random.default_rng(seed).permutation(HOURS - CUT - 1)
    moves = np.log(world.close / world.opened)[order]
    opened = world.close[CUT] * np.exp(np.concatenate(([0.0], np.cumsum(moves)[:-1])))
    columns = {}
    for name in ("opened", "high", "low", "close"):
        was = getattr(world, name)
        columns[name] = np.concatenate((was[: CUT + 1], opened * (was / world.opened)[order]))
    return world.bars(), World(**columns, truth=world.truth).bars()


@pytest.fixture(scope="module")
def worlds() -> tuple[Bars, Bars]:
    return both(1)


def test_the_shuffle_leaves_the_past_alone(worlds: tuple[Bars, Bars]):
    was, now = worlds
    for name in ("close", "high", "low", "square", "reach"):
        np.testing.assert_array_equal(getattr(was, name)[: CUT + 1], getattr(now, name)[: CUT + 1])
        assert not np.allclose(getattr(was, name)[CUT + 1 :], getattr(now, name)[CUT + 1 :])


def same(make: Callable[[Bars], Array], worlds: tuple[Bars, Bars]) -> None:
    """Equal to the last bit up to CUT, not all nan there, and different after it: else nothing was shown."""
    was, now = (make(b) for b in worlds)
    np.testing.assert_array_equal(was[: CUT + 1], now[: CUT + 1])
    assert np.isfinite(was[: CUT + 1]).any()
    assert not np.allclose(was[CUT + 1 :], now[CUT + 1 :], equal_nan=True)


@pytest.mark.parametrize("hours", [1, 6, 24])
@pytest.mark.parametrize("ranged", [False, True])
def test_log_har_sees_no_future(worlds: tuple[Bars, Bars], hours: int, ranged: bool):
    same(lambda b: walk_har(b, hours, ranged, first_origin(hours)).rates, worlds)


@pytest.mark.parametrize("kind", ["garch", "gjr", "egarch"])
def test_garch_sees_no_future(worlds: tuple[Bars, Bars], kind: str):
    same(lambda b: walk_garch(b, 6, 3_000, 500, kind).rates, worlds)


def test_no_model_of_a_contest_sees_the_future(worlds: tuple[Bars, Bars]):
    start = (CUT + 1 - 2 * RETRAIN_H) * HOUR_S  # the network is trained anew at CUT itself
    was, now = (contest([b], 24, start, 1) for b in worlds)
    assert set(was.rates) >= {AUTO, GARCH, LEARNED, MEAN, RANGED}
    for name in was.rates:
        same(lambda b, name=name: (was if b is worlds[0] else now).rates[name][:, 0], worlds)


def test_no_touch_sees_the_future(worlds: tuple[Bars, Bars]):
    found = []
    for b in worlds:
        rates = walk_har(b, 6, True, first_origin(6)).rates
        rates[: CUT - 2 * RETRAIN_H - LEAST_ORIGINS - 6] = np.nan  # so that the blocks are drawn anew at CUT itself
        found.append(attempt(b, rates, 6, 1))
    for one in BARRIERS:
        for worker in {w for _, w in found[0].chances}:
            was, now = (a.chances[one, worker] for a in found)
            np.testing.assert_array_equal(was[: CUT + 1], now[: CUT + 1])
            assert np.isfinite(was[: CUT + 1]).any()
    for share in found[0].inside:
        np.testing.assert_array_equal(found[0].inside[share][0][: CUT + 1], found[1].inside[share][0][: CUT + 1])
    assert not np.allclose(found[0].hits[BARRIERS[0]][CUT:], found[1].hits[BARRIERS[0]][CUT:], equal_nan=True)


def test_no_joint_chance_or_mood_sees_the_future():
    pairs = [both(seed) for seed in (2, 3)]
    found = []
    for k in (0, 1):
        bars = [pair[k] for pair in pairs]
        c = contest(bars, 24, 0, 1, models=())
        start = int(bars[0].ends[4_800])
        found.append((joint_trial(bars, c, RANGED, start, 0.01, 1), moods(bars[0], c.rates[RANGED][:, 0], 3_000)))
    resolved = (CUT - 4_800) // EVERY_H
    for kind in found[0][0].weights:
        was, now = (one.weights[kind][:resolved] for one, _ in found)
        np.testing.assert_array_equal(was, now)
        assert was.std() > 0.0
    assert found[0][1][: CUT + 1] == found[1][1][: CUT + 1]


def test_no_level_sees_the_future():
    rng = np.random.default_rng(1)
    values = np.exp(0.1 * np.cumsum(rng.standard_normal(900)))
    other = np.concatenate((values[:801], rng.permutation(values[801:])))
    was, now = (walk_level(v, 10, True, 400) for v in (values, other))
    for name in ("told", "usual", "chance"):
        np.testing.assert_array_equal(getattr(was, name)[:801], getattr(now, name)[:801])
    assert not np.array_equal(was.told[811:], now.told[811:])
    for name in ("came", "hit"):
        np.testing.assert_array_equal(getattr(was, name)[: 801 - 10], getattr(now, name)[: 801 - 10])


def test_a_look_ahead_would_be_seen(worlds: tuple[Bars, Bars]):
    """The test of the test: a model fitted one horizon too far fails it."""

    def cheating(b: Bars) -> Array:
        realised = target(b, 24)
        rows = walk(
            len(b), 3_000, 1, lambda i: float(np.nanmean(realised[:i])), lambda m, s: np.full(s.stop - s.start, m)
        )
        return rows.rates

    with pytest.raises(AssertionError):
        same(cheating, worlds)


def test_only_resolved_origins_are_known():
    assert known_at(100, 24) == slice(0, 77)  # origin 76 ends with bar 100
    assert known_at(10_000, 6, 500) == slice(9_500, 9_995)
    assert known_at(3, 24) == slice(0, 0)


def test_a_failed_fit_leaves_the_last_model_in_place():
    answers = iter([None, 2.0, None])
    found = walk(6, 0, 2, lambda _: next(answers), lambda m, s: np.full(s.stop - s.start, m))
    assert found.rates.tolist()[2:] == [2.0, 2.0, 2.0, 2.0]
    assert np.isnan(found.rates[:2]).all()


def test_the_frequency_is_of_what_was_resolved():
    hit = np.array([1.0, 0.0, 1.0, 1.0, np.nan, 0.0])
    assert frequency(hit, 2, 2)[2:].tolist() == [1.0, 0.5, pytest.approx(2 / 3), 0.75]


def test_the_best_resolved_record_speaks():
    worse, better = np.full(1_000, 2.0), np.full(1_000, 1.0)
    chosen, names = compete({"base": worse, "new": better}, "base", 24, 0, every=100, window=200)
    assert names == ("base", "new")
    assert chosen[:100].tolist() == [0] * 100  # nothing was resolved at the start of these
    assert set(chosen[100:].tolist()) == {1}
    silent, _ = compete({"base": worse, "new": np.full(1_000, np.nan)}, "base", 24, 0)
    assert not silent.any()


def test_auto_knows_no_loss_before_its_horizon_ends():
    """The newcomer is only better in the last day, which is not resolved when the week begins."""
    realised = np.full((400, 1), 1e-4)
    newcomer = np.full((400, 1), 1.6e-4)
    newcomer[145:] = 1e-4
    rates = {REACTIVE: np.full((400, 1), 1.55e-4), "new": newcomer}
    spoken = _auto(rates, realised, 24)[:, 0]
    assert spoken[168:336].tolist() == [1.55e-4] * 168
    assert spoken[336:].tolist() == [1e-4] * 64


def test_a_shape_serves_until_the_next():
    world = storms(4_000, 9).bars()
    moves, deviation = extremes(world, 6), np.full(4_000, 0.02)
    shapes = walk_shapes(moves, deviation, 6, 2_000, every=500)
    assert [span.start for span, _ in shapes] == [2_000, 2_500, 3_000, 3_500]
    chances = walk_touch(shapes, True, np.full(4_000, 1.0))
    assert np.isnan(chances[:2_000]).all()
    assert len(np.unique(chances[2_000:])) == 4
