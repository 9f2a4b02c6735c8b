"""A plan and its prediction in, every reason not to carry it out out; and the rehearsal's agreement with both.

Each guard has an id and one sentence, defined once. A guard returns what it found, or an empty text when it is content;
id, sentence and finding together are the reason that a person reads and the journal keeps.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from keeper.model import (
    MAX_LEGS,
    Approved,
    Cleared,
    Mandate,
    Order,
    Plan,
    Prediction,
    Reason,
    Refused,
    Snapshot,
    State,
    Vault,
    Venue,
)
from keeper.units import BPS, Address, Bps, Gas, bps_down, mul_div_down, mul_div_up

MAX_DEADLINE_S = 600
REPLAY_SHARE_OF_LOSS = 50
"""Per cent of the per-action loss cap that a plan may be predicted to lose: the rest is for what moves meanwhile."""
GAS_MARGIN = 135
"""Per cent of the rehearsed gas that is offered: refunds, a fifth at most (EIP-3529), are given back last."""
MAX_DEVIATION = Bps(1_000)
"""Charter.MAX_DEVIATION_BPS: no curator can go beyond it, and a rescue may (C-10)."""
MAX_GAS = Gas(15_000_000)
"""No rebalance needs half a block of 30 million."""
NO_VALUE = "the contract gives none, as when an L2's sequencer is down or came back within the hour"


@dataclass(frozen=True, slots=True)
class Case:
    """All that a guard may look at."""

    snapshot: Snapshot
    vault: Vault
    state: State
    mandate: Mandate
    plan: Plan
    order: Order
    prediction: Prediction

    @property
    def loss(self) -> int:
        """Predicted loss of net asset value at oracle prices, raw units of the base asset; negative is a gain."""
        return self.prediction.nav_before - self.prediction.nav_after

    @property
    def symbol(self) -> str:
        return self.vault.tokens[0].symbol

    def amount(self, raw: int) -> str:
        token = self.vault.tokens[0]
        return f"{raw / 10**token.decimals:,.6f} {token.symbol}"


def preflight(snapshot: Snapshot, vault: Vault, state: State, mandate: Mandate) -> tuple[Reason, ...]:
    """What makes any action, or any valuation, impossible now: role, pause, feeds, gas, mandate, emptiness."""
    reasons = list(misfits(snapshot, vault, mandate))
    if not vault.keeper_allowed:
        reasons.append(Reason("C-1", f"{mandate.name}: the keeper's account does not hold the vault's keeper role"))
    if vault.guard.paused:
        reasons.append(Reason("C-4", f"{mandate.name}: the vault is paused"))
    dead = [r for r in snapshot.rounds if r.problem and r.token in _watched(snapshot, vault)]
    reasons.extend(
        Reason("C-17", f"{mandate.name}: the price of {snapshot.token(r.token).symbol}: {r.problem}") for r in dead
    )
    if snapshot.native.problem and not vault.urgent(snapshot):
        sentence = f"{mandate.name}: what gas costs is not known, and only a rescue is worth any price: the gas token's"
        reasons.append(Reason("M-gas", f"{sentence} price: {snapshot.native.problem}; see chain.native_feed"))
    if vault.total_supply == 0:
        reasons.append(Reason("M-empty", f"{mandate.name}: the vault is empty: it has no shares; deposit first"))
    elif not dead and (found := _valuation(snapshot, vault)):
        reasons.append(found)
    elif not dead and vault.gross(snapshot, snapshot.head.timestamp) == 0:
        reasons.append(Reason("M-empty", f"{mandate.name}: the vault holds nothing for its shares; deposit first"))
    return tuple(reasons)


def misfits(snapshot: Snapshot, vault: Vault, mandate: Mandate) -> tuple[Reason, ...]:
    """Where the mandate does not fit the vault, of a vault in danger only what leaves nothing to rescue by.

    Curators tighten limits and sentinels strike pools without asking the operator: housekeeping waits until the mandate
    follows, a rescue does not.
    """
    faults = vault.faults(mandate)
    if not vault.urgent(snapshot):
        return faults
    return tuple(reason for reason in faults if reason.id in ("M-kind", "M-goal"))


def blackout(snapshot: Snapshot, mandate: Mandate, rescue: bool) -> tuple[Reason, ...]:
    """The windows in which nothing is done now; a `rescue` passes those that let rescues pass."""
    now = snapshot.head.timestamp
    return tuple(
        Reason("B-1", f"{mandate.name}: blackout for {-(-(window.end - now) // 60):,} min more ({window.reason})")
        for window in mandate.blackouts
        if window.start <= now < window.end and not (rescue and window.rescues)
    )


def _watched(snapshot: Snapshot, vault: Vault) -> set[Address]:
    allowed = set(vault.venues)
    pools = (v for v in snapshot.venues if v.pool in allowed)
    return {t.address for t in vault.tokens} | {t for pool in pools for t in pool.tokens}


def _valuation(snapshot: Snapshot, vault: Vault) -> Reason | None:
    """A keeper whose arithmetic differs from the contract's understands neither: it must stop.

    A vault in danger is rescued though its contract gives no value: a guard of its own then lets nothing else pass, and
    the rehearsal's values are compared in place of this one.
    """
    computed, said = vault.nav(snapshot, snapshot.head.timestamp), vault.reported_nav
    if said == computed or (said is None and vault.urgent(snapshot)):
        return None
    told = NO_VALUE if said is None else f"the contract says {said}"
    return Reason("K-26", f"net asset value of {vault.address}: computed {computed}, {told}")


def judge(case: Case) -> tuple[Reason, ...]:
    """Every guard of the plan's tier that objects to the case, in the order of the table."""
    reasons = []
    others = HOUSEKEEPING if case.plan.urgent else RESCUES
    for guard_id, sentence, check in GUARDS:
        if guard_id not in others and (found := check(case)):
            reasons.append(Reason(guard_id, f"{case.mandate.name}: {sentence}: {found}"))
    return tuple(reasons)


def clear(approved: Approved, rehearsed: Prediction) -> Cleared | Refused:
    """Whether the rehearsal did, to the wei, what the exact replay predicted for the same block time."""
    predicted, reasons = approved.prediction, []
    if rehearsed.revert:
        reasons.append(Reason("K-33", f"the rehearsal reverted: {rehearsed.revert}"))
    else:
        for name, ours, theirs in (
            ("block time", predicted.timestamp, rehearsed.timestamp),
            ("net asset value before", predicted.nav_before, rehearsed.nav_before),
            ("net asset value after", predicted.nav_after, rehearsed.nav_after),
            ("holdings", predicted.holdings, rehearsed.holdings),
            ("collateral", predicted.collateral_raw, rehearsed.collateral_raw),
            ("debt", predicted.debt_raw, rehearsed.debt_raw),
            ("debt repaid", predicted.repaid_raw, rehearsed.repaid_raw),
            ("health factor", predicted.health_factor, rehearsed.health_factor),
            ("range", predicted.range, rehearsed.range),
            ("fills", _moved(predicted), _moved(rehearsed)),
        ):
            if ours != theirs:
                reasons.append(Reason("K-33", f"the rehearsal disagrees on {name}: predicted {ours}, found {theirs}"))
    gas = rehearsed.gas
    if gas is None or gas * GAS_MARGIN // 100 > MAX_GAS:
        reasons.append(Reason("C-37", f"the rehearsal used {gas} gas, at most {MAX_GAS * 100 // GAS_MARGIN} may be"))
    if reasons or gas is None:
        return Refused(tuple(reasons), approved.plan)
    return Cleared(approved, rehearsed, Gas(gas * GAS_MARGIN // 100))


def _moved(prediction: Prediction) -> tuple[tuple[Address, Address, int, int], ...]:
    return tuple((f.pool, f.token_in, f.amount_in, f.amount_out) for f in prediction.fills)


# --- the guards, in the order they are reported ----------------------------------------------------------------------


def _open_intent(case: Case) -> str:
    state = case.state
    opened = state.open_rescues if case.plan.urgent else (*state.open_intents, *state.open_rescues)
    return f"{opened[0]} is open" if opened else ""


def _no_value(case: Case) -> str:
    return NO_VALUE if case.vault.reported_nav is None and not case.plan.urgent else ""


def _too_many_legs(case: Case) -> str:
    return f"{len(case.plan.legs)} legs" if len(case.plan.legs) > MAX_LEGS else ""


def _foreign_venue(case: Case) -> str:
    allowed = case.mandate.venues or case.vault.venues
    strangers = [leg.pool for leg in case.plan.legs if leg.pool not in allowed or leg.pool not in case.vault.venues]
    return ", ".join(strangers)


def _loose_min_out(case: Case) -> str:
    most = most_slippage(case.vault, case.mandate, case.plan.urgent)
    for leg, fill in zip(case.plan.legs, case.prediction.fills, strict=True):
        if not fill.amount_out - bps_down(fill.amount_out, most) <= leg.min_out <= fill.amount_out:
            return f"min_out {leg.min_out} for a quote of {fill.amount_out}"
    return ""


def most_slippage(vault: Vault, mandate: Mandate, urgent: bool) -> Bps:
    """Of a leg's least output under its quote; in a rescue at least half of what that may lose.

    The market falls while a rescue is on its way: a demand for the last block's price would fail when it is needed.
    """
    if not urgent or vault.rescue is None:
        return mandate.max_slippage
    return Bps(max(mandate.max_slippage, vault.rescue.most_loss // 2))


def _deadline(case: Case) -> str:
    left = case.order.deadline - case.snapshot.head.timestamp
    return f"{left} s" if not 0 < left <= MAX_DEADLINE_S else ""


def _epoch(case: Case) -> str:
    expected, actual = case.order.expected_epoch, case.vault.guard.epoch
    return f"the order says {expected}, the vault {actual}" if expected != actual else ""


def _cooldown(case: Case) -> str:
    since = case.prediction.timestamp - case.vault.guard.last_action_at
    left = case.vault.limits.cooldown_s - since
    return f"{left} s are left" if left > 0 else ""


def most_loss(vault: Vault, mandate: Mandate, plan: Plan, prediction: Prediction) -> int:
    """Value that an action may lose, raw units of the base asset: a share of all there is, or of the debt rescued."""
    if plan.urgent and vault.rescue is not None:
        return bps_down(prediction.repaid_raw, vault.rescue.most_loss)
    return bps_down(prediction.nav_before, min(mandate.max_loss, vault.limits.max_loss))


def _loss(case: Case) -> str:
    return _over(case, case.loss, most_loss(case.vault, case.mandate, case.plan, case.prediction))


def _predicted_loss(case: Case) -> str:
    cap = bps_down(case.prediction.nav_before, case.vault.limits.max_loss)
    return _over(case, case.loss, cap * REPLAY_SHARE_OF_LOSS // 100)


def _budget(case: Case) -> str:
    return _over(case, case.loss, case.vault.guard.loss_budget_raw)


def _rescue_budget(case: Case) -> str:
    rescue = case.vault.rescue
    left = rescue.budget_raw if rescue is not None else 0
    return "" if left is None else _over(case, case.loss, left)  # None: the rehearsal says


def _gain(case: Case) -> str:
    return _over(case, -case.loss, bps_down(case.prediction.nav_before, case.vault.limits.max_gain))


def _min_nav(case: Case) -> str:
    low = case.prediction.nav_after < case.order.min_nav_after
    return f"{case.prediction.nav_after} under {case.order.min_nav_after}" if low else ""


def _over(case: Case, found: int, allowed: int) -> str:
    return f"{case.amount(found)} over {case.amount(allowed)}" if found > allowed else ""


def turnover(snapshot: Snapshot, vault: Vault, prediction: Prediction) -> int:
    """Value sold of tokens the vault holds, raw units of the base asset, at oracle prices, rounded down a leg."""
    base = snapshot.round(vault.tokens[0].address).price_x36
    held = {t.address for t in vault.tokens}
    return sum(
        mul_div_down(f.amount_in, snapshot.round(f.token_in).price_x36, base)
        for f in prediction.fills
        if f.token_in in held
    )


def _turnover(case: Case) -> str:
    gross = case.vault.gross(case.snapshot, case.prediction.timestamp)
    allowed = bps_down(gross, case.vault.limits.max_turnover)
    return _over(case, turnover(case.snapshot, case.vault, case.prediction), allowed)


def _daily_turnover(case: Case) -> str:
    return _over(case, turnover(case.snapshot, case.vault, case.prediction), case.vault.guard.turnover_budget_raw)


def _mandate_turnover(case: Case) -> str:
    if case.mandate.max_turnover is None:
        return ""
    allowed = bps_down(case.vault.gross(case.snapshot, case.prediction.timestamp), case.mandate.max_turnover)
    return _over(case, turnover(case.snapshot, case.vault, case.prediction), allowed)


def _asset_limit(case: Case) -> str:
    """What the legs bring of a token less what they take, either way."""
    for address, most in case.mandate.max_trade:
        fills = case.prediction.fills
        bought = sum(f.amount_out for f in fills if f.token_out == address)
        net = bought - sum(f.amount_in for f in fills if f.token_in == address)
        if abs(net) > most:
            token, way = case.snapshot.token(address), "bought" if net > 0 else "sold"
            unit = 10**token.decimals
            return f"{abs(net) / unit:,.6g} {token.symbol} {way}, at most {most / unit:,.6g}"
    return ""


def _venue_limit(case: Case) -> str:
    base = case.snapshot.round(case.vault.tokens[0].address).price_x36
    for pool, most in case.mandate.venue_limits:
        fills = [f for f in case.prediction.fills if f.pool == pool]
        paid = sum(mul_div_up(f.amount_in, case.snapshot.round(f.token_in).price_x36, base) for f in fills)
        if paid > most:
            return f"{pool}: {_over(case, paid, most)}"
    return ""


def _deviation(case: Case) -> str:
    """Pool price against oracle price, before the first leg and after the last one, of every pool used."""
    worst, where = 0.0, ""
    for pool in {leg.pool: None for leg in case.plan.legs}:
        before = case.snapshot.venue(pool)
        after: Venue = before
        for fill in case.prediction.fills:
            if fill.pool == pool:
                after = after.after(fill.token_in, fill.amount_in)
        for when, venue in (("before", before), ("after", after)):
            off = abs(off_oracle(case.snapshot, venue))
            if off > worst:
                worst, where = off, f"{pool} is {off * BPS:.1f} bps off {when} the trade"
    return where if worst * BPS > most_deviation(case.vault, case.plan.urgent) else ""


def most_deviation(vault: Vault, urgent: bool) -> Bps:
    """Of a pool's price from the oracle's: the vault's own limit, in a rescue the contracts' hard maximum."""
    return MAX_DEVIATION if urgent else vault.limits.max_deviation


def off_oracle(snapshot: Snapshot, venue: Venue) -> float:
    """How far a pool's price is from the oracle's, a fraction of it."""
    token_0, token_1 = venue.tokens
    oracle = snapshot.round(token_0).price_x36 / snapshot.round(token_1).price_x36
    return venue.mid(token_0) / oracle - 1.0


def _gas_price(case: Case) -> str:
    lane = case.mandate.lanes.of(case.plan.urgent)
    price = case.snapshot.head.base_fee + (0 if case.plan.urgent else lane.tip)
    allowed = lane.max_gas_price
    return f"{price / 1e9:.2f} gwei over {allowed / 1e9:.2f} gwei" if price > allowed else ""


GUARDS: tuple[tuple[str, str, Callable[[Case], str]], ...] = (
    ("K-4", "at most one intent of a vault may be open, housekeeping that makes way for a rescue apart", _open_intent),
    ("K-26", "without the contract's own value of the vault, only a rescue may pass", _no_value),
    ("C-37", f"at most {MAX_LEGS} legs", _too_many_legs),
    ("M-venues", "every pool must be on the vault's allow-list and the mandate's", _foreign_venue),
    ("K-34", "every leg's min_out must be within its tier's slippage of its exact quote", _loose_min_out),
    ("C-12", f"the deadline must be within {MAX_DEADLINE_S} s", _deadline),
    ("C-13", "the order must name the vault's current epoch", _epoch),
    ("C-11", "the vault's cooldown must be over", _cooldown),
    ("C-6", "the loss of one action must stay under the cap", _loss),
    ("K-33", f"the predicted loss must stay under {REPLAY_SHARE_OF_LOSS} % of the vault's cap", _predicted_loss),
    ("C-7", "the loss must fit the day's loss budget", _budget),
    ("C-11u", "the loss of a rescue must stay under its share of the debt it repays", _loss),
    ("C-11b", "the loss must fit the rescues' own budget", _rescue_budget),
    ("C-9", "a gain this large means a wrong price", _gain),
    ("C-14", "net asset value after must reach the order's floor", _min_nav),
    ("C-11t", "the value sold in one action must stay under the cap", _turnover),
    ("C-11d", "the value sold must fit the day's turnover budget", _daily_turnover),
    ("M-max_turnover", "the value sold in one action must stay under the mandate's max_turnover", _mandate_turnover),
    ("M-max_trade", "what one action sells or buys of a token must stay under the mandate's max_trade", _asset_limit),
    ("M-venue_limits", "what one action pays into a pool must stay under the mandate's venue_limits", _venue_limit),
    ("C-10", "pool prices must be near the oracle's before and after", _deviation),
    ("K-13", "the gas price must stay under the cap of the plan's lane", _gas_price),
)


LOSSES = frozenset(("C-6", "K-33", "C-14"))
"""Guards of what one action of housekeeping may lose."""
HOUSEKEEPING = frozenset(
    ("C-11", "C-6", "K-33", "C-7", "C-9", "C-11t", "C-11d", "M-max_turnover", "M-max_trade", "M-venue_limits")
)
"""Guards that a rescue is exempt from; it may meet a market that has come back before the oracle has."""
RESCUES = frozenset(("C-11u", "C-11b"))
"""Guards in their place."""


def describe(reasons: Iterable[Reason]) -> str:
    """Reasons as one line."""
    return "; ".join(f"{r.id} {r.sentence}" for r in reasons)
