"""A range that cannot be laid in, the sentence that says why, and what would let it be, out."""

import math

from keeper.errors import Unquotable
from keeper.model import Mandate, RangeGoal, RangeProblem, Reason
from keeper.plan.basket import Sizes
from keeper.plan.infeasible.words import capped, nothing_may_be_sold, reason, shallow, too_small
from keeper.plan.limits import TURNOVER, eased
from keeper.plan.liquidity import TICK
from keeper.plan.route import Capped
from keeper.units import BPS

SPACING = "P-spacing"
"""The pool's ticks are too far apart for what is asked."""
_ROUNDS = 1.0 - 1e-3
"""Of a size, for what the rounds of sizing leave open."""


class Spaced(Unquotable):
    """The pool's tick spacing does not let it."""


def fitting(problem: RangeProblem, goal: RangeGoal, wide: int) -> int:
    """`wide`, in ticks, if the pool's ticks and the vault let a range have it and be centred within the trigger.

    Raises Spaced where they do not.
    """
    spacing, asked = problem.spacing, 2.0 * max(problem.half_width, problem.widest)
    if not problem.least <= wide <= problem.most:
        low, high = problem.most // spacing * spacing, -(-problem.least // spacing) * spacing
        raise Spaced(
            f"no whole number of tick spacings, {spacing}, lies between the {problem.least} and {problem.most} ticks "
            f"that the vault lets a range be wide; let its curator allow {f'{low} or ' if low else ''}{high}"
        )
    if wide > asked + spacing / 2.0:
        raise Spaced(
            f"half_width makes a range {asked:.0f} ticks wide, and one of this pool is at least {wide}; raise it to "
            f"{_half_width(spacing / 2.0)}"
        )
    if goal.trigger * wide < BPS * spacing:
        trigger, widest = math.ceil(BPS * spacing / wide) / BPS, math.ceil(BPS / goal.trigger) * spacing
        raise Spaced(
            f"the trigger, {goal.trigger / BPS:.2%} of a range {wide} ticks wide, is nearer than the pool's tick "
            f"spacing of {spacing} lets a range be centred: raise it to {trigger:.2%}, or "
            f"half_width to {_half_width(widest - spacing / 2.0)}"
        )
    return wide


def _half_width(wide: float) -> str:
    """The half-width of a range so many ticks wide, rounded up."""
    return f"{math.ceil(math.expm1(wide / 2.0 * TICK) * BPS) / BPS:.2%}"


def no_range_possible(mandate: Mandate, why: Unquotable) -> Reason:
    """Why no range can be laid, whatever may be sold."""
    if isinstance(why, Spaced):
        return reason(SPACING, mandate, str(why))
    return capped(mandate, why) if isinstance(why, Capped) else shallow(mandate, why)


def too_little_to_work(mandate: Mandate, limits: Sizes, whole: float, least: float, why: str) -> Reason:
    """Why so little may be sold that it is not worth it: `whole` would fit the range, `least` would be enough."""
    if whole < limits.min_trade:
        what = f"{why}: the swap that fits the tokens to the range"
        return too_small(mandate, what, whole * _ROUNDS, limits.turnover, limits.min_trade, limits.unit, "")
    if least <= limits.turnover < limits.min_trade:
        return nothing_may_be_sold(mandate, limits.rules, limits.turnover, limits.min_trade, limits.unit)
    code, ease = eased(limits.rules, max(least, limits.min_trade))
    return reason(code or TURNOVER, mandate, f"{why}; {ease}" if ease else why)
