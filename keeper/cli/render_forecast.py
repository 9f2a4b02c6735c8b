"""What is forecast for a vault in, a page in plain words out, with the record of what was told before."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keeper.cli import words
from keeper.model import Forecast, Outlook, Quantity, Record, Score, TokenBelief
from keeper.run import Foreseen
from keeper.units import Address

STYLES = {"crisis": "bold red", "rising": "yellow", "calm": "green"}


def page(one: Foreseen) -> RenderableType:
    """One vault."""
    rows = Table.grid(padding=(0, 2), pad_edge=False)
    rows.add_column(width=12, style="dim")
    rows.add_column()
    for name, content in _rows(one):
        rows.add_row(name, content)
    block = one.snapshot.head
    title = Text.assemble(
        (one.mandate.name, "bold"),
        (f"  {one.mandate.kind} {words.short(one.mandate.vault)} · block {block.number} · ", "dim"),
        f"the next {words.duration(one.mandate.horizon_s)}",
    )
    return Group(title, words.inset(rows))


def _rows(one: Foreseen) -> Iterator[tuple[str, RenderableType]]:
    yield "prices", _tokens(one)
    if one.forecast is None or one.drift is None:
        yield "bands", Text(f"no forecast of them: {one.why or 'nothing was decided'}", style="red")
    else:
        if one.forecast.touches:
            yield "bands", _touches(one.forecast, {q.name: q for q in one.drift.quantities})
        if one.forecast.levels:
            yield "levels", Group(*(_level(one, level) for level in one.forecast.levels))
        yield "may act", _verdict(one, one.forecast)
    yield "fitted", Text(_fitted(one))
    yield "walk-forward", _walked(one)
    yield "live", _live(one)


def _tokens(one: Foreseen) -> RenderableType:
    """Each token's deviation over the horizon and a year, its interval, its mood, and what is known of it."""
    table = _table("", "moves by", "90 % of the time", "a year", "mood", "by")
    forecast = one.forecast
    deviations = dict(forecast.sigma) if forecast is not None else {}
    within = {i.token: i for i in forecast.intervals} if forecast is not None else {}
    annual = dict(one.beliefs.volatility)
    for belief in one.beliefs.tokens:
        token = belief.token
        interval = within.get(token)
        table.add_row(
            words.symbol(one.snapshot, token),
            f"±{words.per_cent(deviations[token])}" if token in deviations else "-",
            f"{words.per_cent(interval.low)} … {words.per_cent(interval.high)}" if interval is not None else "-",
            f"{100 * annual[token]:.0f} %" if token in annual else "-",
            Text(belief.regime, style=STYLES.get(belief.regime, "dim")),
            _champion(belief, one.mandate.horizon_s),
        )
    notes = [f"{words.symbol(one.snapshot, b.token)}: {b.note}" for b in one.beliefs.tokens if b.note]
    return Group(table, *(Text(note, style="dim") for note in notes))


def _champion(belief: TokenBelief, horizon_s: int) -> str:
    nearest = min(belief.champions, key=lambda pair: abs(pair[0] - horizon_s), default=None)
    by_prior = belief.knowledge in ("unknown", "constant") or nearest is None
    return "prior" if by_prior or nearest is None else nearest[1]


def _touches(forecast: Forecast, named: dict[str, Quantity]) -> RenderableType:
    table = _table("", "now", "to reach", "chance")
    for touch in forecast.touches:
        quantity = named[touch.quantity]
        error = f" ± {100 * touch.error:.1f}" if touch.error else ""
        chance = Text(f"{100 * touch.probability:.1f}{error} %", style="bold red" if touch.probability >= 0.5 else "")
        table.add_row(quantity.name, words.level(quantity), words.level(quantity, touch.barrier), chance)
    return table


def _level(one: Foreseen, level: Outlook) -> Text:
    name, _, token = level.name.partition(" ")
    said = f"{name} {words.symbol(one.snapshot, Address(token))}" if token else name

    def shown(value: float) -> str:
        return f"{value:.1f} gwei" if level.name == words.GAS else words.per_cent(value)

    ends = dict(zip(level.probabilities, level.final, strict=True))
    cheaper = ""
    if name == words.GAS:
        doubt = "" if level.falls_trusted else " (unproven: nothing waits for it)"
        cheaper = f"; a tenth cheaper on the way: {100 * level.reaches(0.9 * level.now):.0f} %{doubt}"
    return Text(
        f"{said}: {shown(level.now)} now, in {words.duration(level.horizon_s)} about {shown(level.median)}, "
        f"90 % of the time {shown(ends[0.05])} … {shown(ends[0.95])}{cheaper}; {level.note}"
    )


def _verdict(one: Foreseen, forecast: Forecast) -> Text:
    if forecast.trusted:
        return Text("yes, before a band breaks: such chances have beaten the unconditional frequency", "green")
    notes = "; ".join(_symbols(one, note) for note in forecast.notes) or "its touches are unproven"
    return Text(f"no: only the bands count ({notes})", style="yellow")


def _symbols(one: Foreseen, note: str) -> str:
    for token in one.snapshot.tokens:
        note = note.replace(token.address, token.symbol)
    return note


def _fitted(one: Foreseen) -> str:
    fit = one.fit
    if fit is None:
        return "nothing yet: a running keeper fits once a day, `keeper forecast --fit` now"
    span = words.duration(one.beliefs.window_s)
    data, models = words.short(fit.fingerprint), words.short(fit.value)
    return f"{words.clock(fit.fitted_at)} on {span} of prices, data {data}, models {models}"


def _walked(one: Foreseen) -> RenderableType:
    """Who speaks against the one-day average, and touches against their frequency, over the last twelve weeks."""
    table = _table("", "over", "forecasts", "skill", "90 % interval", "of")
    for belief in one.beliefs.tokens:
        symbol = words.symbol(one.snapshot, belief.token)
        nearest = min(belief.champions, key=lambda pair: abs(pair[0] - one.mandate.horizon_s), default=(0, ""))
        told = [s for s in belief.scores if s.measure == "qlike" and s.horizon_s == nearest[0]]
        best = max(told, key=lambda s: (s.model == nearest[1], s.skill), default=None)
        if best is not None:
            table.add_row(symbol, *_score(best, "" if best.model == nearest[1] else f", lost: {nearest[1]} speaks"))
        for score in belief.scores:
            if score.measure == "brier":
                table.add_row(symbol, *_score(score, "" if score.skill > 0.0 else ", lost: switched off"))
    if not table.rows:
        return Text("none yet: it takes 98 days of hourly prices", style="dim")
    return table


def _live(one: Foreseen) -> RenderableType:
    if one.counts is None or not one.counts.open + one.counts.known + one.counts.lost:
        return Text("none yet: a running keeper journals a forecast an hour", style="dim")
    counts = one.counts
    lost = f", {counts.lost:,} lost to silent feeds" if counts.lost else ""
    lines: list[RenderableType] = [
        Text(f"{counts.known:,} resolved, {counts.open:,} wait for their horizon to end{lost}")
    ]
    for record in one.beliefs.records:
        lines += _record(record)
    return Group(*lines)


def _record(record: Record) -> Iterator[RenderableType]:
    style = "green" if record.trusted else "bold red"
    yield Text.assemble(
        (f"{record.model}, {words.duration(record.horizon_s)}: ", "bold"),
        (record.note, style),
        f"; {record.resolved:,} forecasts, {record.disturbed:,} without touches, "
        f"{record.coverage:.0%} of returns inside their 90 % interval",
    )
    table = _table("", "over", "forecasts", "skill", "90 % interval", "of")
    for score in record.scores:
        table.add_row("", *_score(score))
    if record.scores:
        yield table
    if record.calibration:
        told = ", ".join(f"{p:.0%} → {came:.0%} ({count:,})" for p, came, count in record.calibration)
        yield Text(f"chance told → what came (how often): {told}", style="dim")


def _score(score: Score, lost: str = "") -> tuple[str, str, Text, str, Text]:
    skill = Text(f"{score.skill:+.3f}", "green" if score.skill > 0.0 else "red")
    said = Text.assemble(f"{score.model} against {score.baseline}, {score.measure}", (lost, "yellow"))
    return words.duration(score.horizon_s), f"{score.count:,}", skill, f"{score.low:+.3f} … {score.high:+.3f}", said


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(name, no_wrap=True)
    return table
