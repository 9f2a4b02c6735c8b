"""Health factors to act at that follow volatility."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.costs import first_passage
from keeper.model import (
    Approved,
    HealthGoal,
    Hold,
)
from keeper.plan.policy import levels
from keeper.units import WAD, Wad
from tests.plan.policy.positions import at, reached

GOAL = HealthGoal(Wad(105 * 10**16), Wad(13 * 10**17), Wad(2 * WAD), tolerance=0.01, react_s=3_600)


@given(st.floats(0.3, 4.0), st.integers(0, 7_200))
def test_the_level_to_act_at_leaves_the_tolerance_before_an_action_lands(sigma: float, late_s: int) -> None:
    found = levels(GOAL, 1.05, 1.3, 2.0, sigma, 0.0, late_s)
    assert 1.05 <= found.low < found.target <= 2.0
    if found.low > 1.05:
        span = (late_s + 3_600) / (365.25 * 86_400)
        chance = first_passage(math.log(found.low), sigma, 0.0, span)
        assert chance <= 0.0101
        if found.low < 1.9:
            assert chance == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(("sigma", "level"), [(0.8, 1.031), (3.0, 1.121)])
def test_the_levels_that_the_documentation_names(sigma: float, level: float) -> None:
    """Prices an hour old, ten minutes to act, one in a thousand."""
    goal = replace(GOAL, tolerance=0.001, react_s=600)
    assert levels(goal, 1.01, 1.3, 2.0, sigma, 0.0, 3_600).low == pytest.approx(level, abs=5e-4)


def test_interest_that_eats_the_margin_raises_the_level() -> None:
    calm, eaten = (levels(GOAL, 1.01, 1.3, 2.0, 1.5, carry, 0) for carry in (0.0, -20.0))
    assert eaten.low > calm.low
    earned = levels(GOAL, 1.01, 1.3, 2.0, 1.5, 20.0, 0)
    assert earned == calm


def test_a_position_is_saved_earlier_in_a_storm() -> None:
    storm, calm = (at(1.06, goal=GOAL, sigma=sigma) for sigma in (3.0, 0.3))
    assert isinstance(calm.verdict, Hold)
    assert isinstance(storm.verdict, Approved), storm.why
    assert storm.drift is not None
    assert storm.drift.quantities[0].low > 1.06
    assert reached(storm) > storm.drift.quantities[0].low
