"""A Uniswap V3 position in exact integers: what it holds, costs and earned, and how it moves its pool.

Amounts are raw, in the pool's order (token 0, token 1); root prices are times 2**96. Source: the Uniswap V3 whitepaper,
section 6; roundings as the pool's own mint, burn and collect.
"""

from bisect import bisect_left
from dataclasses import replace
from math import isqrt
from typing import NamedTuple

from keeper.protocols import uniswap_v3_math as v3
from keeper.protocols.uniswap_v3 import WORD_TICKS, UniswapV3Pool
from keeper.units import mul_div_down

Q128 = 1 << 128
_WORD = 1 << 256
_ROOT_MAX = (1 << 160) - 1


class Band(NamedTuple):
    """Root prices between which a position is liquid; low < high."""

    low: int
    high: int

    def inside(self, sqrt_x96: int) -> int:
        return min(max(sqrt_x96, self.low), self.high)


class Growth(NamedTuple):
    """Fees ever taken a unit of liquidity, times 2**128, modulo 2**256, of both tokens."""

    token_0: int
    token_1: int

    def __sub__(self, other: "Growth") -> "Growth":
        return Growth((self.token_0 - other.token_0) % _WORD, (self.token_1 - other.token_1) % _WORD)


def band(lower: int, upper: int) -> Band:
    """The root prices of two ticks. Raises ValueError beyond the range of ticks."""
    return Band(v3.sqrt_at_tick_up(lower), v3.sqrt_at_tick_up(upper))


def amounts_down(sqrt_x96: int, ends: Band, liquidity: int) -> tuple[int, int]:
    """What the pool pays for `liquidity` taken out at a price: both rounded down."""
    at = ends.inside(sqrt_x96)
    return v3.amount_0_down(at, ends.high, liquidity), v3.amount_1_down(ends.low, at, liquidity)


def amounts_up(sqrt_x96: int, ends: Band, liquidity: int) -> tuple[int, int]:
    """What the pool takes for `liquidity` put in at a price: both rounded up."""
    at = ends.inside(sqrt_x96)
    return v3.amount_0_up(at, ends.high, liquidity), v3.amount_1_up(ends.low, at, liquidity)


def liquidity_down(sqrt_x96: int, ends: Band, amount_0: int, amount_1: int) -> int:
    """The most liquidity that both amounts pay for, as RangeAmounts.liquidityDown: two roundings down for token 0.

    Where token 0 alone would pay for 2**256 or more the contract panics; it does not here.
    """
    at = ends.inside(sqrt_x96)
    found = []
    if at < ends.high:
        found.append(mul_div_down(amount_0, mul_div_down(at, ends.high, v3.Q96), ends.high - at))
    if at > ends.low:
        found.append(mul_div_down(amount_1, v3.Q96, at - ends.low))
    return min(found)


def root_at_prices_down(price_0: int, price_1: int) -> int:
    """sqrt(price_0 / price_1) * 2**96 of two prices a raw unit, as RangePosition._rootX96Down."""
    if price_0 >> 63 < price_1:
        return min(isqrt(mul_div_down(price_0, 1 << 192, price_1)), _ROOT_MAX)
    return min(isqrt(mul_div_down(price_0, v3.Q96, price_1)) << 48, _ROOT_MAX)


def growth_inside(tick: int, lower: int, upper: int, everywhere: Growth, outside: tuple[Growth, Growth]) -> Growth:
    """Fee growth between two ticks; `outside` are the pool's records at the lower and the upper one."""
    below, above = outside
    if tick < lower:
        return below - above
    if tick >= upper:
        return above - below
    return everywhere - below - above


def fees_down(grown: Growth, liquidity: int) -> tuple[int, int]:
    """What `liquidity` earned while fees grew by so much inside its range, rounded down."""
    return mul_div_down(grown.token_0, liquidity, Q128), mul_div_down(grown.token_1, liquidity, Q128)


def with_liquidity(
    pool: UniswapV3Pool, lower: int, upper: int, change: int, gross_after: tuple[int, int]
) -> UniswapV3Pool:
    """The pool once `change` of liquidity was added between two ticks, or taken out when it is negative.

    `gross_after` are the pool's liquidityGross at the ends then: an end without any is a tick no more, and a swap no
    longer stops there. Ends outside the window of ticks read are not the pool's concern.
    """
    ticks = list(pool.ticks)
    for tick, net, gross in ((lower, change, gross_after[0]), (upper, -change, gross_after[1])):
        if not pool.word_from <= tick // pool.tick_spacing // WORD_TICKS <= pool.word_to:
            continue
        at = bisect_left(ticks, (tick,))
        known = at < len(ticks) and ticks[at][0] == tick
        total = net + (ticks[at][1] if known else 0)
        ticks[at : at + known] = [(tick, total)] if gross else []
    active = change if lower <= pool.tick < upper else 0
    return replace(pool, ticks=tuple(ticks), liquidity=pool.liquidity + active)
