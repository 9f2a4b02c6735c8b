"""What the local world is made of: tokens, prices, pools and their depth, in the sizes of mainnet's middle class."""

from dataclasses import dataclass
from fractions import Fraction

from keeper.world.depth import Shape
from keeper.world.world import UNISWAP_V2, UNISWAP_V3

FEED_DECIMALS = 8
OBSERVATIONS = 180
"""Slots of every V3 pool's oracle: 30 minutes of 12-second blocks and a reserve."""


@dataclass(frozen=True, slots=True)
class TokenSpec:
    symbol: str
    name: str
    decimals: int
    usd: Fraction
    feed: str
    """The description Chainlink gives such a feed."""


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """`fee` in ppm; `shape.value_usd` is the value of both sides together."""

    kind: str
    symbol_a: str
    symbol_b: str
    fee: int
    shape: Shape


TOKENS = (
    TokenSpec("WETH", "Wrapped Ether", 18, Fraction(3_000), "ETH / USD"),
    TokenSpec("WBTC", "Wrapped BTC", 8, Fraction(60_000), "BTC / USD"),
    TokenSpec("USDC", "USD Coin", 6, Fraction(1), "USDC / USD"),
    TokenSpec("wstETH", "Wrapped liquid staked Ether 2.0", 18, Fraction(3_540), "wstETH / USD"),  # 1.18 WETH
    TokenSpec("LINK", "ChainLink Token", 18, Fraction(15), "LINK / USD"),
)

POOLS = (
    PoolSpec(UNISWAP_V3, "WETH", "USDC", 500, Shape(1, 60e6, 900, 240)),
    PoolSpec(UNISWAP_V3, "WETH", "USDC", 3_000, Shape(2, 9e6, 3_500, 220)),
    PoolSpec(UNISWAP_V3, "WBTC", "WETH", 3_000, Shape(3, 8e6, 3_500, 220)),
    PoolSpec(UNISWAP_V3, "WBTC", "USDC", 3_000, Shape(4, 7e6, 3_500, 220)),
    PoolSpec(UNISWAP_V3, "wstETH", "WETH", 100, Shape(5, 9e6, 120, 220)),
    PoolSpec(UNISWAP_V3, "LINK", "WETH", 3_000, Shape(6, 5e6, 3_500, 220)),
    PoolSpec(UNISWAP_V2, "WETH", "USDC", 3_000, Shape(0, 20e6, 0, 0)),
    PoolSpec(UNISWAP_V2, "WBTC", "WETH", 3_000, Shape(0, 8e6, 0, 0)),
)

MINTED_USD = 2_000_000_000
"""Of every token to each account that trades or supplies."""

SPECS = {spec.symbol: spec for spec in TOKENS}
