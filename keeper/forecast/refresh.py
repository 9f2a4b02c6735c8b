"""Beliefs and what has been seen since in, the same fits seen from the last price out: what a tick pays for."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from keeper.forecast.bars import HOUR_S, Array, Bars, tail
from keeper.forecast.believed import annual_volatility, mood, named, ranged, volatilities
from keeper.forecast.contest import HAR, LEARNED, MEAN, RANGED, REACTIVE
from keeper.forecast.har import Har, har_rate
from keeper.forecast.ladder import FLOOR, LONGEST, last_row
from keeper.forecast.learned import Network, correction, inputs, network_name
from keeper.forecast.numbers import from_fit
from keeper.forecast.sight import DAY_H, SHORT, Seen, grid, plain, see, tick_rate
from keeper.model import Beliefs, Candles, History, Series, TokenBelief, Variance
from keeper.units import Address


def refresh(beliefs: Beliefs, history: History, priors: tuple[tuple[Address, float], ...] = ()) -> Beliefs:
    """The same fits, seen from the last price: variances, regimes and silence are new, all else stays.

    Looks at the last thirty days of the series in `history`; tokens without one there stay as they are. A model that
    cannot be brought up to date keeps what it last said.
    """
    now, prior = history.snapshot.head.timestamp, dict(priors)
    candles = {c.token: c for c in history.candles}
    networks = {(f.model, f.horizon_s): from_fit(Network, f) for f in beliefs.pooled} if history.series else {}
    held = {t.token: t for t in beliefs.tokens}
    for series in history.series:
        old = held.get(series.token)
        held[series.token] = _seen_anew(old, series, candles.get(series.token), networks, prior, now)
    tokens = tuple(held.values())
    return replace(
        beliefs,
        model=named(tokens, prior),
        volatility=volatilities(tokens, prior),
        tokens=tokens,
        seen_at=now,
    )


def _seen_anew(
    old: TokenBelief | None,
    series: Series,
    candles: Candles | None,
    networks: Mapping[tuple[str, int], Network],
    prior: dict[Address, float],
    now: int,
) -> TokenBelief:
    start = tail(series.timestamps, LONGEST + DAY_H)
    seen = see(replace(series, timestamps=series.timestamps[start:], prices=series.prices[start:]), now)
    stated = prior.get(series.token)
    if old is None or not old.fits:
        return plain(seen, stated, unfitted="no model is fitted yet" if old is None else SHORT)
    if seen.knowledge == "fitted" and old.knowledge != "fitted":
        fresh = plain(seen, stated, unfitted="it speaks again after a silence, until the next fit")
        return replace(fresh, fits=old.fits, shapes=old.shapes, scores=old.scores)
    if seen.knowledge != "fitted":
        fresh = plain(seen, stated, annual_volatility(old) or 0.0)
        return replace(fresh, fits=old.fits, shapes=old.shapes, scores=old.scores)
    return _refreshed(old, seen, grid(seen, candles if ranged(old.fits) else None, now, LONGEST, False), networks)


def _refreshed(old: TokenBelief, seen: Seen, bars: Bars, networks: Mapping[tuple[str, int], Network]) -> TokenBelief:
    best = RANGED if ranged(old.fits) else HAR
    rows = {name: last_row(bars, name == RANGED) for name in {HAR, best}}
    rates = _rates(old, bars, rows, best, networks)
    reactive = tick_rate(seen.ticks)
    fresh = []
    for v in old.variances:
        rate = reactive if v.model == REACTIVE else rates.get((v.model, v.horizon_s), math.nan)
        usable = math.isfinite(rate)
        fresh.append(Variance(v.model, v.horizon_s, rate * (v.horizon_s // HOUR_S)) if usable else v)
    return replace(
        old,
        variances=tuple(fresh),
        regime=mood(old.fits, rows[best], bars),
        last_at=seen.last_at,
    )


def _rates(
    old: TokenBelief,
    bars: Bars,
    rows: Mapping[str, Array],
    best: str,
    networks: Mapping[tuple[str, int], Network],
) -> dict[tuple[str, int], float]:
    """Variance an hour by (model, horizon): log-HAR's, and the network's correction of it where that was fitted."""
    rates = {
        (f.model, f.horizon_s): float(har_rate(from_fit(Har, f), rows[f.model])) for f in old.fits if f.model in rows
    }
    corrected = {v.horizon_s for v in old.variances if v.model == LEARNED}
    if corrected:
        x = inputs(bars)[-1:]
        for horizon_s in corrected:
            network, rate = networks.get((network_name(best == RANGED), horizon_s)), rates.get((best, horizon_s))
            if network is not None and rate is not None:
                learned = float(np.maximum(correction(network, x)[0] * rate, FLOOR))
                rates[LEARNED, horizon_s], rates[MEAN, horizon_s] = learned, math.sqrt(learned * rate)
    return rates
