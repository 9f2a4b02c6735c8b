"""The demo's moments in, lines and tables for a terminal out."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keeper.cli import render_report, words
from keeper.model import Approved
from keeper.run import Report
from keeper.world.demo import Moment
from keeper.world.demo.duel import Side
from keeper.world.demo.ledger import Entry

SHOWN_STATES = 12
"""Rows of the table of states; the picture shows every one."""


def moment(one: Moment) -> RenderableType:
    """Each vault's decision in a line, and under an action what it costs in parts."""
    lines: list[Text] = []
    for report in one.reports:
        lines.append(render_report.heartbeat(report))
        if isinstance(report.decision.verdict, Approved) and report.outcome is not None:
            lines.append(_parts(report, report.decision.verdict))
    return Group(*lines)


def _parts(report: Report, verdict: Approved) -> Text:
    plan = verdict.plan
    base = report.snapshot.vault(verdict.vault).tokens[0]
    shown = " · ".join(
        f"{name} {words.amount(value, base)}"
        for name, value in (
            ("fees", plan.cost.fees),
            ("impact", plan.cost.impact + plan.cost.basis),
            ("gas", plan.cost.gas),
            ("waiting instead", plan.waiting.total),
        )
    )
    agreed = "mined exactly as predicted" if not report.differences else "; ".join(report.differences)
    return Text(f"{'':19}{len(plan.legs)} legs · {shown} · {agreed}", style="dim")


def states(moments: Sequence[Moment]) -> Table:
    """Prices, weights and the health factor over time."""
    table = Table(title="The vaults over time", title_justify="left", box=None, header_style="dim", padding=(0, 2))
    first = {r.name: r for r in moments[0].reports}
    columns = [
        (f"{q.name}" if r.mandate.kind != "basket" else f"{q.name} weight", r.name, q.name)
        for r in first.values()
        if r.decision.drift
        for q in r.decision.drift.quantities[: 1 if r.mandate.kind == "range" else None]
    ]
    table.add_column("time")
    for token in moments[0].usd:
        table.add_column(f"{token}/USD", justify="right")
    for title, _, _ in columns:
        table.add_column(title, justify="right")
    every = max(1, len(moments) // SHOWN_STATES)
    for one in (*moments[::every], *(moments[-1:] if (len(moments) - 1) % every else ())):
        by_name = {r.name: r for r in one.reports}
        cells = [_cell(by_name[name], quantity) for _, name, quantity in columns]
        table.add_row(words.clock(one.timestamp)[11:16], *(f"{v:,.0f}" for v in one.usd.values()), *cells)
    return table


def _cell(report: Report, name: str) -> Text:
    drift = report.decision.drift
    if drift is None:
        return Text("?")
    quantity = next(q for q in drift.quantities if q.name == name)
    return Text(words.level(quantity), style="" if words.inside(quantity) else "bold red")


def ledger(entries: Sequence[Entry]) -> Table:
    """Every action: what it found and left, and its cost in bps of net asset value, predicted against realised."""
    table = Table(
        title="The keeper's actions; costs in bps of net asset value, as predicted and as mined",
        title_justify="left",
        box=None,
        header_style="dim",
        padding=(0, 1),
        pad_edge=False,
    )
    table.add_column("time", no_wrap=True)
    for title in ("vault", "found", "left"):
        table.add_column(title, no_wrap=True)
    for title in ("fees", "impact", "loss", "mined", "gas", "mined", "exact"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in entries:
        found, left = words.level(one.quantity), words.level(one.quantity, one.after)
        table.add_row(
            words.clock(one.timestamp)[11:16],
            one.name,
            f"{one.quantity.name.replace('health factor', 'HF')} {found}",
            left,
            f"{one.predicted_fees:.2f}",
            f"{one.predicted_impact:.2f}",
            f"{one.predicted_loss:.2f}",
            f"{one.realised_loss:.2f}",
            f"{one.predicted_gas:.2f}",
            f"{one.realised_gas:.2f}",
            Text("yes", style="green") if one.exact else Text("no", style="bold red"),
        )
    table.add_section()
    sums = [sum(getattr(e, name) for e in entries) for name in _SUMMED]
    table.add_row("sum", "", "", "", *(f"{s:.2f}" for s in sums), "")
    return table


def duel(sides: Sequence[Side]) -> Table:
    """What each keeper did in the same storm, why first, what it paid and how low it let the health factor fall."""
    table = Table(
        title="The same storm, the same vault, two keepers",
        title_justify="left",
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    table.add_column("keeper", no_wrap=True)
    table.add_column("first acted at", no_wrap=True)
    for title in ("actions", "paid, bps", "lowest HF", "hours under its band"):
        table.add_column(title, justify="right")
    for side in sides:
        first = "never"
        if side.first is not None:
            chance, health = side.first
            broken = health < _band(side)
            first = f"HF {health:.3f}, " + ("its band broken" if broken else f"{100 * chance:.0f} % likely to break")
        table.add_row(
            side.name,
            first,
            str(len(side.actions)),
            f"{side.paid:.2f}",
            Text(f"{min(side.values):.3f}", style="bold red" if min(side.values) < _band(side) else "green"),
            str(side.outside),
        )
    return table


def _band(side: Side) -> float:
    drift = side.moments[0].reports[0].decision.drift
    return drift.quantities[0].low if drift is not None else 0.0


_SUMMED = ("predicted_fees", "predicted_impact", "predicted_loss", "realised_loss", "predicted_gas", "realised_gas")
