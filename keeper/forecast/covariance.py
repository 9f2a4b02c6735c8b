"""Bars of several tokens in, their shrunk correlation out."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from keeper.forecast.bars import Array, Bars

Method = Literal["ledoit-wolf", "oas", "sample"]
ENOUGH = 5
"""With this many rows a token the sample is better unshrunk: shrinking to none at all understates what prices share."""

SPAN_H = 4
"""Returns over four hours: prices that are not seen at the same moment correlate too little over one."""
WINDOW_H = 720
LEAST_ROWS = 30
_STILL = 1e-6
"""A standard deviation below this is a price that did not move."""


def shrunk(returns: Array, method: Method = "ledoit-wolf") -> Array:
    """Correlation of columns from rows of returns with mean taken as zero, shrunk towards none at all.

    Columns are standardised first, so that shrinking pulls correlations and not variances together. Ledoit–Wolf (2004)
    and OAS (Chen, Wiesel, Eldar, Hero 2010) by scikit-learn; "sample" does not shrink. Columns must move.
    """
    scaled = returns / np.sqrt(np.mean(returns**2, axis=0))
    if method == "sample":
        matrix = scaled.T @ scaled / len(scaled)
    else:
        from sklearn.covariance import ledoit_wolf, oas  # takes a second to load: only a fit pays for it

        matrix = (ledoit_wolf if method == "ledoit-wolf" else oas)(scaled, assume_centered=True)[0]
    deviation = np.sqrt(np.diag(matrix))
    correlation: Array = matrix / np.outer(deviation, deviation)
    return correlation


def ewma_covariance(returns: Array, half_life: float) -> Array:
    """Exponentially weighted covariance of rows, mean taken as zero, the last row weighing most."""
    weights = 0.5 ** (np.arange(len(returns))[::-1] / half_life)
    covariance: Array = (returns * weights[:, None]).T @ returns / weights.sum()
    return covariance


def span_returns(bars: Sequence[Bars], window_h: int = WINDOW_H, span_h: int = SPAN_H) -> tuple[list[int], Array]:
    """Which tokens moved, and their log returns over `span_h` in the last `window_h` bars they all have, as columns.

    The window ends with the latest bar of any; a token without a price in a quarter of its spans is left out, and so is
    a span in which one of the others saw none.
    """
    end = max((int(b.ends[-1]) for b in bars if len(b)), default=0)
    grids: list[Array] = []
    kept: list[int] = []
    for k, one in enumerate(bars):
        closes, seen = _spans(one, end, window_h, span_h)
        moves = np.where(seen[1:], np.diff(closes), np.nan)
        known = np.isfinite(moves)
        if known.mean() >= 0.75 and float(np.nanstd(moves)) > _STILL:
            kept.append(k)
            grids.append(moves)
    if len(kept) < 2:
        return kept, np.zeros((0, len(kept)))
    table = np.stack(grids, axis=1)
    return kept, table[np.isfinite(table).all(axis=1)]


def _spans(bars: Bars, end: int, window_h: int, span_h: int) -> tuple[Array, NDArray[np.bool_]]:
    """Log close at every `span_h` bars up to `end`, nan before the first bar, and where a price was seen in between."""
    at = (end - np.arange(window_h, -1, -span_h) * bars.step_s - int(bars.ends[0] if len(bars) else 0)) // bars.step_s
    inside = (at >= 0) & (at < len(bars))
    index = np.clip(at, 0, max(len(bars) - 1, 0))
    if not inside.any():
        return np.full(len(at), math.nan), np.zeros(len(at), dtype=bool)
    sums = np.concatenate(([0.0], np.cumsum(bars.elapsed)))
    seen = np.zeros(len(at), dtype=bool)
    seen[1:] = inside[1:] & inside[:-1] & (sums[index[1:] + 1] > sums[index[:-1] + 1])
    return np.where(inside, np.log(bars.close[index]), math.nan), seen


def correlate(bars: Sequence[Bars]) -> tuple[list[int], Array]:
    """Which tokens have a correlation, and the matrix among them; empty when fewer than two or too few spans do.

    Ledoit–Wolf under ENOUGH spans a token, the sample above.
    """
    kept, table = span_returns(bars)
    if len(kept) < 2 or len(table) < LEAST_ROWS:
        return [], np.zeros((0, 0))
    return kept, shrunk(table, "sample" if len(table) >= ENOUGH * len(kept) else "ledoit-wolf")
