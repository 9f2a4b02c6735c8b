"""A small basket on two Uniswap V2 pairs, all in values: for tests of pure stages, which need no chain."""

from dataclasses import replace
from typing import Any

from keeper.model import (
    Beliefs,
    GuardState,
    Head,
    History,
    Lane,
    Lanes,
    Limits,
    Mandate,
    Round,
    Snapshot,
    State,
    Threshold,
    Token,
    WeightGoal,
)
from keeper.protocols.uniswap_v2 import UniswapV2Pair
from keeper.units import Address, BlockNumber, Bps, Hash, PriceX36, Timestamp, Wei
from keeper.vaults.basket import BasketVault

USDC = Token(Address("0x" + "11" * 20), "USDC", 6)
WETH = Token(Address("0x" + "22" * 20), "WETH", 18)
WBTC = Token(Address("0x" + "33" * 20), "WBTC", 8)
TOKENS = (USDC, WETH, WBTC)
VAULT = Address("0x" + "aa" * 20)
WETH_USDC = Address("0x" + "01" * 20)
WBTC_USDC = Address("0x" + "02" * 20)
NOW = Timestamp(1_800_000_000)
LANES = Lanes(Lane("normal", Wei(60 * 10**9), Wei(10**9), 48), Lane("urgent", Wei(300 * 10**9), Wei(3 * 10**9), 24))
USD = {USDC: 1.0, WETH: 3_000.0, WBTC: 60_000.0}


def price(token: Token, usd: float) -> PriceX36:
    return PriceX36(round(usd * 10**8) * 10 ** (28 - token.decimals))


def round_of(token: Token, usd: float, **changes: Any) -> Round:
    made = Round(
        token=token.address,
        feed=Address("0x" + "fe" * 20),
        round_id=1,
        answer=round(usd * 10**8),
        decimals=8,
        updated_at=NOW,
        price_x36=price(token, usd),
    )
    return replace(made, **changes)


def basket(weth: float = 300.0, wbtc: float = 10.0, usdc: float = 600_000.0, **changes: Any) -> BasketVault:
    """Holdings in whole tokens; targets 40 % WETH, 30 % WBTC, 30 % USDC."""
    made = BasketVault(
        address=VAULT,
        tokens=TOKENS,
        holdings=(round(usdc * 10**6), round(weth * 10**18), round(wbtc * 10**8)),
        weights=(Bps(3_000), Bps(4_000), Bps(3_000)),
        venues=(WETH_USDC, WBTC_USDC),
        limits=Limits(Bps(100), Bps(100), Bps(200), Bps(300), Bps(2_500), Bps(10_000), 300),
        guard=GuardState(7, False, Timestamp(0), 10**12, 10**13),
        keeper_allowed=True,
        total_supply=10**24,
        state_hash=Hash("0x" + "00" * 32),
        reported_nav=None,
    )
    made = replace(made, **changes)
    return replace(made, reported_nav=changes.get("reported_nav", made.nav(snapshot(made), NOW)))


def snapshot(vault: BasketVault, depth: float = 30e6, **changes: Any) -> Snapshot:
    """Pairs of `depth` dollars a side, at the oracle's prices."""

    def pair(pool: Address, token: Token) -> UniswapV2Pair:
        reserves = (round(depth * 10**6), round(depth / USD[token] * 10**token.decimals))
        return UniswapV2Pair(pool, (USDC.address, token.address), reserves)

    made = Snapshot(
        chain_id=31_337,
        head=Head(BlockNumber(100), Hash("0x" + "bb" * 32), NOW, Wei(10**9)),
        vaults=(vault,),
        venues=(pair(WETH_USDC, WETH), pair(WBTC_USDC, WBTC)),
        markets=(),
        rounds=tuple(round_of(t, USD[t]) for t in TOKENS),
        tokens=TOKENS,
        native=replace(round_of(WETH, USD[WETH]), token=Address("0x" + "00" * 20)),
    )
    return replace(made, **changes)


def mandate(**changes: Any) -> Mandate:
    made = Mandate(
        vault=VAULT,
        kind="basket",
        name="core",
        goal=WeightGoal(((USDC.address, Bps(3_000)), (WETH.address, Bps(4_000)), (WBTC.address, Bps(3_000))), Bps(300)),
        policy=Threshold(),
        horizon_s=86_400,
        risk_aversion=2.0,
        max_loss=Bps(100),
        max_slippage=Bps(10),
        lanes=LANES,
        deadline_s=300,
        min_trade=10.0,
        volatility_priors=((USDC.address, 0.01), (WETH.address, 0.8), (WBTC.address, 0.6)),
    )
    return replace(made, **changes)


def history(vault: BasketVault, **changes: Any) -> History:
    return History(snapshot(vault, **changes), ())


def beliefs() -> Beliefs:
    return Beliefs("prior", mandate().volatility_priors, (), NOW, 0, Hash("0x" + "00" * 32))


STATE = State(VAULT)
