"""A plan and what it leads to in, what a touch would cost, what acting saves and what stands against it out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keeper.costs import CLOSE_FACTOR, years
from keeper.model import (
    Candidate,
    Cost,
    Deferred,
    Drift,
    Forecast,
    Gates,
    HealthProblem,
    Mandate,
    Outlook,
    Plan,
    Problem,
    RangeProblem,
    State,
    WeightProblem,
)
from keeper.plan.policy.chance import Edge
from keeper.plan.policy.words import duration, percent
from keeper.units import SECONDS_PER_YEAR, Timestamp, Wei

GWEI = 10**9
LEAST_HOPE = 0.05
"""A fall of gas that is less likely is not waited for."""
_TICK = math.log(1.0001)


@dataclass(frozen=True, slots=True)
class Threat:
    """What leaving the band is expected to cost, from any state: the chance there times what is dearer then.

    `then` is by how much execution is dearer at `edge`, the likeliest to be reached, in raw units of the base asset: on
    the way from it to the target, fees in proportion to the way and impact to its square, all of it (stress - 1) times
    what it is now. What it costs as things are is in the value of the state, which counts all future trades; what
    liquidators take is in the planner's valuation too.
    """

    edge: Edge
    then: float

    def cost(self, drift: Drift) -> float:
        value = next(q.value for q in drift.quantities if q.name == self.edge.quantity.name)
        return self.edge.leaving(value) * self.then


def threat(edge: Edge, whole: Cost, went: float, stress: float) -> Threat:
    """The threat of `edge`, measured on a plan that costs `whole` and brings its quantity from here to `went`."""
    here, target = edge.quantity.value, edge.quantity.target
    moved = max(abs(went - here), 1e-9)
    ratio = abs(target - edge.barrier) / moved
    sized = (whole.fees + max(0.0, whole.basis)) * ratio + whole.impact * ratio**2
    return Threat(edge, (stress - 1.0) * (sized + whole.gas + whole.l1_data))


def weighed(plans: tuple[Plan, ...], threat: Threat, now: Drift, lefts: Sequence[Drift]) -> tuple[Plan, ...]:
    """The plans with the threat that each leaves, and the one that waiting keeps, in their costs and candidates."""
    kept = threat.cost(now)
    costs = {p.reason: _riskier(p.cost, threat.cost(left)) for p, left in zip(plans, lefts, strict=True)}

    def candidates(plan: Plan) -> tuple[Candidate, ...]:
        nothing, *others = plan.candidates
        told = (replace(c, cost=costs.get(c.name, c.cost)) for c in others)
        return replace(nothing, cost=_riskier(nothing.cost, kept)), *told

    return tuple(
        replace(p, cost=costs[p.reason], waiting=_riskier(p.waiting, kept), candidates=candidates(p)) for p in plans
    )


def _riskier(cost: Cost, more: float) -> Cost:
    return replace(cost, touch=cost.touch + more)


def running(problem: Problem, drift: Drift, forecast: Forecast, mandate: Mandate) -> float:
    """What standing at `drift` costs a year, as a fraction of net worth: what an action that pays back must save.

    Being off target by x costs γσ²x²/2, as in `costs.no_trade`, x a weight, the collateral's multiple of net worth or
    the other token's share of a range; a debt besides its chance to be liquidated a year, times what liquidators take;
    and a range that the price has left the fees it forgoes, at least its loss-versus-rebalancing, eff σ²/8.
    """
    horizon = years(forecast.horizon_s)
    variances = {token: sigma**2 / horizon for token, sigma in forecast.sigma}
    pair = sum(variances.values())
    half = mandate.risk_aversion / 2.0
    if isinstance(problem, WeightProblem):
        return half * sum(
            variances[t] * (q.value - q.target) ** 2 for t, q in zip(problem.tokens, drift.quantities, strict=True)
        )
    one = drift.quantities[0]
    if isinstance(problem, RangeProblem):
        wide = problem.half_width * _TICK
        idle = 1.0 if abs(one.value) > 1.0 else 0.0
        return half * pair * (one.value / 2.0) ** 2 + idle * pair / 8.0 / (1.0 - math.exp(-wide / 2.0))
    return _levered(problem, one.value, forecast, half * pair)


def _levered(problem: HealthProblem, health: float, forecast: Forecast, price_of_risk: float) -> float:
    def multiple(at: float) -> float:
        return at / (at - problem.threshold)

    if not problem.threshold < health < 1e30:
        return 0.0
    off = multiple(health) - multiple(problem.target)
    liquidated = next((t.probability for t in forecast.touches if t.barrier == 1.0), 0.0) / years(forecast.horizon_s)
    debt = (multiple(health) - 1.0) * CLOSE_FACTOR * problem.bonus
    return price_of_risk * off**2 + liquidated * debt


def too_little(plan: Plan, gates: Gates, unit: float, symbol: str) -> str:
    """Why acting does not gain enough, in whole units (`unit` raw ones) of the base asset; empty when it does."""
    gain = (plan.waiting.total - plan.cost.total) / unit
    if gates.min_gain <= 0.0 or gain >= gates.min_gain:
        return ""
    return f"acting is {gain:,.4g} {symbol} cheaper than waiting, under the least gain of {gates.min_gain:g}"


def too_slow(plan: Plan, gates: Gates, saved_a_year: float) -> str:
    """Why the plan does not pay back in time; `saved_a_year` in the unit of its costs. Empty when it does."""
    if gates.payback_s is None or plan.cost.execution <= 0.0:
        return ""
    if saved_a_year <= 0.0:
        return "it would save no running cost: it never pays back"
    takes = plan.cost.execution / saved_a_year * SECONDS_PER_YEAR
    if takes <= gates.payback_s:
        return ""
    return f"it would pay back its costs in {duration(takes)}, over {duration(gates.payback_s)}"


def deferral(
    gates: Gates, state: State, gas_price: Wei, tip: Wei, chance: float, gas: Outlook | None, now: Timestamp
) -> Deferred | None:
    """The wait for cheaper gas that is on, or begins; None when it is over, or nothing is to be waited for.

    Its end is fixed when it begins. It ends early when gas is cheap again, the chance to leave the band too high, or
    gas unlikely to fall so far by a forecast of it that has proven itself. `gas_price` includes the `tip`.
    """
    if gates.gas_below is None or gas_price <= gates.gas_below or chance >= gates.gas_unless:
        return None
    hope = gas.reaches((gates.gas_below - tip) / GWEI) if gas is not None and gas.falls_trusted else None
    if hope is not None and hope < LEAST_HOPE:
        return None
    until = state.deferred.until if state.deferred is not None else Timestamp(now + gates.gas_wait_s)
    if now >= until:
        return None
    likely = "" if hope is None else f", where it falls with probability {percent(hope)}"
    words = (
        f"waiting at most {duration(until - now)} for gas under {gates.gas_below / GWEI:.4g} gwei, now "
        f"{gas_price / GWEI:.4g}{likely}; the chance to leave the band is {percent(chance)}, "
        f"under {percent(gates.gas_unless)}"
    )
    return Deferred(until, words)
