"""A position under a policy: what the tests of policies ask of it, and the markets that they ask it in."""

from dataclasses import replace
from typing import Any

from keeper.decide import decide
from keeper.model import (
    Approved,
    Calendar,
    Chunks,
    Continuous,
    Decision,
    DynamicBand,
    Gates,
    GuardState,
    History,
    Periodic,
    Policy,
    Preventative,
    Snapshot,
    State,
    Threshold,
)
from keeper.units import WAD, Timestamp, Wei
from tests import levered
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
GAS = Gates(gas_below=Wei(10 * 10**9), gas_wait_s=3_600, gas_unless=0.5)
PARTS = Chunks(most=5, refill_s=600)
WHOLLY = Threshold("target")


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


def dear(health: float, later: int = 0) -> Snapshot:
    return levered.position(health, base_fee=40 * 10**9, now=Timestamp(NOW + later))


def shallow(health: float = 2.3, later: int = 0, acted: int = 0, epoch: int = 7, off: float = 0.0) -> Snapshot:
    """A market in which the trade's impact is most of its cost; `off` moves the deeper pool from the oracle."""
    guard = GuardState(epoch, False, Timestamp(acted), 10**22, 10**24)
    seen = levered.position(health, depth=6e6, now=Timestamp(NOW + later), guard=guard)
    pool = seen.venues[0]
    moved = replace(pool, reserves=(round(pool.reserves[0] * (1.0 + off)), pool.reserves[1]))  # type: ignore[attr-defined, type-var]
    return levered.valued(replace(seen, venues=(moved, *seen.venues[1:])))
