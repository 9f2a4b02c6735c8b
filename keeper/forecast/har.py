"""Features and realised variances in, the log-HAR regression (Corsi 2009, in logs) out."""

from dataclasses import dataclass

import numpy as np

from keeper.forecast.bars import Array
from keeper.forecast.ladder import FLOOR

LEAST_ROWS = 1_440
"""Sixty days of hourly origins: fewer overlap too much to tell a slope."""
_RIDGE = 1e-9
"""Keeps the equations solvable for a price that hardly moved: all its windows sit on the floor together."""


@dataclass(frozen=True, slots=True)
class Har:
    """log rate = x·beta; `scale` makes it a mean. `spread` is the standard deviation of log(realised / forecast)."""

    beta: tuple[float, ...]
    scale: float
    spread: float


def fit_har(x: Array, realised: Array) -> Har | None:
    """Least squares of log(realised), floored, on rows `x`; rows with a nan are left out; None when too few are left.

    `scale` is the mean of realised / exp(x·beta): the factor that minimises QLIKE, and Duan's smearing estimate (1983).
    """
    known = np.isfinite(realised) & np.isfinite(x).all(axis=1)
    if int(known.sum()) < LEAST_ROWS:
        return None
    rows, logs = x[known], np.log(np.maximum(realised[known], FLOOR))
    gram = rows.T @ rows  # at most ten columns of logs and waves: well within double precision, and ten times faster
    gram[np.diag_indices_from(gram)] *= 1.0 + _RIDGE
    beta = np.linalg.solve(gram, rows.T @ logs)
    ratio = logs - rows @ beta
    return Har(tuple(map(float, beta)), float(np.mean(np.exp(ratio))), float(np.std(ratio)))


def har_rate(har: Har, x: Array) -> Array:
    """Forecast variance an hour, at least FLOOR, for each row of `x`; nan where a feature is."""
    forecast: Array = np.exp(x @ np.asarray(har.beta)) * har.scale
    return np.maximum(forecast, FLOOR)
