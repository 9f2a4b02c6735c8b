"""A network and a demand in, the trades that are cheapest once every pool touched costs its gas out."""

from dataclasses import replace

import numpy as np

from keeper.plan.routing.compiled import compiled, entries
from keeper.plan.routing.kernel import Floats
from keeper.plan.routing.network import Network, constant_product
from keeper.plan.routing.prune import Task, dearer
from keeper.plan.routing.solve import (
    ITERATIONS,
    RADIUS,
    TOLERANCE,
    Flows,
    blank,
    flows_of,
    offers,
    settle,
    solve,
    worth_of,
)

Pools = tuple[int, ...]
"""Pools of a network by number, ascending."""


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
    least: float = 0.0,
) -> Flows:
    """As `solve`, over at most `most` pools, each paid for: a path of ever fewer pools, then exchanges while they gain.

    The path begins at the pools that trade when gas is a fee. With `start`, what a similar demand came to, it begins
    there and no exchange is tried. Unsolved when the pools together cannot meet the demand; over more than `most`
    pools, or with one that gives less than `least` (value), when no others of those tried could.
    """
    size = network.keep.size
    allowed, begin = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    allowed[slice(None) if live is None else list(live)] = True
    if start is not None:
        begin[list(start)] = True
    nu = np.zeros(network.values.size) if prices is None else prices / prices[base]
    worth, found = worth_of(network, demand, base), blank(network)
    task = Task(network.edges, network.fixed, demand, base, most, least, TOLERANCE * worth, RADIUS, ITERATIONS)
    entries(size).cheapest(nu, allowed, begin, task, *found)
    return flows_of(nu, worth, found)


def loosely(network: Network, demand: Floats, base: int, prices: Floats) -> Flows:
    """As `solve`, where each pool's gas is a fee (`prune.dearer`): one solve, over more pools than are worth it.

    Starts from `prices`.
    """
    dear = dearer(network.edges, network.fixed, demand)
    return solve(replace(network, keep=dear.keep, lead=dear.lead), demand, base, prices)


def warm_up() -> None:
    """Load the compiled kernel now, for whoever will decide many times; a second or two from the disk cache."""
    compiled()
    market = constant_product(np.array([[0, 1]]), np.ones((1, 2)), np.array([0.997]), np.zeros(1))
    settle(market)
    offers(market, np.ones(2))
    solve_with_gas(market, np.array([0.0, 1e-3]), 0, 1)
