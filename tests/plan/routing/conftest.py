"""Random markets for the routing kernel, and the same trades worked out another way."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from keeper.plan.routing.kernel import Floats, Ints
from keeper.plan.routing.network import Network, constant_product
from keeper.plan.routing.solve import Flows, settle


@dataclass(frozen=True)
class Instance:
    """Constant-product pools as plain arrays, at rest (no arbitrage), and what is demanded of them."""

    network: Network
    reserves: Floats
    demand: Floats

    @property
    def pairs(self) -> Ints:
        return self.network.pairs


def random_instance(seed: int, pools: int, tokens: int, size: float = 0.002, noise: float = 0.01) -> Instance:
    """A connected market: a random tree and more pools, prices off by `noise`, then arbitraged to rest.

    The demand is a change of a random basket's weights, `size` of all the pools' depth.
    """
    rng = np.random.default_rng(seed)
    popular = rng.lognormal(0.0, 1.0, tokens)
    tree = [(int(rng.integers(0, j)), j) for j in range(1, tokens)]
    more = [tuple(rng.choice(tokens, 2, replace=False, p=popular / popular.sum())) for _ in range(pools - len(tree))]
    pairs = np.array(tree + more, np.int64)
    depth = rng.lognormal(0.0, 1.2, pools)
    reserves = np.stack([depth, depth * np.exp(rng.normal(0.0, noise, pools))], 1)
    keep = 1.0 - rng.choice([0.0001, 0.0005, 0.003, 0.01], pools, p=[0.1, 0.3, 0.5, 0.1])
    network, _ = settle(constant_product(pairs, reserves, keep, np.zeros(pools)))
    demand = rng.dirichlet(np.ones(tokens)) - rng.dirichlet(np.ones(tokens))
    demand *= size * depth.sum() / np.abs(demand).sum()
    return Instance(network, reserves_of(network), demand)


def reserves_of(network: Network) -> Floats:
    """Reserves (m, 2) of pools that are all constant product: liquidity over root price, and times it."""
    at = network.first[:-1]
    top, depth = network.steps[at, 0], network.steps[at, 2]
    return np.stack([(depth / top)[0::2], (depth * top)[0::2]], 1)


def net_of(instance: Instance, flows: Flows) -> Floats:
    """Net trade a token, from the payments alone: each received amount is worked out again by x·y = k."""
    net = np.zeros(len(instance.demand))
    for i in flows.active:
        side = flows.side[i]
        r_in, r_out = instance.reserves[i, side], instance.reserves[i, 1 - side]
        kept = flows.paid[i] * instance.network.keep[i]
        net[instance.pairs[i, side]] -= flows.paid[i]
        net[instance.pairs[i, 1 - side]] += r_out * kept / (r_in + kept)
    return net


@pytest.fixture(scope="session")
def make_instance() -> Callable[..., Instance]:
    return random_instance


@pytest.fixture(scope="session")
def net_trade() -> Callable[[Instance, Flows], Floats]:
    return net_of
