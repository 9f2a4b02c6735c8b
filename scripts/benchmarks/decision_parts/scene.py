"""A block in values: vaults of every kind, all of them off their targets, over one market of Uniswap V3 pools.

Twenty tokens round two hubs; every vault may use every pool. The next block is the same one after swaps in some pools.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from keeper.model import (
    Beliefs,
    GuardState,
    Head,
    HealthGoal,
    History,
    Lane,
    Lanes,
    Limits,
    Mandate,
    Range,
    RangeGoal,
    Rescue,
    Round,
    Snapshot,
    State,
    Threshold,
    Token,
    Vault,
    WeightGoal,
)
from keeper.protocols import aave_v3_math as aave
from keeper.protocols import uniswap_v3_math as v3
from keeper.protocols import uniswap_v3_range as ranges
from keeper.protocols.aave_v3 import AaveV3Market, Account
from keeper.protocols.aave_v3_reserve import Configuration, Reserve
from keeper.protocols.uniswap_v3 import UniswapV3Pool, window_words
from keeper.units import RAY, WAD, Address, BlockNumber, Bps, Hash, Ppm, PriceX36, Timestamp, Wad, Wei
from keeper.vaults.basket import BasketVault
from keeper.vaults.leverage import LeverageVault
from keeper.vaults.range_vault import RangeVault

NOW = Timestamp(1_800_000_000)
ZERO = Hash("0x" + "00" * 32)
NOBODY = Address("0x" + "00" * 20)
LENDER = Address("0x" + "ee" * 20)
LIMITS = Limits(Bps(100), Bps(100), Bps(200), Bps(300), Bps(6_000), Bps(20_000), 300)
LANES = Lanes(Lane("normal", Wei(60 * 10**9), Wei(10**9), 48), Lane("urgent", Wei(300 * 10**9), Wei(3 * 10**9), 24))
GUARD = GuardState(7, False, Timestamp(0), 10**30, 10**30)
SPACINGS = {500: 10, 3_000: 60}
TICKS = 100
"""Initialised ticks a pool."""
REACH = 10_000
"""Ticks from a pool's price to its furthest liquidity."""
USD = (1.0, 3_000.0, 60_000.0, 15.0, 1.0, *(float(x) for x in np.geomspace(0.2, 300.0, 15)))
DECIMALS = (6, 18, 8, 18, 18, *(18,) * 15)
TOKENS = tuple(Token(Address(f"0x{n:040x}"), f"T{n}", d) for n, d in enumerate(DECIMALS, 0x1000))
USDC, WETH = TOKENS[:2]
BELIEFS = Beliefs("prior", tuple((t.address, 0.02 if usd == 1.0 else 0.8) for t, usd in zip(TOKENS, USD, strict=True)),
                  (), NOW, 0, ZERO)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """What a tick of a fleet decides on."""

    history: History
    watched: tuple[tuple[State, Mandate], ...]


def block(vaults: int, pools: int, seed: int = 0) -> Block:
    """Of twenty vaults twelve are baskets, four levered and four ranges."""
    rng = np.random.default_rng(seed)
    venues = tuple(_pool(rng, number) for number in range(pools))
    kinds = [_KINDS[n % len(_KINDS)] for n in range(vaults)]
    made = [kind(rng, number, venues) for number, kind in enumerate(kinds)]
    accounts = tuple(account for _, _, account, _ in made if account)
    for _, _, _, laid in made:
        venues = tuple(laid if laid and v.pool == laid.pool else v for v in venues)
    snapshot = Snapshot(
        chain_id=1,
        head=Head(BlockNumber(100), ZERO, NOW, Wei(20 * 10**9)),
        vaults=(),
        venues=venues,
        markets=(_lending(accounts),),
        rounds=tuple(_round(token.address, token.decimals, usd) for token, usd in zip(TOKENS, USD, strict=True)),
        tokens=TOKENS,
        native=_round(NOBODY, 18, USD[1]),
    )
    found = tuple(replace(vault, reported_nav=vault.nav(snapshot, NOW)) for vault, _, _, _ in made)
    watched = tuple((State(vault.address), mandate) for vault, mandate, _, _ in made)
    return Block(History(replace(snapshot, vaults=found), ()), watched)


def next_block(one: Block, share: float, seed: int = 1) -> Block:
    """The same after a swap of about 0.01 % of its depth in each of a share of the pools."""
    rng = np.random.default_rng(seed)
    snapshot = one.history.snapshot
    moved = set(rng.choice(len(snapshot.venues), round(share * len(snapshot.venues)), replace=False).tolist())
    # every venue of the scene is a Uniswap V3 pool, which a snapshot does not say
    venues = tuple(_traded(rng, venue) if at in moved else venue for at, venue in enumerate(snapshot.venues))  # type: ignore[arg-type]
    head = replace(snapshot.head, number=BlockNumber(snapshot.head.number + 1))
    return replace(one, history=replace(one.history, snapshot=replace(snapshot, head=head, venues=venues)))


def _traded(rng: np.random.Generator, pool: UniswapV3Pool) -> UniswapV3Pool:
    depth = pool.liquidity * v3.Q96 // pool.sqrt_price_x96, pool.liquidity * pool.sqrt_price_x96 // v3.Q96
    side = int(rng.integers(2))
    return pool.after(pool.tokens[side], int(depth[side] * rng.uniform(0.5e-4, 2e-4)))


def _round(token: Address, decimals: int, usd: float) -> Round:
    answer = round(usd * 10**8)
    return Round(token, Address("0x" + "fe" * 20), 1, answer, 8, NOW, PriceX36(answer * 10 ** (28 - decimals)))


def _pool(rng: np.random.Generator, number: int) -> UniswapV3Pool:
    """The first connect every token to a hub, the rest are between a hub and a token by popularity."""
    popular = 1.0 / np.arange(1, len(TOKENS) + 1)
    other = number + 1 if number < len(TOKENS) - 1 else int(rng.choice(len(TOKENS), p=popular / popular.sum()))
    hub = 0 if other == 1 or (other and rng.random() < 0.5) else 1
    first, second = sorted((hub, other if other != hub else 2), key=lambda t: TOKENS[t].address)
    fee = int(rng.choice(list(SPACINGS)))
    spacing = SPACINGS[fee]
    raw = [usd / 10.0**token.decimals for usd, token in zip(USD, TOKENS, strict=True)]
    root = math.sqrt(raw[first] / raw[second]) * math.exp(rng.normal(0.0, 1e-4))
    tick = math.floor(2.0 * math.log(root) / math.log(1.0001))
    concentrated = 8.0 * rng.lognormal(math.log(2e6 if other > 4 else 1e7), 1.0)  # dollars a side of full range
    depth = concentrated / math.sqrt(raw[first] * raw[second])
    half = TICKS // 2
    steps = np.unique(rng.integers(1, REACH // spacing, 3 * half))
    lows = tick // spacing - np.sort(rng.choice(steps, half, replace=False))
    highs = tick // spacing + np.sort(rng.choice(steps, half, replace=False))
    parts = [int(depth * share) for share in rng.dirichlet(np.full(half, 2.0))]
    nets = [(int(at) * spacing, part) for at, part in zip(lows, parts, strict=True)]
    nets += [(int(at) * spacing, -part) for at, part in zip(highs, parts, strict=True)]
    words = window_words(tick, spacing)
    return UniswapV3Pool(
        pool=Address(f"0x{0xA0000 + number:040x}"),
        tokens=(TOKENS[first].address, TOKENS[second].address),
        fee_ppm=Ppm(fee),
        tick_spacing=spacing,
        sqrt_price_x96=v3.sqrt_at_tick_up(tick) + 1,
        tick=tick,
        liquidity=sum(parts),
        word_from=words[0],
        word_to=words[1],
        ticks=tuple(sorted(nets)),
    )


def _mandate(kind: str, number: int, goal: WeightGoal | HealthGoal | RangeGoal) -> Mandate:
    return Mandate(
        vault=Address(f"0x{0xB0000 + number:040x}"),
        kind=kind,
        name=f"{kind} {number}",
        goal=goal,
        policy=Threshold(),
        horizon_s=86_400,
        risk_aversion=20.0 if kind == "basket" else 2.0,
        max_loss=Bps(100),
        max_slippage=Bps(10),
        lanes=LANES,
        deadline_s=300,
        min_trade=10.0 if kind != "leverage" else 0.01,
    )


_Made = tuple[Vault, Mandate, Account | None, UniswapV3Pool | None]


def _basket(rng: np.random.Generator, number: int, venues: tuple[UniswapV3Pool, ...]) -> _Made:
    """Five tokens, a million dollars or so, weights off by up to a tenth of all."""
    chosen = [0, *sorted(rng.choice(np.arange(1, len(TOKENS)), 4, replace=False).tolist())]
    tokens = tuple(TOKENS[t] for t in chosen)
    values = rng.dirichlet(np.full(5, 15.0)) * rng.lognormal(math.log(2e6), 0.5)
    while max(abs(values / values.sum() - 0.2)) < 0.035:
        values = rng.dirichlet(np.full(5, 15.0)) * values.sum()
    held = tuple(int(v / USD[t] * 10 ** TOKENS[t].decimals) for v, t in zip(values, chosen, strict=True))
    mandate = _mandate("basket", number, WeightGoal(tuple((t.address, Bps(2_000)) for t in tokens), Bps(300)))
    vault = BasketVault(
        mandate.vault, tokens, held, (Bps(2_000),) * 5, tuple(v.pool for v in venues), LIMITS, GUARD, True,
        10**24, ZERO, None,
    )  # fmt: skip
    return vault, mandate, None, None


def _levered(rng: np.random.Generator, number: int, venues: tuple[UniswapV3Pool, ...]) -> _Made:
    """WETH against USDC, a health factor of 1.3 to come back to 1.5, or of 2.0."""
    supplied = rng.lognormal(math.log(500.0), 0.3)
    health = 1.3 if number % 2 else 2.0
    owed = supplied * USD[1] * 0.825 / health
    goal = HealthGoal(Wad(int(1.4 * WAD)), Wad(int(1.5 * WAD)), Wad(int(1.7 * WAD)))
    mandate = _mandate("leverage", number, goal)
    vault = LeverageVault(
        mandate.vault, (WETH, USDC), (0, 0), LENDER, Wad(int(1.15 * WAD)), Wad(int(3 * WAD)),
        tuple(v.pool for v in venues), LIMITS, GUARD, True, 10**24, ZERO, None,
        Rescue(Wad(int(1.05 * WAD)), Wad(int(1.02 * WAD)), Bps(250), 10**22, Bps(2_000), Bps(50)),
    )  # fmt: skip
    account = Account(mandate.vault, 0b1001, 0, ((0, int(owed * 10**6)), (int(supplied * 10**18), 0)))
    return vault, mandate, account, None


def _range(rng: np.random.Generator, number: int, venues: tuple[UniswapV3Pool, ...]) -> _Made:
    """Half a million dollars in a range of 27 % about a price nearly as far away, in a pool of WETH and USDC."""
    own = [v for v in venues if set(v.tokens) == {USDC.address, WETH.address}]
    pool = own[number // len(_KINDS) % len(own)]
    spacing = pool.tick_spacing
    centre = pool.tick // spacing * spacing + 2_280 * (1 if number % 2 else -1)
    half = 2_400
    usdc = 5e5 * rng.lognormal(0.0, 0.3)
    amounts = int(usdc * 10**6), int(usdc / USD[1] * 10**18)
    lower, upper = centre - half, centre + half
    liquidity = ranges.liquidity_down(v3.sqrt_at_tick_up(centre), ranges.band(lower, upper), *amounts)
    laid = ranges.with_liquidity(pool, lower, upper, liquidity, (liquidity, liquidity))
    mandate = _mandate("range", number, RangeGoal(Bps(1_000), Bps(9_000), Bps(1_000)))
    vault = RangeVault(
        mandate.vault, (USDC, WETH), (5, 7), pool.pool, Range(lower, upper, liquidity), (liquidity, liquidity),
        (10**6, 10**15), (200, 20_000), tuple(v.pool for v in venues), LIMITS, GUARD, True, 10**24, ZERO, None,
    )  # fmt: skip
    return vault, mandate, None, laid


_KINDS = (_basket, _levered, _basket, _range, _basket)


def _lending(accounts: tuple[Account, ...]) -> AaveV3Market:
    curve = aave.RateCurve(8 * RAY // 10, 0, 4 * RAY // 100, 75 * RAY // 100)

    def reserve(index: int, token: Token, usd: float, terms: tuple[int, int, int]) -> Reserve:
        bits = terms[0] | terms[1] << 16 | terms[2] << 32 | token.decimals << 48 | 1 << 56 | 1 << 58 | 1 << 63
        cash = int(5e8 / usd) * 10**token.decimals
        return Reserve(
            asset=token.address, index=index, a_token=NOBODY, variable_debt_token=NOBODY,
            configuration=Configuration(bits | 1_000 << 64), curve=curve, liquidity_index=RAY,
            liquidity_rate=RAY // 100, variable_index=RAY, variable_rate=3 * RAY // 100,
            updated_at=Timestamp(NOW - 60), accrued_to_treasury=0, unbacked=0, scaled_supply=2 * cash, scaled_debt=cash,
            stable_principal=0, stable_rate=0, stable_updated_at=NOW, cash=cash, price=round(usd * 10**8),
        )  # fmt: skip

    reserves = reserve(0, USDC, 1.0, (7_700, 8_000, 10_500)), reserve(1, WETH, USD[1], (8_000, 8_250, 10_500))
    return AaveV3Market(LENDER, reserves, accounts, (), 5, 0, True)
