"""Shocks to a position, a basket and a range: the block they leave, what would be done there, and what that saves."""

import math
from dataclasses import replace
from typing import Any

import pytest

from keeper.costs import CLOSE_FACTOR
from keeper.guard import off_oracle
from keeper.model import Approved, Beliefs, HealthProblem, Hold, Refused, Snapshot
from keeper.shock import SHOCKS, Shock, Struck, shocked, under
from keeper.units import BPS
from tests import levered, scene
from tests.plan.test_range import mandate as range_mandate
from tests.plan.test_range import scene as range_scene
from tests.scene import STATE, USDC

PEGGED = frozenset((USDC.address,))
NAMED = {one.name: one for one in SHOCKS}


def struck(health: float, name: str, **rules: Any) -> Struck:
    (found,) = under(levered.position(health), STATE, levered.trusting(), levered.mandate(**rules), 0, (NAMED[name],))
    return found


def health(snapshot: Snapshot) -> float:
    return snapshot.vaults[0].drift(snapshot, levered.mandate()).quantities[0].value


@pytest.mark.parametrize("name", sorted(NAMED))
def test_the_shocked_block_is_one_that_could_be(name: str) -> None:
    """Its pools are at its oracle's prices, and the vaults' valuations are its own."""
    for seen in (levered.position(1.7), scene.snapshot(scene.basket()), range_scene()):
        hit = shocked(seen, NAMED[name], PEGGED)
        for venue in hit.venues:
            assert abs(off_oracle(hit, venue)) < 0.005
        for vault in hit.vaults:
            assert vault.reported_nav == vault.nav(hit, hit.head.timestamp)


@pytest.mark.parametrize("fall", [10, 20, 30, 40, 50])
def test_a_health_factor_falls_with_the_collaterals_price(fall: int) -> None:
    before = levered.position(1.7)
    assert health(shocked(before, NAMED[f"-{fall}"], PEGGED)) == pytest.approx(1.7 * (1 - fall / 100), rel=1e-6)
    assert health(shocked(before, NAMED["depeg"], PEGGED)) == pytest.approx(1.7 / 0.9, rel=1e-6)


def test_a_rate_spike_bites_for_as_long_as_it_lasts() -> None:
    after = health(shocked(levered.position(1.7), NAMED["rates"], PEGGED))
    week = 7 / 365
    assert after == pytest.approx(1.7 * (1 + 0.02 * week) / math.exp(1.0 * week), rel=1e-4)


def test_what_the_keeper_would_do_is_planned_on_the_shocked_block() -> None:
    found = struck(1.6, "-10")
    assert isinstance(found.decision.verdict, Approved)
    assert found.hit is not None
    assert found.left is not None
    assert found.hit.quantities[0].value == pytest.approx(1.44, rel=1e-6)
    assert found.left.quantities[0].value > 1.5
    assert found.actions == 1
    assert isinstance(struck(1.7, "depeg").decision.verdict, Hold)


def test_a_fall_under_liquidation_is_too_late_and_loses_the_bonus() -> None:
    found = struck(1.6, "-40")
    assert found.in_time == 0.0
    seen = levered.position(1.6)
    problem = seen.vaults[0].problem(seen, levered.mandate())
    assert isinstance(problem, HealthProblem)
    debt = problem.debt_raw * problem.debt_price / (problem.collateral_price * 0.6)
    assert found.loss >= CLOSE_FACTOR * debt * problem.bonus * (1.0 - 1e-9)
    assert found.loss < debt * problem.bonus
    assert found.kept == found.loss, "nobody is in time for what happens at once"


def test_what_is_saved_is_what_acting_takes_from_the_liquidators() -> None:
    found = struck(1.6, "-30")
    assert found.in_time is not None
    assert found.in_time > 0.99
    assert 0.0 <= found.kept < 0.1 * found.loss
    assert found.actions > 1, "the caps of one action do not allow the whole way"
    calm = replace(levered.trusting(0.2))
    (quiet,) = under(levered.position(1.6), STATE, calm, levered.mandate(), 0, (NAMED["-30"],))
    assert quiet.loss < found.loss


def test_dear_gas_stops_housekeeping_where_the_mandate_has_a_cap() -> None:
    capped = levered.mandate()
    lanes = replace(capped.lanes, normal=replace(capped.lanes.normal, max_gas_price=10 * 10**9))
    found = struck(2.3, "gas", lanes=lanes)
    assert isinstance(found.decision.verdict, Refused)
    assert {r.id for r in found.decision.verdict.reasons} == {"K-13"}


def test_a_pool_that_cannot_follow_is_left_out() -> None:
    """The price leaves the pool's liquidity: planning goes on without it and no plan uses it."""
    seen = range_scene()
    beliefs: Beliefs = levered.trusting()
    rules = range_mandate()
    for found in under(seen, STATE, beliefs, rules, 0):
        verdict = found.decision.verdict
        if isinstance(verdict, Approved):
            hit = shocked(seen, found.shock, PEGGED)
            reach = seen.vaults[0].limits.max_deviation / BPS
            assert all(abs(off_oracle(hit, hit.venue(leg.pool))) <= reach for leg in verdict.plan.legs)


def test_the_same_shock_gives_the_same_answer() -> None:
    assert struck(1.6, "crash") == struck(1.6, "crash")


def test_no_shock_changes_nothing() -> None:
    seen = levered.position(1.7)
    hit = shocked(seen, Shock("none", ""), PEGGED)
    assert hit == seen
