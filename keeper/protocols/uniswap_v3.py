"""Uniswap V3 pools: what to read, and exact swaps across ticks.

A pool is read within a window of bitmap words. A swap that would leave the window, or find no more liquidity in it, is
unquotable. Prices are root prices times 2**96, token 1 per token 0, raw.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple

from keeper import errors
from keeper.model import Fill, Lowered, Question, Read, Stretches
from keeper.protocols import lens, wire
from keeper.protocols import uniswap_v3_math as v3
from keeper.units import PPM, Address, Gas, Ppm

ADAPTER = 2
WORD_TICKS = 256  # bits of a bitmap word: multiples of the tick spacing
WINDOW_TICKS = 12_000  # read on either side of the price: a factor of e**1.2 = 3.3
SWAP_GAS = Gas(87_000)  # measured: the router's 109,000 less a transaction's 21,000, in the local world
LEG_GAS = Gas(46_000)  # what a vault adds: 133,000 a leg that crosses no tick, fitted to 800 rebalances mined there
CROSSING_GAS = Gas(30_000)  # a tick, fitted likewise
_EVERYTHING = 2**255 - 1  # the largest amount a pool's swap takes
_ROOT_MAX = 2.0**64  # above every root price
_NET = itemgetter(1)  # of a tick, its net liquidity


@dataclass(frozen=True, slots=True)
class UniswapV3Facts:
    """What never changes about a pool, and the bitmap words [word_from, word_to] to read its ticks in."""

    pool: Address
    tokens: tuple[Address, Address]
    fee_ppm: Ppm
    tick_spacing: int
    word_from: int
    word_to: int


@dataclass(frozen=True, slots=True)
class UniswapV3Pool:
    """A pool at one block, with every initialised tick (tick, liquidity_net) of its window, ascending."""

    pool: Address
    tokens: tuple[Address, Address]
    fee_ppm: Ppm
    tick_spacing: int
    sqrt_price_x96: int
    tick: int
    liquidity: int
    word_from: int
    word_to: int
    ticks: tuple[tuple[int, int], ...]

    def __hash__(self) -> int:  # of what tells one state of a pool from another; equality still asks for every tick
        return hash((self.pool, self.sqrt_price_x96, self.liquidity))

    @property
    def adapter(self) -> int:
        return ADAPTER

    @property
    def fee(self) -> float:
        return self.fee_ppm / PPM

    @property
    def gas(self) -> Gas:
        return Gas(SWAP_GAS + LEG_GAS)

    def gas_of(self, fill: Fill) -> Gas:
        """Of a leg that did `fill`: `gas`, and CROSSING_GAS a tick crossed. Raises errors.Unquotable as `quote`."""
        return Gas(self.gas + CROSSING_GAS * self._exact_in(fill.token_in, fill.amount_in).crossed)

    @property
    def window(self) -> tuple[int, int]:
        """Root prices between which every initialised tick is known; a swap may reach them, and no further."""
        return _window(self.word_from, self.word_to, self.tick_spacing)

    def mid(self, token_in: Address) -> float:
        """Marginal raw output per raw input before the fee; 0.0 when no liquidity is at the price."""
        side = self._side(token_in)
        if not self.sqrt_price_x96 or not self.liquidity:
            return 0.0
        root = self.sqrt_price_x96 / v3.Q96
        return root * root if side == 0 else 1.0 / root / root

    def quote(self, token_in: Address, amount_in: int) -> Fill:
        """Exact-input swap. Raises errors.Unquotable when the window cannot take all of `amount_in`."""
        swap = self._exact_in(token_in, amount_in)
        return Fill(self.pool, token_in, self._other(token_in), amount_in, swap.received, swap.fee)

    def quote_out(self, token_out: Address, amount_out: int) -> Fill:
        """Exact-output swap: the least input. Raises errors.Unquotable when the window cannot give it."""
        token_in = self._other(token_out)
        if not 0 < amount_out <= _EVERYTHING:
            raise errors.Unquotable(f"{self.pool} gives at least 1 of {token_out}, asked for {amount_out}")
        swap = _swap(self, self._side(token_in) == 0, amount_out, v3.step_out)
        if swap.received < amount_out:
            raise errors.Unquotable(
                f"{self.pool} gives {swap.received} of {token_out} within the ticks read, asked for {amount_out}"
            )
        return Fill(self.pool, token_in, token_out, swap.paid, amount_out, swap.fee)

    def after(self, token_in: Address, amount_in: int) -> "UniswapV3Pool":
        """The pool once the swap is done. Raises errors.Unquotable as `quote` does."""
        swap = self._exact_in(token_in, amount_in)
        tick = swap.tick if swap.tick is not None else v3.tick_at_sqrt_down(swap.sqrt_x96)
        return UniswapV3Pool(
            self.pool,
            self.tokens,
            self.fee_ppm,
            self.tick_spacing,
            swap.sqrt_x96,
            tick,
            swap.liquidity,
            self.word_from,
            self.word_to,
            self.ticks,
        )

    def best_input(self, token_in: Address, price: float) -> int:
        """Largest input whose last unit still buys `price` raw output per raw input, fee included; 0 when none does.

        What the pool takes on its way to the root price sqrt(price / (1 - fee)), in the orientation of the input, or
        to the edge of its window.
        """
        limit, high = self.window
        zero_for_one = self._side(token_in) == 0
        if zero_for_one:
            if price > 0.0:
                limit = max(limit, math.ceil(min(math.sqrt(price / (1.0 - self.fee)), _ROOT_MAX) * v3.Q96))
        else:
            limit = (
                high if price <= 0.0 else min(high, int(min(math.sqrt((1.0 - self.fee) / price), _ROOT_MAX) * v3.Q96))
            )
        return _swap(self, zero_for_one, _EVERYTHING, v3.step_in, limit).paid

    def lower(self) -> Lowered | None:
        """The stretches between the ticks of the window; None where the price is outside it."""
        low, high = self.window
        if not low <= self.sqrt_price_x96 <= high:
            return None
        here = bisect_left(self.ticks, (self.tick + 1,))
        lowest = self.liquidity - sum(map(_NET, self.ticks[:here]))
        return Lowered(_stretches(self.ticks, (low, high), lowest), here, self.sqrt_price_x96 / v3.Q96)

    def _exact_in(self, token_in: Address, amount_in: int) -> "_Swap":
        side = self._side(token_in)
        if not 0 < amount_in <= _EVERYTHING:
            raise errors.Unquotable(f"{self.pool} takes at least 1 of {token_in}, asked to take {amount_in}")
        swap = _swap_in(self, side == 0, amount_in)
        if swap.paid < amount_in:
            raise errors.Unquotable(
                f"{self.pool} takes {swap.paid} of {token_in} within the ticks read, asked to take {amount_in}"
            )
        return swap

    def _other(self, token: Address) -> Address:
        return self.tokens[1 - self._side(token)]

    def _side(self, token: Address) -> int:
        if token not in self.tokens:
            raise errors.Unquotable(f"{self.pool} trades {self.tokens[0]} and {self.tokens[1]}, asked for {token}")
        return self.tokens.index(token)


@lru_cache(maxsize=4_096)
def _window(word_from: int, word_to: int, spacing: int) -> tuple[int, int]:
    low, high = word_from * WORD_TICKS, word_to * WORD_TICKS + WORD_TICKS - 1
    return (
        max(v3.SQRT_MIN_X96 + 1, v3.sqrt_at_tick_up(max(-v3.TICK_MAX, low * spacing))),
        min(v3.SQRT_MAX_X96 - 1, v3.sqrt_at_tick_up(min(v3.TICK_MAX, high * spacing))),
    )


class _Swap(NamedTuple):
    """Where a swap leaves a pool and what moved: raw amounts, the fee being part of `paid`.

    `tick` is None when the swap ends between ticks: few callers want it and it costs a logarithm. `crossed` are the
    initialised ticks met.
    """

    sqrt_x96: int
    tick: int | None
    liquidity: int
    paid: int
    received: int
    fee: int
    crossed: int


def _swap(
    pool: UniswapV3Pool,
    zero_for_one: bool,
    amount: int,
    step: Callable[[int, int, int, int, int], v3.Step],
    limit_x96: int | None = None,
) -> _Swap:
    """Moves `amount` (of input with step_in, of output with step_out) as far as the window, or `limit_x96`, lets it.

    The pool steps from one initialised tick or end of a bitmap word to the next, and each step rounds: the ends of
    words are stops here too.
    """
    low, high = pool.window
    sqrt_x96, tick, liquidity = pool.sqrt_price_x96, pool.tick, pool.liquidity
    limit = limit_x96 if limit_x96 is not None else (low if zero_for_one else high)
    known = low <= sqrt_x96 <= high
    at = bisect_left(pool.ticks, (tick + 1,))  # ticks[:at] are at or below the price, ticks[at:] above
    end: int | None = tick
    paid = received = fee = crossed = 0
    by_input = step is v3.step_in
    while known and amount and (sqrt_x96 > limit if zero_for_one else sqrt_x96 < limit):
        stop = _word_end(tick, pool.tick_spacing, zero_for_one)
        net = None
        if zero_for_one:
            if at > 0 and pool.ticks[at - 1][0] >= stop:
                at -= 1
                stop, net = pool.ticks[at]
            target = v3.sqrt_at_tick_up(stop)
            reached, moved_in, moved_out, kept = step(sqrt_x96, max(target, limit), liquidity, amount, pool.fee_ppm)
        else:
            if at < len(pool.ticks) and pool.ticks[at][0] <= stop:
                stop, net = pool.ticks[at]
                at += 1
            target = v3.sqrt_at_tick_up(stop)
            reached, moved_in, moved_out, kept = step(sqrt_x96, min(target, limit), liquidity, amount, pool.fee_ppm)
        paid, received, fee = paid + moved_in + kept, received + moved_out, fee + kept
        amount -= moved_in + kept if by_input else moved_out
        if reached == target:
            if net is not None:
                liquidity += -net if zero_for_one else net
                crossed += 1
            tick = stop - 1 if zero_for_one else stop
            end = tick
        elif reached != sqrt_x96:
            end = None
        sqrt_x96 = reached
    return _Swap(sqrt_x96, end, liquidity, paid, received, fee, crossed)


@lru_cache(maxsize=4_096)
def _swap_in(pool: UniswapV3Pool, zero_for_one: bool, amount: int) -> _Swap:
    """Remembered: a plan's fills, its replay and its guards ask for the same swaps."""
    return _swap(pool, zero_for_one, amount, v3.step_in)


def _word_end(tick: int, spacing: int, zero_for_one: bool) -> int:
    """The furthest tick that the pool looks for liquidity at in one step, within the range of all ticks."""
    if zero_for_one:
        return max(-v3.TICK_MAX, tick // spacing // WORD_TICKS * WORD_TICKS * spacing)
    word = (tick // spacing + 1) // WORD_TICKS
    return min(v3.TICK_MAX, (word * WORD_TICKS + WORD_TICKS - 1) * spacing)


@lru_cache(maxsize=4_096)
def _stretches(ticks: tuple[tuple[int, int], ...], window: tuple[int, int], liquidity: int) -> Stretches:
    """`liquidity` is that of the window's lowest stretch. Remembered: a price moves far more often than a tick."""
    roots = (window[0], *(v3.sqrt_at_tick_up(tick) for tick, _ in ticks), window[1])
    depths = accumulate((net for _, net in ticks), initial=liquidity)
    return Stretches(tuple(root / v3.Q96 for root in roots), tuple(map(float, depths)))


def window_words(tick: int, tick_spacing: int) -> tuple[int, int]:
    """The bitmap words that hold WINDOW_TICKS on either side of `tick`, within the range of all ticks."""
    last = v3.TICK_MAX // tick_spacing
    low = max(-last, (tick - WINDOW_TICKS) // tick_spacing)
    high = min(last, (tick + WINDOW_TICKS) // tick_spacing)
    return low // WORD_TICKS, high // WORD_TICKS


def facts(pool: Address) -> Question[UniswapV3Facts]:
    """Asks a pool for its tokens, fee and spacing, and centres the window on its price.

    The answer raises errors.BadInput when `pool` does not answer as a pool. Ask again when `off_centre`.
    """

    def build(answers: Sequence[Any]) -> UniswapV3Facts:
        token_0, token_1, fee_ppm, spacing, (_, tick, *_) = wire.recognised(answers, pool, "a Uniswap V3 pool")
        return UniswapV3Facts(pool, (token_0, token_1), Ppm(fee_ppm), spacing, *window_words(tick, spacing))

    reads = (
        Read(pool, wire.calldata("token0()"), wire.address),
        Read(pool, wire.calldata("token1()"), wire.address),
        Read(pool, wire.calldata("fee()"), wire.uint),
        Read(pool, wire.calldata("tickSpacing()"), wire.uint),
        _slot0(pool),
    )
    return Question(reads, build)


def observe(facts: UniswapV3Facts, was: UniswapV3Pool | None = None) -> Question[UniswapV3Pool]:
    """Asks a known pool for its price, liquidity and ticks, about as many as there were.

    The answer raises errors.Retry when a read failed.
    """
    return _observed(facts, len(was.ticks) if was is not None else 0)


@lru_cache(maxsize=4_096)
def _observed(facts: UniswapV3Facts, expected: int) -> Question[UniswapV3Pool]:
    """Remembered: the same is asked at every block."""

    def build(answers: Sequence[Any]) -> UniswapV3Pool:
        (sqrt_x96, tick, *_), liquidity, ticks = wire.answered(answers, f"the Uniswap V3 pool {facts.pool}")
        return UniswapV3Pool(
            pool=facts.pool,
            tokens=facts.tokens,
            fee_ppm=facts.fee_ppm,
            tick_spacing=facts.tick_spacing,
            sqrt_price_x96=sqrt_x96,
            tick=tick,
            liquidity=liquidity,
            word_from=facts.word_from,
            word_to=facts.word_to,
            ticks=ticks,
        )

    reads = (
        _slot0(facts.pool),
        Read(facts.pool, wire.calldata("liquidity()"), wire.uint),
        lens.ticks(facts.pool, facts.word_from, facts.word_to, expected),
    )
    return Question(reads, build)


def off_centre(facts: UniswapV3Facts, pool: UniswapV3Pool) -> bool:
    """Whether the price has come within half of WINDOW_TICKS of an edge that is not the end of all prices."""
    nearer_half = WINDOW_TICKS // 2
    wanted = window_words(pool.tick, facts.tick_spacing)
    low, high = facts.word_from, facts.word_to
    if (low, high) == wanted:
        return False
    span = WORD_TICKS * facts.tick_spacing
    return (wanted[0] < low and pool.tick - low * span < nearer_half) or (
        wanted[1] > high and (high + 1) * span - pool.tick < nearer_half
    )


def _slot0(pool: Address) -> Read:
    def decode(data: bytes) -> tuple[int, ...]:
        sqrt_x96, tick, *rest = wire.words(data, 7)
        return (sqrt_x96, wire.signed(tick), *rest)

    return Read(pool, wire.calldata("slot0()"), decode)
