"""Deploys the project's vaults in the world and brings them to work: deposits, a first investment, a first leverage.

Every step is one the vaults allow anybody in that role: the keeper's own rebalances, inside the limits, do the rest.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from eth_utils.crypto import keccak

from keeper.units import BPS, PPM, Address
from keeper.world import artefacts, calls, market
from keeper.world.batch import Batch
from keeper.world.content import FEED_DECIMALS, SPECS
from keeper.world.world import BLOCK_SECONDS, UNISWAP_V2, Pool, RunningWorld, Vault

BASKET = "basket"
LEVERAGE = "leverage"
RANGE = "range"

BASKET_WEIGHTS = {"USDC": 3_000, "WETH": 4_000, "WBTC": 3_000}
"""Bps, the base asset first."""
BASKET_BAND = 500
BASKET_SEED_USD = 20_000
BASKET_USD = 2_000_000
LEVERAGE_DEPOSIT = 500 * 10**18
LEVERAGE_STEPS = 3
HEALTH_FACTOR = Fraction("1.8")
HEALTH_LIMITS = (125 * 10**16, 3 * 10**18, 115 * 10**16, 105 * 10**16, 150, 2_500, 50)
"""Floor, ceiling, urgent, ripcord (WAD); urgent loss, chunk, reward (bps)."""
NO_HEALTH_LIMITS = (0,) * 7
RANGE_DEPOSIT = {"USDC": 300_000 * 10**6, "WETH": 100 * 10**18}
RANGE_SHARES = 600_000 * 10**18
RANGE_HALF_WIDTH = 1_000
"""Ticks: a tenth of the price either way."""
RANGE_WIDTHS = (200, 20_000)
LIMITS = (30, 100, 100, 100, 2_500, 10_000, 300)
"""Loss, gain, daily loss, deviation, turnover, daily turnover (bps), cooldown (s)."""
COOLDOWN = LIMITS[6]
ENTRY_FEE = 50
EXIT_FEE = 50
NO_SEQUENCER = "0x" + 40 * "0"
HEARTBEATS = {"WETH": 3_600, "WBTC": 3_600, "USDC": 86_400, "wstETH": 86_400, "LINK": 3_600}
"""Seconds; those of Chainlink's feeds on Ethereum."""

_GUARD_SETUP = (
    "(address,address,address[],address[],address[],(address,(address,uint32,int256,int256))[],"
    "(uint8,address)[],(uint16,uint16,uint16,uint16,uint16,uint16,uint32),"
    "(uint64,uint64,uint64,uint64,uint16,uint16,uint16),address)"
)
_SHARE_SETUP = "(address,string,string,uint16,uint16)"
_LENDING_SETUP = "(address,uint8)"
_RANGE_SETUP = "(address,string,string,address,int24,int24)"
_RANGE_MOVE = ",(int24,int24,uint128)"
_MOVE = ",(bool,bool,bool,uint256,uint256)"
_ACCOUNT_DATA = "(uint256,uint256,uint256,uint256,uint256,uint256)"
_ORDER = "(bytes32,uint64,uint64,bytes32,uint256)"
_LEGS = "(uint8,address,address,uint256,uint256)[]"
_GAS = 5_000_000


def open_basket(running: RunningWorld) -> Vault:
    """A basket over USDC at its target weights: a small deposit is invested, and then deposited upon in kind."""
    symbols = tuple(BASKET_WEIGHTS)
    own = (list(BASKET_WEIGHTS.values()), BASKET_BAND)

    def arguments(guard: Address) -> bytes:
        shares = (guard, "Keeper Basket", "kBASKET", ENTRY_FEE, EXIT_FEE)
        return calls.arguments(f"({_SHARE_SETUP},uint16[],uint16)", shares, *own)

    vault = _deploy(running, "BasketVault", symbols, arguments)
    user = running.world.account("user")
    seed = BASKET_SEED_USD * 10**6
    market.transact(running, "user", vault, "deposit(uint256,address)", seed, user, gas=_GAS)
    weth, wbtc = running.world.pool("WETH", "USDC", 500), running.world.pool("WBTC", "USDC", 3_000)
    to_weth, to_wbtc = _spend_for(seed, "WETH", weth), _spend_for(seed, "WBTC", wbtc)
    # A quarter of the vault may be sold at a time: 24 %, then 16 % and 7 %, then 23 %.
    first, second = to_weth * 24 // 40, to_wbtc * 7 // 30
    _rebalance(running, vault, [(weth, "USDC", first)])
    _rebalance(running, vault, [(weth, "USDC", to_weth - first), (wbtc, "USDC", second)])
    _rebalance(running, vault, [(wbtc, "USDC", to_wbtc - second)])
    supply = calls.view(running.url, vault, "totalSupply()", "(uint256)")
    shares = supply * (BASKET_USD - BASKET_SEED_USD) // BASKET_SEED_USD
    most = [2**255] * len(symbols)
    market.transact(running, "user", vault, "depositInKind(uint256,address,uint256[])", shares, user, most, gas=_GAS)
    return Vault(BASKET, BASKET, vault)


def open_leverage(running: RunningWorld) -> Vault:
    """WETH against USDC on Aave: a deposit is supplied, then levered step by step to HEALTH_FACTOR."""
    lending = (running.world.aave.pool, 0)

    def arguments(guard: Address) -> bytes:
        shares = (guard, "Keeper Leverage", "kLEVER", ENTRY_FEE, EXIT_FEE)
        return calls.arguments(f"({_SHARE_SETUP},{_LENDING_SETUP})", shares, lending)

    vault = _deploy(running, "LeverageVault", ("WETH", "USDC"), arguments, HEALTH_LIMITS)
    user = running.world.account("user")
    market.transact(running, "user", vault, "deposit(uint256,address)", LEVERAGE_DEPOSIT, user, gas=_GAS)
    _rebalance(running, vault, [], _MOVE, ((True, False, False, 0, 0),))
    pool = running.world.pool("WETH", "USDC", 500)
    for _ in range(LEVERAGE_STEPS):
        debt = _next_debt(running, vault)
        _rebalance(running, vault, [(pool, "USDC", debt)], _MOVE, ((True, False, False, debt, 0),))
    return Vault(LEVERAGE, LEVERAGE, vault)


def open_range(running: RunningWorld) -> Vault:
    """WETH and USDC in the pool of 0.05 %: a deposit in both, put to work round the price."""
    symbols = tuple(RANGE_DEPOSIT)
    pool = running.world.pool("WETH", "USDC", 500)

    def arguments(guard: Address) -> bytes:
        return calls.arguments(f"({_RANGE_SETUP})", (guard, "Keeper Range", "kRANGE", pool.address, *RANGE_WIDTHS))

    vault = _deploy(running, "RangeVault", symbols, arguments)
    user = running.world.account("user")
    amounts = list(RANGE_DEPOSIT.values())
    market.transact(running, "user", vault, "deposit(uint256,address,uint256[])", RANGE_SHARES, user, amounts, gas=_GAS)
    _, tick, *_ = calls.view(running.url, pool.address, "slot0()", "(uint160,int24,uint16,uint16,uint16,uint8,bool)")
    centre = tick // pool.tick_spacing * pool.tick_spacing
    move = (centre - RANGE_HALF_WIDTH, centre + RANGE_HALF_WIDTH, 0)
    _rebalance(running, vault, [], _RANGE_MOVE, (move,))
    return Vault(RANGE, RANGE, vault)


def _deploy(
    running: RunningWorld,
    contract: str,
    tokens: tuple[str, ...],
    arguments: Callable[[Address], bytes],
    health: tuple[int, ...] = NO_HEALTH_LIMITS,
) -> Address:
    """Deploys a vault over `tokens` (the base asset first) behind its guard, and lets it take them from the user.

    `arguments` encodes the constructor's, once the guard's address is known.
    """
    world = running.world
    role = world.account
    addresses = [world.token(token).address for token in tokens]
    pools = [pool for pool in world.pools if {pool.token0, pool.token1} <= set(tokens)]
    rules = (
        *(role("owner"), role("curator"), [role("keeper")], [role("sentinel")], addresses),
        [(world.token(token).address, _feed(running, token)) for token in tokens],
        [(_adapter(pool), pool.address) for pool in pools],
        LIMITS,
        health,
        NO_SEQUENCER,
    )
    batch = Batch(running.url)
    guard = batch.deploy(
        f"Guard of {contract}",
        role("admin"),
        artefacts.creation_code("Guard") + calls.arguments(f"({_GUARD_SETUP})", rules),
    )
    vault = batch.deploy(contract, role("admin"), artefacts.creation_code(contract) + arguments(guard))
    for address in addresses:
        batch.send(role("user"), address, "approve(address,uint256)", vault, 2**256 - 1)
    batch.flush()
    return vault


def _next_debt(running: RunningWorld, vault: Address) -> int:
    """Raw USDC to borrow next: what is missing to HEALTH_FACTOR, but no more than may be sold in one action.

    With collateral value C, debt D and threshold t, borrowing d and buying collateral for it gives the health factor
    t(C + d) / (D + d).
    """
    account: tuple[int, ...] = calls.view(
        running.url, running.world.aave.pool, "getUserAccountData(address)", _ACCOUNT_DATA, vault
    )
    collateral, debt, _, threshold, _, _ = account
    share = Fraction(threshold, BPS)
    missing = (share * collateral - HEALTH_FACTOR * debt) / (HEALTH_FACTOR - share)
    most = Fraction(collateral * (LIMITS[4] - 100), BPS)  # a little less than the limit: prices move while buying
    dollars = min(missing, most) / Fraction(10**FEED_DECIMALS)
    return int(dollars * 10**6)


def _feed(running: RunningWorld, symbol: str) -> tuple[Address, int, int, int]:
    """A feed as a vault takes it; answers a hundred times below or above the starting price are refused."""
    feed = running.world.feed(symbol)
    price = int(SPECS[symbol].usd * 10**feed.decimals)
    return feed.address, HEARTBEATS[symbol], price // 100, price * 100


def _adapter(pool: Pool) -> int:
    """The number by which the vaults know a pool's kind."""
    return 1 if pool.kind == UNISWAP_V2 else 2


def _spend_for(seed: int, symbol: str, pool: Pool) -> int:
    """Raw USDC that buys a token's weight of the seed, the pool's fee paid on top."""
    return seed * BASKET_WEIGHTS[symbol] * PPM // (BPS * (PPM - pool.fee))


def _rebalance(
    running: RunningWorld,
    vault: Address,
    legs: list[tuple[Pool, str, int]],
    types: str = "",
    values: tuple[Any, ...] = (),
) -> None:
    """The keeper's own action, after its cooldown; legs are (pool, token in, raw amount in)."""
    epoch, _, last_action_at, _, _ = calls.view(
        running.url, vault, "guardState()", "(uint64,bool,uint64,uint256,uint256)"
    )
    at = max(market.now(running) + BLOCK_SECONDS, last_action_at + COOLDOWN)
    market.set_next_block_time(running, at)
    intent = keccak(calls.arguments("(uint256,address,uint64)", running.world.chain_id, vault, epoch))
    steps = [
        (_adapter(pool), pool.address, running.world.token(token_in).address, amount, 0)
        for pool, token_in, amount in legs
    ]
    order = (intent, epoch, at + COOLDOWN, bytes(32), 0)
    function = f"rebalance({_ORDER},{_LEGS}{types})"
    market.transact(running, "keeper", vault, function, order, steps, *values, gas=_GAS)
