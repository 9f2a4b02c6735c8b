"""Legs and an inventory in, fills and the inventory afterwards out: the contract's swap loop in exact integers."""

from dataclasses import dataclass

from keeper.errors import Refusal
from keeper.model import ALL_RECEIVED, MAX_LEGS, Fill, Leg, Snapshot
from keeper.units import Address


@dataclass(frozen=True, slots=True)
class Trades:
    """What the legs did: each fill, and raw amounts by token afterwards (intermediate tokens included)."""

    fills: tuple[Fill, ...]
    inventory: dict[Address, int]


def run_legs(snapshot: Snapshot, legs: tuple[Leg, ...], inventory: dict[Address, int]) -> Trades:
    """Execute `legs` in order from `inventory`, the raw amounts the vault may spend, by held token.

    A token that is not in `inventory` is intermediate: it starts at zero and must end there. Raises Refusal where
    the contract reverts and Unquotable where a pool cannot fill a leg.
    """
    if len(legs) > MAX_LEGS:
        raise Refusal("C-37", f"{len(legs)} legs, the contract takes at most {MAX_LEGS}")
    before: dict[Address, list[Fill]] = {}
    amounts = dict(inventory)
    fills: list[Fill] = []
    for leg in legs:
        venue = snapshot.venue(leg.pool)
        for fill in before.get(leg.pool, ()):
            venue = venue.after(fill.token_in, fill.amount_in)
        amount_in = _amount_in(leg, amounts, inventory)
        fill = venue.quote(leg.token_in, amount_in)
        if fill.amount_out < leg.min_out:
            raise Refusal("MinOut", f"pool {leg.pool} gives {fill.amount_out}, the leg requires {leg.min_out}")
        before.setdefault(leg.pool, []).append(fill)
        amounts[leg.token_in] -= amount_in
        amounts[fill.token_out] = amounts.get(fill.token_out, 0) + fill.amount_out
        fills.append(fill)
    for token, amount in amounts.items():
        if amount and token not in inventory:
            raise Refusal("Leftover", f"{amount} of the intermediate token {token} would be left in the vault")
    return Trades(tuple(fills), amounts)


def _amount_in(leg: Leg, amounts: dict[Address, int], inventory: dict[Address, int]) -> int:
    available = amounts.get(leg.token_in, 0)
    if leg.amount_in != ALL_RECEIVED:
        if leg.amount_in > available:
            raise Refusal("Balance", f"a leg spends {leg.amount_in} of {leg.token_in}, there are {available}")
        return leg.amount_in
    if leg.token_in in inventory:
        raise Refusal("Balance", f"a leg spends all of {leg.token_in}, which the vault holds: it must name an amount")
    return available
