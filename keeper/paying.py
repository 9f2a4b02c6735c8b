"""A vault that waits outside its band in, from where on acting would pay there, out."""

import math
from collections.abc import Callable
from dataclasses import replace

from keeper.decide import decide
from keeper.model import (
    Approved,
    Beliefs,
    Decision,
    HealthGoal,
    History,
    Hold,
    Mandate,
    Quantity,
    RangeGoal,
    Reason,
    Refused,
    Snapshot,
    State,
)
from keeper.plan.infeasible import BAND
from keeper.plan.limits import down, up
from keeper.shock import Shock, shocked
from keeper.units import BPS

_FIRST = 0.005
"""Of a price: the first move that is looked at, and the next one twice that."""
_DOUBLINGS = 7
_BISECTIONS = 8
_LATER = frozenset(("C-11",))
"""What keeps an action back that pays: the cooldown."""


def told_where(
    snapshot: Snapshot, state: State, beliefs: Beliefs, mandate: Mandate, seed: int, decision: Decision
) -> Decision:
    """The decision with what its band should be, where a levered or a range vault waits outside it for costs' sake.

    The price moves on by what it is asked at, pools with it, until a decision made there would act; within some 60 %.
    Two dozen decisions: for whoever is shown it, not for a block.
    """
    verdict, drift = decision.verdict, decision.drift
    if not isinstance(verdict, Hold) or drift is None or drift.distance <= 1.0 or verdict.plan.waiting.total <= 0.0:
        return decision
    if not isinstance(mandate.goal, HealthGoal | RangeGoal) or drift.name != drift.quantities[0].name:
        return decision
    base, other = snapshot.vault(mandate.vault).tokens[:2]
    moved = base if isinstance(mandate.goal, HealthGoal) else other
    still = frozenset(r.token for r in snapshot.rounds if r.token != moved.address)
    calm = replace(state, open_intents=(), open_rescues=(), deferred=None, progress=None)
    way = 1.0 if drift.quantities[0].value > drift.quantities[0].target else -1.0

    def at(move: float) -> Decision:
        there = shocked(snapshot, Shock("", "", volatile=math.exp(way * move)), still)
        return decide(History(there, ()), calm, beliefs, mandate, seed)

    found = _first(at)
    if found is None:
        return decision
    sentence = f"{mandate.name}: {_sentence(mandate, drift.quantities[0], found)}"
    plan = replace(verdict.plan, limits=(*verdict.plan.limits, Reason(BAND, sentence)))
    return replace(decision, verdict=Hold(plan))


def _first(at: Callable[[float], Decision]) -> Quantity | None:
    """What is watched at the smallest move found, in log price, at which a decision does not wait; None: at none."""
    low, high, found = 0.0, _FIRST, None
    for _ in range(_DOUBLINGS):
        if (found := _acting(at(high))) is not None:
            break
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS if found is not None else 0):
        middle = (low + high) / 2.0
        if (nearer := _acting(at(middle))) is not None:
            found, high = nearer, middle
        else:
            low = middle
    return found


def _acting(decision: Decision) -> Quantity | None:
    verdict, drift = decision.verdict, decision.drift
    acts = isinstance(verdict, Approved) or (isinstance(verdict, Refused) and {r.id for r in verdict.reasons} <= _LATER)
    return drift.quantities[0] if acts and drift is not None else None


def _sentence(mandate: Mandate, now: Quantity, pays: Quantity) -> str:
    else_ = "raise risk_aversion, or allow cheaper pools"
    if isinstance(mandate.goal, HealthGoal):
        under = pays.value < pays.target
        edge, there = (now.low, down(pays.value)) if under else (now.high, up(pays.value))
        return (
            f"the band, which ends at {edge:.3f}, is narrower than costs justify: from here acting pays "
            f"{'under' if under else 'over'} a health factor of {there}; let it end there, {else_}"
        )
    share = math.ceil(abs(pays.value) * BPS) / BPS
    found = f"the trigger of {now.high:.2%} is narrower than costs justify: from here acting pays beyond "
    return f"{found}{share:.2%} of the way to the range's ends; raise the trigger to {min(share, 1.0):.2%}, {else_}"
