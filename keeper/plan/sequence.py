"""Flows under one order of tokens in, the orders in which pools that it forbids could gain, out.

A pool trades from the token of lower rank to that of higher: whatever the flows are then, legs can be paid in turn.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from keeper.plan.routing.kernel import Floats
from keeper.plan.routing.network import Network
from keeper.plan.routing.solve import Flows, gains, offers

_MOST = 2
"""Pairs of tokens whose order is turned, those of the pools that gain most."""

Pairs = Sequence[tuple[int, int]]
"""Tokens by number, sold and bought."""


def forbidden(network: Network, ranks: Floats, flows: Flows, demanded: Collection[int]) -> Pairs:
    """What pools would trade that gain more than their gas at the prices of `flows`, were it not for `ranks`.

    The most gaining first, of tokens that are traded or demanded. Where there are none, no order of these does better:
    weak duality.
    """
    side, paid, received = offers(network, flows.prices)
    gained = gains(network, flows.prices, side, paid, received) - network.fixed
    at = np.arange(side.size)
    sold, bought = network.pairs[at, side % 2], network.pairs[at, 1 - side % 2]
    near = np.zeros(network.values.size, np.bool_)
    near[list(demanded)] = True
    near[network.pairs[list(flows.active)]] = True
    against = np.flatnonzero(near[sold] & near[bought] & (side >= 0) & (gained > 0.0) & (ranks[sold] >= ranks[bought]))
    best_first = against[np.argsort(-gained[against], kind="stable")].tolist()
    return list(dict.fromkeys((int(sold[i]), int(bought[i])) for i in best_first))


def turns(ranks: Floats, pairs: Pairs, first: Collection[int]) -> Iterator[Floats]:
    """Ranks that let one of `pairs` trade, the tokens `first` still before all others."""
    for a, b in [(a, b) for a, b in pairs if a in first or b not in first][:_MOST]:
        yield _before(ranks, a, b)
        if a not in first or b in first:
            yield -_before(-ranks, b, a)


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
