"""Pools that each cost something to touch in, the set of them worth touching for a demand out.

Compiled and interpreted like `kernel`, in its notation. What makes the search short is weak duality: at any prices ν,
no trades over a set S of pools gain more than -Σ ν_j d_j + Σ_S arb_i(ν). A set whose bound at hand, less its fixed
cost, is no more than the best value found so far is not tried.
"""

import math
from typing import NamedTuple

import numpy as np

from keeper.plan.routing.kernel import RESIDUAL, Edges, Flags, Floats, Ints, newton, reached, span
from keeper.plan.routing.trades import trade

_SHARE = 25
"""One in this many active pools is dropped at a time while they are many ..."""
_FEW = 24
"""... and one single pool once they are this few;"""
_FEWER = 10
"""once they are this few,"""
_TRIALS = 3
"""the best of this many."""
_SPARE = 12
"""Pools left out that are considered beside those in use."""
_FORBIDDEN = 6
"""Up to this many pools, what can be had without one of them is tried too."""
_ROUNDS = 8
_NEIGHBOURS = 24
"""Bound the local search at the end."""
_LEAST_KEPT = 1e-2
"""What a pool keeps at least once its gas counts as a fee."""
_GOOD = 100.0
"""Times the solver's goal: a residual beyond it is no solution."""


class Task(NamedTuple):
    """What is demanded over which pools, as `solve` takes it; pools cost `fixed` each, at most `most` may trade.

    No pool is to give less than `least`. Numbers of the solver: `goal`, `radius` and `limit`.
    """

    edges: Edges
    fixed: Floats
    demand: Floats
    base: int
    most: int
    least: float
    goal: float
    radius: float
    limit: int


class Found(NamedTuple):
    """A set of pools and what came of it: `spare` is what each gains beyond its fixed cost at the prices.

    `facts`: value (bound less fixed costs), bound, 1 when solved, 1 when within `most` and 2 within `least` too.
    """

    used: Flags
    prices: Floats
    spare: Floats
    facts: Floats


VALUE, BOUND, SOLVED, FITS = 0, 1, 2, 3


def blank(pools: int, tokens: int) -> Found:
    return Found(np.zeros(pools, np.bool_), np.ones(tokens), np.zeros(pools), np.array([-math.inf, math.inf, 0.0, 0.0]))


def copy(source: Found, target: Found) -> None:
    target.used[:] = source.used
    target.prices[:] = source.prices
    target.spare[:] = source.spare
    target.facts[:] = source.facts


def better(one: Found, other: Found) -> bool:
    """Whether `one` is a better answer than `other`: within the limits first, then by value."""
    if one.facts[SOLVED] == 0.0:
        return False
    if one.facts[FITS] != other.facts[FITS]:
        return bool(one.facts[FITS] > other.facts[FITS])
    return bool(one.facts[VALUE] > other.facts[VALUE])


def weigh(task: Task, allowed: Flags, prices: Floats, found: Found) -> None:
    """Fill `found` with what the demand comes to over the pools `allowed`, starting from `prices`."""
    pools, tokens = allowed.size, prices.size
    live = np.flatnonzero(allowed)
    used, nu, spare, facts = found
    edges, fixed, demand, base = task.edges, task.fixed, task.demand, task.base
    pairs, goal = edges.pairs, task.goal
    worth, report = np.zeros(tokens), np.zeros(6)
    side, paid, received = np.full(pools, -1, np.int64), np.zeros(pools), np.zeros(pools)
    nu[:] = prices
    facts[VALUE], facts[BOUND], facts[SOLVED], facts[FITS] = -math.inf, math.inf, 0.0, 0.0
    used[:] = False
    if not reached(demand, base, live, pairs):
        return
    newton(nu, demand, base, live, edges, goal, task.radius, task.limit, worth, report)
    if report[RESIDUAL] > _GOOD * goal:
        return
    trade(nu, live, edges, side, paid, received)
    bound, cost, count, smallest = 0.0, 0.0, 0, math.inf
    for j in range(tokens):
        bound += worth[j]
        if j != base:
            bound -= nu[j] * demand[j]
    for i in range(pools):
        spare[i] = -fixed[i]
        if side[i] >= 0:
            spare[i] += nu[pairs[i, 1 - side[i]]] * received[i] - nu[pairs[i, side[i]]] * paid[i]
            used[i] = True
            cost += fixed[i]
            count += 1
            smallest = min(smallest, received[i])
    facts[VALUE], facts[BOUND], facts[SOLVED] = bound - cost, bound, 1.0
    if count <= task.most:
        facts[FITS] = 2.0 if smallest >= task.least else 1.0


def weakest(found: Found, passed: Flags) -> int:
    """The pool in use, not `passed` over, that gains least beyond its cost; -1 when there is none."""
    at, used, spare = -1, found.used, found.spare
    for i in range(passed.size):
        if used[i] and not passed[i] and (at < 0 or spare[i] < spare[at]):
            at = i
    return at


def fewer(task: Task, now: Found, kept: Flags, trial: Found, following: Found) -> bool:
    """Fill `following` with the best of some sets of fewer pools than `now` uses; False when none does it.

    `kept` learns of pools that cannot be spared.
    """
    count = int(now.used.sum())
    batch = max(1, count // _SHARE) if count > _FEW else 1
    left = _TRIALS if count <= _FEWER else 1
    passed, allowed, any_found = kept.copy(), now.used.copy(), False
    while left > 0:
        allowed[:] = now.used
        last, dropped = -1, 0
        for _ in range(batch):
            at = weakest(now, passed)
            if at >= 0:
                last, dropped = at, dropped + 1
                passed[at], allowed[at] = True, False
        if dropped == 0:
            break
        if any_found and now.facts[VALUE] - now.spare[last] <= following.facts[VALUE]:
            break
        weigh(task, allowed, now.prices, trial)
        if trial.facts[SOLVED] == 1.0:
            if not any_found or trial.facts[VALUE] > following.facts[VALUE]:
                copy(trial, following)
            any_found, left = True, left - 1
        elif dropped == 1:
            kept[last] = True
        else:
            passed[:] = kept
            batch = 1
    return any_found


def path(task: Task, start: Flags, prices: Floats, best: Found) -> None:
    """Fill `best` with the best on the way from `start` to as few pools as do, the least useful dropped first."""
    pools, tokens = start.size, prices.size
    now, trial, following = blank(pools, tokens), blank(pools, tokens), blank(pools, tokens)
    kept = np.zeros(pools, np.bool_)
    weigh(task, start, prices, now)
    copy(now, best)
    cheapest = task.fixed.min() if pools else 0.0
    while now.facts[SOLVED] == 1.0 and now.used.sum() > 1:
        if best.facts[FITS] == 2.0 and now.facts[BOUND] - cheapest <= best.facts[VALUE]:
            break
        if not fewer(task, now, kept, trial, following):
            break
        copy(following, now)
        if best.facts[FITS] == 0.0 or better(now, best):
            copy(now, best)


def improve(task: Task, best: Found) -> None:
    """Move `best` to the best of its neighbours while that gains: a pool more, one instead of another, one less.

    Of all neighbours the most promising by their bounds are tried.
    """
    pools, tokens = best.used.size, best.prices.size
    now, trial = blank(pools, tokens), blank(pools, tokens)
    allowed, offer = best.used.copy(), np.zeros(pools)
    for _ in range(_ROUNDS):
        copy(best, now)
        offered(task, now.prices, offer)
        outside, inside = np.append(np.flatnonzero(~now.used), pools), np.append(np.flatnonzero(now.used), pools)
        hope = hopes(now, offer, task.fixed, outside, inside)
        for _ in range(_NEIGHBOURS):
            at = int(hope.argmax())
            row, column = at // inside.size, at % inside.size
            if not hope[row, column] > best.facts[VALUE]:
                break
            hope[row, column] = -math.inf
            allowed[:] = now.used
            if outside[row] < pools:
                allowed[outside[row]] = True
            if inside[column] < pools:
                allowed[inside[column]] = False
            weigh(task, allowed, now.prices, trial)
            if better(trial, best):
                copy(trial, best)
        if best.facts[VALUE] <= now.facts[VALUE]:
            break


def hopes(now: Found, offer: Floats, fixed: Floats, outside: Ints, inside: Ints) -> Floats:
    """Bounds of the sets with a pool of `outside` taken in and one of `inside` left out; the last stand for none."""
    value, hope = now.facts[VALUE], np.empty((outside.size, inside.size))
    for row in range(outside.size):
        gain = value
        if row < outside.size - 1:
            gain += offer[outside[row]] - fixed[outside[row]]
        for column in range(inside.size - 1):
            hope[row, column] = gain - now.spare[inside[column]]
        hope[row, inside.size - 1] = gain
    hope[outside.size - 1, inside.size - 1] = -math.inf
    return hope


def offered(task: Task, prices: Floats, offer: Floats) -> None:
    """Fill `offer` with arb_i(ν) of every pool."""
    pools = offer.size
    live = np.arange(pools)
    side, paid, received = np.full(pools, -1, np.int64), np.zeros(pools), np.zeros(pools)
    trade(prices, live, task.edges, side, paid, received)
    pairs = task.edges.pairs
    for i in range(pools):
        offer[i] = 0.0
        if side[i] >= 0:
            offer[i] = prices[pairs[i, 1 - side[i]]] * received[i] - prices[pairs[i, side[i]]] * paid[i]


def dearer(edges: Edges, fixed: Floats, demand: Floats) -> Edges:
    """The edges where each pool's fixed cost is a fee: its share of the whole value sold.

    No pool sees more than that, so of all proportional costs it is the largest that is nowhere above the fixed one.
    """
    sold, all_of_it = 0.0, 0.0
    for j in range(demand.size):
        sold += max(0.0, -demand[j])
        all_of_it += abs(demand[j])
    worth = sold if sold > 0.0 else (all_of_it if all_of_it > 0.0 else 1.0)
    pairs, keep, lead, first, last, steps = edges
    share = np.maximum(_LEAST_KEPT, 1.0 - fixed / worth)
    return Edges(pairs, keep * share, lead * np.repeat(share, 2), first, last, steps)


def spread(task: Task, allowed: Flags, prices: Floats, found: Found) -> None:
    """Fill `found` with the pools that trade when gas is a fee."""
    edges = dearer(task.edges, task.fixed, task.demand)
    weigh(
        Task(edges, task.fixed, task.demand, task.base, task.most, task.least, task.goal, task.radius, task.limit),
        allowed,
        prices,
        found,
    )


def part_of(task: Task, members: Ints, prices: Floats) -> tuple[Task, Floats, Ints]:
    """The task over some pools and the tokens they touch alone, and the prices; tokens by their number there, or -1."""
    pairs, keep, lead, first, last, steps = task.edges
    tokens, pools = task.demand.size, members.size
    local, count = np.full(tokens, -1, np.int64), 0
    for i in members:
        local[pairs[i, 0]] = 0
        local[pairs[i, 1]] = 0
    for j in range(tokens):
        if local[j] == 0 or task.demand[j] != 0.0 or j == task.base:
            local[j] = count
            count += 1
    demand, nu = np.zeros(count), np.ones(count)
    for j in range(tokens):
        if local[j] >= 0:
            demand[local[j]] = task.demand[j]
            nu[local[j]] = prices[j]
    ends, begin, end = np.zeros((pools, 2), np.int64), np.zeros(2 * pools, np.int64), np.zeros(2 * pools, np.int64)
    kept, led, fixed = np.zeros(pools), np.zeros(2 * pools), np.zeros(pools)
    for k in range(pools):
        i = members[k]
        kept[k], fixed[k] = keep[i], task.fixed[i]
        for s in range(2):
            ends[k, s] = local[pairs[i, s]]
            led[2 * k + s] = lead[2 * i + s]
            begin[2 * k + s] = first[2 * i + s]
            end[2 * k + s] = last[2 * i + s]
    edges = Edges(ends, kept, led, begin, end, steps)
    part = Task(edges, fixed, demand, local[task.base], task.most, task.least, task.goal, task.radius, task.limit)
    return part, nu, local


def path_within(task: Task, members: Flags, start: Flags, prices: Floats, best: Found) -> None:
    """As `path`, over the pools `members` alone, where every solve is smaller."""
    inside = np.flatnonzero(members)
    part, nu, local = part_of(task, inside, prices)
    found = blank(inside.size, nu.size)
    path(part, start[inside], nu, found)
    spread_out(inside, local, prices, found, best)


def improve_within(task: Task, members: Flags, best: Found) -> None:
    """As `improve`, over the pools `members` alone; and over what can be had without each of the few in use."""
    inside = np.flatnonzero(members)
    part, nu, local = part_of(task, inside, best.prices)
    found, trial = blank(inside.size, nu.size), blank(inside.size, nu.size)
    weigh(part, best.used[inside], nu, found)
    if found.used.sum() <= _FORBIDDEN:
        used, offer = found.used.copy(), np.zeros(inside.size)
        offered(part, found.prices, offer)
        bound = found.facts[BOUND]
        for i in range(inside.size):
            bound += max(0.0, offer[i] - part.fixed[i]) - (offer[i] if used[i] else 0.0)
        prices = found.prices.copy()
        for b in range(inside.size):
            if used[b] and bound - max(0.0, offer[b] - part.fixed[b]) > found.facts[VALUE]:
                allowed = np.ones(inside.size, np.bool_)
                allowed[b] = False
                path(part, allowed, prices, trial)
                if better(trial, found):
                    copy(trial, found)
    improve(part, found)
    if better(found, best):
        spread_out(inside, local, best.prices.copy(), found, best)


def spread_out(inside: Ints, local: Ints, prices: Floats, found: Found, best: Found) -> None:
    """Fill `best` with `found`, which numbers some pools and tokens only."""
    best.used[:] = False
    best.spare[:] = 0.0
    best.facts[:] = found.facts
    for k in range(inside.size):
        best.used[inside[k]] = found.used[k]
        best.spare[inside[k]] = found.spare[k]
    for j in range(prices.size):
        best.prices[j] = found.prices[local[j]] if local[j] >= 0 else prices[j]


def choose(prices: Floats, allowed: Flags, start: Flags, task: Task, chosen: Flags) -> bool:
    """Mark in `chosen` the pools worth touching among those `allowed`; False when they cannot meet the demand at all.

    Begins at the pools of `start`, what a similar demand came to, and stays near; where it marks none, at the pools
    that trade when gas is a fee. `prices` become those of the choice; a base price of 0 asks for a start of its own.
    """
    pools, tokens = allowed.size, prices.size
    if prices[task.base] <= 0.0:
        prices[:] = 1.0
        span(prices, task.base, np.flatnonzero(allowed), task.edges)
    best, other = blank(pools, tokens), blank(pools, tokens)
    if start.any():
        path_within(task, start, start, prices, best)
    if best.facts[SOLVED] == 0.0:
        spread(task, allowed, prices, other)
        members = other.used if other.facts[SOLVED] == 1.0 else allowed
        path_within(task, members, members, prices, best)
        if best.facts[SOLVED] == 0.0:
            path_within(task, allowed, allowed, prices, best)
        if best.facts[FITS] > 0.0:
            improve_within(task, neighbourhood(task, allowed, members, best), best)
    prices[:] = best.prices
    chosen[:] = best.used
    return bool(best.facts[SOLVED] == 1.0)


def neighbourhood(task: Task, allowed: Flags, seen: Flags, best: Found) -> Flags:
    """Pools worth a look beside those in use: all of a few; else those seen before, and the best of those left out.

    Where few are in use, also what trades without one of them when gas is a fee.
    """
    pools = allowed.size
    if allowed.sum() <= _FEW:
        return allowed.copy()
    near, offer, without = seen | best.used, np.zeros(pools), allowed.copy()
    offered(task, best.prices, offer)
    for _ in range(_SPARE):
        at = -1
        for i in range(pools):
            worth = offer[i] - task.fixed[i]
            if allowed[i] and not near[i] and worth > (0.0 if at < 0 else offer[at] - task.fixed[at]):
                at = i
        if at < 0:
            break
        near[at] = True
    if best.used.sum() <= _FORBIDDEN:
        other = blank(pools, best.prices.size)
        for b in range(pools):
            if best.used[b]:
                without[b] = False
                spread(task, without, best.prices, other)
                without[b] = True
                if other.facts[SOLVED] == 1.0:
                    near |= other.used
    return near
