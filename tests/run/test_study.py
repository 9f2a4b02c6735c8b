"""Studies: fits on what the journal holds, live records judged, switches said; in a process of its own when aside."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.journal import Journal, open_journal
from keeper.model import Beliefs, Record, TokenBelief
from keeper.run import open_keeper
from keeper.run.record import CODEC
from keeper.run.study import Student, Task, study, switches
from keeper.units import Hash, Timestamp
from keeper.world import RunningWorld
from tests.forecast.histories import NOW, STEP, WBTC, WETH, stormy
from tests.run.settings import config
from tests.run.test_foresight import block
from tests.scene import VAULT

DAY = 24 * STEP


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(file: Path) -> Iterator[Journal]:
    with open_journal(str(file), CODEC) as opened:
        yield opened


def task(file: Path, refit: bool = True) -> Task:
    seen = block(0)
    head = replace(seen.head, timestamp=Timestamp(NOW))
    return Task(str(file), replace(seen, head=head, vaults=(), venues=()), (VAULT,), (WETH, WBTC), (), refit)


def fill(journal: Journal, hours: int = 5_500) -> None:
    for token, seed in ((WETH, 3), (WBTC, 4)):
        journal.past.add_prices(31_337, stormy(token, hours, seed), "feed")


def test_it_fits_what_the_journal_holds_and_the_learned_model_competes(file: Path, journal: Journal) -> None:
    fill(journal)
    found = study(task(file), journal, None)
    assert found.fitted_at == NOW
    assert found.window_s == 5_499 * STEP
    assert {t.knowledge for t in found.tokens} == {"fitted"}
    for token in found.tokens:
        day = {s.model for s in token.scores if s.measure == "qlike" and s.horizon_s == DAY}
        assert {"log-har", "learned", "mean"} <= day
        assert dict(token.champions)[DAY] in day | {"ewma"}
    assert found == study(task(file), journal, None)


def test_without_a_new_fit_only_the_records_are_new(file: Path, journal: Journal) -> None:
    fill(journal, 300)
    before = study(task(file), journal, None)
    again = study(task(file, refit=False), journal, before)
    assert again == before
    assert study(task(file, refit=True), journal, before).fitted_at == NOW


def test_in_a_process_of_its_own_it_finds_the_same(file: Path, journal: Journal) -> None:
    fill(journal, 300)
    student = Student()
    student.start(task(file), None)
    found = None
    while found is None:
        time.sleep(0.05)
        found = student.take()
    assert isinstance(found, Beliefs), found
    assert found == study(task(file), journal, None)
    assert not student.busy


def test_what_goes_wrong_aside_is_a_sentence_and_a_stop_is_a_stop(file: Path, journal: Journal) -> None:
    student = Student()
    student.start(task(file.parent / "nowhere.sqlite"), None)
    found = None
    while found is None:
        time.sleep(0.05)
        found = student.take()
    assert isinstance(found, str)
    assert found.startswith("the forecasts were not studied: BadInput after")
    student.start(task(file), None)
    assert student.busy
    student.stop()
    assert not student.busy
    assert student.take() is None


def test_switches_are_named() -> None:
    token = TokenBelief(WETH, "fitted", "", ((DAY, "log-har"),), True, "calm", Timestamp(NOW))
    lost = replace(token, trusted=False, note="touches switched off: why", champions=((DAY, "ewma"),))
    record = Record(VAULT, "log-har", DAY, False, "log-har switched off by its live record: why", 500, 0, 0.9, ())
    made = Beliefs("m", (), (), Timestamp(NOW), 0, Hash("0x" + "00" * 32), (token,))
    names = ((WETH, "WETH"), (VAULT, "core"))
    assert switches(None, made, names) == ()
    assert switches(made, made, names) == ()
    assert switches(made, replace(made, tokens=(lost,), records=(record,)), names) == (
        "WETH: touches no longer trusted (touches switched off: why)",
        "WETH: ewma speaks of 24 h in place of log-har",
        "core: log-har switched off by its live record: why",
    )
    back = switches(replace(made, tokens=(lost,), records=(record,)), made, names)
    assert back[0] == "WETH: touches trusted again"
    won = replace(record, trusted=True, note="Brier skill +0.1")
    assert switches(replace(made, records=(record,)), replace(made, records=(won,)), names) == (
        "core: Brier skill +0.1",
    )


def test_beside_a_running_keeper_the_past_is_read_and_then_studied(fork: RunningWorld, tmp_path: Path) -> None:
    with open_keeper(config(fork, tmp_path)) as keeper:
        keeper.study_aside()  # before a block was seen there is nothing to do
        assert not keeper._studies.student.busy
        keeper.tick()
        while keeper.foresight.fitted is None:
            keeper.study_aside()
            time.sleep(0.05)
        assert keeper.notices() == ()
        chain_id = fork.world.chain_id
        (fit,) = keeper.journal.forecasts.latest_beliefs(chain_id)
        assert fit.fingerprint == keeper.foresight.fitted.fingerprint
        assert {s.split()[0] for s in keeper.journal.past.scans(chain_id)} == {"rounds", "hours"}
        keeper.study_aside()
        assert not keeper._studies.student.busy  # not due for an hour
        keeper.tick()
        token = keeper.foresight.now.tokens[0]
        assert "no model is fitted yet" not in token.note


def test_a_keeper_that_closes_ends_its_study(fork: RunningWorld, tmp_path: Path) -> None:
    with open_keeper(config(fork, tmp_path)) as keeper:
        keeper.tick()
        keeper.study_aside()
        process = keeper._studies.student._process
        assert process is not None
        assert process.is_alive()
    assert not process.is_alive()
