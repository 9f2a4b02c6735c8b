"""Prices in, what each pool trades at them out; trades made to meet a demand exactly; pools after their trades.

Compiled and interpreted like `kernel`, in its notation.
"""

import math

import numpy as np

from keeper.plan.routing.kernel import (
    BOUND,
    OBJECTIVE,
    SHORTFALL,
    Edges,
    Floats,
    Ints,
    find_step,
    newton,
    reached,
    span,
)


def solve(
    prices: Floats,
    demand: Floats,
    base: int,
    live: Ints,
    edges: Edges,
    goal: float,
    radius: float,
    limit: int,
    side: Ints,
    paid: Floats,
    received: Floats,
    net: Floats,
    report: Floats,
) -> None:
    """Prices, each pool's trade, what they sum to, and the certificate: dual bound, feasible objective, shortfall.

    Starts from `prices`, or from the tree of deepest pools where the base's is 0.
    """
    n = prices.size
    worth = np.zeros(n)
    if prices[base] <= 0.0:
        prices[:] = 1.0
        span(prices, base, live, edges)
    possible = reached(demand, base, live, edges.pairs)
    newton(prices, demand, base, live, edges, goal, radius, limit if possible else 0, worth, report)
    trade(prices, live, edges, side, paid, received)
    meet(demand, base, live, edges, side, paid, received, net)
    bound, shortfall = 0.0, 0.0
    for j in range(n):
        bound += worth[j]
        if j != base:
            bound -= prices[j] * demand[j]
            shortfall += prices[j] * max(0.0, demand[j] - net[j])
    report[BOUND] = bound
    report[OBJECTIVE] = net[base]
    report[SHORTFALL] = shortfall


def trade(
    prices: Floats,
    live: Ints,
    edges: Edges,
    side: Ints,
    paid: Floats,
    received: Floats,
) -> None:
    """What each pool trades at `prices`: the token sold into it (0, 1, or -1 for none), paid with the fee, received."""
    pairs, keep, lead, first, last, steps = edges
    side[:] = -1
    paid[:] = 0.0
    received[:] = 0.0
    for at in range(live.size):
        i = live[at]
        for s in range(2):
            edge = 2 * i + s
            p_in, p_out = prices[pairs[i, s]], prices[pairs[i, 1 - s]]
            if p_in < p_out * lead[edge]:
                u = math.sqrt(p_in / (p_out * keep[i]))
                k = find_step(u, first[edge], last[edge] - 1, steps)
                top = steps[k, 0]
                u = max(u, steps[k, 1])
                fallen = steps[k, 2] * (top - u)
                side[i] = s
                paid[i] = (steps[k, 3] + fallen / (u * top)) / keep[i]
                received[i] = steps[k, 4] + fallen


def buy(edge: int, out: float, edges: Edges) -> float:
    """What an edge must be paid, fee included, to give `out`; infinity when it cannot."""
    steps, keep = edges.steps, edges.keep[edge // 2]
    low, high = edges.first[edge], edges.last[edge] - 1
    while low < high:
        middle = (low + high + 1) // 2
        if steps[middle, 4] <= out:
            low = middle
        else:
            high = middle - 1
    top, depth = steps[low, 0], steps[low, 2]
    u = top - (out - steps[low, 4]) / depth
    if u <= 0.0 or u < steps[low, 1]:
        return math.inf
    return float((steps[low, 3] + depth * (top - u) / (u * top)) / keep)


def sell(edge: int, amount: float, edges: Edges) -> float:
    """What an edge gives for `amount`, fee included; its last step's bottom is as far as it goes."""
    steps, keep = edges.steps, edges.keep[edge // 2]
    net = amount * keep
    low, high = edges.first[edge], edges.last[edge] - 1
    while low < high:
        middle = (low + high + 1) // 2
        if steps[middle, 3] <= net:
            low = middle
        else:
            high = middle - 1
    top, depth = steps[low, 0], steps[low, 2]
    u = max(steps[low, 1], 1.0 / (1.0 / top + (net - steps[low, 3]) / depth))
    return float(steps[low, 4] + depth * (top - u))


def meet(
    demand: Floats,
    base: int,
    live: Ints,
    edges: Edges,
    side: Ints,
    paid: Floats,
    received: Floats,
    net: Floats,
) -> None:
    """Make the trades meet the demand exactly: what is left over or short moves along a tree of pools to the base.

    The tree spans the tokens by their largest trades, so that no trade changes sign; `net` becomes what they sum to.
    """
    pairs = edges.pairs
    n = demand.size
    heavy, link = np.zeros((n, n)), np.full((n, n), -1, np.int64)
    net[:] = 0.0
    for at in range(live.size):
        i = live[at]
        if side[i] >= 0:
            sold, bought = pairs[i, side[i]], pairs[i, 1 - side[i]]
            net[sold] -= paid[i]
            net[bought] += received[i]
            if received[i] > heavy[sold, bought]:
                heavy[sold, bought] = received[i]
                heavy[bought, sold] = received[i]
                link[sold, bought] = i
                link[bought, sold] = i
    reach, parent, order = np.zeros(n), np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    done = np.zeros(n, np.bool_)
    reach[base] = math.inf
    count = 0
    for _ in range(n):
        at = -1
        for j in range(n):
            if not done[j] and reach[j] > 0.0 and (at < 0 or reach[j] > reach[at]):
                at = j
        if at < 0:
            break
        done[at] = True
        order[count] = at
        count += 1
        for j in range(n):
            if not done[j] and heavy[at, j] > reach[j]:
                reach[j] = heavy[at, j]
                parent[j] = at
    for at in range(count - 1, 0, -1):
        j = order[at]
        i = link[j, parent[j]]
        edge = 2 * i + side[i]
        wanted = demand[j] - net[j]
        if pairs[i, side[i]] == j:
            if paid[i] > wanted:
                given = sell(edge, paid[i] - wanted, edges)
                net[parent[j]] += given - received[i]
                paid[i], received[i] = paid[i] - wanted, given
        elif received[i] + wanted > 0.0:
            cost = buy(edge, received[i] + wanted, edges)
            if cost < math.inf:
                net[parent[j]] -= cost - paid[i]
                paid[i], received[i] = cost, received[i] + wanted
    net[:] = 0.0
    for at in range(live.size):
        i = live[at]
        if side[i] >= 0:
            net[pairs[i, side[i]]] -= paid[i]
            net[pairs[i, 1 - side[i]]] += received[i]


def shift(
    prices: Floats,
    edges: Edges,
    moved_first: Ints,
    moved: Floats,
) -> int:
    """Fill `moved_first` and `moved` with the edges once every pool has traded at `prices`; returns the rows used.

    A pool that token s was sold into loses the steps it fell through on that edge and gains them, turned over, at the
    head of the other. `moved` must have room for two rows a pool more than `steps`.
    """
    pairs, keep, lead, first, last, steps = edges
    used = 0
    for i in range(keep.size):
        falling = -1
        for s in range(2):
            if prices[pairs[i, s]] < prices[pairs[i, 1 - s]] * lead[2 * i + s]:
                falling = s
        for s in range(2):
            edge = 2 * i + s
            moved_first[edge] = used
            begin, end = first[edge], last[edge]
            if falling >= 0:
                down = 2 * i + falling
                u = math.sqrt(prices[pairs[i, falling]] / (prices[pairs[i, 1 - falling]] * keep[i]))
                k = find_step(u, first[down], last[down] - 1, steps)
                if s == falling:
                    begin = k
                    if u > steps[k, 1]:
                        used = append(moved, used, moved_first[edge], u, steps[k, 1], steps[k, 2])
                    begin += 1
                else:
                    for back in range(k, first[down] - 1, -1):
                        top = 1.0 / max(u, steps[back, 1])
                        used = append(moved, used, moved_first[edge], top, 1.0 / steps[back, 0], steps[back, 2])
            if falling < 0:
                moved[used : used + end - begin] = steps[begin:end]
                used += end - begin
                continue
            for row in range(begin, end):
                used = append(moved, used, moved_first[edge], steps[row, 0], steps[row, 1], steps[row, 2])
    moved_first[2 * keep.size] = used
    return used


def append(rows: Floats, used: int, start: int, top: float, bottom: float, depth: float) -> int:
    """Add a step to the edge that begins at row `start`, or lengthen its last one; returns the rows used."""
    if used > start and rows[used - 1, 2] == depth and rows[used - 1, 1] == top:
        rows[used - 1, 1] = bottom
        return used
    rows[used, 0], rows[used, 1], rows[used, 2] = top, bottom, depth
    rows[used, 3] = rows[used, 4] = 0.0
    if used > start:
        before = used - 1
        fallen = rows[before, 2] * (rows[before, 0] - rows[before, 1])
        rows[used, 3] = rows[before, 3] + fallen / (rows[before, 1] * rows[before, 0])
        rows[used, 4] = rows[before, 4] + fallen
    return used + 1
