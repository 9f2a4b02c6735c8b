"""A network and a demand in, the trades that are cheapest once every pool touched costs its gas out."""

import numpy as np

from keeper.plan.routing.kernel import Floats, Ints
from keeper.plan.routing.network import Network
from keeper.plan.routing.solve import Flows, solve

_SHARE = 25
"""One in this many active pools is dropped at a time while they are many ..."""
_FEW = 24
"""... and one single pool once they are this few,"""
_TRIALS = 4
"""the best of this many."""
_ROUNDS = 20
"""Bounds the local search at the end."""


def value(network: Network, flows: Flows) -> float:
    """What the base token gains, less the fixed cost of the pools touched."""
    return flows.objective - float(network.fixed[flows.active].sum())


def surplus(network: Network, flows: Flows) -> Floats:
    """arb_i(ν) of every pool that trades, less its fixed cost: what dropping it would lose, at these prices."""
    at = flows.active
    sold = network.pairs[at, flows.side[at]]
    bought = network.pairs[at, 1 - flows.side[at]]
    return (
        np.asarray(flows.prices[bought] * flows.received[at] - flows.prices[sold] * flows.paid[at]) - network.fixed[at]
    )


def solve_with_gas(
    network: Network, demand: Floats, base: int, most: int, prices: Floats | None = None, live: Ints | None = None
) -> Flows:
    """As `solve`, over at most `most` pools, each paid for: the best on a path of ever fewer pools.

    Pools are dropped in order of least surplus and the rest solved again from where it was; a pool without which
    nothing works stays. At the end a pool that would more than pay for itself is taken back. Unsolved, when all pools
    together, or any `most` of those tried, cannot meet the demand.
    """
    flows = solve(network, demand, base, prices, live)
    best = flows if len(flows.active) <= most else None
    kept: set[int] = set()
    while flows.solved and len(flows.active) > 1:
        smaller = _fewer(network, demand, base, flows, kept)
        if smaller is None:
            break
        flows = smaller
        if len(flows.active) <= most and (best is None or value(network, flows) > value(network, best)):
            best = flows
    return flows if best is None else _improved(network, demand, base, best, most, live)


def _fewer(network: Network, demand: Floats, base: int, flows: Flows, kept: set[int]) -> Flows | None:
    """The best solution with one pool, or one share of them, less; None when none of those tried can be spared."""
    order = flows.active[np.argsort(surplus(network, flows), kind="stable")]
    order = order[[i not in kept for i in order.tolist()]]
    count = max(1, len(flows.active) // _SHARE) if len(flows.active) > _FEW else 1
    while len(order):
        tried: list[Flows] = []
        trials = [order[:count]] if count > 1 else [order[at : at + 1] for at in range(min(_TRIALS, len(order)))]
        for dropped in trials:
            other = solve(network, demand, base, flows.prices, np.setdiff1d(flows.active, dropped, assume_unique=True))
            if other.solved:
                tried.append(other)
            elif count == 1:
                kept.update(dropped.tolist())
        if tried:
            return max(tried, key=lambda f: value(network, f))
        order = order if count > 1 else order[len(trials) :]
        count = 1
    return None


def _improved(network: Network, demand: Floats, base: int, flows: Flows, most: int, live: Ints | None) -> Flows:
    """`flows`, and while it gains: a pool left out taken in, with or without one let go; twice in a row if need be."""
    pools = np.arange(network.keep.size, dtype=np.int64) if live is None else live
    best, seen = flows, {flows.active.tobytes()}
    from_here = [flows]
    for _ in range(_ROUNDS):
        near = [n for f in from_here for n in _neighbours(network, demand, base, f, pools)]
        fresh = {n.active.tobytes(): n for n in near if n.solved and len(n.active) <= most}
        ranked = sorted((fresh[k] for k in fresh.keys() - seen), key=lambda f: (-value(network, f), f.active.tobytes()))
        seen |= fresh.keys()
        if not ranked:
            break
        gained = value(network, ranked[0]) > value(network, best)
        if not gained and from_here[0] is not best:
            break
        best = ranked[0] if gained else best
        from_here = ranked[:1] if gained else ranked[:_TRIALS]
    return best


def _neighbours(network: Network, demand: Floats, base: int, flows: Flows, pools: Ints) -> list[Flows]:
    """One of the pools left out that offer most at these prices taken in, and then each one let go."""
    spare = np.setdiff1d(pools, flows.active, assume_unique=True)
    offer = solve(network, np.zeros_like(demand), base, flows.prices, spare, limit=0)
    offered = offer.active[np.argsort(-surplus(network, offer), kind="stable")][:_TRIALS]
    more = [solve(network, demand, base, flows.prices, np.append(flows.active, pool)) for pool in offered]
    return more + [less for flows in more for less in _without_one(network, demand, base, flows)]


def _without_one(network: Network, demand: Floats, base: int, flows: Flows) -> list[Flows]:
    order = flows.active[np.argsort(surplus(network, flows), kind="stable")][:_TRIALS]
    rest = (np.setdiff1d(flows.active, order[at : at + 1], assume_unique=True) for at in range(len(order)))
    return [solve(network, demand, base, flows.prices, live) for live in rest]
