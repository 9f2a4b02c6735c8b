"""Irregular prices or ready-made bars in, a regular grid that says where nothing was seen out."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keeper.forecast.ranges import parkinson

Array = NDArray[np.float64]

HOUR_S = 3_600
OUTLIER_FACTOR = 12.0
"""A price is an outlier when it jumps by this many times the largest move of the sixteen before it, then comes back."""
OUTLIER_LEAST = 0.02
"""No smaller jump of log price is one: feeds step in units of half a per cent."""
_NEAR = 16
_BACK = 0.25
"""Coming back is ending within this share of the jump."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Clean prices, oldest first, and how many observations were set aside, by cause."""

    times: NDArray[np.int64]
    prices: Array
    late: int
    """Out of order: they were sorted in, not dropped."""
    repeated: int
    """Of a second that has a price already: the last one stands."""
    invalid: int
    """Not a positive, finite number, or stamped after `now`."""
    outliers: int
    """Single observations that jumped and came back."""

    def sentence(self) -> str:
        """What was set aside; empty when nothing was."""
        found = (
            (self.late, "out of order"),
            (self.repeated, "repeated"),
            (self.invalid, "unusable"),
            (self.outliers, "single outliers"),
        )
        return ", ".join(f"{count} {name}" for count, name in found if count)


def clean(times: Sequence[int], prices: Sequence[float], now: int, drop: bool = True) -> Ticks:
    """Sorted, positive prices up to `now`, one a second, without single outliers unless `drop` is False.

    An outlier is one observation that jumps by OUTLIER_FACTOR times any move of the sixteen before it and comes back
    with the next: known only then, so the last price always stands and a crash, which stays, is never one. A walk
    through the past must therefore not drop them once for all: it would know one observation too much.
    """
    stamps, values = np.asarray(times, dtype=np.int64), np.asarray(prices, dtype=np.float64)
    usable = np.isfinite(values) & (values > 0.0) & (stamps <= now)
    invalid = int(len(usable) - usable.sum())
    stamps, values = stamps[usable], values[usable]
    late = int((stamps[1:] < np.maximum.accumulate(stamps)[:-1]).sum()) if len(stamps) > 1 else 0
    if late:
        order = np.argsort(stamps, kind="stable")
        stamps, values = stamps[order], values[order]
    last = np.append(stamps[1:] != stamps[:-1], True) if len(stamps) else np.zeros(0, dtype=bool)
    repeated = int(len(last) - last.sum())
    stamps, values = stamps[last], values[last]
    odd = _outliers(np.log(values))
    kept = ~odd if drop else np.ones(len(odd), dtype=bool)
    return Ticks(stamps[kept], values[kept], late, repeated, invalid, int(odd.sum()))


def _outliers(logs: Array) -> NDArray[np.bool_]:
    odd = np.zeros(len(logs), dtype=bool)
    moves = np.abs(np.diff(logs))
    if len(logs) < _NEAR + 3 or not (moves > OUTLIER_LEAST).any():
        return odd
    before = np.lib.stride_tricks.sliding_window_view(moves, _NEAR).max(axis=1)  # ends at moves[i + _NEAR - 1]
    jump, usual = moves[_NEAR:-1], before[: len(moves) - _NEAR - 1]
    back = np.abs(logs[_NEAR + 2 :] - logs[_NEAR:-2])
    found = (jump > np.maximum(OUTLIER_FACTOR * usual, OUTLIER_LEAST)) & (back < _BACK * jump)
    odd[_NEAR + 1 : -1] = found
    return odd


def wicks(opened: Array, high: Array, low: Array, close: Array) -> NDArray[np.bool_]:
    """Which bars have a range that no market made: OUTLIER_FACTOR times any of the sixteen before, and back at the end.

    Somebody swung a pool and put it back, or a figure is wrong. Known at the end of the bar itself.
    """
    ranges = np.log(high / low)
    odd = np.zeros(len(ranges), dtype=bool)
    if len(ranges) <= _NEAR or not (ranges > OUTLIER_LEAST).any():
        return odd
    usual = np.lib.stride_tricks.sliding_window_view(ranges, _NEAR).max(axis=1)[:-1]
    back = np.abs(np.log(close / opened))[_NEAR:] < _BACK * ranges[_NEAR:]
    odd[_NEAR:] = (ranges[_NEAR:] > np.maximum(OUTLIER_FACTOR * usual, OUTLIER_LEAST)) & back
    return odd


@dataclass(frozen=True, slots=True)
class Bars:
    """A regular grid of `step_s` seconds; every array has one entry a bar. All causal: bar i uses prices up to ends[i].

    `square` is the squared log return since the last price and `elapsed` how many bars that took, both 0 in a bar
    without a price: sums of one over sums of the other are variance a bar, whatever the gaps. `reach` is the Parkinson
    variance of the bar, nan where its high and low are not known. `close` carries the last price on.
    """

    step_s: int
    ends: NDArray[np.int64]
    close: Array
    high: Array
    low: Array
    square: Array
    elapsed: Array
    reach: Array

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def ranged(self) -> bool:
        """Whether nearly every bar knows its range."""
        return len(self) > 0 and float(np.isfinite(self.reach).mean()) > 0.9

    def between(self, rows: slice) -> "Bars":
        """These bars alone."""
        names = ("ends", "close", "high", "low", "square", "elapsed", "reach")
        return Bars(self.step_s, *(getattr(self, name)[rows] for name in names))


def from_ohlc(
    ends: NDArray[np.int64], opened: Array, high: Array, low: Array, close: Array, step_s: int = HOUR_S
) -> Bars:
    """Bars as an exchange publishes them, stamped by their end; missing ones become gaps.

    Raises ValueError where low ≤ open, close ≤ high does not hold, or stamps are not rising multiples of the step.
    """
    if len(ends) == 0 or (np.diff(ends) <= 0).any() or (ends % step_s != 0).any():
        raise ValueError(f"bars must end at rising multiples of {step_s} seconds")
    if (low <= 0).any() or (low > np.minimum(opened, close)).any() or (high < np.maximum(opened, close)).any():
        raise ValueError("bars must have 0 < low ≤ open, close ≤ high")
    grid = np.arange(ends[0], ends[-1] + step_s, step_s)
    at = (ends - ends[0]) // step_s
    spread: list[Array] = []
    for column in (close, high, low, parkinson(high, low)):
        full = np.full(len(grid), np.nan)
        full[at] = column
        spread.append(full)
    full_close, full_high, full_low, reach = spread
    carried, square, elapsed = _returns(full_close)
    square[0], elapsed[0] = math.log(close[0] / opened[0]) ** 2, 1.0
    return Bars(step_s, grid, carried, full_high, full_low, square, elapsed, reach)


def resample(ticks: Ticks, now: int, step_s: int = HOUR_S, keep: int | None = None, extremes: bool = True) -> Bars:
    """The last `keep` complete bars up to `now`, from ticks stamped in (end - step, end]; all of them without `keep`.

    High and low are of the prices seen and the one carried in, but `reach` stays nan: a feed's few prices an hour
    understate a range; nan without `extremes`. A bar that is not over yet is left out.
    """
    last = now // step_s * step_s
    if len(ticks.times) == 0 or ticks.times[0] > last:
        empty = np.zeros(0)
        return Bars(step_s, np.zeros(0, dtype=np.int64), empty, empty, empty, empty, empty, empty)
    first = -(-int(ticks.times[0]) // step_s) * step_s
    if keep is not None:
        first = max(first, last - (keep - 1) * step_s)
    ends = np.arange(first, last + step_s, step_s)
    upto = np.searchsorted(ticks.times, ends, side="right")
    since = np.searchsorted(ticks.times, ends - step_s, side="right")
    seen = upto > since
    known = np.where(seen, ticks.prices[upto - 1], np.nan)
    before = ticks.prices[since[0] - 1] if since[0] > 0 else math.nan
    gap = (first - step_s - int(ticks.times[since[0] - 1])) // step_s if since[0] > 0 else 0
    carried, square, elapsed = _returns(known, before, gap)
    unknown = np.full(len(ends), np.nan)
    high, low = _extremes(ticks.prices, since, upto, seen) if extremes else (unknown, unknown)
    return Bars(step_s, ends, carried, high, low, square, elapsed, unknown)


def tail(times: Sequence[int], bars: int, step_s: int = HOUR_S) -> int:
    """Index of the last observation before the last `bars` bars of a sorted series: where a refresh may start."""
    if not times:
        return 0
    return max(0, bisect_right(times, times[-1] - (bars + 1) * step_s) - _NEAR - 3)


def _returns(known: Array, before: float = math.nan, gap: int = 0) -> tuple[Array, Array, Array]:
    """Closes carried through gaps, squared log returns between known ones, and bars from each to the one before.

    `before` is the last price before the first bar, `gap` how many bars earlier than the bar before it.
    """
    seen = np.flatnonzero(np.isfinite(known))
    carried = np.full(len(known), before)
    square, elapsed = np.zeros(len(known)), np.zeros(len(known))
    if len(seen) == 0:
        return carried, square, elapsed
    index = np.searchsorted(seen, np.arange(len(known)), side="right") - 1
    carried = np.where(index >= 0, known[seen[np.maximum(index, 0)]], before)
    square[seen[1:]] = np.diff(np.log(known[seen])) ** 2
    elapsed[seen[1:]] = np.diff(seen)
    if math.isfinite(before):
        square[seen[0]] = math.log(known[seen[0]] / before) ** 2
        elapsed[seen[0]] = seen[0] + 1 + gap
    return carried, square, elapsed


def _extremes(
    prices: Array, since: NDArray[np.intp], upto: NDArray[np.intp], seen: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Highest and lowest price of each bar, the one carried into it included; nan in a bar without prices."""
    high, low = np.full(len(seen), np.nan), np.full(len(seen), np.nan)
    if not seen.any():
        return high, low
    starts = np.maximum(since[seen] - 1, 0)
    edges = np.stack((starts, upto[seen]), axis=1).ravel()
    padded = np.append(prices, prices[-1])
    high[seen] = np.maximum.reduceat(padded, edges)[::2]
    low[seen] = np.minimum.reduceat(padded, edges)[::2]
    return high, low
