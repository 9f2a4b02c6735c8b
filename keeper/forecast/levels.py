"""A rate, a funding or a gas price in, where it will be within the horizon out: levels revert, prices do not."""

import math
from dataclasses import dataclass

import numpy as np

from keeper.forecast.bars import Array

LEAST_ROWS = 50
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Level:
    """value(t + h) = base + slope·(value(t) - base) + residual, in logs when `logarithmic`; slope within [0, 1].

    `residuals` are quantiles at LEVELS; `lowest` those of the least value within the horizon against value(t).
    """

    logarithmic: bool
    base: float
    slope: float
    residuals: tuple[float, ...]
    lowest: tuple[float, ...]


def fit_level(values: Array, steps: int, logarithmic: bool) -> Level | None:
    """Fits the value `steps` ahead on the present one; None with fewer than LEAST_ROWS pairs or non-positive logs.

    A slope of 1 is "as now", 0 is "as usual": the first two thirds decide in between, and "as now" stands unless that
    did better on the last third.
    """
    if logarithmic and (values <= 0.0).any():
        return None
    y = np.log(values) if logarithmic else values
    if len(y) - steps < LEAST_ROWS:
        return None
    now, later = y[:-steps], y[steps:]
    early = 2 * len(now) // 3
    base, slope = _line(now[:early], later[:early])
    off = np.abs(later - (base + slope * (now - base)))[early:].mean()
    if off < np.abs(later - now)[early:].mean():
        base, slope = _line(now, later)
    else:
        slope = 1.0
    residuals = later - (base + slope * (now - base))
    lowest = np.lib.stride_tricks.sliding_window_view(y[1:], steps).min(axis=1) - now
    return Level(
        logarithmic, base, slope, tuple(map(float, np.quantile(residuals, LEVELS))),
        tuple(map(float, np.quantile(lowest, _LOWEST))),
    )  # fmt: skip


def _line(now: Array, later: Array) -> tuple[float, float]:
    """The mean to revert to, and the share of the distance from it that is kept."""
    base = float(np.mean(now))
    variance = float(np.mean((now - base) ** 2))
    slope = 0.0 if variance <= 0.0 else float(np.mean((now - base) * (later - base))) / variance
    return base, min(max(slope, 0.0), 1.0)


_LOWEST = tuple(np.linspace(0.02, 0.98, 49).tolist())


def quantiles(level: Level, value: float) -> tuple[float, ...]:
    """Quantiles at LEVELS of the value one horizon on."""
    y = math.log(value) if level.logarithmic else value
    middle = level.base + level.slope * (y - level.base)
    return tuple(math.exp(middle + r) if level.logarithmic else middle + r for r in level.residuals)


def chance_below(level: Level, value: float, barrier: float) -> float:
    """P(the value is at or under `barrier` at some step within the horizon), from how far it fell before."""
    y, b = (math.log(value), math.log(barrier)) if level.logarithmic else (value, barrier)
    if b >= y:
        return 1.0
    return float(np.interp(b - y, level.lowest, _LOWEST, left=0.0))
