"""A network and a demand in, the trades that are cheapest once every pool touched costs its gas out."""

from dataclasses import dataclass, replace

import numpy as np

from keeper.plan.routing import kernel
from keeper.plan.routing.kernel import Floats
from keeper.plan.routing.network import Network
from keeper.plan.routing.solve import Flows, gains, offers, solve

Pools = tuple[int, ...]
"""Pools of a network by number, ascending."""

_SHARE = 25
"""One in this many active pools is dropped at a time while they are many ..."""
_FEW = 24
"""... and one single pool once they are this few,"""
_TRIALS = 3
"""the best of this many."""
_ADDED = 3
"""Pools left out that are tried beside those in use."""
_FORBIDDEN = 8
"""Up to this many pools, the search also tries what can be had without one of them,"""
_DETOUR_TRIALS = 2
"""on a path of this many trials a step."""
_EXCHANGES = 32
"""Up to this many exchanges of one pool for any other are all tried."""
_ROUNDS = (12, 2)
"""Bound the local search at the end, for few pools and for many."""
_LEAST_KEPT = 1e-2
"""What a pool keeps at least once its gas counts as a fee."""


def value(network: Network, flows: Flows) -> float:
    """What the base token gains, less the fixed cost of the pools touched."""
    return flows.objective - float(network.fixed[list(flows.active)].sum())


def solve_with_gas(
    network: Network,
    demand: Floats,
    base: int,
    most: int,
    prices: Floats | None = None,
    live: Pools | None = None,
    start: Pools | None = None,
) -> Flows:
    """As `solve`, over at most `most` pools, each paid for: a path of ever fewer pools, then exchanges while they gain.

    The path begins at the pools that trade when gas is a fee. With `start`, what a similar demand came to, it begins
    there and no exchange is tried. Unsolved when the pools together cannot meet the demand; over more than `most` pools
    when no fewer of those tried could.
    """
    pools = tuple(range(network.keep.size)) if live is None else live
    search = _Search(network, demand, base, most, {})
    if start is not None:
        flows = search.path(start, prices, start, _TRIALS)
        if search.valid(flows):
            return flows
    flows = search.path(pools, prices, None, _TRIALS)
    return search.improved(flows, pools) if search.valid(flows) else flows


@dataclass(frozen=True, slots=True)
class _Search:
    """What stays the same while sets of pools are tried; and what came of each."""

    network: Network
    demand: Floats
    base: int
    most: int
    known: dict[Pools, tuple[Flows, float]]

    def solve(self, pools: Pools, prices: Floats | None) -> Flows:
        if pools not in self.known:
            flows = solve(self.network, self.demand, self.base, prices, np.array(pools, np.int64))
            self.known[pools] = flows, value(self.network, flows)
            self.known.setdefault(flows.active, self.known[pools])
        return self.known[pools][0]

    def value(self, flows: Flows) -> float:
        return self.known[flows.active][1]

    def valid(self, flows: Flows) -> bool:
        return flows.solved and len(flows.active) <= self.most

    def weakest(self, flows: Flows) -> list[int]:
        """The pools that trade, those first that gain least beyond their gas."""
        spare = gains(self.network, flows.prices, flows.side, flows.paid, flows.received) - self.network.fixed
        return sorted(flows.active, key=spare.tolist().__getitem__)

    def path(self, pools: Pools, prices: Floats | None, start: Pools | None, trials: int) -> Flows:
        """The best on the way from `start` to as few pools as do, dropped in order of least surplus."""
        flows = self.solve(self.spread(pools, prices) if start is None else start, prices)
        if not flows.solved:
            flows = self.solve(pools, prices)
        best, kept = flows, set[int]()
        while flows.solved and len(flows.active) > 1:
            smaller = self.fewer(flows, kept, trials)
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
        return solve(dearer, self.demand, self.base, prices, np.array(pools, np.int64)).active

    def fewer(self, flows: Flows, kept: set[int], trials: int) -> Flows | None:
        """The best with one pool, or one share of them, less; None when none can be spared. `kept` learns which."""
        order = [i for i in self.weakest(flows) if i not in kept]
        count = max(1, len(flows.active) // _SHARE) if len(flows.active) > _FEW else 1
        while order:
            tried = []
            for dropped in [order[:count]] if count > 1 else [[pool] for pool in order[:trials]]:
                other = self.solve(_without(flows.active, dropped), flows.prices)
                if other.solved:
                    tried.append(other)
                elif count == 1:
                    kept.update(dropped)
            if tried:
                return max(tried, key=self.value)
            order = order if count > 1 else order[trials:]
            count = 1
        return None

    def improved(self, flows: Flows, pools: Pools) -> Flows:
        """The best of the neighbours, and of its neighbours, while that gains; at first, of detours too."""
        few = len(flows.active) <= _FEW
        near = self.detours(flows, pools) if len(flows.active) <= _FORBIDDEN else []
        for _ in range(_ROUNDS[not few]):
            near += self.neighbours(flows, pools)
            best = max(filter(self.valid, near), key=self.value, default=flows)
            if self.value(best) <= self.value(flows):
                break
            flows, near = best, []
        return flows

    def detours(self, flows: Flows, pools: Pools) -> list[Flows]:
        """What can be had without one of the pools; or with any other in its place, while the choice is small."""
        used = flows.active
        found = [self.path(_without(pools, [pool]), flows.prices, None, _DETOUR_TRIALS) for pool in used]
        spare = _without(pools, list(used))
        if len(used) * len(spare) <= _EXCHANGES:
            sets = [tuple(sorted({*used, other} - {pool})) for pool in used for other in spare]
            found += [self.solve(one, flows.prices) for one in sets]
        return found

    def neighbours(self, flows: Flows, pools: Pools) -> list[Flows]:
        """A pool taken in, and one let go for it; another pool in a pool's place."""
        used, prices = flows.active, flows.prices
        side, paid, received = offers(self.network, prices)
        worth = gains(self.network, prices, side, paid, received) - self.network.fixed
        spare = [i for i in set(pools).difference(used) if side[i] >= 0]
        found = []
        for pool in sorted(spare, key=lambda i: (-worth[i], i))[:_ADDED]:
            more = self.solve(tuple(sorted((*used, pool))), prices)
            less = [_without(more.active, [weak]) for weak in self.weakest(more)[:_TRIALS]]
            found += [more, *(self.solve(left, more.prices) for left in less)]
        for pool in used if len(used) <= _FEW else ():
            stand_ins = self.stand_ins(flows, pool, pools)
            found += [self.solve(tuple(sorted({*used, other} - {pool})), prices) for other in stand_ins]
        return found

    def stand_ins(self, flows: Flows, pool: int, pools: Pools) -> list[int]:
        """Pools left out, of the same two tokens, that would give more for as much, gas included."""
        net, side = self.network, int(flows.side[pool])
        sold, bought = net.pairs[pool, side], net.pairs[pool, 1 - side]
        forward = (net.pairs[:, 0] == sold) & (net.pairs[:, 1] == bought) & (net.lead[0::2] > 0.0)
        back = (net.pairs[:, 1] == sold) & (net.pairs[:, 0] == bought) & (net.lead[1::2] > 0.0)
        wanted = float(flows.received[pool] * flows.prices[bought] - net.fixed[pool])
        found = []
        for i in np.flatnonzero(forward | back).tolist():
            if i in flows.active or i not in pools:
                continue
            edge = 2 * i if forward[i] else 2 * i + 1
            given = kernel.sell(edge, float(flows.paid[pool]), float(net.keep[i]), net.first, net.steps)
            if given * flows.prices[bought] - net.fixed[i] > wanted:
                found.append(i)
        return found


def _without(pools: Pools, dropped: list[int]) -> Pools:
    return tuple(i for i in pools if i not in dropped)
