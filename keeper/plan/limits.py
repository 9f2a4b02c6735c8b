"""A vault and its mandate in, what each of their limits lets one action sell, and how far to ease it for more, out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keeper.errors import Unquotable
from keeper.model import Mandate, Snapshot, Vault
from keeper.units import BPS, Address

MARGIN = 0.99
"""Of what may be sold: legs are whole, and a pool better than the oracle brings more than is sold."""
UNDER = 1.0 - 1e-9
"""Of a limit of the mandate, for what floats and the guards round."""
TURNOVER = "P-turnover"
_HOURS = 24
_DIGITS = 4
_NOISE = 1e-12
"""Relative, of floats."""


class Held(Unquotable):
    """The pools would take it, a limit on what an action sells does not let them."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one rule lets an action sell: `most`, in quote currency. `code` names the rule.

    `ease` says what to change, {} for the rule's new number: (what is to be sold - `start`) / `unit`, a fraction to be
    told in per cent where it is a `share`.
    """

    code: str
    most: float
    ease: str
    unit: float
    start: float = 0.0
    share: bool = False

    def eased(self, value: float) -> str:
        """What to change so that `value` may be sold; its number rounded up."""
        number = max(0.0, value - self.start) / self.unit
        told = f"{math.ceil(number * BPS * (1.0 - _NOISE)) / BPS:.2%}" if self.share else up(number)
        return self.ease.format(told)

    def scaled(self, factor: float) -> "Limit":
        """In a currency of which `factor` is worth one of the quote's."""
        return replace(self, most=self.most * factor, unit=self.unit * factor, start=self.start * factor)


def eased(limits: Sequence[Limit], value: float) -> tuple[str, str]:
    """The code of the tightest limit that forbids selling `value`, and what to change of all that do; empty: none."""
    forbid = sorted((one for one in limits if one.most < value), key=lambda one: one.most)
    return (forbid[0].code, " and ".join(one.eased(value) for one in forbid)) if forbid else ("", "")


def bound_by(limits: Sequence[Limit], most: float) -> bool:
    """Whether one of the limits is why no more than `most` may be sold, and not a guard that asked for less."""
    return any(one.most <= most * (1.0 + _NOISE) for one in limits)


def turnover(snapshot: Snapshot, vault: Vault, mandate: Mandate, gross: float) -> tuple[Limit, ...]:
    """The vault's own limits on what an action sells, and the mandate's; `gross` is its value in quote currency."""
    own, whole = vault.limits, gross * MARGIN
    left = vault.guard.turnover_budget_raw * snapshot.round(vault.tokens[0].address).price_x36 / 1e36 * MARGIN
    once, daily = whole * own.max_turnover / BPS, whole * own.daily_turnover / BPS
    curator = "let the vault's curator raise the limit on {} turnover to {{}} of its value"
    found = [
        Limit(TURNOVER, once, curator.format("one action's"), whole, share=True),
        Limit(TURNOVER, left, "wait {} h for the day's turnover budget", max(daily, 1e-300) / _HOURS, start=left),
        Limit(TURNOVER, max(left, daily), curator.format("a day's"), whole, share=True),
    ]
    if mandate.max_turnover is not None:
        ease = "raise max_turnover to {} of the vault's value"
        found.append(Limit(TURNOVER, whole * mandate.max_turnover / BPS, ease, whole, share=True))
    return tuple(found)


def pair(snapshot: Snapshot, vault: Vault, mandate: Mandate, pools: Sequence[Address]) -> tuple[Limit, ...]:
    """What the mandate lets a vault of two tokens trade of each, and pay into the pools of each.

    A token is sold or bought through the pools that hold it, so that their limits together are one of its own.
    """
    base, caps = vault.tokens[0], dict(mandate.venue_limits)
    price, found = snapshot.round(base.address).price_x36 / 1e36, list[Limit]()
    found += [of_token(snapshot, address, most, UNDER * MARGIN) for address, most in mandate.max_trade]
    paying = vault.tokens if caps else ()
    held = {tuple(p for p in pools if token.address in snapshot.venue(p).tokens): token for token in paying}
    for through, token in held.items():
        if through and all(p in caps for p in through):
            paid, each = sum(caps[p] - 1 for p in through), price * UNDER * MARGIN
            ease = f"raise venue_limits of the pools that hold {token.symbol} to {{}} {base.symbol} together"
            found.append(Limit("P-venue_limits", paid * each, ease, each * 10**base.decimals))
    return tuple(found)


def of_token(snapshot: Snapshot, address: Address, most: int, part: float) -> Limit:
    """What the mandate lets be traded of a token, `most` raw units; `part` of it is used."""
    token, each = snapshot.token(address), snapshot.round(address).price_x36 / 1e36 * part
    ease = f"raise max_trade of {token.symbol} to {{}}"
    return Limit("P-max_trade", most * each, ease, each * 10**token.decimals)


def up(value: float) -> str:
    """At most four significant digits, rounded up."""
    return _digits(value, 1)


def down(value: float) -> str:
    """At most four significant digits, rounded down."""
    return _digits(value, -1)


def _digits(value: float, way: int) -> str:
    if value <= 0.0:
        return "0"
    places = _DIGITS - 1 - math.floor(math.log10(value))
    number = way * math.ceil(way * value * 10.0**places * (1.0 - way * _NOISE)) / 10.0**places
    text = f"{number:,.{max(0, places)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
