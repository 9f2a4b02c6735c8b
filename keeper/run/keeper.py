"""The keeper itself: configuration, node, journal and perhaps a signer in; observations, decisions and actions out."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType

from keeper import shock
from keeper.beside import with_single_pool
from keeper.chain.node import Node
from keeper.chain.signer import Signer
from keeper.config import Config
from keeper.errors import BadInput, Halt, Retry
from keeper.guard import describe
from keeper.journal import Journal, open_journal
from keeper.model import (
    Allowed,
    Beliefs,
    Head,
    History,
    Mandate,
    Outcome,
    Refused,
    Snapshot,
    State,
)
from keeper.paying import told_where
from keeper.run import purse as purses
from keeper.run import record, study
from keeper.run.act import Acting, settle
from keeper.run.bind import Bound, bind
from keeper.run.dry import dry_run
from keeper.run.foresight import Foresight
from keeper.run.holdings import Holding, holdings
from keeper.run.pull import PullReport, plan_pull, send_pull
from keeper.run.purse import Purse
from keeper.run.report import DryRun, Foreseen, Replay, Report
from keeper.run.snapshot import outdated, take
from keeper.run.study import Studies
from keeper.run.tick import Stopwatch, Thought, decided, think
from keeper.run.turn import Turn, report_of
from keeper.run.watch import Watch
from keeper.units import Address
from keeper.vaults.reverts import explain

MAX_CLOCK_SKEW_S = 15
DEEPEST_REORG = 64
"""Blocks: two epochs, after which Ethereum finalizes."""


class Keeper:
    """A bound keeper, as a context manager. Without a signer it can look, plan and rehearse, and sign nothing."""

    def __init__(self, config: Config, node: Node, bound: Bound, signer: Signer | None) -> None:
        self.config, self.node, self.bound, self.signer = config, node, bound, signer
        self._journal: Journal | None = None
        self._reader: Journal | None = None
        self._last: Snapshot | None = None
        self._others: Sequence[Node] = ()
        """Every provider but the one that gave the last snapshot."""
        self.foresight = Foresight(bound.mandates)
        self._history: History | None = None
        self._watch = Watch()
        self._studies = Studies(config)
        self._said: list[str] = []

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._studies.student.stop()
        for journal in (self._journal, self._reader):
            if journal is not None:
                journal.close()
        self._journal = self._reader = None
        self.node.close()

    @property
    def journal(self) -> Journal:
        """The journal, opened for writing; nobody else may write it meanwhile. Raises BadInput or Halt."""
        if self._journal is None:
            self._journal = open_journal(self.config.journal_url, record.CODEC)
        return self._journal

    @property
    def memory(self) -> Journal | None:
        """The journal for reading, next to a keeper that may be writing it; None when there is none yet."""
        if self._journal is None and self._reader is None:
            try:
                self._reader = open_journal(self.config.journal_url, record.CODEC, writer=False)
            except BadInput:
                return None
        return self._journal or self._reader

    def observe(self) -> Snapshot:
        """The latest block, in two round trips: its head, then everything in it.

        Binds anew, once, when a vault's configuration moved on, or when what was bound no longer fits the chain.
        """
        head = self._next_head()
        try:
            snapshot = take(self.node, self.bound, head, self._last)
            fits = not outdated(self.bound, self._last, snapshot)
        except Retry:
            fits = False
        if not fits:
            self.bound = bind(self.node, self.config)
            snapshot = take(self.node, self.bound, self.node.head(), self._last)
        self._last, self._others = snapshot, self.node.others()
        return snapshot

    def mandate(self, name: str) -> Mandate:
        """The mandate of the vault called `name`. Raises BadInput."""
        self.config.named(name)
        return next(m for m in self.bound.mandates if m.name == name)

    def state(self, name: str) -> State:
        """What is remembered of the vault called `name`: a deferral, a schedule under way. Raises BadInput."""
        return self._states(self.memory, (self.mandate(name),))[name]

    def decide(self, name: str, snapshot: Snapshot | None = None) -> Report:
        """Look, decide and rehearse for one vault; signs and records nothing.

        The plan is weighed against the best single pool besides, and of one that waits outside its band it is said from
        where on acting pays: a tick has no time for either.
        """
        mandate, memory, watch = self.mandate(name), self.memory, Stopwatch()
        if snapshot is None:
            with watch.lap("read"):
                snapshot = self.observe()
        self.foresight.see(snapshot, memory)
        thought = self._think(snapshot, mandate, self._states(memory, (mandate,))[name], watch)
        shown = with_single_pool(snapshot, mandate, thought.decision)
        shown = told_where(snapshot, thought.state, thought.beliefs, mandate, thought.seed, shown)
        return report_of(replace(thought, decision=shown), watch)

    def tick(self, live: bool = False, allowed: Allowed = "everything") -> tuple[Report, ...]:
        """Every vault at the latest block, recorded. `live` signs, sends and follows what was cleared and is `allowed`.

        Rescues come first, then vaults with a health factor; of those alike who is furthest off its mandate. After an
        action, which moved the pools, the rest is looked at anew; while one is still open, nothing but a rescue is
        signed. Raises BadInput when live without a signer.
        """
        reports = Turn(self, live, allowed).run()
        if self._last is not None:
            self._watch.settle(self.journal, self._last)
        return reports

    def shock(self, name: str, snapshot: Snapshot | None = None) -> tuple[shock.Struck, ...]:
        """What each shock would do to one vault now, and what the keeper would do there; signs and records nothing."""
        mandate, memory, seen = self.mandate(name), self.memory, snapshot or self.observe()
        self.foresight.see(seen, memory)
        thought = self._think(seen, mandate, self._states(memory, (mandate,))[name], Stopwatch())
        return shock.under(seen, thought.state, thought.beliefs, mandate, thought.seed)

    def study(self, refit: bool = True) -> Beliefs:
        """Fits the models anew, or judges the live records alone, on what the journal holds; believed from now on."""
        snapshot = self.observe()
        record.write_past(self.journal, snapshot.chain_id, *self.foresight.see(snapshot, self.journal))
        asked = self._studies.task(snapshot, self.foresight, refit)
        self._said += self._studies.adopt(study.study(asked, self.journal, self.foresight.fitted), self, snapshot)
        return self.foresight.now

    def study_when_due(self) -> None:
        """After a tick: fits anew where the last fit is a day old, or missing; for whoever runs once at a time."""
        if self._last is not None and self._studies.due(self, self._last):
            self.study()

    def foresee(self, name: str, snapshot: Snapshot) -> Foreseen:
        """What is forecast for one vault at a block, with the records as they stand; rehearses and records nothing."""
        mandate, memory = self.mandate(name), self.memory
        self.foresight.see(snapshot, memory)
        vault = snapshot.vault(mandate.vault)
        beliefs = self.foresight.about(vault)
        if memory is not None:
            asked = self._studies.task(snapshot, self.foresight, refit=False, vaults=(vault.address,))
            beliefs = study.study(asked, memory, beliefs)
        state = self._states(memory, (mandate,))[name]
        made = decided(History(snapshot, ()), state, beliefs, mandate, 0)
        fits = memory.forecasts.latest_beliefs(snapshot.chain_id) if memory is not None else ()
        refused = made.verdict.reasons if isinstance(made.verdict, Refused) else ()
        return Foreseen(
            mandate=mandate,
            snapshot=snapshot,
            drift=made.drift,
            forecast=made.forecast,
            why="" if made.forecast is not None else describe(refused),
            beliefs=beliefs,
            counts=memory.forecasts.counts(snapshot.chain_id, vault.address) if memory is not None else None,
            fit=fits[0] if fits else None,
        )

    def holdings(self) -> tuple[Holding, ...]:
        """What the journal holds of the past; nothing where there is none."""
        memory, now = self.memory, self.node.head().timestamp
        return () if memory is None else holdings(memory, self.node.chain_id, self.bound.tokens, now)

    def fetch(self, days: int) -> Iterator[str]:
        """Reads the past from the node into the journal, a part at a time, the newest first; says what each held."""
        return self._studies.fetch(self, self.node, days)

    def study_aside(self) -> None:
        """Takes what a study in a process of its own has found, and begins one when it is due; never waits."""
        if self._last is not None:
            self._said += self._studies.turn(self, self._last)

    def notices(self) -> tuple[str, ...]:
        """What happened since the last time this was asked and is of no one tick, a sentence each."""
        said, self._said = tuple(self._said), []
        return said

    def dry_run(self, name: str) -> DryRun:
        """Decide for one vault and execute the plan on a throw-away fork of the configured node."""
        report = self.decide(name)
        return dry_run(self.node, self.bound, report)

    def ripcord(self, name: str, puller: Address) -> PullReport:
        """Plan and rehearse a pull of a levered vault's ripcord by `puller`, whoever that is. Signs nothing."""
        return plan_pull(self.node, self.bound, self.observe(), self.mandate(name), puller)

    def pull_ripcord(self, report: PullReport, puller: Signer) -> PullReport:
        """Send it with any funded key but the keeper's own, and compare. Raises as `run.pull.send_pull`."""
        self._require_fresh(report.snapshot)
        return send_pull(self.node, self.bound, puller, report)

    def replay(self, tick_id: int) -> Replay:
        """Make a recorded decision again from its recorded arguments. Raises BadInput when there is no such tick."""
        memory = self.memory
        if memory is None:
            raise BadInput(f"there is no journal yet to replay tick {tick_id} from; `keeper run` writes one")
        return record.replay(memory, tick_id)

    def reconcile(self, allowed: Allowed = "everything") -> tuple[Outcome, ...]:
        """Learn what became of every intent that is not final, before anything new is planned.

        What is open and not `allowed` any more is cancelled instead of sent again. Raises BadInput without a signer,
        which sending again, bidding up and cancelling may need.
        """
        self._next_head()
        return settle(self._acting(), self.config.lanes, allowed)

    def purse(self) -> Purse | None:
        """How many rescues the keeper's account can pay; None when no vault could need one."""
        needed = purses.needed(self.bound.mandates)
        return purses.look(self.node, self.config.key.address, self.config.lanes.urgent) if needed else None

    def _next_head(self) -> Head:
        """The latest block. K-25: one far below what was seen before is another chain, or finality undone: Halt.

        What was seen is looked up first: a head gets older from the moment it is known.
        """
        memory = self.memory
        last = memory.ticks.latest(1, chain_id=self.node.chain_id) if memory is not None else ()
        seen = max([tick.block for tick in last] + ([self._last.head.number] if self._last else []), default=0)
        head = self.node.head()
        if head.number < seen - DEEPEST_REORG:
            raise Halt(
                f"the head of {self.node.name} is block {head.number}, block {seen} has been seen before: the "
                "chain went back, or the journal is of another chain; look, and move the journal away if so"
            )
        return head

    def _require_fresh(self, snapshot: Snapshot) -> None:
        """K-9, K-28: a head that is old, or from the future, is no ground to sign on."""
        most, age = self.config.chain.max_head_age_s, int(time.time()) - snapshot.head.timestamp
        if most and not -MAX_CLOCK_SKEW_S <= age <= most:
            raise Retry(
                f"the head of {self.node.name} is {age} s old, expected -{MAX_CLOCK_SKEW_S} to {most} s: nothing was "
                "signed; the node has stopped or a clock is off (max_head_age_s = 0 where a chain is its own clock)"
            )

    def _acting(self) -> Acting:
        if self.signer is None:
            raise BadInput("this needs the keeper's key: name key.keystore in the configuration")
        if self.signer.address != self.config.key.address:
            raise BadInput(
                f"the key opened is that of {self.signer.address}, key.address says {self.config.key.address}: "
                "correct one of the two"
            )
        return Acting(self.node, self.journal, self.bound, self.signer)

    def _states(self, memory: Journal | None, mandates: Sequence[Mandate]) -> dict[str, State]:
        """By name, what is remembered of each one's vault."""
        vaults = [mandate.vault for mandate in mandates]
        found = record.states(memory, self.node.chain_id, vaults, self.bound.keeper)
        return {mandate.name: found[mandate.vault] for mandate in mandates}

    def _think(
        self,
        snapshot: Snapshot,
        mandate: Mandate,
        state: State,
        watch: Stopwatch,
        beside: Callable[[Thought], None] = lambda thought: None,
    ) -> Thought:
        """Of a block that has been seen by `foresight`."""
        seed = random.Random(snapshot.head.hash).getrandbits(63)
        beliefs = self.foresight.beliefs(snapshot.vault(mandate.vault))
        return think(self.node, self.bound, self._history_of(snapshot), state, beliefs, mandate, seed, watch, beside)

    def _history_of(self, snapshot: Snapshot) -> History:
        """One a block, so that the journal stores it once."""
        if self._history is None or self._history.snapshot is not snapshot:
            self._history = History(snapshot, ())
        return self._history

    def _write(self, thought: Thought, timings: tuple[tuple[str, float], ...]) -> int:
        """Records the tick and what is to become of its forecast; its id."""
        tick_id = record.write(self.journal, thought, timings)
        if said := self._watch.note(self.journal, thought.history.snapshot, thought.mandate, thought.decision):
            self._said.append(said)
        return tick_id


def open_keeper(config: Config, signer: Signer | None = None) -> Keeper:
    """Reach the node, check its chain id and discover the vaults.

    Raises BadInput when the configuration and the chain do not fit, Retry when the node does not answer.
    """
    node = Node(config.chain.urls, config.chain.id, config.chain.timeout_s, explain, config.chain.quorum)
    try:
        node.check_chain_id()
        return Keeper(config, node, bind(node, config), signer)
    except BaseException:
        node.close()
        raise
