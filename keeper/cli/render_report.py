"""A report in, the page a person reads out: what the keeper would do, why, what it costs and what else it weighed."""

import re
from collections.abc import Iterator
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keeper import registry
from keeper.cli import words
from keeper.model import (
    ALL_RECEIVED,
    Approved,
    Candidate,
    Cleared,
    Cost,
    Drift,
    Hold,
    LeverageMove,
    Plan,
    Prediction,
    RangeMove,
    Reason,
    Refused,
    Snapshot,
    Token,
)
from keeper.run import Report
from keeper.units import BPS, WAD, Address

PARTS = ("fees", "impact", "basis", "gas", "l1_data", "lvr", "risk", "touch")
_ADDRESS = r"0x[0-9a-fA-F]{40}"
LABEL = 10
"""Characters of the column of labels."""


def report(one: Report) -> RenderableType:
    """The whole page of one vault."""
    plan, snapshot = plan_of(one), one.snapshot
    rows = Table.grid(padding=(0, 2), pad_edge=False)
    rows.add_column(width=LABEL, style="dim")
    rows.add_column()
    for label, content in _rows(one, plan, snapshot):
        rows.add_row(label, content)
    return Group(headline(one), words.inset(rows))


def _rows(one: Report, plan: Plan | None, snapshot: Snapshot) -> Iterator[tuple[str, RenderableType]]:
    base = snapshot.vault(one.mandate.vault).tokens[0]
    if refused := reasons(one):
        yield "refused", reason_table(tuple(replace(r, sentence=_named(r.sentence, snapshot)) for r in refused))
    else:
        yield "why", Text(because(one))
    if one.decision.drift is not None:
        yield "now", drift_table(one.decision.drift)
    if (chances := _chances(one)) is not None:
        yield "chances", chances
    for limit in plan.limits if plan is not None and not refused else ():
        yield "but", Text(_named(limit.sentence.removeprefix(f"{one.name}: "), snapshot))
    if plan is not None and plan.candidates:
        yield "weighed", candidate_table(plan, base, nav(one))
    verdict = one.decision.verdict
    if isinstance(verdict, Approved):
        if verdict.plan.urgent:
            yield "urgent", _urgent(verdict, snapshot)
        yield "legs", leg_table(verdict.plan, verdict.prediction, verdict.vault, snapshot)
        yield "after", prediction(one, verdict.prediction, base)
    if isinstance(one.cleared, Cleared):
        yield "rehearsal", rehearsal(one.cleared, snapshot)
    if one.outcome is not None:
        yield "outcome", outcome(one)


def _urgent(verdict: Approved, snapshot: Snapshot) -> Text:
    """What a rescue costs of what it may, and in whose place it is sent."""
    vault, prediction = snapshot.vault(verdict.vault), verdict.prediction
    assert vault.rescue is not None
    base, rescue = vault.tokens[0], vault.rescue
    lost = prediction.nav_before - prediction.nav_after
    share = lost / max(1, prediction.repaid_raw) * BPS
    return Text(
        f"below {rescue.urgent / WAD:.3f} neither cooldown nor turnover binds; it repays "
        f"{words.amount(prediction.repaid_raw, base)} of debt and loses {share:.1f} bps of that, at most "
        f"{rescue.most_loss}: {words.amount(lost, base)} of the {words.amount(rescue.budget_raw, base)} left for it"
    )


def _named(sentence: str, snapshot: Snapshot) -> str:
    """With tokens by symbol."""
    for token in snapshot.tokens:
        sentence = sentence.replace(token.address, token.symbol)
    return sentence


def headline(one: Report) -> Text:
    vault = one.snapshot.vault(one.mandate.vault)
    word, style = verdict_word(one)
    return Text.assemble(
        (f"{one.name}", "bold"),
        (f"  {vault.kind} {words.short(vault.address)} · block {one.snapshot.head.number} · ", "dim"),
        (word, style),
    )


def verdict_word(one: Report) -> tuple[str, str]:
    """What became of the vault in this tick, in a word or two, and its colour."""
    if one.outcome is not None:
        return {
            "done": ("acted", "bold green"),
            "reverted": ("reverted", "bold red"),
            "cancelled": ("cancelled", "bold yellow"),
            "unknown": ("outcome unknown", "bold red"),
            "sent": ("sent, not yet confirmed", "bold yellow"),
        }[one.outcome.status]
    if reasons(one):
        return "refused", "bold red"
    if isinstance(one.decision.verdict, Hold):
        return "hold", "bold blue"
    return "would act", "bold green"


def plan_of(one: Report) -> Plan | None:
    return one.decision.verdict.plan


def reasons(one: Report) -> tuple[Reason, ...]:
    """Why it was refused, before or after the rehearsal; empty when it was not."""
    for judged in (one.decision.verdict, one.cleared):
        if isinstance(judged, Refused):
            return judged.reasons
    return ()


def nav(one: Report) -> int | None:
    """Raw units of the base asset, as the contract says; None when it cannot tell."""
    return one.snapshot.vault(one.mandate.vault).reported_nav


def because(one: Report) -> str:
    """The reason for acting or holding, in a sentence; of an older journal, made from its plan."""
    plan, drift = plan_of(one), one.decision.drift
    if one.decision.why:
        return one.decision.why + (f"; chosen: {plan.reason}" if plan is not None and plan.acts else "")
    if plan is None:
        return "nothing was planned"
    base = one.snapshot.vault(one.mandate.vault).tokens[0]
    if not plan.acts and plan.waiting.total > 0.0:
        wait, trade = words.amount(plan.waiting.total, base), words.amount(plan.cost.total, base)
        return f"waiting {words.duration(one.mandate.horizon_s)} costs {wait}, the best trade {trade}: not worth it yet"
    if drift is None or not (plan.acts or drift.distance <= 1.0):
        return plan.reason
    worst = next(q for q in drift.quantities if q.name == drift.name)
    where = f"{worst.name} {words.level(worst)} is {'inside' if words.inside(worst) else 'outside'} its band"
    return f"{where}, {words.band(worst)}" + (f"; chosen: {plan.reason}" if plan.acts else "")


def reason_table(reasons: tuple[Reason, ...]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="red", no_wrap=True)
    table.add_column()
    for reason in reasons:
        table.add_row(reason.id, reason.sentence)
    return table


def drift_table(drift: Drift) -> RenderableType:
    """Each watched quantity with its band as a bar."""
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=max(len(q.name) for q in drift.quantities))
    table.add_column(justify="right", min_width=7)
    table.add_column(min_width=words.BAR, no_wrap=True)
    table.add_column()
    for quantity in drift.quantities:
        style = "" if words.inside(quantity) else "bold red"
        table.add_row(
            quantity.name,
            Text(words.level(quantity), style=style),
            words.bar(quantity),
            Text(f"band {words.band(quantity)}, target {words.level(quantity, quantity.target)}", style="dim"),
        )
    return table


def _chances(one: Report) -> Text | None:
    forecast, drift = one.decision.forecast, one.decision.drift
    if forecast is None or drift is None or not forecast.touches:
        return None
    named = {q.name: q for q in drift.quantities}
    told = [
        f"{t.quantity} {words.level(named[t.quantity], t.barrier)}: {100 * t.probability:.0f} %"
        for t in forecast.touches
    ]
    return Text(f"to touch within {words.duration(forecast.horizon_s)}: " + " · ".join(told))


def candidate_table(plan: Plan, base: Token, nav_raw: int | None) -> RenderableType:
    """Every candidate's cost in the base asset, in bps of net asset value and in parts; the chosen one marked.

    A screen that is too narrow cuts the last columns: the sums come first.
    """
    scale = 10**base.decimals
    largest = max((abs(c.cost.total) for c in plan.candidates), default=0.0) / scale
    shown = {p: [_figure(getattr(c.cost, p) / scale, largest) for c in plan.candidates] for p in PARTS}
    parts = [p for p in PARTS if any(figure != "-" for figure in shown[p])]
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("", width=1)
    table.add_column(f"in {base.symbol}", min_width=20, overflow="fold")
    for part in ("total", "bps", *parts):
        table.add_column(part.replace("_", " "), justify="right", no_wrap=True, min_width=6)
    for candidate in plan.candidates:
        chosen = candidate.name == (plan.reason if plan.acts else "do nothing")
        table.add_row(*_candidate(candidate, parts, scale, largest, nav_raw, chosen), style="bold" if chosen else "")
    return table


def _candidate(
    candidate: Candidate, parts: list[str], scale: int, largest: float, nav_raw: int | None, chosen: bool
) -> list[RenderableType]:
    mark = Text("▸" if chosen else " ", style="green")
    if candidate.note.startswith("not possible"):
        return [mark, Text(f"{candidate.name}: {candidate.note}", style="dim", overflow="fold")]
    shown = re.sub(_ADDRESS, lambda found: words.short(Address(found[0])), candidate.name)
    name = Text.assemble(shown.removeprefix(f"{words.HEALTH} "), (_remark(candidate), "not bold dim"))
    cells = [_figure(getattr(candidate.cost, part) / scale, largest) for part in parts]
    return [
        mark,
        name,
        _figure(candidate.cost.total / scale, largest),
        in_bps(candidate.cost, nav_raw),
        *cells,
    ]


def _remark(candidate: Candidate) -> str:
    """What is out of the ordinary about it."""
    odd = [note for note in candidate.note.split(", ") if note == "flash loan" or note.startswith("ends outside")]
    odd = [candidate.note] if candidate.note.startswith("costs ") else odd
    return f" · {', '.join(odd)}" if odd else ""


def _figure(value: float, largest: float) -> str:
    shown = words.figure(value, largest)
    return shown if any(digit in shown for digit in "123456789") else "-"


def in_bps(cost: Cost, nav_raw: int | None) -> str:
    return f"{cost.total / nav_raw * BPS:.2f}" if nav_raw else "?"


def leg_table(plan: Plan, predicted: Prediction, vault: Address, snapshot: Snapshot) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    for _ in range(3):
        table.add_column(overflow="fold")
    move = plan.move
    if isinstance(move, LeverageMove):
        tokens, holdings = snapshot.vault(vault).tokens, snapshot.vault(vault).holdings
        token, raw = (tokens[1], move.debt_amount) if move.lever else (tokens[0], move.collateral_amount)
        word = "borrow" if move.lever else "withdraw"
        if move.lever and not move.debt_amount:
            word, token, raw = "supply", tokens[0], holdings[0]
        flash = " by a flash loan" if move.flash and move.lever else ""
        table.add_row("", f"{word} {words.amount(raw, token)}{flash}", "", "")
    for number, (leg, fill) in enumerate(zip(plan.legs, predicted.fills, strict=True), 1):
        sold, bought = snapshot.token(fill.token_in), snapshot.token(fill.token_out)
        spends = "all received" if leg.amount_in == ALL_RECEIVED else words.amount(leg.amount_in, sold)
        venue = snapshot.venue(leg.pool)
        table.add_row(
            str(number),
            f"{spends} → {words.amount(fill.amount_out, bought)}",
            Text(f"at least {words.figure(leg.min_out / 10**bought.decimals)}", style="dim"),
            Text(f"{registry.VENUES[leg.adapter].name} {venue.fee:.2%} {words.short(leg.pool)}", style="dim"),
        )
    if isinstance(move, RangeMove):
        least = Text(f"at least {move.min_liquidity:.3g} of liquidity", style="dim")
        table.add_row("", f"range to ticks {move.tick_lower:,} … {move.tick_upper:,}", least, "")
    return table


def prediction(one: Report, predicted: Prediction, base: Token) -> Text:
    """What it would leave: the value, and what the mandate is about, in red where that is outside its band."""
    before, after = predicted.nav_before, predicted.nav_after
    change = (after - before) / before * BPS if before else 0.0
    text = Text(f"net asset value {words.amount(before, base)} → {words.amount(after, base)} ({change:+.2f} bps)")
    vault = one.snapshot.vault(one.mandate.vault)
    for left in vault.left(one.snapshot, one.mandate, predicted).quantities:
        text.append(f", {left.name} {words.level(left)}", style="" if words.inside(left) else "bold red")
    return text


def rehearsal(cleared: Cleared, snapshot: Snapshot) -> Text:
    gas = cleared.rehearsed.gas or 0
    wei = gas * snapshot.head.base_fee
    return Text.assemble(
        ("agrees to the wei", "green"),
        f"; {gas:,} gas, {words.figure(wei / 1e18)} ETH at a base fee of {words.gwei(snapshot.head.base_fee)}",
    )


def outcome(one: Report) -> RenderableType:
    done = one.outcome
    assert done is not None
    word, style = verdict_word(one)
    parts = [f"transaction {done.tx_hash}"] if done.tx_hash else []
    if done.gas_used is not None:
        parts.append(f"block {done.block}, {done.gas_used:,} gas")
    if done.reason:
        parts.append(done.reason)
    if done.status == "done":
        parts.append("as predicted, to the wei" if not one.differences else "not as predicted")
    lines = [Text.assemble((word, style), ": ", "; ".join(parts))]
    return Group(*lines, *(Text(f"  {difference}", style="yellow") for difference in one.differences))


def heartbeat(one: Report) -> Text:
    """The tick in one line."""
    word, style = verdict_word(one)
    drift = one.decision.drift
    worst = next((q for q in drift.quantities if q.name == drift.name), None) if drift is not None else None
    where = f"{worst.name} {words.level(worst)}" if worst is not None else ""
    if found := reasons(one):
        why = "; ".join(f"{r.id} {r.sentence.removeprefix(one.name + ': ')}" for r in found)
    else:
        why = because(one).removeprefix(f"{where} is ") + _became(one)
    line = Text.assemble(
        (f"{words.clock(one.snapshot.head.timestamp)[11:19]} ", "dim"),
        (f"{one.snapshot.head.number:>9}  ", "dim"),
        (f"{one.name:<12} ", "bold"),
        (f"{word:<9}  ", style),
        f"{where:<19}  ",
    )
    return line + Text(why, style="dim" if isinstance(one.decision.verdict, Hold) else "")


def _became(one: Report) -> str:
    """What came of an action, as far as the chain has said."""
    done = one.outcome
    if done is None:
        return ""
    if done.nav_before and done.nav_after is not None:
        change = (done.nav_after - done.nav_before) / done.nav_before * BPS
        return f"; block {done.block}, {done.gas_used:,} gas, net asset value {change:+.2f} bps"
    return f"; {done.reason}" if done.reason else ""


def timings(one: Report) -> Text:
    total = sum(seconds for _, seconds in one.timings)
    laps = " · ".join(f"{stage} {seconds * 1e3:.0f} ms" for stage, seconds in one.timings)
    return Text(f"{one.name}: {laps} · in all {total * 1e3:.0f} ms", style="dim")
