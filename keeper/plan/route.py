"""Amounts to sell and tokens to buy in, ordered legs with their exact fills out, over all pools at once."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from keeper.errors import Unquotable
from keeper.model import MAX_LEGS, Cost, Fill, Leg
from keeper.plan.dispose import Hop, dispose
from keeper.plan.market import Graph, Market, opener
from keeper.plan.routing.gas import Pools, loosely, solve_with_gas, value
from keeper.plan.routing.kernel import Floats
from keeper.plan.routing.network import Network
from keeper.plan.routing.solve import Flows, demand_of
from keeper.plan.sequence import both_ways, forbidden, turns
from keeper.units import Address

__all__ = ["Capped", "Market", "Order", "Trades", "opener", "route"]

_DUST = 1e-9
"""A trade under this share of what is demanded is rounding."""
_ROOM = (0.9999, 0.99, 0.9)
"""Shares of the caps to solve within, the next where whole units and quotes left a leg over one."""
_TURNS = 4
"""Rounds in which the order of two tokens is turned."""
_LAST = 1e3
"""Above every rank that is a ratio of prices."""


class Capped(Unquotable):
    """The pools would take it, their caps do not let them: `pool` pays `times` its cap on the cheapest way.

    No pool is named where rounding alone leaves no way within the caps.
    """

    def __init__(self, pool: Address | None = None, times: float = 1.0) -> None:
        self.pool, self.times = pool, times
        found = f": the cheapest way pays {pool} {times:.2f} times what it may be paid" if pool else ""
        super().__init__(f"venue_limits are too narrow{found or ' for legs in whole units'}")


@dataclass(frozen=True, slots=True)
class Order:
    """Sell exactly `sells` (raw, whole) for `buys` (raw): the most valuable of these takes what the trade leaves.

    `held` are raw amounts that the vault's contract holds before the legs, by every token that it calls its own; what
    passes through any other token must be spent to the last unit. No leg under `min_trade` (quote currency), if it can
    be avoided. `straight`: nothing of what is bought is sold again, though what pools are off each other would gain.
    """

    sells: Mapping[Address, int]
    buys: Mapping[Address, float]
    held: Mapping[Address, int]
    min_trade: float = 0.0
    straight: bool = False


@dataclass(frozen=True, slots=True)
class Trades:
    """Legs in order, what each did, and the cost.

    `used` are the pools, to start a similar order from.
    """

    legs: tuple[Leg, ...]
    fills: tuple[Fill, ...]
    cost: Cost
    used: Pools = ()

    def net(self, token: Address) -> int:
        """Raw units received less those paid."""
        received = sum(f.amount_out for f in self.fills if f.token_out == token)
        return received - sum(f.amount_in for f in self.fills if f.token_in == token)


def route(market: Market, order: Order, base_gas: int, used: Pools = ()) -> Trades:
    """The trades that cost least, gas included: fees, impact and the pools' prices against the oracle's.

    The float optimum proposes, exact quotes dispose. Pools too far from the oracle are passed over where the others can
    take it; where they cannot, a guard says which. Raises Unquotable, with the reason, when no path can take it; Capped
    when one could, beyond the market's caps.
    """
    try:
        return _capped(market, order, base_gas, used)
    except Capped:
        raise
    except Unquotable:
        if market.max_deviation is None:
            raise
    return _capped(replace(market, max_deviation=None), order, base_gas, used)


def _capped(market: Market, order: Order, base_gas: int, used: Pools) -> Trades:
    """As `route`, through the pools that the market's deviation lets be used, and no others."""
    found = market.graph
    if found is None:
        raise Unquotable("no pool on the allow-list holds anything")
    if not market.caps:
        return _route(market, found, order, base_gas, used)
    for share in _ROOM:
        within = _within(found, {pool: share * most for pool, most in market.caps})
        try:
            trades = _route(market, within, order, base_gas, used)
        except Unquotable:
            break
        if _over(market, trades) is None:
            return trades
    free = _capped(replace(market, caps=()), order, base_gas, ())
    over = _over(market, free)
    if over is None:  # rounding left no way within them
        raise Capped
    raise Capped(over[0], math.ceil(over[1] / over[2] * 100.0) / 100.0)


def _within(found: Graph, caps: Mapping[Address, float]) -> Graph:
    """The pools with what their caps leave: cut where they rest, since arbitrage is not ours and has no cap."""
    raw = found.raw.capped(caps) if found.raw is not None else None
    return Graph(found.rest.capped(caps), raw, found.prices)


def _over(market: Market, trades: Trades) -> tuple[Address, float, float] | None:
    """The pool furthest over its cap, what it is paid and what it may be, in quote currency."""
    caps, prices = dict(market.caps), dict(market.prices)
    paid = [(f.pool, f.amount_in * prices[f.token_in], caps[f.pool]) for f in trades.fills if f.pool in caps]
    over = [one for one in paid if one[1] > one[2]]
    return max(over, key=lambda one: one[1] / one[2]) if over else None


def _route(market: Market, found: Graph, order: Order, base_gas: int, used: Pools) -> Trades:
    refusals = []
    for net, flows in _ways(found, order, used):
        try:
            legs, fills = dispose(market, _hops(net, flows), order.sells, order.held)
        except Unquotable as error:
            refusals.append(error)
            continue
        return Trades(legs, fills, market.cost(fills, base_gas), flows.active)
    raise refusals[-1]


def _ways(found: Graph, order: Order, used: Pools) -> Iterator[tuple[Network, Flows]]:
    """Networks with flows through them, the cheapest first: as the pools stand, then at rest."""
    if found.raw is not None:
        loose = loosely(found.rest, *_demand(found.rest, order), found.prices)
        yield from _as_it_stands(found.raw, order, _ranks(found, loose, order), loose.prices, used)
    yield found.rest, _flows(found.rest, found.prices, order, used)


def _as_it_stands(
    raw: Network, order: Order, ranks: Floats, prices: Floats, used: Pools
) -> list[tuple[Network, Flows]]:
    """Flows through the pools as they are, not at rest, the cheapest first: in the order of tokens that `ranks` are.

    Then, while a pool that the order forbids would gain, in other orders from the best one on; and last with no order
    between the tokens sold and bought, which is payable where the vault holds enough of them.
    """
    ways = _any(raw.one_way(ranks), prices, order, used)
    if not ways or order.straight:
        return ways
    best = ways[0]
    sold = [at for at, t in enumerate(raw.tokens) if t in order.sells]
    demanded = sold + [at for at, t in enumerate(raw.tokens) if t in order.buys]
    against, turned = forbidden(raw, ranks, best[1], demanded), ranks
    for _ in range(_TURNS):
        tried = []
        for other, pools in turns(turned, against, sold):
            start = tuple(sorted({*best[1].active, *pools}))
            tried += [(way, other) for way in _any(raw.one_way(other), prices, order, start)]
        way, other = max(tried, key=lambda one: value(*one[0]), default=(best, turned))
        if value(*way) <= value(*best):
            break
        best, turned, against = way, other, forbidden(raw, other, way[1], demanded)
        ways.append(best)
    if turned is not ranks:
        ways += _any(raw.one_way(turned), prices, order, ())
    if against:
        ways += _any(both_ways(raw, ranks, demanded), prices, order, ())
    return sorted(ways, key=lambda way: -value(*way))


def _any(net: Network, prices: Floats, order: Order, used: Pools) -> list[tuple[Network, Flows]]:
    """The network with its flows; none where there are none."""
    try:
        return [(net, _flows(net, prices, order, used))]
    except Unquotable:
        return []


def _flows(net: Network, prices: Floats, order: Order, used: Pools) -> Flows:
    """The cheapest flows over at most MAX_LEGS pools; Unquotable where there are none."""
    demand, base = _demand(net, order)
    flows = solve_with_gas(net, demand, base, MAX_LEGS, prices, start=used or None, least=order.min_trade)
    if not flows.solved:
        raise Unquotable(_why(net, order))
    if len(flows.active) > MAX_LEGS:
        raise Unquotable(f"{len(flows.active)} legs are needed, the vault's contract takes at most {MAX_LEGS}")
    return flows


def _demand(net: Network, order: Order) -> tuple[Floats, int]:
    """What the kernel is to meet, and the token that takes what is left. Raises Unquotable where no pool trades one."""
    number = {token: at for at, token in enumerate(net.tokens)}
    for token in (*order.sells, *order.buys):
        if token not in number:
            raise Unquotable(f"no pool on the allow-list trades {token}")
    base = number[max(order.buys, key=lambda t: (order.buys[t] * net.values[number[t]], t))]
    demand = demand_of(net, {t: order.buys.get(t, 0.0) - order.sells.get(t, 0) for t in (*order.sells, *order.buys)})
    demand[base] = 0.0
    return demand, base


def _ranks(found: Graph, loose: Flows, order: Order) -> Floats:
    """A rank a token: how many times its price at rest it costs in the flows; tokens only bought come last.

    It rises along every trade at rest: a pool trades where the prices are further apart than its own and its fee, and
    at rest its own is within its fee of theirs.
    """
    ranks = loose.prices / found.prices
    for at, token in enumerate(found.rest.tokens):
        if token in order.buys and token not in order.sells:
            ranks[at] += _LAST
    return ranks


def _hops(net: Network, flows: Flows) -> list[Hop]:
    hops, values = [], net.values.tolist()
    for i in flows.active:
        pair, side, received = net.pairs[i].tolist(), flows.side.item(i), flows.received.item(i)
        sold, bought = pair[side], pair[1 - side]
        if received > _DUST * flows.worth:
            paid = flows.paid.item(i) / values[sold]
            hops.append(Hop(net.pools[i], net.tokens[sold], net.tokens[bought], paid, received / values[bought]))
    return hops


def _why(net: Network, order: Order) -> str:
    """The sentence for an order that the pools do not fill."""
    near: dict[Address, set[Address]] = {token: {token} for token in net.tokens}
    for a, b in net.pairs.tolist():
        joined = near[net.tokens[a]] | near[net.tokens[b]]
        for token in joined:
            near[token] = joined
    first = next(iter(order.sells))
    for token in (*order.sells, *order.buys):
        if token not in near[first]:
            return f"no path of pools on the allow-list leads from {first} to {token}"
    return "not enough liquidity: the pools on the allow-list cannot take " + ", ".join(
        f"{amount} of {token}" for token, amount in order.sells.items()
    )
