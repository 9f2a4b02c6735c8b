"""Depth profiles: the same seed gives the same crowd, as large and as spread as asked."""

import math

from hypothesis import given
from hypothesis import strategies as st

from keeper.world.depth import MAX_TICK, Range, Shape, amounts, ranges

SPACINGS = st.sampled_from([1, 10, 60])


@given(st.integers(0, 10**6), st.floats(-300_000, 300_000), SPACINGS)
def test_a_crowd_has_its_value_its_ticks_and_a_place_for_each(seed: int, tick: float, spacing: int) -> None:
    shape = Shape(seed, 5e6, 60 * spacing, 210)
    crowd = ranges(shape, tick, spacing)
    assert crowd == ranges(shape, tick, spacing)
    assert math.isclose(sum(span.value_usd for span in crowd), 5e6, rel_tol=1e-9)
    assert len({end for span in crowd for end in (span.lower, span.upper)}) >= 210
    for span in crowd:
        assert span.lower % spacing == span.upper % spacing == 0
        assert -MAX_TICK <= span.lower < span.upper <= MAX_TICK


@given(st.integers(-2_000, 2_000), st.integers(1, 2_000), st.floats(0.9, 1.1), st.floats(1e3, 1e7))
def test_amounts_are_worth_the_position(lower: int, width: int, price: float, value: float) -> None:
    usd0, usd1 = price * 1e-6, 1e-6
    amount0, amount1 = amounts(Range(lower, lower + width, value), math.sqrt(price), usd0, usd1)
    assert math.isclose(amount0 * usd0 + amount1 * usd1, value, rel_tol=2e-5)
    if price <= 1.0001**lower:
        assert amount1 == 0
    if price >= 1.0001 ** (lower + width):
        assert amount0 == 0


def test_most_of_the_value_is_near_the_price() -> None:
    crowd = ranges(Shape(1, 1e6, 900, 240), 0.0, 10)
    at_price = sum(span.value_usd for span in crowd if span.lower <= 0 < span.upper)
    assert at_price > 0.8e6
