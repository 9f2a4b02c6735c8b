"""From where on acting pays, of vaults that wait outside their bands: beyond it a decision acts, this side it waits."""

import math
from dataclasses import replace
from typing import Any

import pytest

from keeper.decide import decide
from keeper.model import Decision, DynamicBand, History, Hold, Mandate, RangeGoal, Snapshot, State
from keeper.paying import told_where
from keeper.shock import Shock, shocked
from keeper.units import WAD, Bps, Wad
from tests import levered, scene
from tests.plan import test_range
from tests.plan.test_infeasible_health import number

BELIEFS = {"leverage": levered.trusting(), "range": scene.beliefs()}


def decided(snapshot: Snapshot, mandate: Mandate) -> Decision:
    return decide(History(snapshot, ()), State(mandate.vault), BELIEFS[mandate.kind], mandate, 0)


def told(snapshot: Snapshot, mandate: Mandate) -> str:
    """What is said of the band; empty where nothing is."""
    decision = decided(snapshot, mandate)
    shown = told_where(snapshot, State(mandate.vault), BELIEFS[mandate.kind], mandate, 0, decision)
    if shown == decision:
        return ""
    assert isinstance(shown.verdict, Hold)
    (one,) = shown.verdict.plan.limits
    assert one.id == "P-band"
    return one.sentence


def moved(snapshot: Snapshot, mandate: Mandate, factor: float) -> Snapshot:
    """The price of what is watched times a factor, pools with it."""
    tokens = snapshot.vault(mandate.vault).tokens
    one = tokens[0] if mandate.kind == "leverage" else tokens[1]
    still = frozenset(r.token for r in snapshot.rounds if r.token != one.address)
    return shocked(snapshot, Shock("", "", volatile=factor), still)


def dear(health: float, **rules: Any) -> tuple[Snapshot, Mandate]:
    """A position of twenty ether where gas costs sixty gwei."""
    return levered.position(health, collateral=20.0, base_fee=60 * 10**9), levered.mandate(**rules)


@pytest.mark.parametrize("health", [1.49, 1.48, 2.25, 2.3])
def test_a_health_factors_band_says_where_it_should_end(health: float) -> None:
    snapshot, mandate = dear(health)
    there = number(told(snapshot, mandate), "a health factor of ")
    under = there < 1.8
    assert under == (health < 1.8)
    edge = Wad(round(there * WAD))
    goal = replace(mandate.goal, **({"low": edge} if under else {"high": edge}))  # type: ignore[type-var]
    eased = replace(mandate, goal=goal)
    beyond, before = (there / health * math.exp((-1.0 if under else 1.0) * by) for by in (0.002, -0.004))
    for rules in (mandate, eased):
        assert not isinstance(decided(moved(snapshot, mandate, beyond), rules).verdict, Hold)
        assert isinstance(decided(moved(snapshot, mandate, before), rules).verdict, Hold)
    assert told(moved(snapshot, mandate, before), eased) == "", "inside its band nothing is said"
    assert told(moved(snapshot, mandate, before), mandate)


@pytest.mark.parametrize("usd", [3_200.0, 3_250.0, 2_800.0])
def test_a_ranges_trigger_says_what_it_should_be(usd: float) -> None:
    snapshot = test_range.scene(usd)
    mandate = test_range.mandate(goal=RangeGoal(Bps(1_000), Bps(3_000), Bps(1_000)))
    sentence = told(snapshot, mandate)
    share = number(sentence, "acting pays beyond ") / 100
    trigger = Bps(round(100 * number(sentence, "raise the trigger to ")))
    assert trigger == min(10_000, round(share * 10_000))
    eased = replace(mandate, goal=replace(mandate.goal, trigger=trigger))  # type: ignore[type-var]
    way = 1.0 if usd > 3_000.0 else -1.0
    half = test_range.HALF * math.log(1.0001)
    at = abs(decided(snapshot, mandate).drift.quantities[0].value)  # type: ignore[union-attr]
    beyond, before = (math.exp(way * (share - at + by) * half) for by in (0.01, -0.02))
    for rules in (mandate, eased):
        assert not isinstance(decided(moved(snapshot, mandate, beyond), rules).verdict, Hold)
        assert isinstance(decided(moved(snapshot, mandate, before), rules).verdict, Hold)
    assert told(moved(snapshot, mandate, before), eased) == "", "inside its band nothing is said"


def test_nothing_is_said_of_what_acts_or_is_inside_its_band_or_pays_nowhere() -> None:
    assert told(levered.position(1.4), levered.mandate()) == ""
    assert told(*dear(1.8)) == ""
    assert told(*dear(1.65, policy=DynamicBand())) == "", "weighed inside its band"
    assert told(levered.position(2.3, depth=1e3), levered.mandate()) == "", "what is refused pays no more than waiting"
    assert told(test_range.scene(3_000.0), test_range.mandate()) == ""
    assert told(levered.position(2.25, collateral=0.5, base_fee=900 * 10**9), levered.mandate()) == ""
