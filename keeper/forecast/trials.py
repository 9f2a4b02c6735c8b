"""Bars and their forecast variances in, walk-forward trials of what uses them out: joint paths, moods and levels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keeper.forecast.bars import HOUR_S, Array, Bars
from keeper.forecast.contest import Contest, align
from keeper.forecast.covariance import shrunk, span_returns
from keeper.forecast.ladder import extremes, rate
from keeper.forecast.paths import joint_paths, ratio_chance, weight_chances
from keeper.forecast.regime import crisis_rate, regime
from keeper.forecast.shape import fit_shape
from keeper.forecast.walk import WEEK_H, WINDOW_H, frequency, known_at, walk_shapes

EVERY_H = 12
CORRELATIONS = ("sample", "ledoit-wolf", "none")


@dataclass(frozen=True, slots=True)
class Joint:
    """Chances by kind of correlation, what came, and the frequency so far; rows are origins.

    `bands`: (origins, tokens) for a weight of an equal basket leaving its band; `ratio`: (origins, 1) for the second
    token falling against the first. `variance` is the basket's forecast, `realised` its hourly squared returns' sum.
    """

    weights: dict[str, Array]
    left: Array
    usual: Array
    ratio: dict[str, Array]
    fell: Array
    usual_fall: Array
    variance: dict[str, Array]
    realised: Array
    error: float
    """Mean Monte-Carlo standard error of a chance."""


def joint_trial(bars: Sequence[Bars], c: Contest, model: str, start_s: int, band: float, seed: int) -> Joint:
    """Every EVERY_H hours: a basket of equal weights with `band` on each, and the second token in units of the first
    falling by twice that. Touches are of hourly closes, on both sides; correlations are renewed weekly.
    """
    hours, n = c.hours, len(bars)
    closes = np.log(align(bars, [b.close for b in bars], c.ends))
    deviation = np.sqrt(c.rates[model] * hours)
    ready = np.isfinite(deviation).all(axis=1) & (c.ends >= start_s) & (c.ends % (EVERY_H * HOUR_S) == 0)
    at = [int(i) for i in np.flatnonzero(ready) if i + hours < len(closes)]
    weights = np.full(n, 1.0 / n)
    table = {kind: np.zeros((len(at), n + 2)) for kind in CORRELATIONS}
    left, fell, realised = np.zeros((len(at), n)), np.zeros((len(at), 1)), np.zeros(len(at))
    errors: list[float] = []
    for row, i in enumerate(at):
        if row % (WEEK_H // EVERY_H) == 0:
            matrices = _correlations(bars, int(c.ends[i]))
            spread = _spread(bars, c, model, int(c.ends[i]))
        path = closes[i : i + hours + 1] - closes[i]
        shares = weights * np.exp(path)
        shares /= shares.sum(axis=1, keepdims=True)
        left[row] = (np.abs(shares - weights) >= band).any(axis=0)
        fell[row] = (path[:, 1] - path[:, 0]).min() <= np.log1p(-2.0 * band)
        realised[row] = float(np.sum(np.diff(np.log(np.exp(path) @ weights)) ** 2))
        for kind, matrix in matrices.items():
            walked = joint_paths(deviation[i], matrix, spread, seed, steps=hours)
            pairs = weight_chances(weights, weights - band, weights + band, walked, shift=0.0)
            table[kind][row, :n] = [min(1.0, low.probability + high.probability) for low, high in pairs]
            errors += [float(np.hypot(low.error, high.error)) for low, high in pairs]
            pair = deviation[i, [1, 0]], matrix[np.ix_([1, 0], [1, 0])]
            table[kind][row, n] = ratio_chance(-np.log1p(-2.0 * band), False, *pair, spread, seed).probability
            exposure = weights * deviation[i]
            table[kind][row, n + 1] = exposure @ matrix @ exposure
    lag = hours // EVERY_H
    return Joint(
        weights={kind: t[:, :n] for kind, t in table.items()},
        left=left,
        usual=np.stack([frequency(column, lag, 50 * lag) for column in left.T], axis=1),
        ratio={kind: t[:, n : n + 1] for kind, t in table.items()},
        fell=fell,
        usual_fall=frequency(fell[:, 0], lag, 50 * lag)[:, None],
        variance={kind: t[:, n + 1] for kind, t in table.items()},
        realised=realised,
        error=float(np.mean(errors)),
    )


def _correlations(bars: Sequence[Bars], moment: int) -> dict[str, Array]:
    past = [b.between(slice(0, int(np.searchsorted(b.ends, moment)) + 1)) for b in bars]
    _, returns = span_returns(past)
    return {
        "sample": shrunk(returns, "sample"),
        "ledoit-wolf": shrunk(returns, "ledoit-wolf"),
        "none": np.eye(len(bars)),
    }


def _spread(bars: Sequence[Bars], c: Contest, model: str, moment: int) -> float:
    found = []
    for k, b in enumerate(bars):
        rows = known_at(int(np.searchsorted(b.ends, moment)), c.hours)
        deviation = np.sqrt(c.rates[model][np.searchsorted(c.ends, b.ends), k] * c.hours)
        final, rise, fall = ((move / deviation)[rows] for move in extremes(b, c.hours))
        shape = fit_shape(final, rise, fall, c.hours * HOUR_S)
        if shape is not None:
            found.append(shape.spread)
    return float(np.mean(found)) if found else 0.0


def moods(bars: Bars, forecasts: Array, start: int) -> list[str]:
    """The regime called at each bar from `start` on; the bar of a crisis is renewed weekly on the last year."""
    week = rate(bars, WEEK_H)
    crisis = np.inf
    called = [""] * len(bars)
    for i in range(start, len(bars)):
        if (i - start) % WEEK_H == 0:
            crisis = crisis_rate(forecasts[max(0, i - WINDOW_H) : i + 1])
        called[i] = regime(float(forecasts[i]), float(week[i]), crisis)
    return called


def return_trial(bars: Bars, rates: Array, hours: int, start: int) -> Array:
    """`rates` corrected, walk-forward, by how far past returns over `hours` differed from them: a variance an hour."""
    deviation = np.sqrt(rates * hours)
    out = np.full(len(bars), np.nan)
    for rows, shape in walk_shapes(extremes(bars, hours), deviation, hours, start):
        out[rows] = rates[rows] * shape.deviation**2
    return out
