"""A position and how its price moves in, the health factors to act at and to come back to out."""

import math
from dataclasses import dataclass, replace

from keeper.costs import years
from keeper.model import Drift, Forecast, HealthGoal, HealthProblem, Problem
from keeper.plan.policy.chance import deviations

_MOST = 0.98
"""Of the mandate's highest: where a target must stay so that a trade may end a little above it."""


@dataclass(frozen=True, slots=True)
class Levels:
    low: float
    target: float


def levels(goal: HealthGoal, low: float, target: float, high: float, sigma: float, carry: float, late_s: int) -> Levels:
    """Low and target for annual volatility `sigma` of the ratio of prices, and prices that are `late_s` old.

    Whoever acts at `low` is liquidated before the action lands, if the health factor touches 1 within the price's age
    and the time to act together, τ. That has probability 2Φ(-(ln low - δ)/σ√τ), a driftless first passage with what
    interest takes meanwhile, δ = max(0, -carry·τ); so low = exp(δ + z σ√τ) with 2Φ(-z) the tolerance. The target keeps
    the mandate's own distance above it, in logs. Both stay inside the mandate's low and high.
    """
    if goal.tolerance <= 0.0:
        return Levels(low, target)
    span = years(late_s + goal.react_s)
    needed = math.exp(max(0.0, -carry * span) + deviations(goal.tolerance) * sigma * math.sqrt(span))
    if needed <= low:
        return Levels(low, target)
    most = high * _MOST
    raised = min(needed, most * _MOST)
    return Levels(raised, max(target, min(most, raised * target / low)))


def volatility(forecast: Forecast, problem: HealthProblem) -> float:
    """Annual, of the collateral's price in the debt; as if the two moved apart where no correlation is believed."""
    sigma = dict(forecast.sigma)
    a, b = sigma[problem.collateral], sigma[problem.debt]
    together = forecast.correlation[0][1] if forecast.correlation else 0.0
    return math.sqrt(max(0.0, a * a + b * b - 2.0 * together * a * b) / years(forecast.horizon_s))


def adapted(goal: object, problem: Problem, drift: Drift, forecast: Forecast, late_s: int) -> tuple[Problem, Drift]:
    """Problem and drift with the levels that volatility asks for; the same ones where the mandate has no tolerance."""
    if not isinstance(goal, HealthGoal) or not isinstance(problem, HealthProblem) or goal.tolerance <= 0.0:
        return problem, drift
    at = levels(
        goal,
        problem.low,
        problem.target,
        problem.high,
        volatility(forecast, problem),
        problem.supply_rate - problem.borrow_rate,
        late_s,
    )
    one = replace(drift.quantities[0], low=at.low, target=at.target)
    side = one.high if one.value > one.target else one.low
    distance = (one.value - one.target) / (side - one.target)
    return replace(problem, low=at.low, target=at.target), Drift(distance, one.name, (one,))
