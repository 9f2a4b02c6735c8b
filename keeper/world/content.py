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
    PoolSpec(UNISWAP_V3, "WETH", "USDC", 500, Shape(1, 80e6, 2_000, 240)),
    PoolSpec(UNISWAP_V3, "WETH", "USDC", 3_000, Shape(2, 30e6, 4_500, 220)),
    PoolSpec(UNISWAP_V3, "WBTC", "WETH", 3_000, Shape(3, 30e6, 4_500, 220)),
    PoolSpec(UNISWAP_V3, "WBTC", "USDC", 3_000, Shape(4, 25e6, 4_500, 220)),
    PoolSpec(UNISWAP_V3, "wstETH", "WETH", 100, Shape(5, 9e6, 120, 220)),
    PoolSpec(UNISWAP_V3, "LINK", "WETH", 3_000, Shape(6, 5e6, 3_500, 220)),
    PoolSpec(UNISWAP_V2, "WETH", "USDC", 3_000, Shape(0, 30e6, 0, 0)),
    PoolSpec(UNISWAP_V2, "WBTC", "WETH", 3_000, Shape(0, 15e6, 0, 0)),
)

ETH_CORRELATED = 1
"""The e-mode category of WETH and wstETH."""

FLASH_PREMIUM_BPS = 5


@dataclass(frozen=True, slots=True)
class ReserveSpec:
    """One reserve of Aave: bps as Aave counts them (a bonus of 5 % is 10,500), caps and amounts in whole tokens,
    rates per year. The numbers are those of Aave's market on Ethereum or close to them.
    """

    symbol: str
    ltv: int
    threshold: int
    bonus: int
    factor: int
    supply_cap: int
    borrow_cap: int
    emode: int
    optimal_usage: Fraction
    slope1: Fraction
    slope2: Fraction
    supplied: int
    """By the lp."""
    collateral: int
    """By the borrower."""
    borrowed: int


RESERVES = (
    ReserveSpec(
        "WETH", 8_050, 8_300, 10_500, 1_500, 1_800_000, 1_400_000, ETH_CORRELATED,
        Fraction("0.92"), Fraction("0.027"), Fraction("0.8"), 60_000, 0, 50_000,
    ),
    ReserveSpec(
        "WBTC", 7_300, 7_800, 10_500, 2_000, 43_000, 28_000, 0,
        Fraction("0.45"), Fraction("0.04"), Fraction("3"), 2_000, 3_000, 200,
    ),
    ReserveSpec(
        "USDC", 7_500, 7_800, 10_450, 1_000, 1_760_000_000, 1_580_000_000, 0,
        Fraction("0.92"), Fraction("0.065"), Fraction("0.6"), 200_000_000, 0, 160_000_000,
    ),
    ReserveSpec(
        "wstETH", 7_850, 8_100, 10_600, 1_500, 1_100_000, 100_000, ETH_CORRELATED,
        Fraction("0.45"), Fraction("0.045"), Fraction("0.8"), 20_000, 150_000, 1_000,
    ),
)  # fmt: skip

MINTED_USD = 2_000_000_000
"""Of every token to each account that trades or supplies."""

SPECS = {spec.symbol: spec for spec in TOKENS}
