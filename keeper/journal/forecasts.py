"""Beliefs and forecasts to rows and back: what was believed, what was forecast, what was seen of it, what came."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update

from keeper.codec import Codec
from keeper.journal import schema
from keeper.journal.blobs import Blobs
from keeper.journal.database import Database
from keeper.journal.past import put
from keeper.model import Beliefs, Forecast, Resolved
from keeper.units import Address, Hash, Timestamp


@dataclass(frozen=True, slots=True)
class Issued:
    """A journalled forecast whose outcome is not known yet; `value` is the content hash of the Forecast."""

    id: int
    vault: Address
    issued_at: Timestamp
    ends_at: Timestamp
    value: Hash


@dataclass(frozen=True, slots=True)
class Believed:
    """One fit as the journal lists it: `fingerprint` is of the data, `value` of all that was made of them."""

    id: int
    recorded_at: Timestamp
    fitted_at: Timestamp
    fingerprint: Hash
    value: Hash
    note: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many forecasts of a vault wait for their horizon, were resolved, and could not be."""

    open: int
    known: int
    lost: int


class Forecasts:
    """The journalled beliefs and forecasts."""

    def __init__(self, database: Database, blobs: Blobs, codec: Codec) -> None:
        self._database = database
        self._blobs = blobs
        self._codec = codec

    def add_beliefs(self, chain_id: int, beliefs: Beliefs, recorded_at: Timestamp, note: str = "") -> None:
        row = {
            "chain_id": chain_id,
            "recorded_at": recorded_at,
            "fitted_at": beliefs.fitted_at,
            "fingerprint": beliefs.fingerprint,
            "value": self._blobs.store(beliefs),
            "note": note,
        }
        with self._database.writing() as connection:
            connection.execute(insert(schema.beliefs).values(row))

    def latest_beliefs(self, chain_id: int, limit: int = 1) -> tuple[Believed, ...]:
        """The last fits, newest first."""
        table = schema.beliefs
        chosen = select(table).where(table.c.chain_id == chain_id).order_by(table.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(chosen).all()
        names = ("id", "recorded_at", "fitted_at", "fingerprint", "value", "note")
        return tuple(Believed(*(getattr(row, name) for name in names)) for row in rows)

    def issue(self, chain_id: int, vault: Address, issued_at: Timestamp, forecast: Forecast) -> None:
        """Journals a forecast, unless one of the same vault and moment is there."""
        row = {
            "chain_id": chain_id,
            "vault": vault,
            "issued_at": issued_at,
            "ends_at": issued_at + forecast.horizon_s,
            "model": forecast.model,
            "value": self._blobs.store(forecast),
        }
        table = schema.forecasts
        there = select(table.c.id).where(*(table.c[name] == row[name] for name in ("chain_id", "vault", "issued_at")))
        with self._database.writing() as connection:
            if connection.execute(there).first() is None:
                connection.execute(insert(table).values(row))

    def last_issued(self, chain_id: int, vault: Address) -> Timestamp | None:
        table = schema.forecasts
        chosen = select(func.max(table.c.issued_at)).where(table.c.chain_id == chain_id, table.c.vault == vault)
        with self._database.reading() as connection:
            found = connection.execute(chosen).scalar()
        return None if found is None else Timestamp(found)

    def due(self, chain_id: int, now: Timestamp, limit: int) -> tuple[Issued, ...]:
        """Forecasts whose horizon has ended by `now` and whose outcome is not known, the oldest first."""
        table = schema.forecasts
        chosen = (
            select(table)
            .where(table.c.chain_id == chain_id, table.c.outcome.is_(None), table.c.ends_at <= now)
            .order_by(table.c.ends_at, table.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(chosen).all()
        return tuple(Issued(r.id, r.vault, Timestamp(r.issued_at), Timestamp(r.ends_at), r.value) for r in rows)

    def resolve(self, number: int, resolved: Resolved | None) -> None:
        """What came of a forecast; None when nobody will ever know."""
        values = {"outcome": "lost"} if resolved is None else {
            "outcome": "known", "resolved": self._codec.dumps(resolved).decode()
        }  # fmt: skip
        with self._database.writing() as connection:
            connection.execute(update(schema.forecasts).where(schema.forecasts.c.id == number).values(values))

    def resolved(self, chain_id: int, vault: Address, since: Timestamp) -> tuple[Resolved, ...]:
        """What came of a vault's forecasts issued since `since`, in order of issue."""
        table = schema.forecasts
        chosen = (
            select(table.c.resolved)
            .where(table.c.chain_id == chain_id, table.c.vault == vault, table.c.outcome == "known")
            .where(table.c.issued_at >= since)
            .order_by(table.c.issued_at)
        )
        with self._database.reading() as connection:
            rows = connection.execute(chosen).scalars().all()
        return tuple(self._codec.loads(Resolved, str(row).encode()) for row in rows)

    def counts(self, chain_id: int, vault: Address) -> Counts:
        table = schema.forecasts
        chosen = (
            select(table.c.outcome, func.count())
            .where(table.c.chain_id == chain_id, table.c.vault == vault)
            .group_by(table.c.outcome)
        )
        with self._database.reading() as connection:
            of = {row[0]: int(row[1]) for row in connection.execute(chosen)}
        return Counts(of.get(None, 0), of.get("known", 0), of.get("lost", 0))

    def watch(self, chain_id: int, points: Iterable[tuple[Address, str, Timestamp, float]]) -> None:
        """Keeps (vault, quantity, time, value): what a quantity was, once a moment."""
        names = ("vault", "quantity", "at", "value")
        rows = [{"chain_id": chain_id} | dict(zip(names, point, strict=True)) for point in points]
        if rows:
            with self._database.writing() as connection:
                put(connection, schema.watched, rows)

    def seen(
        self, chain_id: int, vault: Address, since: Timestamp, until: Timestamp
    ) -> dict[str, tuple[tuple[Timestamp, float], ...]]:
        """The path of each quantity of a vault within [since, until], oldest first."""
        table = schema.watched
        chosen = (
            select(table)
            .where(table.c.chain_id == chain_id, table.c.vault == vault)
            .where(table.c.at >= since, table.c.at <= until)
            .order_by(table.c.at)
        )
        paths: dict[str, list[tuple[Timestamp, float]]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(chosen):
                paths.setdefault(row.quantity, []).append((Timestamp(row.at), row.value))
        return {name: tuple(path) for name, path in paths.items()}

    def forget(self, chain_id: int, before: Timestamp) -> None:
        """Deletes what was watched before `before`."""
        table = schema.watched
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.chain_id == chain_id, table.c.at < before))
