"""A network and a demand in, the trades that are cheapest once every pool touched costs its gas out."""

from dataclasses import dataclass, replace

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
_FORBIDDEN = 6
"""Up to this many pools, the search also tries each time what can be had without one of them."""
_ROUNDS = (20, 2)
"""Bound the local search at the end, for few pools and for many."""
_LEAST_KEPT = 1e-2
"""What a pool keeps at least once its gas counts as a fee."""


def value(network: Network, flows: Flows) -> float:
    """What the base token gains, less the fixed cost of the pools touched."""
    return flows.objective - float(network.fixed[flows.active].sum())


def surplus(network: Network, flows: Flows) -> Floats:
    """arb_i(ν) of every pool that trades, less its fixed cost: what dropping it would lose, at these prices."""
    at = flows.active
    sold = network.pairs[at, flows.side[at]]
    bought = network.pairs[at, 1 - flows.side[at]]
    gain = flows.prices[bought] * flows.received[at] - flows.prices[sold] * flows.paid[at]
    return np.asarray(gain - network.fixed[at])


def solve_with_gas(
    network: Network,
    demand: Floats,
    base: int,
    most: int,
    prices: Floats | None = None,
    live: Ints | None = None,
    start: Ints | None = None,
) -> Flows:
    """As `solve`, over at most `most` pools, each paid for: a path of ever fewer pools, then exchanges while they gain.

    The path begins at the pools `start`, else at those that trade when gas is a fee. Unsolved when the pools together
    cannot meet the demand; over more than `most` pools when no fewer of those tried could.
    """
    pools = tuple(range(network.keep.size)) if live is None else tuple(live.tolist())
    search = _Search(network, demand, base, most, {})
    flows = search.path(pools, prices, None if start is None else tuple(start.tolist()))
    if not flows.solved and start is not None:
        flows = search.path(pools, prices, None)
    return search.improved(flows, pools) if search.valid(flows) else flows


Pools = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Search:
    """What stays the same while sets of pools, ascending, are tried; and what came of each."""

    network: Network
    demand: Floats
    base: int
    most: int
    known: dict[Pools, Flows]

    def solve(self, pools: Pools, prices: Floats | None) -> Flows:
        if pools not in self.known:
            self.known[pools] = solve(self.network, self.demand, self.base, prices, np.array(pools, np.int64))
        return self.known[pools]

    def value(self, flows: Flows) -> float:
        return value(self.network, flows)

    def valid(self, flows: Flows) -> bool:
        return flows.solved and len(flows.active) <= self.most

    def weakest(self, flows: Flows) -> list[int]:
        """The pools that trade, least surplus first."""
        order = np.argsort(surplus(self.network, flows), kind="stable")
        return [int(i) for i in flows.active[order]]

    def path(self, pools: Pools, prices: Floats | None, start: Pools | None) -> Flows:
        """The best on the way from `start` to as few pools as do, dropped in order of least surplus."""
        flows = self.solve(self.spread(pools, prices) if start is None else start, prices)
        if not flows.solved:
            flows = self.solve(pools, prices)
        best, kept = flows, set[int]()
        while flows.solved and len(flows.active) > 1:
            smaller = self.fewer(flows, kept)
            if smaller is None:
                break
            flows = smaller
            if not self.valid(best) or (self.valid(flows) and self.value(flows) > self.value(best)):
                best = flows
        return best

    def spread(self, pools: Pools, prices: Floats | None) -> Pools:
        """The pools that trade when gas is a fee: fixed cost over the whole value sold, more than which no pool sees.

        Of all proportional costs that is the largest that is nowhere above the fixed one.
        """
        sold = -float(self.demand[self.demand < 0.0].sum()) or float(np.abs(self.demand).sum()) or 1.0
        share = np.maximum(_LEAST_KEPT, 1.0 - self.network.fixed / sold)
        dearer = replace(self.network, keep=self.network.keep * share, lead=self.network.lead * np.repeat(share, 2))
        return _pools(solve(dearer, self.demand, self.base, prices, np.array(pools, np.int64)))

    def fewer(self, flows: Flows, kept: set[int]) -> Flows | None:
        """The best with one pool, or one share of them, less; None when none can be spared. `kept` learns which."""
        order = [i for i in self.weakest(flows) if i not in kept]
        count = max(1, len(flows.active) // _SHARE) if len(flows.active) > _FEW else 1
        while order:
            trials = [order[:count]] if count > 1 else [[pool] for pool in order[:_TRIALS]]
            tried = []
            for dropped in trials:
                other = self.solve(_without(flows, dropped), flows.prices)
                if other.solved:
                    tried.append(other)
                elif count == 1:
                    kept.update(dropped)
            if tried:
                return max(tried, key=self.value)
            order = order if count > 1 else order[len(trials) :]
            count = 1
        return None

    def improved(self, flows: Flows, pools: Pools) -> Flows:
        """The best of the neighbours, and of theirs, while that gains; two steps in a row may lose."""
        best, seen, here = flows, {_pools(flows)}, [flows]
        for _ in range(_ROUNDS[len(flows.active) > _FEW]):
            near = [found for one in here for found in self.neighbours(one, pools)]
            if here[0] is best:
                near += self.detours(best, pools)
            fresh = {_pools(found): found for found in near if self.valid(found)}
            new = sorted((fresh[key] for key in sorted(fresh.keys() - seen)), key=self.value, reverse=True)
            seen |= fresh.keys()
            gained = bool(new) and self.value(new[0]) > self.value(best)
            if not new or (not gained and here[0] is not best):
                break
            best = new[0] if gained else best
            here = new[:1] if gained else new[:_TRIALS]
        return best

    def neighbours(self, flows: Flows, pools: Pools) -> list[Flows]:
        """One of the pools left out that offer most at these prices taken in, and each one let go."""
        used = _pools(flows)
        spare = np.array([i for i in pools if i not in set(used)], np.int64)
        offer = solve(self.network, np.zeros_like(self.demand), self.base, flows.prices, spare, limit=0)
        offered = self.weakest(offer)[: -_TRIALS - 1 : -1]
        found = [self.solve(tuple(sorted((*used, pool))), flows.prices) for pool in offered]
        for more in (flows, *found):
            found += [self.solve(_without(more, [pool]), more.prices) for pool in self.weakest(more)[:_TRIALS]]
        return found

    def detours(self, flows: Flows, pools: Pools) -> list[Flows]:
        """What can be had without one of the pools, where these are few."""
        used = _pools(flows)
        if len(used) > _FORBIDDEN:
            return []
        return [self.path(tuple(i for i in pools if i != pool), flows.prices, None) for pool in used]


def _pools(flows: Flows) -> Pools:
    return tuple(flows.active.tolist())


def _without(flows: Flows, dropped: list[int]) -> Pools:
    return tuple(i for i in flows.active.tolist() if i not in dropped)
