"""Intents and their signed transactions, on disk before a byte is sent; model.Intents over the database."""

from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from keeper.codec import Codec
from keeper.errors import Halt
from keeper.journal import schema
from keeper.journal.database import Database
from keeper.model import MAX_OPEN, MOVES, UNRESOLVED, UNSETTLED, Attempt, Intent, IntentState, Outcome
from keeper.units import Address, Hash, Timestamp


class IntentTable:
    """The intents of every key. What each method promises is written at model.Intents."""

    def __init__(self, database: Database, codec: Codec) -> None:
        self._database = database
        self._codec = codec

    def intent(self, intent_id: Hash) -> Intent | None:
        with self._database.reading() as connection:
            row = connection.execute(select(schema.intents).where(schema.intents.c.intent_id == intent_id)).first()
        return None if row is None else _intent(row)

    def next_nonce(self, chain_id: int, sender: Address) -> int | None:
        table = schema.intents
        highest = select(func.max(table.c.nonce)).where(table.c.chain_id == chain_id, table.c.sender == sender)
        with self._database.reading() as connection:
            found = connection.execute(highest).scalar()
        return None if found is None else int(found) + 1

    def unsettled(self, chain_id: int, sender: Address) -> tuple[Intent, ...]:
        table = schema.intents
        chosen = (
            select(table)
            .where(table.c.chain_id == chain_id, table.c.sender == sender, table.c.state.in_(sorted(UNSETTLED)))
            .order_by(table.c.nonce)
        )
        with self._database.reading() as connection:
            return tuple(_intent(row) for row in connection.execute(chosen))

    def attempts(self, intent_id: Hash) -> tuple[Attempt, ...]:
        table = schema.attempts
        chosen = select(table).where(table.c.intent_id == intent_id).order_by(table.c.number)
        with self._database.reading() as connection:
            return tuple(_attempt(row) for row in connection.execute(chosen))

    def open(self, intent: Intent, attempt: Attempt) -> None:
        if intent.state != "signed" or attempt.intent_id != intent.intent_id:
            raise Halt(f"intent {intent.intent_id} is recorded with its own first transaction, in state signed")
        try:
            with self._database.writing() as connection:
                # Not an index: a reorganisation may rightly take a second intent back to broadcast.
                before = connection.execute(_unresolved(intent)).all()
                busy = [one.intent_id for one in before if not _passed(one, intent) or len(before) >= MAX_OPEN]
                if busy:
                    raise Halt(f"intent {intent.intent_id} was not recorded: {busy[0]} of the same key is unresolved")
                connection.execute(insert(schema.intents).values(_row(intent)))
                connection.execute(insert(schema.attempts).values(_row(attempt) | {"number": 0}))
                _log(connection, intent.intent_id, None, "signed")
        except IntegrityError as error:
            raise Halt(
                f"intent {intent.intent_id} was not recorded: it or its nonce {intent.nonce} of {intent.sender} "
                "is in the journal already; nothing was sent"
            ) from error

    def attempt(self, attempt: Attempt) -> None:
        table = schema.attempts
        with self._database.writing() as connection:
            state = _state(connection, attempt.intent_id)
            if state not in UNRESOLVED:
                raise Halt(f"intent {attempt.intent_id} is {state}: it takes no further transaction")
            count = connection.execute(
                select(func.count()).select_from(table).where(table.c.intent_id == attempt.intent_id)
            ).scalar_one()
            connection.execute(insert(table).values(_row(attempt) | {"number": count}))

    def sent(self, tx_hash: Hash, at: Timestamp) -> None:
        table = schema.attempts
        first = func.coalesce(table.c.sent_at, at)
        counted = update(table).where(table.c.tx_hash == tx_hash).values(sends=table.c.sends + 1, sent_at=first)
        with self._database.writing() as connection:
            if connection.execute(counted).rowcount != 1:
                raise Halt(f"transaction {tx_hash} was sent and is not in the journal: stop and find out who signed it")

    def move(self, intent_id: Hash, seen: IntentState, to: IntentState, outcome: Outcome | None = None) -> None:
        if to not in MOVES[seen]:
            raise Halt(f"intent {intent_id} cannot go from {seen} to {to}: the record and the chain do not fit")
        table = schema.intents
        values: dict[str, Any] = {"state": to}
        if outcome is not None:
            values["outcome"] = self._codec.dumps(outcome).decode()
        swapped = update(table).where(table.c.intent_id == intent_id, table.c.state == seen).values(values)
        with self._database.writing() as connection:
            if connection.execute(swapped).rowcount != 1:
                found = _state(connection, intent_id) or "unknown"
                raise Halt(f"intent {intent_id} is {found}, expected {seen}: another process writes this journal")
            _log(connection, intent_id, seen, to)

    def outcome(self, intent_id: Hash) -> Outcome | None:
        table = schema.intents
        with self._database.reading() as connection:
            text = connection.execute(select(table.c.outcome).where(table.c.intent_id == intent_id)).scalar()
        if text is None:
            return None
        try:
            return self._codec.loads(Outcome, text.encode())
        except ValueError as error:
            raise Halt(f"the outcome of intent {intent_id} in {self._database.name} is damaged: {error}") from error

    def latest(self, limit: int = 20) -> tuple[Intent, ...]:
        """The last intents, newest first."""
        table = schema.intents
        chosen = select(table).order_by(table.c.created_at.desc(), table.c.nonce.desc()).limit(limit)
        with self._database.reading() as connection:
            return tuple(_intent(row) for row in connection.execute(chosen))

    def moves(self, intent_id: Hash) -> tuple[tuple[str | None, str], ...]:
        """Every state change, (from, to), oldest first."""
        table = schema.moves
        chosen = select(table.c.seen, table.c.state).where(table.c.intent_id == intent_id).order_by(table.c.id)
        with self._database.reading() as connection:
            return tuple((row.seen, row.state) for row in connection.execute(chosen))


def _unresolved(intent: Intent) -> Select[tuple[str, str, bool, str]]:
    """Every unresolved intent of the same key, with the kind of its last transaction."""
    table, tries, any_try = schema.intents, schema.attempts, schema.attempts.alias()
    last = select(func.max(any_try.c.number)).where(any_try.c.intent_id == table.c.intent_id).scalar_subquery()
    return (
        select(table.c.intent_id, table.c.vault, table.c.urgent, tries.c.kind)
        .select_from(table)
        .join(tries, (tries.c.intent_id == table.c.intent_id) & (tries.c.number == last))
        .where(
            table.c.chain_id == intent.chain_id,
            table.c.sender == intent.sender,
            table.c.state.in_(sorted(UNRESOLVED)),
        )
        .order_by(table.c.nonce)
    )


def _passed(before: Row[tuple[str, str, bool, str]], intent: Intent) -> bool:
    """Whether a new intent may stand behind an unresolved one."""
    return intent.urgent and (before.vault != intent.vault if before.urgent else before.kind == "cancel")


def _state(connection: Connection, intent_id: Hash) -> str | None:
    table = schema.intents
    return connection.execute(select(table.c.state).where(table.c.intent_id == intent_id)).scalar()


def _log(connection: Connection, intent_id: Hash, seen: str | None, to: str) -> None:
    connection.execute(insert(schema.moves).values(intent_id=intent_id, seen=seen, state=to))


def _row(value: Intent | Attempt) -> dict[str, Any]:
    return {name: getattr(value, name) for name in type(value).__slots__}


def _intent(row: Row[Any]) -> Intent:
    return Intent(**{name: row._mapping[name] for name in Intent.__slots__})


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(**{name: row._mapping[name] for name in Attempt.__slots__})
