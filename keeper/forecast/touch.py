"""Beliefs and the current block in, the chance that each watched quantity leaves its band within the horizon out."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from keeper.costs import first_passage, years
from keeper.forecast.bars import Array
from keeper.forecast.contest import OF_RETURNS
from keeper.forecast.passage import NODES, WEIGHTS
from keeper.forecast.paths import joint_paths, weight_chances
from keeper.forecast.shape import interval, touch
from keeper.model import (
    Beliefs,
    Drift,
    Forecast,
    Interval,
    Mandate,
    Problem,
    RangeProblem,
    Shape,
    TokenBelief,
    Touch,
    WeightProblem,
)
from keeper.units import Address

DEFAULT_VOLATILITY = 0.8
"""A year, of a token with neither history nor a stated prior: a volatile crypto asset."""
SIZEABLE = 0.01
"""A token with a smaller share of the variance at hand is not asked whether its touches are trusted."""
_BAND = 0.9
_NORMAL_90 = 1.6449


def volatility(beliefs: Beliefs, token: Address) -> float:
    """Annual, of log price."""
    return dict(beliefs.volatility).get(token, DEFAULT_VOLATILITY)


def forecast(problem: Problem, drift: Drift, beliefs: Beliefs, mandate: Mandate, seed: int = 0) -> Forecast:
    """Every token's deviation, 90 % interval and correlation over `mandate.horizon_s`, and its quantities' touches.

    Weights: joint paths with the believed correlation, both edges of each band, with their Monte-Carlo error. Health
    factor: its lower band, then 1, where liquidation begins: the past moves of whichever token rules the ratio,
    rescaled, or first passage under uncertain variance where they are not known. Driftless, deterministic in its
    arguments. A token without beliefs moves by its volatility in `beliefs`, or 0.8 a year; the notes say so.
    """
    tokens = _tokens(problem)
    view = _View(tokens, beliefs, mandate)
    if isinstance(problem, WeightProblem):
        touches = _weight_touches(problem, drift, view, seed)
    elif isinstance(problem, RangeProblem):
        touches = _range_touches(problem, drift, view, _View(tokens[::-1], beliefs, mandate))
    else:
        touches = _health_touches(drift, view)
    return Forecast(
        model=view.model,
        horizon_s=mandate.horizon_s,
        sigma=tuple(zip(tokens, map(float, view.deviations), strict=True)),
        touches=touches,
        intervals=tuple(map(view.interval, range(len(tokens)))),
        trusted=view.trusted(_exposures(problem, drift)),
        notes=view.notes,
        correlation=tuple(tuple(row) for row in view.correlation.tolist()),
    )


def _tokens(problem: Problem) -> tuple[Address, ...]:
    """Those whose prices move it; of two, the one that is priced in the other first."""
    if isinstance(problem, WeightProblem):
        return problem.tokens
    if isinstance(problem, RangeProblem):
        return problem.other, problem.base
    return problem.collateral, problem.debt


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


def calibrated(model: str, variance: float, shape: Shape | None) -> float:
    """Deviation of log price over the horizon from a model's variance and how far returns differed from it before.

    Squares of short returns count a quote's noise, which a longer return does not keep: a stablecoin's, many times.
    Models of the horizon's own returns never counted it.
    """
    return math.sqrt(variance) * (shape.deviation if shape is not None and model not in OF_RETURNS else 1.0)


class _View:
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


def _exposures(problem: Problem, drift: Drift) -> Array:
    """How strongly the quantities follow each token's log price."""
    if isinstance(problem, WeightProblem):
        return np.array([q.value * (1.0 - q.value) for q in drift.quantities])
    return np.array([1.0, 1.0])


def _weight_touches(problem: WeightProblem, drift: Drift, view: _View, seed: int) -> tuple[Touch, ...]:
    weights = np.array([q.value for q in drift.quantities])
    low, high = np.array([q.low for q in drift.quantities]), np.array([q.high for q in drift.quantities])
    walked = joint_paths(view.deviations, view.correlation, view.spread(), seed)
    found = []
    for q, (below, above) in zip(drift.quantities, weight_chances(weights, low, high, walked), strict=True):
        found.append(Touch(q.name, q.low, below.probability, below.error))
        found.append(Touch(q.name, q.high, above.probability, above.error))
    return tuple(found)


def _health_touches(drift: Drift, view: _View) -> tuple[Touch, ...]:
    """The health factor against its lower band, then against 1, where liquidation begins."""
    health = drift.quantities[0]
    if math.isinf(health.value) or health.value <= 0.0:
        return ()
    return tuple(
        Touch(health.name, barrier, _falls(math.log(health.value / barrier), view)) for barrier in (health.low, 1.0)
    )


def _range_touches(problem: RangeProblem, drift: Drift, view: _View, inverse: _View) -> tuple[Touch, ...]:
    """The price in the range against both edges of its band; `inverse` views the tokens the other way round."""
    if problem.present is None:
        return ()
    place = drift.quantities[0]
    half = (problem.present[1] - problem.present[0]) / 2 * math.log(1.0001)
    return (
        Touch(place.name, place.low, _falls((place.value - place.low) * half, view)),
        Touch(place.name, place.high, _falls((place.high - place.value) * half, inverse)),
    )


def _falls(distance: float, view: _View) -> float:
    """P(the log price of the first token in units of the second falls by `distance` within the horizon)."""
    a, b = view.deviations
    deviation = math.sqrt(max(a * a + b * b - 2.0 * view.correlation[0, 1] * a * b, 0.0))
    if distance <= 0.0 or deviation <= 0.0:
        return 1.0 if distance <= 0.0 else 0.0
    ruler = 0 if a >= b else 1
    shape = view.shapes[ruler]
    if shape is not None:
        return float(touch(shape, ruler == 1, np.asarray(distance / deviation * shape.deviation)))
    spread = view.spread()
    return sum(
        weight * first_passage(distance, deviation * factor, -0.5 * (deviation * factor) ** 2, 1.0)
        for weight, factor in zip(WEIGHTS, np.exp(0.5 * (spread * NODES - 0.5 * spread**2)), strict=True)
    )
