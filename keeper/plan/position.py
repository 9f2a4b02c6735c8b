"""A position and a health factor wanted in, the trade that leads there within all limits out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keeper.costs import borrow_for_health, sell_for_health
from keeper.errors import Unquotable
from keeper.model import Cost, HealthProblem, LeverageMove
from keeper.plan.limits import Held, Limit
from keeper.plan.route import Market, Order, Trades, route
from keeper.plan.routing.gas import Pools
from keeper.units import BPS

_ROUNDS = 4
"""The size depends on the cost and the cost on the size; each round shrinks the error by about the cost itself."""
_SETTLED = 1e-5
"""A round that would change the size by less than this share of it is left out."""
_CLOSE = 0.995
"""Share of Aave's own limits that an action without a flash loan may use."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What bounds one action: `turnover` in the market's currency, minimum trade likewise, and the fixed gas.

    `unit` is a whole unit of the base asset in that currency; `rules` the limits that `turnover` is the least of.
    """

    turnover: float
    min_trade: float
    base_gas: int
    flash_gas: int
    rescue: "Rescuing | None" = None
    unit: float = 1.0
    rules: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Rescuing:
    """An action of the urgent tier: `share` of the trade to the target and never more, nothing weighed against waiting.

    `reward` is what is freed besides what is sold, bps of it, for whoever pulls the ripcord.
    """

    share: float = 1.0
    reward: int = 0


class NoLoan(Unquotable):
    """The lending market cannot lend what a flash loan needs."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A trade that is possible, what it costs, and the position after it in the market's currency.

    Of the `collateral`, idle included, `pledged` secures the debt.
    """

    name: str
    trades: Trades
    move: LeverageMove
    cost: Cost
    collateral: float
    debt: float
    pledged: float
    value: float = 0.0
    rate: float = 0.0
    """Of the value that was sold, what it cost."""
    limited: bool = False
    """Whether it would have been larger, were it not for what may be sold."""


def values(problem: HealthProblem) -> tuple[float, float]:
    """Collateral (idle included) and debt in the market's currency."""
    held = problem.collateral_raw + problem.idle_collateral_raw
    return held * problem.collateral_price, problem.debt_raw * problem.debt_price


def secured(problem: HealthProblem) -> tuple[float, float]:
    """The collateral that secures the debt, which what is idle does not, and the debt, in the market's currency."""
    return problem.collateral_raw * problem.collateral_price, problem.debt_raw * problem.debt_price


def health(problem: HealthProblem) -> float:
    """The market's own health factor, as it is."""
    return health_factor(problem, *secured(problem))


def health_factor(problem: HealthProblem, collateral: float, debt: float) -> float:
    return problem.threshold * collateral / debt if debt > 0.0 else math.inf


def attempt(
    problem: HealthProblem,
    target: float,
    name: str,
    market: Market,
    bounds: Bounds,
    used: Pools = (),
    before: Sequence[Tried] = (),
) -> Tried:
    """Trade to the health factor `target`, or as far towards it as `bounds` let be sold.

    Levering supplies what is idle, de-levering does not. Raises Held where they let nothing be, NoLoan, and Unquotable
    where the pools cannot take it.
    """
    rescue = bounds.rescue is not None
    lever, share = levers(problem, target, rescue), bounds.rescue.share if bounds.rescue else 1.0
    cost, last = _expected(before, min(bounds.turnover, share * wanted(problem, target, 0.0, rescue)), lever), math.inf
    for _ in range(_ROUNDS):
        whole = share * wanted(problem, target, cost, rescue)
        value = min(whole, bounds.turnover)
        if value <= 0.0:
            raise Held("nothing may be sold now")
        if not lever and value > secured(problem)[0]:
            raise Unquotable("more collateral would have to be sold than there is: the trade costs too much")
        if bounds.turnover < bounds.min_trade:
            raise Held("less than the mandate's min_trade may be sold now")
        if abs(value - last) <= _SETTLED * value:
            break
        tried = (_lever if lever else _delever)(problem, value, name, market, bounds, used)
        used, last = tried.trades.used, value
        cost = 1.0 - abs(_gained(problem, tried, lever)) / value
        tried = replace(tried, value=value, rate=cost, limited=value < whole)
    if tried.value < bounds.min_trade:
        raise Held("the trade would be smaller than the mandate's min_trade")
    return tried


def supplied(problem: HealthProblem, market: Market, bounds: Bounds) -> Tried | None:
    """What is idle as collateral, and no trade, where that strengthens a debt; it costs gas alone."""
    collateral, debt = values(problem)
    after = health_factor(problem, collateral, debt)
    if bounds.rescue is not None or not problem.idle_collateral_raw or health(problem) >= problem.target:
        return None
    none = Trades((), (), market.cost((), bounds.base_gas))
    move = LeverageMove(lever=True, flash=False, urgent=False, debt_amount=0, collateral_amount=0)
    name = f"supply what is idle: health factor to {after:.3f}"
    return Tried(name, none, move, none.cost, collateral, debt, collateral)


def levers(problem: HealthProblem, target: float, rescue: bool) -> bool:
    """Whether the way to the health factor `target` borrows more: above it with all that is idle supplied."""
    return not rescue and health_factor(problem, *values(problem)) > target


def wanted(problem: HealthProblem, target: float, cost: float, rescue: bool = False) -> float:
    """What has to be sold for the health factor `target`, in the market's currency, at a `cost` that is a share of it.

    Raises Unquotable where the trade loses more than it relieves.
    """
    if levers(problem, target, rescue):
        return borrow_for_health(*values(problem), problem.threshold, target, cost)
    try:
        return sell_for_health(*secured(problem), problem.threshold, target, cost)
    except ValueError as error:
        raise Unquotable(str(error)) from error


def _expected(before: Sequence[Tried], value: float, lever: bool) -> float:
    """The rate that sizes tried before let expect: in a straight line through the last two; 0 where there are fewer."""
    known = [one for one in before if one.move.lever == lever][-2:]
    if len(known) < 2 or known[0].value == known[1].value:
        return 0.0
    first, second = known
    return first.rate + (second.rate - first.rate) * (value - first.value) / (second.value - first.value)


def _gained(problem: HealthProblem, tried: Tried, lever: bool) -> float:
    """What the trade brought, after the flash loan's premium: collateral bought, or debt repaid."""
    collateral, debt = values(problem)
    return tried.collateral - collateral if lever else debt - tried.debt


def _lever(problem: HealthProblem, value: float, name: str, market: Market, bounds: Bounds, used: Pools) -> Tried:
    collateral, debt = values(problem)
    amount = int(value / problem.debt_price)
    flash = debt + value > secured(problem)[0] * problem.loan_to_value * _CLOSE
    premium = _premium(problem, amount) if flash else 0.0
    order = Order({problem.debt: amount}, {problem.collateral: 1.0}, {problem.debt: amount, problem.collateral: 0})
    trades = route(market, order, bounds.base_gas, used)
    after = collateral + trades.net(problem.collateral) * problem.collateral_price
    return Tried(
        name,
        trades,
        LeverageMove(lever=True, flash=flash, urgent=False, debt_amount=amount, collateral_amount=0),
        _cost(problem, market, trades, bounds, flash, premium),
        after,
        debt + value + premium,
        after,
    )


def _delever(problem: HealthProblem, value: float, name: str, market: Market, bounds: Bounds, used: Pools) -> Tried:
    collateral, debt = values(problem)
    secures, _ = secured(problem)
    amount = int(value / problem.collateral_price)
    order = Order({problem.collateral: amount}, {problem.debt: 1.0}, {problem.collateral: amount, problem.debt: 0})
    trades = route(market, order, bounds.base_gas, used)
    freed = amount + (amount * bounds.rescue.reward // BPS if bounds.rescue else 0)
    flash = (secures - freed * problem.collateral_price) * problem.threshold * _CLOSE < debt
    loan, premium = 0, 0.0
    if flash:
        legs = zip(trades.legs, trades.fills, strict=True)
        certain = sum(leg.min_out for leg, fill in legs if fill.token_out == problem.debt)
        loan = int(certain / (1.0 + problem.flash_fee)) - 1
        premium = _premium(problem, loan)
    return Tried(
        name,
        trades,
        LeverageMove(False, flash, bounds.rescue is not None, debt_amount=loan, collateral_amount=freed),
        _cost(problem, market, trades, bounds, flash, premium),
        collateral - value,
        max(0.0, debt - trades.net(problem.debt) * problem.debt_price + premium),
        secures - value,
    )


def _premium(problem: HealthProblem, amount: int) -> float:
    if amount > problem.flash_available_raw:
        most = problem.flash_available_raw
        found = f"only {most / amount:.1%} of it" if most else "nothing"
        raise NoLoan(f"a flash loan is needed, and the market can lend {found}")
    return amount * problem.flash_fee * problem.debt_price


def _cost(problem: HealthProblem, market: Market, trades: Trades, bounds: Bounds, flash: bool, premium: float) -> Cost:
    cost = market.cost(trades.fills, bounds.base_gas + (bounds.flash_gas if flash else 0))
    return replace(cost, fees=cost.fees + premium / problem.collateral_price)
