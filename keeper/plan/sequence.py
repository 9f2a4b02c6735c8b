"""Flows under one order of tokens in, the orders in which pools that it forbids could gain, out.

A pool trades from the token of lower rank to that of higher: whatever the flows are then, legs can be paid in turn.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np

from keeper.plan.routing.gas import Pools
from keeper.plan.routing.kernel import Floats
from keeper.plan.routing.network import Network
from keeper.plan.routing.solve import Flows, gains, offers

_MOST = 2
"""Pairs of tokens whose order is turned, those of the pools that gain most."""

Pairs = Mapping[tuple[int, int], Pools]
"""Tokens by number, sold and bought, and the pools between them."""


def forbidden(network: Network, ranks: Floats, flows: Flows, demanded: Collection[int]) -> Pairs:
    """What pools would trade that gain more than their gas at the prices of `flows`, were it not for `ranks`.

    The most gaining first, of tokens that are traded or demanded. Where there are none, no order of these does better:
    weak duality.
    """
    side, paid, received = offers(network, flows.prices)
    gained = gains(network, flows.prices, side, paid, received) - network.fixed
    some = np.flatnonzero((side >= 0) & (gained > 0.0))
    pairs = network.pairs[some, side[some]], network.pairs[some, 1 - side[some]]
    against = ranks[pairs[0]] >= ranks[pairs[1]]
    if not against.any():
        return {}
    near = np.zeros(network.values.size, np.bool_)
    near[list(demanded)] = True
    near[network.pairs[list(flows.active)]] = True
    against &= near[pairs[0]] & near[pairs[1]]
    some, sold, bought = some[against], pairs[0][against], pairs[1][against]
    found: dict[tuple[int, int], Pools] = {}
    for k in np.argsort(-gained[some], kind="stable").tolist():
        pair = int(sold[k]), int(bought[k])
        found[pair] = (*found.get(pair, ()), int(some[k]))
    return found


def turns(ranks: Floats, pairs: Pairs, first: Collection[int]) -> Iterator[tuple[Floats, Pools]]:
    """Ranks that let one of `pairs` trade, the tokens `first` still before all others; and the pools that then may."""
    for a, b in [(a, b) for a, b in pairs if a in first or b not in first][:_MOST]:
        yield _before(ranks, a, b), pairs[a, b]
        if a not in first or b in first:
            yield -_before(-ranks, b, a), pairs[a, b]


def _before(ranks: Floats, one: int, other: int) -> Floats:
    """The ranks with token `one` just before `other`."""
    lower = ranks[ranks < ranks[other]]
    moved = ranks.copy()
    moved[one] = (ranks[other] + lower.max()) / 2.0 if lower.size else ranks[other] - 1.0
    return moved


def both_ways(network: Network, ranks: Floats, among: Collection[int]) -> Network:
    """As `Network.one_way`, but that the pools between two tokens of `among` trade either way."""
    inside = np.isin(network.pairs, list(among)).all(1)
    return replace(network, lead=np.where(np.repeat(inside, 2), network.lead, network.one_way(ranks).lead))
