"""Acting early weighed against waiting, with a forecast that is trusted and one that is not."""

import pytest

from keeper.model import (
    Approved,
    DynamicBand,
    Hold,
    Preventative,
)
from tests import levered
from tests.plan.policy.positions import at, reached


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
