"""Beliefs about tokens in, what they amount to out: annual volatilities, the mood, the names of who speaks."""

import math
from collections.abc import Sequence

from keeper.forecast.bars import HOUR_S, Array, Bars
from keeper.forecast.contest import HAR, OF_RETURNS, RANGED
from keeper.forecast.har import Har, har_rate
from keeper.forecast.numbers import from_fit
from keeper.forecast.regime import regime
from keeper.forecast.sight import DAY_H
from keeper.forecast.walk import WEEK_H
from keeper.model import Fit, Regime, Shape, TokenBelief
from keeper.units import SECONDS_PER_YEAR, Address

REGIME = "regime"
_DAY_S = DAY_H * HOUR_S


def calibrated(model: str, variance: float, shape: Shape | None) -> float:
    """Deviation of log price over the horizon from a model's variance and how far returns differed from it before.

    Squares of short returns count a quote's noise, which a longer return does not keep: a stablecoin's, many times.
    Models of the horizon's own returns never counted it.
    """
    return math.sqrt(variance) * (shape.deviation if shape is not None and model not in OF_RETURNS else 1.0)


def annual_volatility(belief: TokenBelief) -> float | None:
    """Of the champion's forecast of the next day, calibrated; None when nothing is believed."""
    champion = next((name for horizon, name in belief.champions if horizon == _DAY_S), "")
    found = next((v.variance for v in belief.variances if v.model == champion and v.horizon_s == _DAY_S), None)
    if found is None:
        return None
    shape = next((s for s in belief.shapes if s.horizon_s == _DAY_S and belief.knowledge == "fitted"), None)
    return calibrated(champion, found, shape) * math.sqrt(SECONDS_PER_YEAR / _DAY_S)


def volatilities(tokens: Sequence[TokenBelief], prior: dict[Address, float]) -> tuple[tuple[Address, float], ...]:
    """Annual, of every token with a belief or a prior, sorted."""
    fitted = {t.token: sigma for t in tokens if (sigma := annual_volatility(t)) is not None}
    return tuple(sorted((prior | fitted).items()))


def named(tokens: Sequence[TokenBelief], prior: dict[Address, float]) -> str:
    """Who speaks of the next day, over all tokens, joined by +."""
    names = set()
    told = {t.token for t in tokens}
    for t in tokens:
        by_prior = t.knowledge in ("unknown", "constant") and t.token in prior
        names.add("prior" if by_prior else next((name for horizon, name in t.champions if horizon == _DAY_S), "none"))
    names |= {"prior"} if set(prior) - told else set()
    return "+".join(sorted(names - {"none"})) or "prior"


def ranged(fits: Sequence[Fit]) -> bool:
    """Whether they were made from bars whose ranges are known."""
    return any(f.model == RANGED for f in fits)


def mood(fits: Sequence[Fit], x: Array, bars: Bars) -> Regime:
    """The regime at the last bar, whose features for log-HAR are `x`."""
    held = {(f.model, f.horizon_s): f for f in fits}
    day, crisis = held.get((RANGED if ranged(fits) else HAR, _DAY_S)), held.get((REGIME, _DAY_S))
    if day is None or crisis is None:
        return "unknown"
    took = float(bars.elapsed[-WEEK_H:].sum())
    week = float(bars.square[-WEEK_H:].sum()) / took if took > 0.0 else math.nan
    return regime(float(har_rate(from_fit(Har, day), x)), week, dict(crisis.numbers)["crisis"][0])
