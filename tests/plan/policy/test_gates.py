"""What makes an action wait: its least gain, its payback, dear gas and blackouts."""

from dataclasses import replace

import pytest

from keeper.decide import decide
from keeper.model import (
    Approved,
    Gates,
    History,
    Hold,
    Outlook,
    Preventative,
    Refused,
    Threshold,
    Window,
)
from keeper.plan.policy import deferral
from keeper.units import Hash, Timestamp, Wei
from tests import levered, scene
from tests.plan.policy.positions import GAS, at, dear
from tests.scene import NOW, STATE


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
