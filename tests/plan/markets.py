"""Random markets of exact Uniswap V2 and V3 pools over four tokens, and simple ways to trade in them."""

import math
from collections.abc import Iterator

import numpy as np

from keeper.errors import Unquotable
from keeper.model import Fill, Venue
from keeper.plan.market import Market
from keeper.protocols import uniswap_v3_math as v3
from keeper.protocols.uniswap_v2 import UniswapV2Pair
from keeper.protocols.uniswap_v3 import UniswapV3Pool
from keeper.units import Address, Ppm

A, B, C, D = TOKENS = tuple(Address("0x" + letter * 40) for letter in "abcd")
PRICES = {A: 1e-6, B: 3000e-18, C: 60000e-8, D: 1e-18}
GAS_VALUE = 1e-4
"""Dollars a unit of gas: thirty gwei and a token worth 3,000."""


def pair(number: int, a: int, b: int, tokens: tuple[Address, Address] = (A, B)) -> UniswapV2Pair:
    return UniswapV2Pair(Address(f"0x{number:040x}"), tokens, (a, b))


def pool_v3(
    number: int,
    seed: int,
    tick: int,
    fee: int = 3000,
    tokens: tuple[Address, Address] = (A, B),
    depth: float = 1e23,
) -> UniswapV3Pool:
    """Overlapping positions of random width round `tick`, often with gaps; liquidity about `depth`."""
    rng = np.random.default_rng(seed)
    spacing = {500: 10, 3000: 60}[fee]
    nets: dict[int, int] = {}
    for _ in range(12):
        middle = tick // spacing + int(rng.integers(-30, 30))
        half = int(rng.integers(1, 60))
        liquidity = int(rng.lognormal() * depth / 10)
        for at, net in (((middle - half) * spacing, liquidity), ((middle + half) * spacing, -liquidity)):
            nets[at] = nets.get(at, 0) + net
    ticks = tuple(sorted((at, net) for at, net in nets.items() if net))
    here = sum(net for at, net in ticks if at <= tick)
    words = (tick // spacing - 1000) // 256, (tick // spacing + 1000) // 256
    root = v3.sqrt_at_tick_up(tick) + 1
    return UniswapV3Pool(Address(f"0x{number:040x}"), tokens, Ppm(fee), spacing, root, tick, here, *words, ticks)


def market_of(*venues: Venue, gas_value: float = GAS_VALUE) -> Market:
    return Market(venues, tuple(PRICES.items()), A, gas_value, 10)


def random_market(seed: int, noise: float) -> Market:
    """Four to eleven pools of 0.3 to 30 million dollars a side, their prices off the oracle's by `noise`."""
    rng = np.random.default_rng(seed)
    venues: list[Venue] = []
    for number in range(1, int(rng.integers(5, 13))):
        first, second = sorted(rng.choice(4, 2, replace=False).tolist())
        tokens = (TOKENS[first], TOKENS[second])
        price = PRICES[tokens[0]] / PRICES[tokens[1]] * math.exp(rng.normal(0.0, noise))
        reserve = 10 ** rng.uniform(5.5, 7.5) / PRICES[tokens[0]]
        if rng.random() < 0.5:
            venues.append(pair(number, int(reserve), int(reserve * price), tokens))
        else:
            tick = int(math.log(price) / math.log(1.0001))
            fee = int(rng.choice([500, 3000]))
            depth = 5.0 * reserve * math.sqrt(price)
            venues.append(pool_v3(number, int(rng.integers(10**6)), tick, fee, tokens, depth))
    return market_of(*venues)


def gain(market: Market, fills: tuple[Fill, ...]) -> float:
    """What the fills gain at oracle prices, less their gas; in quote currency, negative as a rule."""
    moved = sum(f.amount_out * PRICES[f.token_out] - f.amount_in * PRICES[f.token_in] for f in fills)
    return moved - market.gas_value * sum(market.venue(f.pool).gas for f in fills)


def simple_ways(market: Market, sold: Address, bought: Address, amount: int) -> Iterator[tuple[Fill, ...]]:
    """Every single pool, the even split over them, and every path of two pools, where they can be quoted."""
    direct = [v for v in market.venues if set(v.tokens) == {sold, bought}]
    ways = [[(v, amount)] for v in direct] + [[(v, amount // len(direct)) for v in direct]]
    for way in ways:
        fills = [_quote(v, sold, part) for v, part in way]
        if way and all(fills):
            yield tuple(f for f in fills if f)
    for first in market.venues:
        if sold not in first.tokens or not (half := _quote(first, sold, amount)) or half.token_out == bought:
            continue
        for second in market.venues:
            if set(second.tokens) == {half.token_out, bought} and (
                rest := _quote(second, half.token_out, half.amount_out)
            ):
                yield half, rest


def _quote(venue: Venue, token: Address, amount: int) -> Fill | None:
    try:
        fill = venue.quote(token, amount)
    except Unquotable:
        return None
    return fill if fill.amount_out else None
