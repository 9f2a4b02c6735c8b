"""Levered vaults whose mandates the market cannot serve: what each sentence says helps does, and a little less not."""

import math
import re
from dataclasses import replace
from typing import Any

import pytest

from keeper.decide import decide
from keeper.model import Approved, Continuous, Decision, GuardState, History, Refused, Snapshot, Threshold
from keeper.plan.policy.words import level
from keeper.units import WAD, Bps, Timestamp, Wad
from tests import levered
from tests.scene import STATE, USDC, WETH, WETH_USDC

LESS = 0.99
"""Of what a sentence says would do."""


def decided(health: float, snapshot: Snapshot | None = None, **rules: Any) -> Decision:
    snapshot = snapshot or levered.position(health, depth=4e8)
    return decide(History(snapshot, ()), STATE, levered.trusting(), levered.mandate(**rules), 0)


def refused(found: Decision) -> tuple[str, str]:
    """The one reason, of the planner or after its guards."""
    assert isinstance(found.verdict, Refused), found.verdict
    (one,) = (r for r in found.verdict.reasons if r.id.startswith("P-"))
    return one.id, one.sentence


def short(found: Decision) -> tuple[str, str]:
    """What keeps a plan that acts from ending inside the band; empty where it ends there."""
    assert isinstance(found.verdict, Approved), found.verdict
    limits = found.verdict.plan.limits
    health = (found.verdict.prediction.health_factor or 0) / WAD
    assert bool(limits) == (not 1.5 <= health <= 2.2), "said just where it is so"
    return (limits[0].id, limits[0].sentence) if limits else ("", "")


def number(sentence: str, after: str) -> float:
    found = re.search(after + r"([\d,.]*\d)", sentence)
    assert found, sentence
    return float(found.group(1).replace(",", ""))


def turnover(percent: float) -> dict[str, Any]:
    return {"max_turnover": Bps(round(percent * 100))}


def ether(whole: float) -> dict[str, Any]:
    return {"max_trade": ((WETH.address, int(whole * 1e18)),)}


def dollars(whole: float) -> dict[str, Any]:
    return {"max_trade": ((USDC.address, int(whole * 1e6)),)}


def venues(whole: float) -> dict[str, Any]:
    """The limits of both pools together, in the proportion of their depths."""
    return {"venue_limits": ((WETH_USDC, int(whole * 2e18 / 3)), (levered.OTHER_POOL, int(whole * 1e18 / 3)))}


RULES = (
    ("P-turnover", turnover, 1.0, "raise max_turnover to "),
    ("P-max_trade", ether, 10.0, "raise max_trade of WETH to "),
    ("P-max_trade", dollars, 10_000.0, "raise max_trade of USDC to "),
    ("P-venue_limits", venues, 10.0, "raise venue_limits of the pools that hold [A-Z]+ to "),
)


@pytest.mark.parametrize("health", [1.45, 1.3, 2.35])
@pytest.mark.parametrize(("code", "limit", "tight", "after"), RULES)
def test_an_action_that_ends_outside_the_band_says_what_would_end_inside(
    code: str, limit: Any, tight: float, after: str, health: float
) -> None:
    found, sentence = short(decided(health, **limit(tight)))
    assert found == code, sentence
    enough = number(sentence, after)
    assert short(decided(health, **limit(enough))) == ("", "")
    assert short(decided(health, **limit(enough * LESS)))[0] == code


def test_two_limits_that_bind_are_both_to_be_raised() -> None:
    sentence = short(decided(1.3, **(turnover(7.0) | ether(30.0))))[1]
    share, whole = number(sentence, "max_turnover to "), number(sentence, "max_trade of WETH to ")
    assert short(decided(1.3, **(turnover(share) | ether(whole)))) == ("", "")
    assert short(decided(1.3, **(turnover(share * LESS) | ether(whole))))[0] == "P-turnover"
    assert short(decided(1.3, **(turnover(share) | ether(whole * LESS))))[0] == "P-max_trade"


@pytest.mark.parametrize(("health", "tight"), [(1.45, 1.0), (2.35, 1.0)])
def test_a_spent_turnover_budget_says_how_long_to_wait(health: float, tight: float) -> None:
    def after(hours: float) -> Decision:
        """The budget refills evenly over a day to all of the vault's value, here 1,000 WETH."""
        budget = int((tight + hours / 24.0 * 1_000.0) * 1e18)
        guard = GuardState(7, False, Timestamp(0), 10**22, budget)
        return decided(health, levered.position(health, depth=4e8, guard=guard))

    found, sentence = short(after(0.0))
    assert found == "P-turnover"
    hours = number(sentence, "wait ")
    assert short(after(hours)) == ("", "")
    assert short(after(hours * LESS))[0] == "P-turnover"


@pytest.mark.parametrize("health", [1.45, 2.35])
def test_a_vaults_own_limit_on_an_action_is_its_curators_to_raise(health: float) -> None:
    def under(bps: int) -> Decision:
        seen = levered.position(health)
        limits = replace(seen.vaults[0].limits, max_turnover=Bps(bps))
        return decided(health, levered.position(health, depth=4e8, limits=limits))

    sentence = short(under(100))[1]
    assert "curator" in sentence
    bps = round(100 * number(sentence, "one action's turnover to "))
    assert short(under(bps)) == ("", "")
    assert short(under(int(bps * LESS)))[0] == "P-turnover"


@pytest.mark.parametrize(("code", "limit", "tight", "after"), RULES)
def test_a_limit_under_min_trade_contradicts_it(code: str, limit: Any, tight: float, after: str) -> None:
    found, sentence = refused(decided(1.45, **limit(tight), min_trade=40.0))
    assert found == code
    enough, least = number(sentence, after), number(sentence, "only ")
    assert isinstance(decided(1.45, **limit(enough), min_trade=40.0).verdict, Approved)
    assert isinstance(decided(1.45, **limit(tight), min_trade=least).verdict, Approved)
    assert refused(decided(1.45, **limit(enough * LESS), min_trade=40.0))[0] == code
    assert refused(decided(1.45, **limit(tight), min_trade=least / LESS))[0] == code


def test_a_budget_that_is_spent_to_the_last_unit_says_so() -> None:
    spent = GuardState(7, False, Timestamp(0), 10**22, 0)
    found, sentence = refused(decided(1.45, levered.position(1.45, guard=spent), min_trade=0.0))
    assert found == "P-turnover"
    hours = number(sentence, "nothing may be sold now; wait ")
    more = replace(spent, turnover_budget_raw=int(hours / 24.0 * 1_000.0 * 1e18))
    assert isinstance(decided(1.45, levered.position(1.45, guard=more), min_trade=0.0).verdict, Approved)


@pytest.mark.parametrize(("health", "settle"), [(1.45, "target"), (1.45, "edge"), (2.3, "target"), (2.35, "edge")])
def test_a_band_narrower_than_min_trade_says_how_wide_it_should_be(health: float, settle: Any) -> None:
    policy = Threshold(settle)
    found, sentence = refused(decided(health, min_trade=230.0, policy=policy))
    assert found == "P-min_trade"
    least = number(sentence, "would be worth ")
    assert isinstance(decided(health, min_trade=least, policy=policy).verdict, Approved)
    assert refused(decided(health, min_trade=least / LESS, policy=policy))[0] == "P-min_trade"
    if settle == "target":
        edge = number(sentence, "let the band end (?:above|below) ")
        for at, acts in ((1.8 + (edge - 1.8) / LESS, True), (1.8 + (edge - 1.8) * LESS, False)):
            usd = 3_000.0 * at / health  # the same debt, at another price
            there = levered.position(at, usd=usd, depth=4e8)
            rules = {"min_trade": 230.0 * 3_000.0 / usd, "policy": policy}  # min_trade is in the collateral
            assert isinstance(decided(at, there, **rules).verdict, Approved) == acts


def test_where_less_may_be_sold_than_the_band_needs_min_trade_is_to_go_under_both() -> None:
    rules: dict[str, Any] = {"max_turnover": Bps(500)}
    found, sentence = refused(decided(1.45, min_trade=500.0, **rules))
    assert found == "P-min_trade"
    least = number(sentence, "lower min_trade to ")
    assert isinstance(decided(1.45, min_trade=least, **rules).verdict, Approved)
    assert isinstance(decided(1.45, min_trade=least / LESS, **rules).verdict, Refused)


@pytest.mark.parametrize("cap", ["mandate", "vault"])
def test_a_loss_cap_under_what_the_market_costs_says_what_it_should_be(cap: str) -> None:
    def under(bps: int) -> Decision:
        seen = levered.position(1.45, depth=2e7)
        if cap == "vault":
            seen = levered.position(1.45, depth=2e7, limits=replace(seen.vaults[0].limits, max_loss=Bps(bps)))
        return decided(1.45, seen, min_trade=40.0, max_loss=Bps(min(bps, 11)))

    found, sentence = refused(under(2))
    assert found == "P-loss"
    enough = int(number(sentence, "raise max_loss_bps to " if cap == "mandate" else "one action's loss to "))
    assert isinstance(under(enough).verdict, Approved)
    found, sentence = refused(under(enough - 1))
    assert found == "P-loss"
    least, seen = number(sentence, "lower min_trade to "), levered.position(1.45, depth=2e7)
    if cap == "vault":
        seen = levered.position(1.45, depth=2e7, limits=replace(seen.vaults[0].limits, max_loss=Bps(enough - 1)))
    smaller = decided(1.45, seen, min_trade=least, max_loss=Bps(min(enough - 1, 11)))
    assert isinstance(smaller.verdict, Approved), smaller.verdict


def test_pools_that_hold_nothing_are_named() -> None:
    for venue_list in ((), (WETH_USDC,)):
        seen = levered.position(1.45, venues=venue_list)
        empty = tuple(replace(v, reserves=(0, 0)) for v in seen.venues)  # type: ignore[type-var]
        found, sentence = refused(decided(1.45, replace(seen, venues=empty)))
        assert found == "P-liquidity"
        assert "allow deeper pools" in sentence


def test_a_venue_left_out_that_is_deeper_is_what_helps() -> None:
    seen = levered.position(1.45)
    shallow = replace(seen.venues[1], reserves=(0, 0))  # type: ignore[type-var]
    seen = replace(seen, venues=(seen.venues[0], shallow))
    found, sentence = refused(decided(1.45, seen, venues=(levered.OTHER_POOL,)))
    assert found == "P-liquidity"
    assert "allow deeper pools, in venues" in sentence
    assert isinstance(decided(1.45, seen, venues=(levered.OTHER_POOL, WETH_USDC)).verdict, Approved)


def test_a_flash_loan_that_cannot_be_had_is_done_without_as_far_as_it_goes() -> None:
    seen = levered.position(1.1, rescue=replace(levered.RESCUE, urgent=Wad(10**18)))
    (market,) = seen.markets
    (weth, usdc) = market.reserves  # type: ignore[attr-defined]
    dry = replace(market, reserves=(weth, replace(usdc, cash=10**9)))  # type: ignore[type-var]
    free, bound = (decided(1.1, one, policy=Threshold("target")) for one in (seen, replace(seen, markets=(dry,))))
    assert isinstance(free.verdict, Approved)
    assert free.verdict.plan.move.flash  # type: ignore[union-attr]
    assert isinstance(bound.verdict, Approved)
    assert not bound.verdict.plan.move.flash  # type: ignore[union-attr]
    (limit,) = bound.verdict.plan.limits
    assert limit.id == "P-flash"
    assert re.search(r"a flash loan is needed, and the market can lend only [\d.]+% of it;", limit.sentence)
    reaches = number(limit.sentence, "let the band reach to ")
    for low, enough in ((reaches, True), (reaches / LESS, False)):
        again = decided(1.1, replace(seen, markets=(dry,)), low=low, policy=Threshold("target"))
        assert isinstance(again.verdict, Approved)
        assert (again.verdict.plan.limits == ()) == enough


@pytest.mark.parametrize("health", [0.4, 0.8, 0.829, 0.83, 0.831, 0.86, 0.9])
def test_a_position_that_is_worth_nothing_is_no_arithmetic_surprise(health: float) -> None:
    """At 0.83 the debt is all that the collateral is worth: costs in terms of what is left have no bound."""
    found = decided(health)
    if isinstance(found.verdict, Refused):
        assert not {reason.id for reason in found.verdict.reasons} & {"K-31"}
    plan = found.verdict.plan
    for one in plan.candidates if plan is not None else ():
        assert math.isfinite(one.cost.total)


@pytest.mark.parametrize(("health", "said"), [(2.0**256 / WAD, "no debt"), (1.4691, "1.469")])
def test_a_health_factor_without_debt_is_no_number(health: float, said: str) -> None:
    assert level("health factor", health) == said


@pytest.mark.parametrize(
    ("health", "idle", "ends"),
    [(1.45, 200, 1.74), (1.2, 400, 1.68), (1.06, 400, 1.484), (1.041, 700, 1.77)],
)
def test_what_is_idle_secures_the_debt_once_it_is_supplied_and_that_is_cheaper_than_to_sell(
    health: float, idle: int, ends: float
) -> None:
    verdict = decided(health, levered.position(health, holdings=(idle * 10**18, 0))).verdict
    assert isinstance(verdict, Approved)
    assert verdict.plan.reason == f"supply what is idle: health factor to {ends:.3f}"
    assert (verdict.prediction.health_factor or 0) / WAD == pytest.approx(ends, abs=1e-3)
    assert verdict.prediction.nav_before - verdict.prediction.nav_after <= 1
    assert not verdict.plan.urgent


@pytest.mark.parametrize("idle", [0, 1, 30, 150, 400, 900])
@pytest.mark.parametrize("health", [1.03, 1.2, 1.45, 2.3])
def test_a_plan_is_named_by_the_health_factor_that_it_leads_to(health: float, idle: int) -> None:
    verdict = decided(health, levered.position(health, holdings=(idle * 10**18, 0)), policy=Threshold("target")).verdict
    plan = verdict.plan
    assert isinstance(verdict, Approved), plan and plan.reason
    if not verdict.plan.urgent:
        (said,) = re.findall(r"health factor to ([\d.]+)", verdict.plan.reason)
        assert (verdict.prediction.health_factor or 0) / WAD == pytest.approx(float(said), abs=3e-3)


def test_a_first_deposit_without_debt_that_is_too_small_to_lever_is_no_arithmetic_surprise() -> None:
    seen = levered.position(1.8, collateral=0.02, holdings=(0, 0))
    (market,) = seen.markets
    account = market.accounts[0]  # type: ignore[attr-defined]
    market = replace(market, accounts=(replace(account, scaled=((2 * 10**16, 0), (0, 0)), uses=0b0010),))  # type: ignore[type-var]
    found = decided(0.0, levered.valued(replace(seen, markets=(market,))), min_trade=1.0)
    reasons = found.verdict.reasons if isinstance(found.verdict, Refused) else ()
    assert "K-31" not in {reason.id for reason in reasons}, reasons


def test_a_loss_cap_that_keeps_a_position_outside_its_band_says_what_would_bring_it_back() -> None:
    def found(bps: int) -> Approved:
        seen = levered.position(
            1.42, depth=1e8, limits=replace(levered.position(1.42).vaults[0].limits, max_loss=Bps(400))
        )
        verdict = decided(1.42, seen, max_loss=Bps(bps), policy=Threshold("edge")).verdict
        assert isinstance(verdict, Approved), verdict
        return verdict

    tight = found(3)
    assert (tight.prediction.health_factor or 0) < 1.5 * WAD
    (one,) = tight.plan.limits
    assert one.id == "P-loss"
    assert "all of the way back at once would lose" in one.sentence
    enough = int(number(one.sentence, "raise max_loss_bps to "))
    assert (found(enough).prediction.health_factor or 0) >= 1.5 * WAD
    assert found(enough).plan.limits == ()
    assert (found(enough - 1).prediction.health_factor or 0) < 1.515 * WAD


@pytest.mark.parametrize("settle", ["cheapest", "target", "edge"])
@pytest.mark.parametrize("health", [1.03, 1.1, 1.2, 1.3, 1.45, 1.505, 1.6])
def test_next_to_nothing_idle_changes_next_to_nothing(health: float, settle: Any) -> None:
    """Anyone may deposit a unit: to supply that alone would spend the cooldown and leave the vault where it was."""
    rules = {"policy": Continuous(settle) if health > 1.5 else Threshold(settle)}
    none, dust = (
        decided(health, levered.position(health, holdings=(idle, 0)), **rules).verdict for idle in (0, 10**18)
    )
    assert type(none) is type(dust)
    if health > 1.5 and not isinstance(none, Approved):
        return
    assert isinstance(none, Approved)
    assert isinstance(dust, Approved)
    ends = [(one.prediction.health_factor or 0) / WAD for one in (none, dust)]
    assert ends[1] == pytest.approx(ends[0], rel=5e-3)


@pytest.mark.parametrize(("supplied", "idle"), [(0, 1_000), (10, 990), (500, 500)])
def test_a_deposit_is_levered_wherever_it_lies(supplied: int, idle: int) -> None:
    """Without debt its multiple of net worth is one; all of it is net worth."""
    seen = levered.position(1.8, depth=4e8, holdings=(idle * 10**18, 0))
    (market,) = seen.markets
    account = replace(market.accounts[0], scaled=((supplied * 10**18, 0), (0, 0)), uses=0b0010)  # type: ignore[attr-defined]
    seen = levered.valued(replace(seen, markets=(replace(market, accounts=(account,)),)))  # type: ignore[type-var]
    verdict = decided(0.0, seen).verdict
    assert isinstance(verdict, Approved), verdict
    plan = verdict.plan
    assert plan.cost.total < plan.waiting.total < 10 * 10**18
    assert plan.move.debt_amount > 0  # type: ignore[union-attr]
    assert (verdict.prediction.health_factor or 0) < 4.5 * WAD, "as far as a quarter of turnover goes"


@pytest.mark.parametrize("idle", [10**15, 10**18, 100 * 10**18])
def test_a_debt_that_nothing_secures_any_more_is_no_arithmetic_surprise(idle: int) -> None:
    seen = levered.position(1.8, holdings=(idle, 0))
    (market,) = seen.markets
    account = replace(market.accounts[0], scaled=((0, 0), (0, 10 * 10**6)))  # type: ignore[attr-defined]
    found = decided(0.0, levered.valued(replace(seen, markets=(replace(market, accounts=(account,)),))))  # type: ignore[type-var]
    reasons = found.verdict.reasons if isinstance(found.verdict, Refused) else ()
    assert "K-31" not in {reason.id for reason in reasons}, reasons
