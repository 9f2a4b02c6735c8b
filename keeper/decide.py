"""The one pure function a keeper thinks with: what it sees, remembers, believes and is told in, a decision out."""

from collections.abc import Iterator
from dataclasses import replace

from keeper import forecast as forecasting
from keeper import guard
from keeper.errors import Refusal, Unquotable
from keeper.model import (
    Approved,
    Beliefs,
    Cost,
    Decision,
    Drift,
    Forecast,
    History,
    Hold,
    Mandate,
    Plan,
    Problem,
    Quantity,
    RangeProblem,
    Reason,
    Refused,
    Snapshot,
    State,
    Vault,
    Venue,
    WeightProblem,
)
from keeper.plan import plan_health, plan_range, plan_weights
from keeper.plan.health import Bounds
from keeper.plan.route import opener
from keeper.plan.weights import Sizes
from keeper.simulate import simulate
from keeper.units import BPS, Gas, Timestamp, bps_up

SLOT_S = 12
"""Seconds from the snapshot to the block that a plan is predicted for."""
TURNOVER_MARGIN = 0.99
MAX_HALVINGS = 6
SIZE = frozenset(("C-6", "C-7", "C-10", "C-11d", "C-11t", "C-14", "K-33"))
"""Guards that a smaller trade may satisfy."""
FLASH_GAS = Gas(180_000)
"""What Aave's flashLoanSimple adds; the rehearsal measures."""


def decide(history: History, state: State, beliefs: Beliefs, mandate: Mandate, seed: int) -> Decision:
    """Judge one vault at one block: Approved, Hold or Refused, and the vault's next memory.

    Deterministic; no I/O. `seed` is for stages that draw; the closed-form forecast draws nothing.
    """
    snapshot = history.snapshot
    vault = snapshot.vault(mandate.vault)
    if reasons := guard.preflight(snapshot, vault, state, mandate):
        return Decision(Refused(reasons), state, None, None)
    try:
        problem, drift = vault.problem(snapshot, mandate), vault.drift(snapshot, mandate)
    except Refusal as error:  # such as a lending market without a price of its own
        return Decision(Refused((Reason(error.code, f"{mandate.name}: {error}"),)), state, None, None)
    expected = forecasting.forecast(problem, drift, beliefs, mandate, base_fee=snapshot.head.base_fee)
    if drift.distance <= 1.0:
        plan = Plan((), None, Cost(), Cost(), "inside the band: " + _nearest(drift))
        return Decision(Hold(plan), replace(state, acting=False), drift, expected)
    verdict = _act(snapshot, vault, problem, expected, state, mandate)
    return Decision(verdict, replace(state, acting=True), drift, expected)


def _act(
    snapshot: Snapshot, vault: Vault, problem: Problem, expected: Forecast, state: State, mandate: Mandate
) -> Hold | Approved | Refused:
    """The best plan that the guards let through; a smaller one where only size stands in the way, else why not.

    Half a rescue now and half after the cooldown is better than none: a vault must not be watched into liquidation
    because its whole way back would cost more than one action may.
    """
    first: Refused | None = None
    for halvings in range(MAX_HALVINGS + 1):
        plans = _plans(snapshot, vault, problem, expected, mandate, 0.5**halvings)
        if not plans[0].acts:
            return first or Hold(plans[0])
        verdict = _first_approved(_verdict(snapshot, vault, state, mandate, plan) for plan in plans)
        if isinstance(verdict, Approved):
            return verdict
        first = first or verdict
        if not {reason.id for reason in first.reasons} <= SIZE:
            break
    return first or Hold(plans[0])


def _nearest(drift: Drift) -> str:
    one: Quantity = next(q for q in drift.quantities if q.name == drift.name)
    return f"{one.name} {one.value:.4f}, from {one.low:.4f} to {one.high:.4f}"


def _first_approved(verdicts: Iterator[Approved | Refused]) -> Approved | Refused:
    """The best plan that the guards let through; where none passes, why the best one did not."""
    first = verdict = next(verdicts)
    while isinstance(verdict, Refused):
        following = next(verdicts, None)
        if following is None:
            return first
        verdict = following
    return verdict


def _plans(
    snapshot: Snapshot, vault: Vault, problem: Problem, expected: Forecast, mandate: Mandate, share: float
) -> tuple[Plan, ...]:
    """Plans that sell at most `share` of what the vault's turnover limits allow, in order of preference."""
    base = vault.tokens[0]
    pools = tuple(p for p in vault.venues if not mandate.venues or p in mandate.venues)
    gas_price = snapshot.head.base_fee + mandate.priority_fee
    if isinstance(problem, RangeProblem):
        snapshot = _with(snapshot, problem.venue)  # the legs meet the pool without the vault's own liquidity
    open_market = opener(
        snapshot, tuple(p for p in vault.venues if p in pools), base.address, gas_price, mandate.max_slippage
    )
    price = snapshot.round(base.address).price_x36 / 1e36
    gross = vault.gross(snapshot, snapshot.head.timestamp)
    turnover = min(gross * vault.limits.max_turnover / BPS, vault.guard.turnover_budget_raw) * TURNOVER_MARGIN * share
    least = mandate.min_trade * 10**base.decimals * price
    if isinstance(problem, WeightProblem):
        return plan_weights(
            problem, expected, mandate, open_market, Sizes(turnover * price, least, gross * price, vault.gas)
        )
    if isinstance(problem, RangeProblem):
        return plan_range(
            problem, expected, mandate, open_market, Sizes(turnover * price, least, gross * price, vault.gas)
        )
    scale = problem.collateral_price / price
    bounds = Bounds(turnover * price * scale, least * scale, vault.gas, FLASH_GAS)
    return plan_health(problem, expected, mandate, open_market, bounds)


def _with(snapshot: Snapshot, venue: Venue) -> Snapshot:
    return replace(snapshot, venues=tuple(venue if v.pool == venue.pool else v for v in snapshot.venues))


def _verdict(snapshot: Snapshot, vault: Vault, state: State, mandate: Mandate, plan: Plan) -> Approved | Refused:
    when = Timestamp(snapshot.head.timestamp + SLOT_S)
    try:
        prediction = simulate(snapshot, vault.address, plan, when)
    except (Refusal, Unquotable) as error:
        code = error.code if isinstance(error, Refusal) else "K-33"
        return Refused((Reason(code, f"{mandate.name}: the exact replay stops: {error}"),), plan)
    floor = prediction.nav_before - bps_up(prediction.nav_before, mandate.max_loss)
    deadline = Timestamp(snapshot.head.timestamp + mandate.deadline_s)
    order = vault.order(snapshot, plan, deadline, floor)
    case = guard.Case(snapshot, vault, state, mandate, plan, order, prediction)
    if reasons := guard.judge(case):
        return Refused(reasons, plan)
    return Approved(vault.address, order, plan, vault.encode(order, plan), prediction)
