"""A task in, the pools worth touching and the exact trades of these out.

Compiled and interpreted like `kernel`, in its notation.
"""

import numpy as np

from keeper.plan.routing.kernel import Flags, Floats, Ints
from keeper.plan.routing.prune import Task, choose
from keeper.plan.routing.trades import solve


def cheapest(
    prices: Floats,
    allowed: Flags,
    start: Flags,
    task: Task,
    side: Ints,
    paid: Floats,
    received: Floats,
    net: Floats,
    report: Floats,
) -> None:
    """`solve` over what `choose` marks; over all that is allowed, from the same prices, where it marks none."""
    chosen, first = np.zeros(allowed.size, np.bool_), prices.copy()
    if not choose(prices, allowed, start, task, chosen):
        chosen[:] = allowed
        prices[:] = first
    live = np.flatnonzero(chosen)
    solve(
        prices,
        task.demand,
        task.base,
        live,
        task.edges,
        task.goal,
        task.radius,
        task.limit,
        side,
        paid,
        received,
        net,
        report,
    )
