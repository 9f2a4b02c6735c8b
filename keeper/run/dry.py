"""A report in, its plan executed on a throw-away fork and the vault before and after out."""

from dataclasses import replace

from keeper import registry
from keeper.chain.fork import on_fork
from keeper.chain.node import Node
from keeper.model import Approved, Drift, Snapshot
from keeper.protocols import aave_v3_reading
from keeper.run.bind import Bound
from keeper.run.rehearsal import prediction
from keeper.run.report import DryRun, Report


def dry_run(node: Node, bound: Bound, report: Report) -> DryRun:
    """Execute an approved plan on a fork of `node` at the report's block; without one, only say what is.

    Raises Halt when there is no anvil to fork with, Retry or BadInput when the node cannot be forked.
    """
    snapshot, verdict = report.snapshot, report.decision.verdict
    vault = snapshot.vault(report.mandate.vault)
    before, nav_before = report.decision.drift, vault.reported_nav or 0
    if not isinstance(verdict, Approved):
        return DryRun(report, before, None, nav_before, None, None, "")
    facts = bound.facts(verdict.vault)
    reads = [registry.VAULTS[facts.kind].observe(facts, [bound.token(t) for t in facts.tokens], bound.keeper)]
    markets = [aave_v3_reading.observe(m) for m in bound.markets if m.pool in facts.extra]
    when = verdict.prediction.timestamp
    done = on_fork(
        node, snapshot.head, bound.keeper, verdict.vault, verdict.calldata, [*reads, *markets], when, bound.lens
    )
    found = prediction(done, snapshot, verdict, when)
    if found.revert:
        return DryRun(report, before, None, nav_before, None, done.gas, found.revert)
    vault_after, *markets_after = done.answers
    after = replace(
        snapshot,
        head=replace(snapshot.head, timestamp=when),
        vaults=tuple(vault_after if v.address == verdict.vault else v for v in snapshot.vaults),
        markets=tuple(next((m for m in markets_after if m.pool == old.pool), old) for old in snapshot.markets),
    )
    return DryRun(report, before, _drift(after, report), found.nav_before, found.nav_after, done.gas, "")


def _drift(snapshot: Snapshot, report: Report) -> Drift:
    return snapshot.vault(report.mandate.vault).drift(snapshot, report.mandate)
