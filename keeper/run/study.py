"""A journal in, beliefs out: the models fitted anew when they are due, and the live record of each vault judged.

It takes seconds to minutes, so a running keeper has it done by a process of its own, at low priority, which reads the
journal and writes nothing.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Protocol

from keeper import forecast
from keeper.chain.node import Node
from keeper.config import Config
from keeper.forecast.contest import HAR, LEARNED, MEAN, REACTIVE
from keeper.forecast.record import WINDOW_S as RECORD_WINDOW_S
from keeper.forecast.record import records
from keeper.journal import Journal, Scan, open_journal
from keeper.model import Beliefs, History, Snapshot
from keeper.run.bind import Bound
from keeper.run.foresight import Foresight
from keeper.run.gather import Wanted, gather
from keeper.run.hours import HOURS, Gathered
from keeper.run.record import CODEC
from keeper.units import SECONDS_PER_DAY, Address, Timestamp

MODELS = (REACTIVE, HAR, LEARNED, MEAN)
"""log-HAR on ranges too, where those are known."""
REFIT_S = SECONDS_PER_DAY
JUDGE_S = 3_600
PAST_S = 400 * SECONDS_PER_DAY
"""A year to learn from, the month that its first features look back, and some: what is older is forgotten."""
RECENT_S = 2 * SECONDS_PER_DAY
ASIDE_S, FLUSH_S = 120.0, 30.0
"""How long an errand aside may take, and after how long a fetch keeps what it has."""
SEED = 5


@dataclass(frozen=True, slots=True)
class Task:
    """What to study: the journal's URL, a block for its time and chain, the vaults, and priors of their tokens."""

    journal: str
    block: Snapshot
    vaults: tuple[Address, ...]
    tokens: tuple[Address, ...]
    priors: tuple[tuple[Address, float], ...]
    refit: bool


def study(asked: Task, journal: Journal, before: Beliefs | None) -> Beliefs:
    """The beliefs at the task's block: a new fit when asked for, or when there is none `before`, and the records."""
    chain_id, now = asked.block.chain_id, asked.block.head.timestamp
    if before is None or asked.refit:
        since = Timestamp(now - PAST_S)
        past = journal.past
        history = History(
            asked.block,
            past.series(chain_id, asked.tokens, now, since),
            past.candles(chain_id, asked.tokens, since),
            past.levels(chain_id, since),
        )
        before = forecast.fit(history, asked.priors, MODELS, SEED)
    since, told = Timestamp(now - RECORD_WINDOW_S), journal.forecasts
    judged = (records(vault, told.resolved(chain_id, vault, since), SEED) for vault in asked.vaults)
    return replace(before, records=tuple(record for found in judged for record in found))


def switches(before: Beliefs | None, after: Beliefs, names: Sequence[tuple[Address, str]]) -> tuple[str, ...]:
    """What changed hands between two fits: models that lost or won the right to speak or to act, a sentence each."""
    if before is None:
        return ()
    return tuple(_switches(before, after, dict(names)))


def _switches(before: Beliefs, after: Beliefs, names: dict[Address, str]) -> Iterator[str]:
    held = {t.token: t for t in before.tokens}
    for token in after.tokens:
        old, name = held.get(token.token), names.get(token.token, token.token)
        if old is None:
            continue
        if old.trusted != token.trusted:
            yield f"{name}: touches {'trusted again' if token.trusted else 'no longer trusted'} ({token.note})".replace(
                " ()", ""
            )
        for horizon_s, champion in token.champions:
            was = dict(old.champions).get(horizon_s)
            if was is not None and was != champion:
                yield f"{name}: {champion} speaks of {horizon_s // 3_600} h in place of {was}"
    records_before = {(r.vault, r.model, r.horizon_s): r.trusted for r in before.records}
    for record in after.records:
        if records_before.get((record.vault, record.model, record.horizon_s), True) != record.trusted:
            yield f"{names.get(record.vault, record.vault)}: {record.note}"


def _wanted(now: Timestamp, scans: dict[str, Scan], budget_s: float, since: Timestamp | None = None) -> Wanted:
    """All rounds; hours since `since`, or those that have passed since they were last read, two days at most."""
    hours = scans.get(HOURS)
    recent = max(now - RECENT_S, hours.until if hours is not None else 0)
    return Wanted(Timestamp(now - PAST_S), Timestamp(recent) if since is None else since, scans, budget_s)


@dataclass(frozen=True, slots=True)
class Errand:
    """What to gather, and of whom."""

    urls: tuple[str, ...]
    chain_id: int
    timeout_s: float
    bound: Bound
    wanted: Wanted


class Student:
    """One study or errand at a time in a process of its own."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._answers: Connection | None = None

    @property
    def busy(self) -> bool:
        return self._process is not None

    def start(self, asked: Task | Errand, before: Beliefs | None) -> None:
        """Begins; nothing else may be under way."""
        context = multiprocessing.get_context("spawn")
        self._answers, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(theirs, asked, before), daemon=True)
        self._process.start()
        theirs.close()

    def take(self) -> Beliefs | Gathered | str | None:
        """What came of it, or why nothing did; None while it is under way."""
        if self._process is None or self._answers is None:
            return None
        alive = self._process.is_alive()  # before the pipe is looked at: what a dying process sent is there afterwards
        found: Beliefs | Gathered | str
        if self._answers.poll():
            try:
                found = self._answers.recv()
            except EOFError:
                found = "the forecasts were not studied: the process ended without an answer"
        elif alive:
            return None
        else:
            found = f"the forecasts were not studied: the process ended with code {self._process.exitcode}"
        self.stop()
        return found

    def stop(self) -> None:
        """Ends what is under way."""
        if self._process is not None:
            self._process.kill()
            self._process.join(5.0)
        if self._answers is not None:
            self._answers.close()
        self._process = self._answers = None


class Believer(Protocol):
    """As much of a keeper as studies need."""

    foresight: Foresight
    bound: Bound

    @property
    def journal(self) -> Journal: ...


class Studies:
    """When a keeper studies, and what it does with the result."""

    def __init__(self, config: Config) -> None:
        self.student = Student()
        self._config = config
        self._next = 0.0

    def task(
        self, snapshot: Snapshot, foresight: Foresight, refit: bool, vaults: tuple[Address, ...] | None = None
    ) -> Task:
        """The task at `snapshot`, without what a study does not need of it; about all its vaults unless told."""
        return Task(
            journal=self._config.journal_url,
            block=replace(snapshot, vaults=(), venues=(), markets=()),
            vaults=tuple(v.address for v in snapshot.vaults) if vaults is None else vaults,
            tokens=tuple(r.token for r in snapshot.rounds),
            priors=foresight.priors,
            refit=refit,
        )

    def turn(self, keeper: Believer, snapshot: Snapshot) -> tuple[str, ...]:
        """Takes what the student has found and sets it to work when that is due; what there is to say of it.

        First it reads what the node tells of the past and the journal does not hold, then it studies.
        """
        found, said = self.student.take(), tuple[str, ...]()
        if isinstance(found, str):
            said = (found,)
        elif isinstance(found, Gathered):
            found.keep(keeper.journal, snapshot.chain_id)
            said = (f"the past could not be read whole: {found.trouble}",) if found.trouble else ()
            asked = self.task(snapshot, keeper.foresight, self.due(keeper, snapshot))
            self.student.start(asked, keeper.foresight.fitted)
        elif found is not None:
            said = self.adopt(found, keeper, snapshot)
        elif not self.student.busy and time.monotonic() >= self._next:
            self._next = time.monotonic() + JUDGE_S
            chain, scans = self._config.chain, keeper.journal.past.scans(snapshot.chain_id)
            wanted = _wanted(snapshot.head.timestamp, scans, ASIDE_S)
            self.student.start(Errand(chain.urls, chain.id, chain.timeout_s, keeper.bound, wanted), None)
        return said

    def due(self, keeper: Believer, snapshot: Snapshot) -> bool:
        """Whether a new fit is."""
        fitted = keeper.foresight.fitted
        return fitted is None or snapshot.head.timestamp - fitted.fitted_at >= REFIT_S

    def fetch(self, keeper: Believer, node: Node, days: int) -> Iterator[str]:
        """Gathers `days` of the past, keeping it every FLUSH_S; yields what was found each time."""
        chain_id, since = node.chain_id, node.head().timestamp - days * SECONDS_PER_DAY
        while True:
            scans = keeper.journal.past.scans(chain_id)
            asked = _wanted(node.head().timestamp, scans, FLUSH_S, Timestamp(since))
            found = gather(node, keeper.bound, asked)
            found.keep(keeper.journal, chain_id)
            yield found.sentence()
            now = keeper.journal.past.scans(chain_id)
            hours = now.get(HOURS)
            if found.trouble or now == scans or hours is None or hours.since <= since or hours.note:
                return

    def adopt(self, found: Beliefs, keeper: Believer, snapshot: Snapshot) -> tuple[str, ...]:
        """Believes what was found, keeps a new fit or what it switched, and forgets what is too old to matter."""
        tokens, mandates, before = keeper.bound.tokens, keeper.bound.mandates, keeper.foresight.fitted
        names = [(t.address, t.symbol) for t in tokens] + [(m.vault, m.name) for m in mandates]
        said = switches(before, found, names)
        chain_id, now, forecasts = snapshot.chain_id, snapshot.head.timestamp, keeper.journal.forecasts
        if before is None or found.fitted_at != before.fitted_at or said:
            forecasts.add_beliefs(chain_id, found, Timestamp(int(time.time())), "; ".join(said))
        keeper.journal.past.prune(Timestamp(now - PAST_S))
        forecasts.forget(chain_id, Timestamp(now - 2 * max(m.horizon_s for m in mandates) - SECONDS_PER_DAY))
        keeper.foresight.adopt(found)
        return said


def _work(answers: Connection, asked: Task | Errand, before: Beliefs | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the keeper, which then ends this process
    os.nice(10)
    started = time.monotonic()
    try:
        if isinstance(asked, Errand):
            node = Node(asked.urls, asked.chain_id, asked.timeout_s)
            answers.send(gather(node, asked.bound, asked.wanted))
        else:
            with open_journal(asked.journal, CODEC, writer=False) as journal:
                answers.send(study(asked, journal, before))
    except Exception as error:  # noqa: BLE001 - told to the keeper, which goes on without
        answers.send(
            f"the forecasts were not studied: {type(error).__name__} after {time.monotonic() - started:.0f} s: {error}"
        )
