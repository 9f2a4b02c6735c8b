"""An intent takes a nonce once and moves only as the table says."""

from dataclasses import replace
from typing import get_args

import pytest
from sqlalchemy import update

from keeper.errors import Halt
from keeper.journal import Journal, schema
from keeper.model import MOVES, UNRESOLVED, IntentState, Outcome
from keeper.units import BlockNumber, Timestamp

from .conftest import A, B, attempt_of, hash_of, intent_of, rows


def test_an_intent_is_recorded_with_its_transaction(journal: Journal) -> None:
    intents = journal.intents
    assert intents.next_nonce(1, A) is None
    intent, attempt = intent_of(7), attempt_of(intent_of(7))
    intents.open(intent, attempt)
    assert intents.intent(intent.intent_id) == intent
    assert intents.attempts(intent.intent_id) == (attempt,)
    assert intents.next_nonce(1, A) == 8
    assert intents.next_nonce(1, B) is None
    assert intents.next_nonce(2, A) is None
    assert intents.unsettled(1, A) == (intent,)
    assert intents.intent(hash_of(404)) is None


@pytest.mark.parametrize("clash", ["id", "nonce"])
def test_an_intent_and_a_nonce_are_taken_once(journal: Journal, clash: str) -> None:
    first = intent_of(0)
    journal.intents.open(first, attempt_of(first))
    journal.intents.move(first.intent_id, "signed", "mined")
    second = intent_of(1, name=1) if clash == "id" else intent_of(0, name=9)
    with pytest.raises(Halt, match=r"was not recorded.*nothing was sent"):
        journal.intents.open(second, attempt_of(second, name=500))
    assert (rows(journal, "intents"), rows(journal, "attempts")) == (1, 1)


@pytest.mark.parametrize("state", sorted(UNRESOLVED))
def test_an_unresolved_intent_keeps_others_of_its_key_out(journal: Journal, state: IntentState) -> None:
    first, second, other = intent_of(0), intent_of(1), intent_of(1, name=77, sender=B)
    journal.intents.open(first, attempt_of(first))
    if state != "signed":
        journal.intents.move(first.intent_id, "signed", state)
    with pytest.raises(Halt, match="of the same key is unresolved"):
        journal.intents.open(second, attempt_of(second))
    journal.intents.open(other, attempt_of(other, name=700))
    journal.intents.move(first.intent_id, state, "reverted")
    journal.intents.open(second, attempt_of(second))


def test_every_move_outside_the_table_halts_and_changes_nothing(journal: Journal) -> None:
    states: tuple[IntentState, ...] = get_args(IntentState)
    intent = intent_of()
    journal.intents.open(intent, attempt_of(intent))
    for seen in states:
        for to in states:
            with journal._database.writing() as connection:
                connection.execute(update(schema.intents).values(state=seen))
            if to in MOVES[seen]:
                journal.intents.move(intent.intent_id, seen, to)
            else:
                with pytest.raises(Halt, match=f"cannot go from {seen} to {to}"):
                    journal.intents.move(intent.intent_id, seen, to)
            found = journal.intents.intent(intent.intent_id)
            assert found is not None
            assert found.state == (to if to in MOVES[seen] else seen)


def test_a_move_compares_before_it_sets(journal: Journal) -> None:
    intent = intent_of()
    journal.intents.open(intent, attempt_of(intent))
    journal.intents.move(intent.intent_id, "signed", "broadcast")
    with pytest.raises(Halt, match="is broadcast, expected signed: another process writes this journal"):
        journal.intents.move(intent.intent_id, "signed", "mined")
    outcome = Outcome("done", intent.intent_id, hash_of(100), BlockNumber(3), nav_before=2**200)
    journal.intents.move(intent.intent_id, "broadcast", "mined", outcome)
    assert journal.intents.outcome(intent.intent_id) == outcome
    assert journal.intents.moves(intent.intent_id) == (
        (None, "signed"),
        ("signed", "broadcast"),
        ("broadcast", "mined"),
    )
    journal.intents.move(intent.intent_id, "mined", "final")
    assert journal.intents.outcome(intent.intent_id) == outcome
    assert journal.intents.unsettled(1, A) == ()


def test_attempts_are_counted_in_order_and_only_of_an_unresolved_intent(journal: Journal) -> None:
    intent = intent_of()
    first, second = attempt_of(intent), replace(attempt_of(intent, 200), kind="cancel")
    journal.intents.open(intent, first)
    journal.intents.attempt(second)
    journal.intents.sent(first.tx_hash, Timestamp(4))
    journal.intents.sent(first.tx_hash, Timestamp(9))
    assert journal.intents.attempts(intent.intent_id) == (replace(first, sends=2, sent_at=Timestamp(4)), second)
    with pytest.raises(Halt, match="is not in the journal"):
        journal.intents.sent(hash_of(404), Timestamp(1))
    journal.intents.move(intent.intent_id, "signed", "cancelled")
    with pytest.raises(Halt, match="is cancelled: it takes no further transaction"):
        journal.intents.attempt(attempt_of(intent, 300))
