"""A snapshot's oracle rounds in, values in raw units of a base asset out, with the contracts' own rounding."""

from keeper.errors import Refusal
from keeper.model import Snapshot
from keeper.units import Address, mul_div_down, mul_div_up


def price_x36(snapshot: Snapshot, token: Address) -> int:
    """The token's price per raw unit x 10**36. Raises Refusal C-17 when its round cannot be used."""
    latest = snapshot.round(token)
    if latest.problem:
        raise Refusal("C-17", latest.problem)
    return latest.price_x36


def value_down(snapshot: Snapshot, token: Address, amount_raw: int, base: Address) -> int:
    """Raw units of `base` that `amount_raw` of `token` is worth, rounded down. Raises Refusal C-17."""
    return mul_div_down(amount_raw, price_x36(snapshot, token), price_x36(snapshot, base))


def value_up(snapshot: Snapshot, token: Address, amount_raw: int, base: Address) -> int:
    """As `value_down`, rounded up: for what is owed."""
    return mul_div_up(amount_raw, price_x36(snapshot, token), price_x36(snapshot, base))
