"""A file of prices in, CSV or Parquet, what can be kept of it out; whatever is wrong with it is one sentence."""

import csv
import gzip
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from keeper.errors import BadInput
from keeper.journal import FILE
from keeper.model import Candles, LevelSeries, Series
from keeper.units import Address, Timestamp

HOUR_S = 3_600
TIMES = ("timestamp", "time", "datetime", "date", "open_time")
VALUES = ("price", "close", "value", "rate")
BAR = ("open", "high", "low", "close")
_MILLISECONDS = 10**11
"""A number above it, as seconds, would lie in the year 5138."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one file in order of time: `bar` names open, high, low, close where it has them."""

    source: str
    times: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    bar: bool


def read(path: Path, stamped: str = "start") -> Table:
    """The file's rows; a bar's stamp is that of its `start` or its `end`, and becomes its end. Raises BadInput.

    Needs a column of times (ISO 8601, or seconds or milliseconds since 1970) and either of prices or of open, high,
    low and close.
    """
    names, rows = _parquet(path) if path.name.endswith(".parquet") else _csv(path)
    lower = [str(name).strip().lower() for name in names]
    time_at = _column(path, lower, TIMES, "times")
    bar = all(name in lower for name in BAR)
    wanted = [lower.index(name) for name in BAR] if bar else [_column(path, lower, VALUES, "prices")]
    found = sorted(_parsed(path, rows, time_at, wanted))
    if not found:
        raise BadInput(f"{path.name} holds no rows: expected at least one")
    times = [at for at, _ in found]
    step = round(median(b - a for a, b in pairwise(times))) if len(times) > 1 else HOUR_S
    if bar and step > HOUR_S:
        raise BadInput(f"{path.name} holds bars of {step / HOUR_S:g} hours: expected an hour or less")
    shift = step if bar and stamped == "start" else 0
    return Table(FILE + path.name, tuple(at + shift for at in times), tuple(values for _, values in found), bar)


def series(table: Table, token: Address) -> Series:
    """Its prices, one a second at most, the last of each standing; a bar's close."""
    last = {at: values[-1] for at, values in zip(table.times, table.values, strict=True)}
    return Series(token, tuple(map(Timestamp, last)), tuple(last.values()))


def candles(table: Table, token: Address) -> Candles:
    """Its bars by the hour. Raises BadInput where low ≤ open, close ≤ high does not hold."""
    hours: dict[int, list[float]] = {}
    for at, (opened, high, low, close) in zip(table.times, table.values, strict=True):
        if not 0.0 < low <= min(opened, close) <= max(opened, close) <= high:
            raise BadInput(
                f"{table.source.removeprefix(FILE)}: the bar that ends at {_shown(at)} has open {opened:g}, high "
                f"{high:g}, low {low:g}, close {close:g}; expected 0 < low ≤ open, close ≤ high"
            )
        hour = hours.setdefault(-(-at // HOUR_S) * HOUR_S, [opened, high, low, close])
        hour[1], hour[2], hour[3] = max(hour[1], high), min(hour[2], low), close
    columns = list(zip(*hours.values(), strict=True))
    return Candles(token, table.source, tuple(map(Timestamp, hours)), *(tuple(column) for column in columns))


def level(table: Table, name: str) -> LevelSeries:
    """Its values by the hour: the last of each, and the least."""
    hours: dict[int, tuple[float, float]] = {}
    for at, values in zip(table.times, table.values, strict=True):
        end = -(-at // HOUR_S) * HOUR_S
        least = min(hours[end][1], *values) if end in hours else min(values)
        hours[end] = values[-1], least
    lasts, lows = zip(*hours.values(), strict=True)
    return LevelSeries(name, tuple(map(Timestamp, hours)), lasts, lows)


def _csv(path: Path) -> tuple[Sequence[str], Iterator[tuple[int, Sequence[Any]]]]:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = csv.reader(raw.decode("utf-8-sig").splitlines())
        names = next(rows, None)
    except (OSError, EOFError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path.name} is no text in UTF-8: expected a CSV file, or one whose name ends in .parquet"
        ) from error
    if names is None:
        raise BadInput(f"{path.name} is empty: expected a line that names the columns")
    return names, ((number, row) for number, row in enumerate(rows, 2) if row)


def _parquet(path: Path) -> tuple[Sequence[str], Iterator[tuple[int, Sequence[Any]]]]:
    try:
        from pyarrow import ArrowException  # optional: `pip install 'vault-keeper[parquet]'`
        from pyarrow.parquet import read_table
    except ModuleNotFoundError as error:
        raise BadInput("reading Parquet needs pyarrow: pip install 'vault-keeper[parquet]'") from error
    try:
        table = read_table(path)
    except (OSError, ArrowException) as error:
        raise BadInput(f"{path} cannot be read as Parquet: {error}") from error
    columns = [table.column(k).to_pylist() for k in range(table.num_columns)]
    return table.column_names, enumerate(zip(*columns, strict=True), 1)


def _column(path: Path, names: Sequence[str], wanted: Sequence[str], what: str) -> int:
    for name in wanted:
        if name in names:
            return names.index(name)
    raise BadInput(
        f"{path.name} has the columns {', '.join(names)}: expected one of {what}, called {' or '.join(wanted)}"
    )


def _parsed(
    path: Path, rows: Iterator[tuple[int, Sequence[Any]]], time_at: int, wanted: Sequence[int]
) -> Iterator[tuple[int, tuple[float, ...]]]:
    for number, row in rows:
        try:
            at = _time(row[time_at])
            values = tuple(float(row[k]) for k in wanted)
        except (IndexError, TypeError, ValueError, OverflowError) as error:
            raise BadInput(f"{path.name}, row {number}: {error}; expected a time and numbers") from error
        if not all(map(math.isfinite, values)):
            raise BadInput(f"{path.name}, row {number}: found {values}, expected finite numbers")
        yield at, values


def _time(value: Any) -> int:
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    try:
        number = float(value)
    except ValueError:
        found = datetime.fromisoformat(str(value).strip().replace("Z", "+00:00"))
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    return int(number / 1_000 if number > _MILLISECONDS else number)


def _shown(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
