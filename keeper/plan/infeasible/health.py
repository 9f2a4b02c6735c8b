"""A position that nothing can be done for in one action, or too little, in, the sentence that says why out."""

import math

from keeper.errors import Unquotable
from keeper.model import HealthProblem, Mandate, Reason
from keeper.plan.infeasible.words import FLASH, LIQUIDITY, capped, nothing_may_be_sold, reason, shallow, too_small
from keeper.plan.limits import Held, down, eased, up
from keeper.plan.position import Bounds, NoLoan, Tried, health, health_factor
from keeper.plan.route import Capped

_ROUNDS = 1.0 - 1e-4
"""Of a size, for what the last round of sizing leaves open."""


def no_move_possible(
    mandate: Mandate, problem: HealthProblem, goal: float, free: Tried | None, bounds: Bounds, why: Unquotable
) -> Reason:
    """Why nothing at all can be done; `free` is the trade to `goal` without limits, `why` what was said of it."""
    if free is not None and free.value < bounds.min_trade:
        return _too_small(mandate, problem, goal, free, bounds)
    if bounds.turnover < bounds.min_trade or isinstance(why, Held):
        return nothing_may_be_sold(mandate, bounds.rules, bounds.turnover, bounds.min_trade, bounds.unit)
    if isinstance(why, Capped):
        return capped(mandate, why)
    if isinstance(why, NoLoan):
        return reason(FLASH, mandate, f"{why}; wait until it can lend that")
    return shallow(mandate, why)


def _too_small(mandate: Mandate, problem: HealthProblem, goal: float, free: Tried, bounds: Bounds) -> Reason:
    """That the band is narrower than min_trade: from where the trade back to `goal` would be worth it."""
    size = free.value * _ROUNDS
    apart = bounds.min_trade / size * (health(problem) - goal)
    edge = "" if math.isinf(apart) else f"above {up(goal + apart)}" if apart > 0.0 else f"below {down(goal + apart)}"
    other = f", or let the band end {edge}" if 1.0 < goal + apart < math.inf else ""
    what = f"the trade back to a health factor of {goal:.3f}"
    return too_small(mandate, what, size, bounds.turnover, bounds.min_trade, bounds.unit, other)


def short_of_band(
    mandate: Mandate, problem: HealthProblem, best: Tried, edge: float, need: Tried | Unquotable, bounds: Bounds
) -> Reason | None:
    """Why the best trade ends outside the band, whose end is `edge`; None where no limit of its own is why.

    `need` is the trade that ends at the edge, were there no limits, or what stands in its way then.
    """
    ends = health_factor(problem, best.pledged, best.debt)
    found = f"one action ends at a health factor of {ends:.3f}, outside the band, which ends at {edge:.3f}"
    if isinstance(need, Unquotable):
        code = FLASH if isinstance(need, NoLoan) else LIQUIDITY
        there = down(ends) if ends < edge else up(ends)
        other = "wait until it can lend that" if isinstance(need, NoLoan) else "allow deeper pools"
        return reason(code, mandate, f"{found}: {need}; let the band reach to {there}, or {other}")
    code, ease = eased(bounds.rules, need.value)
    if not code:
        return None
    return reason(
        code,
        mandate,
        f"{found}: {down(bounds.turnover / bounds.unit)} may be sold, {up(need.value / bounds.unit)} would have to be; "
        f"{ease}",
    )
