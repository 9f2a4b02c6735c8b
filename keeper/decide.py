"""The one pure function a keeper thinks with: what it sees, remembers, believes and is told in, a decision out."""

import math
from dataclasses import dataclass, replace

from keeper import forecast as forecasting
from keeper import guard
from keeper.errors import Refusal, Unquotable
from keeper.model import (
    Approved,
    Beliefs,
    Candidate,
    Cost,
    Decision,
    Deferred,
    History,
    Hold,
    Mandate,
    Plan,
    Prediction,
    Preventative,
    Reason,
    Refused,
    Snapshot,
    State,
    Vault,
    Venue,
    Verdict,
)
from keeper.plan import policy
from keeper.plan.infeasible import BAND, CAPPED, FLASH, LIQUIDITY, SMALL
from keeper.plan.infeasible.loss import eased
from keeper.plan.limits import TURNOVER, UNDER, down
from keeper.plan.policy import parts
from keeper.plan.tier import Pools, most_sold, plans
from keeper.simulate import simulate
from keeper.units import Address, Timestamp, Wei

SLOT_S = 12
"""Seconds from the snapshot to the block that a plan is predicted for."""
RESCUE_SHARE_OF_LOSS = 0.8
"""Of what a rescue may lose: more than this is planned only where less would not go a fair part as far ..."""
RESCUE_FAIR_PART = 0.25
"""... which is this."""
RESCUE_DEADLINE_S = 120
"""A rescue that old is planned anew."""
MAX_HALVINGS = 6
CLOSER = 3
"""Bisections from a plan that was halved towards the largest that passes."""
_ABOUT = 0.99
"""Of min_trade: whole units and prices that move while a trade is sized."""
SIZE = (
    frozenset(("C-6", "C-7", "C-10", "C-11b", "C-11d", "C-11t", "C-11u", "C-14", "K-33"))
    | frozenset(("M-max_turnover", "M-max_trade", "M-venue_limits", CAPPED))
    | frozenset(("35", "36", "50", "51", "C-33", "Flash", "LIQUIDITY"))  # where the exact replay stops
)
"""Guards, and limits of the lending market, that a smaller trade may satisfy."""
LENT = frozenset((LIQUIDITY, FLASH))
"""What stands in the way of a rescue's size besides: housekeeping's planner has tried less by itself."""


def decide(history: History, state: State, beliefs: Beliefs, mandate: Mandate, seed: int) -> Decision:
    """Judge one vault at one block: Approved, Hold or Refused, why, and the vault's next memory.

    Deterministic; no I/O. `seed` is for stages that draw; the closed-form forecast draws nothing.
    """
    snapshot = history.snapshot
    vault = snapshot.vault(mandate.vault)
    if reasons := guard.preflight(snapshot, vault, state, mandate):
        return Decision(Refused(reasons), state, None, None)
    try:
        seen = _see(snapshot, vault, beliefs, mandate, state)
    except Refusal as error:  # such as a lending market without a price of its own
        return Decision(Refused((Reason(error.code, f"{mandate.name}: {error}"),)), state, None, None)
    trigger = policy.trigger(seen)
    if reasons := guard.blackout(snapshot, mandate, trigger.kind == "rescue"):
        return Decision(Refused(reasons), state, seen.drift, seen.forecast, trigger.why)
    case = _Case(snapshot, vault, seen, trigger)
    verdict, after, why = case.judged()
    for token in vault.tokens:
        why = why.replace(token.address, token.symbol)
    return Decision(verdict, after, seen.drift, seen.forecast, why, trigger.edge.chance if trigger.edge else None)


def _see(snapshot: Snapshot, vault: Vault, beliefs: Beliefs, mandate: Mandate, state: State) -> policy.Seen:
    """The vault against its mandate; a health factor against the levels that volatility asks for."""
    problem, drift = vault.problem(snapshot, mandate), vault.drift(snapshot, mandate)
    expected = forecasting.forecast(problem, drift, beliefs, mandate, base_fee=snapshot.head.base_fee)
    now = snapshot.head.timestamp
    late_s = max(now - snapshot.round(t.address).updated_at for t in vault.tokens)
    levelled = policy.adapted(mandate.goal, problem, drift, expected, late_s)
    if levelled != (problem, drift):
        problem, drift = levelled
        expected = forecasting.forecast(problem, drift, beliefs, mandate, base_fee=snapshot.head.base_fee)
    return policy.Seen(problem, drift, expected, mandate, state, now, vault.guard.last_action_at, vault.guard.epoch)


@dataclass(frozen=True, slots=True)
class _Case:
    """One vault at one block, with what its policy said."""

    snapshot: Snapshot
    vault: Vault
    seen: policy.Seen
    trigger: policy.Trigger

    @property
    def mandate(self) -> Mandate:
        return self.seen.mandate

    def judged(self) -> tuple[Verdict, State, str]:
        """The verdict, the vault's next memory, and why."""
        verdict, state, why = self._judged()
        if isinstance(verdict, Approved) and (small := self._small_leg(verdict)):
            verdict = replace(verdict, plan=replace(verdict.plan, limits=(*verdict.plan.limits, small)))
        return verdict, state, why

    def _small_leg(self, approved: Approved) -> Reason | None:
        """That a leg is worth less than the mandate's min_trade, which routes keep to where they can."""
        base, least = self.vault.tokens[0], self._smallest_leg(approved)
        if approved.plan.urgent or least >= self.mandate.min_trade * _ABOUT:
            return None
        sentence = (
            f"a leg is worth {down(least)} {base.symbol}, under min_trade: no way without so small a one was found"
        )
        return Reason(SMALL, f"{self.mandate.name}: {sentence}")

    def _judged(self) -> tuple[Verdict, State, str]:
        state, why = self.seen.state, self.trigger.why
        if not self.trigger.acts:
            return Hold(_nothing(why)), self._rested(acting=False), why
        if self.trigger.kind == "rescue":
            return self._acted(self._best(1.0), state)
        pause = self._pause()
        if pause.why:
            return Hold(_nothing(pause.why)), replace(pause.state, acting=True), pause.why
        return self._acted(self._best(1.0), pause.state)

    def _rested(self, acting: bool) -> State:
        served = policy.period(self.seen) or self.seen.state.served
        return replace(self.seen.state, acting=acting, deferred=None, progress=None, served=served)

    def _acted(self, verdict: Verdict, state: State) -> tuple[Verdict, State, str]:
        """What the gates leave of a verdict; a rescue passes them all."""
        why = self.trigger.why
        if isinstance(verdict, Hold):
            return verdict, self._rested(acting=True), f"{why}; {self._not_yet(verdict.plan)}"
        state = replace(state, acting=True)
        if self.trigger.kind == "rescue":
            return verdict, replace(state, deferred=None, progress=None), why
        if not isinstance(verdict, Approved):  # whatever was begun goes on when it may
            return verdict, state, why
        if against := self._against(verdict):
            held = replace(verdict.plan, legs=(), move=None, reason=against)
            return Hold(held), self._rested(acting=True), f"{why}; {against}"
        if deferred := self._deferred():
            held = replace(verdict.plan, legs=(), move=None, reason=deferred.reason)
            return Hold(held), replace(state, deferred=deferred), f"{why}; {deferred.reason}"
        return self._in_parts(verdict, state)

    def _told(self, raw: float) -> str:
        base = self.vault.tokens[0]
        return f"{raw / 10**base.decimals:,.4g} {base.symbol}"

    def _not_yet(self, plan: Plan) -> str:
        """Why no plan is worth its cost, in the base asset; or what stands in the way of any."""
        if plan.waiting.total <= 0.0:
            return plan.reason
        horizon = policy.duration(self.mandate.horizon_s)
        wait, trade = self._told(plan.waiting.total), self._told(plan.cost.total)
        return f"not worth it yet: waiting {horizon} costs {wait}, the best trade {trade}"

    # --- the best plan that the guards let through --------------------------------------------------------------------

    def _best(self, share: float) -> Verdict:
        """The best plan that the guards let through; a smaller one where only size stands in the way, else why not.

        Half a rescue now and half after the cooldown is better than none: a vault must not be watched into liquidation
        because its whole way back would cost more than one action may. Where the chain allows a rescue of the urgent
        tier, that comes first: nothing that housekeeping waits for holds it up.
        """
        rescue = self._rescue() if self.vault.urgent(self.snapshot) else None
        if isinstance(rescue, Approved):
            return rescue
        if rescue is not None and (faults := self.vault.faults(self.mandate)):  # nothing else may pass then
            return Refused((*(rescue.reasons if isinstance(rescue, Refused) else ()), *faults), rescue.plan)
        verdict = self._within_limits(share)
        return rescue if rescue is not None and not isinstance(verdict, Approved) else verdict

    def _within_limits(self, share: float) -> Verdict:
        """The best plan of housekeeping, halved as long as only its size stands in the way.

        Where half is too little to be worth it, or leaves a health factor under its band, bisected back towards what
        was refused.
        """
        refused: list[tuple[float, Refused]] = []
        low, part, closer = 0.0, share, 0
        for _ in range(MAX_HALVINGS + 1):
            verdict = self._chosen(self._plans(part))
            if not isinstance(verdict, Refused):
                return self._smaller(verdict, part, refused) if refused else verdict
            refused.append((part, verdict))
            if not {reason.id for reason in verdict.reasons} <= SIZE:
                low, closer = part, closer + 1
            if low == share or closer > CLOSER:
                break
            part = (low + _too_large(refused)) / 2.0
        first = refused[0][1]
        return replace(first, reasons=(*first.reasons, *self._eased(refused)))

    def _smaller(self, verdict: Approved | Hold, low: float, refused: list[tuple[float, Refused]]) -> Verdict:
        """The largest plan found that passes, of at least the share `low`, with what kept a larger one from it."""
        first, high = refused[0][1], _too_large(refused)
        if not isinstance(verdict, Approved):
            return first
        for _ in range(CLOSER if self.trigger.kind == "rescue" and self._short(verdict) else 0):
            middle = (low + high) / 2.0
            larger = self._chosen(self._plans(middle))
            if isinstance(larger, Approved):
                verdict, low = larger, middle
            else:
                high = middle
        stood = tuple(reason for reason in first.reasons if reason.id != "C-14")  # which follows from C-6
        if {reason.id for reason in first.reasons} <= guard.LOSSES and self._short(verdict):
            whole, caps = self._losses(first.plan), self.vault.limits
            stood = (
                eased(self.mandate, caps, guard.REPLAY_SHARE_OF_LOSS, whole, what="all of the way back at once")
                or stood
            )
        return replace(verdict, plan=replace(verdict.plan, limits=(*verdict.plan.limits, *stood)))

    def _short(self, verdict: Approved) -> bool:
        """Whether a plan leaves the vault outside its band."""
        return self.vault.left(self.snapshot, self.mandate, verdict.prediction).distance > 1.0

    def _eased(self, refused: list[tuple[float, Refused]]) -> tuple[Reason, ...]:
        """What would let the smallest of the plans pass of which only the loss of one action is too large.

        And where min_trade stands in the way of less, the one that would not.
        """
        told = any(reason.id.startswith("P-") for reason in refused[0][1].reasons)
        leg = None if told else self._least_leg(refused)
        lossy = [part for part, one in refused if {reason.id for reason in one.reasons} <= guard.LOSSES]
        plans = self._plans(min(lossy)) if lossy else ()
        judged = [self._verdict(plan) for plan in plans if plan.acts]
        found = [one.plan for one in judged if isinstance(one, Refused) and {r.id for r in one.reasons} <= guard.LOSSES]
        left = [one for plan in found for one in self._losses(plan)]
        return eased(self.mandate, self.vault.limits, guard.REPLAY_SHARE_OF_LOSS, left, leg)

    def _losses(self, plan: Plan | None) -> list[Prediction]:
        """The plan's replay; nothing where there is none."""
        try:
            return [self._replayed(plan)] if plan is not None else []
        except (Refusal, Unquotable):
            return []

    def _least_leg(self, refused: list[tuple[float, Refused]]) -> float | None:
        """The least leg of the largest smaller plan that passes but for min_trade, in units of the base asset."""
        small = [part for part, one in refused[1:] if {reason.id for reason in one.reasons} & {SMALL, TURNOVER}]
        free = replace(self, seen=replace(self.seen, mandate=replace(self.mandate, min_trade=0.0)))
        for part in sorted(small, reverse=True):
            found = free._chosen(free._plans(part))
            if isinstance(found, Approved) and found.plan.legs:
                return self._smallest_leg(found) * UNDER
        return None

    def _smallest_leg(self, approved: Approved) -> float:
        """What the least leg sells, in units of the base asset."""
        base = self.vault.tokens[0]
        unit = self.snapshot.round(base.address).price_x36 * 10**base.decimals
        sold = (f.amount_in * self.snapshot.round(f.token_in).price_x36 / unit for f in approved.prediction.fills)
        return min(sold, default=math.inf)

    def _rescue(self) -> Verdict:
        """One action of the urgent tier to the target, or as much of the way as the guards let through, by bisection.

        A part of what may be lost is kept for what moves meanwhile, where there is a choice. What was found to pass is
        not given up for what stands in the way of less.
        """
        roomy: tuple[float, Approved] | None = None
        tight: tuple[float, Approved] | None = None
        first: Verdict | None = None
        low, share, high, refused = 0.0, 1.0, 1.0, 1.0
        for _ in range(MAX_HALVINGS + 1):
            verdict = self._chosen(self._plans(share, urgent=True))
            first = first or verdict
            if isinstance(verdict, Refused) and not {reason.id for reason in verdict.reasons} <= SIZE | LENT:
                break
            if isinstance(verdict, Approved) and self._lost(verdict) <= RESCUE_SHARE_OF_LOSS:
                roomy, low = (share, verdict), share
            else:
                high = share
                if isinstance(verdict, Approved):
                    tight = tight or (share, verdict)
                elif tight is None:
                    refused = share
            if low == high:
                break
            share = (low + high) / 2.0
        assert first is not None
        if roomy is not None and (tight is None or roomy[0] >= RESCUE_FAIR_PART * tight[0]):
            return roomy[1]
        if tight is None:
            return first
        for _ in range(CLOSER if tight[0] < refused else 0):
            share = (tight[0] + refused) / 2.0
            verdict = self._chosen(self._plans(share, urgent=True))
            if isinstance(verdict, Approved):
                tight = share, verdict
            else:
                refused = share
        return tight[1]

    def _lost(self, approved: Approved) -> float:
        """What a plan is predicted to lose, as a share of what it may."""
        most = guard.most_loss(self.vault, self.mandate, approved.plan, approved.prediction)
        return (approved.prediction.nav_before - approved.prediction.nav_after) / max(1, most)

    def _chosen(self, plans: tuple[Plan, ...]) -> Verdict:
        """The first plan that the guards let through; where none passes, why the first did not."""
        if self.trigger.problem != self.seen.problem:
            plans = policy.renamed(plans)
        if self.trigger.kind == "prevent":
            return self._prevented(plans)
        first: Refused | None = None
        for plan in plans:
            if not plan.acts:
                blocked = tuple(reason for reason in plan.limits if reason.id != BAND)
                return first or (Refused(blocked, plan) if blocked else Hold(plan))
            if first is not None and self._not_worth(plan):
                return first
            verdict = self._verdict(plan)
            if isinstance(verdict, Approved):
                return verdict
            first = first or verdict
        assert first is not None
        return first

    def _not_worth(self, plan: Plan) -> bool:
        """Whether waiting costs less: what was preferred to waiting is no reason to carry out what is not."""
        cheapest = self.mandate.policy.settle == "cheapest" and not plan.urgent
        return cheapest and plan.waiting.total <= plan.cost.total

    def _prevented(self, plans: tuple[Plan, ...]) -> Verdict:
        """As `_chosen`, every plan and the waiting weighed with the band that either may still break."""
        rules, edge = self.mandate.policy, self.trigger.edge
        assert isinstance(rules, Preventative)
        assert edge is not None
        acting = [plan for plan in plans if plan.acts]
        judged = [self._verdict(plan) for plan in acting]
        passed = [one for one in judged if isinstance(one, Approved)]
        if not passed:
            return next((one for one in judged if isinstance(one, Refused)), None) or Hold(plans[0])
        lefts = [self.vault.left(self.snapshot, self.mandate, one.prediction) for one in passed]
        reached = [next(q.value for q in left.quantities if q.name == edge.quantity.name) for left in lefts]
        furthest = max(range(len(passed)), key=lambda k: abs(reached[k] - edge.quantity.value))
        threat = policy.threat(edge, passed[furthest].plan.cost, reached[furthest], rules.stress)
        plans = policy.weighed(tuple(one.plan for one in passed), threat, self.seen.drift, lefts)
        k = min(range(len(plans)), key=lambda i: plans[i].cost.total)
        best = plans[k]
        if rules.settle == "cheapest" and best.waiting.total <= best.cost.total:
            return Hold(replace(best, legs=(), move=None, reason=f"waiting is cheaper than {best.reason}"))
        return replace(passed[k], plan=best)

    def _plans(self, share: float, urgent: bool = False) -> tuple[Plan, ...]:
        """As `plan.plans`, for the problem and the tier at hand."""
        snapshot, vault, mandate = self.snapshot, self.vault, self.mandate
        asked = Pools(guard.most_slippage(vault, mandate, urgent), guard.most_deviation(vault, urgent))
        return plans(snapshot, vault, mandate, self.trigger.problem, self.seen.forecast, asked, share, urgent)

    def _replayed(self, plan: Plan) -> Prediction:
        return simulate(self.snapshot, self.vault.address, plan, Timestamp(self.snapshot.head.timestamp + SLOT_S))

    def _verdict(self, plan: Plan) -> Approved | Refused:
        snapshot, vault, mandate = self.snapshot, self.vault, self.mandate
        try:
            prediction = self._replayed(plan)
        except (Refusal, Unquotable) as error:
            code = error.code if isinstance(error, Refusal) else "K-33"
            return Refused((Reason(code, f"{mandate.name}: the exact replay stops: {error}"),), plan)
        # A rescue's loss is bounded on chain at the prices of its own block; a floor made of this block's would stop it
        # when the feed moves on, which is when it is needed.
        floor = 0 if plan.urgent else prediction.nav_before - guard.most_loss(vault, mandate, plan, prediction)
        lasts_s = min(mandate.deadline_s, RESCUE_DEADLINE_S) if plan.urgent else mandate.deadline_s
        deadline = Timestamp(snapshot.head.timestamp + lasts_s)
        order = vault.order(snapshot, plan, deadline, floor)
        case = guard.Case(snapshot, vault, self.seen.state, mandate, plan, order, prediction)
        if reasons := guard.judge(case):
            return Refused(reasons, plan)
        return Approved(vault.address, order, plan, vault.encode(order, plan), prediction)

    # --- what an approved plan must pass ------------------------------------------------------------------------------

    def _against(self, approved: Approved) -> str:
        """Why the plan is not worth its while by the mandate's gates; empty when it is."""
        gates, base, plan = self.mandate.gates, self.vault.tokens[0], approved.plan
        if against := policy.too_little(plan, gates, 10.0**base.decimals, base.symbol):
            return against
        if gates.payback_s is None:
            return ""
        left = self.vault.left(self.snapshot, self.mandate, approved.prediction)
        rates = [
            policy.running(self.seen.problem, drift, self.seen.forecast, self.mandate)
            for drift in (self.seen.drift, left)
        ]
        return policy.too_slow(plan, gates, (rates[0] - rates[1]) * approved.prediction.nav_before)

    def _deferred(self) -> Deferred | None:
        tip, expected = self.mandate.lanes.normal.tip, self.seen.forecast
        price = Wei(self.snapshot.head.base_fee + tip)
        gates, state, now = self.mandate.gates, self.seen.state, self.seen.now
        return policy.deferral(gates, state, price, tip, policy.pressing(self.seen), expected.level("gas"), now)

    # --- a trade in parts ---------------------------------------------------------------------------------------------

    def _spacing(self) -> int:
        return parts.spacing(self.mandate.chunks, self.seen.state, self.vault.limits.cooldown_s, SLOT_S)

    def _pause(self) -> parts.Pause:
        """Whether a schedule's next part must wait for its pools."""
        state = self.seen.state
        pools = [pool for pool, _ in state.progress.left] if state.progress is not None else []
        off = tuple((pool, guard.off_oracle(self.snapshot, self.snapshot.venue(pool))) for pool in pools)
        since = self.seen.now - self.vault.guard.last_action_at
        return parts.pause(state, self.seen.epoch, since, self._spacing(), off)

    def _in_parts(self, whole: Approved, state: State) -> tuple[Verdict, State, str]:
        """The first part of a trade whose impact is worth splitting, else the whole trade."""
        mandate, why, epoch = self.mandate, self.trigger.why, self.seen.epoch
        if self.trigger.kind == "prevent":
            wait, trade = self._told(whole.plan.waiting.total), self._told(whole.plan.cost.total)
            why = f"{why}: acting now costs {trade} with what it leaves, waiting {wait}"
        n = parts.count(whole.plan, mandate.chunks, mandate.horizon_s, self._spacing())
        part: Verdict = whole
        if n > 1:
            sold = guard.turnover(self.snapshot, self.vault, whole.prediction)
            part = self._best(sold / n / most_sold(self.snapshot, self.vault, mandate))
        if not isinstance(part, Approved):
            part, n = whole, 1
        state = replace(state, progress=parts.begun(state, epoch, n, self._left_off(part)))
        if n > 1:
            chosen = Candidate(f"{part.plan.reason}, one of {n} parts", part.plan.cost)
            shown = (*whole.plan.candidates, chosen)
            part = replace(part, plan=replace(part.plan, reason=chosen.name, candidates=shown))
            after = policy.duration(self._spacing())
            why = f"{why}; one of {n} parts, to move the pools less: the next is decided in {after}"
        return part, state, why

    def _left_off(self, approved: Approved) -> tuple[tuple[Address, float], ...]:
        """How far each pool that is used will be off the oracle's price, a fraction."""
        found = []
        for pool in dict.fromkeys(fill.pool for fill in approved.prediction.fills):
            venue: Venue = self.snapshot.venue(pool)
            for fill in approved.prediction.fills:
                if fill.pool == pool:
                    venue = venue.after(fill.token_in, fill.amount_in)
            found.append((pool, guard.off_oracle(self.snapshot, venue)))
        return tuple(found)


def _too_large(refused: list[tuple[float, Refused]]) -> float:
    """The smallest share of which only its size stands in the way."""
    return min(part for part, one in refused if {reason.id for reason in one.reasons} <= SIZE)


def _nothing(why: str) -> Plan:
    return Plan((), None, Cost(), Cost(), why)
