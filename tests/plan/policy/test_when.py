"""When each policy acts, on a position, a basket and a range."""

from dataclasses import replace

import pytest

from keeper.decide import decide
from keeper.model import (
    Approved,
    Calendar,
    Chunks,
    Continuous,
    Decision,
    Deferred,
    DynamicBand,
    Gates,
    GuardState,
    History,
    Hold,
    Periodic,
    Policy,
    Preventative,
    Threshold,
)
from keeper.units import Timestamp, Wei
from tests import levered, scene
from tests.plan.policy.positions import KINDS, at, reached
from tests.plan.test_range import mandate as range_mandate
from tests.plan.test_range import scene as range_scene
from tests.scene import NOW, STATE


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
