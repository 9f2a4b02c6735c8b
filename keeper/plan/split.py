"""One sale and several pools in, the split that buys most after gas out: equal marginal prices, then exact integers."""

import math
from collections.abc import Sequence

from keeper.errors import Unquotable
from keeper.model import Fill, Venue
from keeper.units import Address

_STEPS = 56
_WORST = 1e-4
"""A marginal price below this share of the best one counts as no liquidity."""


def split(venues: Sequence[Venue], token_in: Address, amount_in: int, out_per_gas: float) -> tuple[Fill, ...]:
    """Fills that sell exactly `amount_in` raw over `venues` (all of the same two tokens), least useful ones dropped.

    `out_per_gas` is what a unit of gas is worth in raw output; a venue stays only while it pays for its own gas.
    Raises Unquotable when the pools together cannot take the amount.
    """
    best = _fills(venues, token_in, amount_in)
    chosen = [v for v in venues if any(f.pool == v.pool for f in best)]
    while len(chosen) > 1:
        weakest = min(chosen, key=lambda v: next(f.amount_in for f in best if f.pool == v.pool))
        fewer = [v for v in chosen if v is not weakest]
        try:
            fills = _fills(fewer, token_in, amount_in)
        except Unquotable:
            break
        if _net(fills, fewer, out_per_gas) < _net(best, chosen, out_per_gas):
            break
        best, chosen = fills, [v for v in fewer if any(f.pool == v.pool for f in fills)]
    return best


def _net(fills: Sequence[Fill], venues: Sequence[Venue], out_per_gas: float) -> float:
    used = {f.pool for f in fills}
    return sum(f.amount_out for f in fills) - out_per_gas * sum(v.gas for v in venues if v.pool in used)


def _fills(venues: Sequence[Venue], token_in: Address, amount_in: int) -> tuple[Fill, ...]:
    if amount_in <= 0:
        return ()
    amounts = _amounts(venues, token_in, amount_in)
    return tuple(v.quote(token_in, a) for v, a in zip(venues, amounts, strict=True) if a > 0)


def _amounts(venues: Sequence[Venue], token_in: Address, amount_in: int) -> list[int]:
    """Inputs that sum to `amount_in`, their marginal prices equal within float error (bisection on the log price)."""
    if len(venues) == 1:
        return [amount_in]
    top = max((v.mid(token_in) * (1.0 - v.fee) for v in venues), default=0.0)
    if top <= 0.0:
        raise Unquotable(f"no liquidity: {len(venues)} pools to sell {token_in}, none quotes a price")
    high, low = math.log(top), math.log(top * _WORST)
    few, many = [0] * len(venues), [v.best_input(token_in, top * _WORST) for v in venues]
    if sum(many) < amount_in:
        raise Unquotable(f"not enough liquidity: {amount_in} of {token_in} to sell, the pools take {sum(many)}")
    for _ in range(_STEPS):
        middle = (high + low) / 2.0
        amounts = [v.best_input(token_in, math.exp(middle)) for v in venues]
        if sum(amounts) >= amount_in:
            low, many = middle, amounts
        else:
            high, few = middle, amounts
        if sum(many) - sum(few) <= max(1, amount_in // 10**12):
            break
    short, spread = amount_in - sum(few), max(1, sum(many) - sum(few))
    amounts = [f + (m - f) * short // spread for f, m in zip(few, many, strict=True)]
    deepest = max(range(len(venues)), key=lambda i: amounts[i])
    amounts[deepest] += amount_in - sum(amounts)
    return amounts
