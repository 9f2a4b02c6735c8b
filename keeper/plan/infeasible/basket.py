"""A basket that nothing can be done for, or too little, in, the sentence that says why out."""

import numpy as np

from keeper.errors import Unquotable
from keeper.model import Mandate, Reason, WeightProblem
from keeper.plan.basket import Sizes
from keeper.plan.infeasible.words import BAND, capped, nothing_may_be_sold, reason, shallow, too_small
from keeper.plan.limits import down, up
from keeper.plan.region import Floats, Region
from keeper.plan.route import Capped


def no_trade_possible(
    mandate: Mandate,
    problem: WeightProblem,
    off: Floats,
    limits: Sizes,
    why: Unquotable,
    would_do: tuple[float, float] | None,
    raised: tuple[bool, float] | None,
) -> Reason:
    """Why nothing at all can be traded; `why` is what the pools said.

    `would_do` is the turnover that would let something be at this min_trade, and the min_trade at this turnover;
    `raised` as `words.capped` takes it.
    """
    largest = float(min(off.max(), -off.min())) * limits.wealth  # a leg is sold by one token and bought by another
    if largest < limits.min_trade:
        other = f", or widen the band of {max(problem.bands):.2%}"
        return too_small(mandate, "the largest leg", largest, limits.turnover, limits.min_trade, limits.unit, other)
    if would_do is not None or limits.turnover < limits.min_trade:
        return nothing_may_be_sold(mandate, limits.rules, limits.turnover, limits.min_trade, limits.unit, would_do)
    if held := _held_back(problem, off, limits):
        return reason("P-max_trade", mandate, held)
    if isinstance(why, Capped):
        return capped(mandate, why, raised)
    return shallow(mandate, why)


def _held_back(problem: WeightProblem, off: Floats, limits: Sizes) -> str:
    """The token whose limit makes its leg too small to be worth one; empty where none does."""
    most = dict(limits.assets)
    for token, gap in zip(problem.tokens, off, strict=True):
        if token in most and most[token] < limits.min_trade <= abs(gap) * limits.wealth:
            least = up(limits.min_trade / limits.unit)
            return (
                f"max_trade lets {down(most[token] / limits.unit)} of {token} be traded, under min_trade, {least}; "
                f"raise it over what {least} buys, or lower min_trade under it"
            )
    return ""


def narrow_band(mandate: Mandate, problem: WeightProblem, off: Floats, where: Region) -> Reason | None:
    """Where acting begins to pay later than the band asks for; None where it does not."""
    pays = np.abs(off) / max(where.distance(off), 1e-12)
    bands = np.array(problem.bands)
    worst = int(np.argmax(np.abs(off) / bands))
    if pays[worst] <= bands[worst]:
        return None
    return reason(
        BAND,
        mandate,
        f"the band of {bands[worst]:.2%} round {problem.tokens[worst]} is narrower than costs justify: a trade from "
        f"here pays beyond {pays[worst]:.2%}; widen the band to that, raise risk_aversion, or allow cheaper pools",
    )
