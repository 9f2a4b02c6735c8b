"""The split of one sale over several pools, against exhaustive search and the conditions of its optimum."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keeper.errors import Unquotable
from keeper.model import Fill
from keeper.plan.split import split
from keeper.protocols.uniswap_v2 import UniswapV2Pair
from keeper.units import Address

A = Address("0x" + "a" * 40)
B = Address("0x" + "b" * 40)
depths = st.integers(10**22, 10**25)


def pair(number: int, reserve_a: int, reserve_b: int) -> UniswapV2Pair:
    return UniswapV2Pair(Address(f"0x{number:040x}"), (A, B), (reserve_a, reserve_b))


@given(st.lists(depths, min_size=1, max_size=5), st.integers(10**6, 10**23))
def test_sells_exactly_the_amount_and_quotes_are_the_pools_own(reserves: list[int], amount: int) -> None:
    pools = [pair(i, r, 3 * r) for i, r in enumerate(reserves)]
    fills = split(pools, A, amount, 0.0)
    assert sum(f.amount_in for f in fills) == amount
    for fill in fills:
        pool = next(p for p in pools if p.pool == fill.pool)
        assert fill == pool.quote(A, fill.amount_in)


@settings(max_examples=60)
@given(depths, depths, st.integers(-300, 300), st.integers(10**21, 10**23))
def test_no_other_split_of_two_pools_buys_more(first: int, second: int, basis: int, amount: int) -> None:
    pools = [pair(1, first, first * 3), pair(2, second, second * (30_000 + basis) // 10_000)]
    bought = sum(f.amount_out for f in split(pools, A, amount, 0.0))
    for share in range(101):
        part = amount * share // 100
        other = sum(p.quote(A, a).amount_out for p, a in zip(pools, (part, amount - part), strict=True) if a)
        assert bought >= other - 2


@given(depths, depths, st.integers(10**21, 10**23))
def test_marginal_prices_of_used_pools_are_equal(first: int, second: int, amount: int) -> None:
    pools = [pair(1, first, first * 3), pair(2, second, second * 3)]
    fills = split(pools, A, amount, 0.0)
    if len(fills) == 2 and min(f.amount_in for f in fills) > 10**12:
        after = [next(p for p in pools if p.pool == f.pool).after(A, f.amount_in).mid(A) for f in fills]
        assert after[0] == pytest.approx(after[1], rel=1e-6)


@settings(max_examples=40)
@given(st.lists(depths, min_size=2, max_size=4), st.integers(10**21, 10**22), st.floats(0.0, 1e15))
def test_pruning_for_gas_matches_the_best_subset(reserves: list[int], amount: int, out_per_gas: float) -> None:
    pools = [pair(i, r, 3 * r) for i, r in enumerate(reserves)]

    gas = {p.pool: p.gas for p in pools}

    def net(fills: tuple[Fill, ...]) -> float:
        return sum(f.amount_out - out_per_gas * gas[f.pool] for f in fills)

    best = max(
        net(split(subset, A, amount, 0.0))
        for size in range(1, len(pools) + 1)
        for subset in itertools.combinations(pools, size)
    )
    assert net(split(pools, A, amount, out_per_gas)) >= best - 1e-9 * abs(best)


def test_an_empty_market_is_refused_in_words() -> None:
    with pytest.raises(Unquotable, match="no liquidity"):
        split([pair(1, 0, 0), pair(2, 0, 0)], A, 1, 0.0)
