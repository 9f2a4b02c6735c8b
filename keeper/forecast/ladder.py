"""Bars in, past and future variance rates an hour out: what a volatility model sees and what it must hit."""

import math

import numpy as np
from numpy.typing import NDArray

from keeper.forecast.bars import HOUR_S, Array, Bars

FLOOR = 1e-8
"""Least variance of log price an hour, (1 bp)²: what rounding and stale quotes alone can make of a still price."""
SQUARES = (6, 24, 168, 720)
"""Hours of the windows on squared returns; the longest sets how much past a forecast needs."""
RANGES = (1, 6, 24, 168, 720)
LONGEST = 720


def rate(bars: Bars, hours: int) -> Array:
    """Mean variance an hour over the last `hours` bars, from squared returns; nan before them or without a price."""
    return _mean(bars.square, bars.elapsed, hours)


def reach_rate(bars: Bars, hours: int) -> Array:
    """As `rate`, from the bars' ranges."""
    known = np.isfinite(bars.reach)
    return _mean(np.where(known, bars.reach, 0.0), known.astype(np.float64), hours)


def _mean(total: Array, weight: Array, window: int) -> Array:
    """Sums of `total` over sums of `weight` in the last `window` entries; nan where the weight is 0."""
    n = len(total)
    out = np.full(n, np.nan)
    if n < window:
        return out
    sums = np.concatenate(([0.0], np.cumsum(total)))
    weights = np.concatenate(([0.0], np.cumsum(weight)))
    above, below = sums[window:] - sums[:-window], weights[window:] - weights[:-window]
    np.divide(above, below, out=out[window - 1 :], where=below > 0.5)
    return out


def target(bars: Bars, hours: int) -> Array:
    """Variance an hour realised over the next `hours` bars, not floored; nan where they are not known well.

    One bar alone is judged by its range when that is known: one squared return says too little. Known well: the
    prices inside took between half and one and a half times the hours, so a gap neither hides nor lends variance.
    """
    n = len(bars)
    out = np.full(n, np.nan)
    if n <= hours:
        return out
    if hours == 1 and bars.ranged:
        out[:-1] = bars.reach[1:]
        return out
    sums = np.concatenate(([0.0], np.cumsum(bars.square)))
    took = np.concatenate(([0.0], np.cumsum(bars.elapsed)))
    above, below = sums[hours + 1 :] - sums[1:-hours], took[hours + 1 :] - took[1:-hours]
    well = (below >= 0.5 * hours) & (below <= 1.5 * hours)
    np.divide(above, below, out=out[: n - hours], where=well)
    return out


def columns(bars: Bars, ranged: bool) -> Array:
    """Features of log-HAR, one row a bar: 1, log rates from short to long windows, and with ranges the time of day.

    A window without a price takes the rate of the next longer one. Rows are nan until the longest window is full.
    """
    windows = RANGES if ranged else SQUARES
    rates = [(reach_rate if ranged else rate)(bars, hours) for hours in windows]
    for k in range(len(windows) - 2, -1, -1):
        rates[k] = np.where(np.isfinite(rates[k]), rates[k], rates[k + 1])
    rows = [np.ones(len(bars)), *(np.log(np.maximum(r, FLOOR)) for r in rates)]
    if ranged:
        rows += list(_waves(bars.ends))
    found = np.stack(rows, axis=1)
    found[: LONGEST - 1] = np.nan
    return found


def last_row(bars: Bars, ranged: bool = False) -> Array:
    """The last row of `columns(bars, ranged)`, without the others: what a tick needs."""
    windows = RANGES if ranged else SQUARES
    if len(bars) < LONGEST:
        return np.full(len(windows) + (5 if ranged else 1), np.nan)
    known = np.isfinite(bars.reach) if ranged else None
    total = bars.square if known is None else np.where(known, bars.reach, 0.0)
    weight = bars.elapsed if known is None else known.astype(np.float64)
    logs: list[float] = []
    longer = math.nan
    for hours in reversed(windows):
        took = float(weight[-hours:].sum())
        longer = float(total[-hours:].sum()) / took if took > 0.5 else longer
        logs.append(math.log(max(longer, FLOOR)) if math.isfinite(longer) else math.nan)
    waves = _waves(bars.ends[-1:])[:, 0].tolist() if ranged else []
    return np.array([1.0, *reversed(logs), *waves])


def _waves(ends: NDArray[np.int64]) -> Array:
    """The hour of the day, twice round and once, one column a bar."""
    angle = 2.0 * math.pi * (ends // HOUR_S % 24) / 24.0
    return np.stack((np.sin(angle), np.cos(angle), np.sin(2.0 * angle), np.cos(2.0 * angle)))


def extremes(bars: Bars, hours: int) -> tuple[Array, Array, Array]:
    """Over the next `hours` bars: log return, its highest and its lowest point negated, both ≥ 0; nan at the end.

    Highs and lows count where they are known; a bar without prices adds nothing.
    """
    n = len(bars)
    final, rise, fall = (np.full(n, np.nan) for _ in range(3))
    if n <= hours:
        return final, rise, fall
    m = n - hours
    high = np.where(np.isfinite(bars.high), bars.high, bars.close)
    low = np.where(np.isfinite(bars.low), bars.low, bars.close)
    windows = np.lib.stride_tricks.sliding_window_view
    start = bars.close[:m]
    final[:m] = np.log(bars.close[hours:] / start)
    rise[:m] = np.maximum(np.log(windows(high[1:], hours).max(axis=1) / start), 0.0)
    fall[:m] = np.maximum(-np.log(windows(low[1:], hours).min(axis=1) / start), 0.0)
    return final, rise, fall
