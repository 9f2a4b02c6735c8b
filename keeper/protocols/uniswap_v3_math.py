"""Uniswap V3's arithmetic in exact integers: ticks to prices, prices to amounts, one step of a swap.

A price travels as its square root times 2**96 (`sqrt_x96`, at most 160 bits), token 1 per token 0, raw. Source: the
Uniswap V3 whitepaper, section 6; word sizes and roundings as TickMath, SqrtPriceMath and SwapMath of v3-core 1.0.
"""

import math
from functools import lru_cache
from typing import NamedTuple

from keeper.units import PPM, UINT256_MAX, mul_div_down, mul_div_up

Q96 = 1 << 96
TICK_MAX = 887_272  # largest t with 1.0001**t <= 2**128
SQRT_MIN_X96 = 4_295_128_739  # sqrt_at_tick(-TICK_MAX)
SQRT_MAX_X96 = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342  # sqrt_at_tick(TICK_MAX)
_TICK_BITS = 20  # TICK_MAX < 2**20


def _binary_powers() -> tuple[int, ...]:
    """1.0001**(-2**i / 2) * 2**128 to the nearest integer, for i = 0 … 19, from 512 binary digits of the root."""
    digits = 512
    power = math.isqrt((10_000 << (2 * digits)) // 10_001)
    powers = []
    for _ in range(_TICK_BITS):
        powers.append((power + (1 << (digits - 129))) >> (digits - 128))
        power = power * power >> digits
    return tuple(powers)


_POWERS = _binary_powers()


@lru_cache(maxsize=65_536)
def sqrt_at_tick_up(tick: int) -> int:
    """1.0001**(tick / 2) * 2**96, as TickMath.getSqrtRatioAtTick; ValueError beyond TICK_MAX on either side."""
    distance = abs(tick)
    if distance > TICK_MAX:
        raise ValueError(f"expected a tick from {-TICK_MAX} to {TICK_MAX}, found {tick}")
    ratio = 1 << 128
    for bit, power in enumerate(_POWERS):
        if distance >> bit & 1:
            ratio = ratio * power >> 128
    if tick > 0:
        ratio = UINT256_MAX // ratio
    return -(-ratio >> 32)


def tick_at_sqrt_down(sqrt_x96: int) -> int:
    """The greatest tick whose price is not above, as TickMath.getTickAtSqrtRatio; ValueError outside [MIN, MAX).

    A float logarithm lands within a tick of the answer; the exact prices of the neighbours decide.
    """
    if not SQRT_MIN_X96 <= sqrt_x96 < SQRT_MAX_X96:
        raise ValueError(f"expected a root price from {SQRT_MIN_X96} to below {SQRT_MAX_X96}, found {sqrt_x96}")
    tick = math.floor(2.0 * math.log(sqrt_x96 / Q96) / math.log(1.0001))
    tick = max(-TICK_MAX, min(TICK_MAX - 1, tick))
    while sqrt_at_tick_up(tick) > sqrt_x96:
        tick -= 1
    while sqrt_at_tick_up(tick + 1) <= sqrt_x96:
        tick += 1
    return tick


def amount_0_up(low_x96: int, high_x96: int, liquidity: int) -> int:
    """Raw token 0 between two root prices, L * (1 / low - 1 / high), each of two divisions rounded up."""
    return -(-mul_div_up(liquidity << 96, high_x96 - low_x96, high_x96) // low_x96)


def amount_0_down(low_x96: int, high_x96: int, liquidity: int) -> int:
    """Raw token 0 between two root prices, L * (1 / low - 1 / high), each of two divisions rounded down."""
    return mul_div_down(liquidity << 96, high_x96 - low_x96, high_x96) // low_x96


def amount_1_up(low_x96: int, high_x96: int, liquidity: int) -> int:
    """Raw token 1 between two root prices, L * (high - low), rounded up."""
    return mul_div_up(liquidity, high_x96 - low_x96, Q96)


def amount_1_down(low_x96: int, high_x96: int, liquidity: int) -> int:
    """Raw token 1 between two root prices, L * (high - low), rounded down."""
    return mul_div_down(liquidity, high_x96 - low_x96, Q96)


def sqrt_after_0_in_up(sqrt_x96: int, liquidity: int, amount: int) -> int:
    """Root price after `amount` of token 0 came in: L * s / (L + amount * s), rounded up.

    Where the exact denominator does not fit 256 bits the pool divides twice, L / (L / s + amount), and so does this.
    """
    if amount == 0:
        return sqrt_x96
    scaled = liquidity << 96
    denominator = scaled + amount * sqrt_x96
    if denominator <= UINT256_MAX:
        return mul_div_up(scaled, sqrt_x96, denominator)
    return -(-scaled // (scaled // sqrt_x96 + amount))


def sqrt_after_0_out_up(sqrt_x96: int, liquidity: int, amount: int) -> int:
    """Root price after `amount` of token 0 went out: L * s / (L - amount * s), rounded up; amount * s < L * 2**96."""
    scaled = liquidity << 96
    return mul_div_up(scaled, sqrt_x96, scaled - amount * sqrt_x96)


def sqrt_after_1_in_down(sqrt_x96: int, liquidity: int, amount: int) -> int:
    """Root price after `amount` of token 1 came in: s + amount / L, rounded down."""
    return sqrt_x96 + mul_div_down(amount, Q96, liquidity)


def sqrt_after_1_out_down(sqrt_x96: int, liquidity: int, amount: int) -> int:
    """Root price after `amount` of token 1 went out: s - amount / L, rounded down; amount * 2**96 < L * s."""
    return sqrt_x96 - mul_div_up(amount, Q96, liquidity)


class Step(NamedTuple):
    """One step of a swap: the root price reached, and raw amounts. The fee comes on top of `amount_in`."""

    sqrt_x96: int
    amount_in: int
    amount_out: int
    fee: int


def step_in(sqrt_x96: int, target_x96: int, liquidity: int, remaining: int, fee_ppm: int) -> Step:
    """Spends up to `remaining`, fee included, on the way to `target_x96` (SwapMath.computeSwapStep, exact input).

    Short of the target, everything that moved no price is fee.
    """
    spendable = mul_div_down(remaining, PPM - fee_ppm, PPM)
    if target_x96 <= sqrt_x96:
        whole = amount_0_up(target_x96, sqrt_x96, liquidity)
        if spendable < whole:
            reached = sqrt_after_0_in_up(sqrt_x96, liquidity, spendable)
            amount_in = amount_0_up(reached, sqrt_x96, liquidity)
            return Step(reached, amount_in, amount_1_down(reached, sqrt_x96, liquidity), remaining - amount_in)
        amount_out = amount_1_down(target_x96, sqrt_x96, liquidity)
    else:
        whole = amount_1_up(sqrt_x96, target_x96, liquidity)
        if spendable < whole:
            reached = sqrt_after_1_in_down(sqrt_x96, liquidity, spendable)
            amount_in = amount_1_up(sqrt_x96, reached, liquidity)
            return Step(reached, amount_in, amount_0_down(sqrt_x96, reached, liquidity), remaining - amount_in)
        amount_out = amount_0_down(sqrt_x96, target_x96, liquidity)
    return Step(target_x96, whole, amount_out, mul_div_up(whole, fee_ppm, PPM - fee_ppm))


def step_out(sqrt_x96: int, target_x96: int, liquidity: int, remaining: int, fee_ppm: int) -> Step:
    """Receives up to `remaining` on the way to `target_x96` (SwapMath.computeSwapStep, exact output).

    A rounded price may yield a unit more than was asked for; the pool keeps it.
    """
    if target_x96 <= sqrt_x96:
        whole = amount_1_down(target_x96, sqrt_x96, liquidity)
        reached = target_x96 if remaining >= whole else sqrt_after_1_out_down(sqrt_x96, liquidity, remaining)
        amount_in = amount_0_up(reached, sqrt_x96, liquidity)
        amount_out = min(remaining, amount_1_down(reached, sqrt_x96, liquidity))
    else:
        whole = amount_0_down(sqrt_x96, target_x96, liquidity)
        reached = target_x96 if remaining >= whole else sqrt_after_0_out_up(sqrt_x96, liquidity, remaining)
        amount_in = amount_1_up(sqrt_x96, reached, liquidity)
        amount_out = min(remaining, amount_0_down(sqrt_x96, reached, liquidity))
    return Step(reached, amount_in, amount_out, mul_div_up(amount_in, fee_ppm, PPM - fee_ppm))
