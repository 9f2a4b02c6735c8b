"""Beliefs about a problem's tokens in, how they move over one horizon out: deviations, shapes, who speaks, trust."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from keeper.costs import years
from keeper.forecast.bars import Array
from keeper.forecast.believed import calibrated
from keeper.forecast.shape import interval
from keeper.model import Beliefs, Interval, Mandate, Shape, TokenBelief
from keeper.units import Address

DEFAULT_VOLATILITY = 0.8
"""A year, of a token with neither history nor a stated prior: a volatile crypto asset."""
SIZEABLE = 0.01
"""A token with a smaller share of the variance at hand is not asked whether its touches are trusted."""
_BAND = 0.9
_NORMAL_90 = 1.6449


def variance_at(belief: TokenBelief, model: str, horizon_s: int) -> float | None:
    """`model`'s variance of log price over any horizon; None when it has none.

    Between the horizons it was fitted for, linear in logs; outside them at the rate of the nearest.
    """
    held = sorted((v.horizon_s, v.variance) for v in belief.variances if v.model == model)
    if not held:
        return None
    for (s, low), (t, high) in pairwise(held):
        if s <= horizon_s <= t:
            share = math.log(horizon_s / s) / math.log(t / s)
            return math.exp((1.0 - share) * math.log(low) + share * math.log(high))
    edge, variance = held[0] if horizon_s < held[0][0] else held[-1]
    return variance * horizon_s / edge


class View:
    """What is believed of a problem's tokens over one horizon."""

    def __init__(self, tokens: Sequence[Address], beliefs: Beliefs, mandate: Mandate) -> None:
        self.tokens = tokens
        self.horizon_s = mandate.horizon_s
        held = {t.token: t for t in beliefs.tokens}
        self.beliefs = tuple(held.get(t) for t in tokens)
        self.correlation = _matrix(tokens, beliefs.correlation)
        annual = dict(beliefs.volatility)
        spoken = [self._speak(b, mandate.champion) for b in self.beliefs]
        horizon = years(mandate.horizon_s)
        self.shapes = tuple(_shape(b, mandate.horizon_s) for b in self.beliefs)
        self.deviations = np.array(
            [
                calibrated(name, variance, shape)
                if variance is not None
                else annual.get(token, DEFAULT_VOLATILITY) * math.sqrt(horizon)
                for token, (name, variance), shape in zip(tokens, spoken, self.shapes, strict=True)
            ]
        )
        self.model = "+".join(sorted({name for name, _ in spoken})) or beliefs.model
        self.records = beliefs.records
        self.notes = tuple(self._notes(beliefs, mandate.champion))

    def _speak(self, belief: TokenBelief | None, wanted: str) -> tuple[str, float | None]:
        """The model that speaks for a token, and its variance over the horizon."""
        if belief is None or not belief.variances:
            return "prior", None
        nearest = min(belief.champions, key=lambda pair: abs(math.log(pair[0] / self.horizon_s)))
        for name in (wanted, nearest[1]):
            variance = variance_at(belief, name, self.horizon_s)
            if variance is not None:
                return name, variance
        return "prior", None

    def _notes(self, beliefs: Beliefs, wanted: str) -> list[str]:
        annual = dict(beliefs.volatility)
        found = []
        for token, belief in zip(self.tokens, self.beliefs, strict=True):
            if belief is None:
                known = "its prior volatility" if token in annual else f"a volatility of {DEFAULT_VOLATILITY:g}"
                found.append(f"{token}: no history: {known}")
            elif belief.note:
                found.append(f"{token}: {belief.note}")
            if belief is not None and wanted != "auto" and wanted not in {v.model for v in belief.variances}:
                found.append(
                    f"{token}: the mandate names {wanted}, which was not fitted: the best of the others speaks"
                )
        return found

    def interval(self, k: int) -> Interval:
        shape, deviation = self.shapes[k], float(self.deviations[k])
        low, high = (-_NORMAL_90, _NORMAL_90)
        if shape is not None:
            low, high = (edge / shape.deviation for edge in interval(shape, _BAND))
        return Interval(self.tokens[k], _BAND, low * deviation, high * deviation)

    def trusted(self, exposures: Array) -> bool:
        """Whether every token that matters has proven touches; `exposures` are to each token's log price."""
        parts = (exposures * self.deviations) ** 2
        matters = parts > SIZEABLE * max(float(parts.sum()), 1e-300)
        return all(b is not None and b.trusted for b, m in zip(self.beliefs, matters, strict=True) if m)

    def lost(self, vault: Address) -> tuple[str, ...]:
        """Why the live record of this vault's forecasts by this model forbids to act on them; empty where it does not.

        One over another horizon counts too: what does not know the next day does not know the next week.
        """
        mine = (r for r in self.records if r.vault == vault and r.model == self.model and not r.trusted)
        return tuple(r.note for r in mine)

    def spread(self) -> float:
        """Log deviation of the common variance factor: the tokens' own, weighted by variance."""
        known = [(s.spread, d * d) for s, d in zip(self.shapes, self.deviations, strict=True) if s is not None]
        weight = sum(w for _, w in known)
        return sum(s * w for s, w in known) / weight if weight > 0.0 else 0.0


def _matrix(tokens: Sequence[Address], pairs: Sequence[tuple[Address, Address, float]]) -> Array:
    """Correlation of `tokens` from sorted `pairs`; 0 where none is believed."""
    matrix = np.eye(len(tokens))
    for i, a in enumerate(tokens):
        for j, b in enumerate(tokens[:i]):
            first, second = (a, b) if a < b else (b, a)
            at = bisect_left(pairs, (first, second, -2.0))
            if at < len(pairs) and pairs[at][:2] == (first, second):
                matrix[i, j] = matrix[j, i] = pairs[at][2]
    return matrix


def _shape(belief: TokenBelief | None, horizon_s: int) -> Shape | None:
    """The shape of the nearest horizon, in logs."""
    if belief is None or not belief.shapes or belief.knowledge != "fitted":
        return None
    return min(belief.shapes, key=lambda s: abs(math.log(s.horizon_s / horizon_s)))
