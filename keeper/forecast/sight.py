"""A token's prices in, how much can be said of them out; and the belief about a token that no model speaks of."""

from dataclasses import dataclass

import numpy as np

from keeper.forecast.bars import HOUR_S, Bars, Ticks, clean, from_ohlc, resample, wicks
from keeper.forecast.contest import REACTIVE, first_origin
from keeper.forecast.ewma import HALF_LIFE_H
from keeper.forecast.ladder import FLOOR
from keeper.model import Candles, Knowledge, Series, TokenBelief, Variance
from keeper.units import SECONDS_PER_YEAR, Address, Timestamp

HORIZONS_H = (1, 6, 24, 168)
DAY_H = 24
MIN_RETURNS = 24
"""Fewer returns than this and the mandate's prior speaks instead."""
MIN_SPAN_S = 3_600
DEAD_S = 95_040
"""A feed that was silent for longer is dead: the longest usual heartbeat, a day, and a tenth."""
COVERED = 0.9
"""Candles that know less of the hours of their own span than this share are not used."""
BEHIND_H = 3
"""Candles that end longer ago are not used either."""
SHORT = "too short a history for a model"


@dataclass(frozen=True, slots=True)
class Seen:
    """One token's clean history, and how much can be said of it."""

    token: Address
    ticks: Ticks
    knowledge: Knowledge
    reason: str

    @property
    def last_at(self) -> Timestamp:
        return Timestamp(int(self.ticks.times[-1]) if len(self.ticks.times) else 0)


def see(series: Series, now: int) -> Seen:
    ticks = clean(series.timestamps, series.prices, now)
    times, prices = ticks.times, ticks.prices
    if len(times) == 0:
        return Seen(series.token, ticks, "unknown", "no price yet")
    if now - times[-1] > DEAD_S:
        return Seen(series.token, ticks, "dead", f"no price for {(now - int(times[-1])) / HOUR_S:.0f} h: feed is dead")
    span = int(times[-1] - times[0])
    if len(times) <= MIN_RETURNS or span < MIN_SPAN_S:
        reason = f"{len(times) - 1} returns in {span / HOUR_S:.1f} h, under {MIN_RETURNS} or an hour"
        return Seen(series.token, ticks, "unknown", reason)
    if float(np.ptp(prices)) == 0.0:
        return Seen(series.token, ticks, "constant", f"{len(times)} prices in {span / HOUR_S:.0f} h, all the same")
    return Seen(series.token, ticks, "fitted", ticks.sentence())


def tick_rate(ticks: Ticks) -> float:
    """One-day EWMA of squared returns over the time they took, as variance an hour, floored; any spacing will do."""
    times, returns = ticks.times, np.diff(np.log(ticks.prices))
    weights = 0.5 ** ((times[-1] - times[1:]) / (HALF_LIFE_H * HOUR_S))
    hours = float(weights @ np.diff(times)) / HOUR_S
    return max(float(weights @ returns**2) / hours, FLOOR)


def plain(seen: Seen, stated: float | None, last: float = 0.0, unfitted: str = SHORT) -> TokenBelief:
    """A token that no model speaks of: EWMA, `stated` prior, floor or nothing; `last` is what was believed before."""
    known: Knowledge = "short" if seen.knowledge == "fitted" else seen.knowledge
    prior = None if stated is None else _hourly(stated)
    used: float | None
    moved = len(seen.ticks.times) > MIN_RETURNS and float(np.ptp(seen.ticks.prices)) > 0.0
    if known == "short":
        used, why = tick_rate(seen.ticks), f"{unfitted}: one-day EWMA"
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


def grid(seen: Seen, candles: Candles | None, now: int, keep: int, extremes: bool = True) -> Bars:
    """The last `keep` hours: of candles, whose ranges are known, where they reach far enough; else of feed's prices.

    Far enough is for a fit, or for all of `keep`. Without `extremes` a feed's highs and lows stay unknown.
    """
    last = now // HOUR_S * HOUR_S
    if candles is None or not candles.ends or last - candles.ends[-1] > BEHIND_H * HOUR_S:
        return resample(seen.ticks, now, keep=keep, extremes=extremes)
    columns = [np.asarray(c) for c in (candles.ends, candles.opens, candles.highs, candles.lows, candles.closes)]
    usable = (columns[0] > last - keep * HOUR_S) & (columns[0] <= last) & ~wicks(*columns[1:])
    ends, opened, high, low, close = (column[usable] for column in columns)
    span = (ends[-1] - ends[0]) // HOUR_S + 1 if len(ends) else 0
    if span < min(keep, first_origin(HORIZONS_H[-1]) + 1) or len(ends) < COVERED * span:
        return resample(seen.ticks, now, keep=keep, extremes=extremes)
    return from_ohlc(ends, opened, high, low, close)


def _hourly(annual: float) -> float:
    return annual**2 / SECONDS_PER_YEAR * HOUR_S
