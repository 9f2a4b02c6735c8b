"""Orders routed through exact pools: never worse than the simple ways, payable in order, refused in words."""

import math
import os
from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from keeper.errors import Unquotable
from keeper.model import ALL_RECEIVED, MAX_LEGS, Fill, Venue
from keeper.plan.dispose import dispose
from keeper.plan.market import Market
from keeper.plan.route import Order, Trades, _flows, _hops, route
from keeper.protocols.uniswap_v2 import UniswapV2Pair
from keeper.units import Address
from keeper.vaults.legs import run_legs
from tests.plan.markets import PRICES, TOKENS, A, B, C, D, gain, market_of, pair, pool_v3, random_market, simple_ways

CASES = 500 if os.environ.get("KEEPER_DEEP") == "1" else 60
TOO_DEAR = 0.05
"""No vault accepts a loss of this share: where even the best way costs more, a refusal is an answer."""


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.02])
def test_never_worse_than_the_best_pool_an_even_split_or_the_best_two_hops(noise: float) -> None:
    compared = 0
    for seed in range(CASES):
        market, sold, bought, amount = _case(seed, noise)
        best = max((gain(market, way) for way in simple_ways(market, sold, bought, amount)), default=None)
        try:
            found = gain(market, route(market, _sale(sold, bought, amount), 0).fills)
        except Unquotable:
            assert best is None or best < -TOO_DEAR * amount * PRICES[sold]
            continue
        if best is not None:
            compared += 1
            assert found >= best - 1e-9 * amount * PRICES[sold], f"seed {seed}"
    assert compared > CASES / 2


@pytest.mark.parametrize("seed", range(25))
def test_a_basket_is_traded_in_legs_that_can_be_paid(seed: int) -> None:
    market = random_market(seed, 0.003)
    rng = np.random.default_rng(seed)
    values = rng.dirichlet(np.ones(4)) * 1e5
    held = {t: int(v / PRICES[t]) for t, v in zip(TOKENS, values, strict=True)}
    order = Order(
        {A: held[A] // 3, B: held[B] // 4}, {C: values[0] / 6 / PRICES[C], D: values[1] / 5 / PRICES[D]}, held
    )
    try:
        trades = route(market, order, 0)
    except Unquotable:
        return
    after = _replay(market, trades, held)
    assert len(trades.legs) <= MAX_LEGS
    assert len({leg.pool for leg in trades.legs}) == len(trades.legs)
    for token, amount in order.sells.items():
        passing = -trades.net(token)
        assert amount - passing <= 2e-3 * sum(f.amount_out for f in trades.fills if f.token_out == token)
        assert passing <= amount
        assert after[token] == held[token] - passing
    value = {t: wanted * PRICES[t] for t, wanted in order.buys.items()}
    other = min(value, key=lambda t: value[t])
    assert trades.net(other) >= order.buys[other] * (1 - 1e-4)
    lost = sum(-trades.net(t) * PRICES[t] for t in TOKENS) / PRICES[market.base]
    assert trades.cost.fees + trades.cost.impact + trades.cost.basis == pytest.approx(lost, rel=1e-9)


def _replay(market: Market, trades: Trades, held: dict[Address, int]) -> dict[Address, int]:
    """The inventory after the legs, by the vaults' own replay, which refuses what the contract refuses."""
    snapshot: Any = SimpleNamespace(venue=market.venue)
    done = run_legs(snapshot, trades.legs, held)
    assert done.fills == trades.fills
    return done.inventory


def _case(seed: int, noise: float) -> tuple[Market, Address, Address, int]:
    rng = np.random.default_rng(seed + 10**6)
    sold, bought = (TOKENS[i] for i in rng.choice(4, 2, replace=False))
    return random_market(seed, noise), sold, bought, int(10 ** rng.uniform(3.0, 6.3) / PRICES[sold])


def _sale(sold: Address, bought: Address, amount: int) -> Order:
    return Order({sold: amount}, {bought: 1.0}, {sold: amount, bought: 0})


def stable(number: int, tokens: tuple[Address, Address], dollars: float) -> UniswapV2Pair:
    """A pair at the oracle's price."""
    return pair(number, int(dollars / PRICES[tokens[0]]), int(dollars / PRICES[tokens[1]]), tokens)


def test_marginal_prices_are_equal_after_a_split() -> None:
    market = market_of(stable(1, (A, B), 1e7), stable(2, (A, B), 3e7))
    trades = route(market, _sale(A, B, 10**12), 0)
    after = [market.venue(f.pool).after(A, f.amount_in).mid(A) for f in trades.fills]
    assert len(after) == 2
    assert after[0] == pytest.approx(after[1], rel=1e-9)


@pytest.mark.parametrize("slippage", [10, 4_000])
def test_an_intermediate_token_split_over_pools_is_spent_to_the_last_unit_even_when_less_arrives(slippage: int) -> None:
    venues = (stable(1, (A, D), 3e7), stable(2, (D, B), 10e6), stable(3, (D, B), 11e6), stable(4, (D, B), 9e6))
    market = replace(market_of(*venues, gas_value=0.0), max_slippage=slippage)
    amount = 5 * 10**11
    trades = route(market, _sale(A, B, amount), 0)
    assert [leg.token_in for leg in trades.legs] == [A, D, D, D]
    assert [leg.amount_in == ALL_RECEIVED for leg in trades.legs] == [False, False, False, True]
    assert trades.fills[-1].amount_in > max(f.amount_in for f in trades.fills[1:3]), "the largest is last"
    _replay(market, trades, {A: amount, B: 0})
    slipped = replace(market, venues=(_Short(market.venues[0], trades.legs[0].min_out), *market.venues[1:]))
    snapshot: Any = SimpleNamespace(venue=slipped.venue)
    legs = tuple(replace(leg, min_out=0) if leg.token_in == D else leg for leg in trades.legs)
    assert run_legs(snapshot, legs, {A: amount, B: 0}).inventory[D] == 0


def test_the_order_of_tokens_is_found_as_by_trying_every_one() -> None:
    missed, compared = 0, 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        market = random_market(seed, 0.003)
        tokens = [TOKENS[i] for i in rng.permutation(4)]
        values = rng.dirichlet(np.ones(4)) * 1e5
        sells = {t: int(v / PRICES[t]) for t, v in zip(tokens[: 1 + seed % 2], values, strict=False)}
        worth = sum(a * PRICES[t] for t, a in sells.items())
        bought = tokens[len(sells) : 3]
        order = Order(sells, {t: worth / len(bought) / PRICES[t] for t in bought}, dict.fromkeys(TOKENS, 0) | sells)
        best = min((_in_this_order(market, order, one) for one in permutations(tokens)), default=math.inf)
        try:
            found = route(market, order, 0).cost.total
        except Unquotable:
            continue
        compared += 1
        missed += found > best + 1e-6 * worth / PRICES[market.base]
    assert compared > 15
    assert missed == 0


def _in_this_order(market: Market, order: Order, tokens: tuple[Address, ...]) -> float:
    """What the order costs where pools trade from the earlier of the tokens to the later only; infinite where none."""
    found = market.graph
    assert found is not None
    net = found.raw or found.rest
    net = net.one_way(np.array([float(tokens.index(t)) for t in net.tokens]))
    try:
        _, fills = dispose(market, _hops(net, _flows(net, found.prices, order, ())), order.sells, order.held)
    except Unquotable:
        return math.inf
    return market.cost(fills, 0).total


def _pushed(number: int, tokens: tuple[Address, Address], dollars: float, off: float) -> UniswapV2Pair:
    """A pair at whose price token 0 buys more than by the oracle's, by the share `off`."""
    return pair(number, int(dollars / PRICES[tokens[0]]), int(dollars * (1.0 + off) / PRICES[tokens[1]]), tokens)


def test_a_pool_pushed_between_two_tokens_to_be_bought_is_passed_through() -> None:
    venues = (stable(1, (A, B), 3e7), stable(2, (A, C), 3e7), _pushed(3, (B, C), 3e7, 0.02))
    order = Order({A: 10**11}, {B: 5e4 / PRICES[B], C: 5e4 / PRICES[C]}, {A: 10**11, B: 0, C: 0})
    assert {(f.token_in, f.token_out) for f in route(market_of(*venues), order, 0).fills} == {(A, B), (B, C)}


def test_two_pools_apart_are_traded_in_a_circle_where_the_vault_holds_enough() -> None:
    venues = (_pushed(1, (A, B), 3e7, 0.02), stable(2, (A, B), 3e7), stable(3, (A, C), 3e7), stable(4, (B, C), 3e7))
    sells, buys = {A: 5 * 10**10, B: int(5e4 / PRICES[B])}, {C: 1e5 / PRICES[C]}
    poor = route(market_of(*venues), Order(sells, buys, sells), 0)
    held = {A: 10**13, B: int(1e7 / PRICES[B]), C: 0}
    rich = route(market_of(*venues), Order(sells, buys, held), 0)
    assert {(f.token_in, f.token_out) for f in rich.fills} >= {(A, B), (B, A)}
    assert rich.cost.total < poor.cost.total
    after = _replay(market_of(*venues), rich, held)
    assert all(0 <= after[t] - held[t] + amount <= 1e-3 * held[t] for t, amount in sells.items())


def test_a_leg_that_does_not_pay_for_its_calldata_is_left_out() -> None:
    market = market_of(stable(1, (A, B), 1e6), stable(2, (A, B), 1e6))
    free, dear = (route(replace(market, data_value=v), _sale(A, B, 10**10), 0) for v in (0.0, 1.0))
    assert len(free.fills) == 2
    assert len(dear.fills) == 1
    split = replace(market, data_value=1.0).cost(free.fills, 0)
    assert dear.cost.total < split.total


def test_a_pool_that_the_vault_would_refuse_is_passed_over() -> None:
    market = market_of(_pushed(1, (A, B), 3e7, 0.02), stable(2, (A, B), 1e7))
    assert [f.pool for f in route(market, _sale(A, B, 10**10), 0).fills] == [market.venues[0].pool]
    near = replace(market, max_deviation=100)
    assert [f.pool for f in route(near, _sale(A, B, 10**10), 0).fills] == [market.venues[1].pool]


@pytest.mark.parametrize(("off", "used"), [(0.009_995, True), (0.010_005, False)])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_pool_just_within_the_vaults_limit_is_still_traded_back_towards_the_oracle(
    side: float, off: float, used: bool
) -> None:
    pushed = pair(1, 10**13, int(1e7 / PRICES[B] * (1.0 + side * off)))  # B is dear or cheap there
    market = replace(market_of(pushed, stable(2, (A, B), 1e7)), max_deviation=100)
    assert abs(pushed.mid(A) * PRICES[B] / PRICES[A] - 1.0) == pytest.approx(off, rel=1e-6)
    token, other = (A, B) if pushed.mid(A) * PRICES[B] > PRICES[A] else (B, A)
    found = route(market, _sale(token, other, int(1e4 / PRICES[token])), 0)
    assert (pushed.pool in {f.pool for f in found.fills}) == used


def test_no_pool_is_traded_further_from_the_oracle_than_the_vault_lets_it_where_others_take_the_rest() -> None:
    market = replace(
        market_of(stable(1, (A, B), 1e6), pair(2, 10**13, int(1e7 / PRICES[B] * 0.993))), max_deviation=100
    )
    for token, other in ((A, B), (B, A)):
        amount = int(1.6e4 / PRICES[token])
        after = [
            market.venue(f.pool).after(token, f.amount_in) for f in route(market, _sale(token, other, amount), 0).fills
        ]
        assert after
        assert all(abs(v.mid(A) * PRICES[B] / PRICES[A] - 1.0) < 0.01 for v in after)


class _Short:
    """A pool that gives the least that its leg accepts."""

    def __init__(self, venue: Venue, least: int) -> None:
        self.venue, self.least, self.pool = venue, least, venue.pool

    def quote(self, token: Address, amount: int) -> Fill:
        return replace(self.venue.quote(token, amount), amount_out=self.least)

    def after(self, token: Address, amount: int) -> Venue:
        return self.venue.after(token, amount)


def test_a_held_token_on_the_way_is_spent_by_amount_and_only_what_is_sure_to_be_there() -> None:
    market = market_of(stable(1, (A, D), 1e7), stable(2, (D, B), 1e7))
    amount = 10**11
    for spare, short in ((10**24, 0), (0, 10)):
        trades = route(market, Order({A: amount}, {B: 1.0}, {A: amount, B: 0, D: spare}), 0)
        arrived, spent = trades.fills[0].amount_out, trades.fills[1].amount_in
        assert ALL_RECEIVED not in [leg.amount_in for leg in trades.legs]
        assert arrived - spent == pytest.approx(arrived * short / 10_000, abs=1e-9 * arrived)


def test_a_cycle_of_stale_pools_elsewhere_is_left_to_others() -> None:
    stale = pair(4, 10**13, int(10**13 * PRICES[A] / PRICES[D] * 1.05), (A, D))
    market = market_of(stable(1, (A, B), 1e7), stable(2, (B, C), 1e7), stable(3, (A, C), 1e7), stale)
    trades = route(market, _sale(A, B, 10**10), 0)
    assert [leg.pool for leg in trades.legs] == [market.venues[0].pool]


def test_gas_decides_how_many_pools() -> None:
    venues = [stable(n, (A, B), 1e6) for n in range(1, 7)]
    used = [len(route(market_of(*venues, gas_value=gas), _sale(A, B, 10**10), 0).legs) for gas in (0.0, 1e-4, 1e-3)]
    assert used == [6, 3, 1]


def test_more_pools_than_legs_are_cut_to_the_contracts_limit() -> None:
    venues = [stable(n, (A, B), 1e6) for n in range(1, 31)]
    trades = route(market_of(*venues, gas_value=0.0), _sale(A, B, 10**12), 0)
    assert len(trades.legs) == MAX_LEGS


def test_no_leg_under_the_least_trade_where_it_can_be_avoided() -> None:
    venues = (stable(1, (A, B), 3e7), stable(2, (A, B), 1e5))
    order = _sale(A, B, 10**10)
    assert len(route(market_of(*venues, gas_value=0.0), order, 0).legs) == 2
    assert len(route(market_of(*venues, gas_value=0.0), replace(order, min_trade=100.0), 0).legs) == 1


@pytest.mark.parametrize(
    ("venues", "order", "sentence"),
    [
        ((), _sale(A, B, 10**6), "holds anything"),
        ((pair(1, 0, 0),), _sale(A, B, 10**6), "holds anything"),
        ((stable(1, (A, B), 1e6),), _sale(A, C, 10**6), f"no pool on the allow-list trades {C}"),
        ((stable(1, (A, B), 1e6), stable(2, (C, D), 1e6)), _sale(A, C, 10**6), f"no path .* from {A} to {C}"),
        ((pool_v3(1, 1, 195_000),), _sale(A, B, 10**30), "not enough liquidity"),
    ],
)
def test_what_cannot_be_routed_is_refused_in_words(venues: tuple[Venue, ...], order: Order, sentence: str) -> None:
    with pytest.raises(Unquotable, match=sentence):
        route(market_of(*venues), order, 0)


def test_the_same_order_gives_the_same_legs() -> None:
    market, sold, bought, amount = _case(3, 0.003)
    first = route(market, _sale(sold, bought, amount), 0)
    again = route(replace(market, venues=tuple(market.venues)), _sale(sold, bought, amount), 0)
    assert (first.legs, first.fills, first.cost) == (again.legs, again.fills, again.cost)
