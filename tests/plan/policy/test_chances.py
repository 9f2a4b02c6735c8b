"""Chances of leaving a band, from a forecast of its edges."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.costs import first_passage
from keeper.model import (
    Drift,
    Forecast,
    Quantity,
    Touch,
)
from keeper.plan.policy import edges
from keeper.plan.policy.chance import deviations


def one_edge(chance: float, value: float = 1.6) -> Any:
    health = Quantity("health factor", value, 1.5, 1.8, 2.2)
    forecast = Forecast("x", 86_400, (), (Touch("health factor", 1.5, chance), Touch("health factor", 1.0, 0.001)))
    (found,) = edges(Drift(0.5, health.name, (health,)), forecast)
    return found


@given(st.floats(0.01, 0.95), st.floats(1.51, 2.0))
def test_a_chance_from_elsewhere_is_first_passage_with_the_same_deviation(chance: float, value: float) -> None:
    found = one_edge(chance)
    deviation = math.log(1.6 / 1.5) / deviations(chance)
    assert found.chance_at(1.6) == pytest.approx(chance)
    expected = first_passage(math.log(value / 1.5), deviation, 0.0, 1.0)
    assert found.chance_at(value) == pytest.approx(expected, rel=1e-9)
    assert found.chance_at(1.5) == found.chance_at(1.4) == 1.0


@given(st.floats(0.11, 0.95))
def test_the_share_of_the_band_for_a_chance_is_where_it_has_it(chance: float) -> None:
    found = one_edge(chance)
    share = found.share_for(0.1)
    place = 1.8 - 0.3 * share
    if share > 0.0:
        assert found.chance_at(place) == pytest.approx(0.1, rel=1e-6)


@given(st.floats(0.05, 0.9), st.floats(0.38, 0.42))
def test_both_edges_of_a_weights_band_count(chance: float, value: float) -> None:
    weight = Quantity("WETH", 0.41, 0.37, 0.40, 0.43)
    (edge,) = edges(Drift(0.5, "WETH", (weight,)), Forecast("x", 86_400, (), (Touch("WETH", 0.43, chance),)))
    deviation = 0.02 / deviations(chance)
    sides = sum(first_passage(d, deviation, 0.0, 1.0) for d in (0.43 - value, value - 0.37))
    assert edge.leaving(value) == pytest.approx(min(1.0, sides), rel=1e-9)
    assert one_edge(chance).leaving(1.7) == one_edge(chance).chance_at(1.7), "a high health factor is no danger"
