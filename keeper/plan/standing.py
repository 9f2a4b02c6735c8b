"""A position and a forecast in, what holding it, or another, costs out."""

import math
from dataclasses import replace

from keeper.costs import NoTrade, implied_volatility, liquidations, no_trade, years
from keeper.model import Cost, Forecast, HealthGoal, HealthProblem, Mandate
from keeper.plan.position import Tried, health, health_factor, secured, values
from keeper.plan.volatility import relative_variance

_LEAST_HEALTH = 1e-9
"""Of a position whose collateral is gone."""
_LEAST_NET, _NOTHING = 1e-3, 1e-18
"""Share of collateral and debt together, and quote currency: the least net worth that leverage is measured against."""


class Valuer:
    """Values a position: tracking the target leverage, and what liquidators are expected to take.

    A mandate asks for a health factor, which collateral raises once it secures the debt; what is idle is net worth.

    Nobody is assumed to act within the horizon, nor within the time that an action then needs. The volatility of the
    ratio of prices is the one that gives the forecast's own chance to touch 1 from here, fat tails and all.
    """

    def __init__(self, problem: HealthProblem, forecast: Forecast, mandate: Mandate, full: Tried) -> None:
        self.problem, self.horizon = problem, years(mandate.horizon_s)
        self.carry = problem.supply_rate - problem.borrow_rate
        self.sigma = math.sqrt(relative_variance(forecast, problem.collateral, problem.debt))
        chance = next((t.probability for t in forecast.touches if t.barrier == 1.0), 0.0)
        distance = math.log(max(health(problem), _LEAST_HEALTH))
        self.tails = implied_volatility(chance, distance, self.carry, self.horizon, self.sigma)
        react = mandate.goal.react_s if isinstance(mandate.goal, HealthGoal) else 0
        self.exposed = self.horizon + years(react)
        self.target = _multiple(problem, problem.target)
        self.region = self._region(mandate, full)

    def off(self, secures: float, debt: float) -> float:
        """By its health factor: the multiple of net worth of collateral that secures the debt, less the target's."""
        return (secures / _net(secures, debt) if debt > 0.0 else 1.0) - self.target

    def tracking(self, tried: Tried) -> float:
        """Raw units of collateral, as every cost."""
        value = self.region.relative_value(self.off(tried.pledged, tried.debt))
        return value * _net(tried.collateral, tried.debt) / self.problem.collateral_price

    def waiting(self) -> Cost:
        net, now = _net(*values(self.problem)), secured(self.problem)
        risk = self.region.waiting(self.off(*now), self.horizon) * net / self.problem.collateral_price
        return Cost(risk=risk, touch=self.liquidated(*now))

    def liquidated(self, secures: float, debt: float) -> float:
        one = self.problem
        factor = max(health_factor(one, secures, debt), _LEAST_HEALTH)
        lost = liquidations(factor, debt, one.threshold, one.bonus, self.tails, self.carry, self.exposed)
        return lost / one.collateral_price

    def cost(self, tried: Tried) -> Cost:
        return replace(tried.cost, risk=self.tracking(tried), touch=self.liquidated(tried.pledged, tried.debt))

    def best_waiting(self) -> float | None:
        """The health factor at the inner edge of the region where waiting is best; None from inside it."""
        off = self.off(*secured(self.problem))
        if not abs(off) > self.region.outer:
            return None
        multiple = self.target + math.copysign(self.region.inner, off)
        return self.problem.threshold * multiple / (multiple - 1.0) if multiple > 1.0 else None

    def _region(self, mandate: Mandate, full: Tried) -> NoTrade:
        net = _net(*values(self.problem))
        traded = abs(full.collateral - values(self.problem)[0]) + 1e-300
        spent = full.cost.fees + max(0.0, full.cost.impact) / mandate.chunks.most + max(0.0, full.cost.basis)
        fixed = (full.cost.gas + full.cost.l1_data) * self.problem.collateral_price / net
        speed = abs(self.target * (1.0 - self.target)) * self.sigma
        proportional = max(0.0, spent) * self.problem.collateral_price / traded
        return no_trade(mandate.risk_aversion * self.sigma**2, speed, proportional, fixed)


def _net(collateral: float, debt: float) -> float:
    """Net worth in quote currency; where there is hardly any, or none, so much that all costs stay finite."""
    return max(collateral - debt, _LEAST_NET * (collateral + debt), _NOTHING)


def _multiple(problem: HealthProblem, health: float) -> float:
    """The collateral's value in units of net worth."""
    return health / (health - problem.threshold)
