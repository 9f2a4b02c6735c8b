"""What was seen of prices, rates and gas to rows and back, and how far each source has been read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from keeper.journal import schema
from keeper.journal.database import Database
from keeper.model import Candles, LevelSeries, Round, Series
from keeper.units import Address, Timestamp

_ALWAYS = Timestamp(0)
FILE, POOL = "file ", "pool "
"""How the source of prices begins that were read from a file, or observed by a pool; a feed's is its address."""


@dataclass(frozen=True, slots=True)
class Scan:
    """How far a source has been read: back to the time `since`, up to `until`, a round's number or a time.

    `note` says why not further back, where it could not be.
    """

    source: str
    since: Timestamp
    until: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of one token or level from one source."""

    name: str
    kind: str
    source: str
    count: int
    first: Timestamp
    last: Timestamp


class Past:
    """Prices of feeds and files, hourly candles and levels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_rounds(self, chain_id: int, rounds: Iterable[Round]) -> None:
        """Keeps each usable round once; a price is that of one whole token in the quote currency."""
        rows = [
            {
                "chain_id": chain_id,
                "token": seen.token,
                "feed": seen.feed,
                "round_id": str(seen.round_id),
                "updated_at": seen.updated_at,
                "answer": str(seen.answer),
                "decimals": seen.decimals,
            }
            for seen in rounds
            if not seen.problem
        ]
        self._put(schema.prices, rows)

    def add_prices(self, chain_id: int, series: Series, source: str) -> None:
        """Keeps single prices of a file or a pool, 18 decimals each, as rounds of `source` numbered by their time."""
        rows = [
            {
                "chain_id": chain_id,
                "token": series.token,
                "feed": source[:42],
                "round_id": str(at),
                "updated_at": at,
                "answer": str(round(price * 10**18)),
                "decimals": 18,
            }
            for at, price in zip(series.timestamps, series.prices, strict=True)
        ]
        self._put(schema.prices, rows)

    def add_candles(self, chain_id: int, candles: Candles) -> None:
        """Keeps a source's candles; one that was there already is replaced."""
        columns = zip(candles.ends, candles.opens, candles.highs, candles.lows, candles.closes, strict=True)
        names = ("ends", "opened", "high", "low", "closed")
        key = {"chain_id": chain_id, "token": candles.token, "source": candles.source}
        self._put(schema.candles, [key | dict(zip(names, row, strict=True)) for row in columns], names[1:])

    def add_levels(self, chain_id: int, levels: LevelSeries) -> None:
        """Keeps a level's hours; one that was there already is replaced."""
        rows = zip(levels.ends, levels.values, levels.lows, strict=True)
        key = {"chain_id": chain_id, "name": levels.name}
        found = [key | {"ends": ends, "value": value, "low": low} for ends, value, low in rows]
        self._put(schema.levels, found, ("value", "low"))

    def note_scan(self, chain_id: int, scan: Scan) -> None:
        row = {
            "chain_id": chain_id,
            "source": scan.source,
            "since": scan.since,
            "until": str(scan.until),
            "note": scan.note,
        }
        self._put(schema.scans, [row], ("since", "until", "note"))

    def scans(self, chain_id: int) -> dict[str, Scan]:
        """By source."""
        with self._database.reading() as connection:
            rows = connection.execute(select(schema.scans).where(schema.scans.c.chain_id == chain_id)).all()
        return {row.source: Scan(row.source, Timestamp(row.since), int(row.until), row.note) for row in rows}

    def series(
        self, chain_id: int, tokens: Sequence[Address], until: Timestamp, since: Timestamp = _ALWAYS
    ) -> tuple[Series, ...]:
        """One series a token, in order, of the prices of [since, until], oldest first.

        A file's or a pool's prices stand only before the first round of a feed.
        """
        prices = schema.prices
        with self._database.reading() as connection:
            found = connection.execute(
                select(prices.c.token, prices.c.feed, prices.c.updated_at, prices.c.answer, prices.c.decimals)
                .where(prices.c.chain_id == chain_id, prices.c.token.in_(tokens))
                .where(prices.c.updated_at >= since, prices.c.updated_at <= until)
                .order_by(prices.c.updated_at, func.length(prices.c.round_id), prices.c.round_id)
            ).all()
        of: dict[str, list[Any]] = {token: [] for token in tokens}
        for row in found:
            of[row.token].append(row)
        return tuple(_series(token, of[token]) for token in tokens)

    def candles(self, chain_id: int, tokens: Sequence[Address], since: Timestamp = _ALWAYS) -> tuple[Candles, ...]:
        """For each token that has some, those of the source that knows most of its hours."""
        table = schema.candles
        with self._database.reading() as connection:
            rows = connection.execute(
                select(table)
                .where(table.c.chain_id == chain_id, table.c.token.in_(tokens), table.c.ends >= since)
                .order_by(table.c.ends)
            ).all()
        by_source: dict[tuple[str, str], list[Any]] = {}
        for row in rows:
            by_source.setdefault((row.token, row.source), []).append(row)
        best: dict[str, tuple[str, list[Any]]] = {}
        for (token, source), held in sorted(by_source.items()):
            if token not in best or len(held) > len(best[token][1]):
                best[token] = source, held
        return tuple(_candles(Address(token), source, held) for token, (source, held) in best.items())

    def levels(self, chain_id: int, since: Timestamp = _ALWAYS) -> tuple[LevelSeries, ...]:
        """Every level's hours, a missing one as the hour before it: rates stay until they change."""
        table = schema.levels
        with self._database.reading() as connection:
            rows = connection.execute(
                select(table).where(table.c.chain_id == chain_id, table.c.ends >= since).order_by(table.c.ends)
            ).all()
        of: dict[str, list[Any]] = {}
        for row in rows:
            of.setdefault(row.name, []).append(row)
        return tuple(_levels(name, held) for name, held in sorted(of.items()))

    def held(self, chain_id: int) -> tuple[Held, ...]:
        """How much of what, by token or level and source."""
        prices, candles, levels = schema.prices, schema.candles, schema.levels
        shapes = (
            ("prices", prices, prices.c.token, prices.c.feed, prices.c.updated_at),
            ("candles", candles, candles.c.token, candles.c.source, candles.c.ends),
            ("levels", levels, levels.c.name, levels.c.name, levels.c.ends),
        )
        found: list[Held] = []
        with self._database.reading() as connection:
            for kind, table, name, source, at in shapes:
                rows = connection.execute(
                    select(name.label("name"), source.label("source"), func.count(), func.min(at), func.max(at))
                    .where(table.c.chain_id == chain_id)
                    .group_by(name, source)
                    .order_by(name, source)
                ).all()
                found += [Held(r[0], kind, r[1], r[2], Timestamp(r[3]), Timestamp(r[4])) for r in rows]
        return tuple(found)

    def prices_of(self, chain_id: int, token: Address, source: str) -> tuple[list[Timestamp], list[float]]:
        """Times and prices of one source as they were read, late ones where they came."""
        table = schema.prices
        chosen = select(table.c.updated_at, table.c.answer, table.c.decimals).where(
            table.c.chain_id == chain_id, table.c.token == token, table.c.feed == source
        )
        with self._database.reading() as connection:
            rows = connection.execute(chosen.order_by(func.length(table.c.round_id), table.c.round_id)).all()
        return [Timestamp(r.updated_at) for r in rows], [int(r.answer) / 10**r.decimals for r in rows]

    def candles_of(self, chain_id: int, token: Address, source: str) -> Candles:
        """All candles of one source."""
        table = schema.candles
        chosen = select(table).where(table.c.chain_id == chain_id, table.c.token == token, table.c.source == source)
        with self._database.reading() as connection:
            return _candles(token, source, connection.execute(chosen.order_by(table.c.ends)).all())

    def hours_of(self, chain_id: int, name: str) -> list[Timestamp]:
        """The hours held of one level."""
        table = schema.levels
        chosen = select(table.c.ends).where(table.c.chain_id == chain_id, table.c.name == name)
        with self._database.reading() as connection:
            return [Timestamp(at) for at in connection.execute(chosen.order_by(table.c.ends)).scalars()]

    def prune(self, before: Timestamp) -> None:
        """Deletes prices, candles and levels from before `before`."""
        with self._database.writing() as connection:
            for table, column in ((schema.prices, "updated_at"), (schema.candles, "ends"), (schema.levels, "ends")):
                connection.execute(delete(table).where(table.c[column] < before))

    def _put(self, table: Table, rows: Sequence[Mapping[str, Any]], replaced: Sequence[str] = ()) -> None:
        if rows:
            with self._database.writing() as connection:
                put(connection, table, rows, replaced)


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], replaced: Sequence[str] = ()) -> None:
    """Inserts rows; one whose key is there already is left alone, or has its `replaced` columns renewed."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    made = dialect.insert(table)
    if replaced:
        values = {name: made.excluded[name] for name in replaced}
        connection.execute(made.on_conflict_do_update(index_elements=list(table.primary_key), set_=values), list(rows))
    else:
        connection.execute(made.on_conflict_do_nothing(), list(rows))


def _series(token: Address, rows: Sequence[Any]) -> Series:
    first = next((row.updated_at for row in rows if not row.feed.startswith((FILE, POOL))), None)
    kept = [row for row in rows if first is None or not row.feed.startswith((FILE, POOL)) or row.updated_at < first]
    return Series(
        token,
        tuple(Timestamp(row.updated_at) for row in kept),
        tuple(int(row.answer) / 10**row.decimals for row in kept),
    )


def _candles(token: Address, source: str, rows: Sequence[Any]) -> Candles:
    columns = zip(*((Timestamp(r.ends), r.opened, r.high, r.low, r.closed) for r in rows), strict=True)
    return Candles(token, source, *columns)


def _levels(name: str, rows: Sequence[Any]) -> LevelSeries:
    ends: list[Timestamp] = []
    values: list[float] = []
    lows: list[float] = []
    for row in rows:
        while ends and row.ends - ends[-1] > 3_600:
            ends.append(Timestamp(ends[-1] + 3_600))
            values.append(values[-1])
            lows.append(values[-1])
        ends.append(Timestamp(row.ends))
        values.append(row.value)
        lows.append(row.low)
    return LevelSeries(name, tuple(ends), tuple(values), tuple(lows))
