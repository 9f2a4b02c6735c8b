"""The basket's no-trade regions on real prices, nothing fitted, against calendars and thresholds, some in hindsight.

Reads ../shared/data from the repository's root; without it there is nothing to measure, and it says so.
"""

import csv
import gzip
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keeper.costs import no_trade
from keeper.plan.region import Geometry, geometry, region, trimmed, typical

Floats = NDArray[np.float64]

DATA = Path(__file__).resolve().parents[3] / "shared/data"
ASSETS = ("BTC", "ETH", "LINK")
TARGETS = np.array([0.3, 0.3, 0.1, 0.3])
"""The last is dollars."""
AVERSION = 2.0
HOURS = 8_766
"""A year."""
MONTH = HOURS // 12
HALF_LIFE_H = 240
WARM_UP_H = 360
"""Half a month of returns before the first day that counts."""
EVERY_H = 24
"""Regions are computed anew once a day, and watched every hour."""
REGIMES = ((5e-4, 2e-5), (3e-3, 2e-5), (3e-3, 5e-4))
"""Proportional cost of the value sold, fixed cost of a trade in fractions of wealth."""
THRESHOLDS = tuple(round(0.02 + 0.005 * i, 3) for i in range(23))
PERIODS = (24, 72, 168, 336, MONTH, 2 * MONTH, 3 * MONTH)
MONTHLY, RULE, RULE_MEAN, HINDSIGHT = 0.75, 1.00, 0.93, 1.05

Policy = Callable[[int, Floats], Floats | None]
"""Hour and offsets from the targets to the offsets to trade to, None to wait."""


@dataclass(frozen=True, slots=True)
class Score:
    """Fractions of wealth a year: tracking loss, value sold, and trades."""

    tracking: float
    sold: float
    trades: float

    def loss(self, proportional: float, fixed: float) -> float:
        """In basis points of wealth a year."""
        return 1e4 * (self.tracking + proportional * self.sold + fixed * self.trades)


def returns() -> tuple[Floats, str, str]:
    """Hourly log returns of the three tokens and of dollars, where all are known, with the first and last hour."""
    closes = [_closes(DATA / f"{name}-USD_1h_2020-2022.csv.gz") for name in ASSETS]
    hours = sorted(set.intersection(*(set(c) for c in closes)))
    table = np.array([[*(c[h] for c in closes), 1.0] for h in hours])
    return np.diff(np.log(table), axis=0), hours[0], hours[-1]


def _closes(file: Path) -> dict[str, float]:
    with gzip.open(file, "rt") as text:
        return {row["timestamp"]: float(row["close"]) for row in csv.DictReader(text)}


def walked(moves: Floats, policy: Policy) -> Score:
    """The policy over the whole span, from the targets; tracking is scored with the span's own covariance."""
    counted = moves[WARM_UP_H:]
    risk = AVERSION * np.cov(counted.T) * HOURS
    weights, tracking, sold, trades = TARGETS.copy(), 0.0, 0.0, 0
    for hour, move in enumerate(np.exp(counted)):
        weights = weights * move
        weights /= weights.sum()
        off = weights - TARGETS
        after = policy(hour, off)
        if after is not None:
            sold += float(np.abs(after - off).sum()) / 2.0
            trades += 1
            off, weights = after, TARGETS + after
        tracking += float(off @ risk @ off) / 2.0
    span = len(counted) / HOURS
    return Score(tracking / len(counted), sold / span, trades / span)


def calendar(period: int) -> Policy:
    return lambda hour, off: np.zeros(4) if hour % period == period - 1 else None


def threshold(width: float) -> Policy:
    return lambda hour, off: np.zeros(4) if float(np.abs(off).max()) > width else None


def ours(days: list[Geometry], proportional: float, fixed: float) -> Policy:
    """As the planner: wait inside the region of the day, else trade to where it says."""

    def policy(hour: int, off: Floats) -> Floats | None:
        today = region(days[hour // EVERY_H], off, proportional, fixed)
        return today.settle(off) if today.distance(off) > 1.0 else None

    return policy


def apart(days: list[Geometry], proportional: float, fixed: float) -> Policy:
    """A band a token against the rest, each by itself; once one is left, a trade trims all to their inner edges."""
    edges = [_edges(day, proportional, fixed) for day in days]

    def policy(hour: int, off: Floats) -> Floats | None:
        outer, inner = edges[hour // EVERY_H]
        return trimmed(off, inner) if bool(np.any(np.abs(off) > outer)) else None

    return policy


def _edges(day: Geometry, proportional: float, fixed: float) -> tuple[Floats, Floats]:
    away = np.eye(len(TARGETS)) - TARGETS
    risks = np.einsum("ij,jk,ik->i", away, day.risk, away) / (1.0 - TARGETS) ** 2
    speeds = np.sqrt(np.diag(day.moves))
    each = [no_trade(r, s, proportional, fixed) for r, s in zip(risks.tolist(), speeds.tolist(), strict=True)]
    return np.array([b.outer for b in each]), np.array([b.inner for b in each])


def covariances(moves: Floats) -> list[Floats]:
    """What was believed at the start of each day: the exponentially weighted mean of the outer products before it."""
    keep = 0.5 ** (1.0 / HALF_LIFE_H)
    held = moves[:WARM_UP_H].T @ moves[:WARM_UP_H] / WARM_UP_H
    found = []
    for hour, move in enumerate(moves[WARM_UP_H:]):
        if hour % EVERY_H == 0:
            found.append(held * HOURS)
        held = keep * held + (1.0 - keep) * np.outer(move, move)
    return found


def main() -> int:
    if not DATA.is_dir():
        print(f"skipped: the prices are not at {DATA}", file=sys.stderr)
        return 0
    moves, first, last = returns()
    days = [geometry(c, TARGETS, AVERSION) for c in covariances(moves)]
    by_date = {h: walked(moves, calendar(h)) for h in PERIODS}
    by_width = {w: walked(moves, threshold(w)) for w in THRESHOLDS}
    print("# Policy\n\n`scripts/bench policy`, one run. Nothing is fitted: an EWMA covariance of the past, half-life")
    print(
        f"{HALF_LIFE_H // 24} days, and the planner's own regions. Hourly prices of {', '.join(ASSETS)}, {first} to "
        f"{last}; targets {', '.join(f'{w:g}' for w in TARGETS)} (the last dollars), γ = {AVERSION:g}.\n\n"
        "In basis points of wealth a year: tracking loss, scored with the covariance of the whole span, and costs, c "
        "of the value sold and k of wealth a trade. Hindsight rows picked their parameter on the data they are scored "
        "on. One region serves every regime: gas alone makes it an ellipsoid round the targets, to which trades go, "
        "fees alone a band, to whose edge they go, both something between. The third regime sees a dozen trades in "
        "three years: a tenth there is luck, for every row.\n"
    )
    missed: list[str] = []
    rule_ratios = []
    for proportional, fixed in REGIMES:
        rule_ratios.append(_regime(moves, days, by_date, by_width, (proportional, fixed), missed))
    mean = sum(rule_ratios) / len(rule_ratios)
    print(f"Against the 5 % rule on average: {mean:.3f} (goal {RULE_MEAN}).")
    if mean > RULE_MEAN:
        missed.append(f"{mean:.3f} of the 5 % rule on average, at most {RULE_MEAN}")
    print("\n" + ("\n".join(f"MISSED: {m}" for m in missed) if missed else "Every goal is met."))
    return 1 if missed else 0


def _regime(
    moves: Floats,
    days: list[Geometry],
    by_date: dict[int, Score],
    by_width: dict[float, Score],
    costs: tuple[float, float],
    missed: list[str],
) -> float:
    """One table; returns our loss in units of the 5 % rule's."""
    rows = {
        "daily": by_date[24],
        "weekly": by_date[168],
        "monthly": by_date[MONTH],
        "5 % absolute, to target": by_width[0.05],
    }
    period = min(by_date, key=lambda h: by_date[h].loss(*costs))
    width = min(by_width, key=lambda w: by_width[w].loss(*costs))
    rows[f"best period in hindsight, {period / 24:.0f} days"] = by_date[period]
    rows[f"best threshold in hindsight, {100 * width:g} %"] = by_width[width]
    rows["a band a token, EWMA covariance"] = walked(moves, apart(days, *costs))
    rows["**ours, EWMA covariance**"] = found = walked(moves, ours(days, *costs))
    expected = 1e4 * sum(typical(day, *costs).loss_rate for day in days) / len(days)
    print(f"## c = {1e4 * costs[0]:g} bp, k = {1e4 * costs[1]:g} bp\n")
    print(
        "| policy | tracking | costs | loss | trades a year | ours / it |\n| --- | ---: | ---: | ---: | ---: | ---: |"
    )
    for title, score in rows.items():
        loss, tracked = score.loss(*costs), 1e4 * score.tracking
        print(
            f"| {title} | {tracked:.1f} | {loss - tracked:.1f} | {loss:.1f} | {score.trades:.0f} "
            f"| {found.loss(*costs) / loss:.3f} |"
        )
    print(f"\nOurs was predicted to lose {expected:.1f}, on the average of the days.\n")
    goals = ((MONTHLY, by_date[MONTH]), (RULE, by_width[0.05]), (HINDSIGHT, by_width[width]))
    for (goal, score), what in zip(goals, ("monthly", "the 5 % rule", "the best threshold in hindsight"), strict=True):
        ratio = found.loss(*costs) / score.loss(*costs)
        if ratio > goal:
            missed.append(f"c = {costs[0]:g}, k = {costs[1]:g}: {ratio:.3f} of {what}, at most {goal}")
    assert math.isfinite(found.tracking)
    return found.loss(*costs) / by_width[0.05].loss(*costs)


if __name__ == "__main__":
    sys.exit(main())
