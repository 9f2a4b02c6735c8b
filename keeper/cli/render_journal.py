"""Recorded ticks in, a table of them, one in full, or a replay's comparison out."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keeper.cli import words
from keeper.cli.render_report import report, timings
from keeper.journal import Tick
from keeper.model import Approved, Decision, Hold, Outcome, Verdict
from keeper.run import Replay, Report
from keeper.units import Address

STYLES = {"act": "green", "hold": "blue", "refused": "red"}


def many(ticks: Sequence[Tick], outcomes: Mapping[int, Outcome | None], named: Mapping[Address, str]) -> RenderableType:
    """Newest first; a reason is shown on one line, `keeper journal TICK` shows it whole."""
    if not ticks:
        return Text("no ticks are recorded yet; `keeper run --once` records one for each vault", style="dim")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=True)
    for name in ("tick", "block"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("block time", "vault", "verdict"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", no_wrap=True, overflow="ellipsis", ratio=1)
    for tick in ticks:
        done = outcomes.get(tick.id or 0)
        word = tick.verdict if done is None else done.status
        table.add_row(
            str(tick.id),
            str(tick.block),
            words.clock(tick.timestamp)[5:19],
            named.get(tick.vault, words.short(tick.vault)),
            Text(word, style=STYLES.get(tick.verdict, "")),
            _brief(tick.reason, named.get(tick.vault, "")),
        )
    return table


def _brief(reason: str, name: str) -> str:
    return reason.replace(f"{name}: ", "") if name else reason


def one(tick: Tick, told: Report) -> RenderableType:
    title = Text(
        f"tick {tick.id} · {words.clock(tick.timestamp)} · recorded {words.clock(tick.recorded_at)}", style="dim"
    )
    return Group(title, report(told), timings(told))


def replayed(done: Replay) -> RenderableType:
    """The comparison; where the two differ, both."""
    verdict = _verdict(done.again.verdict)
    if done.same:
        return Text.assemble(
            (f"tick {done.tick_id}: ", "bold"), ("the same again, bit for bit", "green"), f": {verdict}"
        )
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in (f"tick {done.tick_id} differs", "recorded", "again"):
        table.add_column(name)
    for name, recorded, again in _differences(done.recorded, done.again):
        table.add_row(Text(name, style="red"), recorded, again)
    return table


def _differences(recorded: Decision, again: Decision) -> Iterator[tuple[str, str, str]]:
    for name in Decision.__slots__:
        ours, theirs = getattr(recorded, name), getattr(again, name)
        if ours != theirs:
            shown = (_verdict(ours), _verdict(theirs)) if name == "verdict" else (str(ours)[:200], str(theirs)[:200])
            yield name, *shown


def _verdict(verdict: Verdict) -> str:
    if isinstance(verdict, Hold):
        return f"hold, {verdict.plan.reason}"
    if isinstance(verdict, Approved):
        return f"act, {verdict.plan.reason}, legs: {len(verdict.plan.legs)}, intent {verdict.order.intent_id}"
    return "refused, " + "; ".join(f"{r.id} {r.sentence}" for r in verdict.reasons)
