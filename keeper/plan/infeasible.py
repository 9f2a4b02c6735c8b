"""A mandate that the market cannot serve in, the sentence that names the cause and the least change that helps, out."""

import numpy as np

from keeper.errors import Unquotable
from keeper.model import Mandate, Reason, WeightProblem
from keeper.plan.basket import Sizes
from keeper.plan.region import Floats, Region
from keeper.plan.route import Capped

CAPPED = "P-venue_limits"
"""What the mandate lets a pool be paid leaves too little."""
BAND = "P-band"
"""Something can be done, but not what the band asks for at a cost that pays."""


def no_trade_possible(mandate: Mandate, problem: WeightProblem, off: Floats, limits: Sizes, why: Unquotable) -> Reason:
    """Why nothing at all can be traded; `why` is what the pools said."""
    largest = float(np.abs(off).max()) * limits.wealth
    if limits.turnover < limits.min_trade:
        found = f"min_trade is {limits.told(limits.min_trade)}, and only {limits.told(limits.turnover)} may be sold now"
        return _reason("P-turnover", mandate, f"{found}; lower min_trade under that, or {limits.widen}")
    if largest < limits.min_trade:
        found = (
            f"the largest leg would be worth {limits.told(largest)}, under min_trade, {limits.told(limits.min_trade)}"
        )
        band = max(problem.bands)
        return _reason("P-min_trade", mandate, f"{found}; lower min_trade to that, or widen the band of {band:.2%}")
    if held := _held_back(problem, off, limits):
        return _reason("P-max_trade", mandate, held)
    if isinstance(why, Capped):
        return capped(mandate, why)
    return _reason("P-liquidity", mandate, f"{why}; allow deeper pools, in venues or by the vault's curator")


def capped(mandate: Mandate, why: Capped) -> Reason:
    """Why the mandate's limits on what pools are paid leave nothing."""
    return _reason(
        CAPPED, mandate, f"{why}; raise that limit as much for all of the trade, or allow other pools in venues"
    )


def _held_back(problem: WeightProblem, off: Floats, limits: Sizes) -> str:
    """The token whose limit makes its leg too small to be worth one; empty where none does."""
    most = dict(limits.assets)
    for token, gap in zip(problem.tokens, off, strict=True):
        if token in most and most[token] < limits.min_trade <= abs(gap) * limits.wealth:
            least = f"{limits.told(limits.min_trade)}"
            return (
                f"max_trade lets {limits.told(most[token])} of {token} be traded, under min_trade, {least}; raise it "
                f"to what {least} buys, or lower min_trade under it"
            )
    return ""


def narrow_band(mandate: Mandate, problem: WeightProblem, off: Floats, where: Region) -> Reason | None:
    """Where acting begins to pay later than the band asks for; None where it does not."""
    pays = np.abs(off) / max(where.distance(off), 1e-12)
    bands = np.array(problem.bands)
    worst = int(np.argmax(np.abs(off) / bands))
    if pays[worst] <= bands[worst]:
        return None
    return _reason(
        BAND,
        mandate,
        f"the band of {bands[worst]:.2%} round {problem.tokens[worst]} is narrower than costs justify: a trade from "
        f"here pays beyond {pays[worst]:.2%}; widen the band to that, raise risk_aversion, or allow cheaper pools",
    )


def _reason(code: str, mandate: Mandate, sentence: str) -> Reason:
    return Reason(code, f"{mandate.name}: {sentence}")
