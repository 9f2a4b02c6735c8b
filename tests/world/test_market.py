"""The others' moves: swaps, rounds, arbitrage and time do what they say, on a fork as on the world."""

import pytest

from keeper.errors import Halt
from keeper.world import RunningWorld, calls, market, rpc
from keeper.world.content import POOLS
from keeper.world.uniswap import sqrt_price_x96_down
from keeper.world.world import BLOCK_SECONDS, GENESIS_BASE_FEE, UNISWAP_V2, Pool


def pool_price(running: RunningWorld, pool: Pool) -> float:
    """Raw token1 per raw token0."""
    if pool.kind == UNISWAP_V2:
        reserve0, reserve1, _ = calls.view(running.url, pool.address, "getReserves()", "(uint112,uint112,uint32)")
        return float(reserve1 / reserve0)
    return float((calls.view(running.url, pool.address, "slot0()", "(uint160)") / 2**96) ** 2)


def test_a_swap_pays_in_and_out_what_it_reports(fork: RunningWorld) -> None:
    before = market.balance(fork, "WETH", "trader"), market.balance(fork, "USDC", "trader")
    done = market.swap(fork, "WETH", "USDC", 5 * 10**18)
    after = market.balance(fork, "WETH", "trader"), market.balance(fork, "USDC", "trader")
    assert (done.token_in, done.amount_in, done.token_out) == ("WETH", 5 * 10**18, "USDC")
    assert before[0] - after[0] == done.amount_in
    assert after[1] - before[1] == done.amount_out > 0


def test_a_swap_between_strangers_is_refused(fork: RunningWorld) -> None:
    with pytest.raises(KeyError, match="LINK"):
        market.swap(fork, "LINK", "USDC", 1)


def test_a_swap_of_more_than_one_has_is_refused(fork: RunningWorld) -> None:
    with pytest.raises(Halt, match="STF"):
        market.swap(fork, "USDC", "WETH", market.balance(fork, "USDC", "trader") + 1)


@pytest.mark.parametrize("index", range(len(POOLS)))
@pytest.mark.parametrize("factor", [0.9, 1.15])
def test_arbitrage_brings_a_pool_to_the_oracle_price(fork: RunningWorld, index: int, factor: float) -> None:
    pool = fork.world.pools[index]
    moved = pool.token0 if pool.token0 != "USDC" else pool.token1
    feed = fork.world.feed(moved)
    answer = calls.view(fork.url, feed.address, "latestAnswer()", "(int256)")
    market.push_round(fork, moved, round(answer * factor))
    assert market.arbitrage(fork, pool) is not None
    price = market.oracle_price(fork, pool)
    if pool.kind == UNISWAP_V2:
        assert pool_price(fork, pool) == pytest.approx(float(price), rel=1e-6)
    else:
        assert calls.view(fork.url, pool.address, "slot0()", "(uint160)") == sqrt_price_x96_down(price)
        assert market.arbitrage(fork, pool) is None


def test_a_move_takes_every_pool_along_in_two_blocks(fork: RunningWorld) -> None:
    before = int(rpc.request(fork.url, "eth_blockNumber"), 16)
    swaps = market.move(fork, {"WETH": 2_500.0, "WBTC": 55_000.0, "wstETH": 2_950.0, "LINK": 13.0})
    assert {swap.pool for swap in swaps} == set(fork.world.pools)
    assert int(rpc.request(fork.url, "eth_blockNumber"), 16) == before + 2
    for pool in fork.world.pools:
        assert pool_price(fork, pool) == pytest.approx(float(market.oracle_price(fork, pool)), rel=1e-6)


def test_arbitrage_refuses_to_follow_a_broken_feed(fork: RunningWorld) -> None:
    market.push_round(fork, "LINK", 0)
    with pytest.raises(Halt, match="LINK feed answers 0"):
        market.arbitrage(fork, fork.world.pool("LINK", "WETH", 3_000))


def test_blocks_come_twelve_seconds_apart_unless_told_otherwise(fork: RunningWorld) -> None:
    start = market.now(fork)
    market.push_price(fork, "USDC", 1.0)
    assert market.now(fork) == start + BLOCK_SECONDS
    market.mine(fork, seconds=3_600, blocks=2)
    assert market.now(fork) == start + BLOCK_SECONDS + 7_200
    market.set_next_block_time(fork, start + 10_000)
    market.push_price(fork, "USDC", 1.0)
    assert market.now(fork) == start + 10_000
    market.push_price(fork, "USDC", 1.0)
    assert market.now(fork) == start + 10_000 + BLOCK_SECONDS


def test_the_base_fee_can_be_set_and_does_not_drift(fork: RunningWorld) -> None:
    market.mine(fork, blocks=20)
    assert base_fee(fork) == GENESIS_BASE_FEE
    market.set_base_fee(fork, 77 * 10**9)
    rpc.request(fork.url, "evm_mine")
    assert base_fee(fork) == 77 * 10**9


def base_fee(running: RunningWorld) -> int:
    return int(rpc.request(running.url, "eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)
