"""A dry run in, the plan and the vault before and after it out."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keeper.cli import words
from keeper.cli.render_report import report
from keeper.model import Drift
from keeper.run import DryRun
from keeper.units import BPS


def dry_run(done: DryRun) -> RenderableType:
    page = report(done.report)
    if done.revert:
        return Group(page, words.inset(Text(f"the fork reverted: {done.revert}", style="bold red")))
    if done.after is None or done.nav_after is None or done.before is None:
        return Group(page, words.inset(Text("nothing to execute", style="dim")))
    return Group(page, words.inset(_compared(done, done.before, done.after, done.nav_after)))


def _compared(done: DryRun, before: Drift, after: Drift, nav_after: int) -> RenderableType:
    base = done.report.snapshot.vault(done.report.mandate.vault).tokens[0]
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", title_justify="left")
    table.add_column("on a fork", no_wrap=True)
    for when in ("before", "after"):
        table.add_column(when, justify="right", overflow="fold")
        table.add_column("", min_width=words.BAR, no_wrap=True)
    for old, new in zip(before.quantities, after.quantities, strict=True):
        table.add_row(old.name, words.level(old), words.bar(old), words.level(new), words.bar(new))
    change = (nav_after - done.nav_before) / done.nav_before * BPS if done.nav_before else 0.0
    table.add_row(
        "net asset value",
        words.amount(done.nav_before, base),
        "",
        words.amount(nav_after, base),
        Text(f"{change:+.2f} bps", style="dim"),
    )
    table.add_row("gas used", "", "", f"{done.gas or 0:,}", "")
    return table
