"""Hourly bars of ../shared/data in, the looks that a keeper takes of them, and what it believes at each, out."""

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from keeper.forecast import fit, refresh
from keeper.model import Beliefs, Candles, History, Series, Snapshot
from keeper.units import Address, Timestamp

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
HOUR_S = 3_600
REFIT_H = 672
FITTED_H = 9_000
"""A fit sees a year of hours, and refreshing the last forty days of them."""
FRESH_H = 960
SHORT_H = 6
LONG_H = 720
WIDE = 0.01
"""A fall within the hour that is looked at on its own."""
STEPS = 3
QUIETEST, WILDEST = 1.0, 8.0


@dataclass(frozen=True, slots=True)
class Bars:
    """Columns of one asset; `ends` are the hours' ends in seconds."""

    ends: tuple[int, ...]
    opens: tuple[float, ...]
    highs: tuple[float, ...]
    lows: tuple[float, ...]
    closes: tuple[float, ...]


def read(name: str) -> Bars:
    with gzip.open(DATA / f"{name}-USD_1h_2020-2022.csv.gz", "rt") as text:
        rows = list(csv.reader(text))[1:]
    ends = tuple(int(datetime.fromisoformat(r[0].replace("Z", "+00:00")).timestamp()) + HOUR_S for r in rows)
    return Bars(ends, *(tuple(float(r[k]) for r in rows) for k in (1, 2, 3, 4)))


def looks(bars: Bars, hour: int, calm_h: int) -> tuple[float, ...]:
    """The prices of a bar that a keeper looks at: every `calm_h`th hour its close; of a wild one its way down, too.

    The way from the open to the low is taken in STEPS equal ones: a keeper sees every block of it.
    """
    opened, low, close = bars.opens[hour], bars.lows[hour], bars.closes[hour]
    if low < opened * (1.0 - WIDE):
        return (*(opened * (low / opened) ** (k / STEPS) for k in range(1, STEPS + 1)), close)
    return (close,) if hour % calm_h == 0 else ()


def stress(bars: Bars) -> tuple[float, ...]:
    """How wild each hour begins: the last six hours' deviation over the usual one of the last thirty days, 1 to 8.

    Only hours that have ended count. Depth is divided by it, and gas multiplied with its square, where a market is
    said to be stressed; in calm hours both are as they usually are.
    """
    returns = np.diff(np.log(bars.closes), prepend=np.log(bars.opens[0]))
    squares = np.concatenate(([0.0], np.cumsum(returns**2)))

    def deviation(hour: int, hours: int) -> float:
        start = max(0, hour - hours)
        return float(np.sqrt((squares[hour] - squares[start]) / max(1, hour - start)))

    found = [deviation(h, SHORT_H) / max(deviation(h, LONG_H), 1e-9) for h in range(len(bars.ends))]
    return tuple(float(np.clip(one, QUIETEST, WILDEST)) for one in found)


def beliefs(
    tokens: Sequence[tuple[Address, Bars]], quiet: Address, snapshot: Snapshot, hours: Iterable[int]
) -> Iterator[Beliefs]:
    """What is believed as each of `hours` begins, of hours that ended: fitted every four weeks, then refreshed."""
    priors = ((quiet, 0.005),)
    held: Beliefs | None = None
    fitted = 0
    for hour in hours:
        if held is None or hour - fitted >= REFIT_H:
            held, fitted = fit(_history(tokens, quiet, snapshot, hour, FITTED_H), priors), hour
        held = refresh(held, _history(tokens, quiet, snapshot, hour, FRESH_H), priors)
        yield held


def _history(
    tokens: Sequence[tuple[Address, Bars]], quiet: Address, snapshot: Snapshot, hour: int, keep: int
) -> History:
    rows = slice(max(0, hour - keep), hour)
    ends = tuple(map(Timestamp, tokens[0][1].ends[rows]))
    series = [Series(token, ends, bars.closes[rows]) for token, bars in tokens]
    series.append(Series(quiet, ends, (1.0,) * len(ends)))
    candles = tuple(
        Candles(token, "file", ends, bars.opens[rows], bars.highs[rows], bars.lows[rows], bars.closes[rows])
        for token, bars in tokens
    )
    at = replace(snapshot, head=replace(snapshot.head, timestamp=ends[-1]))
    return History(at, tuple(series), candles)
