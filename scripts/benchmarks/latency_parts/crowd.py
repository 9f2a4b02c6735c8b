"""The local world in, the same with 17 more tokens, seven more baskets and their 94 pools out.

With the world's own vaults, over USDC, WETH and WBTC in six pools, those are ten over 20 tokens in 100 pools.
"""

from dataclasses import replace
from fractions import Fraction

from keeper.model import Token
from keeper.units import Address
from keeper.world import RunningWorld, artefacts, calls, market
from keeper.world.batch import Batch
from keeper.world.content import FEED_DECIMALS, PoolSpec
from keeper.world.depth import Shape
from keeper.world.roles import ROLES
from keeper.world.tokens import approve
from keeper.world.uniswap import _add_v2_liquidity, _add_v3_liquidity, _opened, _Side
from keeper.world.vaults import (
    _GUARD_SETUP,
    _SHARE_SETUP,
    BASKET_BAND,
    ENTRY_FEE,
    EXIT_FEE,
    LIMITS,
    NO_HEALTH_LIMITS,
    NO_SEQUENCER,
    _adapter,
)
from keeper.world.world import UNISWAP_V2, UNISWAP_V3, Feed, Pool, Vault

TOKENS = 17
TIERS = (100, 500, 3_000, 10_000)
VALUE_USD, HALF_WIDTH, TICKS = 8e6, 2_500.0, 24
"""Of each new pool: fewer ticks than the world's own, which have 220 to 240, for the sake of the time to mint them."""
HELD_USD = 500_000
HEARTBEAT_S = 3_600
ALL = 2**255


def prices() -> dict[str, Fraction]:
    """Dollars of the tokens that are added."""
    return {f"T{i:02d}": Fraction(2 + 3 * i) for i in range(TOKENS)}


def baskets() -> list[tuple[str, ...]]:
    """What each new basket holds besides USDC: two tokens of its own, the last three of them three."""
    names = list(prices())
    return [*(tuple(names[i : i + 2]) for i in range(0, 8, 2)), *(tuple(names[i : i + 3]) for i in range(8, 17, 3))]


def pairs(held: tuple[str, ...]) -> list[tuple[str, str, int]]:
    """Pools of a basket: of two tokens besides USDC 14, every tier and two pairs of V2; of three 13, of the last 12."""
    if len(held) == 3:
        tiers = [(one, "USDC", fee) for one in held for fee in TIERS[1:]]
        inner = [(held[0], held[1], 3_000), (held[1], held[2], 3_000), (held[0], held[2], 3_000)]
        return [*tiers, *inner, *([(held[0], held[1], 500)] if held != baskets()[-1] else [])]
    first, second = held
    tiers = [(a, b, fee) for a, b in ((first, "USDC"), (second, "USDC"), (first, second)) for fee in TIERS]
    return [*tiers, (first, "USDC", 0), (second, "USDC", 0)]


def crowded(running: RunningWorld) -> RunningWorld:
    """Deploys it all in the running world, each new basket at its target."""
    batch = Batch(running.url)
    usd = prices()
    tokens = {name: Token(_token(batch, name), name, 18) for name in usd}
    feeds = {name: Feed(name, _feed(batch, name, usd[name]), FEED_DECIMALS, f"{name} / USD") for name in usd}
    batch.flush()
    for role in ("lp", "arbitrageur", "trader"):
        for name, token in tokens.items():
            batch.send(ROLES["admin"], token.address, "mint(address,uint256)", ROLES[role], _raw(usd[name], 10**9))
        spenders = (running.world.uniswap_v2.router, running.world.uniswap_v3.router)
        approve(batch, role, tuple(tokens.values()), (*spenders, running.world.uniswap_v3.position_manager))
    batch.flush()
    usdc = running.world.token("USDC")
    sides = {name: _Side(token, usd[name] / 10**token.decimals) for name, token in tokens.items()}
    sides["USDC"] = _Side(usdc, Fraction(1, 10**usdc.decimals))
    pools = {held: _pools(running, batch, pairs(held), sides) for held in baskets()}
    grown = RunningWorld(
        running.url,
        replace(
            running.world,
            tokens=(*running.world.tokens, *tokens.values()),
            feeds=(*running.world.feeds, *feeds.values()),
            pools=(*running.world.pools, *(pool for opened in pools.values() for pool in opened)),
        ),
    )
    vaults = [_basket(grown, f"crowd{i}", held, opened) for i, (held, opened) in enumerate(pools.items())]
    return replace(grown, world=replace(grown.world, vaults=(*running.world.vaults, *vaults)))


def _token(batch: Batch, name: str) -> Address:
    code = artefacts.creation_code("WorldToken") + calls.arguments("(string,string,uint8)", name, name, 18)
    return batch.deploy(f"token {name}", ROLES["admin"], code)


def _feed(batch: Batch, name: str, usd: Fraction) -> Address:
    setup = calls.arguments("(string,uint8,int256)", f"{name} / USD", FEED_DECIMALS, int(usd * 10**FEED_DECIMALS))
    return batch.deploy(f"feed {name}", ROLES["admin"], artefacts.creation_code("WorldFeed") + setup)


def _raw(usd: Fraction, dollars: int) -> int:
    return int(dollars * 10**18 / usd)


def _pools(
    running: RunningWorld, batch: Batch, wanted: list[tuple[str, str, int]], sides: dict[str, _Side]
) -> list[Pool]:
    v2, v3 = running.world.uniswap_v2, running.world.uniswap_v3
    specs = []
    for seed, (a, b, fee) in enumerate(wanted):
        pair = (sides[a], sides[b])
        low, high = sorted(pair, key=lambda side: int(side.token.address, 16))
        kind = UNISWAP_V3 if fee else UNISWAP_V2
        spec = PoolSpec(kind, a, b, fee or 3_000, Shape(seed, VALUE_USD, HALF_WIDTH, TICKS))
        specs.append((spec, (low, high)))
        if kind == UNISWAP_V2:
            _add_v2_liquidity(batch, spec, (low, high), v2)
        else:
            _add_v3_liquidity(batch, spec, (low, high), v3)
    batch.flush()
    return [_opened(batch, spec, ordered, v2, v3) for spec, ordered in specs]


def _basket(running: RunningWorld, name: str, held: tuple[str, ...], pools: list[Pool]) -> Vault:
    """Of equal parts of USDC and each token; the base asset is deposited, the tokens are minted to it."""
    world, symbols = running.world, ("USDC", *held)
    addresses = [world.token(symbol).address for symbol in symbols]
    usd = {"USDC": Fraction(1), **prices()}
    feeds = [(world.feed(symbol), int(usd[symbol] * 10**FEED_DECIMALS)) for symbol in symbols]
    rules = (
        *(world.account("owner"), world.account("curator"), [world.account("keeper")], [world.account("sentinel")]),
        addresses,
        [(a, (f.address, HEARTBEAT_S * 24, at // 100, at * 100)) for a, (f, at) in zip(addresses, feeds, strict=True)],
        [(_adapter(pool), pool.address) for pool in pools],
        *(LIMITS, NO_HEALTH_LIMITS, NO_SEQUENCER),
    )
    batch, admin, user = Batch(running.url), world.account("admin"), world.account("user")
    guarded = artefacts.creation_code("Guard") + calls.arguments(f"({_GUARD_SETUP})", rules)
    guard = batch.deploy(f"guard of {name}", admin, guarded)
    share = 10_000 // len(symbols)
    own = ([10_000 - share * len(held), *[share] * len(held)], BASKET_BAND)
    setup = calls.arguments(
        f"({_SHARE_SETUP},uint16[],uint16)", (guard, f"Keeper {name}", f"k{name}", ENTRY_FEE, EXIT_FEE), *own
    )
    vault = batch.deploy(name, admin, artefacts.creation_code("BasketVault") + setup)
    batch.send(user, addresses[0], "approve(address,uint256)", vault, ALL)
    batch.flush()
    part = HELD_USD // len(symbols)
    market.transact(running, "user", vault, "deposit(uint256,address)", part * 10**6, user, gas=5_000_000)
    for symbol, address in zip(held, addresses[1:], strict=True):
        batch.send(admin, address, "mint(address,uint256)", vault, _raw(usd[symbol], part))
    batch.flush()
    return Vault(name, "basket", vault)
