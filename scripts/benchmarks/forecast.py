"""A tick's forecasts for 20 vaults of 8 assets at steady state, and what the fits behind them cost, in one run.

Prints Markdown. A tick is one `refresh` of the beliefs about all tokens and one `forecast` a vault; histories hold a
year of hourly prices. The goal is 30 ms a tick with the vaults sharing their assets, in processor time: other work on
the machine only stretches the clock's.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices lose to threads where cores are shared

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keeper.forecast import fit, forecast, refresh
from keeper.forecast.bars import Bars, from_ohlc
from keeper.forecast.garch import fit_garch
from keeper.forecast.har import fit_har, har_rate
from keeper.forecast.ladder import columns, target
from keeper.forecast.learned import fit_network, inputs
from keeper.model import (
    Drift,
    Head,
    HealthProblem,
    History,
    Lane,
    Lanes,
    Mandate,
    Quantity,
    Round,
    Series,
    Snapshot,
    Threshold,
    WeightGoal,
    WeightProblem,
)
from keeper.units import Address, BlockNumber, Bps, Hash, PriceX36, Timestamp, Wei

VAULTS, ASSETS = 20, 8
TICKS = 60
GOAL_MS = 30.0
HOUR = 3_600
HISTORY_H = 8_760
START = 1_700_000_000 // HOUR * HOUR
ZERO = Hash("0x" + "00" * 32)
NOBODY = Address("0x" + "00" * 20)


@dataclass(frozen=True, slots=True)
class Vault:
    problem: WeightProblem | HealthProblem
    drift: Drift


def token(k: int) -> Address:
    return Address(f"0x{k + 1:040x}")


def prices(count: int, hours: int, seed: int) -> np.ndarray:
    """Correlated prices with slow storms, (hours, tokens)."""
    rng = np.random.default_rng(seed)
    level, logs = 0.0, np.empty(hours)
    for i, shock in enumerate(rng.standard_normal(hours).tolist()):
        level = 0.99 * level + 0.12 * shock
        logs[i] = level
    market, own = rng.standard_normal(hours), rng.standard_normal((hours, count))
    moves = 0.007 * np.exp(logs / 2.0)[:, None] * (0.8 * market[:, None] + 0.6 * own)
    return 100.0 * np.exp(np.cumsum(moves, axis=0))


def history(table: np.ndarray, upto: int) -> History:
    times = tuple(Timestamp(START + HOUR * (k + 1)) for k in range(upto))
    series = tuple(Series(token(k), times, tuple(column[:upto].tolist())) for k, column in enumerate(table.T))
    head = Head(BlockNumber(1), ZERO, Timestamp(times[-1] + 12), Wei(1))
    native = Round(NOBODY, NOBODY, 1, 1, 8, times[-1], PriceX36(1))
    return History(Snapshot(1, head, (), (), (), (), (), native), series)


def longer(made: History, row: Sequence[float]) -> History:
    """One more price of every token."""
    at = Timestamp(made.series[0].timestamps[-1] + HOUR)
    series = tuple(
        Series(s.token, (*s.timestamps, at), (*s.prices, float(p))) for s, p in zip(made.series, row, strict=True)
    )
    head = replace(made.snapshot.head, timestamp=Timestamp(at + 12))
    return History(replace(made.snapshot, head=head), series)


def vaults(kind: str, count: int) -> list[Vault]:
    made = []
    for v in range(VAULTS):
        held = tuple(token((v * ASSETS + k) % count) for k in range(ASSETS))
        held = held[v % ASSETS :] + held[: v % ASSETS]  # no two vaults in the same order
        if kind != "loans":
            shares = np.random.default_rng(v).dirichlet(np.full(ASSETS, 5.0)).tolist()
            bands = tuple(Quantity(t, s, s - 0.02, s, s + 0.02) for t, s in zip(held, shares, strict=True))
            amounts = (1,) * ASSETS, (1.0,) * ASSETS
            problem = WeightProblem(held, *amounts, tuple(shares), (0.02,) * ASSETS)
            made.append(Vault(problem, Drift(0.0, held[0], bands)))
        else:
            loan = HealthProblem(held[0], held[1], 0, 1, 1, 1.0, 1.0, 0.83, 0.8, 0.05, 0.0, 0, 1.2, 1.6, 2.0)
            made.append(Vault(loan, Drift(0.0, "hf", (Quantity("hf", 1.3 + 0.01 * v, 1.2, 1.6, 2.0),))))
    return made


MANDATE = Mandate(
    vault=NOBODY, kind="basket", name="bench", goal=WeightGoal((), Bps(200)), policy=Threshold(), horizon_s=86_400,
    risk_aversion=2.0, max_loss=Bps(100), max_slippage=Bps(10),
    lanes=Lanes(Lane("normal", Wei(1), Wei(1), 48), Lane("urgent", Wei(1), Wei(1), 24)),
    deadline_s=300, min_trade=1.0,
)  # fmt: skip


def timed(run: Callable[[], Any], times: int) -> tuple[float, float]:
    """Median and 95th percentile, ms."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(1e3 * (time.perf_counter() - start))
    return statistics.median(found), statistics.quantiles(found, n=20)[-1]


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over ticks, ms: by the clock, of the processor, and the processor's two parts."""

    clock: float
    processor: float
    refreshing: float
    forecasting: float


def ticks(count: int, kind: str) -> Cost:
    table = prices(count, HISTORY_H + TICKS + 1, 1)
    made = history(table, HISTORY_H)
    beliefs = fit(made)
    watched = vaults(kind, count)
    rows = []
    for k in range(TICKS):
        made = longer(made, table[HISTORY_H + k])
        clock, start = time.perf_counter(), time.process_time()
        beliefs = refresh(beliefs, made)
        middle = time.process_time()
        for one in watched:
            forecast(one.problem, one.drift, beliefs, MANDATE)
        end = time.process_time()
        rows.append((time.perf_counter() - clock, end - start, middle - start, end - middle))
    return Cost(*(1e3 * statistics.median(column) for column in zip(*rows[5:], strict=True)))


def hourly_bars(column: np.ndarray) -> Bars:
    opened = np.concatenate(([100.0], column[:-1]))
    ends = START + HOUR * np.arange(1, len(column) + 1)
    return from_ohlc(ends, opened, np.maximum(opened, column) * 1.001, np.minimum(opened, column) * 0.999, column)


def main() -> int:
    print("# Forecast\n")
    print(f"`scripts/bench forecast`, one run on {os.cpu_count()} cores, shared with other work.\n")
    print("| 20 vaults | distinct tokens | tick: clock, ms | tick: processor, ms | of it refresh | of it forecasts |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    goal = 0.0
    for kind, count in (("baskets of 8", ASSETS), ("loans", ASSETS), ("baskets of 8", VAULTS * ASSETS)):
        cost = ticks(count, kind)
        goal = goal or cost.processor
        row = (cost.clock, cost.processor, cost.refreshing, cost.forecasting)
        print(f"| {kind} | {count} | " + " | ".join(f"{ms:.1f}" for ms in row) + " |", flush=True)
    verdict = "met" if goal < GOAL_MS else "MISSED"
    print(f"\nGoal, 8 tokens shared by 20 baskets: under {GOAL_MS:.0f} ms a tick: {goal:.1f} ms, {verdict}.\n")
    bars = hourly_bars(prices(1, HISTORY_H, 2)[:, 0])
    x, realised = columns(bars, True), target(bars, 24)
    har = fit_har(x, realised)
    assert har is not None
    returns = np.diff(np.log(bars.close[::24]))
    sample = [(inputs(bars), realised, har_rate(har, x))] * ASSETS
    one = history(prices(1, HISTORY_H, 3), HISTORY_H)
    fit(one)
    fit_garch(returns)
    rows = (
        ("log-HAR: features, target and fit", lambda: fit_har(columns(bars, True), target(bars, 24)), 50),
        ("log-HAR: fit alone", lambda: fit_har(x, realised), 50),
        ("GARCH-t on a year of days", lambda: fit_garch(returns), 10),
        (f"network, {ASSETS} tokens", lambda: fit_network(sample, 1), 3),
        ("beliefs about one token, scored over twelve weeks", lambda: fit(one), 5),
    )
    print("| off the hot path, one token and horizon | ms | p95 |")
    print("| --- | ---: | ---: |")
    for name, run, times in rows:
        median, high = timed(run, times)
        print(f"| {name} | {median:.2f} | {high:.2f} |", flush=True)
    print(f"\nPeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB.")
    return 0 if goal < GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
