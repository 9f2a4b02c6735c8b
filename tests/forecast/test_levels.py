"""Rates and gas prices: they revert as fast as what made them, fall as often as told, and own up where they do not."""

from dataclasses import replace

import numpy as np
import pytest

from keeper.forecast.bars import HOUR_S
from keeper.forecast.levels import (
    FREQUENCY,
    NOW,
    believe_level,
    final,
    fit_level,
    inside,
    losses,
    lowest,
    outlook,
    walk_level,
)
from keeper.model import LEVEL_GRID, LevelSeries
from keeper.units import Timestamp

MIDDLE, LOW, HIGH = (LEVEL_GRID.index(p) for p in (0.5, 0.05, 0.95))


def reverting(n: int, slope: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    level, out = 0.0, np.empty(n)
    for i, shock in enumerate(rng.standard_normal(n).tolist()):
        level = slope * level + shock
        out[i] = level
    return 50.0 + out


def hourly(values: np.ndarray, lows: np.ndarray | None = None, name: str = "gas") -> LevelSeries:
    ends = tuple(Timestamp(HOUR_S * (k + 1)) for k in range(len(values)))
    return LevelSeries(name, ends, tuple(values.tolist()), tuple((values if lows is None else lows).tolist()))


@pytest.mark.parametrize("slope", [0.0, 0.6, 0.95])
def test_a_level_reverts_as_fast_as_the_one_that_made_it(slope: float):
    values = reverting(20_000, slope, 1)
    level = fit_level(values, 3, logarithmic=False)
    assert level is not None
    assert level.slope == pytest.approx(slope**3, abs=0.03)
    assert level.shift / (1.0 - level.slope) == pytest.approx(50.0, abs=0.4)
    told = final(level, values[-3_000:-3])
    came = values[-2_997:]
    assert ((told[:, LOW] <= came) & (came <= told[:, HIGH])).mean() == pytest.approx(0.9, abs=0.02)


def test_a_level_told_to_stay_is_as_now():
    values = reverting(3_000, 0.6, 3)
    level = fit_level(values, 3, False, stays=True)
    assert level is not None
    assert (level.shift, level.slope) == (0.0, 1.0)
    assert final(level, np.array([70.0]))[0, MIDDLE] == pytest.approx(70.0, abs=0.1)


def test_a_fall_is_as_likely_from_high_up_as_it_was_and_from_the_bottom_too():
    values = np.exp(reverting(40_000, 0.9, 2) / 10.0)
    level = fit_level(values, 5, logarithmic=True)
    assert level is not None
    fell = np.lib.stride_tricks.sliding_window_view(values[1:], 5).min(axis=1) <= 0.9 * values[:-5]
    for q in (0.1, 0.5, 0.9):
        at = np.quantile(values, q)
        near = np.abs(np.log(values[:-5] / at)) < 0.03
        chance = np.interp(0.9 * at, lowest(level, np.array([at]))[0], LEVEL_GRID, left=0.0)
        assert chance == pytest.approx(fell[near].mean(), abs=0.04)


def test_lows_within_the_hour_count():
    values = reverting(4_000, 0.9, 4)
    dips = values - np.abs(np.random.default_rng(5).standard_normal(4_000))
    shallow, deep = fit_level(values, 3, False), fit_level(values, 3, False, dips)
    assert shallow is not None
    assert deep is not None
    assert lowest(deep, np.array([50.0]))[0, MIDDLE] < lowest(shallow, np.array([50.0]))[0, MIDDLE] - 0.3
    assert final(deep, np.array([50.0])) == pytest.approx(final(shallow, np.array([50.0])))


def test_a_level_too_short_or_not_positive_is_not_fitted():
    assert fit_level(np.ones(40), 5, False) is None
    assert fit_level(np.zeros(400), 5, True) is None
    still = fit_level(np.full(400, 3.0), 5, False)
    assert still is not None
    assert final(still, np.array([3.0]))[0] == pytest.approx(np.full(len(LEVEL_GRID), 3.0))
    assert believe_level(hourly(np.ones(40)), 6, HOUR_S, True, 720) is None


def test_a_reverting_level_is_trusted_and_an_outlook_says_where_it_goes():
    values = np.exp(reverting(3_000, 0.8, 6) / 10.0)
    belief = believe_level(hourly(values), 6, HOUR_S, True, 720)
    assert belief is not None
    assert belief.trusted
    assert belief.falls_trusted
    assert belief.note.startswith("reverts to the usual (skill +")
    usual = float(np.exp(5.0))
    dear, cheap = outlook(belief, 1.5 * usual), outlook(belief, usual / 1.5)
    assert dear.median < 1.4 * usual
    assert cheap.median > usual / 1.4
    assert dear.reaches(usual * 1.2) > 0.6 > 0.1 > cheap.reaches(usual / 2.0)
    assert dear.reaches(1.6 * usual) == 1.0
    assert [dear.reaches(x * usual) for x in (1.4, 1.2, 1.0, 0.8)] == sorted(
        (dear.reaches(x * usual) for x in (1.4, 1.2, 1.0, 0.8)), reverse=True
    )


def test_a_level_that_walks_is_not_trusted_and_says_as_now():
    walk = np.exp(0.02 * np.cumsum(np.random.default_rng(7).standard_normal(3_000)))
    belief = believe_level(hourly(walk), 6, HOUR_S, True, 720)
    assert belief is not None
    assert not belief.trusted
    assert belief.note.endswith(": as now")
    assert outlook(belief, 2.0).median == pytest.approx(2.0, rel=0.05)
    short = believe_level(hourly(walk[:70]), 6, HOUR_S, True, 720)
    assert short is not None
    assert "too short a history" in short.note


def test_the_walk_scores_what_was_told_before_it_came():
    values = reverting(3_000, 0.8, 8)
    walked = walk_level(values, 5, False, 500)
    assert inside(walked) == pytest.approx(0.9, abs=0.03)
    errors = losses(walked, values)
    assert np.nanmean(errors["reverting"]) < 0.95 * np.nanmean(errors[NOW])
    assert np.isnan(errors["reverting"][:500]).all()
    belief = believe_level(hourly(values), 5, HOUR_S, False, 500)
    assert belief is not None
    assert {s.baseline for s in belief.scores} == {NOW, "as usual", FREQUENCY}


def test_an_unfitted_level_has_no_outlook_of_its_own_value():
    belief = believe_level(hourly(reverting(400, 0.8, 9)), 6, HOUR_S, False, 720)
    assert belief is not None
    said = outlook(replace(belief, trusted=False, note="why"), 55.0)
    assert (said.now, said.trusted, said.note) == (55.0, False, "why")
