"""What the journal returned from is on disk, and what it cannot rely on it refuses in one sentence."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import update

from keeper.errors import BadInput, Halt
from keeper.journal import Journal, open_journal, schema

from .conftest import CODEC, POOLS, A, attempt_of, intent_of, pool


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
        from keeper.journal import open_journal
        from tests.journal.conftest import attempt_of, intent_of
        journal = open_journal(sys.argv[1])
        journal.intents.open(intent_of(), attempt_of(intent_of()))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(file), str(Path(__file__).parents[2])], check=False
    )
    assert done.returncode == -signal.SIGKILL
    with open_journal(str(file)) as journal:  # the dead process's lock is gone with it
        assert journal.intents.unsettled(1, A) == (intent_of(),)


def test_a_second_keeper_is_refused_and_readers_are_not(journal: Journal, file: Path) -> None:
    with pytest.raises(BadInput, match=rf"another keeper \(process {os.getpid()}\) writes the journal .*keeper\.db"):
        open_journal(str(file))
    intent = intent_of()
    with open_journal(str(file), writer=False) as reader:
        journal.intents.open(intent, attempt_of(intent))
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
            journal.blobs.store(pool(seed))


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
    intent = intent_of()
    with open_journal(str(file)) as journal:
        journal.intents.open(intent, attempt_of(intent))
        with journal._database.writing() as connection:  # as layout 1 was
            connection.exec_driver_sql("ALTER TABLE intents DROP COLUMN urgent")
            connection.execute(update(schema.meta).values(value="1"))
    with open_journal(str(file)) as journal:
        assert journal.intents.intent(intent.intent_id) == intent
        assert journal.intents.unsettled(1, A) == (intent,)


def test_a_full_disk_halts_and_keeps_what_was_there(journal: Journal) -> None:
    intent = intent_of()
    journal.intents.open(intent, attempt_of(intent))
    with journal._database.reading() as connection:  # of the one pooled connection
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Halt, match=r"has no room left \(database or disk is full\): free some disk"):
        journal.blobs.store(tuple(map(pool, range(50))), POOLS)
    assert journal.intents.unsettled(1, A) == (intent,)


def test_a_read_only_file_halts(journal: Journal) -> None:
    with journal._database.reading() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")  # of the one pooled connection
    with pytest.raises(Halt, match=r"cannot be written \(attempt to write a readonly database\)"):
        journal.intents.open(intent_of(), attempt_of(intent_of()))


def test_a_folder_that_cannot_be_made_halts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Halt, match=r"folder .*file cannot be written: "):
        open_journal(str(tmp_path / "file" / "keeper.db"))


def test_the_password_of_a_url_is_not_shown() -> None:
    with pytest.raises(BadInput, match="driver that is not installed") as caught:
        open_journal("postgresql+psycopg://keeper:hunter2@127.0.0.1:1/keeper")
    assert "hunter2" not in str(caught.value)
    assert cast(object, caught.value.__cause__) is not None
