"""Past moves in units of their forecast deviation in, their distribution out; asked with a barrier, its chance."""

import math

import numpy as np

from keeper.forecast.bars import Array, Bars
from keeper.model import Shape

LEVELS = (
    0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85,
    0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998,
)  # fmt: skip
LEAST_ORIGINS = 1_440
"""Sixty days of hourly origins."""
_OWN = 3
"""A side counts three times, the other once: a trend in the window is mostly chance, but not wholly."""
_MOST_SPREAD = 1.0


def fit_shape(final: Array, rise: Array, fall: Array, horizon_s: int) -> Shape | None:
    """Quantiles of standardised moves, one origin a row; rows with a nan are left out, None under LEAST_ORIGINS."""
    known = np.isfinite(final) & np.isfinite(rise) & np.isfinite(fall)
    if int(known.sum()) < LEAST_ORIGINS:
        return None
    z, up, down = final[known], rise[known], fall[known]
    variance = float(np.mean(z**2))
    if variance <= 0.0:
        return None
    kurtosis = float(np.mean(z**4)) / variance**2
    return Shape(
        horizon_s=horizon_s,
        levels=LEVELS,
        final=_quantiles(z),
        rise=_quantiles(np.concatenate([*[up] * _OWN, down])),
        fall=_quantiles(np.concatenate([*[down] * _OWN, up])),
        deviation=math.sqrt(variance),
        spread=min(math.sqrt(math.log(max(kurtosis / 3.0, 1.0))), _MOST_SPREAD),
    )


def _quantiles(values: Array) -> tuple[float, ...]:
    return tuple(map(float, np.quantile(values, LEVELS)))


def touch(shape: Shape, rise: bool, barrier: Array) -> Array:
    """P(the highest point, or the lowest negated, reaches `barrier`), in units of the forecast deviation.

    Linear in log probability between quantiles, and on with the last slope beyond them: an exponential tail, fatter
    than a normal one. 1.0 for a barrier at 0 or behind.
    """
    quantiles = np.asarray(shape.rise if rise else shape.fall)
    logs = np.log1p(-np.asarray(shape.levels))
    x, y = np.concatenate(([0.0], quantiles)), np.concatenate(([0.0], logs))
    inside = np.interp(barrier, x, y)
    width = max(x[-1] - x[-4], 1e-9)
    beyond = y[-1] + (np.asarray(barrier) - x[-1]) * (y[-1] - y[-4]) / width
    chance: Array = np.exp(np.where(barrier > x[-1], beyond, inside))
    return np.where(barrier <= 0.0, 1.0, chance)


def interval(shape: Shape, probability: float) -> tuple[float, float]:
    """Central interval of the log return with `probability`, in units of the forecast deviation."""
    tail = (1.0 - probability) / 2.0
    low, high = np.interp([tail, 1.0 - tail], shape.levels, shape.final)
    return float(low), float(high)


BLOCK_H = 6
PATHS = 4_096


def bootstrap_shape(bars: Bars, hourly: Array, hours: int, seed: int, paths: int = PATHS) -> Shape | None:
    """The shape of `hours` bars put together from blocks of six, drawn at random from the past.

    `hourly` is the variance rate forecast at each bar: every bar is first divided by what was expected of it, the
    filter, so that calm and wild hours mix. What depends over more than six hours is lost; bars at a gap are left out.
    """
    logs = np.log(bars.close)
    expected = np.sqrt(hourly[:-1])
    step = np.diff(logs) / expected
    up, down = (np.log(bars.high[1:]) - logs[:-1]) / expected, (logs[:-1] - np.log(bars.low[1:])) / expected
    known = np.isfinite(step) & np.isfinite(up) & np.isfinite(down) & (bars.elapsed[1:] == 1.0)
    step, up, down = step[known], up[known], down[known]
    if len(step) < LEAST_ORIGINS:
        return None
    block = min(BLOCK_H, hours)
    starts = np.random.default_rng(seed).integers(0, len(step) - block, size=(paths, -(-hours // block)))
    index = (starts[:, :, None] + np.arange(block)).reshape(paths, -1)[:, :hours]
    walked = np.cumsum(step[index], axis=1)
    before = walked - step[index]
    scale = math.sqrt(hours)
    rise = np.maximum((before + up[index]).max(axis=1), 0.0) / scale
    fall = np.maximum((down[index] - before).max(axis=1), 0.0) / scale
    return fit_shape(walked[:, -1] / scale, rise, fall, hours * bars.step_s)
