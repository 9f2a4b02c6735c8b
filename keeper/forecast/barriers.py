"""Bars and their forecast variances in, each worker's chance of touching each barrier and what came of it out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keeper.forecast.bars import Array, Bars
from keeper.forecast.ewma import RISKMETRICS_HALF_LIFE_H, ewma_rate
from keeper.forecast.ladder import extremes
from keeper.forecast.passage import mixed_passage, passage
from keeper.forecast.scores import brier
from keeper.forecast.shape import LEAST_ORIGINS, bootstrap_shape, interval
from keeper.forecast.walk import (
    RETRAIN_H,
    WEEK_H,
    compete,
    frequency,
    known_at,
    walk_shapes,
    walk_touch,
)
from keeper.model import Shape

EMPIRICAL = "empirical"
BOOTSTRAP = "bootstrap"
CLOSED = "closed form"
MIXED = "mixture"
REACTIVE = "reactive"
SWITCHED = "switched"
FREQUENCY = "frequency"


@dataclass(frozen=True, slots=True)
class Barrier:
    """A move of `size` up or down: a fraction of the price, or with `scaled` in EWMA(0.94) deviations."""

    rise: bool
    size: float
    scaled: bool

    @property
    def name(self) -> str:
        sign = "+" if self.rise else "−"
        return f"{sign}{self.size:g} σ" if self.scaled else f"{sign}{100 * self.size:g} %"

    def distance(self, deviation: Array) -> Array:
        """Distance in log price; `deviation` is EWMA(0.94)'s over the horizon, one a bar."""
        if self.scaled:
            return self.size * deviation
        log = math.log1p(self.size) if self.rise else -math.log1p(-self.size)
        return np.full(len(deviation), log)


BARRIERS = tuple(
    Barrier(rise, size, scaled)
    for scaled, sizes in ((False, (0.01, 0.02, 0.03)), (True, (0.5, 1.0, 2.0)))
    for size in sizes
    for rise in (True, False)
)


@dataclass(frozen=True, slots=True)
class Attempted:
    """One token: whether each barrier was touched within the horizon (1, 0, nan) and each worker's chances, a bar each.

    `final` is the log return and `inside` maps a probability to the interval that was forecast for it.
    """

    hits: Mapping[Barrier, Array]
    chances: Mapping[tuple[Barrier, str], Array]
    final: Array
    inside: Mapping[float, tuple[Array, Array]]

    def losses(self, barrier: Barrier, worker: str) -> Array:
        return brier(self.chances[barrier, worker], self.hits[barrier])


def attempt(
    bars: Bars, rates: Array, hours: int, seed: int, bootstrap: bool = True, barriers: Sequence[Barrier] = BARRIERS
) -> Attempted:
    """Every worker's chances at every bar from `rates`, a model's walk-forward variance an hour.

    `empirical` and `bootstrap` rescale past moves (the one whole horizons, the other blocks of six hours), `closed
    form` is driftless first passage, `mixture` the same with uncertain variance, `reactive` the closed form on the
    one-day EWMA; `frequency` is the unconditional one so far. `switched` is `empirical`, or `frequency` in weeks that
    begin with a worse record than its over ninety days. Highs and lows decide what was touched.
    """
    deviation = np.sqrt(rates * hours)
    slow, fast = (np.sqrt(ewma_rate(bars, h) * hours) for h in (RISKMETRICS_HALF_LIFE_H, 24.0))
    final, rise, fall = moves = extremes(bars, hours)
    begun = int(np.argmax(np.isfinite(deviation)))
    start = begun + LEAST_ORIGINS + hours
    shapes = walk_shapes(moves, deviation, hours, start)
    drawn = _bootstrapped(bars, rates, hours, start, seed) if bootstrap else []
    level, spread = _uncertainty(shapes, len(bars))
    hits: dict[Barrier, Array] = {}
    chances: dict[tuple[Barrier, str], Array] = {}
    for one in barriers:
        distance = one.distance(slow)
        reached = rise if one.rise else fall
        hit = np.where(np.isfinite(reached), (reached >= distance).astype(np.float64), np.nan)
        hits[one] = hit
        chances[one, EMPIRICAL] = walk_touch(shapes, one.rise, distance / deviation)
        if bootstrap:
            chances[one, BOOTSTRAP] = walk_touch(drawn, one.rise, distance / deviation)
        chances[one, CLOSED] = passage(distance, deviation)
        chances[one, MIXED] = _mixed(distance, deviation * level, spread)
        chances[one, REACTIVE] = passage(distance, fast)
        chances[one, FREQUENCY] = frequency(hit, hours, start)
        chances[one, SWITCHED] = _switch(chances[one, EMPIRICAL], chances[one, FREQUENCY], hit, hours, start)
    inside = {p: _interval(shapes, p, deviation) for p in (0.5, 0.9)}
    return Attempted(hits, chances, final, inside)


def _bootstrapped(bars: Bars, rates: Array, hours: int, start: int, seed: int) -> list[tuple[slice, Shape]]:
    found: list[tuple[slice, Shape]] = []
    for i in range(start, len(bars), RETRAIN_H):
        rows = slice(known_at(i, 0).start, i + 1)
        shape = bootstrap_shape(bars.between(rows), rates[rows], hours, seed)
        if shape is not None:
            found.append((slice(i, min(i + RETRAIN_H, len(bars))), shape))
    return found


def _uncertainty(shapes: Sequence[tuple[slice, Shape]], rows: int) -> tuple[Array, Array]:
    level, spread = np.full(rows, np.nan), np.full(rows, np.nan)
    for span, shape in shapes:
        level[span], spread[span] = shape.deviation, shape.spread
    return level, spread


def _mixed(distance: Array, deviation: Array, spread: Array) -> Array:
    out = np.full(len(distance), np.nan)
    for value in np.unique(spread[np.isfinite(spread)]):
        rows = spread == value
        out[rows] = mixed_passage(distance[rows], deviation[rows], float(value))
    return out


def _interval(shapes: Sequence[tuple[slice, Shape]], probability: float, deviation: Array) -> tuple[Array, Array]:
    low, high = np.full(len(deviation), np.nan), np.full(len(deviation), np.nan)
    for span, shape in shapes:
        below, above = interval(shape, probability)
        low[span], high[span] = below * deviation[span], above * deviation[span]
    return low, high


def _switch(worker: Array, base: Array, hit: Array, hours: int, start: int) -> Array:
    losses = {FREQUENCY: brier(base, hit), EMPIRICAL: brier(worker, hit)}
    chosen, _ = compete(losses, FREQUENCY, hours, start, WEEK_H)
    return np.where(chosen == 1, worker, base)
