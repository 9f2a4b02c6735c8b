"""A health factor outside its band in, the cheapest way back, or the reason to wait, out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from keeper.costs import (
    NoTrade,
    borrow_for_health,
    implied_volatility,
    liquidations,
    no_trade,
    sell_for_health,
    years,
)
from keeper.errors import Unquotable
from keeper.model import Candidate, Cost, Forecast, HealthGoal, HealthProblem, LeverageMove, Mandate, Plan, Reason
from keeper.plan.infeasible import capped
from keeper.plan.route import Capped, Market, Order, Trades, route
from keeper.plan.routing.gas import Pools
from keeper.plan.volatility import relative_variance
from keeper.units import BPS

_ROUNDS = 4
"""The size depends on the cost and the cost on the size; each round shrinks the error by about the cost itself."""
_SETTLED = 1e-5
"""A round that would change the size by less than this share of it is left out."""
_CLOSE = 0.995
"""Share of Aave's own limits that an action without a flash loan may use."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What bounds one action: `turnover` in the market's currency, minimum trade likewise, and the fixed gas."""

    turnover: float
    min_trade: float
    base_gas: int
    flash_gas: int
    rescue: "Rescuing | None" = None
    widen: str = "wait for the turnover budget"
    """What would let more be sold than `turnover`."""


@dataclass(frozen=True, slots=True)
class Rescuing:
    """An action of the urgent tier: `share` of the trade to the target and never more, nothing weighed against waiting.

    `reward` is what is freed besides what is sold, bps of it, for whoever pulls the ripcord.
    """

    share: float = 1.0
    reward: int = 0


@dataclass(frozen=True, slots=True)
class _Tried:
    name: str
    trades: Trades
    move: LeverageMove
    cost: Cost
    collateral: float
    debt: float
    value: float = 0.0
    rate: float = 0.0
    """Of the value that was sold, what it cost."""


def plan_health(
    problem: HealthProblem, forecast: Forecast, mandate: Mandate, open_market: Callable[[], Market], bounds: Bounds
) -> tuple[Plan, ...]:
    """Plans in order of preference: the least total of execution and of the state left behind first.

    Doing nothing is a candidate: where it is cheapest it comes first.

    The state is valued as the tracking problem in the collateral's multiple of net worth, plus what liquidators are
    expected to take over the horizon. A flash loan is used only where the market's own limits need it.
    """
    health = _health(problem, *_values(problem))
    goals = _goals(problem, health, mandate, bounds.rescue)
    trials: list[_Tried] = []
    refused: list[Candidate] = []
    told: list[Reason] = []
    market = open_market()

    def consider(target: float, name: str) -> None:
        try:
            used = trials[0].trades.used[:-1] if trials else ()  # what is traded is always searched for anew
            trials.append(_try(problem, target, name, market, bounds, used, trials))
        except (Unquotable, ValueError) as error:
            if isinstance(error, Capped):
                told.append(capped(mandate, error))
            refused.append(Candidate(name, Cost(), f"not possible: {error}"))

    for goal in goals:
        consider(*goal)
    if not trials:
        why = refused[0].note if refused else "nothing to do"
        return (Plan((), None, Cost(), Cost(), why, tuple(refused), tuple(told[:1])),)
    state = _Valuer(problem, forecast, mandate, trials[0])
    inner = state.best_waiting() if len(goals) > 1 else None
    if inner is not None and problem.low < inner < problem.high:
        consider(inner, f"health factor to {inner:.3f} (where waiting is best)")
    waiting = state.waiting()
    valued = [(t, state.cost(t)) for t in trials]
    ranked = sorted(valued, key=lambda pair: pair[1].total)
    best, cost = ranked[0]
    candidates = (
        Candidate("do nothing", waiting, f"over {mandate.horizon_s / 3600:.0f} h"),
        *(Candidate(t.name, c, "flash loan" if t.move.flash else "no flash loan") for t, c in valued),
        *refused,
    )
    acting = tuple(Plan(t.trades.legs, t.move, c, waiting, t.name, candidates) for t, c in ranked)
    if mandate.policy.settle == "cheapest" and bounds.rescue is None and waiting.total <= cost.total:
        reason = f"waiting costs {waiting.total:.0f}, the best trade ({best.name}) {cost.total:.0f}, in raw base units"
        return (Plan((), None, cost, waiting, reason, candidates), *acting)
    return acting


def plan_pull(problem: HealthProblem, market: Market, bounds: Bounds) -> Plan:
    """A rescue towards the target within `bounds`, weighed against nothing: for whoever pulls the ripcord.

    Raises errors.Unquotable when there is none.
    """
    if _health(problem, *_values(problem)) >= problem.target:
        raise Unquotable(f"the health factor is at its target of {problem.target:.3f} already")
    try:
        tried = _try(problem, problem.target, f"towards a health factor of {problem.target:.3f}", market, bounds)
    except ValueError as error:
        raise Unquotable(str(error)) from error
    return Plan(tried.trades.legs, tried.move, tried.cost, Cost(), tried.name)


def _values(problem: HealthProblem) -> tuple[float, float]:
    """Collateral (idle included) and debt in the market's currency."""
    held = problem.collateral_raw + problem.idle_collateral_raw
    return held * problem.collateral_price, problem.debt_raw * problem.debt_price


def _health(problem: HealthProblem, collateral: float, debt: float) -> float:
    return problem.threshold * collateral / debt if debt > 0.0 else math.inf


def _goals(
    problem: HealthProblem, health: float, mandate: Mandate, rescue: Rescuing | None
) -> tuple[tuple[float, str], ...]:
    if rescue is not None:
        part = "" if rescue.share == 1.0 else f", {rescue.share:.0%} of the way"
        return ((problem.target, f"rescued: health factor to {problem.target:.3f} (target{part})"),)
    edge = problem.low * 1.01 if health < problem.target else problem.high * 0.99
    middle = (problem.target + edge) / 2.0
    ways = ((problem.target, "target"), (middle, "half way to target"), (edge, "just inside the band"))
    chosen = {"target": ways[:1], "edge": ways[2:], "cheapest": ways}[mandate.policy.settle]
    return tuple((goal, f"health factor to {goal:.3f} ({name})") for goal, name in chosen)


def _try(
    problem: HealthProblem,
    target: float,
    name: str,
    market: Market,
    bounds: Bounds,
    used: tuple[Pools, ...] = (),
    before: Sequence[_Tried] = (),
) -> _Tried:
    collateral, debt = _values(problem)
    lever = _health(problem, collateral, debt) > target
    size = borrow_for_health if lever else sell_for_health

    def sized(cost: float) -> float:
        value = size(collateral, debt, problem.threshold, target, cost)
        return min(value * (bounds.rescue.share if bounds.rescue else 1.0), bounds.turnover)

    cost, last = _expected(before, sized(0.0), lever), math.inf
    for _ in range(_ROUNDS):
        value = sized(cost)
        if value <= 0.0:
            raise Unquotable(f"nothing may be sold now; {bounds.widen}")
        if not lever and value > collateral:
            raise Unquotable("more collateral would have to be sold than there is: the trade costs too much")
        if bounds.turnover < bounds.min_trade:
            raise Unquotable(f"less than the mandate's min_trade may be sold now; lower that, or {bounds.widen}")
        if value < bounds.min_trade:
            raise Unquotable("the trade would be smaller than the mandate's min_trade")
        if abs(value - last) <= _SETTLED * value:
            break
        tried = (_lever if lever else _delever)(problem, value, name, market, bounds, used)
        used, last = tried.trades.used, value
        cost = 1.0 - abs(_gained(problem, tried, lever)) / value
        tried = replace(tried, value=value, rate=cost)
    return tried


def _expected(before: Sequence[_Tried], value: float, lever: bool) -> float:
    """The rate that sizes tried before let expect: in a straight line through the last two; 0 where there are fewer."""
    known = [one for one in before if one.move.lever == lever][-2:]
    if len(known) < 2 or known[0].value == known[1].value:
        return 0.0
    first, second = known
    return first.rate + (second.rate - first.rate) * (value - first.value) / (second.value - first.value)


def _gained(problem: HealthProblem, tried: _Tried, lever: bool) -> float:
    """What the trade brought, after the flash loan's premium: collateral bought, or debt repaid."""
    collateral, debt = _values(problem)
    return tried.collateral - collateral if lever else debt - tried.debt


def _lever(
    problem: HealthProblem, value: float, name: str, market: Market, bounds: Bounds, used: tuple[Pools, ...]
) -> _Tried:
    collateral, debt = _values(problem)
    supplied = problem.collateral_raw * problem.collateral_price
    amount = int(value / problem.debt_price)
    flash = debt + value > supplied * problem.loan_to_value * _CLOSE
    premium = _premium(problem, amount) if flash else 0.0
    order = Order({problem.debt: amount}, {problem.collateral: 1.0}, {problem.debt: amount, problem.collateral: 0})
    trades = route(market, order, bounds.base_gas, used)
    return _Tried(
        name,
        trades,
        LeverageMove(lever=True, flash=flash, urgent=False, debt_amount=amount, collateral_amount=0),
        _cost(problem, market, trades, bounds, flash, premium),
        collateral + trades.net(problem.collateral) * problem.collateral_price,
        debt + value + premium,
    )


def _delever(
    problem: HealthProblem, value: float, name: str, market: Market, bounds: Bounds, used: tuple[Pools, ...]
) -> _Tried:
    collateral, debt = _values(problem)
    supplied = problem.collateral_raw * problem.collateral_price
    amount = int(value / problem.collateral_price)
    order = Order({problem.collateral: amount}, {problem.debt: 1.0}, {problem.collateral: amount, problem.debt: 0})
    trades = route(market, order, bounds.base_gas, used)
    freed = amount + (amount * bounds.rescue.reward // BPS if bounds.rescue else 0)
    flash = (supplied - freed * problem.collateral_price) * problem.threshold * _CLOSE < debt
    loan, premium = 0, 0.0
    if flash:
        legs = zip(trades.legs, trades.fills, strict=True)
        certain = sum(leg.min_out for leg, fill in legs if fill.token_out == problem.debt)
        loan = int(certain / (1.0 + problem.flash_fee)) - 1
        premium = _premium(problem, loan)
    return _Tried(
        name,
        trades,
        LeverageMove(False, flash, bounds.rescue is not None, debt_amount=loan, collateral_amount=freed),
        _cost(problem, market, trades, bounds, flash, premium),
        collateral - value,
        max(0.0, debt - trades.net(problem.debt) * problem.debt_price + premium),
    )


def _premium(problem: HealthProblem, amount: int) -> float:
    if amount > problem.flash_available_raw:
        raise Unquotable(f"a flash loan of {amount} is needed, the market can lend {problem.flash_available_raw}")
    return amount * problem.flash_fee * problem.debt_price


def _cost(problem: HealthProblem, market: Market, trades: Trades, bounds: Bounds, flash: bool, premium: float) -> Cost:
    cost = market.cost(trades.fills, bounds.base_gas + (bounds.flash_gas if flash else 0))
    return replace(cost, fees=cost.fees + premium / problem.collateral_price)


class _Valuer:
    """Values a position: tracking the target leverage, and what liquidators are expected to take.

    Nobody is assumed to act within the horizon, nor within the time that an action then needs. The volatility of the
    ratio of prices is the one that gives the forecast's own chance to touch 1 from here, fat tails and all.
    """

    def __init__(self, problem: HealthProblem, forecast: Forecast, mandate: Mandate, full: _Tried) -> None:
        self.problem, self.horizon = problem, years(mandate.horizon_s)
        self.carry = problem.supply_rate - problem.borrow_rate
        self.sigma = math.sqrt(relative_variance(forecast, problem.collateral, problem.debt))
        chance = next((t.probability for t in forecast.touches if t.barrier == 1.0), 0.0)
        distance = math.log(max(_health(problem, *_values(problem)), 1e-9))
        self.tails = implied_volatility(chance, distance, self.carry, self.horizon, self.sigma)
        react = mandate.goal.react_s if isinstance(mandate.goal, HealthGoal) else 0
        self.exposed = self.horizon + years(react)
        self.target = _multiple(problem, problem.target)
        self.region = self._region(mandate, full)

    def off(self, collateral: float, debt: float) -> float:
        """The collateral's multiple of net worth, less the target's."""
        return collateral / (collateral - debt) - self.target if collateral > debt else math.inf

    def tracking(self, collateral: float, debt: float) -> float:
        """Raw units of collateral, as every cost."""
        net = max(collateral - debt, 0.0)
        return self.region.relative_value(self.off(collateral, debt)) * net / self.problem.collateral_price

    def waiting(self) -> Cost:
        collateral, debt = _values(self.problem)
        net = max(collateral - debt, 0.0)
        risk = self.region.waiting(self.off(collateral, debt), self.horizon) * net / self.problem.collateral_price
        return Cost(risk=risk, touch=self.liquidated(collateral, debt))

    def liquidated(self, collateral: float, debt: float) -> float:
        one = self.problem
        health = _health(one, collateral, debt)
        lost = liquidations(health, debt, one.threshold, one.bonus, self.tails, self.carry, self.exposed)
        return lost / one.collateral_price

    def cost(self, tried: _Tried) -> Cost:
        return replace(
            tried.cost,
            risk=self.tracking(tried.collateral, tried.debt),
            touch=self.liquidated(tried.collateral, tried.debt),
        )

    def best_waiting(self) -> float | None:
        """The health factor at the inner edge of the region where waiting is best; None from inside it."""
        off = self.off(*_values(self.problem))
        if not abs(off) > self.region.outer:
            return None
        multiple = self.target + math.copysign(self.region.inner, off)
        return self.problem.threshold * multiple / (multiple - 1.0) if multiple > 1.0 else None

    def _region(self, mandate: Mandate, full: _Tried) -> NoTrade:
        collateral, debt = _values(self.problem)
        net = max(collateral - debt, 1e-300)
        traded = abs(full.collateral - collateral) + 1e-300
        spent = full.cost.fees + max(0.0, full.cost.impact) / mandate.chunks.most + max(0.0, full.cost.basis)
        fixed = (full.cost.gas + full.cost.l1_data) * self.problem.collateral_price / net
        speed = abs(self.target * (1.0 - self.target)) * self.sigma
        proportional = max(0.0, spent) * self.problem.collateral_price / traded
        return no_trade(mandate.risk_aversion * self.sigma**2, speed, proportional, fixed)


def _multiple(problem: HealthProblem, health: float) -> float:
    """The collateral's value in units of net worth."""
    return health / (health - problem.threshold)
