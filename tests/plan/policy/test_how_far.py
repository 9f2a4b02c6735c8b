"""How far an action goes, and where acting stops."""

from hypothesis import given
from hypothesis import strategies as st

from keeper.model import (
    Approved,
    Gates,
    Hold,
    Preventative,
    Threshold,
)
from tests import levered
from tests.plan.policy.positions import ACTING, at, reached
from tests.scene import STATE


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
