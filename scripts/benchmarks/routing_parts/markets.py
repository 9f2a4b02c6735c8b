"""Markets for the routing benchmark: random pools of constant product, concentrated ones, and real tick maps.

Amounts are in units of value: every token is worth about 1. All markets are at rest: arbitrage among their own pools
has been taken before anything is measured.
"""

import gzip
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keeper.plan.routing.kernel import Floats, Ints
from keeper.plan.routing.network import Network, constant_product
from keeper.plan.routing.solve import settle

FEES = np.array([0.0001, 0.0005, 0.003, 0.01])
SHARE_OF_FEES = np.array([0.1, 0.3, 0.5, 0.1])
_WIDEST = math.log(10.0)
"""Of a root price from the pool's own: real pools hold liquidity at prices that no solver need consider."""
NOISE = 0.01
"""Standard deviation of a pool's log price before arbitrage."""


@dataclass(frozen=True)
class Instance:
    """A market at rest and what is demanded of it; token 0 is the numeraire."""

    network: Network
    demand: Floats

    @property
    def worth(self) -> float:
        return float(np.abs(self.demand[1:]).sum())


@dataclass(frozen=True)
class Rows:
    """Every step of every edge for itself: pool, tokens, and (top, bottom, liquidity); for the peers."""

    pool: Ints
    edge: Ints
    sold: Ints
    bought: Ints
    keep: Floats
    top: Floats
    bottom: Floats
    depth: Floats


def rows_of(network: Network) -> Rows:
    count = np.diff(network.first)
    edge = np.repeat(np.arange(len(count)), count)
    pool, side = edge // 2, edge % 2
    top, bottom, depth = network.steps[:, :3].T.copy()
    return Rows(
        pool=pool,
        edge=edge,
        sold=network.pairs[pool, side],
        bought=network.pairs[pool, 1 - side],
        keep=network.keep[pool],
        top=top,
        bottom=bottom,
        depth=depth,
    )


def pairs_of(rng: np.random.Generator, pools: int, tokens: int) -> Ints:
    """A random tree, so that all connect, and more pools between tokens of unequal popularity."""
    popular = rng.lognormal(0.0, 1.0, tokens)
    tree = [(int(rng.integers(0, j)), j) for j in range(1, tokens)]
    popular /= popular.sum()
    more = [tuple(rng.choice(tokens, 2, replace=False, p=popular)) for _ in range(pools - len(tree))]
    return np.array(tree + more, np.int64)


def reserves_of(network: Network) -> Floats:
    """Reserves (m, 2) of pools of constant product: liquidity over the root price where they stand, and times it."""
    at = network.first[:-1:2]
    top, depth = network.steps[at, 0], network.steps[at, 2]
    return np.stack([depth / top, depth * top], 1)


def basket(rng: np.random.Generator, tokens: int, value: float) -> Floats:
    """A change of a random basket's weights that trades `value`."""
    change = rng.dirichlet(np.ones(tokens)) - rng.dirichlet(np.ones(tokens))
    return np.asarray(change * 2.0 * value / np.abs(change).sum())


def constant_products(seed: int, pools: int, tokens: int, size: float) -> Instance:
    """Pools of log-normal depth; the basket trades `size` of the depth of all pools."""
    rng = np.random.default_rng(seed)
    pairs = pairs_of(rng, pools, tokens)
    depth = rng.lognormal(0.0, 1.2, pools)
    reserves = np.stack([depth, depth * np.exp(rng.normal(0.0, NOISE, pools))], 1)
    keep = 1.0 - rng.choice(FEES, pools, p=SHARE_OF_FEES)
    network, _ = settle(constant_product(pairs, reserves, keep, np.zeros(pools)))
    return Instance(network, basket(rng, tokens, size * depth.sum()))


def mixed(seed: int, pools: int, tokens: int, size: float, ticks: int, share: float = 0.5) -> Instance:
    """As `constant_products`, but `share` of the pools concentrate the same depth in `ticks` steps each."""
    rng = np.random.default_rng(seed)
    pairs = pairs_of(rng, pools, tokens)
    depth = rng.lognormal(0.0, 1.2, pools)
    keep = 1.0 - rng.choice(FEES, pools, p=SHARE_OF_FEES)
    edges: list[Floats] = []
    for i in range(pools):
        root = float(np.exp(rng.normal(0.0, NOISE) / 2.0))
        if rng.random() >= share:
            edges += [_rows([(root, 0.0, depth[i])]), _rows([(1.0 / root, 0.0, depth[i])])]
            continue
        width = 1.0 + 0.3 / ticks
        ends = root * width ** np.linspace(-ticks / 2, ticks / 2, ticks + 1)
        liquidity = depth[i] * 4.0 * rng.lognormal(0.0, 0.5, ticks)
        edges += ladders(ends, liquidity, root)
    network, _ = settle(network_of(pairs, keep, edges))
    return Instance(network, basket(rng, tokens, size * depth.sum()))


@dataclass(frozen=True)
class Map:
    """A real pool's initialised ticks, ascending, and the liquidity net at each; its fee as its spacing tells."""

    ticks: Ints
    net: Floats
    fee: float


def real_graph(seed: int, maps: list[Map], pools: int, tokens: int, size: float) -> Instance:
    """Pools with the profiles and fees of real ones, each once while there are enough, between hubs and other tokens.

    The maps know neither tokens nor prices: a pool stands in the middle of its liquidity, two per cent of which to
    either side are worth a log-normal amount. As on mainnet most pools join a token to one of a few hubs.
    """
    rng = np.random.default_rng(seed)
    pairs = hub_pairs(rng, pools, tokens)
    chosen = rng.choice(len(maps), pools, replace=pools > len(maps))
    edges: list[Floats] = []
    total = 0.0
    for which in chosen:
        one = maps[which]
        liquidity = np.maximum(np.cumsum(one.net)[:-1], 0.0)
        distance = (one.ticks - _middle(one.ticks, liquidity)) * math.log(1.0001) / 2.0
        kept = np.flatnonzero((distance[1:] > -_WIDEST) & (distance[:-1] < _WIDEST))
        liquidity = liquidity[kept]
        roots = np.exp(np.clip(distance[kept[0] : kept[-1] + 2], -_WIDEST, _WIDEST))
        here = int(np.searchsorted(roots, 1.0)) - 1
        value = rng.lognormal(0.0, 1.2)
        scale = value / (0.01 * liquidity[here])
        total += value
        root = float(np.exp(rng.normal(0.0, NOISE) / 2.0))
        edges += ladders(roots * root, liquidity * scale, root)
    keep = np.array([1.0 - maps[which].fee for which in chosen])
    network, _ = settle(network_of(pairs, keep, edges))
    return Instance(network, basket(rng, tokens, size * total))


HUBS = 4
AT_HUBS = 0.85
"""Share of pools that have a hub on one side."""


def hub_pairs(rng: np.random.Generator, pools: int, tokens: int) -> Ints:
    """Every token at a hub at least once; the rest between tokens by a power law of popularity."""
    hubs = min(HUBS, tokens - 1)
    popular = 1.0 / np.arange(1, tokens + 1)
    popular /= popular.sum()
    found = [(int(rng.integers(0, min(j, hubs))), j) for j in range(1, tokens)]
    while len(found) < pools:
        first = int(rng.integers(0, hubs)) if rng.random() < AT_HUBS else int(rng.choice(tokens, p=popular))
        second = int(rng.choice(tokens, p=popular))
        if first != second:
            found.append((first, second))
    return np.array(found, np.int64)


SPACINGS = {1: 0.0001, 10: 0.0005, 60: 0.003, 200: 0.01}


def load_maps(folder: Path) -> list[Map]:
    """Every real pool that holds liquidity at some price."""
    found = []
    for name in ("uniswap_v4_mainnet_tick_maps", "uniswap_v3_wbtc_weth_tick_map"):
        with gzip.open(folder / f"{name}.json.gz", "rt") as file:
            read = json.load(file)
        pools = [read] if "tick_data" in read else [pool for pool in read.values() if isinstance(pool, dict)]
        for pool in pools:
            ticks = sorted((int(t), float(d["liquidity_net"])) for t, d in pool["tick_data"].items())
            if len(ticks) >= 2 and max(np.cumsum([n for _, n in ticks])[:-1]) > 0.0:
                at = np.array([t for t, _ in ticks])
                found.append(Map(at, np.array([n for _, n in ticks]), _fee(at)))
    return found


def _fee(ticks: Ints) -> float:
    """Of the widest of Uniswap's own spacings that all the ticks are multiples of."""
    return SPACINGS[max(spacing for spacing in SPACINGS if not (ticks % spacing).any())]


def _middle(tick: Ints, liquidity: Floats) -> float:
    """The tick that halves the pool's liquidity, weighted by how far it reaches within a factor of e of its peak."""
    width = np.minimum(np.diff(tick), 2_000)
    weight = np.cumsum(liquidity * width)
    at = int(np.searchsorted(weight, weight[-1] / 2.0))
    return float(tick[at] + tick[at + 1]) / 2.0


def ladders(ends: Floats, liquidity: Floats, root: float) -> list[Floats]:
    """Both edges of a pool at `root` with constant liquidity between consecutive `ends`, ascending."""
    here = int(np.searchsorted(ends, root)) - 1
    below = [(min(root, ends[k + 1]), ends[k], liquidity[k]) for k in range(here, -1, -1) if liquidity[k] > 0.0]
    above = [
        (1.0 / max(root, ends[k]), 1.0 / ends[k + 1], liquidity[k])
        for k in range(here, len(liquidity))
        if liquidity[k] > 0.0
    ]
    return [_rows(below), _rows(above)]


def _rows(stretches: list[tuple[float, float, float]]) -> Floats:
    rows = np.zeros((len(stretches), 5))
    paid = given = 0.0
    for row, (top, bottom, depth) in zip(rows, stretches, strict=True):
        row[:] = top, bottom, depth, paid, given
        paid += depth * (1.0 / bottom - 1.0 / top) if bottom > 0.0 else np.inf
        given += depth * (top - bottom)
    return rows


def network_of(pairs: Ints, keep: Floats, edges: list[Floats]) -> Network:
    first = np.concatenate(([0], np.cumsum([len(rows) for rows in edges]))).astype(np.int64)
    steps = np.concatenate(edges)
    lead = np.repeat(keep, 2) * steps[first[:-1], 0] ** 2
    tokens = int(pairs.max()) + 1
    return Network((), (), np.ones(tokens), pairs, keep, lead, first, steps, np.zeros(len(keep)))
