"""The doctor's findings in, a table out."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keeper.doctor import Check

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}


def checks(found: Sequence[Check]) -> RenderableType:
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for one in found:
        mark, style = MARKS[one.status]
        table.add_row(Text(mark, style=style), one.name, Text(one.sentence, style="" if one.status == "ok" else style))
    failed, warned = (sum(one.status == status for one in found) for status in ("fail", "warn"))
    if failed:
        return Group(table, Text(f"\n{_count(failed, 'fault')} to mend before the keeper may act", style="bold red"))
    closing = f" with {_count(warned, 'warning')}" if warned else ""
    return Group(table, Text(f"\nall is well{closing}", style="bold green"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
