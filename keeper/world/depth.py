"""How deep a V3 pool is at which prices: a seed and a shape in, liquidity positions out, the same ones every time."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

MIN_TICK = -887_272
MAX_TICK = 887_272
FULL_RANGE_SHARE = 0.06
"""Of the value; what passive holders keep over all prices in a large mainnet pool."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The crowd of positions of one pool. `half_width` is the median in ticks, `value_usd` the total in US dollars."""

    seed: int
    value_usd: float
    half_width: float
    ticks: int
    """At least so many distinct initialised ticks."""


@dataclass(frozen=True, slots=True)
class Range:
    """A position between two ticks, both multiples of the pool's spacing, worth `value_usd`."""

    lower: int
    upper: int
    value_usd: float


def ranges(shape: Shape, tick: float, spacing: int) -> list[Range]:
    """Positions around `tick`: widths log-normal, centres off by a fraction of the width, values fat-tailed, and one
    full range. The positions together have at least `shape.ticks` distinct ends, so the pool has as many ticks.
    """
    drawn: list[tuple[int, int, float]] = []
    ends: set[int] = set()
    source = _draws(random.Random(shape.seed), shape.half_width, tick, spacing)
    while len(ends) < shape.ticks:
        lower, upper, weight = next(source)
        drawn.append((lower, upper, weight))
        ends |= {lower, upper}
    total = sum(weight for _, _, weight in drawn)
    crowd = shape.value_usd * (1 - FULL_RANGE_SHARE)
    edge = MAX_TICK // spacing * spacing
    full = Range(-edge, edge, shape.value_usd * FULL_RANGE_SHARE)
    return [full, *(Range(lower, upper, crowd * weight / total) for lower, upper, weight in drawn)]


def amounts(span: Range, sqrt_price: float, usd0: float, usd1: float) -> tuple[int, int]:
    """Raw amounts of both tokens that a range worth `span.value_usd` holds at a price.

    `sqrt_price` is the root of raw token1 per raw token0; `usd0` and `usd1` price one raw unit. Rounded to six digits,
    so that no machine's logarithm changes an amount.
    """
    low, high = 1.0001 ** (span.lower / 2), 1.0001 ** (span.upper / 2)
    at = min(max(sqrt_price, low), high)
    unit0, unit1 = 1 / at - 1 / high, at - low
    liquidity = span.value_usd / (unit0 * usd0 + unit1 * usd1)
    return _six_digits(liquidity * unit0), _six_digits(liquidity * unit1)


def _draws(source: random.Random, half_width: float, tick: float, spacing: int) -> Iterator[tuple[int, int, float]]:
    while True:
        width = half_width * math.exp(0.9 * source.gauss(0.0, 1.0))
        centre = tick + 0.4 * width * source.gauss(0.0, 1.0)
        lower = round((centre - width) / spacing) * spacing
        upper = max(round((centre + width) / spacing) * spacing, lower + spacing)
        weight = math.exp(1.0 * source.gauss(0.0, 1.0))
        yield lower, upper, weight


def _six_digits(amount: float) -> int:
    if amount < 1:
        return 0
    unit: int = 10 ** max(0, int(math.log10(amount)) - 5)
    return round(amount / unit) * unit
