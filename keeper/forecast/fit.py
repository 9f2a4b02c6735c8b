"""A history in, beliefs about every token out: fitted off the hot path, walk-forward, judged against the baselines."""

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np

from keeper.forecast.bars import HOUR_S, Array, Bars
from keeper.forecast.believed import REGIME, mood, named, volatilities
from keeper.forecast.contest import (
    AUTO,
    CHEAP,
    HAR,
    LEARNED,
    RANGED,
    REACTIVE,
    RISKMETRICS,
    Contest,
    contest,
    first_origin,
)
from keeper.forecast.covariance import correlate
from keeper.forecast.ewma import RISKMETRICS_HALF_LIFE_H, ewma_rate
from keeper.forecast.har import Har, fit_har, har_rate
from keeper.forecast.ladder import LONGEST, columns, extremes, target
from keeper.forecast.learned import network_name
from keeper.forecast.levels import GAS, believe_level
from keeper.forecast.numbers import to_fit
from keeper.forecast.regime import crisis_rate
from keeper.forecast.scores import brier, score
from keeper.forecast.shape import fit_shape
from keeper.forecast.sight import DAY_H, HORIZONS_H, Seen, grid, plain, see, tick_rate
from keeper.forecast.walk import WEEK_H, WINDOW_H, frequency, known_at, walk_shapes, walk_touch
from keeper.model import Beliefs, Fit, History, LevelBelief, LevelSeries, Score, Shape, TokenBelief, Variance
from keeper.units import Address, Hash

SCORED_H = 2_016
"""Twelve weeks of walk-forward forecasts decide which model speaks and whether touches are trusted."""
LEAST_TOUCHED = 0.01
SEED = 5
LEVEL_HORIZONS_H = (1, 6, 24)
LEVEL_WINDOW_H = 720
_SILENT = (AUTO, RISKMETRICS)
"""Not believed: the one names others, the other is there to be beaten."""


def fit(
    history: History,
    priors: tuple[tuple[Address, float], ...] = (),
    models: Sequence[str] = CHEAP,
    seed: int = SEED,
) -> Beliefs:
    """What `models` make of every series, judged against the one-day EWMA over the last twelve weeks.

    With 98 days of hourly prices a token is "fitted"; with less the EWMA speaks ("short"), and with under 24 returns or
    an hour its prior from `priors`, annual volatilities, or nothing. A price that never moved gets its prior, or 1 bp
    an hour; one whose feed is dead the larger of its last volatility and its prior. `note` says which, and what was
    set aside. Candles that cover the window lend their ranges. Slow models ("garch-t", "learned", "mean") only when
    named.
    """
    now, prior = history.snapshot.head.timestamp, dict(priors)
    candles = {c.token: c for c in history.candles}
    seen = [see(series, now) for series in history.series]
    grids = {s.token: grid(s, candles.get(s.token), now, WINDOW_H + LONGEST) for s in seen}
    able = [s for s in seen if s.knowledge == "fitted" and len(grids[s.token]) > first_origin(HORIZONS_H[-1])]
    held: dict[Address, TokenBelief] = {}
    pooled: list[Fit] = []
    for group in _groups(able, grids):
        contests = _contests([grids[s.token] for s in group], models, seed)
        held |= {s.token: _fitted(s, grids[s.token], contests, k, seed) for k, s in enumerate(group)}
        pooled += _pooled(contests, grids[group[0].token].ranged)
    tokens = tuple(held[s.token] if s.token in held else plain(s, prior.get(s.token)) for s in seen)
    spans = [int(s.ticks.times[-1] - s.ticks.times[0]) for s in seen if len(s.ticks.times)]
    return Beliefs(
        model=named(tokens, prior),
        volatility=volatilities(tokens, prior),
        correlation=_correlation(seen, grids),
        fitted_at=now,
        window_s=max(spans, default=0),
        fingerprint=_fingerprint(history),
        tokens=tokens,
        pooled=tuple(pooled),
        levels=tuple(_levels(history.levels, seed)),
    )


def _groups(able: Sequence[Seen], grids: dict[Address, Bars]) -> Iterator[list[Seen]]:
    """Tokens whose ranges are known, then the others: they compete with other models."""
    for ranged in (True, False):
        group = [s for s in able if grids[s.token].ranged is ranged]
        if group:
            yield group


def _pooled(contests: Sequence[Contest], ranged: bool) -> Iterator[Fit]:
    for c in contests:
        network = next(iter(c.fitted.get(LEARNED, ())), None)
        if network is not None:
            yield to_fit(network_name(ranged), c.hours * HOUR_S, network)


def _levels(series: Sequence[LevelSeries], seed: int) -> Iterator[LevelBelief]:
    """Every level over every horizon that its history is long enough for; gas prices move by factors."""
    for one in series:
        for hours in LEVEL_HORIZONS_H:
            found = believe_level(one, hours, HOUR_S, one.name == GAS, LEVEL_WINDOW_H, seed)
            if found is not None:
                yield found


def _contests(bars: Sequence[Bars], models: Sequence[str], seed: int) -> list[Contest]:
    """Every horizon's, over the scored weeks; log-HAR walks as many before them for the network to learn from."""
    since = int(bars[0].ends[-1]) - SCORED_H * HOUR_S
    early = since - SCORED_H * HOUR_S if LEARNED in models else since
    return [contest(bars, hours, since, seed, early, models) for hours in HORIZONS_H]


def _fitted(seen: Seen, bars: Bars, contests: Sequence[Contest], k: int, seed: int) -> TokenBelief:
    """A token that models were fitted on: column `k` of `contests`."""
    best = RANGED if bars.ranged else HAR
    x = {name: columns(bars, name == RANGED) for name in {HAR, best}}
    variances: list[Variance] = []
    champions: list[tuple[int, str]] = []
    shapes: list[Shape] = []
    fits: list[Fit] = []
    scores: list[Score] = []
    for c in contests:
        horizon_s = c.hours * HOUR_S
        latest = {name: float(rates[-1, k]) for name, rates in c.rates.items() if math.isfinite(rates[-1, k])}
        latest = {name: one for name, one in latest.items() if name not in _SILENT} | {REACTIVE: tick_rate(seen.ticks)}
        scored = _qlikes(c, k, [name for name in latest if name != REACTIVE], seed)
        variances += [Variance(name, horizon_s, one * c.hours) for name, one in latest.items()]
        champions.append((horizon_s, _best(scored)))
        scores += scored
        for name in x:
            har = c.fitted[name][k]
            fits += [to_fit(name, horizon_s, har)] if isinstance(har, Har) else []
            if isinstance(har, Har) and name == best:
                rates = har_rate(har, x[best])
                shapes += _shape(bars, rates, c.hours)
                fits += [Fit(REGIME, horizon_s, (("crisis", (crisis_rate(rates),)),))] if c.hours == DAY_H else []
    judged = _touches(bars, x[best], contests[HORIZONS_H.index(DAY_H)], k, seed)
    return TokenBelief(
        token=seen.token,
        knowledge="fitted",
        note="; ".join(part for part in (seen.reason, _verdict(judged)) if part),
        champions=tuple(champions),
        trusted=judged is not None and judged.skill > 0.0,
        regime=mood(fits, x[best][-1], bars),
        last_at=seen.last_at,
        variances=tuple(variances),
        shapes=tuple(shapes),
        fits=tuple(fits),
        scores=tuple(scores) + ((judged,) if judged is not None else ()),
    )


def _verdict(judged: Score | None) -> str:
    if judged is None:
        return "touches unproven, next to none in the scored weeks: reactive bands only"
    if judged.skill > 0.0:
        return ""
    return (
        f"touches switched off: Brier skill {judged.skill:.3f} against the unconditional frequency over "
        f"{judged.count} forecasts: reactive bands only"
    )


def _qlikes(c: Contest, k: int, names: Sequence[str], seed: int) -> list[Score]:
    """`names` against the one-day EWMA on token `k`, over the walked window."""
    base = c.losses(REACTIVE)[-SCORED_H:, k]
    pairs = ((name, c.losses(name)[-SCORED_H:, k]) for name in names)
    block = max(c.hours, WEEK_H)
    found = (score(name, REACTIVE, "qlike", c.hours * HOUR_S, (loss, base), block, seed) for name, loss in pairs)
    return [s for s in found if s is not None]


def _best(scores: Sequence[Score]) -> str:
    winner = max(scores, key=lambda s: s.skill, default=None)
    return REACTIVE if winner is None or winner.skill <= 0.0 else winner.model


def _shape(bars: Bars, rates: Array, hours: int) -> list[Shape]:
    rows = known_at(len(bars) - 1, hours)
    deviation = np.sqrt(rates * hours)
    final, rise, fall = ((move / deviation)[rows] for move in extremes(bars, hours))
    shape = fit_shape(final, rise, fall, hours * HOUR_S)
    return [] if shape is None else [shape]


def _touches(bars: Bars, x: Array, c: Contest, k: int, seed: int) -> Score | None:
    """Brier score of the empirical touches of one EWMA(0.94) deviation, up and down, against their frequency.

    None when either side was touched in under LEAST_TOUCHED of the window: there is nothing to be right about.
    Walk-forward over the scored window; before it, the forecasts that its first fit would have made.
    """
    rates = c.rates[RANGED if bars.ranged else HAR][np.searchsorted(c.ends, bars.ends), k]
    begun = max(int(np.argmax(np.isfinite(rates))), len(bars) - SCORED_H)
    known = known_at(begun, c.hours)
    first = fit_har(x[known], target(bars, c.hours)[known])
    if first is None:
        return None
    deviation = np.sqrt(np.where(np.arange(len(bars)) < begun, har_rate(first, x), rates) * c.hours)
    slow = np.sqrt(ewma_rate(bars, RISKMETRICS_HALF_LIFE_H) * c.hours)
    moves = extremes(bars, c.hours)
    shapes = walk_shapes(moves, deviation, c.hours, begun)
    losses = np.zeros((2, len(bars)))
    for rise in (True, False):
        reached = moves[1] if rise else moves[2]
        hit = np.where(np.isfinite(reached), (reached >= slow).astype(np.float64), np.nan)
        if not np.nanmean(hit[begun:]) >= LEAST_TOUCHED:
            return None
        losses[0] += brier(walk_touch(shapes, rise, slow / deviation), hit)
        losses[1] += brier(frequency(hit, c.hours, begun), hit)
    return score("empirical", "frequency", "brier", c.hours * HOUR_S, (losses[0], losses[1]), WEEK_H, seed)


def _correlation(seen: Sequence[Seen], grids: dict[Address, Bars]) -> tuple[tuple[Address, Address, float], ...]:
    moving = [s for s in seen if s.knowledge == "fitted"]
    kept, matrix = correlate([grids[s.token] for s in moving])
    pairs = []
    for i, a in enumerate(kept):
        for j, b in enumerate(kept[:i]):
            first, second = sorted((moving[a].token, moving[b].token))
            pairs.append((first, second, float(matrix[i, j])))
    return tuple(sorted(pairs))


def _fingerprint(history: History) -> Hash:
    digest = hashlib.sha256()
    for one in (*history.series, *history.candles, *history.levels):
        digest.update(repr(one).encode())
    return Hash("0x" + digest.hexdigest())
