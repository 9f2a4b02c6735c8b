"""A cause in, the sentence that names it, with the least change that helps, out."""

import math

from keeper.model import Mandate, Reason
from keeper.plan.limits import TURNOVER, Limit, down, eased, up
from keeper.plan.route import Capped

CAPPED = "P-venue_limits"
"""What the mandate lets a pool be paid leaves too little."""
BAND = "P-band"
"""Something can be done, but not what the band asks for at a cost that pays."""
LIQUIDITY = "P-liquidity"
"""The pools do not take it."""
FLASH = "P-flash"
"""The lending market does not lend what the move needs for a moment."""
SMALL = "P-min_trade"
"""What is worth trading is not worth a leg."""
_LITTLE = 1e-3
"""Whole units: something rather than nothing."""
_DEEPER = "allow deeper pools, in venues or by the vault's curator"


def reason(code: str, mandate: Mandate, sentence: str) -> Reason:
    return Reason(code, f"{mandate.name}: {sentence}")


def capped(mandate: Mandate, why: Capped, raised: tuple[bool, float] | None = None) -> Reason:
    """Why the mandate's limits on what pools are paid leave nothing.

    `raised` is how many times as much would do for all of the trade: in that pool alone, or in all that have a limit.
    What the pool pays on the cheapest way, in all of them, does where that is not known.
    """
    which = "that limit" if raised and raised[0] else "all of them"
    times = f"{math.ceil(raised[1] * 100.0) / 100.0:.2f} times" if raised else "as much" if why.pool else ""
    ease = f"{which} {times} for all of the trade" if times else "them"
    return reason(CAPPED, mandate, f"{why}; raise {ease}, or allow other pools in venues")


def shallow(mandate: Mandate, why: object) -> Reason:
    """Why the pools leave nothing."""
    return reason(LIQUIDITY, mandate, f"{why}; {_DEEPER}")


def too_small(mandate: Mandate, what: str, worth: float, most: float, least: float, unit: float, other: str) -> Reason:
    """That `what` is `worth` less than a leg's `least`; `most` may be sold: quote currency, told in `unit` of it."""
    found = f"{what} would be worth {down(worth / unit)}, under min_trade, {up(least / unit)}; lower min_trade to "
    if most < worth:
        return reason(SMALL, mandate, f"{found}{down(most / unit)}, since no more may be sold now")
    return reason(SMALL, mandate, f"{found}that{other}")


def nothing_may_be_sold(
    mandate: Mandate,
    rules: tuple[Limit, ...],
    most: float,
    least: float,
    unit: float,
    would_do: tuple[float, float] | None = None,
) -> Reason:
    """That `most` may be sold and a leg is worth `least`: quote currency, told in `unit` of it.

    `would_do` is the sale that would do at this least leg, and the least leg at this sale, where they are others.
    """
    enough, smaller = would_do or (least, most)
    code, ease = eased(rules, max(enough, unit * _LITTLE))
    if most <= 0.0 or least <= 0.0:
        found = (
            f"only {down(most / unit)} may be sold now, which is no leg" if most > 0.0 else "nothing may be sold now"
        )
        return reason(code or TURNOVER, mandate, f"{found}; {ease or 'raise what limits it'}")
    found = f"min_trade is {up(least / unit)}, and only {down(most / unit)} may be sold now; lower min_trade to "
    found += "that" if would_do is None else down(smaller / unit)
    return reason(code or TURNOVER, mandate, f"{found}, or {ease}" if ease else found)
