"""Pools as ladders and prices in, what every pool would trade at those prices out; and the prices that meet a demand.

The same source runs interpreted and compiled, with the same result to the last bit: it uses only additions,
multiplications, divisions and square roots, which IEEE 754 defines exactly, in a fixed order.

Notation of MATH: ν are prices, Ψ the net trade of all pools, d the demand, γ = 1 - fee. Amounts are in units of value,
so that prices are near 1.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_LOOSE = 1e-9
"""A pivot below this share of its own diagonal: nothing that trades now holds this token's price."""
_STALL = 4
"""Iterations without progress after which rounding is taken to be all that is left, ..."""
_NEAR = 1e5
"""... once the residual is within this factor of the goal."""
_FAR = 1e3
"""A price this many times its start, or as small a part of it: the pools do not hold what is to be bought, or cannot
take what is to be sold, or barely."""
_CUTS = 8
"""Evaluations a line search may take."""
RESIDUAL, BOUND, OBJECTIVE, SHORTFALL, STEPS, EVALUATIONS = 0, 1, 2, 3, 4, 5
"""Places in the report of a solution."""


class Edges(NamedTuple):
    """Pool i trades the tokens `pairs[i]`, γ = `keep[i]`; its edge e = 2i sells token 0 into it, e = 2i + 1 token 1.

    Along an edge the root price u (of the token sold in the token bought, before the fee) falls through steps of
    constant liquidity `steps[first[e]:last[e]]`, one row (top, bottom, liquidity, in_at_top, out_at_top) each: at
    u in a step, in = in_at_top + L (1/u - 1/top) net of the fee and out = out_at_top + L (top - u). `lead[e]` = γ top²
    is what the ratio of the prices must be below for the edge to trade, 0 where it has no steps.
    """

    pairs: Ints
    keep: Floats
    lead: Floats
    first: Ints
    last: Ints
    steps: Floats


def find_step(u: float, first: int, last: int, steps: Floats) -> int:
    """The step of an edge that root price `u` < top lies in, or in the gap below; rows first to last."""
    low, high = first, last
    while low < high:
        middle = (low + high + 1) // 2
        if steps[middle, 0] > u:
            low = middle
        else:
            high = middle - 1
    return low


def respond(
    prices: Floats,
    live: Ints,
    edges: Edges,
    worth: Floats,
    matrix: Floats,
) -> None:
    """Fill `worth` with ν_j Ψ_j(ν) and `matrix` with the dual's Hessian scaled by ν on both sides.

    Edge e trades when ν_in < ν_out `lead[e]`, lead = γ top²; down to u = sqrt(ν_in / (γ ν_out)). It adds
    w = ½ L u ν_out to the diagonal and -w off it: the scaled Hessian is the Laplacian of the pools that trade.
    """
    pairs, keep, lead, first, last, steps = edges
    worth[:] = 0.0
    matrix[:, :] = 0.0
    for at in range(live.size):
        i = live[at]
        sold, bought, edge = pairs[i, 0], pairs[i, 1], 2 * i
        if prices[sold] >= prices[bought] * lead[edge]:
            sold, bought, edge = bought, sold, edge + 1
            if prices[sold] >= prices[bought] * lead[edge]:
                continue
        p_in, p_out = prices[sold], prices[bought]
        u = math.sqrt(p_in / (p_out * keep[i]))
        k = find_step(u, first[edge], last[edge] - 1, steps)
        top, depth = steps[k, 0], steps[k, 2]
        if u >= steps[k, 1]:
            w = 0.5 * depth * u * p_out
            matrix[sold, sold] += w
            matrix[bought, bought] += w
            matrix[sold, bought] -= w
            matrix[bought, sold] -= w
        else:
            u = steps[k, 1]
        fallen = depth * (top - u)
        worth[sold] -= p_in * (steps[k, 3] + fallen / (u * top)) / keep[i]
        worth[bought] += p_out * (steps[k, 4] + fallen)


def direction(matrix: Floats, residual: Floats, base: int, nudge: float, whole: Floats, step: Floats) -> None:
    """Solve matrix · step = -residual with step[base] = 0, by elimination in the upper half; destroys matrix.

    A token whose pivot vanishes is held by nothing that trades: it moves by `nudge` against its residual. `whole` is
    room for the diagonal.
    """
    n = residual.size
    for j in range(n):
        step[j] = -residual[j]
        matrix[base, j] = 0.0
        matrix[j, base] = 0.0
    step[base] = 0.0
    matrix[base, base] = 1.0
    for j in range(n):
        whole[j] = matrix[j, j]
    for k in range(n):
        pivot = matrix[k, k]
        if pivot <= _LOOSE * whole[k] or pivot <= 0.0:
            for i in range(k, n):
                matrix[k, i] = 0.0
            continue
        for i in range(k + 1, n):
            if matrix[k, i] != 0.0:
                factor = matrix[k, i] / pivot
                for j in range(i, n):
                    matrix[i, j] -= factor * matrix[k, j]
                step[i] -= factor * step[k]
    for k in range(n - 1, -1, -1):
        pivot = matrix[k, k]
        if pivot > 0.0:
            step[k] /= pivot
        elif step[k] > 0.0:
            step[k] = nudge
        elif step[k] < 0.0:
            step[k] = -nudge
        if step[k] != 0.0:
            for j in range(k):
                step[j] -= matrix[j, k] * step[k]


def slope(worth: Floats, trial: Floats, demand: Floats, prices: Floats, step: Floats, base: int) -> float:
    """Derivative of the dual along ν (1 + t step), at the prices `trial` that `worth` belongs to."""
    total = 0.0
    for j in range(demand.size):
        if j != base:
            total += (worth[j] / trial[j] - demand[j]) * prices[j] * step[j]
    return total


def cut_step(
    prices: Floats,
    step: Floats,
    start: float,
    demand: Floats,
    base: int,
    live: Ints,
    edges: Edges,
    trial: Floats,
    worth: Floats,
    matrix: Floats,
    report: Floats,
) -> tuple[float, float]:
    """The part of a step to take and the dual's slope there: all of it unless it overshoots by half of `start`.

    `start` < 0 is the slope before the step; leaves `trial`, `worth` and `matrix` at the part chosen.
    """
    low, high, low_slope, high_slope, part, now = 0.0, 1.0, start, 0.0, 1.0, 0.0
    taken = part
    for attempt in range(_CUTS):
        taken = part
        for j in range(prices.size):
            trial[j] = prices[j] * (1.0 + part * step[j])
        respond(trial, live, edges, worth, matrix)
        report[EVALUATIONS] += 1.0
        now = slope(worth, trial, demand, prices, step, base)
        if now <= -0.5 * start and (attempt == 0 or now >= 0.5 * start):
            break
        if now > 0.0:
            high, high_slope = part, now
        else:
            low, low_slope = part, now
        cut = -low_slope / (high_slope - low_slope)
        part = low + (high - low) * min(0.9, max(0.1, cut))
    return taken, now


def newton(
    prices: Floats,
    demand: Floats,
    base: int,
    live: Ints,
    edges: Edges,
    goal: float,
    radius: float,
    limit: int,
    worth: Floats,
    report: Floats,
) -> None:
    """Move `prices` to the minimum of -Σ ν_j d_j + Σ arb_i(ν), until Σ |ν_j (Ψ_j - d_j)| is at most `goal`.

    A semismooth Newton in relative price changes. The dual is convex along each step: a step that overshoots is cut
    where the slope vanishes, and `radius` bounds the relative change of any price.
    """
    n = prices.size
    residual, matrix = np.zeros(n), np.zeros((n, n))
    trial, whole, step, origin = prices.copy(), np.zeros(n), np.zeros(n), prices.copy()
    respond(prices, live, edges, worth, matrix)
    report[EVALUATIONS] += 1.0
    best, stalled = math.inf, 0
    for _ in range(limit):
        left, farthest = 0.0, 0.0
        for j in range(n):
            residual[j] = 0.0 if j == base else worth[j] - prices[j] * demand[j]
            left += abs(residual[j])
            farthest = max(farthest, prices[j] / origin[j], origin[j] / prices[j])
            if abs(residual[j]) < 1e-3 * goal:
                residual[j] = 0.0
        stalled = 0 if left < 0.5 * best else stalled + 1
        best = min(best, left)
        report[RESIDUAL] = left
        if left <= goal or (stalled > _STALL and left < _NEAR * goal) or farthest > _FAR:
            break
        direction(matrix, residual, base, 0.25 * radius, whole, step)
        report[STEPS] += 1.0
        longest, start = 0.0, 0.0
        for j in range(n):
            longest = max(longest, abs(step[j]))
        if longest > radius:
            for j in range(n):
                step[j] *= radius / longest
            longest = radius
        for j in range(n):
            start += residual[j] * step[j]
        part, now = cut_step(prices, step, start, demand, base, live, edges, trial, worth, matrix, report)
        if part < 1.0:
            radius = max(0.25 * radius, 1.5 * part * longest)
        elif now < 0.1 * start:
            radius = min(0.5, 3.0 * radius)
        prices[:] = trial


def span(prices: Floats, base: int, live: Ints, edges: Edges) -> None:
    """Set `prices` from 1 at the base along the tree of deepest pools, each at its mid; unreached tokens stay."""
    pairs, first, last, steps = edges.pairs, edges.first, edges.last, edges.steps
    n = prices.size
    deepest, link = np.zeros((n, n)), np.full((n, n), -1, np.int64)
    for at in range(live.size):
        i = live[at]
        a, b = pairs[i, 0], pairs[i, 1]
        if first[2 * i] < last[2 * i] and first[2 * i + 1] < last[2 * i + 1]:
            depth = steps[first[2 * i], 2]
            if depth > deepest[a, b]:
                deepest[a, b] = depth
                deepest[b, a] = depth
                link[a, b] = i
                link[b, a] = i
    done, offer, offered = np.zeros(n, np.bool_), np.zeros(n), np.ones(n)
    at = base
    price = 1.0
    while at >= 0:
        done[at] = True
        prices[at] = price
        best = -1
        for j in range(n):
            if done[j]:
                continue
            i = link[at, j]
            if i >= 0:
                edge = 2 * i if pairs[i, 0] == at else 2 * i + 1
                rate = steps[first[edge], 0] / steps[first[edge ^ 1], 0]  # token j per token `at`, at the mid
                worth = price * deepest[at, j] / math.sqrt(rate)
                if worth > offer[j]:
                    offer[j] = worth
                    offered[j] = price / rate
            if offer[j] > 0.0 and (best < 0 or offer[j] > offer[best]):
                best = j
        at = best
        if best >= 0:
            price = offered[best]


def reached(demand: Floats, base: int, live: Ints, pairs: Ints) -> bool:
    """Whether pools lead from the base to every token that is demanded or to be sold."""
    n = demand.size
    near = np.zeros((n, n), np.bool_)
    for at in range(live.size):
        near[pairs[live[at], 0], pairs[live[at], 1]] = True
    known, queue = np.zeros(n, np.bool_), np.zeros(n, np.int64)
    known[base] = True
    queue[0] = base
    count = 1
    for at in range(n):
        if at == count:
            break
        for j in range(n):
            if not known[j] and (near[queue[at], j] or near[j, queue[at]]):
                known[j] = True
                queue[count] = j
                count += 1
    missed = 0
    for j in range(n):
        if demand[j] != 0.0 and not known[j]:
            missed += 1
    return missed == 0
