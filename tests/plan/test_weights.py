"""A basket's plans: what is weighed, in which order, and what costs, volatility and correlation do to it."""

import math
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from keeper.costs import BASE_BYTES, LEG_BYTES
from keeper.model import Forecast, Plan, Settle, Threshold, WeightProblem
from keeper.plan import plan_weights
from keeper.plan.basket import Sizes, shares
from keeper.plan.market import Market
from keeper.units import Address
from tests.plan.markets import PRICES, A, B, C, market_of, pair
from tests.scene import mandate

TARGETS = {A: 0.3, B: 0.4, C: 0.3}
WORTH = 2e6
DAY = 86_400


def problem(off: dict[Address, float], band: float = 0.03) -> WeightProblem:
    amounts = tuple(int(WORTH * (TARGETS[t] + off.get(t, 0.0)) / PRICES[t]) for t in TARGETS)
    prices = tuple(PRICES[t] for t in TARGETS)
    return WeightProblem(tuple(TARGETS), amounts, prices, tuple(TARGETS.values()), (band,) * 3)


def forecast(together: float = 0.0, sigma: float = 0.8) -> Forecast:
    row = math.sqrt(DAY / (365.25 * 86_400))
    sigmas = ((A, 0.01 * row), (B, sigma * row), (C, 0.8 * sigma * row))
    return Forecast("test", DAY, sigmas, (), correlation=((1.0, 0.0, 0.0), (0.0, 1.0, together), (0.0, together, 1.0)))


def deep(dollars: float = 5e7, gas_value: float = 1e-5) -> Market:
    pools = [pair(n, int(dollars / PRICES[x]), int(dollars / PRICES[y]), (x, y)) for n, x, y in
             ((1, A, B), (2, A, C), (3, B, C))]  # fmt: skip
    return market_of(*pools, gas_value=gas_value)


def plans(
    off: dict[Address, float],
    expected: Forecast | None = None,
    market: Market | None = None,
    settle: Settle = "cheapest",
    aversion: float = 2.0,
    **sizes: Any,
) -> tuple[Plan, ...]:
    limits = replace(Sizes(WORTH, 10.0, WORTH, 300_000), **sizes)
    rules = mandate(policy=Threshold(settle), risk_aversion=aversion)
    return plan_weights(problem(off), expected or forecast(), rules, lambda: market or deep(), limits)


FAR = {A: -0.06, B: 0.08, C: -0.02}


def after(plan: Plan, off: dict[Address, float], market: Market) -> dict[Address, float]:
    amounts = dict(zip(TARGETS, problem(off).amounts_raw, strict=True))
    for leg in plan.legs:
        fill = market.venue(leg.pool).quote(leg.token_in, leg.amount_in)
        amounts[fill.token_in] -= fill.amount_in
        amounts[fill.token_out] += fill.amount_out
    found = shares(list(amounts.values()), tuple(PRICES.values())[:3])
    return {t: w - TARGETS[t] for t, w in zip(TARGETS, found, strict=True)}


def test_doing_nothing_and_every_way_back_are_weighed_in_parts() -> None:
    found = plans(FAR)
    names = [c.name for c in found[0].candidates]
    assert names[0] == "do nothing"
    assert set(names[1:]) == {"back to target", "to the band's edge", "to where waiting is best"}
    assert "half way back" in [c.name for c in plans(FAR, market=deep(5e6))[0].candidates]
    totals = [p.cost.total for p in found]
    assert totals == sorted(totals)
    assert all(c.cost.risk >= 0.0 for c in found[0].candidates)
    assert found[0].waiting.execution == 0.0


def test_the_dearer_the_pools_the_less_far_it_goes() -> None:
    left = []
    for dollars in (3e9, 1e8, 5e6):
        market = deep(dollars, gas_value=0.0)
        best = plans(FAR, market=market, aversion=6.0)[0]
        left.append(abs(after(best, FAR, market)[B]))
    assert left[0] < left[1] < left[2] <= 0.03


def test_the_dearer_gas_the_further_back_it_goes_once_it_goes() -> None:
    left = []
    for gas_value in (0.0, 1e-3):
        market = deep(3e9, gas_value=gas_value)
        best = plans(FAR, market=market, aversion=20.0)[0]
        left.append(abs(after(best, FAR, market)[B]))
    assert left[1] < left[0]
    assert not plans(FAR, market=deep(3e9, gas_value=1.0), aversion=20.0)[0].acts


def test_tokens_that_move_together_are_waited_for_longer() -> None:
    swapped = {B: 0.06, C: -0.06}
    apart, together = (plans(swapped, forecast(rho)) for rho in (0.0, 0.98))
    assert apart[0].acts
    assert not together[0].acts
    assert together[0].waiting.total < apart[0].waiting.total / 3


def test_what_does_not_pay_to_the_band_goes_a_part_of_the_way_where_that_does() -> None:
    market = deep(3e9, gas_value=0.0)
    found = plans(FAR, market=market)[0]
    assert found.acts
    assert found.reason == "to where waiting is best"
    assert 0.03 < abs(after(found, FAR, market)[B]) < 0.08
    assert "ends outside" in next(c.note for c in found.candidates if c.name == found.reason)


@pytest.mark.parametrize("settle", ["target", "edge"])
def test_a_mandate_that_says_how_far_is_obeyed(settle: Settle) -> None:
    market = deep()
    found = plans(FAR, market=market, settle=settle)
    assert len(found) == 1
    assert found[0].acts
    worst = max(map(abs, after(found[0], FAR, market).values()))
    assert worst < 1e-3 if settle == "target" else 0.025 < worst <= 0.03


def test_only_what_is_outside_its_band_is_traded_to_the_edge() -> None:
    off = {A: -0.02, B: 0.05, C: -0.03}
    market = deep()
    found = after(plans(off, market=market, settle="edge")[0], off, market)
    assert found[B] == pytest.approx(0.98 * 0.03, abs=1e-3)
    assert found[A] + 1e-4 > -0.02
    assert found[C] > -0.03


def test_a_turnover_limit_makes_it_smaller_and_no_plan_that_ends_outside_passes_one_that_does_not() -> None:
    market = deep()
    found = plans(FAR, market=market, aversion=20.0, turnover=0.055 * WORTH)
    assert all(max(map(abs, after(p, FAR, market).values())) <= 0.03 for p in found if p.acts)
    tight = plans(FAR, market=market, turnover=0.02 * WORTH)
    assert tight[0].acts
    assert "ends outside" in tight[0].candidates[1].note


def test_calldata_published_to_an_l1_is_a_cost_of_its_own() -> None:
    dear, free = (plans(FAR, market=replace(deep(), data_value=value)) for value in (1e-2, 0.0))
    assert free[0].acts
    assert free[0].cost.l1_data == 0.0
    told = next(c.cost for c in dear[0].candidates if c.name == "back to target")
    legs = next(int(c.note.split()[0]) for c in dear[0].candidates if c.name == "back to target")
    assert told.l1_data * PRICES[A] == pytest.approx((BASE_BYTES + LEG_BYTES * legs) * 1e-2)


def test_a_smaller_trade_that_costs_more_than_its_share_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a first start leads to a dear route, a fresh one is tried, and the cheaper of the two is offered."""
    module = import_module("keeper.plan.weights")
    honest = module.attempt

    def misled(*given: Any) -> Any:
        found = honest(*given)
        begun = len(given) > 5 and bool(given[5])
        dearer = replace(found.trades.cost, fees=2.0 * found.trades.cost.fees + 1.0)
        return replace(found, trades=replace(found.trades, cost=dearer)) if begun else found

    expected = {plan.reason: plan.cost.execution for plan in plans(FAR) if plan.acts}
    monkeypatch.setattr(module, "attempt", misled)
    for plan in plans(FAR):
        if plan.acts:
            assert plan.cost.execution == pytest.approx(expected[plan.reason], rel=1e-3)
