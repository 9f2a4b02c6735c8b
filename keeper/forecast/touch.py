"""Beliefs and the current block in, the chance that each watched quantity leaves its band within the horizon out."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from keeper.costs import first_passage, years
from keeper.forecast.bars import Array
from keeper.forecast.levels import GAS, borrow, outlook, supply
from keeper.forecast.passage import NODES, WEIGHTS
from keeper.forecast.paths import grown, share_chances
from keeper.forecast.shape import touch
from keeper.forecast.view import View
from keeper.model import (
    Beliefs,
    Drift,
    Forecast,
    HealthProblem,
    Mandate,
    Outlook,
    Problem,
    RangeProblem,
    Touch,
    WeightProblem,
)
from keeper.units import Address, Wei

GWEI = 10**9


def forecast(
    problem: Problem, drift: Drift, beliefs: Beliefs, mandate: Mandate, seed: int = 0, base_fee: Wei | None = None
) -> Forecast:
    """Every token's deviation, 90 % interval and correlation over `mandate.horizon_s`, and its quantities' touches.

    Weights: joint paths with the believed correlation, both edges of each band, with their Monte-Carlo error. Health
    factor: its lower band, then 1, where liquidation begins: the past moves of whichever token rules the ratio,
    rescaled, or first passage under uncertain variance where they are not known; what the collateral earns and the debt
    costs pulls at it. Prices are driftless. A token without beliefs moves by its volatility in `beliefs`, or 0.8 a
    year; the notes say so. `base_fee` is what a forecast of gas starts from. Not trusted where the live record of this
    vault, or the walk-forward one of a token that matters, lost to the unconditional frequency. Deterministic in its
    arguments.
    """
    tokens = _tokens(problem)
    view = View(tokens, beliefs, mandate)
    levels = _outlooks(problem, beliefs, mandate.horizon_s, base_fee)
    lost = view.lost(mandate.vault)
    if isinstance(problem, WeightProblem):
        touches = _weight_touches(problem, drift, view, seed)
    elif isinstance(problem, RangeProblem):
        touches = _range_touches(problem, drift, view, View(tokens[::-1], beliefs, mandate))
    else:
        touches = _health_touches(drift, view, _carry(problem, levels))
    return Forecast(
        model=view.model,
        horizon_s=mandate.horizon_s,
        sigma=tuple(zip(tokens, map(float, view.deviations), strict=True)),
        touches=touches,
        intervals=tuple(map(view.interval, range(len(tokens)))),
        trusted=view.trusted(_exposures(problem, drift)) and not lost,
        notes=(*view.notes, *lost),
        correlation=tuple(tuple(row) for row in view.correlation.tolist()),
        levels=levels,
    )


def _tokens(problem: Problem) -> tuple[Address, ...]:
    """Those whose prices move it; of two, the one that is priced in the other first."""
    if isinstance(problem, WeightProblem):
        return problem.tokens
    if isinstance(problem, RangeProblem):
        return problem.other, problem.base
    return problem.collateral, problem.debt


def _outlooks(problem: Problem, beliefs: Beliefs, horizon_s: int, base_fee: Wei | None) -> tuple[Outlook, ...]:
    """Gas, and of a loan the rates of its two sides, over the believed horizon nearest to `horizon_s`."""
    now = {} if base_fee is None else {GAS: base_fee / GWEI}
    if isinstance(problem, HealthProblem):
        now |= {supply(problem.collateral): problem.supply_rate, borrow(problem.debt): problem.borrow_rate}
    found = []
    for name, value in now.items():
        held = [b for b in beliefs.levels if b.name == name]
        if held:
            found.append(outlook(min(held, key=lambda b: abs(math.log(b.horizon_s / horizon_s))), value))
    return tuple(found)


def _carry(problem: HealthProblem, levels: Sequence[Outlook]) -> float:
    """Growth a year of the log health factor by interest alone: as forecast where that is trusted, else as now."""
    said = {one.name: one.median for one in levels if one.trusted}
    earned = said.get(supply(problem.collateral), problem.supply_rate)
    return earned - said.get(borrow(problem.debt), problem.borrow_rate)


def _exposures(problem: Problem, drift: Drift) -> Array:
    """How strongly the quantities follow each token's log price."""
    if isinstance(problem, WeightProblem):
        return np.array([q.value * (1.0 - q.value) for q in drift.quantities])
    return np.array([1.0, 1.0])


def _weight_touches(problem: WeightProblem, drift: Drift, view: View, seed: int) -> tuple[Touch, ...]:
    weights = np.array([q.value for q in drift.quantities])
    low, high = np.array([q.low for q in drift.quantities]), np.array([q.high for q in drift.quantities])
    believed = tuple(view.deviations.tolist()), tuple(map(tuple, view.correlation.tolist()))
    prices = grown(*believed, view.spread(), seed)
    found = []
    for q, (below, above) in zip(drift.quantities, share_chances(weights, low, high, prices), strict=True):
        found.append(Touch(q.name, q.low, below.probability, below.error))
        found.append(Touch(q.name, q.high, above.probability, above.error))
    return tuple(found)


def _health_touches(drift: Drift, view: View, carry: float) -> tuple[Touch, ...]:
    """The health factor against its lower band, then against 1, where liquidation begins; `carry` a year."""
    health = drift.quantities[0]
    if math.isinf(health.value) or health.value <= 0.0:
        return ()
    gained = carry * years(view.horizon_s)
    return tuple(
        Touch(health.name, barrier, _falls(math.log(health.value / barrier), view, gained))
        for barrier in (health.low, 1.0)
    )


def _range_touches(problem: RangeProblem, drift: Drift, view: View, inverse: View) -> tuple[Touch, ...]:
    """The price in the range against both edges of its band; `inverse` views the tokens the other way round."""
    if problem.present is None:
        return ()
    place = drift.quantities[0]
    half = (problem.present[1] - problem.present[0]) / 2 * math.log(1.0001)
    return (
        Touch(place.name, place.low, _falls((place.value - place.low) * half, view)),
        Touch(place.name, place.high, _falls((place.high - place.value) * half, inverse)),
    )


def _falls(distance: float, view: View, gained: float = 0.0) -> float:
    """P(the log price of the first token in units of the second falls by `distance` within the horizon).

    Meanwhile the barrier falls away by `gained`, or comes nearer where that is negative.
    """
    a, b = view.deviations
    deviation = math.sqrt(max(a * a + b * b - 2.0 * view.correlation[0, 1] * a * b, 0.0))
    if distance <= 0.0:
        return 1.0
    if deviation <= 0.0:
        return first_passage(distance, 0.0, gained, 1.0)
    ruler = 0 if a >= b else 1
    shape = view.shapes[ruler]
    if shape is not None:
        still = _standing(distance, deviation, gained)
        return float(touch(shape, ruler == 1, np.asarray(still / deviation * shape.deviation)))
    spread = view.spread()
    return sum(
        weight * first_passage(distance, deviation * factor, gained - 0.5 * (deviation * factor) ** 2, 1.0)
        for weight, factor in zip(WEIGHTS, np.exp(0.5 * (spread * NODES - 0.5 * spread**2)), strict=True)
    )


def _standing(distance: float, deviation: float, gained: float) -> float:
    """Where a barrier would stand still that a normal motion reaches as often as one that moves away by `gained`."""
    if gained == 0.0:
        return distance
    chance = first_passage(distance, deviation, gained, 1.0)
    return -deviation * float(ndtri(max(chance, 1e-300) / 2.0))
