"""A policy, what is seen and what is remembered in, whether to weigh acting now, and why or why not, out."""

from dataclasses import dataclass, replace
from typing import Literal

from keeper.model import (
    Calendar,
    Continuous,
    Drift,
    DynamicBand,
    Forecast,
    HealthProblem,
    Mandate,
    Periodic,
    Plan,
    Preventative,
    Problem,
    Quantity,
    RangeProblem,
    State,
    WeightProblem,
)
from keeper.plan.policy.chance import Edge, edges
from keeper.plan.policy.words import duration, percent, reaching, standing
from keeper.units import Timestamp

Kind = Literal["wait", "rescue", "band", "part", "prevent", "due", "weigh"]
LEAST_SHARE = 0.1
"""Of a band: nearer to the target nothing is done, and no aim is narrower, or a trade's own cost would miss it."""
EDGES = ("just inside the band", "to the band's edge")
"""What planners call the edge of the band that they are given."""
_UNDER = 0.98
_JUST_UNDER = 0.999
"""Of the present deviation: aims that every trade towards the target reaches."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Whether to weigh acting: `kind` says which rule spoke and `why` explains it, or explains the waiting.

    `problem` is the one to plan for, its band narrowed to where acting should stop. `edge` is the likeliest to break.
    """

    kind: Kind
    why: str
    problem: Problem
    edge: Edge | None = None

    @property
    def acts(self) -> bool:
        return self.kind != "wait"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a policy judges: the vault's problem, drift and epoch, its forecast, what is remembered, and when."""

    problem: Problem
    drift: Drift
    forecast: Forecast
    mandate: Mandate
    state: State
    now: Timestamp
    last_action_at: Timestamp
    epoch: int

    @property
    def worst(self) -> Quantity:
        return next(q for q in self.drift.quantities if q.name == self.drift.name)


def trigger(seen: Seen) -> Trigger:
    """Every policy rescues a health factor under its band at once; whatever else it waits for, it waits for it here."""
    found = edges(seen.drift, seen.forecast)
    edge = found[0] if found else None
    policy = seen.mandate.policy
    if rescue(seen.problem, seen.drift):
        return Trigger("rescue", standing(seen.worst), _released(seen), edge)
    if isinstance(policy, Calendar | Periodic):
        left = _period(seen, policy.every_s) + policy.every_s - seen.now
        if not due(seen, policy.every_s):
            return Trigger("wait", f"{standing(seen.worst)}; looked at again in {duration(left)}", seen.problem, edge)
        if isinstance(policy, Calendar) and seen.drift.distance > LEAST_SHARE:
            why = f"a period of {duration(policy.every_s)} has begun; {standing(seen.worst)}"
            return Trigger("due", why, narrowed(seen.problem, seen.drift.distance * _JUST_UNDER), edge)
    if outside(seen):
        return Trigger("band", _outside_words(seen), _released(seen), edge)
    if (words := _part_words(seen)) and seen.drift.distance > LEAST_SHARE:
        return Trigger("part", words, narrowed(seen.problem, seen.drift.distance * _JUST_UNDER), edge)
    if isinstance(policy, Continuous | DynamicBand) and seen.drift.distance > LEAST_SHARE:
        return Trigger("weigh", standing(seen.worst), narrowed(seen.problem, seen.drift.distance * _JUST_UNDER), edge)
    if isinstance(policy, Preventative):
        return _preventing(seen, policy, edge)
    return Trigger("wait", standing(seen.worst), seen.problem, edge)


def rescue(problem: Problem, drift: Drift) -> bool:
    """Whether a health factor is under its band: what nothing may put off."""
    return isinstance(problem, HealthProblem) and drift.quantities[0].value < drift.quantities[0].low


def outside(seen: Seen) -> bool:
    """Outside the band, or called to act before and not yet as far inside as the mandate's `release` asks."""
    released = 1.0 - seen.mandate.gates.release if seen.state.acting else 1.0
    return seen.drift.distance > released


def due(seen: Seen, every_s: int) -> bool:
    """Whether the present period has neither been acted in nor found to need nothing."""
    start = _period(seen, every_s)
    return seen.last_action_at < start and (seen.state.served is None or seen.state.served < start)


def period(seen: Seen) -> Timestamp | None:
    """The start of the present period of a policy that has periods."""
    policy = seen.mandate.policy
    return _period(seen, policy.every_s) if isinstance(policy, Calendar | Periodic) else None


def _period(seen: Seen, every_s: int) -> Timestamp:
    return Timestamp(seen.now // every_s * every_s)


def _outside_words(seen: Seen) -> str:
    if seen.drift.distance > 1.0:
        return standing(seen.worst)
    return (
        f"{standing(seen.worst)} again, but not yet {percent(seen.mandate.gates.release)} of the way to its target, "
        "where acting stops"
    )


def _part_words(seen: Seen) -> str:
    """That a schedule has parts left; empty when it has none."""
    progress = seen.state.progress
    if progress is None:
        return ""
    done = progress.done + (1 if seen.epoch > progress.epoch else 0)
    return f"part {done + 1} of about {progress.parts}: {standing(seen.worst)}" if done < progress.parts else ""


def _released(seen: Seen) -> Problem:
    release = seen.mandate.gates.release
    return narrowed(seen.problem, 1.0 - release) if release else seen.problem


def _preventing(seen: Seen, policy: Preventative, edge: Edge | None) -> Trigger:
    inside = standing(seen.worst)
    if edge is None:
        return Trigger("wait", f"{inside}; nothing is forecast of it", seen.problem)
    likely = reaching(edge, seen.forecast.horizon_s)
    if not seen.forecast.trusted:
        doubt = "; ".join(seen.forecast.notes) or "its touches are unproven"
        why = f"{inside}; only the band counts, the forecast is not trusted ({doubt})"
        return Trigger("wait", why, seen.problem, edge)
    level = policy.stop_below if seen.state.acting else policy.act_above
    if edge.chance < level:
        return Trigger("wait", f"{likely}, under {percent(level)}: nothing to prevent", seen.problem, edge)
    share = min(edge.share_for(policy.stop_below), seen.drift.distance * _UNDER)
    return Trigger("prevent", f"{likely}, over {percent(level)}", narrowed(seen.problem, share), edge)


def narrowed(problem: Problem, share: float) -> Problem:
    """The same problem with `share` of its band, at least LEAST_SHARE, round the same target: where acting stops."""
    share = max(LEAST_SHARE, share)
    if isinstance(problem, WeightProblem):
        return replace(problem, bands=tuple(b * share for b in problem.bands))
    if isinstance(problem, RangeProblem):
        return replace(problem, trigger=problem.trigger * share)
    return replace(
        problem,
        low=problem.target - (problem.target - problem.low) * share,
        high=problem.target + (problem.high - problem.target) * share,
    )


def renamed(plans: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Plans for a narrowed band by their names for the mandate's own: their edge is some way inside that."""

    def name(text: str) -> str:
        for edge in EDGES:
            text = text.replace(edge, "far enough inside")
        return text

    return tuple(
        replace(
            plan,
            reason=name(plan.reason),
            candidates=tuple(replace(one, name=name(one.name)) for one in plan.candidates),
        )
        for plan in plans
    )


def pressing(seen: Seen) -> float:
    """The chance of the likeliest edge that still holds: an edge that is broken is no reason to hurry by itself."""
    return max((e.chance for e in edges(seen.drift, seen.forecast) if not e.broken), default=0.0)
