"""A basket that nothing can be done for, or too little, in, the sentence that says why out."""

import math

import numpy as np

from keeper.errors import Unquotable
from keeper.model import Mandate, Reason, WeightProblem
from keeper.plan.basket import Sizes, Tried, sold
from keeper.plan.infeasible.words import BAND, capped, nothing_may_be_sold, reason, shallow, too_small
from keeper.plan.limits import down, eased, up
from keeper.plan.region import Floats, Region
from keeper.plan.route import Capped
from keeper.units import BPS

_NEARLY = 0.99
"""Of the largest leg: what bisection leaves open."""
_AMPLE = 1.002
"""Of what has to be sold: the trade shrinks by rounding and by its own cost."""


def no_trade_possible(
    mandate: Mandate,
    problem: WeightProblem,
    off: Floats,
    limits: Sizes,
    why: Unquotable,
    would_do: tuple[float | None, float],
    raised: tuple[bool, float] | None,
) -> Reason:
    """Why nothing at all can be traded; `why` is what the pools said.

    `would_do` is the turnover that would let something be at this min_trade, None where none would, and the min_trade
    that would at this turnover; `raised` as `words.capped` takes it.
    """
    largest = float(min(off.max(), -off.min())) * limits.wealth  # a leg is sold by one token and bought by another
    enough, smaller = would_do
    if largest < limits.min_trade:
        other = f", or widen the band of {max(problem.bands):.2%}"
        most = smaller if smaller < _NEARLY * largest else largest
        return too_small(mandate, "the largest leg", largest, most, limits.min_trade, limits.unit, other)
    if enough is not None or limits.turnover < limits.min_trade:
        both = None if enough is None else (enough, smaller)
        return nothing_may_be_sold(mandate, limits.rules, limits.turnover, limits.min_trade, limits.unit, both)
    if held := _held_back(problem, off, limits):
        return reason("P-max_trade", mandate, held)
    if isinstance(why, Capped):
        return capped(mandate, why, raised)
    return shallow(mandate, why)


def _held_back(problem: WeightProblem, off: Floats, limits: Sizes) -> str:
    """The token whose limit makes its leg too small to be worth one; empty where none does."""
    rules = dict(limits.assets)
    for token, gap in zip(problem.tokens, off, strict=True):
        rule = rules.get(token)
        if rule is not None and rule.most < limits.min_trade <= abs(gap) * limits.wealth:
            lets, least = down(rule.most / limits.unit), up(limits.min_trade / limits.unit)
            return (
                f"max_trade lets a worth of {lets} be traded of {token}, under min_trade, {least}; "
                f"{rule.eased(limits.min_trade)}, or lower min_trade to {lets}"
            )
    return ""


def short_of_band(
    mandate: Mandate, problem: WeightProblem, limits: Sizes, best: Tried, need: Tried | Unquotable
) -> Reason | None:
    """Why the best trade ends outside the band; None where no limit is why. `need` ends inside, were there none."""
    if not best.limited or isinstance(need, Unquotable):
        return None
    gaps = [abs(w - t) / b for w, t, b in zip(best.after, problem.targets, problem.bands, strict=True)]
    worst = max(range(len(gaps)), key=gaps.__getitem__)
    selling = sold(problem, need.trades) * _AMPLE
    code, ease = eased(limits.rules, selling)
    tokens = dict(zip(problem.tokens, problem.prices, strict=True))
    traded = [(rule, abs(need.trades.net(token)) * tokens[token] * _AMPLE) for token, rule in limits.assets]
    tight = [(rule.code, rule.eased(value)) for rule, value in traded if rule.most < value]
    eases = [ease] * bool(ease) + [one for _, one in tight]
    if not eases:
        return None
    return reason(
        code or tight[0][0],
        mandate,
        f"one action ends with {best.after[worst]:.2%} of {problem.tokens[worst]}, outside the band, which ends "
        f"{problem.bands[worst]:.2%} from {problem.targets[worst]:.2%}; {' and '.join(eases)}",
    )


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
        f"here pays beyond {_up(pays[worst])}; widen the band to that, raise risk_aversion, or allow cheaper pools",
    )


def _up(share: float) -> str:
    """Per cent, rounded to the side that works."""
    return f"{math.ceil(share * BPS) / BPS:.2%}"
