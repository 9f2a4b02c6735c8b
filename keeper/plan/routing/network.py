"""Pools and token values in, the arrays that the kernel reads out: edges of steps, in units of value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from keeper.plan.routing.compiled import entries
from keeper.plan.routing.kernel import Edges, Floats, Ints
from keeper.plan.routing.ladder import Ladder
from keeper.units import Address


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Pools between tokens; amounts in units of value, so that every price is near 1.

    `pairs` (m, 2) are tokens by number, `keep` (m) is 1 - fee, `lead` (2m) what a price ratio must fall below for
    edge 2i + s (token s into pool i) to trade; `steps[first[e]:first[e + 1]]` are an edge's rows as the kernel states
    them; `fixed` (m) is the cost of touching a pool. Tokens with few neighbours come first, which keeps the kernel's
    elimination sparse.
    """

    pools: tuple[Address, ...]
    tokens: tuple[Address, ...]
    values: Floats
    pairs: Ints
    keep: Floats
    lead: Floats
    first: Ints
    steps: Floats
    fixed: Floats

    @property
    def edges(self) -> Edges:
        return Edges(self.pairs, self.keep, self.lead, self.first[:-1], self.first[1:], self.steps)

    def one_way(self, ranks: Floats) -> "Network":
        """The pools in one direction each, from the token of lower rank: whatever trades then, no cycle does."""
        rank = ranks[self.pairs]
        lead = self.lead * (rank < rank[:, ::-1]).ravel()
        same = self.pools, self.tokens, self.values, self.pairs, self.keep
        return Network(*same, lead, self.first, self.steps, self.fixed)

    def replaced(self, at: int, one: "Network") -> "Network":
        """The same with the pool of number `at` as it is in `one`, a network of that pool alone."""
        begin, end = self.first[2 * at], self.first[2 * at + 2]
        steps = np.concatenate([self.steps[:begin], one.steps, self.steps[end:]])
        first, lead = self.first.copy(), self.lead.copy()
        first[2 * at : 2 * at + 3] = begin + one.first
        first[2 * at + 3 :] += begin + len(one.steps) - end
        lead[2 * at : 2 * at + 2] = one.lead
        return replace(self, first=first, steps=steps, lead=lead)

    def capped(self, caps: Mapping[Address, float]) -> "Network":
        """The pools, in those of `caps` no step that more value paid into them, fee included, would go down."""
        most = np.array([caps.get(pool, np.inf) for pool in self.pools]) * self.keep
        counts = np.diff(self.first)
        room = np.repeat(np.repeat(most, 2), counts) - self.steps[:, 3]
        left = room > 0.0
        steps, room = self.steps[left], room[left]
        steps[:, 1] = np.maximum(steps[:, 1], 1.0 / (1.0 / steps[:, 0] + room / steps[:, 2]))
        first = np.concatenate(([0], np.cumsum(left)))[self.first]
        return replace(self, first=first, steps=steps, lead=_lead(self.keep, first, steps))

    def near(self, most: float, reach: float) -> "Network":
        """No step further than `reach` from the price of the values, and none of a pool that is off by over `most`.

        Both are fractions of that price, of one token in the other as the pair has them.
        """
        least, edge = (
            np.tile([math.sqrt(1.0 - off), 1.0 / math.sqrt(1.0 + off)], self.keep.size) for off in (reach, most)
        )
        some = self.first[:-1] < self.first[1:]
        beyond = np.zeros(least.size, np.bool_)
        beyond[some] = self.steps[self.first[:-1][some], 0] < edge[some]
        least[np.repeat(beyond.reshape(-1, 2).any(1), 2)] = np.inf
        least = np.repeat(least, np.diff(self.first))
        left = self.steps[:, 0] > least
        steps = self.steps[left]
        steps[:, 1] = np.maximum(steps[:, 1], least[left])
        first = np.concatenate(([0], np.cumsum(left)))[self.first]
        return replace(self, first=first, steps=steps, lead=_lead(self.keep, first, steps))

    def settled(self, prices: Floats) -> "Network":
        """The pools once each has traded all it would at `prices`: at the prices of no arbitrage, at rest."""
        size = self.keep.size
        first, steps = np.zeros(2 * size + 1, np.int64), np.empty((len(self.steps) + 2 * size, 5))
        shift = entries(size).shift
        used = shift(prices, self.edges, first, steps)
        steps = steps[:used]
        return replace(self, first=first, steps=steps, lead=_lead(self.keep, first, steps))


def network(
    ladders: Sequence[Ladder], values: Mapping[Address, float], gas_value: float, leg_value: float = 0.0
) -> Network:
    """The pools of `ladders` between all their tokens.

    `values` are per raw unit, `gas_value` a unit of gas; `leg_value` is what a leg costs besides its gas.
    """
    near: dict[Address, set[Address]] = {}
    for one, other in {pool.tokens for pool in ladders}:
        near.setdefault(one, set()).add(other)
        near.setdefault(other, set()).add(one)
    tokens = tuple(sorted(near, key=lambda t: (len(near[t]), t)))
    number = {token: at for at, token in enumerate(tokens)}
    worth = np.array([values[t] for t in tokens])
    pairs = np.array([(number[one], number[other]) for one, other in (pool.tokens for pool in ladders)], np.int64)
    pairs = pairs.reshape(-1, 2)
    sides = [side for pool in ladders for side in pool.sides]
    counts = np.array([len(side) for side in sides], np.int64)
    first = np.concatenate((np.zeros(1, np.int64), counts.cumsum()))
    v_in, v_out = worth[pairs].ravel(), worth[pairs[:, ::-1]].ravel()
    scale = np.sqrt(v_out / v_in)
    units = np.stack([scale, scale, np.sqrt(v_in * v_out), v_in, v_out], 1)
    steps = np.concatenate([np.zeros((0, 5)), *sides])
    steps *= np.repeat(units, counts, axis=0)
    keep = np.array([pool.keep for pool in ladders])
    return Network(
        pools=tuple(pool.pool for pool in ladders),
        tokens=tokens,
        values=worth,
        pairs=pairs,
        keep=keep,
        lead=_lead(keep, first, steps),
        first=first,
        steps=steps,
        fixed=np.array([pool.gas * gas_value + leg_value for pool in ladders]),
    )


def constant_product(pairs: Ints, reserves: Floats, keep: Floats, fixed: Floats) -> Network:
    """Constant-product pools straight from arrays: `reserves` (m, 2) in units of value, tokens by number."""
    size = keep.size
    steps = np.zeros((2 * size, 5))
    steps[0::2, 0] = np.sqrt(reserves[:, 1] / reserves[:, 0])
    steps[1::2, 0] = np.sqrt(reserves[:, 0] / reserves[:, 1])
    steps[:, 2] = np.repeat(np.sqrt(reserves[:, 0] * reserves[:, 1]), 2)
    first = np.arange(2 * size + 1, dtype=np.int64)
    count = int(pairs.max()) + 1 if size else 0
    return Network((), (), np.ones(count), pairs, keep, _lead(keep, first, steps), first, steps, fixed)


def _lead(keep: Floats, first: Ints, steps: Floats) -> Floats:
    """γ top² an edge, 0 where it has no steps."""
    lead = np.zeros(2 * keep.size)
    some = first[:-1] < first[1:]
    lead[some] = np.repeat(keep, 2)[some] * steps[first[:-1][some], 0] ** 2
    return lead
