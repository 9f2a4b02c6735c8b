"""Flows in floats in, legs in whole units with the pools' own quotes out: in an order in which each leg can be paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keeper.errors import Unquotable
from keeper.model import ALL_RECEIVED, Fill, Leg
from keeper.plan.market import Market
from keeper.units import Address

_SURE = 0.9999
"""Of what will have come round a circle: no more of a token may be sold than was ordered."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One pool's part of a flow: raw amounts as floats, paid with the fee."""

    pool: Address
    token_in: Address
    token_out: Address
    paid: float
    received: float


def dispose(
    market: Market, hops: Sequence[Hop], sells: Mapping[Address, int], held: Mapping[Address, int]
) -> tuple[tuple[Leg, ...], tuple[Fill, ...]]:
    """Legs that sell exactly `sells`, in the proportions of `hops`, none paying what may not be there.

    Tokens in the order of flow: all that comes in is known before any of it goes on. What passes through a token that
    is not `held` goes on to the last unit, its largest leg last as ALL_RECEIVED; through a held one by amount, covered
    by what is held and by the least that the legs before may bring. A circle begins at a token of which enough is held.
    Raises Unquotable where a pool does.
    """
    legs: list[Leg] = []
    fills: list[Fill] = []
    paid: set[Address] = set()
    for token in in_order(hops, held):
        paid.add(token)
        early = any(h.token_out == token and h.token_in not in paid for h in hops)
        outgoing = sorted((h for h in hops if h.token_in == token), key=lambda h: (h.paid, h.pool))
        received = sum(f.amount_out for f in fills if f.token_out == token)
        certain = sum(leg.min_out for leg, f in zip(legs, fills, strict=True) if f.token_out == token)
        sold = sells.get(token, 0)
        if token in held:
            onward = _onward(hops, token, sold, None if early else received)
            budget = limit = sold + min(onward, held[token] - sold + certain)
        else:
            budget, limit = received, certain
        for fill in _split(market, outgoing, budget, limit):
            rest = token not in held and fill.pool == outgoing[-1].pool
            legs.append(market.leg(fill, ALL_RECEIVED if rest else fill.amount_in))
            fills.append(fill)
    return tuple(legs), tuple(fills)


def in_order(hops: Sequence[Hop], held: Mapping[Address, int]) -> list[Address]:
    """Tokens that are paid, each after every token that leads to it, or, in a circle, out of what is `held`."""
    order: list[Address] = []
    left = list(hops)
    while left:
        ready = {h.token_in for h in left} - {h.token_out for h in left}
        if not ready:
            pays = {t: sum(h.paid for h in hops if h.token_in == t) for t in {h.token_in for h in left}}
            ready = set(sorted(t for t in pays if pays[t] <= held.get(t, 0))[:1])
        if not ready:
            raise Unquotable("the flows run in a circle, so that no order of legs can pay for them")
        order.extend(sorted(ready))
        left = [h for h in left if h.token_in not in ready]
    return order


def _onward(hops: Sequence[Hop], token: Address, sold: int, received: int | None) -> int:
    """The part of `received` that passes through a held token, in the proportion of the flows; None: yet to come."""
    inflow = sum(h.received for h in hops if h.token_out == token)
    passing = max(0.0, sum(h.paid for h in hops if h.token_in == token) - sold)
    if received is None:
        return int(_SURE * passing)
    return min(received, int(received * (passing / inflow))) if inflow > 0.0 else 0


def _split(market: Market, hops: Sequence[Hop], budget: int, limit: int) -> list[Fill]:
    """Fills that pay exactly `budget`, all but the last in their share of `limit`; a leg too small to quote is left."""
    total = sum(h.paid for h in hops)
    fills: list[Fill] = []
    for hop in hops[:-1]:
        try:
            fills.append(market.venue(hop.pool).quote(hop.token_in, int(limit * (hop.paid / total))))
        except Unquotable:
            continue
    rest = budget - sum(f.amount_in for f in fills)
    return [*fills, market.venue(hops[-1].pool).quote(hops[-1].token_in, rest)]
