"""A network and a demand in, the cheapest trades of all its pools at once and the proof that they are out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keeper.plan.routing import kernel
from keeper.plan.routing.compiled import entries
from keeper.plan.routing.kernel import Floats, Ints
from keeper.plan.routing.network import Network
from keeper.units import Address

TOLERANCE = 1e-11
"""Residual to stop at, relative to what is demanded."""
_GOOD = 1e-9
"""Gap and shortfall, relative to what is demanded, beyond which a solution is none."""
RADIUS = 0.02
"""First bound on a relative price change: about what a trade moves a pool."""
ITERATIONS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Flows:
    """Trades in units of value: pool i is paid `paid[i]`, fee included, in token `side[i]` of its pair (-1: none).

    `objective` is what the base token gains, every other token meeting its demand; `bound` is the dual's value, which
    no trades can beat; `shortfall` is how far demands are missed. `worth` is the scale of what is demanded.
    """

    prices: Floats
    side: Ints
    paid: Floats
    received: Floats
    net: Floats
    objective: float
    bound: float
    shortfall: float
    worth: float
    steps: int
    evaluations: int
    active: tuple[int, ...]
    """The pools that trade."""

    @property
    def gap(self) -> float:
        """How far from the optimum at most, relative to what is demanded."""
        return (self.bound - self.objective) / self.worth

    @property
    def solved(self) -> bool:
        """Whether the certificate holds; no, when the pools cannot meet the demand."""
        return self.gap <= _GOOD and self.shortfall <= _GOOD * self.worth


def solve(
    network: Network,
    demand: Floats,
    base: int,
    prices: Floats | None = None,
    live: Ints | None = None,
) -> Flows:
    """Maximise what token `base` gains while every other token j gains at least `demand[j]` (negative: may be sold).

    The dual of Angeris, Evans, Chitra, Boyd (2022) by a semismooth Newton, started from `prices` (else from the
    deepest pools) and over the pools `live` where given. Whether it is solved the result says itself.
    """
    nu = np.zeros(network.values.size) if prices is None else prices / prices[base]
    pools = np.arange(network.keep.size, dtype=np.int64) if live is None else live
    worth = worth_of(network, demand, base)
    found = blank(network)
    entries(network.keep.size).solve(
        nu, demand, base, pools, network.edges, TOLERANCE * worth, RADIUS, ITERATIONS, *found
    )
    return flows_of(nu, worth, found)


class Found(NamedTuple):
    """What the kernel fills in: the trades, their sums a token, and its report."""

    side: Ints
    paid: Floats
    received: Floats
    net: Floats
    report: Floats


def blank(network: Network) -> Found:
    size = network.keep.size
    side = np.empty(size, np.int64)
    side.fill(-1)
    return Found(side, np.zeros(size), np.zeros(size), np.zeros(network.values.size), np.zeros(6))


def flows_of(prices: Floats, worth: float, found: Found) -> Flows:
    side, paid, received, net, report = found
    bound, objective, shortfall = report[[kernel.BOUND, kernel.OBJECTIVE, kernel.SHORTFALL]].tolist()
    return Flows(
        prices=prices,
        side=side,
        paid=paid,
        received=received,
        net=net,
        objective=objective,
        bound=bound,
        shortfall=shortfall,
        worth=worth,
        steps=int(report[kernel.STEPS]),
        evaluations=int(report[kernel.EVALUATIONS]),
        active=tuple((side >= 0).nonzero()[0].tolist()),
    )


def worth_of(network: Network, demand: Floats, base: int) -> float:
    """The scale of what is demanded; of the pools, where that is nothing."""
    wanted = demand.tolist()
    wanted[base] = 0.0
    return sum(map(abs, wanted)) or float(network.steps[:, 2].max()) * 1e-3


def offers(network: Network, prices: Floats) -> tuple[Ints, Floats, Floats]:
    """What each pool would trade at `prices` for itself: the side sold (-1: none), paid and received."""
    size = network.keep.size
    side, paid, received = np.full(size, -1, np.int64), np.zeros(size), np.zeros(size)
    pools = np.arange(size, dtype=np.int64)
    entries(size).trade(prices, pools, network.edges, side, paid, received)
    return side, paid, received


def gains(network: Network, prices: Floats, side: Ints, paid: Floats, received: Floats) -> Floats:
    """Value at `prices` that each pool's trade gains: arb_i(ν) where it is the pool's best."""
    at = np.arange(network.keep.size)
    sold, bought = network.pairs[at, np.maximum(side, 0)], network.pairs[at, 1 - np.maximum(side, 0)]
    return np.asarray(prices[bought] * received - prices[sold] * paid)


def settle(network: Network) -> tuple[Network, Floats]:
    """The network once all arbitrage in it has been taken, by whoever takes it, and its prices then.

    Token 0 is the numeraire; a network that does not connect is settled in each part.
    """
    flows = solve(network, np.zeros(network.values.size), 0)
    return network.settled(flows.prices), flows.prices


def demand_of(network: Network, amounts: Mapping[Address, float]) -> Floats:
    """Raw amounts a token as the kernel's demand."""
    return np.array([amounts.get(t, 0.0) for t in network.tokens], np.float64) * network.values
