"""A report of a finished action in, what it did and cost, predicted against realised, out."""

from collections.abc import Iterable
from dataclasses import dataclass

from keeper.costs import gas_cost
from keeper.model import Approved, Quantity
from keeper.run import Report
from keeper.units import BPS, Timestamp
from keeper.world.demo.play import Moment


@dataclass(frozen=True, slots=True)
class Entry:
    """One action. Costs in bps of net asset value; `loss` is the vault's own: fees, impact and basis together.

    `quantity` is the one that made it act; `after` its value in the predicted state, which the chain reached.
    """

    timestamp: Timestamp
    name: str
    plan: str
    legs: int
    quantity: Quantity
    after: float
    predicted_fees: float
    predicted_impact: float
    predicted_loss: float
    predicted_gas: float
    realised_loss: float
    realised_gas: float
    exact: bool


def entries(moments: Iterable[Moment]) -> tuple[Entry, ...]:
    """Every action that was mined and done, in order."""
    return tuple(e for m in moments for r in m.reports if (e := _entry(r)) is not None)


def _entry(report: Report) -> Entry | None:
    verdict, outcome, drift = report.decision.verdict, report.outcome, report.decision.drift
    if not isinstance(verdict, Approved) or outcome is None or outcome.status != "done" or drift is None:
        return None
    if not outcome.nav_before or outcome.nav_after is None or outcome.gas_used is None or outcome.gas_price is None:
        return None
    snapshot, cost = report.snapshot, verdict.plan.cost
    vault = snapshot.vault(verdict.vault)
    base = snapshot.round(vault.tokens[0].address).price_x36
    gas = gas_cost(outcome.gas_used, outcome.gas_price, snapshot.native.price_x36, base)

    def in_bps(raw: float) -> float:
        return raw / (outcome.nav_before or 1) * BPS

    worst = next(q for q in drift.quantities if q.name == drift.name)
    return Entry(
        timestamp=snapshot.head.timestamp,
        name=report.name,
        plan=verdict.plan.reason,
        legs=len(verdict.plan.legs),
        quantity=worst,
        after=left(report, worst.name),
        predicted_fees=in_bps(cost.fees),
        predicted_impact=in_bps(cost.impact + cost.basis),
        predicted_loss=in_bps(verdict.prediction.nav_before - verdict.prediction.nav_after),
        predicted_gas=in_bps(cost.gas),
        realised_loss=in_bps(outcome.nav_before - outcome.nav_after),
        realised_gas=in_bps(gas),
        exact=not report.differences,
    )


def left(report: Report, name: str) -> float:
    """A watched quantity in the predicted state."""
    verdict, snapshot = report.decision.verdict, report.snapshot
    if not isinstance(verdict, Approved):
        raise TypeError(f"only an approved plan predicts a state, found {type(verdict).__name__}")
    drift = snapshot.vault(verdict.vault).left(snapshot, report.mandate, verdict.prediction)
    return next(q.value for q in drift.quantities if q.name == name)
