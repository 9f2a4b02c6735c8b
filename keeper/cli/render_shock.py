"""Shocks and what each would do to a vault in, a table a person reads out."""

import math
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from keeper.cli import words
from keeper.model import Approved, Drift, Refused, Token, Vault
from keeper.shock import Struck

LEAST = 0.005
"""Of the base asset: less of an expected loss is not shown."""


def table(name: str, vault: Vault, struck: Sequence[Struck]) -> Table:
    """One row a shock: the worst quantity before and in it, what the keeper would do, if in time, and what is lost."""
    base = vault.tokens[0]
    indebted = any(one.in_time is not None for one in struck)
    page = Table(
        title=f"{name}  {vault.kind} {words.short(vault.address)}",
        title_justify="left",
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    page.add_column("if", no_wrap=True)
    page.add_column("then", no_wrap=True)
    page.add_column("the keeper", overflow="fold")
    if indebted:
        page.add_column("in time", justify="right", no_wrap=True)
        page.add_column(f"liquidated, {base.symbol}", justify="right")
    for one in struck:
        cells: list[str | Text] = [one.shock.words, _then(one), _answer(one, vault)]
        if indebted:
            cells += [_in_time(one), _losses(one, base)]
        page.add_row(*cells)
    return page


def _then(one: Struck) -> Text:
    """The quantity that is worst off in the shock, before and after."""
    if one.hit is None:
        return Text("?")
    worst = next(q for q in one.hit.quantities if q.name == one.hit.name)
    was = next((q for q in one.before.quantities if q.name == worst.name), worst)
    return Text.assemble(
        f"{worst.name.replace(words.HEALTH, 'HF')} {words.level(was)} → ",
        (words.level(worst), "" if words.inside(worst) else "bold red"),
    )


def _answer(one: Struck, vault: Vault) -> Text:
    verdict = one.decision.verdict
    if isinstance(verdict, Approved) and one.left is not None and one.hit is not None:
        left = _named(one.left, one.hit.name)
        again = "" if one.actions <= 1 else f", the first of about {one.actions}, {one.apart_s} s apart"
        return Text.assemble((verdict.plan.reason.removeprefix(f"{words.HEALTH} "), "green"), f"; leaves {left}{again}")
    if isinstance(verdict, Refused):
        ids = ", ".join(r.id for r in verdict.reasons)
        return Text.assemble(("refused", "red"), f" by {ids}: {_plainly(verdict.reasons[0].sentence)}")
    calm = one.hit is None or one.hit.distance <= 1.0
    return Text("nothing to do" if calm else "waits: a trade would cost more", style="dim")


def _plainly(sentence: str) -> str:
    """A guard's sentence without the vault's name before it and the numbers after it."""
    parts = sentence.split(": ")
    return parts[1] if len(parts) > 1 else sentence


def _named(drift: Drift, name: str) -> str:
    one = next((q for q in drift.quantities if q.name == name), drift.quantities[0])
    return words.level(one)


def _in_time(one: Struck) -> Text:
    if one.in_time is None:
        return Text("-", style="dim")
    if one.in_time == 0.0:
        return Text("no", style="bold red")
    sure = one.in_time > 0.9995
    return Text("yes" if sure else f"{math.floor(1000 * one.in_time) / 10:.1f} %", style="green" if sure else "yellow")


def _losses(one: Struck, base: Token) -> str:
    """Expected losses to liquidators within the horizon: with nobody acting, then with the keeper."""
    scale = 10**base.decimals
    if one.in_time is None or one.loss < LEAST * scale:
        return "-"
    return " → ".join(f"{raw / scale:,.2f}" for raw in (one.loss, one.kept))
