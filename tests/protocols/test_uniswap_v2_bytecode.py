"""Uniswap V2 quotes against the deployed pair and router: zero wei apart, over random reserves and swaps."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from keeper import errors
from keeper.model import Fill
from keeper.protocols import uniswap_v2
from keeper.protocols.uniswap_v2 import RESERVE_MAX, UniswapV2Pair
from keeper.units import UINT256_MAX, Address, address

ADMIN = "0x00000000000000000000000000000000000000ad"
FOREVER = 2**40
SWAPS_PER_PAIR = 50


@dataclass
class Exchange:
    """A factory, its router and one pair with reserves."""

    chain: object
    router: str
    pool: Address

    def observe(self) -> UniswapV2Pair:
        return self.chain.ask(uniswap_v2.observe(self.chain.ask(uniswap_v2.facts(self.pool))))

    def swap(self, verb: str, amount: int, bound: int, token_in: Address, token_out: Address) -> tuple[int, int]:
        data = self.chain.view_result(
            self.chain.send(
                self.router,
                f"{verb}(uint256,uint256,address[],address,uint256)",
                amount,
                bound,
                [token_in, token_out],
                ADMIN,
                FOREVER,
            ),
            "uint256[]",
        )
        return data[0], data[1]


@pytest.fixture
def exchange(make_chain):
    """Makes an exchange whose pair holds the two reserves."""
    chain = make_chain()
    factory = chain.deploy(Path("@uniswap/v2-core/build/UniswapV2Factory.json"), "address", ADMIN)
    router = chain.deploy(
        Path("@uniswap/v2-periphery/build/UniswapV2Router02.json"), "address,address", factory, chain.token(18, "WETH")
    )

    def make(reserve_0: int, reserve_1: int) -> Exchange:
        tokens = sorted((chain.token(18, "A"), chain.token(6, "B")))
        pool = chain.view_result(chain.send(factory, "createPair(address,address)", *tokens), "address")
        for token, reserve in zip(tokens, (reserve_0, reserve_1), strict=True):
            chain.send(token, "mint(uint256)", 2**200)
            chain.send(token, "approve(address,uint256)", router, UINT256_MAX)
            chain.send(token, "transfer(address,uint256)", pool, reserve)
        chain.send(pool, "mint(address)", ADMIN)
        return Exchange(chain, router, address(pool))

    return make


def test_every_swap_equals_the_router_and_leaves_the_reserves_it_says(exchange, deep):
    draw = random.Random(20_201)
    made = refused = pairs = 0
    wanted = 10_000 if deep else 2_000
    while made < wanted:
        market = exchange(_size(draw, 11, 110), _size(draw, 11, 110))
        now = market.observe()
        pairs += 1
        # A pair drained or filled to the brim by the last swap has little left to test: on to the next.
        for _ in range(SWAPS_PER_PAIR):
            now, swapped = _one_swap(market, now, draw)
            made, refused = made + swapped, refused + (not swapped)
            if min(now.reserves) < 100 or max(now.reserves) > RESERVE_MAX // 2:
                break
    assert pairs > wanted // SWAPS_PER_PAIR
    assert refused > wanted // 100, "hardly a swap was refused: the draw no longer reaches the edges"


def _one_swap(market: Exchange, before: UniswapV2Pair, draw: random.Random) -> tuple[UniswapV2Pair, bool]:
    """One random swap in Python and on chain: the pair as it then is, and whether both made it (or neither)."""
    side = draw.randrange(2)
    token_in, token_out = before.tokens[side], before.tokens[1 - side]
    room, most = RESERVE_MAX - before.reserves[side], before.reserves[1 - side]
    if draw.random() < 0.5:
        verb, bound = "swapExactTokensForTokens", 0
        amount = draw.choice([1, 2, _size(draw, 1, 111), _size(draw, 1, 111), room, room + 1])
        answer = _attempt(before.quote, token_in, amount)
    else:
        verb, bound = "swapTokensForExactTokens", UINT256_MAX
        amount = draw.choice([1, max(1, most // 2), most - 1, most, draw.randrange(1, most + 1)])
        answer = _attempt(before.quote_out, token_out, amount)
    if answer is None:
        with pytest.raises(market.chain.Reverted):
            market.swap(verb, amount, bound, token_in, token_out)
        return before, False
    assert (answer.amount_in, answer.amount_out) == market.swap(verb, amount, bound, token_in, token_out)
    now = market.observe()
    if bound == 0:
        assert now == before.after(token_in, amount)
    return now, True


def _attempt(quote: Callable[[Address, int], Fill], token: Address, amount: int) -> Fill | None:
    try:
        return quote(token, amount)
    except errors.Unquotable:
        return None


def _size(draw: random.Random, low_bits: int, high_bits: int) -> int:
    """A random integer of a random number of bits."""
    bits = draw.randint(low_bits, high_bits)
    return draw.randrange(1 << (bits - 1), 1 << bits)


def test_the_library_gives_the_same_amounts_where_the_pair_itself_would_revert(exchange):
    market = exchange(10**20, 10**7)
    for amount in (1, 10**10, 10**13 + 1):
        expected = market.chain.view(
            market.router, "getAmountOut(uint256,uint256,uint256)", "uint256", amount, 10**20, 10**7
        )
        assert uniswap_v2.amount_out_down(amount, 10**20, 10**7) == expected
    assert uniswap_v2.amount_out_down(1, 10**20, 10**7) == 0
    with pytest.raises(errors.Unquotable, match="gives nothing for 1 of"):
        market.observe().quote(market.observe().tokens[0], 1)


def test_an_account_that_is_no_pair_is_named(make_chain):
    chain = make_chain()
    with pytest.raises(errors.BadInput, match=r"0x0+ad does not answer as a Uniswap V2 pair does"):
        chain.ask(uniswap_v2.facts(Address(ADMIN)))
