"""What the others do: trades through the real routers, oracle rounds, arbitrage, and time, on a world or its fork."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from eth_utils.crypto import keccak

from keeper.errors import Halt
from keeper.units import Address
from keeper.world import calls, rpc
from keeper.world.batch import CALL_GAS, Batch
from keeper.world.uniswap import FOREVER, sqrt_price_x96_down
from keeper.world.world import BLOCK_SECONDS, GENESIS_BASE_FEE, UNISWAP_V2, Pool, RunningWorld

_TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()


@dataclass(frozen=True, slots=True)
class Swap:
    """A mined swap: what left the trader's account and what came in, raw."""

    pool: Pool
    token_in: str
    amount_in: int
    token_out: str
    amount_out: int


def swap(
    running: RunningWorld,
    token_in: str,
    token_out: str,
    amount_in_raw: int,
    pool: Pool | None = None,
    role: str = "trader",
) -> Swap:
    """Sells an exact amount through the real router of `pool` (None: the first pool with both tokens), in a new block.

    Raises Halt when the router reverts, KeyError when no pool trades the two tokens.
    """
    chosen = pool or _first_pool(running, token_in, token_out)
    batch = Batch(running.url)
    _queue_swap(batch, running, chosen, token_in, amount_in_raw, 0, role)
    return _swapped(running, chosen, token_in, batch.flush()[0], role)


def push_price(running: RunningWorld, symbol: str, usd: float) -> None:
    """Opens a round at `usd` in the token's feed, in a new block."""
    push_round(running, symbol, round(usd * 10 ** running.world.feed(symbol).decimals))


def push_round(running: RunningWorld, symbol: str, answer: int, updated_at: int | None = None) -> None:
    """Opens a round with a raw answer, zero and negative included, at the block's time or a time of your choice."""
    feed = running.world.feed(symbol).address
    if updated_at is None:
        transact(running, "admin", feed, "pushRound(int256)", answer)
    else:
        transact(running, "admin", feed, "pushRoundAt(int256,uint256)", answer, updated_at)


def set_feed_down(running: RunningWorld, symbol: str, down: bool) -> None:
    """Makes every read of the token's feed revert, or stops doing so."""
    transact(running, "admin", running.world.feed(symbol).address, "setDown(bool)", down)


def refresh_feeds(running: RunningWorld) -> None:
    """Opens a round in every feed with the answer it already has, in one block."""
    batch = Batch(running.url)
    for feed in running.world.feeds:
        latest = calls.view(running.url, feed.address, "latestAnswer()", "(int256)")
        batch.send(running.world.account("admin"), feed.address, "pushRound(int256)", latest, gas=200_000)
    batch.flush()


def arbitrage(running: RunningWorld, pool: Pool) -> Swap | None:
    """Brings a pool to its oracle price with one real swap; None when it is there already. V2 to within a unit."""
    batch = Batch(running.url)
    token_in = _queue_arbitrage(batch, running, pool)
    return None if token_in is None else _swapped(running, pool, token_in, batch.flush()[0], "arbitrageur")


def move(running: RunningWorld, usd: Mapping[str, float]) -> list[Swap]:
    """Moves the market: a round for each named token in one block, then every pool to its oracle price in the next."""
    rounds = Batch(running.url)
    for symbol, price in usd.items():
        feed = running.world.feed(symbol)
        answer = round(price * 10**feed.decimals)
        rounds.send(running.world.account("admin"), feed.address, "pushRound(int256)", answer, gas=200_000)
    rounds.flush()
    swaps = Batch(running.url)
    queued = [(pool, _queue_arbitrage(swaps, running, pool)) for pool in running.world.pools]
    done = [(pool, token_in) for pool, token_in in queued if token_in is not None]
    return [
        _swapped(running, pool, token_in, receipt, "arbitrageur")
        for (pool, token_in), receipt in zip(done, swaps.flush(), strict=True)
    ]


def mine(
    running: RunningWorld, seconds: int = BLOCK_SECONDS, blocks: int = 1, base_fee: int = GENESIS_BASE_FEE
) -> None:
    """Mines blocks `seconds` apart, the first `seconds` after the latest, at a base fee in wei, that of genesis."""
    for _ in range(blocks):
        set_next_block_time(running, now(running) + seconds)
        set_base_fee(running, base_fee)
        rpc.request(running.url, "evm_mine")


def now(running: RunningWorld) -> int:
    """The latest block's timestamp, in seconds: the world's clock."""
    return int(rpc.request(running.url, "eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def set_next_block_time(running: RunningWorld, timestamp: int) -> None:
    """Dates the next block, which must be later than the latest; the ones after it come 12 s apart again."""
    rpc.request(running.url, "evm_setNextBlockTimestamp", timestamp)


def set_base_fee(running: RunningWorld, wei: int) -> None:
    """Sets the next block's base fee, in wei a unit of gas; later blocks follow from it as EIP-1559 says."""
    rpc.request(running.url, "anvil_setNextBlockBaseFeePerGas", hex(wei))


def balance(running: RunningWorld, symbol: str, account: str) -> int:
    """Raw units of a token that a role or an address holds."""
    holder = account if account.startswith("0x") else running.world.account(account)
    token = running.world.token(symbol).address
    amount: int = calls.view(running.url, token, "balanceOf(address)", "(uint256)", holder)
    return amount


def transact(
    running: RunningWorld, role: str, to: Address, function: str, *values: Any, gas: int = CALL_GAS, value: int = 0
) -> Any:
    """Calls `function` (a signature) from a role's account in a new block and returns the receipt.

    Raises Halt with the node's words when it reverts.
    """
    batch = Batch(running.url)
    batch.send(running.world.account(role), to, function, *values, gas=gas, value=value)
    return batch.flush()[0]


def oracle_price(running: RunningWorld, pool: Pool) -> Fraction:
    """Raw token1 per raw token0 by the two feeds. Raises Halt when an answer is not positive."""
    units = []
    for symbol in (pool.token0, pool.token1):
        feed, token = running.world.feed(symbol), running.world.token(symbol)
        answer = calls.view(running.url, feed.address, "latestAnswer()", "(int256)")
        if answer <= 0:
            raise Halt(f"the {symbol} feed answers {answer}; a price must be positive before pools can follow it")
        units.append(Fraction(answer, 10 ** (feed.decimals + token.decimals)))
    return units[0] / units[1]


def _first_pool(running: RunningWorld, token_in: str, token_out: str) -> Pool:
    for pool in running.world.pools:
        if {pool.token0, pool.token1} == {token_in, token_out}:
            return pool
    raise KeyError(f"the world has no pool of {token_in} and {token_out}")


def _queue_swap(
    batch: Batch, running: RunningWorld, pool: Pool, token_in: str, amount_in: int, sqrt_limit_x96: int, role: str
) -> None:
    world = running.world
    token_out = pool.token1 if token_in == pool.token0 else pool.token0
    path = (world.token(token_in).address, world.token(token_out).address)
    trader = world.account(role)
    if pool.kind == UNISWAP_V2:
        function = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
        batch.send(trader, world.uniswap_v2.router, function, amount_in, 0, path, trader, FOREVER, gas=None)
    else:
        function = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
        order = (*path, pool.fee, trader, FOREVER, amount_in, 0, sqrt_limit_x96)
        batch.send(trader, world.uniswap_v3.router, function, order, gas=None)


def _queue_arbitrage(batch: Batch, running: RunningWorld, pool: Pool) -> str | None:
    """Queues the swap that ends at the oracle price; returns the token sold, None when there is nothing to do."""
    price = oracle_price(running, pool)
    if pool.kind == UNISWAP_V2:
        token_in, amount_in = _v2_amount_to(running, pool, price)
        if amount_in == 0:
            return None
        _queue_swap(batch, running, pool, token_in, amount_in, 0, "arbitrageur")
        return token_in
    target = sqrt_price_x96_down(price)
    current = calls.view(running.url, pool.address, "slot0()", "(uint160,int24,uint16,uint16,uint16,uint8,bool)")[0]
    if target == current:
        return None
    token_in = pool.token0 if target < current else pool.token1
    # The pool takes no more than it needs to reach the limit, so the whole purse is offered.
    purse = balance(running, token_in, "arbitrageur")
    _queue_swap(batch, running, pool, token_in, purse, target, "arbitrageur")
    return token_in


def _v2_amount_to(running: RunningWorld, pool: Pool, price: Fraction) -> tuple[str, int]:
    """The token to sell to a V2 pair, and how much, so that its reserves end at `price`; 0 where that buys nothing.

    Selling a into reserves (x, y) leaves x + a and 1000xy / (1000x + 997a); their ratio is the wanted one where
    997a² + 1997xa + 1000(x² - xyr) = 0 with r = raw x per raw y wanted.
    """
    reserve0, reserve1, _ = calls.view(running.url, pool.address, "getReserves()", "(uint112,uint112,uint32)")
    sell0 = price < Fraction(reserve1, reserve0)
    x, y = (reserve0, reserve1) if sell0 else (reserve1, reserve0)
    ratio = 1 / price if sell0 else price
    product = math.floor(x * y * ratio)
    root = math.isqrt((1997 * x) ** 2 - 4 * 997 * 1000 * (x * x - product))
    amount = max(0, (root - 1997 * x) // (2 * 997))
    buys = 997 * amount * y // (1000 * x + 997 * amount)
    return (pool.token0 if sell0 else pool.token1), amount if buys else 0


def _swapped(running: RunningWorld, pool: Pool, token_in: str, receipt: Any, role: str) -> Swap:
    token_out = pool.token1 if token_in == pool.token0 else pool.token0
    trader = running.world.account(role)
    return Swap(
        pool,
        token_in,
        _transferred(receipt, running.world.token(token_in).address, 1, trader),
        token_out,
        _transferred(receipt, running.world.token(token_out).address, 2, trader),
    )


def _transferred(receipt: Any, token: Address, topic: int, account: Address) -> int:
    """Sum of a token's Transfer events from (topic 1) or to (topic 2) an account."""
    return sum(
        int(log["data"], 16)
        for log in receipt["logs"]
        if log["address"].lower() == token
        and log["topics"][0] == _TRANSFER
        and int(log["topics"][topic], 16) == int(account, 16)
    )
