"""Beliefs and the current block in, the chance that each watched quantity leaves its band within the horizon out."""

import math

from keeper.costs import first_passage, leave_band, weight_speeds, years
from keeper.model import Beliefs, Drift, Forecast, HealthProblem, Mandate, Problem, Touch, WeightProblem
from keeper.units import Address

DEFAULT_VOLATILITY = 0.8
"""A year, of a token with neither history nor a stated prior: a volatile crypto asset."""


def volatility(beliefs: Beliefs, token: Address) -> float:
    return dict(beliefs.volatility).get(token, DEFAULT_VOLATILITY)


def forecast(problem: Problem, drift: Drift, beliefs: Beliefs, mandate: Mandate) -> Forecast:
    """Closed-form first-passage chances, driftless, over `mandate.horizon_s`."""
    horizon = years(mandate.horizon_s)
    if isinstance(problem, WeightProblem):
        tokens = problem.tokens
        sigmas = tuple(volatility(beliefs, t) for t in tokens)
        speeds = weight_speeds(tuple(q.value for q in drift.quantities), sigmas)
        touches = tuple(
            Touch(
                q.name,
                q.low if q.value < q.target else q.high,
                leave_band(q.value - q.low, q.high - q.value, s, horizon),
            )
            for q, s in zip(drift.quantities, speeds, strict=True)
        )
    else:
        tokens = (problem.collateral, problem.debt)
        sigmas = tuple(volatility(beliefs, t) for t in tokens)
        touches = _health_touches(drift, sigmas, horizon)
    spread = math.sqrt(horizon)
    return Forecast(
        model=f"closed form on {beliefs.model}",
        horizon_s=mandate.horizon_s,
        sigma=tuple((t, s * spread) for t, s in zip(tokens, sigmas, strict=True)),
        touches=touches,
    )


def relative_volatility(problem: HealthProblem, beliefs: Beliefs) -> float:
    """Annual volatility of collateral in units of the debt, both uncorrelated."""
    return math.hypot(volatility(beliefs, problem.collateral), volatility(beliefs, problem.debt))


def _health_touches(drift: Drift, sigmas: tuple[float, ...], horizon: float) -> tuple[Touch, ...]:
    """The health factor against its lower band, then against 1, where liquidation begins."""
    health = drift.quantities[0]
    sigma = math.hypot(*sigmas)
    if math.isinf(health.value) or health.value <= 0.0:
        return ()
    return tuple(
        Touch(
            health.name, barrier, first_passage(math.log(health.value / barrier), sigma, -sigma * sigma / 2.0, horizon)
        )
        for barrier in (health.low, 1.0)
    )
