"""Policies at work on a position, a basket and a range: when each acts, where it stops, what makes it wait, and why."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.costs import first_passage
from keeper.decide import decide
from keeper.model import (
    Approved,
    Calendar,
    Chunks,
    Continuous,
    Decision,
    Deferred,
    Drift,
    DynamicBand,
    Forecast,
    Gates,
    GuardState,
    HealthGoal,
    History,
    Hold,
    Outlook,
    Periodic,
    Policy,
    Preventative,
    Progress,
    Quantity,
    Refused,
    Snapshot,
    State,
    Threshold,
    Touch,
    Window,
)
from keeper.plan.policy import deferral, edges, levels
from keeper.plan.policy.chance import deviations
from keeper.units import WAD, Hash, Timestamp, Wad, Wei
from tests import levered, scene
from tests.plan.test_range import mandate as range_mandate
from tests.plan.test_range import scene as range_scene
from tests.scene import NOW, STATE

KINDS: tuple[Policy, ...] = (
    Threshold(),
    Calendar(3_600),
    Periodic(3_600),
    Continuous(),
    DynamicBand(),
    Preventative(),
)
ACTING = replace(STATE, acting=True)


def at(
    health: float,
    policy: Policy = KINDS[0],
    state: State = STATE,
    trusted: bool = True,
    **rules: Any,
) -> Decision:
    """A position at a health factor; a `snapshot` among the rules is looked at instead."""
    snapshot: Snapshot = rules.pop("snapshot", None) or levered.position(health)
    sigma = rules.pop("sigma", 0.8)
    return decide(
        History(snapshot, ()), state, levered.trusting(sigma, trusted), levered.mandate(policy=policy, **rules), 0
    )


def reached(found: Decision) -> float:
    assert isinstance(found.verdict, Approved), found.why
    health = found.verdict.prediction.health_factor
    assert health is not None
    return health / WAD


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", KINDS, ids=lambda p: type(p).__name__)
def test_a_rescue_waits_for_nothing(policy: Policy) -> None:
    """Neither for a date, cheap gas, payback, gain nor parts, nor for a trusted forecast."""
    served = replace(STATE, served=Timestamp(NOW), deferred=Deferred(Timestamp(NOW + 999), "gas"))
    gates = Gates(min_gain=1e9, payback_s=1, gas_below=Wei(1), gas_unless=0.999999)
    found = at(1.45, policy, served, trusted=False, gates=gates, chunks=Chunks(9))
    assert reached(found) > 1.5
    assert found.state.deferred is None
    assert found.state.progress is None


@pytest.mark.parametrize(
    ("policy", "health", "acts"),
    [
        (Threshold(), 1.51, False),
        (Threshold(), 2.3, True),
        (DynamicBand(), 1.55, True),
        (DynamicBand(), 1.79, False),
        (Continuous(), 1.70, True),
        (Continuous(), 1.79, False),
        (Preventative(), 1.55, True),
        (Preventative(), 1.65, False),
        (Preventative(), 2.3, True),
    ],
)
def test_each_policy_acts_where_it_says(policy: Policy, health: float, acts: bool) -> None:
    assert isinstance(at(health, policy).verdict, Approved) == acts


def test_a_calendar_acts_once_in_a_period_wherever_the_health_factor_is() -> None:
    policy = Calendar(86_400)
    start = NOW // 86_400 * 86_400

    def after(acted: int, served: int | None = None) -> Decision:
        guard = GuardState(7, False, Timestamp(acted), 10**22, 10**24)
        seen = levered.position(1.7, guard=guard)
        return at(1.7, policy, replace(STATE, served=None if served is None else Timestamp(served)), snapshot=seen)

    assert reached(after(start - 1)) == pytest.approx(1.8, abs=0.01)
    for done in (after(start), after(start + 5), after(start - 1, served=start)):
        assert isinstance(done.verdict, Hold)
        assert "looked at again in" in done.why
    assert isinstance(after(start - 1, served=start - 86_400).verdict, Approved)


def test_a_period_is_served_by_finding_nothing_to_do() -> None:
    first = at(1.7, Periodic(86_400))
    assert isinstance(first.verdict, Hold)
    assert first.state.served == NOW // 86_400 * 86_400
    later = at(2.3, Periodic(86_400), first.state)
    assert isinstance(later.verdict, Hold)
    assert isinstance(at(2.3, Periodic(86_400)).verdict, Approved)


def test_a_basket_is_brought_back_before_a_weight_leaves_its_band() -> None:
    rules = {"policy": Preventative(stress=4.0)}
    held = scene.basket(weth=280.0, wbtc=9.1)
    near = decide(History(scene.snapshot(held), ()), STATE, levered.trusting(1.0), scene.mandate(**rules), 0)
    assert near.drift is not None
    assert near.drift.distance < 1.0
    assert isinstance(near.verdict, Approved), near.why
    assert "WBTC reaches 27.00 % within 1 d with probability 64 %" in near.why
    calm = decide(History(scene.snapshot(held), ()), STATE, levered.trusting(0.2), scene.mandate(**rules), 0)
    assert isinstance(calm.verdict, Hold)
    assert "nothing to prevent" in calm.why


def test_a_range_is_moved_before_the_price_leaves_it_but_not_to_where_it_is_left_as_soon() -> None:
    def found(sigma: float, usd: float) -> Decision:
        rules = range_mandate(policy=Preventative())
        return decide(History(range_scene(usd), ()), STATE, levered.trusting(sigma), rules, 0)

    near = found(0.6, 3_230.0)
    assert near.drift is not None
    assert near.drift.distance < 1.0
    assert isinstance(near.verdict, Approved), near.why
    assert near.verdict.prediction.range != range_scene().vaults[0].range  # type: ignore[attr-defined]
    assert isinstance(found(0.6, 3_100.0).verdict, Hold)
    wild = found(3.0, 3_230.0)
    assert isinstance(wild.verdict, Hold), "a range of this width is left on either side within a day, wherever it is"
    assert (wild.chance or 0.0) > 0.9


# --- how far, and when to stop ----------------------------------------------------------------------------------------


@given(st.floats(1.505, 1.565))
def test_a_prevented_touch_is_left_less_likely_than_where_acting_stops(health: float) -> None:
    rules = Preventative(settle="edge")
    found = at(health, rules)
    again = at(reached(found), rules, found.state)
    assert again.chance is not None
    assert again.chance < rules.stop_below < rules.act_above <= (found.chance or 0.0)
    assert isinstance(again.verdict, Hold), "acting again at once would churn"
    assert not again.state.acting


def test_between_stopping_and_acting_it_goes_on_only_if_it_had_begun() -> None:
    chance = at(1.58).chance
    assert chance is not None
    assert 0.1 < chance < 0.3
    assert isinstance(at(1.58, Preventative()).verdict, Hold)
    assert "nothing to prevent" in at(1.58, Preventative()).why
    begun = at(1.58, Preventative(settle="target"), ACTING)
    assert isinstance(begun.verdict, Approved)


def test_prevention_trades_less_than_a_rescue_of_the_same_position() -> None:
    sold = []
    for health, policy in ((1.55, Preventative(settle="target")), (1.45, Threshold("target"))):
        found = at(health, policy, snapshot=levered.position(health, depth=1e9))
        assert isinstance(found.verdict, Approved)
        sold.append(found.verdict.plan.move.collateral_amount)  # type: ignore[union-attr]
    assert sold[0] < 0.75 * sold[1]


def test_release_is_a_level_further_inside_than_the_band() -> None:
    plain, released = (at(1.45, Threshold("edge"), gates=Gates(release=r)) for r in (0.0, 0.5))
    assert 1.5 < reached(plain) < 1.55
    assert 1.65 <= reached(released) < 1.7
    inside = at(1.6, Threshold("edge"), ACTING, gates=Gates(release=0.5))
    assert reached(inside) > 1.65
    assert "not yet 50 % of the way" in inside.why
    assert isinstance(at(1.6, Threshold("edge"), STATE, gates=Gates(release=0.5)).verdict, Hold)
    assert not at(1.7, Threshold("edge"), ACTING, gates=Gates(release=0.5)).state.acting


# --- when the forecast does not count ---------------------------------------------------------------------------------


def test_an_untrusted_forecast_leaves_the_band_alone_to_count_and_says_so() -> None:
    found = at(1.505, Preventative(), trusted=False)
    assert isinstance(found.verdict, Hold)
    assert "only the band counts, the forecast is not trusted (WETH: touches switched off" in found.why
    assert isinstance(at(1.495, Preventative(), trusted=False).verdict, Approved)


def test_acting_early_is_weighed_against_waiting() -> None:
    """Where a trade now costs more than the touch is likely to, nothing is done, whatever the chance."""
    dear = levered.position(1.55, collateral=2.0, base_fee=900 * 10**9)
    found = at(1.55, Preventative(stress=1.0), snapshot=dear)
    assert isinstance(found.verdict, Hold)
    assert "not worth it yet: waiting 1 d costs" in found.why
    plan = found.verdict.plan
    assert plan.waiting.total < plan.cost.total
    cheap = at(1.55, Preventative(stress=1.0))
    assert isinstance(cheap.verdict, Approved)
    assert cheap.verdict.plan.cost.total < cheap.verdict.plan.waiting.total


def test_a_dearer_touch_makes_waiting_dearer_by_as_much() -> None:
    waits = []
    for stress in (1.0, 2.0, 3.0):
        verdict = at(1.55, Preventative(stress=stress)).verdict
        assert isinstance(verdict, Approved)
        waits.append(verdict.plan.waiting.total)
    assert waits[2] - waits[1] == pytest.approx(waits[1] - waits[0])
    assert waits[1] > waits[0]
    plain = at(1.55, DynamicBand()).verdict.plan
    assert plain is not None
    assert waits[0] == pytest.approx(plain.waiting.total), "what trading costs as things are is in the state's value"


@pytest.mark.parametrize("depth", [1e6, 2e6, 4e6, 8e6])
def test_a_way_back_that_costs_more_than_there_is_is_no_way(depth: float) -> None:
    """In pools this shallow the rescue's whole way would take more than all collateral: less of it is tried."""
    found = at(1.02, snapshot=levered.position(1.02, depth=depth))
    if isinstance(found.verdict, Approved):
        assert reached(found) > 1.02


# --- gates ------------------------------------------------------------------------------------------------------------


def test_the_least_gain() -> None:
    verdict = at(1.55, Preventative()).verdict
    assert isinstance(verdict, Approved)
    gain = (verdict.plan.waiting.total - verdict.plan.cost.total) / 1e18
    assert isinstance(at(1.55, Preventative(), gates=Gates(min_gain=gain * 0.99)).verdict, Approved)
    held = at(1.55, Preventative(), gates=Gates(min_gain=gain * 1.01))
    assert isinstance(held.verdict, Hold)
    assert "cheaper than waiting, under the least gain of" in held.why


def test_costs_must_be_paid_back_in_time() -> None:
    """Twice the risk aversion earns the same costs back in half the time, and the gate's limit lies between."""
    sentences = [at(2.3, gates=Gates(payback_s=60), risk_aversion=a).why for a in (2.0, 4.0)]
    found = [float(s.split("pay back its costs in ")[1].split(" ")[0]) for s in sentences]
    units = {s.split("pay back its costs in ")[1].split(" ")[1].rstrip(",") for s in sentences}
    assert units == {"d"}
    assert found[1] == pytest.approx(found[0] / 2, rel=0.35)  # the cheapest plan goes further back at more aversion
    assert isinstance(at(2.3, gates=Gates(payback_s=int((found[0] + 1) * 86_400))).verdict, Approved)
    assert isinstance(at(2.3, gates=Gates(payback_s=int((found[0] - 1) * 86_400))).verdict, Hold)


GAS = Gates(gas_below=Wei(10 * 10**9), gas_wait_s=3_600, gas_unless=0.5)


def dear(health: float, later: int = 0) -> Snapshot:
    return levered.position(health, base_fee=40 * 10**9, now=Timestamp(NOW + later))


def test_an_action_waits_for_gas_and_no_longer_than_was_said() -> None:
    first = at(2.3, snapshot=dear(2.3), gates=GAS)
    assert isinstance(first.verdict, Hold)
    assert "waiting at most 1 h for gas under 10 gwei, now 41" in first.why
    assert first.state.deferred is not None
    assert first.state.deferred.until == NOW + 3_600
    later = at(2.3, snapshot=dear(2.3, 1_800), gates=GAS, state=first.state)
    assert isinstance(later.verdict, Hold)
    assert later.state.deferred == replace(first.state.deferred, reason=later.state.deferred.reason)  # type: ignore[union-attr]
    over = at(2.3, snapshot=dear(2.3, 3_600), gates=GAS, state=later.state)
    assert isinstance(over.verdict, Approved)


def test_cheap_gas_or_a_likely_touch_end_a_deferral_early() -> None:
    waiting = at(2.3, snapshot=dear(2.3), gates=GAS).state
    assert isinstance(at(2.3, gates=GAS, state=waiting).verdict, Approved)
    likely = at(1.52, Preventative(), snapshot=dear(1.52), gates=GAS)
    assert (likely.chance or 0.0) > 0.5
    assert isinstance(likely.verdict, Approved)
    unlikely = at(1.56, Preventative(), snapshot=dear(1.56), gates=GAS)
    assert isinstance(unlikely.verdict, Hold)
    assert "the chance to leave the band is" in unlikely.why


@pytest.mark.parametrize(
    ("lowest", "trusted", "waits"),
    [((5.0, 8.0, 12.0), True, True), ((30.0, 35.0, 39.0), True, False), ((30.0, 35.0, 39.0), False, True)],
)
def test_a_fall_of_gas_that_is_not_to_be_expected_is_not_waited_for(
    lowest: tuple[float, ...], trusted: bool, waits: bool
) -> None:
    gas = Outlook("gas", 86_400, 40.0, (0.1, 0.5, 0.9), lowest, lowest, True, trusted)
    found = deferral(GAS, STATE, Wei(41 * 10**9), Wei(10**9), 0.1, gas, NOW)
    assert (found is not None) == waits
    if found is not None:
        assert ("where it falls with probability" in found.reason) == trusted


def test_a_band_that_is_broken_is_no_reason_to_pay_for_dear_gas() -> None:
    """The weight is out already: what would press is another edge."""
    seen = scene.snapshot(scene.basket(weth=360.0, usdc=500_000.0))
    seen = replace(seen, head=replace(seen.head, base_fee=Wei(40 * 10**9)))
    rules = scene.mandate(policy=Threshold("target"), gates=GAS)
    found = decide(History(seen, ()), STATE, levered.trusting(0.3), rules, 0)
    assert found.chance == 1.0
    assert isinstance(found.verdict, Hold)
    assert found.state.deferred is not None


def test_an_end_that_came_stays_until_the_vault_rests() -> None:
    """Neither a plan that was not carried out nor a refusal begins the wait anew."""
    waiting = at(2.3, snapshot=dear(2.3), gates=GAS).state
    over = at(2.3, snapshot=dear(2.3, 3_600), gates=GAS, state=waiting)
    assert isinstance(over.verdict, Approved)
    assert isinstance(at(2.3, snapshot=dear(2.3, 3_612), gates=GAS, state=over.state).verdict, Approved)
    pending = replace(over.state, open_intents=(Hash("0x" + "12" * 32),))
    refused = at(2.3, snapshot=dear(2.3, 3_612), gates=GAS, state=pending)
    assert isinstance(refused.verdict, Refused)
    after = replace(refused.state, open_intents=())
    assert isinstance(at(2.3, snapshot=dear(2.3, 3_624), gates=GAS, state=after).verdict, Approved)


def test_a_part_that_is_on_its_way_is_not_forgotten() -> None:
    planned = at(2.3, WHOLLY, snapshot=shallow(), chunks=PARTS).state
    on_its_way = replace(planned, open_intents=(Hash("0x" + "12" * 32),))
    found = at(2.3, WHOLLY, snapshot=shallow(later=12), chunks=PARTS, state=on_its_way)
    assert isinstance(found.verdict, Refused)
    assert found.verdict.reasons[0].id == "K-4"
    assert found.state.progress == planned.progress


def test_back_inside_the_band_a_deferral_is_forgotten() -> None:
    waiting = at(2.3, snapshot=dear(2.3), gates=GAS).state
    assert at(1.9, gates=GAS, state=waiting).state.deferred is None


@pytest.mark.parametrize(
    ("health", "rescues", "passes"), [(1.45, True, True), (1.45, False, False), (2.3, True, False)]
)
def test_a_blackout_lets_a_rescue_pass_where_the_mandate_says_so(health: float, rescues: bool, passes: bool) -> None:
    window = Window(NOW, Timestamp(NOW + 60), "upgrade", rescues)
    found = at(health, blackouts=(window,))
    assert isinstance(found.verdict, Approved) == passes
    if not passes:
        assert isinstance(found.verdict, Refused)
        assert [r.id for r in found.verdict.reasons] == ["B-1"]


# --- parts ------------------------------------------------------------------------------------------------------------


def shallow(health: float = 2.3, later: int = 0, acted: int = 0, epoch: int = 7, off: float = 0.0) -> Snapshot:
    """A market in which the trade's impact is most of its cost; `off` moves the deeper pool from the oracle."""
    guard = GuardState(epoch, False, Timestamp(acted), 10**22, 10**24)
    seen = levered.position(health, depth=6e6, now=Timestamp(NOW + later), guard=guard)
    pool = seen.venues[0]
    moved = replace(pool, reserves=(round(pool.reserves[0] * (1.0 + off)), pool.reserves[1]))  # type: ignore[attr-defined, type-var]
    return levered.valued(replace(seen, venues=(moved, *seen.venues[1:])))


PARTS = Chunks(most=5, refill_s=600)
WHOLLY = Threshold("target")


def test_a_trade_that_moves_its_pools_is_made_in_parts() -> None:
    whole, part = at(2.3, WHOLLY, snapshot=shallow()), at(2.3, WHOLLY, snapshot=shallow(), chunks=PARTS)
    assert isinstance(whole.verdict, Approved)
    assert isinstance(part.verdict, Approved)
    progress = part.state.progress
    assert progress is not None
    assert (progress.done, progress.epoch) == (0, 7)
    assert 2 <= progress.parts <= 5
    assert f"one of {progress.parts} parts" in part.why
    debts = [d.verdict.plan.move.debt_amount for d in (whole, part)]  # type: ignore[union-attr]
    assert debts[1] == pytest.approx(debts[0] / progress.parts, rel=0.1)


def test_a_deep_market_needs_no_parts() -> None:
    found = at(2.3, WHOLLY, snapshot=levered.position(2.3, depth=1e9), chunks=PARTS)
    assert isinstance(found.verdict, Approved)
    assert found.state.progress is None


def test_the_next_part_waits_for_its_pools_and_measures_how_long_they_take() -> None:
    planned = at(2.3, WHOLLY, snapshot=shallow(), chunks=PARTS).state
    assert planned.progress is not None
    left = max(abs(off) for _, off in planned.progress.left)
    assert left > 0.001
    still = at(2.3, WHOLLY, snapshot=shallow(2.28, 12), chunks=PARTS, state=planned)
    assert isinstance(still.verdict, Approved), "what was only planned does not count as a part"
    assert still.state.progress is not None
    assert (still.state.progress.done, still.state.progress.epoch) == (0, 7)
    recent = at(2.3, WHOLLY, snapshot=shallow(2.28, 12, NOW - 350), chunks=PARTS, state=planned)
    assert isinstance(recent.verdict, Approved), "an older action is not this schedule's"
    moved = next(off for pool, off in planned.progress.left if pool == levered.WETH_USDC)
    soon = at(2.25, WHOLLY, snapshot=shallow(2.25, 212, NOW + 12, 8, -moved), chunks=PARTS, state=planned)
    assert isinstance(soon.verdict, Hold)
    assert "is done; the next is decided in" in soon.why
    assert soon.state.refill_s is None
    back = at(2.25, WHOLLY, snapshot=shallow(2.25, 412, NOW + 12, 8), chunks=PARTS, state=soon.state)
    assert back.state.refill_s == 400
    due = at(2.25, WHOLLY, snapshot=shallow(2.25, 12 + 430, NOW + 12, 8), chunks=PARTS, state=back.state)
    assert isinstance(due.verdict, Approved), due.why
    assert due.state.progress is not None
    assert due.state.progress.done == 1


def test_parts_end_when_the_rest_is_not_worth_it() -> None:
    state = replace(STATE, progress=Progress(2, 3, 7, ()))
    found = at(1.81, WHOLLY, snapshot=shallow(1.81, 900, NOW, 8), chunks=PARTS, state=state)
    assert isinstance(found.verdict, Hold)
    assert found.state.progress is None


def test_a_rescue_interrupts_a_schedule() -> None:
    state = replace(STATE, progress=Progress(1, 3, 7, ((levered.WETH_USDC, 0.01),)))
    found = at(1.45, WHOLLY, snapshot=shallow(1.45, 400, NOW, 8), chunks=PARTS, state=state)
    assert isinstance(found.verdict, Approved)
    assert found.state.progress is None


# --- health factors that follow volatility ----------------------------------------------------------------------------

GOAL = HealthGoal(Wad(105 * 10**16), Wad(13 * 10**17), Wad(2 * WAD), tolerance=0.01, react_s=3_600)


@given(st.floats(0.3, 4.0), st.integers(0, 7_200))
def test_the_level_to_act_at_leaves_the_tolerance_before_an_action_lands(sigma: float, late_s: int) -> None:
    found = levels(GOAL, 1.05, 1.3, 2.0, sigma, 0.0, late_s)
    assert 1.05 <= found.low < found.target <= 2.0
    if found.low > 1.05:
        span = (late_s + 3_600) / (365.25 * 86_400)
        chance = first_passage(math.log(found.low), sigma, 0.0, span)
        assert chance <= 0.0101
        if found.low < 1.9:
            assert chance == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(("sigma", "level"), [(0.8, 1.031), (3.0, 1.121)])
def test_the_levels_that_the_documentation_names(sigma: float, level: float) -> None:
    """Prices an hour old, ten minutes to act, one in a thousand."""
    goal = replace(GOAL, tolerance=0.001, react_s=600)
    assert levels(goal, 1.01, 1.3, 2.0, sigma, 0.0, 3_600).low == pytest.approx(level, abs=5e-4)


def test_interest_that_eats_the_margin_raises_the_level() -> None:
    calm, eaten = (levels(GOAL, 1.01, 1.3, 2.0, 1.5, carry, 0) for carry in (0.0, -20.0))
    assert eaten.low > calm.low
    earned = levels(GOAL, 1.01, 1.3, 2.0, 1.5, 20.0, 0)
    assert earned == calm


def test_a_position_is_saved_earlier_in_a_storm() -> None:
    storm, calm = (at(1.06, goal=GOAL, sigma=sigma) for sigma in (3.0, 0.3))
    assert isinstance(calm.verdict, Hold)
    assert isinstance(storm.verdict, Approved), storm.why
    assert storm.drift is not None
    assert storm.drift.quantities[0].low > 1.06
    assert reached(storm) > storm.drift.quantities[0].low


# --- chances ----------------------------------------------------------------------------------------------------------


def one_edge(chance: float, value: float = 1.6) -> Any:
    health = Quantity("health factor", value, 1.5, 1.8, 2.2)
    forecast = Forecast("x", 86_400, (), (Touch("health factor", 1.5, chance), Touch("health factor", 1.0, 0.001)))
    (found,) = edges(Drift(0.5, health.name, (health,)), forecast)
    return found


@given(st.floats(0.01, 0.95), st.floats(1.51, 2.0))
def test_a_chance_from_elsewhere_is_first_passage_with_the_same_deviation(chance: float, value: float) -> None:
    found = one_edge(chance)
    deviation = math.log(1.6 / 1.5) / deviations(chance)
    assert found.chance_at(1.6) == pytest.approx(chance)
    expected = first_passage(math.log(value / 1.5), deviation, 0.0, 1.0)
    assert found.chance_at(value) == pytest.approx(expected, rel=1e-9)
    assert found.chance_at(1.5) == found.chance_at(1.4) == 1.0


@given(st.floats(0.11, 0.95))
def test_the_share_of_the_band_for_a_chance_is_where_it_has_it(chance: float) -> None:
    found = one_edge(chance)
    share = found.share_for(0.1)
    place = 1.8 - 0.3 * share
    if share > 0.0:
        assert found.chance_at(place) == pytest.approx(0.1, rel=1e-6)


@given(st.floats(0.05, 0.9), st.floats(0.38, 0.42))
def test_both_edges_of_a_weights_band_count(chance: float, value: float) -> None:
    weight = Quantity("WETH", 0.41, 0.37, 0.40, 0.43)
    (edge,) = edges(Drift(0.5, "WETH", (weight,)), Forecast("x", 86_400, (), (Touch("WETH", 0.43, chance),)))
    deviation = 0.02 / deviations(chance)
    sides = sum(first_passage(d, deviation, 0.0, 1.0) for d in (0.43 - value, value - 0.37))
    assert edge.leaving(value) == pytest.approx(min(1.0, sides), rel=1e-9)
    assert one_edge(chance).leaving(1.7) == one_edge(chance).chance_at(1.7), "a high health factor is no danger"
