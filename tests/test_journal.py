"""What the journal returned from is on disk, once, and what it cannot rely on it refuses in one sentence."""

import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

import pytest
from sqlalchemy import func, select, update

from keeper.codec import MODEL, Codec
from keeper.errors import BadInput, Halt
from keeper.journal import Journal, Tick, open_journal, schema
from keeper.model import MOVES, UNRESOLVED, Attempt, Intent, IntentState, Outcome, Round, Series, State
from keeper.protocols.uniswap_v3 import UniswapV3Pool
from keeper.units import Address, BlockNumber, Gas, Hash, Ppm, PriceX36, Timestamp, Wei

A, B = (Address("0x" + digit * 40) for digit in "ab")
CODEC = Codec(MODEL | {"v3": UniswapV3Pool})
POOLS = tuple[UniswapV3Pool, ...]


def _hash(number: int) -> Hash:
    return Hash(f"0x{number:064x}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keeper.db"


@pytest.fixture
def journal(file: Path) -> Iterator[Journal]:
    with open_journal(str(file), CODEC) as journal:
        yield journal


def _pool(seed: int) -> UniswapV3Pool:
    noise = random.Random(seed)
    ticks = tuple((60 * i, noise.randrange(-(2**100), 2**100)) for i in range(200))
    return UniswapV3Pool(A, (A, B), Ppm(3000), 60, 2**96, 0, 10**18, -3, 3, ticks)


def _intent(nonce: int = 0, name: int | None = None, sender: Address = A) -> Intent:
    return Intent(
        intent_id=_hash(name if name is not None else nonce + 1),
        chain_id=1,
        sender=sender,
        nonce=nonce,
        vault=B,
        expected_epoch=3,
        deadline=Timestamp(600),
        calldata=b"\x01\x02",
        max_gas_price=Wei(10**11),
        created_at=Timestamp(5),
    )


def _attempt(intent: Intent, name: int = 100) -> Attempt:
    return Attempt(_hash(name + intent.nonce), intent.intent_id, "act", b"\x02raw", Wei(2**62), Wei(1), Gas(21_000))


def _rows(journal: Journal, table: str) -> int:
    with journal._database.reading() as connection:
        return connection.execute(select(func.count()).select_from(schema.metadata.tables[table])).scalar_one()


# values


def test_a_value_is_stored_once_and_loaded_equal(journal: Journal) -> None:
    value = State(A, acting=True, open_intents=(_hash(1), _hash(2)))
    key = journal.blobs.store(value)
    assert key == journal.blobs.store(value) == CODEC.content_hash(value)
    assert journal.blobs.load(State, key) == value
    assert _rows(journal, "blobs") == 1


def test_what_two_values_share_is_stored_once(journal: Journal) -> None:
    first, second = tuple(map(_pool, range(8))), (*map(_pool, range(7)), _pool(99))
    one, two = journal.blobs.store(first, POOLS), None
    assert _rows(journal, "blobs") == 1 + 8
    two = journal.blobs.store(second, POOLS)
    assert _rows(journal, "blobs") == 2 + 9
    assert journal.blobs.load(POOLS, one) == first
    assert journal.blobs.load(POOLS, two) == second
    assert one == CODEC.content_hash(first, POOLS)


def test_together_is_all_or_nothing(journal: Journal) -> None:
    value = State(A, acting=True)

    def fails_late() -> None:
        with journal.together():
            journal.blobs.store(value)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_late()
    assert _rows(journal, "blobs") == 0
    with journal.together():
        key = journal.blobs.store(value)  # it is not taken for stored
        assert journal.blobs.store(_pool(1)) != key
    assert _rows(journal, "blobs") == 2
    assert journal.blobs.load(State, key) == value


def test_values_are_compressed(journal: Journal) -> None:
    key = journal.blobs.store(_pool(1))
    with journal._database.reading() as connection:
        size = connection.execute(
            select(func.length(schema.blobs.c.payload)).where(schema.blobs.c.hash == key)
        ).scalar()
    assert size is not None
    assert size < len(CODEC.dumps(_pool(1))) * 0.6


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b[:5] + bytes([b[5] ^ 1]) + b[6:], lambda b: b"", lambda b: b"{}"]
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_damaged_value_halts(journal: Journal, damage: Callable[[bytes], bytes], inside: bool) -> None:
    value = (_pool(1), _pool(2))
    key = journal.blobs.store(value, POOLS)
    hit = schema.blobs.c.hash != key if inside else schema.blobs.c.hash == key
    with journal._database.writing() as connection:
        rows = connection.execute(select(schema.blobs).where(hit)).all()
        for row in rows:
            connection.execute(
                update(schema.blobs).where(schema.blobs.c.hash == row.hash).values(payload=damage(row.payload))
            )
    with pytest.raises(Halt, match=r"keeper\.db is damaged at record 0x.*restore a copy"):
        journal.blobs.load(POOLS, key)


def test_another_value_in_its_place_halts(journal: Journal) -> None:
    one, two = journal.blobs.store(State(A)), journal.blobs.store(State(B))
    with journal._database.writing() as connection:
        other = connection.execute(select(schema.blobs.c.payload).where(schema.blobs.c.hash == two)).scalar()
        connection.execute(update(schema.blobs).where(schema.blobs.c.hash == one).values(payload=other))
    with pytest.raises(Halt, match="does not match its hash"):
        journal.blobs.load(State, one)
    with pytest.raises(Halt, match="it is missing"):
        journal.blobs.load(State, _hash(1))


# ticks and prices


def _tick(journal: Journal, at: int = 7, vault: Address = B) -> Tick:
    keys = {name: journal.blobs.store(State(vault, failures=at, last_failure_at=Timestamp(i)))
            for i, name in enumerate(schema.TICK_BLOBS)}  # fmt: skip
    return Tick(
        recorded_at=Timestamp(at),
        chain_id=1,
        vault=vault,
        block=BlockNumber(9),
        block_hash=_hash(9),
        timestamp=Timestamp(8),
        seed=2**70,
        verdict="hold",
        reason="inside its band",
        timings=(("read", 0.03125), ("decide", 0.5)),
        **keys,
    )


def test_a_tick_is_read_back_with_its_arguments(journal: Journal) -> None:
    ticks = [_tick(journal, at, vault) for at, vault in ((1, A), (2, B), (3, A))]
    ids = [journal.ticks.add(tick) for tick in ticks]
    assert [journal.ticks.get(number) for number in ids] == [replace(t, id=i) for t, i in zip(ticks, ids, strict=True)]
    assert [tick.id for tick in journal.ticks.latest()] == ids[::-1]
    assert [tick.id for tick in journal.ticks.latest(1, A)] == [ids[2]]
    assert journal.ticks.latest(vault=A, chain_id=2) == ()
    assert journal.ticks.get(10**6) is None
    found = journal.ticks.get(ids[0])
    assert found is not None
    assert journal.blobs.load(State, found.next_state) == State(A, failures=1, last_failure_at=Timestamp(5))


def test_the_last_state_of_several_vaults_is_asked_for_at_once(journal: Journal) -> None:
    first, of_b, last = (_tick(journal, at, vault) for at, vault in ((1, A), (2, B), (3, A)))
    elsewhere = replace(_tick(journal, 4, A), chain_id=2)
    for tick in (first, of_b, last, elsewhere):
        journal.ticks.add(tick)
    asked = [A, B, Address("0x" + 40 * "7")]
    assert journal.ticks.next_states(1, asked) == {A: last.next_state, B: of_b.next_state}
    assert journal.ticks.next_states(2, asked) == {A: elsewhere.next_state}
    assert journal.ticks.next_states(1, []) == {}


def test_a_tick_whose_arguments_are_not_stored_is_refused(journal: Journal) -> None:
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError):
        journal.ticks.add(replace(_tick(journal), history=_hash(404)))
    assert _rows(journal, "ticks") == 0


def _round(token: Address, number: int, at: int, answer: int, problem: str = "") -> Round:
    return Round(token, A, number, answer, 8, Timestamp(at), PriceX36(0), problem)


def test_prices_are_kept_once_a_round_and_returned_in_order(journal: Journal) -> None:
    big = 2**79  # round ids are uint80
    journal.past.add_rounds(1, [_round(A, big + 1, 20, 150_000_000), _round(B, 1, 15, 10**30)])
    journal.past.add_rounds(1, [_round(A, big + 1, 20, 150_000_000), _round(A, big, 10, 50_000_000)])
    journal.past.add_rounds(1, [_round(A, big + 2, 25, 1, problem="stale")])
    journal.past.add_rounds(2, [_round(A, 7, 21, 7)])
    a = Series(A, (Timestamp(10), Timestamp(20)), (0.5, 1.5))
    b = Series(B, (Timestamp(15),), (1e22,))
    assert journal.past.series(1, [B, A], Timestamp(30)) == (b, a)
    assert journal.past.series(1, [A], Timestamp(19)) == (Series(A, (Timestamp(10),), (0.5,)),)
    assert journal.past.series(1, [A], Timestamp(30), Timestamp(11)) == (Series(A, (Timestamp(20),), (1.5,)),)


def test_pruning_keeps_what_is_still_referred_to(journal: Journal) -> None:
    shared, old, new = (_pool(1), _pool(2)), (_pool(1), _pool(3)), (_pool(2), _pool(4))
    keys = [journal.blobs.store(pools, POOLS) for pools in (shared, old, new)]
    base = _tick(journal)
    for at, key in enumerate(keys):
        journal.ticks.add(replace(base, recorded_at=Timestamp(at), history=key))
    assert journal.ticks.prune(Timestamp(2)) == 2
    assert journal.blobs.load(POOLS, keys[2]) == new
    for key in keys[:2]:
        with pytest.raises(Halt, match="it is missing"):
            journal.blobs.load(POOLS, key)
    assert _rows(journal, "blobs") == 1 + 2 + 5  # the list, its two pools, the tick's other arguments


# intents


def test_an_intent_is_recorded_with_its_transaction(journal: Journal) -> None:
    intents = journal.intents
    assert intents.next_nonce(1, A) is None
    intent, attempt = _intent(7), _attempt(_intent(7))
    intents.open(intent, attempt)
    assert intents.intent(intent.intent_id) == intent
    assert intents.attempts(intent.intent_id) == (attempt,)
    assert intents.next_nonce(1, A) == 8
    assert intents.next_nonce(1, B) is None
    assert intents.next_nonce(2, A) is None
    assert intents.unsettled(1, A) == (intent,)
    assert intents.intent(_hash(404)) is None


@pytest.mark.parametrize("clash", ["id", "nonce"])
def test_an_intent_and_a_nonce_are_taken_once(journal: Journal, clash: str) -> None:
    first = _intent(0)
    journal.intents.open(first, _attempt(first))
    journal.intents.move(first.intent_id, "signed", "mined")
    second = _intent(1, name=1) if clash == "id" else _intent(0, name=9)
    with pytest.raises(Halt, match=r"was not recorded.*nothing was sent"):
        journal.intents.open(second, _attempt(second, name=500))
    assert (_rows(journal, "intents"), _rows(journal, "attempts")) == (1, 1)


@pytest.mark.parametrize("state", sorted(UNRESOLVED))
def test_an_unresolved_intent_keeps_others_of_its_key_out(journal: Journal, state: IntentState) -> None:
    first, second, other = _intent(0), _intent(1), _intent(1, name=77, sender=B)
    journal.intents.open(first, _attempt(first))
    if state != "signed":
        journal.intents.move(first.intent_id, "signed", state)
    with pytest.raises(Halt, match="of the same key is unresolved"):
        journal.intents.open(second, _attempt(second))
    journal.intents.open(other, _attempt(other, name=700))
    journal.intents.move(first.intent_id, state, "reverted")
    journal.intents.open(second, _attempt(second))


def test_every_move_outside_the_table_halts_and_changes_nothing(journal: Journal) -> None:
    states: tuple[IntentState, ...] = get_args(IntentState)
    intent = _intent()
    journal.intents.open(intent, _attempt(intent))
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
    intent = _intent()
    journal.intents.open(intent, _attempt(intent))
    journal.intents.move(intent.intent_id, "signed", "broadcast")
    with pytest.raises(Halt, match="is broadcast, expected signed: another process writes this journal"):
        journal.intents.move(intent.intent_id, "signed", "mined")
    outcome = Outcome("done", intent.intent_id, _hash(100), BlockNumber(3), nav_before=2**200)
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
    intent = _intent()
    first, second = _attempt(intent), replace(_attempt(intent, 200), kind="cancel")
    journal.intents.open(intent, first)
    journal.intents.attempt(second)
    journal.intents.sent(first.tx_hash, Timestamp(4))
    journal.intents.sent(first.tx_hash, Timestamp(9))
    assert journal.intents.attempts(intent.intent_id) == (replace(first, sends=2, sent_at=Timestamp(4)), second)
    with pytest.raises(Halt, match="is not in the journal"):
        journal.intents.sent(_hash(404), Timestamp(1))
    journal.intents.move(intent.intent_id, "signed", "cancelled")
    with pytest.raises(Halt, match="is cancelled: it takes no further transaction"):
        journal.intents.attempt(_attempt(intent, 300))


# the file


def test_commits_are_durable(journal: Journal) -> None:
    with journal._database.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "foreign_keys")
        }
        assert found == {"synchronous": 2, "foreign_keys": 1}  # 2: FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_what_was_recorded_outlives_a_kill(file: Path) -> None:
    program = """
        import os, signal, sys
        sys.path.insert(0, sys.argv[2])
        from test_journal import _attempt, _intent, open_journal
        journal = open_journal(sys.argv[1])
        journal.intents.open(_intent(), _attempt(_intent()))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(file), str(Path(__file__).parent)], check=False
    )
    assert done.returncode == -signal.SIGKILL
    with open_journal(str(file)) as journal:  # the dead process's lock is gone with it
        assert journal.intents.unsettled(1, A) == (_intent(),)


def test_a_second_keeper_is_refused_and_readers_are_not(journal: Journal, file: Path) -> None:
    with pytest.raises(BadInput, match=rf"another keeper \(process {os.getpid()}\) writes the journal .*keeper\.db"):
        open_journal(str(file))
    intent = _intent()
    with open_journal(str(file), writer=False) as reader:
        journal.intents.open(intent, _attempt(intent))
        assert reader.intents.latest() == (intent,)
        with pytest.raises(Halt, match="was opened to be read"):
            reader.intents.move(intent.intent_id, "signed", "broadcast")
    journal.close()
    open_journal(str(file)).close()


def test_a_journal_that_is_not_there_is_not_read(file: Path) -> None:
    with pytest.raises(BadInput, match=r"found no journal at .*keeper\.db: run the keeper once"):
        open_journal(str(file), writer=False)


def test_a_journal_that_was_never_begun_is_not_read_and_then_begun(file: Path) -> None:
    """Its writer was killed between making the file and making the tables."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    with pytest.raises(BadInput, match="it is empty; run the keeper once"):
        open_journal(str(file), writer=False)
    open_journal(str(file)).close()
    open_journal(str(file), writer=False).close()


@pytest.mark.parametrize("url", ["nonsense://x", "postgresql+nodriver://host/name"])
def test_an_unusable_url_is_bad_input(url: str) -> None:
    with pytest.raises((BadInput, Halt), match="journal"):
        open_journal(url)


def _filled(file: Path) -> None:
    with open_journal(str(file), CODEC) as journal:
        for seed in range(40):
            journal.blobs.store(_pool(seed))


def test_a_torn_file_halts(file: Path) -> None:
    _filled(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Halt, match=r"keeper\.db is damaged .*restore a copy"):
        open_journal(str(file))


def test_a_scribbled_page_halts(file: Path) -> None:
    _filled(file)
    scribbled = bytearray(file.read_bytes())
    scribbled[8 * 4096 : 9 * 4096] = os.urandom(4096)
    file.write_bytes(bytes(scribbled))
    with pytest.raises(Halt, match=r"keeper\.db is damaged"):
        open_journal(str(file))


def test_what_is_no_database_halts(file: Path) -> None:
    file.write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(Halt, match=r"keeper\.db is damaged \(file is not a database\)"):
        open_journal(str(file))


def test_another_layout_halts(file: Path) -> None:
    with open_journal(str(file)) as journal, journal._database.writing() as connection:
        connection.execute(update(schema.meta).values(value="0"))
    with pytest.raises(Halt, match=r"has layout 0, this keeper writes 2"):
        open_journal(str(file))


def test_an_earlier_layout_is_brought_up_to_this_one(file: Path) -> None:
    intent = _intent()
    with open_journal(str(file)) as journal:
        journal.intents.open(intent, _attempt(intent))
        with journal._database.writing() as connection:  # as layout 1 was
            connection.exec_driver_sql("ALTER TABLE intents DROP COLUMN urgent")
            connection.execute(update(schema.meta).values(value="1"))
    with open_journal(str(file)) as journal:
        assert journal.intents.intent(intent.intent_id) == intent
        assert journal.intents.unsettled(1, A) == (intent,)


def test_a_full_disk_halts_and_keeps_what_was_there(journal: Journal) -> None:
    intent = _intent()
    journal.intents.open(intent, _attempt(intent))
    with journal._database.reading() as connection:  # of the one pooled connection
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Halt, match=r"has no room left \(database or disk is full\): free some disk"):
        journal.blobs.store(tuple(map(_pool, range(50))), POOLS)
    assert journal.intents.unsettled(1, A) == (intent,)


def test_a_read_only_file_halts(journal: Journal) -> None:
    with journal._database.reading() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")  # of the one pooled connection
    with pytest.raises(Halt, match=r"cannot be written \(attempt to write a readonly database\)"):
        journal.intents.open(_intent(), _attempt(_intent()))


def test_a_folder_that_cannot_be_made_halts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Halt, match=r"folder .*file cannot be written: "):
        open_journal(str(tmp_path / "file" / "keeper.db"))


def test_the_password_of_a_url_is_not_shown() -> None:
    with pytest.raises(BadInput, match="driver that is not installed") as caught:
        open_journal("postgresql+psycopg://keeper:hunter2@127.0.0.1:1/keeper")
    assert "hunter2" not in str(caught.value)
    assert cast(object, caught.value.__cause__) is not None
