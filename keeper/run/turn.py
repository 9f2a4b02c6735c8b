"""Every vault at the latest block: decided, recorded, and acted upon where that is allowed.

From a head to a signature nothing is done that can wait. What does not act is recorded once the transaction of what
does is on its way; what acts is recorded before it is signed. Nothing is kept back beyond the end of the turn.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from keeper.errors import BadInput, Refusal, Unquotable
from keeper.model import (
    UNRESOLVED,
    Allowed,
    Approved,
    Cleared,
    Head,
    HealthGoal,
    LevelSeries,
    Mandate,
    Outcome,
    Reason,
    Refused,
    Snapshot,
    State,
)
from keeper.model import Round as Observed
from keeper.run import purse as purses
from keeper.run import record
from keeper.run.act import act
from keeper.run.report import Report
from keeper.run.round import Round
from keeper.run.snapshot import take
from keeper.run.tick import Stopwatch, Thought

if TYPE_CHECKING:
    from keeper.run.keeper import Keeper

OPEN = ("sent", "unknown")
"""Statuses of an outcome that the chain has not settled."""


class Turn:
    """One tick of a keeper; made for one, and run once."""

    def __init__(self, keeper: "Keeper", live: bool, allowed: Allowed) -> None:
        """Raises BadInput when live without a signer."""
        if live and keeper.signer is None:
            raise BadInput("a live run needs the keeper's key: name key.keystore in the configuration")
        self._keeper, self._live = keeper, live
        self._allowed: Allowed = allowed if live else "nothing"
        if self._allowed == "everything" and self._open():
            self._allowed = "rescues"
        self._reports: list[Report] = []
        self._waiting = [mandate.name for mandate in keeper.bound.mandates]
        self._unwritten: dict[int, Thought] = {}
        """By the number of the report."""
        self._past: list[tuple[int, Sequence[Observed], Sequence[LevelSeries]]] = []
        """What blocks added to it and is not recorded yet, with their chain's id."""
        self._numbered = False
        """Whether the journal knew the nonce of this key before the last head."""
        self._written: list[int] | None = None
        """The reports in the transaction that is under way."""

    def run(self) -> tuple[Report, ...]:
        """Raises as `Keeper.observe` and `run.act.act`."""
        try:
            with _without_collecting():
                self._run()
        finally:
            self._write()
        return tuple(self._reports)

    def _run(self) -> None:
        keeper = self._keeper
        snapshot: Snapshot | None = None
        states: dict[str, State] = {}
        while self._waiting:
            watch = Stopwatch()
            if snapshot is None:
                states = self._remembered()
                self._numbered = self._allowed != "nothing" and self._known()
                with watch.lap("read"):
                    snapshot = keeper.observe()
                with watch.lap("believe"):
                    self._past.append((snapshot.chain_id, *keeper.foresight.see(snapshot, keeper.journal)))
                self._waiting = self._ordered(snapshot)
            if self._live:
                keeper._require_fresh(snapshot)
            name = self._waiting.pop(0)
            outcome = self._vault(snapshot, name, states[name], watch)
            if outcome is not None:
                if outcome.status in OPEN:
                    self._waiting += self._looked_at_before() if self._allowed == "everything" else []
                    self._allowed = "rescues"
                snapshot = None

    def _vault(self, snapshot: Snapshot, name: str, state: State, watch: Stopwatch) -> Outcome | None:
        """One vault at one block. From an approved plan to its signature everything is asked in one round trip."""
        keeper, mandate = self._keeper, self._keeper.mandate(name)
        about = keeper.bound.about(mandate.vault)
        with Round(keeper.node, keeper._others, about, snapshot, keeper.config.key.address) as asked:
            with ExitStack() as recording:  # one transaction, from the values to the tick: a disk is waited for once

                def beside(thought: Thought) -> None:
                    if isinstance(thought.decision.verdict, Approved) and self._may(thought.decision.verdict):
                        asked.begin(self._numbered)
                    recording.enter_context(self._recording())
                    record.write_values(keeper.journal, thought)

                thought = keeper._think(snapshot, mandate, state, watch, beside)
                if self._allowed != "nothing":
                    thought = self._affordable(thought, asked)
                cleared, number = thought.cleared, len(self._reports)
                self._unwritten[number] = thought
                self._reports.append(report_of(thought, watch))
                if not isinstance(cleared, Cleared) or not self._may(cleared.approved):
                    return None
                self._write(number)
            with watch.lap("act"):
                alarm = self._alarm(snapshot.head)
                outcome, differences = act(keeper._acting(), snapshot, mandate, cleared, asked, alarm, self._write)
        done = self._reports[number]
        self._reports[number] = replace(done, outcome=outcome, differences=differences, timings=watch.timings)
        return outcome

    def _remembered(self) -> dict[str, State]:
        """By name, the state of each vault that waits: asked for before a head is, which it would make older."""
        keeper = self._keeper
        return keeper._states(keeper.journal, [keeper.mandate(name) for name in self._waiting])

    def _write(self, only: int | None = None) -> None:
        """Records what is not recorded yet, or one of them; all at once or nothing."""
        keeper, numbers = self._keeper, [n for n in self._unwritten if only in (None, n)]
        if not numbers and not self._past:
            return
        with self._recording() as written:
            for number in numbers:
                tick_id = keeper._write(self._unwritten[number], self._reports[number].timings)
                self._reports[number] = replace(self._reports[number], tick_id=tick_id)
            written += numbers

    @contextmanager
    def _recording(self) -> Iterator[list[int]]:
        """One transaction, with what the blocks added to the past before it, or a part of the one that is under way.

        Of the reports whose numbers are put into the list nothing is left to be written once it is on disk.
        """
        if self._written is not None:
            yield self._written
            return
        journal, self._written = self._keeper.journal, []
        try:
            with journal.together():
                for chain_id, rounds, levels in self._past:
                    record.write_past(journal, chain_id, rounds, levels)
                yield self._written
            self._past.clear()
            for number in self._written:
                del self._unwritten[number]
        finally:
            self._written = None

    def _may(self, approved: Approved) -> bool:
        return self._allowed == "everything" or (self._allowed == "rescues" and approved.plan.urgent)

    def _affordable(self, thought: Thought, asked: Round) -> Thought:
        """K-39: the same, refused when it is housekeeping and the account must keep what it has for rescues."""
        keeper = self._keeper
        if not isinstance(thought.cleared, Cleared) or thought.cleared.approved.plan.urgent:
            return thought
        if not purses.needed(keeper.bound.mandates):
            return thought
        purse = purses.counted(keeper.config.key.address, asked.account.balance(), keeper.config.lanes.urgent)
        if purse.rescues >= purses.RESERVED:
            return thought
        reason = Reason("K-39", f"{thought.mandate.name}: {purse.warning}")
        return replace(thought, cleared=Refused((reason,), thought.cleared.approved.plan))

    def _open(self) -> bool:
        """Whether an intent of this key is unresolved."""
        keeper = self._keeper
        mine = keeper.journal.intents.unsettled(keeper.node.chain_id, keeper.config.key.address)
        return any(intent.state in UNRESOLVED for intent in mine)

    def _known(self) -> bool:
        """Whether the journal knows the nonce of this key."""
        keeper = self._keeper
        return keeper.journal.intents.next_nonce(keeper.node.chain_id, keeper.config.key.address) is not None

    def _alarm(self, seen: Head) -> Callable[[], bool]:
        """Says of each head after `seen` whether a vault needs a rescue there. Raises Retry when it cannot be read."""
        keeper = self._keeper

        def needed() -> bool:
            nonlocal seen
            head = keeper.node.head()
            if head.hash == seen.hash:
                return False
            seen = head
            snapshot = take(keeper.node, keeper.bound, head, keeper._last)
            return any(vault.urgent(snapshot) for vault in snapshot.vaults)

        return needed

    def _ordered(self, snapshot: Snapshot) -> list[str]:
        """Rescues first, then vaults with a health factor; of vaults alike who is furthest off its mandate."""

        def rank(name: str) -> tuple[bool, bool, float]:
            mandate = self._keeper.mandate(name)
            vault = snapshot.vault(mandate.vault)
            return not vault.urgent(snapshot), not isinstance(mandate.goal, HealthGoal), -_distance(snapshot, mandate)

        return sorted(self._waiting, key=rank)

    def _looked_at_before(self) -> list[str]:
        """Levered vaults to look at once more, since what this turn waited for has become late: none acted in it."""
        acted = {one.name for one in self._reports if one.outcome is not None}
        levered = (m.name for m in self._keeper.bound.mandates if isinstance(m.goal, HealthGoal))
        return [name for name in levered if name not in acted and name not in self._waiting]


def _distance(snapshot: Snapshot, mandate: Mandate) -> float:
    """How far a vault is off its mandate, in bands; 0.0 where that cannot be said, which its decision will tell.

    Such as of a vault of another kind than its mandate is for.
    """
    try:
        return snapshot.vault(mandate.vault).drift(snapshot, mandate).distance
    except (Refusal, Unquotable, ArithmeticError, LookupError, TypeError, ValueError):
        return 0.0


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Python's cyclic collector waits: a tenth of a second of it is longer than a plan and its signature take."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def report_of(thought: Thought, watch: Stopwatch) -> Report:
    """Of a decision that was not recorded, nor acted upon."""
    return Report(
        tick_id=None,
        name=thought.mandate.name,
        mandate=thought.mandate,
        snapshot=thought.history.snapshot,
        decision=thought.decision,
        cleared=thought.cleared,
        outcome=None,
        differences=(),
        timings=watch.timings,
    )
