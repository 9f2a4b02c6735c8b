"""A snapshot in, the vaults as they are now out."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keeper.cli import words
from keeper.cli.render_report import drift_table
from keeper.errors import Refusal
from keeper.model import (
    Calendar,
    Continuous,
    DynamicBand,
    Feed,
    Mandate,
    Periodic,
    Policy,
    Preventative,
    Rescue,
    Snapshot,
    State,
    Vault,
)
from keeper.units import WAD


def head(snapshot: Snapshot) -> Text:
    """The chain's line."""
    block, native = snapshot.head, snapshot.native
    price = "unknown" if native.problem else f"{native.answer / 10**native.decimals:,.2f}"
    return Text(
        f"chain {snapshot.chain_id} · block {block.number} · {words.clock(block.timestamp)} · "
        f"base fee {words.gwei(block.base_fee)} · gas token {price}",
        style="dim",
    )


def vault(snapshot: Snapshot, mandate: Mandate, feeds: tuple[Feed, ...], state: State) -> RenderableType:
    one = snapshot.vault(mandate.vault)
    rows = Table.grid(padding=(0, 2), pad_edge=False)
    rows.add_column(width=10, style="dim")
    rows.add_column()
    rows.add_row("watched", _watched(snapshot, mandate, one))
    rows.add_row("policy", Text(_policy(mandate.policy)))
    if pending := _pending(snapshot, state):
        rows.add_row("pending", Text(pending, style="yellow"))
    rows.add_row("holds", _holdings(snapshot, one))
    rows.add_row("budgets", Text(_budgets(one)))
    rows.add_row("cooldown", Text(_cooldown(snapshot, one)))
    if one.rescue is not None:
        rows.add_row("rescue", _rescue(snapshot, one, one.rescue))
    rows.add_row("feeds", _feeds(snapshot, one, feeds))
    if faults := one.faults(mandate):
        rows.add_row("mandate", Text("; ".join(f.sentence for f in faults), style="red"))
    return Group(_title(mandate, one), words.inset(rows))


def _title(mandate: Mandate, one: Vault) -> Text:
    base = one.tokens[0]
    value = "unknown" if one.reported_nav is None else words.amount(one.reported_nav, base)
    flags = [
        ("paused", one.guard.paused),
        ("empty", one.total_supply == 0),
        ("the keeper has no role here", not one.keeper_allowed),
    ]
    return Text.assemble(
        (mandate.name, "bold"),
        (f"  {one.kind} {one.address}  ", "dim"),
        "net asset value ",
        (value, "bold"),
        *((f"  {flag}", "bold red") for flag, up in flags if up),
    )


def _watched(snapshot: Snapshot, mandate: Mandate, one: Vault) -> RenderableType:
    try:
        return drift_table(one.drift(snapshot, mandate))
    except Refusal as error:
        return Text(f"unknown: {error.code} {error}", style="red")


def _policy(policy: Policy) -> str:
    """When it acts, and how far it goes back."""
    match policy:
        case Calendar() | Periodic():
            when = "acts" if isinstance(policy, Calendar) else "looks"
            kind = f"{'calendar' if when == 'acts' else 'periodic'}, {when} once every {words.duration(policy.every_s)}"
        case Preventative():
            kind = (
                f"preventative, acts from a chance of {100 * policy.act_above:.3g} % to leave the band until it is "
                f"under {100 * policy.stop_below:.3g} %"
            )
        case Continuous():
            kind = "continuous"
        case DynamicBand():
            kind = "dynamic band"
        case _:
            kind = "threshold"
    goes = {"cheapest": "as far as is cheapest", "target": "to the target", "edge": "to the edge"}[policy.settle]
    return f"{kind}; {goes}"


def _pending(snapshot: Snapshot, state: State) -> str:
    """What is put off: a deferral until its end, a schedule's next part."""
    said = []
    if state.deferred is not None and state.deferred.until > snapshot.head.timestamp:
        said.append(f"deferred until {words.clock(state.deferred.until)}: {state.deferred.reason}")
    if state.progress is not None:
        done = state.progress.done + (snapshot.vault(state.vault).guard.epoch > state.progress.epoch)
        said.append(f"{done} of about {state.progress.parts} parts of a trade are done")
    return "; ".join(said)


def _holdings(snapshot: Snapshot, one: Vault) -> Text:
    held = [words.amount(raw, token) for raw, token in zip(one.holdings, one.tokens, strict=True)]
    market = getattr(one, "market", None)
    if market is None:
        return Text(" · ".join(held))
    lending, now = snapshot.market(market), snapshot.head.timestamp
    collateral, debt = one.tokens
    supplied = words.amount(lending.collateral(one.address, collateral.address, now), collateral)
    owed = words.amount(lending.debt(one.address, debt.address, now), debt)
    idle = f"; idle {' · '.join(held)}" if any(one.holdings) else ""
    return Text(f"supplied {supplied}, owes {owed}{idle}")


def _budgets(one: Vault) -> str:
    base, guard, limits = one.tokens[0], one.guard, one.limits
    return (
        f"left today: to lose {words.amount(guard.loss_budget_raw, base)} ({limits.max_loss} bps an action), "
        f"to sell {words.amount(guard.turnover_budget_raw, base)}"
    )


def _cooldown(snapshot: Snapshot, one: Vault) -> str:
    since = snapshot.head.timestamp - one.guard.last_action_at
    left = one.limits.cooldown_s - since
    last = f"last action {words.duration(since)} ago" if one.guard.last_action_at else "no action yet"
    return f"{f'{left} s left' if left > 0 else 'over'}; {last}; epoch {one.guard.epoch}"


def _rescue(snapshot: Snapshot, one: Vault, rescue: Rescue) -> Text:
    open_now = one.urgent(snapshot)
    said = (
        f"at once below {rescue.urgent / WAD:.3f}{', which it is' if open_now else ''}; by anyone below "
        f"{rescue.ripcord / WAD:.3f}; to lose {rescue.most_loss} bps of the debt repaid, left of that "
        f"{words.amount(rescue.budget_raw, one.tokens[0])}"
    )
    return Text(said, style="bold red" if open_now else "")


def _feeds(snapshot: Snapshot, one: Vault, feeds: tuple[Feed, ...]) -> Text:
    beats = {feed.token: feed.heartbeat_s for feed in feeds}
    text = Text()
    for token in one.tokens:
        latest = snapshot.round(token.address)
        age = snapshot.head.timestamp - latest.updated_at
        price = latest.answer / 10**latest.decimals
        text += Text(" · ") if text else Text()
        text += Text(f"{token.symbol} {words.figure(price)} ", style="red" if latest.problem else "")
        text += Text(f"({words.duration(age)} of {words.duration(beats[token.address])})", style="dim")
    return text
