"""The adapters on a node: the local world's pools and market read in one call, and then moved as they said."""

from collections.abc import Callable
from typing import Any

import pytest

from keeper import abi
from keeper.chain.node import Node
from keeper.chain.observe import Lens, ask
from keeper.model import Question, Venue
from keeper.protocols import aave_v3_reading, lens, uniswap_v2, uniswap_v3
from keeper.world import RunningWorld, calls, market
from keeper.world.content import POOLS
from keeper.world.world import UNISWAP_V2, Pool

FOREVER = 2**40
TRANSACTION_GAS = 21_000
ADAPTERS = {True: uniswap_v2, False: uniswap_v3}

Reader = Callable[[Question[Any]], Any]


@pytest.fixture(scope="module")
def read(fork: RunningWorld) -> Reader:
    """Asks one question at the fork's head."""
    node = Node([fork.url], fork.world.chain_id)
    runtime = Lens(lens.LENS, abi.load("KeeperLens").runtime)
    return lambda question: ask(node, [question], node.head().hash, runtime)[0]


def _swap(fork: RunningWorld, pool: Pool, venue: Venue, side: int, amount: int) -> int:
    """Sells through the real router; the transaction's gas."""
    world, path = fork.world, (venue.tokens[side], venue.tokens[1 - side])
    trader = world.account("trader")
    if pool.kind == UNISWAP_V2:
        to, verb = world.uniswap_v2.router, "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
        order: tuple[Any, ...] = (amount, 0, path, trader, FOREVER)
    else:
        to = world.uniswap_v3.router
        verb = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
        order = ((*path, pool.fee, trader, FOREVER, amount, 0, 0),)
    return int(market.transact(fork, "trader", to, verb, *order, gas=10_000_000)["gasUsed"], 16)


@pytest.mark.parametrize("index", range(len(POOLS)))
def test_a_pool_is_read_whole_and_ends_where_it_was_said_to(fork: RunningWorld, read: Reader, index: int) -> None:
    pool = fork.world.pools[index]
    adapter = ADAPTERS[pool.kind == UNISWAP_V2]
    facts = read(adapter.facts(pool.address))
    for side, depth in ((0, 0.9999), (1, 0.995), (0, 0.98)):
        venue = read(adapter.observe(facts))
        token = venue.tokens[side]
        amount = venue.best_input(token, venue.mid(token) * (1.0 - venue.fee) * depth)
        assert amount > 0
        before = market.balance(fork, (pool.token0, pool.token1)[1 - side], "trader")
        _swap(fork, pool, venue, side, amount)
        received = market.balance(fork, (pool.token0, pool.token1)[1 - side], "trader") - before
        assert received == venue.quote(token, amount).amount_out
        assert read(adapter.observe(facts)) == venue.after(token, amount)


@pytest.mark.parametrize("index", range(len(POOLS)))
def test_a_swap_costs_about_the_gas_it_is_said_to(fork: RunningWorld, read: Reader, index: int) -> None:
    """The router's own steps stand for the vault's; only the transaction's base fee is nobody's leg."""
    pool = fork.world.pools[index]
    adapter = ADAPTERS[pool.kind == UNISWAP_V2]
    venue = read(adapter.observe(read(adapter.facts(pool.address))))
    token = venue.tokens[0]
    small = venue.best_input(token, venue.mid(token) * (1.0 - venue.fee) * 0.99999)
    amount = max(small, 10**6)
    used = _swap(fork, pool, venue, 0, amount) - TRANSACTION_GAS
    assert venue.gas_of(venue.quote(token, amount)) == venue.gas  # it meets nothing
    assert adapter.SWAP_GAS * 0.8 < used < venue.gas * 1.6


def test_the_market_is_read_whole_and_values_accounts_as_it_does_itself(fork: RunningWorld, read: Reader) -> None:
    aave, borrower = fork.world.aave, fork.world.account("borrower")
    listed = read(aave_v3_reading.listing(aave.pool, [borrower]))
    now = read(aave_v3_reading.observe(read(aave_v3_reading.facts(listed, []))))
    assert len(now.reserves) == len(aave.reserves)
    for seconds in (12, 86_400, 400 * 86_400):
        market.mine(fork, seconds)
        answer = calls.view(
            fork.url,
            aave.pool,
            "getUserAccountData(address)",
            "(uint256,uint256,uint256,uint256,uint256,uint256)",
            borrower,
        )
        assert now.account_data(borrower, market.now(fork)) == tuple(answer)
