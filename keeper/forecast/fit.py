"""A history in, beliefs about every token out: fitted off the hot path, brought up to date on it."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from keeper.forecast.bars import HOUR_S, Array, Bars, Ticks, clean, resample, tail
from keeper.forecast.contest import AUTO, CHEAP, HAR, LEARNED, REACTIVE, RISKMETRICS, Contest, contest, first_origin
from keeper.forecast.covariance import correlate
from keeper.forecast.ewma import HALF_LIFE_H, RISKMETRICS_HALF_LIFE_H, ewma_rate
from keeper.forecast.har import Har, fit_har, har_rate
from keeper.forecast.ladder import FLOOR, LONGEST, columns, extremes, last_row, target
from keeper.forecast.numbers import from_fit, to_fit
from keeper.forecast.regime import crisis_rate, regime
from keeper.forecast.scores import brier, score
from keeper.forecast.shape import fit_shape
from keeper.forecast.touch import calibrated
from keeper.forecast.walk import WEEK_H, WINDOW_H, frequency, known_at, walk_shapes, walk_touch
from keeper.model import Beliefs, Fit, History, Knowledge, Regime, Score, Series, Shape, TokenBelief, Variance
from keeper.units import SECONDS_PER_YEAR, Address, Hash, Timestamp

HORIZONS_H = (1, 6, 24, 168)
DAY_H = 24
MIN_RETURNS = 24
"""Fewer returns than this and the mandate's prior speaks instead."""
MIN_SPAN_S = 3_600
DEAD_S = 95_040
"""A feed that was silent for longer is dead: the longest usual heartbeat, a day, and a tenth."""
SCORED_H = 2_016
"""Twelve weeks of walk-forward forecasts decide which model speaks and whether touches are trusted."""
LEAST_TOUCHED = 0.01
SEED = 5
_REGIME = "regime"
_SILENT = (AUTO, RISKMETRICS)
"""Not believed: the one names others, the other is there to be beaten."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One token's clean history, and how much can be said of it."""

    token: Address
    ticks: Ticks
    knowledge: Knowledge
    reason: str

    @property
    def last_at(self) -> Timestamp:
        return Timestamp(int(self.ticks.times[-1]) if len(self.ticks.times) else 0)


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
    set aside. Slow models ("garch-t", "learned", "mean") only when named.
    """
    now, prior = history.snapshot.head.timestamp, dict(priors)
    seen = [_see(series, now) for series in history.series]
    grids = {s.token: resample(s.ticks, now, keep=WINDOW_H + LONGEST) for s in seen}
    able = [s for s in seen if s.knowledge == "fitted" and len(grids[s.token]) > first_origin(HORIZONS_H[-1])]
    contests = _contests([grids[s.token] for s in able], models, seed)
    position = {s.token: k for k, s in enumerate(able)}
    tokens = tuple(
        _fitted(s, grids[s.token], contests, position[s.token], seed)
        if s.token in position
        else _plain(s, prior.get(s.token))
        for s in seen
    )
    spans = [int(s.ticks.times[-1] - s.ticks.times[0]) for s in seen if len(s.ticks.times)]
    networks = ((c.hours, n) for c in contests for n in c.fitted.get(LEARNED, ())[:1])
    return Beliefs(
        model=_named(tokens, prior),
        volatility=_volatilities(tokens, prior),
        correlation=_correlation(seen, grids),
        fitted_at=now,
        window_s=max(spans, default=0),
        fingerprint=_fingerprint(history.series),
        tokens=tokens,
        pooled=tuple(to_fit(LEARNED, hours * HOUR_S, n) for hours, n in networks if n is not None),
    )


def refresh(beliefs: Beliefs, history: History, priors: tuple[tuple[Address, float], ...] = ()) -> Beliefs:
    """The same fits, seen from the last price: variances, regimes and silence are new, all else stays.

    Looks at the last thirty days only. Models that need more keep what they last said of the variance.
    """
    now, prior = history.snapshot.head.timestamp, dict(priors)
    held = {t.token: t for t in beliefs.tokens}
    tokens = []
    for series in history.series:
        old = held.get(series.token)
        start = tail(series.timestamps, LONGEST + DAY_H)
        seen = _see(replace(series, timestamps=series.timestamps[start:], prices=series.prices[start:]), now)
        if old is None or not old.fits:
            tokens.append(_plain(seen, prior.get(series.token)))
        elif seen.knowledge != "fitted":
            fresh = _plain(seen, prior.get(series.token), annual_volatility(old) or 0.0)
            tokens.append(replace(fresh, fits=old.fits, shapes=old.shapes, scores=old.scores))
        else:
            tokens.append(_refreshed(old, seen, now))
    return replace(
        beliefs,
        model=_named(tokens, prior),
        volatility=_volatilities(tokens, prior),
        tokens=tuple(tokens),
    )


def _see(series: Series, now: int) -> _Seen:
    ticks = clean(series.timestamps, series.prices, now)
    times, prices = ticks.times, ticks.prices
    if len(times) == 0:
        return _Seen(series.token, ticks, "unknown", "no price yet")
    if now - times[-1] > DEAD_S:
        return _Seen(series.token, ticks, "dead", f"no price for {(now - int(times[-1])) / HOUR_S:.0f} h: feed is dead")
    span = int(times[-1] - times[0])
    if len(times) <= MIN_RETURNS or span < MIN_SPAN_S:
        reason = f"{len(times) - 1} returns in {span / HOUR_S:.1f} h, under {MIN_RETURNS} or an hour"
        return _Seen(series.token, ticks, "unknown", reason)
    if float(np.ptp(prices)) == 0.0:
        return _Seen(series.token, ticks, "constant", f"{len(times)} prices in {span / HOUR_S:.0f} h, all the same")
    return _Seen(series.token, ticks, "fitted", ticks.sentence())


def tick_rate(ticks: Ticks) -> float:
    """One-day EWMA of squared returns over the time they took, as variance an hour, floored; any spacing will do."""
    times, returns = ticks.times, np.diff(np.log(ticks.prices))
    weights = 0.5 ** ((times[-1] - times[1:]) / (HALF_LIFE_H * HOUR_S))
    hours = float(weights @ np.diff(times)) / HOUR_S
    return max(float(weights @ returns**2) / hours, FLOOR)


def _plain(seen: _Seen, stated: float | None, last: float = 0.0) -> TokenBelief:
    """A token that no model speaks of: EWMA, `stated` prior, floor or nothing; `last` is what was believed before."""
    known: Knowledge = "short" if seen.knowledge == "fitted" else seen.knowledge
    prior = None if stated is None else _hourly(stated)
    used: float | None
    moved = len(seen.ticks.times) > MIN_RETURNS and float(np.ptp(seen.ticks.prices)) > 0.0
    if known == "short":
        used, why = tick_rate(seen.ticks), "too short a history for a model: one-day EWMA"
    elif known == "constant":
        used, why = (FLOOR, "1 bp an hour") if prior is None else (prior, "prior volatility")
    elif known == "dead" and (moved or last > 0.0):
        used = max(tick_rate(seen.ticks) if moved else 0.0, prior or 0.0, _hourly(last))
        why = "the larger of its last volatility and its prior"
    else:
        used, why = prior, "nothing to go by" if prior is None else "prior volatility"
    note = "; ".join(part for part in (seen.reason, why) if part)
    variances = () if used is None else tuple(Variance(REACTIVE, h * HOUR_S, used * h) for h in HORIZONS_H)
    champions = tuple((v.horizon_s, REACTIVE) for v in variances)
    return TokenBelief(seen.token, known, note, champions, False, "unknown", seen.last_at, variances)


def _hourly(annual: float) -> float:
    return annual**2 / SECONDS_PER_YEAR * HOUR_S


def _contests(bars: Sequence[Bars], models: Sequence[str], seed: int) -> list[Contest]:
    if not bars:
        return []
    since = int(bars[0].ends[-1]) - SCORED_H * HOUR_S
    return [contest(bars, hours, since, seed, since, models) for hours in HORIZONS_H]


def _fitted(seen: _Seen, bars: Bars, contests: Sequence[Contest], k: int, seed: int) -> TokenBelief:
    """A token that models were fitted on: column `k` of `contests`."""
    x = columns(bars, False)
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
        har = c.fitted[HAR][k]
        if isinstance(har, Har):
            fits.append(to_fit(HAR, horizon_s, har))
            shapes += _shape(bars, har_rate(har, x), c.hours)
            if c.hours == DAY_H:
                fits.append(Fit(_REGIME, horizon_s, (("crisis", (crisis_rate(har_rate(har, x)),)),)))
    judged = _touches(bars, x, contests[HORIZONS_H.index(DAY_H)], k, seed)
    return TokenBelief(
        token=seen.token,
        knowledge="fitted",
        note="; ".join(part for part in (seen.reason, _verdict(judged)) if part),
        champions=tuple(champions),
        trusted=judged is not None and judged.skill > 0.0,
        regime=_mood(fits, x[-1], bars),
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
    rates = c.rates[HAR][np.searchsorted(c.ends, bars.ends), k]
    begun = int(np.argmax(np.isfinite(rates)))
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


def _mood(fits: Sequence[Fit], x: Array, bars: Bars) -> Regime:
    held = {(f.model, f.horizon_s): f for f in fits}
    day, crisis = held.get((HAR, DAY_H * HOUR_S)), held.get((_REGIME, DAY_H * HOUR_S))
    if day is None or crisis is None:
        return "unknown"
    took = float(bars.elapsed[-WEEK_H:].sum())
    week = float(bars.square[-WEEK_H:].sum()) / took if took > 0.0 else math.nan
    return regime(float(har_rate(from_fit(Har, day), x)), week, dict(crisis.numbers)["crisis"][0])


def _refreshed(old: TokenBelief, seen: _Seen, now: int) -> TokenBelief:
    bars = resample(seen.ticks, now, keep=LONGEST)
    x = last_row(bars)
    rates = {f.horizon_s: float(har_rate(from_fit(Har, f), x)) for f in old.fits if f.model == HAR}
    reactive = tick_rate(seen.ticks)
    fresh = []
    for v in old.variances:
        hours = v.horizon_s // HOUR_S
        now_rate = reactive if v.model == REACTIVE else rates.get(v.horizon_s) if v.model == HAR else None
        usable = now_rate is not None and math.isfinite(now_rate)
        fresh.append(replace(v, variance=now_rate * hours) if usable and now_rate is not None else v)
    return replace(old, variances=tuple(fresh), regime=_mood(old.fits, x, bars), last_at=seen.last_at)


def annual_volatility(belief: TokenBelief) -> float | None:
    """Of the champion's forecast of the next day, calibrated; None when nothing is believed."""
    day = DAY_H * HOUR_S
    champion = dict(belief.champions).get(day, "")
    held = {(v.model, v.horizon_s): v.variance for v in belief.variances}
    found = held.get((champion, day))
    if found is None:
        return None
    shape = next((s for s in belief.shapes if s.horizon_s == day and belief.knowledge == "fitted"), None)
    return calibrated(champion, found, shape) * math.sqrt(SECONDS_PER_YEAR / day)


def _volatilities(tokens: Sequence[TokenBelief], prior: dict[Address, float]) -> tuple[tuple[Address, float], ...]:
    fitted = {t.token: sigma for t in tokens if (sigma := annual_volatility(t)) is not None}
    return tuple(sorted((prior | fitted).items()))


def _named(tokens: Sequence[TokenBelief], prior: dict[Address, float]) -> str:
    names = set()
    told = {t.token for t in tokens}
    for t in tokens:
        by_prior = t.knowledge in ("unknown", "constant") and t.token in prior
        names.add("prior" if by_prior else dict(t.champions).get(DAY_H * HOUR_S, "none"))
    names |= {"prior"} if set(prior) - told else set()
    return "+".join(sorted(names - {"none"})) or "prior"


def _correlation(seen: Sequence[_Seen], grids: dict[Address, Bars]) -> tuple[tuple[Address, Address, float], ...]:
    moving = [s for s in seen if s.knowledge == "fitted"]
    kept, matrix = correlate([grids[s.token] for s in moving])
    pairs = []
    for i, a in enumerate(kept):
        for j, b in enumerate(kept[:i]):
            first, second = sorted((moving[a].token, moving[b].token))
            pairs.append((first, second, float(matrix[i, j])))
    return tuple(sorted(pairs))


def _fingerprint(series: tuple[Series, ...]) -> Hash:
    digest = hashlib.sha256()
    for one in series:
        digest.update(repr((one.token, one.timestamps, one.prices)).encode())
    return Hash("0x" + digest.hexdigest())
