"""Mandates that the market cannot serve: one sentence each, with the cause and the least change that helps."""

import re

import pytest

from keeper.decide import decide
from keeper.model import Plan, Refused, Threshold
from keeper.plan import plan_weights
from keeper.plan.basket import Sizes
from keeper.plan.market import Market
from tests.plan.markets import A, B, market_of, pair
from tests.plan.test_infeasible_health import number
from tests.plan.test_weights import FAR, WORTH, deep, forecast, problem
from tests.scene import STATE, basket, beliefs, history, mandate


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
