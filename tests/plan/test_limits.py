"""A mandate's limits on turnover, assets and venues: never exceeded, best within them, and said where they forbid."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keeper.codec import Codec
from keeper.decide import decide
from keeper.errors import Unquotable
from keeper.guard import Case, judge, turnover
from keeper.model import Approved, Decision, Mandate, Refused, Threshold, Token
from keeper.plan.route import Capped, Order, route
from keeper.units import BPS, Bps
from keeper.vaults.basket import BasketVault
from tests import test_rescue
from tests.config.test_policies import told
from tests.plan.markets import PRICES, TOKENS, A, B, market_of, pair, random_market
from tests.plan.test_infeasible_health import LESS, number
from tests.scene import STATE, USDC, WBTC, WBTC_USDC, WETH, WETH_USDC, basket, beliefs, history, mandate, snapshot


def decided(vault: Any, **rules: Any) -> Decision:
    return decide(history(vault), STATE, beliefs(), mandate(**{"policy": Threshold("target"), **rules}), 0)


def sold(found: Approved, token: Token) -> float:
    """Net, in whole units."""
    fills = found.prediction.fills
    net: int = sum(f.amount_in for f in fills if f.token_in == token.address)
    net -= sum(f.amount_out for f in fills if f.token_out == token.address)
    return float(net / 10**token.decimals)


def paid(found: Approved, pool: str) -> float:
    """Dollars."""
    usd = {USDC.address: 1e-6, WETH.address: 3_000e-18, WBTC.address: 60_000e-8}
    return sum(f.amount_in * usd[f.token_in] for f in found.prediction.fills if f.pool == pool)


@pytest.mark.parametrize("seed", range(40))
def test_no_plan_exceeds_a_limit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    held = basket(weth=rng.uniform(150, 600), wbtc=rng.uniform(5, 20), usdc=rng.uniform(2e5, 1.5e6))
    share, ether, coins = Bps(int(rng.integers(50, 2_000))), rng.uniform(1, 60), rng.uniform(0.1, 3)
    dollars = rng.uniform(1e3, 2e5, 2)
    found = decided(
        held,
        max_turnover=share,
        max_trade=((WETH.address, int(ether * 1e18)), (WBTC.address, int(coins * 1e8))),
        venue_limits=((WETH_USDC, int(dollars[0] * 1e6)), (WBTC_USDC, int(dollars[1] * 1e6))),
    )
    if not isinstance(found.verdict, Approved):
        return
    verdict = found.verdict
    assert abs(sold(verdict, WETH)) <= ether
    assert abs(sold(verdict, WBTC)) <= coins
    assert paid(verdict, WETH_USDC) <= dollars[0]
    assert paid(verdict, WBTC_USDC) <= dollars[1]
    value = held.gross(snapshot(held), verdict.prediction.timestamp)
    assert turnover(snapshot(held), held, verdict.prediction) <= value * share / BPS


def sold_ether(_: BasketVault, found: Approved) -> float:
    return sold(found, WETH)


def into_ether_pool(_: BasketVault, found: Approved) -> float:
    return paid(found, WETH_USDC)


def turned_over(held: BasketVault, found: Approved) -> float:
    return turnover(snapshot(held), held, found.prediction) / 10**6


@pytest.mark.parametrize(
    ("rules", "most", "measured"),
    [
        ({"max_trade": ((WETH.address, 20 * 10**18),)}, 20.0, sold_ether),
        ({"venue_limits": ((WETH_USDC, 60_000 * 10**6),)}, 60_000.0, into_ether_pool),
        ({"max_turnover": Bps(200)}, 2.436e6 * 0.02, turned_over),
    ],
)
def test_a_limit_that_binds_is_used_up(
    rules: dict[str, Any], most: float, measured: Callable[[BasketVault, Approved], float]
) -> None:
    """The only way back is through one pool: the best within a limit is the whole of it."""
    held = basket(weth=420.0, wbtc=10.0, usdc=576_000.0)
    free = decided(held).verdict
    assert isinstance(free, Approved)
    assert measured(held, free) > 1.5 * most
    found = decided(held, **rules).verdict
    assert isinstance(found, Approved)
    assert 0.98 * most <= measured(held, found) <= most


def test_a_tokens_limit_leaves_the_others_their_trades() -> None:
    held = basket(weth=360.0, wbtc=18.0, usdc=300_000.0)
    free, bound = (decided(held, **r).verdict for r in ({}, {"max_trade": ((WETH.address, 10**18),)}))
    assert isinstance(free, Approved)
    assert isinstance(bound, Approved)
    assert sold(bound, WETH) > 0.99
    assert sold(bound, WBTC) > 0.9 * sold(free, WBTC) > 1.0


@pytest.mark.parametrize("share", [0.05, 0.2, 0.45, 0.6])
def test_routing_within_caps_is_the_best_split(share: float) -> None:
    """Two pools, one capped: against every split of the amount, in thousandths."""
    pools = [pair(1, 30_000_000 * 10**6, 10_000 * 10**18), pair(2, 10_000_000 * 10**6, 3_333 * 10**18)]
    amount = 500 * 10**18
    cap = share * amount * PRICES[B]
    market = replace(market_of(*pools, gas_value=0.0), caps=((pools[0].pool, cap),))
    trades = route(market, Order({B: amount}, {A: amount * PRICES[B] / PRICES[A]}, {A: 10**15, B: amount}), 0)
    got = trades.net(A)
    ways = []
    for part in np.linspace(0.0, share, 1_001)[1:]:
        first = int(part * amount)
        ways.append(pools[0].quote(B, first).amount_out + pools[1].quote(B, amount - first).amount_out)
    assert got >= max(ways) * (1.0 - 1e-5)
    assert sum(f.amount_in for f in trades.fills if f.pool == pools[0].pool) * PRICES[B] <= cap


@pytest.mark.parametrize("seed", range(40))
def test_no_route_pays_a_pool_more_than_its_cap(seed: int) -> None:
    """Whatever the graph, hops through other tokens included, and pools off the oracle's price."""
    rng = np.random.default_rng(seed)
    market = random_market(seed, 0.003)
    caps = tuple((v.pool, 10 ** rng.uniform(3, 5)) for v in market.venues if rng.random() < 0.8)
    market = replace(market, caps=caps)
    first, second = rng.choice(4, 2, replace=False)
    amount = int(10 ** rng.uniform(3, 5) / PRICES[TOKENS[first]])
    held = {TOKENS[first]: amount, TOKENS[second]: 0}
    try:
        trades = route(market, Order({TOKENS[first]: amount}, {TOKENS[second]: 1.0}, held), 0)
    except Unquotable:
        return
    for fill in trades.fills:
        assert fill.amount_in * PRICES[fill.token_in] <= dict(caps).get(fill.pool, np.inf)


def test_an_order_beyond_the_caps_says_which_pool_and_how_far() -> None:
    only = pair(1, 30_000_000 * 10**6, 10_000 * 10**18)
    market = replace(market_of(only), caps=((only.pool, 3_000.0),))
    with pytest.raises(Capped, match=rf"pays {only.pool} 2.00 times what it may be paid"):
        route(market, Order({B: 2 * 10**18}, {A: 1.0}, {A: 0, B: 2 * 10**18}), 0)
    assert market.graph is replace(market, caps=()).graph, "the pools are read once, whatever their caps"


@pytest.mark.parametrize(
    ("rules", "code", "says"),
    [
        ({"max_turnover": Bps(1), "min_trade": 1e4}, "P-turnover", "raise max_turnover to 0."),
        (
            {"max_trade": ((WETH.address, 10**15),)},
            "P-max_trade",
            "a worth of 2.999 .*; raise max_trade of WETH to 0.003334, or lower min_trade to 2.999",
        ),
        (
            {"venue_limits": ((WETH_USDC, 2 * 10**6), (WBTC_USDC, 10**6))},
            "P-venue_limits",
            "raise all of them [0-9.]+ times",
        ),
    ],
)
def test_a_limit_that_forbids_everything_is_named(rules: dict[str, Any], code: str, says: str) -> None:
    found = decided(basket(weth=420.0, wbtc=10.0, usdc=576_000.0), **rules).verdict
    assert isinstance(found, Refused)
    assert [r.id for r in found.reasons] == [code]
    assert re.search(says, found.reasons[0].sentence), found.reasons[0].sentence


@pytest.mark.parametrize(
    ("held", "limits", "which"),
    [
        (basket(weth=420.0, wbtc=12.0, usdc=456_000.0), (20, 10), "all of them"),
        (basket(weth=420.0, wbtc=12.0, usdc=456_000.0), (20, 10**6), "that limit"),
    ],
)
def test_venue_limits_that_forbid_everything_say_what_they_should_be(
    held: BasketVault, limits: tuple[int, int], which: str
) -> None:
    def verdict(first: float, second: float) -> Any:
        caps = ((WETH_USDC, int(limits[0] * first * 1e6)), (WBTC_USDC, int(limits[1] * second * 1e6)))
        return decided(held, venue_limits=caps, policy=Threshold("target"), min_trade=1_000.0).verdict

    def whole(found: Any) -> bool:
        return isinstance(found, Approved) and found.plan.reason == "back to target" and len(found.plan.legs) == 2

    refused = verdict(1.0, 1.0)
    assert isinstance(refused, Refused)
    assert [r.id for r in refused.reasons] == ["P-venue_limits"]
    times = number(refused.reasons[0].sentence, f"raise {which} ")
    others = times if which == "all of them" else 1.0
    assert whole(verdict(times, others))
    assert not whole(verdict(times * LESS, others * LESS if others > 1.0 else 1.0))


@pytest.mark.parametrize("wbtc", [10.0, 12.18])
def test_a_turnover_under_min_trade_says_what_either_should_be(wbtc: float) -> None:
    """With two tokens to buy, and with one."""
    held = basket(weth=420.0, wbtc=wbtc, usdc=576_000.0)

    def code(turnover: float, least: float) -> str:
        found = decided(held, max_turnover=Bps(round(100 * turnover)), min_trade=least).verdict
        return found.reasons[0].id if isinstance(found, Refused) else ""

    refused = decided(held, max_turnover=Bps(50), min_trade=2e4).verdict
    assert isinstance(refused, Refused)
    sentence = refused.reasons[0].sentence
    enough, least = number(sentence, "raise max_turnover to "), number(sentence, "lower min_trade to ")
    assert code(enough, 2e4) == code(0.5, least) == ""
    assert code(enough * LESS, 2e4) == code(0.5, least / LESS) == "P-turnover"


@pytest.mark.parametrize(
    ("code", "rules"),
    [
        ("M-max_turnover", {"max_turnover": Bps(10)}),
        ("M-max_trade", {"max_trade": ((WETH.address, 10**18),)}),
        ("M-max_trade", {"max_trade": ((USDC.address, 10**6),)}),
        ("M-venue_limits", {"venue_limits": ((WETH_USDC, 1_000 * 10**6),)}),
    ],
)
def test_each_guard_finds_what_a_planner_without_limits_would_do(code: str, rules: dict[str, Any]) -> None:
    held = basket(weth=420.0, wbtc=12.0, usdc=456_000.0)
    found = decided(held).verdict
    assert isinstance(found, Approved)
    case = Case(snapshot(held), held, STATE, mandate(**rules), found.plan, found.order, found.prediction)
    assert [r.id for r in judge(case)] == [code]


def test_no_rescue_of_the_urgent_tier_is_held_back() -> None:
    free = test_rescue.approved(test_rescue.decided(test_rescue.seen()))
    pool = free.plan.legs[0].pool
    rules: dict[str, Any] = {"max_turnover": Bps(1), "max_trade": ((WETH.address, 1),), "venue_limits": ((pool, 1),)}
    bound = test_rescue.approved(test_rescue.decided(test_rescue.seen(), **rules))
    assert bound.plan.urgent
    assert bound.plan.legs == free.plan.legs


@pytest.mark.parametrize("key", ["max_trade", "venue_limits", "max_turnover"])
def test_housekeeping_of_a_levered_vault_keeps_to_them(key: str) -> None:
    market = test_rescue.seen(1.3)
    free = test_rescue.approved(test_rescue.decided(market, policy=Threshold("target")))
    assert not free.plan.urgent
    fill = free.prediction.fills[0]
    limit: Any = {
        "max_trade": ((fill.token_in, fill.amount_in // 2),),
        "venue_limits": tuple((v.pool, fill.amount_in // 10) for v in market.venues),
        "max_turnover": Bps(500),
    }[key]
    bound = test_rescue.approved(test_rescue.decided(market, policy=Threshold("target"), **{key: limit}))
    assert not bound.plan.urgent
    assert 0 < bound.prediction.fills[0].amount_in < fill.amount_in
    if key == "max_trade":
        assert sum(f.amount_in for f in bound.prediction.fills) > 0.97 * limit[0][1]


def test_the_file_states_them_in_whole_units() -> None:
    found = told(f'max_turnover = 0.1\nmax_trade = {{ WETH = 50.1 }}\nvenue_limits = {{ "{WETH_USDC}" = 2.5 }}')
    assert found.max_turnover == 1_000
    assert found.max_trade[0][1] == 501 * 10**17
    assert found.venue_limits == ((WETH_USDC, 25 * 10**17),)
    assert (told("").max_turnover, told("").max_trade, told("").venue_limits) == (None, (), ())


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({"max_turnover": Bps(2_501)}, "M-max_turnover"),
        ({"venue_limits": ((TOKENS[0], 1),)}, "M-venue_limits"),
        ({"venues": (WBTC_USDC,), "venue_limits": ((WETH_USDC, 1),)}, "M-venue_limits"),
    ],
)
def test_a_mandate_wider_than_its_vault_or_about_another_pool_is_refused(rules: dict[str, Any], code: str) -> None:
    found = decided(basket(), **rules).verdict
    assert isinstance(found, Refused)
    assert [r.id for r in found.reasons] == [code]


def test_a_mandate_from_before_there_were_limits_is_read_with_none() -> None:
    codec = Codec({"mandate": Mandate})
    tree = codec.encode(mandate())
    for key in ("max_turnover", "max_trade", "venue_limits"):
        del tree[key]
    assert codec.decode(Mandate, tree) == mandate()
