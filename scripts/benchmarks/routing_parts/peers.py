"""The peers: one vectorised CVXPY problem for Clarabel, an L-BFGS-B dual in numpy, and a percent-splitting router."""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
from routing_parts.markets import Instance, Rows, reserves_of, rows_of
from scipy import sparse
from scipy.optimize import minimize

from keeper.plan.routing.kernel import Floats


@dataclass(frozen=True)
class Answer:
    """What a solver took, in seconds, and found, in units of value; `solver` is the part without the modelling."""

    seconds: float
    objective: float
    shortfall: float
    ok: bool
    solver: float = 0.0


class Convex:
    """The primal as second-order cones, all pools in a handful of vectorised constraints.

    A step that can be traded both ways from where it stands is one cone of four variables, another one of two. Amounts
    are in units of the mean liquidity of a step: of those tried, the scale at which the solver stalls least.
    """

    def __init__(self, instance: Instance) -> None:
        rows, tokens = rows_of(instance.network), len(instance.demand)
        self.unit, self.instance = float(rows.depth.mean()), instance
        both, single = _both_ways(rows)
        self.demand = cp.Parameter(tokens, value=instance.demand / self.unit)
        depth = rows.depth / self.unit
        net: Any = np.zeros(tokens)
        limits: list[Any] = []
        forward, back = both[:, 0], both[:, 1]
        if len(both):
            paid, got = (cp.Variable((len(both), 2), nonneg=True) for _ in range(2))
            root, keep = rows.top[forward], rows.keep[forward]
            first = depth[forward] / root + cp.multiply(keep, paid[:, 0]) - got[:, 0]
            second = depth[forward] * root + cp.multiply(keep, paid[:, 1]) - got[:, 1]
            limits.append(_cone(first, second, depth[forward]))
            for side, row in ((1, forward), (0, back)):
                bounded = rows.bottom[row] > 0.0
                if bounded.any():
                    limits.append(got[bounded, side] <= (depth[row] * (rows.top[row] - rows.bottom[row]))[bounded])
            moved = got - paid
            for side, token in ((0, rows.sold[forward]), (1, rows.bought[forward])):
                net = net + _spread(token, tokens) @ moved[:, side]
        if len(single):
            paid_in, got_out = (cp.Variable(len(single), nonneg=True) for _ in range(2))
            root, keep, at = rows.top[single], rows.keep[single], depth[single]
            limits.append(_cone(at / root + cp.multiply(keep, paid_in), at * root - got_out, at))
            limits.append(got_out <= at * (root - rows.bottom[single]))
            net = net + _spread(rows.bought[single], tokens) @ got_out - _spread(rows.sold[single], tokens) @ paid_in
        self.net = net
        self.net_at_least = net[1:] >= self.demand[1:]
        self.problem = cp.Problem(cp.Maximize(net[0]), [self.net_at_least, *limits])

    def solve(self) -> Answer:
        start = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # says that a solution may be inaccurate: its gap is measured
                self.problem.solve(solver=cp.CLARABEL)
        except cp.SolverError:
            return Answer(time.perf_counter() - start, np.nan, np.nan, False)
        seconds = time.perf_counter() - start
        if self.problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return Answer(seconds, np.nan, np.nan, False)
        net = self.net.value * self.unit
        short = float(np.maximum(0.0, self.instance.demand[1:] - net[1:]).sum())
        return Answer(seconds, float(net[0]), short, True, self.problem.solver_stats.solve_time or 0.0)


def _both_ways(rows: Rows) -> tuple[Any, Any]:
    """Pairs of rows that are the two directions of one stretch at the price, and the rows that are left."""
    leads = np.flatnonzero(np.diff(rows.edge, prepend=-1))
    at = {int(rows.edge[k]): int(k) for k in leads}
    both = [
        (k, at[edge + 1])
        for edge, k in at.items()
        if edge % 2 == 0
        and edge + 1 in at
        and rows.depth[k] == rows.depth[at[edge + 1]]
        and abs(rows.top[k] * rows.top[at[edge + 1]] - 1.0) < 1e-12
    ]
    used = {k for two in both for k in two}
    single = [k for k in range(len(rows.edge)) if k not in used]
    return np.array(both, np.int64).reshape(-1, 2), np.array(single, np.int64)


def _cone(first: Any, second: Any, depth: Floats) -> Any:
    """first * second >= depth², elementwise."""
    return cp.SOC(first + second, cp.vstack([first - second, 2.0 * depth]), axis=0)


def _spread(token: Any, tokens: int) -> Any:
    count = len(token)
    return sparse.csr_matrix((np.ones(count), (token, np.arange(count))), (tokens, count))


def convex(instance: Instance) -> tuple[Answer, Answer]:
    """The whole call, and the same problem solved again for nine tenths of the demand."""
    start = time.perf_counter()
    problem = Convex(instance)
    built = time.perf_counter() - start
    first = problem.solve()
    problem.demand.value = problem.demand.value * 0.9
    again = problem.solve()
    return Answer(built + first.seconds, first.objective, first.shortfall, first.ok, first.solver), again


def impossible(instance: Instance, far: float) -> bool:
    """Whether Clarabel, too, finds that the demand cannot be met, or only at prices `far` from where they stand."""
    problem = Convex(instance)
    answer = problem.solve()
    prices = problem.net_at_least.dual_value
    if not answer.ok or prices is None:
        return True
    return bool(prices.max() > far or prices.min() < 1.0 / far)


def dual(instance: Instance) -> Answer:
    """Minimise the dual over log prices by L-BFGS-B, all steps of all pools at once in numpy."""
    start = time.perf_counter()
    rows, demand = rows_of(instance.network), instance.demand
    worth, tokens = instance.worth, len(demand)
    limit = np.sqrt(rows.keep)

    def response(logs: Floats) -> tuple[float, Floats]:
        prices = np.exp(np.concatenate(([0.0], logs)))
        root = np.sqrt(prices[rows.sold] / prices[rows.bought]) / limit
        u = np.clip(root, rows.bottom, rows.top)
        fallen = rows.depth * (rows.top - u)
        paid, got = fallen / (u * rows.top) / rows.keep, fallen
        net = np.bincount(rows.bought, got, tokens) - np.bincount(rows.sold, paid, tokens)
        value = prices @ net - prices[1:] @ demand[1:]
        return value / worth, prices[1:] * (net - demand)[1:] / worth

    options = {"maxiter": 1000, "maxfun": 4000, "ftol": 1e-13, "gtol": 1e-7}
    found = minimize(response, np.zeros(tokens - 1), jac=True, method="L-BFGS-B", options=options)
    seconds = time.perf_counter() - start
    residual = float(np.abs(found.jac).sum())
    return Answer(seconds, float(found.fun) * worth, residual * worth, residual < 1e-4)


def percent_split(instance: Instance, sold: int, bought: int, amount: float) -> float:
    """What a router gets that sells in steps of 5 % along paths of at most three pools, at most seven of them.

    Each step takes the path that now pays best. Paths may share pools, which real routers of this kind avoid.
    """
    network = instance.network
    state = reserves_of(network)
    hops = [
        (2 * i + s, int(network.pairs[i, s]), int(network.pairs[i, 1 - s])) for i in range(len(state)) for s in (0, 1)
    ]
    leaving: dict[int, list[tuple[int, int]]] = {}
    for edge, tail, head in hops:
        leaving.setdefault(tail, []).append((edge, head))
    paths: list[list[int]] = []
    for one, x in leaving[sold]:
        if x == bought:
            paths.append([one, -1, -1])
            continue
        for two, y in leaving.get(x, []):
            if y == bought:
                paths.append([one, two, -1])
            elif y != sold:
                paths.extend([one, two, three] for three, z in leaving.get(y, []) if z == bought and y != x)
    table = np.array(paths)
    keep = network.keep
    got, chosen = 0.0, set[int]()
    for _ in range(20):
        through = np.full(len(table), amount / 20.0)
        for hop in range(3):
            edge = table[:, hop]
            pool, side = edge // 2, edge % 2
            kept = through * keep[pool]
            out = state[pool, 1 - side] * kept / (state[pool, side] + kept)
            through = np.where(edge >= 0, out, through)
        if len(chosen) == 7:
            through[[k for k in range(len(table)) if k not in chosen]] = -1.0
        best = int(np.argmax(through))
        chosen.add(best)
        got += float(through[best])
        step = amount / 20.0
        for edge in table[best][table[best] >= 0]:
            pool, side = edge // 2, edge % 2
            kept = step * keep[pool]
            out = state[pool, 1 - side] * kept / (state[pool, side] + kept)
            state[pool, side] += kept  # as one trade: the fee stays out of the price
            state[pool, 1 - side] -= out
            step = out
    return got
