"""Positions of a Uniswap V3 pool against the deployed pool: amounts, fees and the pool afterwards, zero wei apart."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keeper.protocols import uniswap_v3
from keeper.protocols import uniswap_v3_range as ranges
from keeper.protocols.uniswap_v3_math import sqrt_at_tick_up
from keeper.protocols.uniswap_v3_range import Band, Growth
from keeper.units import Address, address

from .test_uniswap_v3_bytecode import ADMIN, FOREVER, IN, TIERS

CORE = Path("@uniswap/v3-core/artifacts/contracts")
PERIPHERY = Path("@uniswap/v3-periphery/artifacts/contracts")
POOLS = 12
STEPS = 40


class Market:
    """A pool, and one provider of liquidity to it by the position manager, which holds positions as a vault would."""

    def __init__(self, chain: Any, fee_ppm: int, tick: int) -> None:
        self.chain, self.fee = chain, fee_ppm
        factory = chain.deploy(CORE / "UniswapV3Factory.sol/UniswapV3Factory.json")
        if fee_ppm not in (500, 3_000, 10_000):
            chain.send(factory, "enableFeeAmount(uint24,int24)", fee_ppm, TIERS[fee_ppm])
        weth = "0x" + "0e" * 20
        self.router = chain.deploy(PERIPHERY / "SwapRouter.sol/SwapRouter.json", "address,address", factory, weth)
        self.manager = chain.deploy(
            PERIPHERY / "NonfungiblePositionManager.sol/NonfungiblePositionManager.json",
            "address,address,address",
            factory,
            weth,
            ADMIN,
        )
        tokens = sorted(chain.token(18) for _ in range(2))
        for token in tokens:
            chain.send(token, "mint(uint256)", 10**30)
            for spender in (self.router, self.manager):
                chain.send(token, "approve(address,uint256)", spender, 2**256 - 1)
        self.tokens = (Address(tokens[0]), Address(tokens[1]))
        chain.send(factory, "createPool(address,address,uint24)", *tokens, fee_ppm)
        self.pool = address(chain.view(factory, "getPool(address,address,uint24)", "address", *tokens, fee_ppm))
        chain.send(self.pool, "initialize(uint160)", sqrt_at_tick_up(tick) + 1)
        self.facts = chain.ask(uniswap_v3.facts(self.pool))

    def read(self) -> uniswap_v3.UniswapV3Pool:
        found: uniswap_v3.UniswapV3Pool = self.chain.ask(uniswap_v3.observe(self.facts))
        return found

    def provide(self, low: int, high: int, amount_0: int, amount_1: int) -> tuple[int, int, int, int]:
        """Token id, liquidity and what the pool took."""
        kinds = "address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256"
        order = (*self.tokens, self.fee, low, high, amount_0, amount_1, 0, 0, ADMIN, FOREVER)
        answer = self.chain.send(self.manager, f"mint(({kinds}))", order)
        found: tuple[int, int, int, int] = self.chain.view_result(answer, "uint256,uint128,uint256,uint256")
        return found

    def withdraw(self, number: int, liquidity: int) -> tuple[int, int]:
        kinds = "uint256,uint128,uint256,uint256,uint256"
        answer = self.chain.send(self.manager, f"decreaseLiquidity(({kinds}))", (number, liquidity, 0, 0, FOREVER))
        found: tuple[int, int] = self.chain.view_result(answer, "uint256,uint256")
        return found

    def collect(self, number: int) -> tuple[int, int]:
        order = (number, ADMIN, 2**128 - 1, 2**128 - 1)
        answer = self.chain.send(self.manager, "collect((uint256,address,uint128,uint128))", order)
        found: tuple[int, int] = self.chain.view_result(answer, "uint256,uint256")
        return found

    def swap(self, side: int, amount: int) -> None:
        order = (self.tokens[side], self.tokens[1 - side], self.fee, ADMIN, FOREVER, amount, 0, 0)
        self.chain.send(self.router, IN, order)

    def gross(self, tick: int) -> int:
        return int(self._tick(tick)[0])

    def inside(self, low: int, high: int) -> Growth:
        everywhere = Growth(*(self.chain.view(self.pool, f"feeGrowthGlobal{i}X128()", "uint256") for i in (0, 1)))
        below, above = (Growth(*self._tick(tick)[2:4]) for tick in (low, high))
        return ranges.growth_inside(self.read().tick, low, high, everywhere, (below, above))

    def _tick(self, tick: int) -> tuple[int, ...]:
        kinds = "uint128,int128,uint256,uint256,int56,uint160,uint32,bool"
        found: tuple[int, ...] = self.chain.view(self.pool, "ticks(int24)", kinds, tick)
        return found


@pytest.fixture
def open_market(make_chain: Callable[[], Any]) -> Callable[[int, int], Market]:
    def make(fee_ppm: int, tick: int) -> Market:
        market = Market(make_chain(), fee_ppm, tick)
        spacing = TIERS[fee_ppm]
        for width in (20, 60, 200):  # other people's liquidity, so that swaps never meet an empty pool
            centre = tick // spacing * spacing
            market.provide(centre - width * spacing, centre + width * spacing, 10**22, 10**22)
        return market

    return make


@pytest.mark.parametrize("seed", range(POOLS))
def test_a_positions_life_is_the_pools_to_the_wei(open_market: Callable[[int, int], Market], seed: int) -> None:
    draw = random.Random(seed)
    fee = draw.choice([500, 3_000, 10_000])
    market = open_market(fee, draw.randrange(-5_000, 5_000))
    spacing = TIERS[fee]
    for _ in range(STEPS // 4):
        pool = market.read()
        low = (pool.tick // spacing + draw.randrange(-15, 5)) * spacing
        high = low + draw.randrange(1, 30) * spacing
        ends = ranges.band(low, high)
        given = (draw.randrange(10**15, 10**21), draw.randrange(10**15, 10**21))
        liquidity = ranges.liquidity_down(pool.sqrt_price_x96, ends, *given)
        number, minted, *taken = market.provide(low, high, *given)
        assert minted == liquidity
        assert tuple(taken) == ranges.amounts_up(pool.sqrt_price_x96, ends, liquidity)
        assert ranges.with_liquidity(pool, low, high, liquidity, (1, 1)) == market.read()
        start = market.inside(low, high)
        for _ in range(3):
            market.swap(draw.randrange(2), draw.randrange(1, 10**20))
        pool = market.read()
        earned = ranges.fees_down(market.inside(low, high) - start, liquidity)
        gross = (market.gross(low) - liquidity, market.gross(high) - liquidity)
        principal = market.withdraw(number, liquidity)
        assert principal == ranges.amounts_down(pool.sqrt_price_x96, ends, liquidity)
        assert market.read() == ranges.with_liquidity(pool, low, high, -liquidity, gross)
        assert market.collect(number) == (principal[0] + earned[0], principal[1] + earned[1])


def test_prices_become_roots_rounded_down() -> None:
    assert ranges.root_at_prices_down(1, 1) == 2**96
    assert ranges.root_at_prices_down(4, 1) == 2**97
    draw = random.Random(5)
    for _ in range(1_000):
        price_0, price_1 = draw.randrange(1, 10**40), draw.randrange(1, 10**40)
        root = ranges.root_at_prices_down(price_0, price_1)
        assert root * root * price_1 <= price_0 << 192
        slack = 1 if price_0 >> 63 < price_1 else 1 << 48
        assert (root + slack) ** 2 * price_1 > price_0 << 192


def test_a_band_holds_a_price_inside() -> None:
    ends = Band(10, 20)
    assert [ends.inside(at) for at in (5, 10, 15, 20, 25)] == [10, 10, 15, 20, 20]
