"""Trades made in parts."""

from dataclasses import replace

import pytest

from keeper.model import (
    Approved,
    Hold,
    Progress,
    Refused,
)
from keeper.units import Hash
from tests import levered
from tests.plan.policy.positions import PARTS, WHOLLY, at, shallow
from tests.scene import NOW, STATE


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


def test_a_part_that_is_on_its_way_is_not_forgotten() -> None:
    planned = at(2.3, WHOLLY, snapshot=shallow(), chunks=PARTS).state
    on_its_way = replace(planned, open_intents=(Hash("0x" + "12" * 32),))
    found = at(2.3, WHOLLY, snapshot=shallow(later=12), chunks=PARTS, state=on_its_way)
    assert isinstance(found.verdict, Refused)
    assert found.verdict.reasons[0].id == "K-4"
    assert found.state.progress == planned.progress
