"""Values of the keeper in, trees for JSON out: raw amounts, every field, plus the words a program would look for."""

from dataclasses import asdict, replace
from typing import Any

from keeper.cli import render_report
from keeper.codec import MODEL, Codec
from keeper.model import Cleared, Cost, Decision, Drift
from keeper.run import Foreseen, Report
from keeper.shock import Struck
from keeper.units import BPS

_CODEC = Codec(MODEL)


def report_tree(one: Report) -> dict[str, Any]:
    """A report without its snapshot, which the journal keeps."""
    plan, head = render_report.plan_of(one), one.snapshot.head
    nav = render_report.nav(one)
    return {
        "tick": one.tick_id,
        "vault": one.name,
        "address": one.mandate.vault,
        "chain_id": one.snapshot.chain_id,
        "block": head.number,
        "block_hash": head.hash,
        "timestamp": head.timestamp,
        "verdict": render_report.verdict_word(one)[0],
        "reasons": [{"id": r.id, "sentence": r.sentence} for r in render_report.reasons(one)],
        "why": render_report.because(one),
        "nav_raw": nav,
        "cost_bps": None if plan is None else _bps(plan.cost, nav),
        "waiting_bps": None if plan is None else _bps(plan.waiting, nav),
        "decision": decision_tree(one.decision),
        "rehearsed": _CODEC.encode(one.cleared.rehearsed) if isinstance(one.cleared, Cleared) else None,
        "gas_limit": one.cleared.gas_limit if isinstance(one.cleared, Cleared) else None,
        "outcome": None if one.outcome is None else _CODEC.encode(one.outcome),
        "differences": list(one.differences),
        "timings_s": dict(one.timings),
    }


def shock_tree(name: str, one: Struck) -> dict[str, Any]:
    """What a shock would do to the vault called `name`; losses in raw units of its base asset."""
    return {
        "vault": name,
        "shock": one.shock.name,
        "words": one.shock.words,
        "before": drift_tree(one.before),
        "hit": drift_tree(one.hit),
        "left": drift_tree(one.left),
        "in_time": one.in_time,
        "loss_raw": one.loss,
        "kept_raw": one.kept,
        "actions": one.actions,
        "decision": decision_tree(one.decision),
    }


def foreseen_tree(one: Foreseen) -> dict[str, Any]:
    """A forecast with what it was made of and the record behind it; fitted numbers stay in the journal."""
    beliefs = replace(one.beliefs, pooled=(), tokens=tuple(replace(t, fits=(), shapes=()) for t in one.beliefs.tokens))
    head = one.snapshot.head
    return {
        "vault": one.mandate.name,
        "address": one.mandate.vault,
        "chain_id": one.snapshot.chain_id,
        "block": head.number,
        "block_hash": head.hash,
        "timestamp": head.timestamp,
        "forecast": None if one.forecast is None else _CODEC.encode(one.forecast),
        "why": one.why,
        "drift": drift_tree(one.drift),
        "beliefs": _CODEC.encode(beliefs),
        "live": None if one.counts is None else asdict(one.counts),
        "fit": None if one.fit is None else asdict(one.fit),
    }


def decision_tree(decision: Decision) -> Any:
    return _CODEC.encode(decision)


def drift_tree(drift: Drift | None) -> Any:
    return None if drift is None else _CODEC.encode(drift)


def _bps(cost: Cost, nav: int | None) -> dict[str, float] | None:
    if not nav:
        return None
    parts = {name: getattr(cost, name) / nav * BPS for name in render_report.PARTS}
    return parts | {"total": cost.total / nav * BPS}
