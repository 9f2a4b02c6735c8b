"""Mandates that the market cannot serve: one sentence each, with the cause and the least change that helps."""

import re
from typing import Any

import pytest

from keeper.decide import decide
from keeper.model import Approved, History, Plan, Refused, Threshold
from keeper.plan import plan_weights
from keeper.plan.basket import Sizes
from keeper.plan.market import Market
from keeper.units import Bps
from tests.plan.markets import A, B, market_of, pair
from tests.plan.test_infeasible_health import number
from tests.plan.test_weights import FAR, WORTH, deep, forecast, problem
from tests.scene import STATE, USDC, WETH, basket, beliefs, history, mandate, snapshot


def planned(market: Market, turnover: float = WORTH, min_trade: float = 10.0, band: float = 0.03) -> Plan:
    limits = Sizes(turnover, min_trade, WORTH, 300_000)
    return plan_weights(problem(FAR, band), forecast(), mandate(policy=Threshold()), lambda: market, limits)[0]


@pytest.mark.parametrize(
    ("market", "limits", "code", "says"),
    [
        (deep(), {"turnover": 5.0}, "P-turnover", "min_trade is 10, and only 5 may be sold now; lower min_trade"),
        (
            deep(),
            {"min_trade": 5e5},
            "P-min_trade",
            "worth 119,900, under min_trade, 500,000; lower min_trade to that",
        ),
        (market_of(), {}, "P-liquidity", "no pool on the allow-list holds anything; allow deeper pools"),
        (market_of(pair(1, 10**6, 10**14, (A, B))), {}, "P-liquidity", "allow deeper pools"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_would_help(
    market: Market, limits: dict[str, float], code: str, says: str
) -> None:
    found = planned(market, **limits)
    assert not found.acts
    (limit,) = found.limits
    assert limit.id == code
    assert limit.sentence.startswith("core: ")
    assert re.search(says, limit.sentence), limit.sentence


def test_a_basket_trades_once_min_trade_is_what_was_said() -> None:
    least = number(planned(deep(), min_trade=5e5).limits[0].sentence, "would be worth ")
    told = [planned(deep(), min_trade=one).limits[0].id for one in (least, least * 1.01)]
    assert told == ["P-band", "P-min_trade"], "then only its cost is in the way"


def test_a_band_narrower_than_its_costs_says_how_wide_it_should_be() -> None:
    found = planned(deep(gas_value=1e-2))
    assert not found.acts
    (limit,) = found.limits
    assert limit.id == "P-band"
    assert "narrower than costs justify" in limit.sentence
    wide = float(limit.sentence.split("pays beyond ")[1].split("%")[0]) / 100
    assert wide > 0.03
    wider = planned(deep(gas_value=1e-2), band=wide * 1.01)
    assert wider.limits == ()


def test_an_infeasible_mandate_is_refused_by_the_decision_and_not_held() -> None:
    held = basket(weth=360.0, wbtc=10.0, usdc=500_000.0)
    found = decide(history(held), STATE, beliefs(), mandate(min_trade=4e5), 0)
    assert isinstance(found.verdict, Refused)
    assert [r.id for r in found.verdict.reasons] == ["P-min_trade"]


def limited(settle: str, **limit: Any) -> tuple[Approved, float]:
    """What is done within a limit, and how far off the basket is then, in bands."""
    seen = snapshot(basket(weth=400.0, wbtc=12.0, usdc=500_000.0), depth=6e7)
    rules = mandate(policy=Threshold(settle), risk_aversion=100.0, min_trade=1.0, **limit)  # type: ignore[arg-type]
    verdict = decide(History(seen, ()), STATE, beliefs(), rules, 0).verdict
    assert isinstance(verdict, Approved), verdict
    return verdict, seen.vaults[0].left(seen, rules, verdict.prediction).distance


@pytest.mark.parametrize("settle", ["cheapest", "target", "edge"])
@pytest.mark.parametrize(
    ("code", "limit", "tight", "after"),
    [
        ("P-turnover", lambda whole: {"max_turnover": Bps(round(100 * whole))}, 5.0, "raise max_turnover to "),
        (
            "P-max_trade",
            lambda whole: {"max_trade": ((WETH.address, int(whole * 1e18)),)},
            20.0,
            "raise max_trade of WETH to ",
        ),
        (
            "P-max_trade",
            lambda whole: {"max_trade": ((USDC.address, int(whole * 1e6)),)},
            50_000.0,
            "raise max_trade of USDC to ",
        ),
    ],
)
def test_a_limit_that_keeps_a_basket_outside_its_band_is_named_and_not_the_band(
    settle: str, code: str, limit: Any, tight: float, after: str
) -> None:
    verdict, distance = limited(settle, **limit(tight))
    assert distance > 1.0
    (one,) = verdict.plan.limits
    assert one.id == code, one.sentence
    assert re.search(r"outside the band, which ends 3.00% from [34]0.00%", one.sentence)
    enough = number(one.sentence, after)
    after_it, inside = limited(settle, **limit(enough))
    assert inside <= 1.0
    assert after_it.plan.limits == ()
    assert limited(settle, **limit(0.9 * enough))[1] > 1.0


@pytest.mark.parametrize("turnover", [2.0, 3.0, 6.0])
def test_a_basket_trades_once_min_trade_is_what_was_said_of_what_may_be_sold(turnover: float) -> None:
    """Several legs share what may be sold: each is less than all of it."""
    seen = history(basket(weth=360.0, wbtc=10.0, usdc=500_000.0))

    def found(least: float) -> Any:
        rules = mandate(min_trade=least, max_turnover=Bps(round(100 * turnover)), policy=Threshold("target"))
        return decide(seen, STATE, beliefs(), rules, 0).verdict

    refused = found(400_000.0)
    assert isinstance(refused, Refused)
    (one,) = refused.reasons
    assert "since no more may be sold now" in one.sentence
    assert isinstance(found(number(one.sentence, "lower min_trade to ")), Approved)


def test_what_may_be_sold_goes_into_one_leg_where_it_is_too_little_for_several() -> None:
    """Nothing is refused further out that is done nearer: what may be sold is the same, and worth a leg."""
    rules = mandate(policy=Threshold("target"), max_turnover=Bps(100), min_trade=14_000.0)
    for weth, wbtc, usdc in ((370.0, 11.5, 510_000.0), (370.0, 10.0, 540_000.0), (420.0, 9.0, 480_000.0)):
        seen = history(basket(weth=weth, wbtc=wbtc, usdc=usdc))
        found = decide(seen, STATE, beliefs(), rules, 0)
        assert isinstance(found.verdict, Approved), found.verdict
        sold = [f.amount_in * 3_000 / 1e18 for f in found.verdict.prediction.fills if f.token_in == WETH.address]
        assert 14_000.0 <= sum(sold) < 24_000.0
        assert found.drift is not None
        after = seen.snapshot.vaults[0].left(seen.snapshot, rules, found.verdict.prediction)
        assert after.distance < found.drift.distance


def test_a_leg_under_min_trade_that_could_not_be_avoided_is_told() -> None:
    """What may be sold of the one token goes to two others: where that makes small legs, it says so."""
    seen = history(basket(weth=420.0, wbtc=9.0, usdc=480_000.0))
    for least in (1.0, 80.0, 140.0):
        rules = mandate(max_trade=((WETH.address, 5 * 10**16),), min_trade=least, policy=Threshold("target"))
        verdict = decide(seen, STATE, beliefs(), rules, 0).verdict
        if isinstance(verdict, Refused):
            continue
        assert isinstance(verdict, Approved)
        prices = {WETH.address: 3_000 / 1e18, USDC.address: 1e-6}
        worth = [f.amount_in * prices[f.token_in] for f in verdict.prediction.fills if f.token_in in prices]
        told = [one.sentence for one in verdict.plan.limits if "a leg is worth" in one.sentence]
        assert bool(told) == (min(worth) < 0.99 * least), (worth, least)


@pytest.mark.parametrize(("cap", "least"), [(1, 50_000.0), (3, 100_000.0)])
def test_a_basket_passes_at_the_min_trade_that_a_loss_cap_is_told_with(cap: int, least: float) -> None:
    """Several legs and two hops: what is sold in all is no leg."""
    seen = history(basket(weth=380.0, wbtc=7.0, usdc=300_000.0))

    def found(min_trade: float) -> Any:
        return decide(seen, STATE, beliefs(), mandate(max_loss=Bps(cap), min_trade=min_trade), 0).verdict

    refused = found(least)
    assert isinstance(refused, Refused)
    (told,) = (one.sentence for one in refused.reasons if one.id == "P-loss")
    assert isinstance(found(number(told, "lower min_trade to ")), Approved), told
