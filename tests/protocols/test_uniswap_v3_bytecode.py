"""Uniswap V3 quotes against the deployed pool, router and quoter: zero wei apart, over random pools and swaps."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from keeper import errors
from keeper.protocols import uniswap_v3
from keeper.protocols.uniswap_v3 import UniswapV3Facts, UniswapV3Pool
from keeper.protocols.uniswap_v3_math import TICK_MAX, sqrt_at_tick_up
from keeper.units import UINT256_MAX, Address, address

ADMIN = "0x00000000000000000000000000000000000000ad"
FOREVER = 2**40
TIERS = {100: 1, 500: 10, 3_000: 60, 10_000: 200, 5_000: 16_383}  # the last: two words hold all prices
SWAPS_PER_POOL = 40
CORE = Path("@uniswap/v3-core/artifacts/contracts")
PERIPHERY = Path("@uniswap/v3-periphery/artifacts/contracts")
IN = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
OUT = "exactOutputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"


@dataclass
class Exchange:
    """One pool with positions, and the periphery to swap in it."""

    chain: Any
    router: str
    quoter: str
    manager: str
    pool: Address
    facts: UniswapV3Facts

    def read(self) -> UniswapV3Pool:
        pool: UniswapV3Pool = self.chain.ask(uniswap_v3.observe(self.facts))
        return pool

    def recentred(self) -> UniswapV3Pool:
        """Reads the pool with its window moved when the price has come near an edge of it."""
        pool = self.read()
        if uniswap_v3.off_centre(self.facts, pool):
            self.facts = self.chain.ask(uniswap_v3.facts(self.pool))
            pool = self.read()
        return pool

    def balances(self) -> tuple[int, ...]:
        return tuple(self.chain.view(token, "balanceOf(address)", "uint256", ADMIN) for token in self.facts.tokens)

    def fee_growth(self, side: int) -> int:
        """Fees ever taken in a token, a unit of liquidity, times 2**128."""
        growth: int = self.chain.view(self.pool, f"feeGrowthGlobal{side}X128()", "uint256")
        return growth

    def swap(self, signature: str, side: int, amount: int, bound: int, limit: int = 0) -> tuple[int, int]:
        """What the router really moved: raw token in paid, raw token out received."""
        before = self.balances()
        order = (*self._pair(side), self.facts.fee_ppm, ADMIN, FOREVER, amount, bound, limit)
        self.chain.send(self.router, signature, order)
        after = self.balances()
        return before[side] - after[side], after[1 - side] - before[1 - side]

    def trial(self, kind: str, side: int, amount: int, limit: int = 0) -> tuple[int, int]:
        """The quoter's answer for an exact "Input" or "Output": the other amount, and the root price after."""
        signature = f"quoteExact{kind}Single((address,address,uint256,uint24,uint160))"
        answer = self.chain.send(self.quoter, signature, (*self._pair(side), amount, self.facts.fee_ppm, limit))
        other, sqrt_after, _, _ = self.chain.view_result(answer, "uint256,uint160,uint32,uint256")
        return other, sqrt_after

    def provide(self, low: int, high: int, amount_0: int, amount_1: int) -> None:
        """Mints a position between two ticks; one that comes to no liquidity, or too much of it, is not minted."""
        order = (*self.facts.tokens, self.facts.fee_ppm, low, high, amount_0, amount_1, 0, 0, ADMIN, FOREVER)
        kinds = "address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256"
        try:
            self.chain.send(self.manager, f"mint(({kinds}))", order)
        except self.chain.Reverted:
            return

    def _pair(self, side: int) -> tuple[Address, Address]:
        return self.facts.tokens[side], self.facts.tokens[1 - side]


@pytest.fixture
def exchange(make_chain) -> Callable[..., Exchange]:
    """Makes a pool of a random tier, price and depth profile."""
    chain = make_chain()
    weth = chain.token(18)
    factory = chain.deploy(CORE / "UniswapV3Factory.sol/UniswapV3Factory.json")
    for fee in (100, 5_000):
        chain.send(factory, "enableFeeAmount(uint24,int24)", fee, TIERS[fee])
    router = chain.deploy(PERIPHERY / "SwapRouter.sol/SwapRouter.json", "address,address", factory, weth)
    quoter = chain.deploy(PERIPHERY / "lens/QuoterV2.sol/QuoterV2.json", "address,address", factory, weth)
    manager = chain.deploy(
        PERIPHERY / "NonfungiblePositionManager.sol/NonfungiblePositionManager.json",
        "address,address,address",
        factory,
        weth,
        weth,
    )

    def make(draw: random.Random, tier: int | None = None, at_tick: int | None = None) -> Exchange:
        tokens = sorted((chain.token(18), chain.token(6)))
        for token in tokens:
            chain.send(token, "mint(uint256)", 2**250)
            chain.send(token, "approve(address,uint256)", router, UINT256_MAX)
            chain.send(token, "approve(address,uint256)", manager, UINT256_MAX)
        fee = tier or draw.choice(list(TIERS))
        spacing = TIERS[fee]
        tick = draw.choice([0, draw.randint(-300_000, 300_000), draw.randint(-TICK_MAX + 1, TICK_MAX - 2)])
        tick = tick if at_tick is None else at_tick
        sqrt_x96 = draw.randrange(sqrt_at_tick_up(tick), sqrt_at_tick_up(tick + 1))
        create = "createAndInitializePoolIfNecessary(address,address,uint24,uint160)"
        pool = chain.view_result(chain.send(manager, create, *tokens, fee, sqrt_x96), "address")
        facts = chain.ask(uniswap_v3.facts(address(pool)))
        market = Exchange(chain, router, quoter, manager, address(pool), facts)
        _provide(market, tick, spacing, draw)
        return market

    return make


def _provide(market: Exchange, tick: int, spacing: int, draw: random.Random) -> None:
    """A random depth profile: nested, overlapping, one-sided and one-tick-wide positions round `tick`, gaps allowed."""
    last = TICK_MAX // spacing
    here = tick // spacing
    scale = draw.randint(10, 100)
    reach = draw.choice([20, 400, 24_000]) // spacing + 2
    for _ in range(draw.choice([1, 3, 12, 40])):
        low = max(-last, min(last - 1, here + draw.randint(-reach, reach)))
        high = min(last, low + draw.choice([1, 2, draw.randint(1, 2 * reach)]))
        market.provide(low * spacing, high * spacing, _size(draw, 1, scale), _size(draw, 1, scale))
    if draw.random() < 0.5:
        market.provide(-last * spacing, last * spacing, _size(draw, 1, scale), _size(draw, 1, scale))


def _size(draw: random.Random, low_bits: int, high_bits: int) -> int:
    """A random integer of a random number of bits."""
    bits = draw.randint(low_bits, high_bits)
    return draw.randrange(1 << (bits - 1), 1 << bits)


def test_every_swap_equals_the_router_and_leaves_the_pool_it_says(exchange, deep):
    draw = random.Random(30_301)
    seen: Counter[str] = Counter()
    wanted = 10_000 if deep else 2_000
    while seen["swaps"] < wanted:
        market = exchange(draw)
        for _ in range(SWAPS_PER_POOL):
            seen.update(_one_swap(market, market.recentred(), draw))
    print(dict(seen))
    for kind in ("crossings", "landings", "refusals", "exact out", "moved nothing"):
        assert seen[kind] > wanted // 50, f"hardly any {kind}: the draw no longer reaches them"


def test_amounts_beyond_256_bits_take_the_pools_less_exact_way(exchange):
    """Sold at a price near the top into one stretch down to the bottom, an amount times a root price overflows."""
    market = exchange(random.Random(3), tier=5_000, at_tick=850_000)
    last = TICK_MAX // 16_383 * 16_383
    market.provide(-last, last, 2**62, 2**180)
    pool = market.recentred()
    reached = set()
    for bits in range(60, 130, 2):
        amount = 3**65 << bits >> 103  # no power of two, so that every division has something to round
        assert amount * pool.sqrt_price_x96 > UINT256_MAX or bits < 104
        try:
            fill, after = pool.quote(pool.tokens[0], amount), pool.after(pool.tokens[0], amount)
        except errors.Unquotable:
            _see_that_the_window_ends(market, pool, "Input", 0, amount)
            continue
        assert (fill.amount_out, after.sqrt_price_x96) == market.trial("Input", 0, amount)
        reached.add(after.sqrt_price_x96)
    assert len(reached) > 15


def _one_swap(market: Exchange, before: UniswapV3Pool, draw: random.Random) -> Counter[str]:
    """One random swap in Python, by the quoter and by the router; what kind it was."""
    side = draw.randrange(2)
    if draw.random() < 0.4:
        return _one_swap_out(market, before, side, draw)
    token_in, amount = before.tokens[side], _amount(market, before, "Input", side, draw)
    try:
        fill = before.quote(token_in, amount)
    except errors.Unquotable:
        _see_that_the_window_ends(market, before, "Input", side, amount)
        return Counter(refusals=1)
    predicted = before.after(token_in, amount)
    assert (fill.amount_out, predicted.sqrt_price_x96) == market.trial("Input", side, amount)
    growth_before = market.fee_growth(side)
    assert (fill.amount_in, fill.amount_out) == market.swap(IN, side, amount, 0)
    assert predicted == market.read()
    if before.liquidity == predicted.liquidity != 0 and before.tick == predicted.tick:
        growth = market.fee_growth(side) - growth_before
        assert growth % 2**256 == (fill.fee_raw << 128) // before.liquidity
    return _kinds(before, predicted)


def _one_swap_out(market: Exchange, before: UniswapV3Pool, side: int, draw: random.Random) -> Counter[str]:
    amount = _amount(market, before, "Output", side, draw)
    try:
        fill = before.quote_out(before.tokens[1 - side], amount)
    except errors.Unquotable:
        _see_that_the_window_ends(market, before, "Output", side, amount)
        return Counter(refusals=1)
    assert fill.amount_in == market.trial("Output", side, amount)[0]
    assert (fill.amount_in, fill.amount_out) == market.swap(OUT, side, amount, UINT256_MAX)
    return _kinds(before, market.read()) + Counter({"exact out": 1})


def _kinds(before: UniswapV3Pool, after: UniswapV3Pool) -> Counter[str]:
    low, high = sorted((before.tick, after.tick))
    crossed = sum(low < tick <= high for tick, _ in before.ticks)
    landed = any(sqrt_at_tick_up(tick) == after.sqrt_price_x96 for tick, _ in before.ticks)
    still = before.sqrt_price_x96 == after.sqrt_price_x96
    return +Counter({"swaps": 1, "crossings": crossed, "landings": landed, "moved nothing": still})


def _amount(market: Exchange, pool: UniswapV3Pool, kind: str, side: int, draw: random.Random) -> int:
    """A tiny, an ordinary or a draining amount, or one that lands on an initialised tick, or misses it by one.

    The quoter says what reaches a price: it answers the other side's amount when the price is its limit.
    """
    edge = pool.window[side]
    ahead = [sqrt for tick, _ in pool.ticks if ((sqrt := sqrt_at_tick_up(tick)) > pool.sqrt_price_x96) == bool(side)]
    target = draw.choice([edge, *ahead] if draw.random() < 0.8 else [edge])
    if target == pool.sqrt_price_x96 or draw.random() < 0.1:
        return draw.choice([1, 2, _size(draw, 1, 40)])
    other = "Output" if kind == "Input" else "Input"
    try:
        whole, _ = market.trial(other, side, 2**200, limit=target)
    except market.chain.Reverted:  # there is nothing to move before the target
        return _size(draw, 1, 100)
    near = [whole - 1, whole, whole, whole, whole + 1]
    return max(1, draw.choice([*near, draw.randrange(1, whole + 2), _size(draw, 1, whole.bit_length() + 1)]))


def _see_that_the_window_ends(market: Exchange, pool: UniswapV3Pool, kind: str, side: int, amount: int) -> None:
    """The chain must refuse the swap too, or leave the ticks that were read."""
    try:
        _, sqrt_after = market.trial(kind, side, amount)
    except market.chain.Reverted:
        return
    assert (sqrt_after <= pool.window[0]) if side == 0 else (sqrt_after >= pool.window[1])


def test_an_account_that_is_no_pool_is_named(make_chain):
    chain = make_chain()
    with pytest.raises(errors.BadInput, match=r"0x0+ad does not answer as a Uniswap V3 pool does"):
        chain.ask(uniswap_v3.facts(Address(ADMIN)))


def test_a_price_outside_the_ticks_read_is_unquotable_either_way(exchange):
    draw = random.Random(1)
    market = exchange(draw)
    word = market.facts.word_to
    for away in (-20, 20):
        market.facts = replace(market.facts, word_from=word + away, word_to=word + away)
        pool = market.read()
        for token in pool.tokens:
            assert pool.best_input(token, 0.0) == 0
            with pytest.raises(errors.Unquotable, match="takes 0 of"):
                pool.quote(token, 10)
            with pytest.raises(errors.Unquotable, match="gives 0 of"):
                pool.quote_out(token, 10)
        assert pool.lower() is None
        assert uniswap_v3.off_centre(market.facts, pool)
