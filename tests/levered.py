"""A levered position on Aave and two pools to trade in, all in values: for tests and studies, which need no chain."""

from dataclasses import replace
from typing import Any

from keeper.model import (
    Beliefs,
    GuardState,
    Head,
    HealthGoal,
    Limits,
    Mandate,
    Rescue,
    Snapshot,
    TokenBelief,
    Variance,
    Venue,
)
from keeper.protocols.aave_v3 import AaveV3Market, Account
from keeper.protocols.aave_v3_math import RateCurve
from keeper.protocols.aave_v3_reserve import Configuration, Reserve
from keeper.protocols.uniswap_v2 import UniswapV2Pair
from keeper.units import BPS, RAY, WAD, Address, BlockNumber, Bps, Hash, Timestamp, Wad, Wei
from keeper.vaults.leverage import LeverageVault
from tests import scene
from tests.scene import NOW, USDC, WBTC, WETH, WETH_USDC, round_of

VAULT = scene.VAULT
LENDING = Address("0x" + "ad" * 20)
OTHER_POOL = Address("0x" + "03" * 20)
UNIT = 10**8
"""Of the market's own prices: base currency units a dollar."""
THRESHOLD = 8_300
RESCUE = Rescue(Wad(104 * 10**16), Wad(102 * 10**16), Bps(150), 10**22, Bps(2_500), Bps(50))
CHEAP_GAS = replace(scene.LANES, normal=replace(scene.LANES.normal, max_gas_price=Wei(10**12)))
"""Housekeeping whatever gas costs: for what is not about gas."""


def reserve(token: Any, index: int, supplied: float, borrowed: float, usd: float, now: Timestamp = NOW) -> Reserve:
    """A reserve with the world's settings; amounts in whole tokens, interest of 2 % for suppliers and 4 % for debt."""
    unit = 10**token.decimals
    bits = 8_050 | THRESHOLD << 16 | 10_500 << 32 | token.decimals << 48
    bits |= 1 << 56 | 1 << 58 | 1 << 63 | 1_500 << 64
    return Reserve(
        asset=token.address,
        index=index,
        a_token=Address(f"0x{index + 1:040x}"),
        variable_debt_token=Address(f"0x{index + 101:040x}"),
        configuration=Configuration(bits),
        curve=RateCurve(92 * RAY // 100, 0, 4 * RAY // 100, 60 * RAY // 100),
        liquidity_index=RAY,
        liquidity_rate=2 * RAY // 100,
        variable_index=RAY,
        variable_rate=4 * RAY // 100,
        updated_at=now,
        accrued_to_treasury=0,
        unbacked=0,
        scaled_supply=round(supplied * unit),
        scaled_debt=round(borrowed * unit),
        stable_principal=0,
        stable_rate=0,
        stable_updated_at=now,
        cash=round((supplied - borrowed) * unit),
        price=round(usd * UNIT),
    )


def position(
    health: float,
    usd: float = 3_000.0,
    collateral: float = 1_000.0,
    depth: float = 40e6,
    now: Timestamp = NOW,
    base_fee: int = 10**9,
    **changes: Any,
) -> Snapshot:
    """WETH supplied against USDC at a health factor, in pairs of `depth` and half of it in dollars a side."""
    debt = collateral * usd * THRESHOLD / BPS / health
    held = (round(collateral * 10**18), 0), (0, round(debt * 10**6))
    market = AaveV3Market(
        pool=LENDING,
        reserves=(reserve(WETH, 0, 60_000.0, 100.0, usd, now), reserve(USDC, 1, 2e8, 1.6e8, 1.0, now)),
        accounts=(Account(VAULT, 0b0110, 0, held),),
        categories=(),
        flash_total=5,
        flash_to_protocol=0,
        borrow_allowed=True,
    )
    vault = LeverageVault(
        address=VAULT,
        tokens=(WETH, USDC),
        holdings=(0, 0),
        market=LENDING,
        floor=Wad(105 * 10**16),
        ceiling=Wad(4 * WAD),
        venues=(WETH_USDC, OTHER_POOL),
        limits=Limits(Bps(100), Bps(100), Bps(200), Bps(300), Bps(2_500), Bps(10_000), 300),
        guard=GuardState(7, False, Timestamp(0), 10**22, 10**24),
        keeper_allowed=True,
        total_supply=10**24,
        state_hash=Hash("0x" + "00" * 32),
        reported_nav=None,
        rescue=RESCUE,
    )
    made = Snapshot(
        chain_id=31_337,
        head=Head(BlockNumber(100), Hash("0x" + "bb" * 32), now, Wei(base_fee)),
        vaults=(replace(vault, **changes),),
        venues=pools(usd, depth),
        markets=(market,),
        rounds=(round_of(USDC, 1.0, updated_at=now), round_of(WETH, usd, updated_at=now)),
        tokens=(USDC, WETH),
        native=replace(round_of(WETH, usd, updated_at=now), token=Address("0x" + "00" * 20)),
    )
    return valued(made)


def pools(usd: float, depth: float) -> tuple[Venue, ...]:
    def pair(pool: Address, dollars: float) -> UniswapV2Pair:
        return UniswapV2Pair(pool, (USDC.address, WETH.address), (round(dollars * 1e6), round(dollars / usd * 1e18)))

    return pair(WETH_USDC, depth), pair(OTHER_POOL, depth / 2.0)


def valued(snapshot: Snapshot) -> Snapshot:
    """The snapshot with what its vault's contract would say of its net asset value."""
    (vault,) = snapshot.vaults
    assert isinstance(vault, LeverageVault)
    return replace(snapshot, vaults=(replace(vault, reported_nav=vault.nav(snapshot, snapshot.head.timestamp)),))


def mandate(low: float = 1.5, target: float = 1.8, high: float = 2.2, **changes: Any) -> Mandate:
    goal = HealthGoal(*(Wad(round(at * 1e4) * 10**14) for at in (low, target, high)))
    base = scene.mandate(kind="leverage", name="carry", goal=goal, min_trade=0.05, lanes=CHEAP_GAS)
    return replace(base, **changes)


def trusting(weth: float = 0.8, trusted: bool = True) -> Beliefs:
    """Volatilities a year that are believed, and touches that have proven themselves, or not."""

    def belief(token: Address, annual: float) -> TokenBelief:
        days = tuple(Variance("ewma", h * 3_600, annual**2 * h / 8_766) for h in (1, 6, 24, 168))
        named = tuple((v.horizon_s, "ewma") for v in days)
        note = "" if trusted else "touches switched off"
        return TokenBelief(token, "fitted", note, named, trusted, "calm", NOW, days)

    known = tuple(belief(t.address, annual) for t, annual in ((WETH, weth), (USDC, 0.01), (WBTC, 0.75 * weth)))
    return replace(scene.beliefs(), tokens=known)
