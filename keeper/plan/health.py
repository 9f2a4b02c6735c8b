"""A health factor outside its band in, the cheapest way back, or the reason to wait, out."""

import math
from collections.abc import Callable
from dataclasses import replace

from keeper.errors import Unquotable
from keeper.model import Candidate, Cost, Forecast, HealthGoal, HealthProblem, Mandate, Plan, Reason
from keeper.plan.infeasible.health import no_move_possible, short_of_band
from keeper.plan.limits import Held, bound_by
from keeper.plan.position import (
    Bounds,
    Rescuing,
    Tried,
    attempt,
    health,
    health_factor,
    levers,
    supplied,
    wanted,
)
from keeper.plan.route import Market
from keeper.plan.standing import Valuer
from keeper.units import WAD

_BISECTIONS = 10
"""Towards the most that can be done where not all can."""
_FAIR_PART, _SMALL_PART = 0.25, 0.1
"""Of the way to the band that what is idle must go to be supplied: where something else can be done, or nothing."""
_INSIDE = 1.0001
"""Of the band's end: what counts as inside when it is asked what would lead there."""


def plan_health(
    problem: HealthProblem, forecast: Forecast, mandate: Mandate, open_market: Callable[[], Market], bounds: Bounds
) -> tuple[Plan, ...]:
    """Plans in order of preference: the least total of execution and of the state left behind first.

    Doing nothing is a candidate: where it is cheapest it comes first.

    The state is valued as the tracking problem in the collateral's multiple of net worth, plus what liquidators are
    expected to take over the horizon. A flash loan is used only where the market's own limits need it.
    """
    goals = _goals(problem, mandate, bounds.rescue)
    trials: list[Tried] = []
    refused: list[Candidate] = []
    errors: list[Unquotable] = []
    market = open_market()

    limited = "as far as limits let it" if bound_by(bounds.rules, bounds.turnover) else "part of the way"

    def consider(target: float, name: str, within: Bounds = bounds) -> None:
        try:
            if within is bounds and any(t.limited for t in trials) and wanted(problem, target, 0.0) >= bounds.turnover:
                return  # it would be the same
            used = trials[0].trades.used if trials else ()
            found = attempt(problem, target, name, market, within, used, trials)
            if bounds.rescue is None and found.limited:
                found = _named(problem, found, limited if within is bounds else "the least leg")
            trials.append(found)
        except Unquotable as error:
            errors.append(error)
            refused.append(Candidate(name, Cost(), f"not possible: {error}"))

    for goal in goals:
        consider(*goal)
    if goals and not trials and not isinstance(errors[0], Held):
        trials.extend(_furthest(problem, goals[0][0], market, bounds))
    pledge = supplied(problem, market, bounds)
    if pledge and (not goals or _helps(problem, pledge, mandate, bool(trials))):
        trials.append(pledge)
    if not trials:
        limit = _why_not(problem, mandate, goals[0][0], market, bounds, errors[0])
        return (Plan((), None, Cost(), Cost(), refused[0].note, tuple(refused), (limit,)),)
    state = Valuer(problem, forecast, mandate, trials[0])
    inner = state.best_waiting() if len(goals) > 1 else None
    if inner is not None and problem.low < inner < problem.high:
        consider(inner, f"health factor to {inner:.3f} (where waiting is best)")
    if any(isinstance(error, Held) for error in errors):
        consider(problem.target, "", replace(bounds, turnover=bounds.min_trade))
    waiting = state.waiting()
    valued = [(t, state.cost(t)) for t in trials]
    ranked = sorted(valued, key=lambda pair: pair[1].total)
    best, cost = ranked[0]
    candidates = (
        Candidate("do nothing", waiting, f"over {mandate.horizon_s / 3600:.0f} h"),
        *(Candidate(t.name, c, "flash loan" if t.move.flash else "no flash loan") for t, c in valued),
        *refused,
    )
    short = _short(problem, mandate, market, bounds, best)
    acting = tuple(
        Plan(t.trades.legs, t.move, c, waiting, t.name, candidates, short if t is best else ()) for t, c in ranked
    )
    if mandate.policy.settle == "cheapest" and bounds.rescue is None and waiting.total <= cost.total:
        reason = f"waiting costs {waiting.total:.0f}, the best trade ({best.name}) {cost.total:.0f}, in raw base units"
        return (Plan((), None, cost, waiting, reason, candidates, short), *acting)
    return acting


def plan_pull(problem: HealthProblem, market: Market, bounds: Bounds) -> Plan:
    """A rescue towards the target within `bounds`, weighed against nothing: for whoever pulls the ripcord.

    Raises errors.Unquotable when there is none.
    """
    if health(problem) >= problem.target:
        raise Unquotable(f"the health factor is at its target of {problem.target:.3f} already")
    tried = attempt(problem, problem.target, f"towards a health factor of {problem.target:.3f}", market, bounds)
    return Plan(tried.trades.legs, tried.move, tried.cost, Cost(), tried.name)


def _helps(problem: HealthProblem, pledge: Tried, mandate: Mandate, others: bool) -> bool:
    """Whether to supply what is idle is a way back: into the band, from inside it to the target; or a fair part of it.

    Less than that would spend the cooldown on next to nothing, and anyone may deposit next to nothing.
    """
    now, ends = health(problem), _after(problem, pledge)
    assert isinstance(mandate.goal, HealthGoal)  # whose band a policy may have narrowed to where the vault is
    asked = problem.low if now * WAD < mandate.goal.low else problem.target
    if ends >= asked:
        return True
    fair = _FAIR_PART if others else _SMALL_PART
    return (mandate.policy.settle == "cheapest" or not others) and ends - now >= fair * (asked - now)


def _furthest(problem: HealthProblem, goal: float, market: Market, bounds: Bounds) -> list[Tried]:
    """As far towards `goal` as the pools and the lending market take, by bisection; none where they take nothing.

    How far a rescue goes is not decided here.
    """
    found, low = list[Tried](), 0.0
    high = min(bounds.turnover, wanted(problem, goal, 0.0)) if bounds.rescue is None else 0.0
    for _ in range(_BISECTIONS if high > 0.0 else 0):
        most = (low + high) / 2.0
        try:
            found, low = [attempt(problem, goal, "", market, replace(bounds, turnover=most))], most
        except Unquotable:
            high = most
    return [_named(problem, t, "as far as the pools let it") for t in found]


def _named(problem: HealthProblem, tried: Tried, why: str) -> Tried:
    """By where it ends, which is short of its goal."""
    return replace(tried, name=f"health factor to {_after(problem, tried):.3f} ({why})")


def _free(problem: HealthProblem, goal: float, market: Market, bounds: Bounds) -> Tried:
    """The trade to `goal` were there no limits. Raises Unquotable."""
    return attempt(problem, goal, "", replace(market, caps=()), replace(bounds, turnover=math.inf, min_trade=0.0))


def _why_not(
    problem: HealthProblem, mandate: Mandate, goal: float, market: Market, bounds: Bounds, why: Unquotable
) -> Reason:
    try:
        free = _free(problem, goal, market, bounds)
    except Unquotable as error:
        return no_move_possible(mandate, problem, goal, None, bounds, error)
    return no_move_possible(mandate, problem, goal, free, bounds, why)


def _short(problem: HealthProblem, mandate: Mandate, market: Market, bounds: Bounds, best: Tried) -> tuple[Reason, ...]:
    """What keeps the best trade from ending inside the mandate's band; nothing where it does, or is a rescue."""
    goal, ends = mandate.goal, _after(problem, best)
    if bounds.rescue is not None or not isinstance(goal, HealthGoal) or goal.low <= ends * WAD <= goal.high:
        return ()
    if best.limited and not bound_by(bounds.rules, bounds.turnover):
        return ()
    edge, inside = (goal.low / WAD, _INSIDE) if ends * WAD < goal.low else (goal.high / WAD, 1.0 / _INSIDE)
    try:
        need: Tried | Unquotable = _free(problem, edge * inside, market, bounds)
    except Unquotable as error:
        need = error
    found = short_of_band(mandate, problem, best, edge, need, bounds)
    return () if found is None else (found,)


def _after(problem: HealthProblem, tried: Tried) -> float:
    return health_factor(problem, tried.pledged, tried.debt)


def _goals(problem: HealthProblem, mandate: Mandate, rescue: Rescuing | None) -> tuple[tuple[float, str], ...]:
    """What is idle reaches by itself needs no trade; beyond the target more may be borrowed on it."""
    if rescue is not None:
        part = "" if rescue.share == 1.0 else f", {rescue.share:.0%} of the way"
        return ((problem.target, f"rescued: health factor to {problem.target:.3f} (target{part})"),)
    now = health(problem)
    edge = problem.low * 1.01 if now < problem.target else problem.high * 0.99
    middle = (problem.target + edge) / 2.0
    ways = ((problem.target, "target"), (middle, "half way to target"), (edge, "just inside the band"))
    chosen = {"target": ways[:1], "edge": ways[2:], "cheapest": ways}[mandate.policy.settle]
    if now < problem.target:
        idle_does = [way for way in ways[1:] if now < way[0] and levers(problem, way[0], False)]
        chosen = tuple(way for way in chosen if way not in idle_does)
    return tuple((goal, f"health factor to {goal:.3f} ({name})") for goal, name in chosen)
