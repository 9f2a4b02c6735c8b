"""A block and a shock in, the block as the shock would leave it, and what the keeper would do there, out."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from keeper.costs import first_passage, liquidations, years
from keeper.decide import SLOT_S, decide
from keeper.guard import off_oracle
from keeper.model import (
    Approved,
    Beliefs,
    Decision,
    Drift,
    Forecast,
    HealthGoal,
    HealthProblem,
    History,
    Mandate,
    Snapshot,
    State,
    Vault,
    Venue,
)
from keeper.units import BPS, Address, PriceX36, Timestamp, Wei

STEADY = 0.1
"""A year: a token that is believed to move less is pegged to the quote currency."""
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Shock:
    """What happens at once: prices of volatile and of pegged tokens times a factor, gas times one, debt at a rate.

    `after_s` is how long the vault then stands before the keeper looks: rates need time to bite.
    """

    name: str
    words: str
    volatile: float = 1.0
    pegged: float = 1.0
    gas: float = 1.0
    borrowing: float | None = None
    after_s: int = 0


SHOCKS = (
    *(Shock(f"-{fall}", f"prices -{fall} %", volatile=1.0 - fall / 100) for fall in (10, 20, 30, 40, 50)),
    Shock("depeg", "pegged tokens at 0.90", pegged=0.9),
    Shock("rates", "debt at 100 %, a week", borrowing=1.0, after_s=7 * _DAY_S),
    Shock("gas", "gas × 20", gas=20.0),
    Shock("crash", "prices -30 %, gas × 20", volatile=0.7, gas=20.0),
)


@dataclass(frozen=True, slots=True)
class Struck:
    """One vault under one shock. `before`, `hit` and `left` are drifts: now, in the shock, and after the keeper's plan.

    `in_time` is the chance that nobody liquidates before the last action lands; None where there is no debt. `loss` is
    what liquidators would be expected to take within the horizon if nobody acted, `kept` what they still would, raw
    units of the base asset; `actions` how many the way back takes, `apart_s` apart.
    """

    shock: Shock
    before: Drift
    hit: Drift | None
    decision: Decision
    left: Drift | None
    in_time: float | None
    loss: float
    kept: float
    actions: int
    apart_s: int


def under(
    snapshot: Snapshot, state: State, beliefs: Beliefs, mandate: Mandate, seed: int, shocks: Iterable[Shock] = SHOCKS
) -> tuple[Struck, ...]:
    """What each shock would do to the vault of `mandate`, and what the keeper would do there; deterministic.

    Plans are made, replayed and judged as ever, on the shocked block, its pools at the shocked prices by the swaps that
    take them there; a pool whose read window ends before is left out. Open intents and deferrals do not count.
    """
    before = snapshot.vault(mandate.vault).drift(snapshot, mandate)
    pegged = _pegged(beliefs)
    calm = replace(state, open_intents=(), open_rescues=(), deferred=None, progress=None)
    return tuple(_outcome(before, shocked(snapshot, one, pegged), one, calm, beliefs, mandate, seed) for one in shocks)


def shocked(snapshot: Snapshot, shock: Shock, pegged: frozenset[Address]) -> Snapshot:
    """The block as `shock` would leave it: feeds, lending markets, pools, gas, and what the vaults say they are."""
    factors = {r.token: shock.pegged if r.token in pegged else shock.volatile for r in snapshot.rounds}
    now = Timestamp(snapshot.head.timestamp + shock.after_s)
    rounds = tuple(
        replace(
            r,
            answer=_times(r.answer, factors[r.token]),
            price_x36=PriceX36(_times(r.price_x36, factors[r.token])),
            updated_at=Timestamp(r.updated_at + shock.after_s),
        )
        for r in snapshot.rounds
    )
    gas_token = next((factors[r.token] for r in snapshot.rounds if r.feed == snapshot.native.feed), shock.volatile)
    native = replace(snapshot.native, price_x36=PriceX36(_times(snapshot.native.price_x36, gas_token)))
    borrowing = {} if shock.borrowing is None else dict.fromkeys(factors, shock.borrowing)
    moved = replace(
        snapshot,
        head=replace(snapshot.head, timestamp=now, base_fee=Wei(_times(snapshot.head.base_fee, shock.gas))),
        rounds=rounds,
        native=native,
        markets=tuple(m.shocked(factors, borrowing) for m in snapshot.markets),
        venues=tuple(_followed(v, factors) for v in snapshot.venues),
    )
    return replace(moved, vaults=tuple(_valued(v, moved) for v in snapshot.vaults))


def _times(amount: int, factor: float) -> int:
    """Exact for factors of nine decimals: a price of 36 has more digits than a float."""
    return amount * round(factor * 10**9) // 10**9


def _followed(venue: Venue, factors: Mapping[Address, float]) -> Venue:
    """The pool once arbitrage has taken it as far as the ratio of the two tokens' prices moved."""
    first, second = venue.tokens
    ratio = factors.get(first, 1.0) / factors.get(second, 1.0)
    if ratio == 1.0:
        return venue
    sold = first if ratio < 1.0 else second
    price = venue.mid(sold) * (ratio if sold == first else 1.0 / ratio)
    amount = venue.best_input(sold, price * (1.0 - venue.fee))
    return venue.after(sold, amount) if amount else venue


def _valued(vault: Vault, snapshot: Snapshot) -> Vault:
    if vault.reported_nav is None:
        return vault
    worth = vault.nav(snapshot, snapshot.head.timestamp)
    return replace(vault, reported_nav=worth)  # type: ignore[type-var]  # every vault is a frozen value


def _outcome(
    before: Drift, hit: Snapshot, shock: Shock, state: State, beliefs: Beliefs, mandate: Mandate, seed: int
) -> Struck:
    vault = hit.vault(mandate.vault)
    reach = vault.limits.max_deviation / BPS
    venues = tuple(
        p for p in mandate.venues or vault.venues if p in vault.venues and abs(off_oracle(hit, hit.venue(p))) <= reach
    )
    decision = decide(History(hit, ()), state, beliefs, replace(mandate, venues=venues or mandate.venues), seed)
    verdict, expected = decision.verdict, decision.forecast
    left = vault.left(hit, mandate, verdict.prediction) if isinstance(verdict, Approved) else None
    problem = vault.problem(hit, mandate) if decision.drift is not None else None
    actions, in_time, loss, kept = _actions(decision, left), None, 0.0, 0.0
    urgent = verdict.plan is not None and verdict.plan.urgent
    apart_s = SLOT_S if urgent else vault.limits.cooldown_s
    if isinstance(problem, HealthProblem) and expected is not None and problem.debt_raw and decision.drift is not None:
        risk = _Risk(problem, expected)
        health = decision.drift.quantities[0].value
        late = risk.touch(health, _react_s(mandate, hit, vault) + max(0, actions - 1) * apart_s)
        in_time, loss = 1.0 - late, risk.loss(health, 1.0, mandate.horizon_s)
        kept = loss
        if isinstance(verdict, Approved) and left is not None:
            rest = verdict.prediction.debt_raw / problem.debt_raw
            kept = min(loss, late * loss + (1.0 - late) * risk.loss(left.quantities[0].value, rest, mandate.horizon_s))
    return Struck(shock, before, decision.drift, decision, left, in_time, loss, kept, actions, apart_s)


def _react_s(mandate: Mandate, snapshot: Snapshot, vault: Vault) -> int:
    """Until an action planned now lands: the mandate's time to act, or else a block, after what a cooldown leaves."""
    goal = mandate.goal
    act = goal.react_s if isinstance(goal, HealthGoal) else SLOT_S
    left = vault.guard.last_action_at + vault.limits.cooldown_s - snapshot.head.timestamp
    return act + max(0, left)


@dataclass(frozen=True, slots=True)
class _Risk:
    """The chance to be liquidated and what it costs, under the believed volatility."""

    problem: HealthProblem
    forecast: Forecast

    @property
    def sigma(self) -> float:
        return math.hypot(*(s for _, s in self.forecast.sigma)) / math.sqrt(years(self.forecast.horizon_s))

    @property
    def carry(self) -> float:
        return self.problem.supply_rate - self.problem.borrow_rate

    def touch(self, health: float, within_s: int) -> float:
        if health <= 1.0:
            return 1.0
        return first_passage(math.log(health), self.sigma, self.carry - self.sigma**2 / 2.0, years(within_s))

    def loss(self, health: float, rest: float, within_s: int) -> float:
        """Raw units of the collateral, which is the base asset; `rest` is the share of the debt that is left."""
        one = self.problem
        debt = one.debt_raw * rest * one.debt_price / one.collateral_price
        return liquidations(health, debt, one.threshold, one.bonus, self.sigma, self.carry, years(within_s))


def _actions(decision: Decision, left: Drift | None) -> int:
    """One where the plan mends what is worst; else as many as the way to its band takes at the plan's pace."""
    if left is None or decision.drift is None:
        return 0
    name = decision.drift.name
    hit, now = (next(q for q in drift.quantities if q.name == name) for drift in (decision.drift, left))
    if now.low <= now.value <= now.high or abs(now.value - now.target) >= abs(hit.value - hit.target):
        return 1
    edge = now.low if now.value < now.target else now.high
    return math.ceil(abs(edge - hit.value) / abs(now.value - hit.value))


def _pegged(beliefs: Beliefs) -> frozenset[Address]:
    return frozenset(token for token, sigma in beliefs.volatility if sigma < STEADY)
