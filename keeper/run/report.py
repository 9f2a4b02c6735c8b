"""What the keeper hands to whoever asked: a tick's report, a dry run, a replay."""

from dataclasses import dataclass

from keeper.journal import Believed, Counts
from keeper.model import Beliefs, Cleared, Decision, Drift, Forecast, Mandate, Outcome, Refused, Snapshot


@dataclass(frozen=True, slots=True)
class Report:
    """One vault at one block. `tick_id` is None when nothing was recorded; `cleared` when nothing was rehearsed.

    `differences` are where the chain did something else than predicted; `timings` are (stage, seconds).
    """

    tick_id: int | None
    name: str
    mandate: Mandate
    snapshot: Snapshot
    decision: Decision
    cleared: Cleared | Refused | None
    outcome: Outcome | None
    differences: tuple[str, ...]
    timings: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class DryRun:
    """A plan executed on a throw-away fork: the vault before and after, or why the fork's chain reverted.

    Without a plan to execute, `after`, `nav_after` and `gas` are None and `revert` is empty.
    """

    report: Report
    before: Drift | None
    after: Drift | None
    nav_before: int
    nav_after: int | None
    gas: int | None
    revert: str


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is forecast for one vault, what it was made of, and the record behind it.

    `beliefs` are of its tokens, with all scores, and its own live records. Without drift or forecast, `why` says what
    stands in the way.
    """

    mandate: Mandate
    snapshot: Snapshot
    drift: Drift | None
    forecast: Forecast | None
    why: str
    beliefs: Beliefs
    counts: Counts | None
    """None where there is no journal yet."""
    fit: Believed | None
    """The journal's entry of the last fit; None before there is one."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A recorded decision and the one the same arguments lead to now."""

    tick_id: int
    recorded: Decision
    again: Decision

    @property
    def same(self) -> bool:
        return self.recorded == self.again
