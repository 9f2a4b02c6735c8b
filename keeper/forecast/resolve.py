"""A forecast and what was seen since in, what came of it out; many of those in, their scores out."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from keeper.forecast.bars import Array
from keeper.forecast.scores import brier, qlike, score
from keeper.forecast.sight import DEAD_S
from keeper.model import Forecast, Resolved, Score, Series
from keeper.units import Timestamp

UNSEEN_S = 7_200
"""Whoever did not look for longer may have missed a touch."""
FREQUENCY = "frequency"
MEAN_SQUARE = "mean square"

Path = tuple[tuple[Timestamp, float], ...]
"""Times and values of a watched quantity, oldest first."""


def resolve(
    forecast: Forecast,
    issued_at: Timestamp,
    series: Sequence[Series],
    until: Timestamp,
    seen: Mapping[str, Path],
    acted_at: Timestamp | None = None,
) -> Resolved | None:
    """What came of `forecast`; None until its horizon has ended, and where a token's feed was dead at either end.

    `series` are all prices up to `until`. `seen` are the quantities as they were read, the last before `issued_at`
    included; one that nobody looked at for UNSEEN_S is left out. When the vault was moved at `acted_at` within the
    horizon its touches are left out: nobody knows what would have come.
    """
    end = Timestamp(issued_at + forecast.horizon_s)
    if until < end:
        return None
    held = {s.token: s for s in series}
    within = {one.token: one for one in forecast.intervals}
    moves = []
    for token, sigma in forecast.sigma:
        move = _move(held[token], issued_at, end) if token in held else None
        if move is None:
            return None
        inside = token in within and within[token].low <= move <= within[token].high
        moves.append((token, sigma * sigma, move, inside))
    touches = []
    undisturbed = acted_at is None or not issued_at < acted_at <= end
    for touch in forecast.touches if undisturbed else ():
        values = _between(seen.get(touch.quantity, ()), issued_at, end)
        if not values:
            continue
        below = touch.barrier <= values[0]
        hit = min(values) <= touch.barrier if below else max(values) >= touch.barrier
        touches.append((touch.quantity, "low" if below else "high", touch.probability, hit))
    return Resolved(forecast.model, issued_at, forecast.horizon_s, tuple(moves), tuple(touches))


def _move(series: Series, start: Timestamp, end: Timestamp) -> float | None:
    """Log return from the last price at `start` to the last at `end`; None when either is unknown or of a dead feed."""
    times = series.timestamps
    first, last = bisect_right(times, start) - 1, bisect_right(times, end) - 1
    if first < 0 or start - times[first] > DEAD_S or end - times[last] > DEAD_S:
        return None
    return math.log(series.prices[last] / series.prices[first])


def _between(path: Path, start: Timestamp, end: Timestamp) -> list[float]:
    """The value at `start` and all up to `end`; empty when nobody looked for long, or not to the end."""
    times = [t for t, _ in path]
    first = bisect_right(times, start) - 1
    if first < 0 or times[-1] < end - UNSEEN_S:
        return []
    last = bisect_right(times, end)
    if any(b - a > UNSEEN_S for a, b in pairwise((*times[first:last], end))):
        return []
    return [value for _, value in path[first:last]]


def judge(resolved: Sequence[Resolved], seed: int) -> tuple[Score, ...]:
    """Scores of one model's forecasts of one horizon, in order of issue.

    Touches by Brier against the frequency of the same side of the same quantity, variances by QLIKE of the squared
    return against the mean square of that token's: both as known when each forecast was made. None of either while the
    record is shorter than two horizons.
    """
    if not resolved:
        return ()
    first = resolved[0]
    block = _overlap([r.issued_at for r in resolved], first.horizon_s)
    touched = _losses(resolved, [[(q + side, p, float(hit)) for q, side, p, hit in r.touches] for r in resolved], False)
    varied = _losses(resolved, [[(t, v, m * m) for t, v, m, _ in r.moves] for r in resolved], True)
    found = (
        score(first.model, FREQUENCY, "brier", first.horizon_s, touched, block, seed),
        score(first.model, MEAN_SQUARE, "qlike", first.horizon_s, varied, block, seed),
    )
    return tuple(one for one in found if one is not None)


def _overlap(times: Sequence[int], horizon_s: int) -> int:
    """How many forecasts are open at once, at most: the least block that holds what they share."""
    return max(bisect_left(times, t + horizon_s) - k for k, t in enumerate(times))


def _losses(
    resolved: Sequence[Resolved], rows: Sequence[Sequence[tuple[str, float, float]]], squared: bool
) -> tuple[Array, Array]:
    """Mean loss of each forecast and of the mean outcome so far, over its (name, forecast, outcome); nan where none.

    A name takes part once an outcome of it is known.
    """
    sums: dict[str, tuple[float, int]] = {}
    own, base = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    known = 0
    for k, row in enumerate(rows):
        while known < k and resolved[known].issued_at + resolved[known].horizon_s <= resolved[k].issued_at:
            for name, _, came in rows[known]:
                total, count = sums.get(name, (0.0, 0))
                sums[name] = (total + came, count + 1)
            known += 1
        told = [(p, came, sums[name][0] / sums[name][1]) for name, p, came in row if name in sums]
        if told:
            forecast, outcome, usual = np.array(told).T
            loss = (lambda f, o: qlike(o, f)) if squared else brier
            own[k], base[k] = loss(forecast, outcome).mean(), loss(usual, outcome).mean()
    return own, base
