"""Uniswap in the world is the real one, deep, and priced as the feeds say."""

import pytest

from keeper.world import RunningWorld, calls, market, rpc
from keeper.world.content import OBSERVATIONS, POOLS
from keeper.world.uniswap import sqrt_price_x96_down
from keeper.world.world import UNISWAP_V2, UNISWAP_V3, Pool

SLOT0 = "(uint160,int24,uint16,uint16,uint16,uint8,bool)"
V3_INDEXES = [index for index, spec in enumerate(POOLS) if spec.kind == UNISWAP_V3]
V2_INDEXES = [index for index, spec in enumerate(POOLS) if spec.kind == UNISWAP_V2]


def aggregate(running: RunningWorld, target: str, requests: list[bytes]) -> list[bytes]:
    """Answers of many views of one contract, by the Multicall3 that sits at its usual address."""
    data = calls.encode("aggregate3((address,bool,bytes)[])", [(target, False, request) for request in requests])
    call = {"to": "0xcA11bde05977b3631167028862bE2a173976CA11", "data": "0x" + data.hex(), "gas": hex(10**9)}
    answer = rpc.request(running.url, "eth_call", call, "latest")
    return [data for _, data in calls.decode("((bool,bytes)[])", bytes.fromhex(answer[2:]))[0]]


def initialised_ticks(running: RunningWorld, pool: Pool) -> list[int]:
    span = 887_272 // pool.tick_spacing // 256 + 1
    words = list(range(-span, span + 1))
    bitmaps = aggregate(running, pool.address, [calls.encode("tickBitmap(int16)", word) for word in words])
    return [
        (word * 256 + bit) * pool.tick_spacing
        for word, bitmap in zip(words, bitmaps, strict=True)
        for bit in range(256)
        if int.from_bytes(bitmap, "big") >> bit & 1
    ]


@pytest.mark.parametrize("index", V3_INDEXES)
def test_ticks_are_many_and_add_up_to_the_liquidity_in_range(world: RunningWorld, index: int) -> None:
    pool = world.world.pools[index]
    ticks = initialised_ticks(world, pool)
    assert len(ticks) >= 200
    answers = aggregate(world, pool.address, [calls.encode("ticks(int24)", tick) for tick in ticks])
    net = {tick: calls.decode("(uint128,int128)", answer)[1] for tick, answer in zip(ticks, answers, strict=True)}
    assert sum(net.values()) == 0
    current = calls.view(world.url, pool.address, "slot0()", SLOT0)[1]
    in_range = calls.view(world.url, pool.address, "liquidity()", "(uint128)")
    assert in_range == sum(change for tick, change in net.items() if tick <= current) > 0


@pytest.mark.parametrize("index", V3_INDEXES)
def test_v3_pools_open_exactly_at_the_oracle_price_and_remember_prices(world: RunningWorld, index: int) -> None:
    pool = world.world.pools[index]
    sqrt_price, _, _, _, cardinality_next, _, unlocked = calls.view(world.url, pool.address, "slot0()", SLOT0)
    assert sqrt_price == sqrt_price_x96_down(market.oracle_price(world, pool))
    assert cardinality_next == OBSERVATIONS
    assert unlocked


@pytest.mark.parametrize("index", range(len(POOLS)))
def test_pools_hold_what_the_content_says(world: RunningWorld, index: int) -> None:
    pool, spec = world.world.pools[index], POOLS[index]
    value = 0.0
    for symbol in (pool.token0, pool.token1):
        feed, token = world.world.feed(symbol), world.world.token(symbol)
        price = calls.view(world.url, feed.address, "latestAnswer()", "(int256)") / 10**feed.decimals
        value += market.balance(world, symbol, pool.address) / 10**token.decimals * price
    assert value == pytest.approx(spec.shape.value_usd, rel=0.01)


@pytest.mark.parametrize("index", V2_INDEXES)
def test_v2_pairs_open_at_the_oracle_price(world: RunningWorld, index: int) -> None:
    pool = world.world.pools[index]
    reserve0, reserve1, _ = calls.view(world.url, pool.address, "getReserves()", "(uint112,uint112,uint32)")
    assert reserve1 / reserve0 == pytest.approx(float(market.oracle_price(world, pool)), rel=1e-6)


@pytest.mark.parametrize("index", V3_INDEXES)
def test_both_quoters_foresee_a_swap_to_the_wei(fork: RunningWorld, index: int) -> None:
    pool = fork.world.pools[index]
    tokens = (fork.world.token(pool.token0), fork.world.token(pool.token1))
    amount = market.balance(fork, pool.token0, pool.address) // 50
    quoted = calls.view(
        fork.url,
        fork.world.uniswap_v3.quoter_v2,
        "quoteExactInputSingle((address,address,uint256,uint24,uint160))",
        "(uint256,uint160,uint32,uint256)",
        (tokens[0].address, tokens[1].address, amount, pool.fee, 0),
    )
    quoted_by_v1 = calls.view(
        fork.url,
        fork.world.uniswap_v3.quoter,
        "quoteExactInputSingle(address,address,uint24,uint256,uint160)",
        "(uint256)",
        *(tokens[0].address, tokens[1].address, pool.fee, amount, 0),
    )
    done = market.swap(fork, pool.token0, pool.token1, amount, pool)
    assert done.amount_in == amount
    assert done.amount_out == quoted[0] == quoted_by_v1 > 0
    assert calls.view(fork.url, pool.address, "slot0()", SLOT0)[0] == quoted[1]


def test_positions_are_tokens_with_a_picture(world: RunningWorld) -> None:
    manager = world.world.uniswap_v3.position_manager
    assert calls.view(world.url, manager, "ownerOf(uint256)", "(address)", 1) == world.world.account("lp")
    picture = calls.view(world.url, manager, "tokenURI(uint256)", "(string)", 1)
    assert picture.startswith("data:application/json;base64,")


def test_weth_is_ether_wrapped(fork: RunningWorld) -> None:
    weth = fork.world.token("WETH").address
    before = market.balance(fork, "WETH", "user")
    market.transact(fork, "user", weth, "withdraw(uint256)", 10**18)
    assert market.balance(fork, "WETH", "user") == before - 10**18
