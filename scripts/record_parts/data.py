"""The price files of ../shared/data in, bars out, with what was found wrong in them."""

import csv
import gzip
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from keeper.forecast.bars import HOUR_S, Bars, clean, from_ohlc, resample
from keeper.forecast.ladder import extremes, target

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NAMES = ("BTC", "ETH", "LINK", "SOL")


def rows_of(name: str) -> Iterator[list[str]]:
    with gzip.open(DATA / name, "rt") as text:
        reader = csv.reader(text)
        next(reader)
        yield from reader


def stamp(text: str) -> int:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def hourly(name: str) -> Bars:
    rows = list(rows_of(f"{name}-USD_1h_2020-2022.csv.gz"))
    ends = np.array([stamp(r[0]) + HOUR_S for r in rows])
    return from_ohlc(ends, *np.array([[float(x) for x in r[1:5]] for r in rows]).T)


def irregular(name: str) -> tuple[Bars, str]:
    """Bars of a feed of single prices, outliers kept: a walk may not know that the next price comes back."""
    rows = list(rows_of(f"{name}-USD_about_1h_2021-2022.csv.gz"))
    times, prices = [stamp(r[0]) for r in rows], [float(r[1]) for r in rows]
    ticks = clean(times, prices, times[-1], drop=False)
    bars = resample(ticks, times[-1])
    missing = int((bars.elapsed == 0.0).sum())
    gap = int(bars.elapsed.max())
    said = ticks.sentence() or "nothing odd"
    final, realised = extremes(bars, 24)[0], target(bars, 24) * 24
    known = np.isfinite(final) & np.isfinite(realised)
    kept = float(np.median(final[known] ** 2) / 0.455 / np.median(realised[known]))  # 0.455: median of chi-squared, 1
    return bars, (
        f"{name}: {len(times):,} prices, {missing} of {len(bars):,} hours without one (longest {gap} h); {said}. A "
        f"day's squared return is {kept:.2f} of its hourly squares (medians; 1 for a random walk): the rest is the "
        "quote's noise, which this proxy counts, and which a forecast's deviation is corrected for."
    )


def fingerprint() -> str:
    digest = hashlib.sha256()
    files = sorted(DATA.glob("*-USD_*.csv.gz")) + sorted(DATA.glob("polygon_[ag]a*.csv.gz"))
    for file in files:
        digest.update(gzip.decompress(file.read_bytes()))
    return f"{len(files)} files, SHA-256 {digest.hexdigest()[:16]}"
