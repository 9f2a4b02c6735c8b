"""Ticks to rows and back: what was decided, when, and on which arguments."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, delete, func, insert, select

from keeper.journal import schema
from keeper.journal.blobs import Blobs
from keeper.journal.database import Database
from keeper.units import Address, BlockNumber, Hash, Timestamp


@dataclass(frozen=True, slots=True)
class Tick:
    """One decision: the content hash of every argument and of the result, so that it can be made again.

    `recorded_at` is wall-clock time; `timestamp` the block's. `timings` are (stage, seconds).
    """

    recorded_at: Timestamp
    chain_id: int
    vault: Address
    block: BlockNumber
    block_hash: Hash
    timestamp: Timestamp
    seed: int
    history: Hash
    state: Hash
    beliefs: Hash
    mandate: Hash
    decision: Hash
    next_state: Hash
    verdict: str
    reason: str
    intent_id: Hash | None = None
    timings: tuple[tuple[str, float], ...] = ()
    id: int | None = None


class Ticks:
    """The recorded ticks."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def add(self, tick: Tick) -> int:
        """Records a tick, whose values are already stored; its id."""
        row = {name: getattr(tick, name) for name in Tick.__slots__ if name not in ("id", "seed", "timings")}
        row |= {"seed": str(tick.seed), "timings": json.dumps(tick.timings)}
        with self._database.writing() as connection:
            key = connection.execute(insert(schema.ticks).values(row)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def get(self, number: int) -> Tick | None:
        with self._database.reading() as connection:
            row = connection.execute(select(schema.ticks).where(schema.ticks.c.id == number)).first()
        return None if row is None else _tick(row)

    def last_of(self, intent_id: Hash) -> int | None:
        """The last tick that planned this intent."""
        ids = select(schema.ticks.c.id).where(schema.ticks.c.intent_id == intent_id)
        with self._database.reading() as connection:
            found = connection.execute(ids.order_by(schema.ticks.c.id.desc()).limit(1)).scalar()
        return None if found is None else int(found)

    def latest(self, limit: int = 20, vault: Address | None = None, chain_id: int | None = None) -> tuple[Tick, ...]:
        """The last ticks, newest first; of one vault, of one chain, or of all."""
        chosen = select(schema.ticks).order_by(schema.ticks.c.id.desc()).limit(limit)
        if vault is not None:
            chosen = chosen.where(schema.ticks.c.vault == vault)
        if chain_id is not None:
            chosen = chosen.where(schema.ticks.c.chain_id == chain_id)
        with self._database.reading() as connection:
            return tuple(_tick(row) for row in connection.execute(chosen))

    def next_states(self, chain_id: int, vaults: Sequence[Address]) -> dict[Address, Hash]:
        """By vault, the state that its last tick left behind; none of a vault without a tick."""
        table = schema.ticks
        mine = select(func.max(table.c.id)).where(table.c.chain_id == chain_id, table.c.vault.in_(vaults))
        chosen = select(table.c.vault, table.c.next_state).where(table.c.id.in_(mine.group_by(table.c.vault)))
        with self._database.reading() as connection:
            return {Address(row.vault): Hash(row.next_state) for row in connection.execute(chosen)}

    def prune(self, before: Timestamp) -> int:
        """Deletes ticks recorded before `before`, and values nothing refers to any more; how many ticks."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(schema.ticks).where(schema.ticks.c.recorded_at < before)).rowcount
            self._blobs.sweep(connection)
        return gone


def _tick(row: Row[tuple[object, ...]]) -> Tick:
    fields = dict(row._mapping)
    fields["seed"] = int(fields["seed"])
    fields["timings"] = tuple((str(stage), float(seconds)) for stage, seconds in json.loads(fields["timings"]))
    return Tick(**fields)
