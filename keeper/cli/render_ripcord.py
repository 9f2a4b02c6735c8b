"""A pull of the ripcord in, the page that says what it would do, or did, and what it pays out."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keeper.cli import words
from keeper.cli.render_report import LABEL, leg_table, reason_table
from keeper.model import Rescue
from keeper.run import PullReport
from keeper.units import BPS, WAD


def page(one: PullReport) -> RenderableType:
    vault = one.snapshot.vault(one.mandate.vault)
    rows = Table.grid(padding=(0, 2), pad_edge=False)
    rows.add_column(width=LABEL, style="dim")
    rows.add_column()
    for label, content in _rows(one):
        rows.add_row(label, content)
    word, style = _word(one)
    head = Text.assemble(
        (one.name, "bold"),
        (f"  ripcord of {words.short(vault.address)} · block {one.snapshot.head.number} · ", "dim"),
        (word, style),
    )
    return Group(head, words.inset(rows))


def _word(one: PullReport) -> tuple[str, str]:
    if one.reasons:
        return "refused", "bold red"
    return ("can be pulled", "bold yellow") if one.tx_hash is None else ("pulled", "bold green")


def _rows(one: PullReport) -> Iterator[tuple[str, RenderableType]]:
    vault = one.snapshot.vault(one.mandate.vault)
    base = vault.tokens[0]
    if one.reasons:
        yield "refused", reason_table(one.reasons)
    if vault.rescue is not None:
        yield "allowed", Text(_allowed(vault.rescue))
    if one.pull is None:
        return
    prediction = one.pull.pulled.prediction
    yield "legs", leg_table(one.pull.plan, prediction, vault.address, one.snapshot)
    repaid = words.amount(prediction.repaid_raw, base)
    lost = prediction.nav_before - prediction.nav_after - one.pull.pulled.reward_raw
    yield (
        "after",
        Text(
            f"{repaid} of debt repaid, {lost / max(1, prediction.repaid_raw) * BPS:.1f} "
            f"bps of that lost; health factor {(prediction.health_factor or 0) / WAD:.4f}"
        ),
    )
    yield "reward", Text(f"{words.amount(one.pull.pulled.reward_raw, base)} for whoever pulls it")
    if one.gas is not None:
        yield "rehearsal", Text(f"{one.gas:,} gas" + ("" if one.reasons else "; agrees to the wei"))
    if one.tx_hash is not None:
        yield "outcome", Text(f"transaction {one.tx_hash}")
        said = "; ".join(one.differences) or "as predicted, to the wei"
        yield "", Text(said, style="red" if one.differences else "")


def _allowed(rescue: Rescue) -> str:
    return (
        f"by anyone below a health factor of {rescue.ripcord / WAD:.3f}, {rescue.chunk / BPS:.0%} of the debt at a "
        f"time, for {rescue.reward} bps of what is repaid"
    )
