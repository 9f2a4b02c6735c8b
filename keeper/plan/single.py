"""A plan that goes through several pools in, what the best of them alone would have cost out."""

from keeper.errors import Unquotable
from keeper.model import Candidate, Cost, Fill, Plan
from keeper.plan.market import Market
from keeper.units import BPS, Address

_DUST = 1e-3
"""Of what is sold: what else changes by less is what whole legs leave over."""
_PARTS = ("fees", "impact", "basis", "gas", "l1_data")


def best_single(market: Market, plan: Plan, fills: tuple[Fill, ...], nav: int) -> Candidate | None:
    """The same sale through the one pool that costs least; None where the plan uses no more, or no pool can do it.

    What the plan leaves behind, and what it pays besides its legs, is counted as the plan's. `nav` in raw units of the
    base asset. Not for a block's decision: every pool between the two tokens is quoted.
    """
    traded = _pair(market, fills)
    if traded is None or len({fill.pool for fill in fills}) < 2:
        return None
    sold, bought, amount = traded
    ways = [
        (market.cost((fill,), 0), fill)
        for venue in market.venues
        if {sold, bought} <= set(venue.tokens)
        if (fill := _quoted(market, venue.pool, sold, bought, amount)) is not None
    ]
    if not ways:
        return None
    alone, fill = min(ways, key=lambda way: way[0].total)
    together = market.cost(fills, 0)
    parts = {p: getattr(plan.cost, p) + getattr(alone, p) - getattr(together, p) for p in _PARTS}
    cost = Cost(**parts, lvr=plan.cost.lvr, risk=plan.cost.risk, touch=plan.cost.touch)
    more = (cost.total - plan.cost.total) / max(1, nav) * BPS
    note = f"costs {abs(more):.2f} bp {'more' if more >= 0.0 else 'less'}"
    return Candidate(f"best single pool {fill.pool}", cost, "; ".join((note, *_forbidden(market, fill))))


def _pair(market: Market, fills: tuple[Fill, ...]) -> tuple[Address, Address, int] | None:
    """The one token sold, the one bought and how much was sold, raw; None where there are more of either."""
    net: dict[Address, int] = {}
    for fill in fills:
        net[fill.token_in] = net.get(fill.token_in, 0) - fill.amount_in
        net[fill.token_out] = net.get(fill.token_out, 0) + fill.amount_out
    prices = dict(market.prices)
    most = max((abs(raw) * prices[token] for token, raw in net.items()), default=0.0)
    moved = {token: raw for token, raw in net.items() if abs(raw) * prices[token] > _DUST * most}
    if sorted(raw > 0 for raw in moved.values()) != [False, True]:
        return None
    sold, bought = sorted(moved, key=lambda token: moved[token])
    return sold, bought, -moved[sold]


def _quoted(market: Market, pool: Address, sold: Address, bought: Address, amount: int) -> Fill | None:
    try:
        fill = market.venue(pool).quote(sold, amount)
    except Unquotable:
        return None
    return fill if fill.token_out == bought else None


def _forbidden(market: Market, fill: Fill) -> list[str]:
    """What would be in its way besides."""
    prices, found = dict(market.prices), list[str]()
    if fill.amount_in * prices[fill.token_in] > dict(market.caps).get(fill.pool, float("inf")):
        found.append("over its venue_limits")
    before = market.venue(fill.pool)
    first, second = before.tokens
    for where, venue in (("is", before), ("would end", before.after(fill.token_in, fill.amount_in))):
        off = abs(venue.mid(first) * prices[second] / prices[first] - 1.0) * BPS
        if market.max_deviation is not None and off > market.max_deviation:
            found.append(f"it {where} {off:.1f} bp off the oracle's price, at most {market.max_deviation} may be")
    return found
