"""Ticks and prices to rows and back: what was seen, what was decided, and on which arguments."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, delete, insert, select

from keeper.journal import schema
from keeper.journal.blobs import Blobs
from keeper.journal.database import Database
from keeper.model import Round, Series
from keeper.units import Address, BlockNumber, Hash, Timestamp

_ALWAYS = Timestamp(0)


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
    """The recorded ticks and the prices seen in them."""

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

    def add_rounds(self, chain_id: int, rounds: Sequence[Round]) -> None:
        """Keeps each usable round once; a price is that of one whole token in the quote currency."""
        prices = schema.prices
        with self._database.writing() as connection:
            for seen in rounds:
                if seen.problem:
                    continue
                key = {"chain_id": chain_id, "token": seen.token, "feed": seen.feed, "round_id": str(seen.round_id)}
                known = select(prices.c.round_id).where(*(prices.c[name] == value for name, value in key.items()))
                if connection.execute(known).first() is None:
                    rest = {"updated_at": seen.updated_at, "answer": str(seen.answer), "decimals": seen.decimals}
                    connection.execute(insert(prices).values(key | rest))

    def series(
        self, chain_id: int, tokens: Sequence[Address], until: Timestamp, since: Timestamp = _ALWAYS
    ) -> tuple[Series, ...]:
        """One series a token, in order, of the rounds updated in [since, until], oldest first."""
        prices = schema.prices
        with self._database.reading() as connection:
            found = connection.execute(
                select(prices)
                .where(prices.c.chain_id == chain_id, prices.c.token.in_(tokens))
                .where(prices.c.updated_at >= since, prices.c.updated_at <= until)
                .order_by(prices.c.updated_at, prices.c.round_id)
            ).all()
        of = {token: [row for row in found if row.token == token] for token in tokens}
        return tuple(
            Series(
                token,
                tuple(Timestamp(row.updated_at) for row in of[token]),
                tuple(int(row.answer) / 10**row.decimals for row in of[token]),
            )
            for token in tokens
        )

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
