"""Bars in, exponentially weighted variance rates an hour out: the baselines that a model must beat."""

import math

import numpy as np

from keeper.forecast.bars import Array, Bars
from keeper.forecast.ladder import FLOOR

HALF_LIFE_H = 24.0
"""Of the reactive baseline, in hours."""
RISKMETRICS = 0.94
"""Weight that stays with the past from one step to the next (J.P. Morgan, RiskMetrics 1996, daily)."""
RISKMETRICS_HALF_LIFE_H = 24.0 * math.log(0.5) / math.log(RISKMETRICS)
_WARM = 30


def ewma_rate(bars: Bars, half_life_h: float = HALF_LIFE_H, ranged: bool = False) -> Array:
    """Weighted squared returns over the weighted time they took, floored; nan before the first return.

    With `ranged`, weighted Parkinson variances of the bars that know their range.
    """
    decay = 0.5 ** (1.0 / half_life_h)
    above = below = 0.0
    out = np.full(len(bars), np.nan)
    known = np.isfinite(bars.reach)
    squares = np.where(known, bars.reach, 0.0) if ranged else bars.square
    weights = known.astype(np.float64) if ranged else bars.elapsed
    for i, (square, took) in enumerate(zip(squares.tolist(), weights.tolist(), strict=True)):
        above, below = above * decay + square, below * decay + took
        if below > 0.0:
            out[i] = max(above / below, FLOOR)
    return out


def riskmetrics_rate(bars: Bars, hours: int, decay: float = RISKMETRICS) -> Array:
    """Weighted squares of returns over `hours`, as a rate an hour, floored: v' = decay·v + (1 - decay)·r².

    Each bar continues the recursion of the bar `hours` earlier, so every origin has its own non-overlapping returns.
    nan for the first thirty of them.
    """
    n = len(bars)
    logs = np.log(bars.close)
    rows = -(-n // hours)
    squares = np.full(rows * hours, np.nan)
    squares[hours:n] = (logs[hours:] - logs[:-hours]) ** 2
    table = squares.reshape(rows, hours)
    out = np.full((rows, hours), np.nan)
    if rows <= _WARM + 1:
        return out.ravel()[:n]
    level = np.mean(table[1 : _WARM + 1], axis=0)
    for k in range(_WARM, rows):
        if k > _WARM:
            level = decay * level + (1.0 - decay) * table[k]
        out[k] = level
    return np.maximum(out.ravel()[:n] / hours, FLOOR)
