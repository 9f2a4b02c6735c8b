"""A basket off its weights in, the cheapest way back, or the reason to wait, out."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from keeper.costs import NoTrade, no_trade, weight_speeds, years
from keeper.errors import Unquotable
from keeper.model import Candidate, Cost, Forecast, Mandate, Plan, WeightProblem
from keeper.plan.route import Market, Order, Trades, route
from keeper.plan.routing.gas import Pools
from keeper.units import Address

SIZES = ((1.0, "back to target"), (0.75, "three quarters back"), (0.5, "half way back"))
_EDGE_MARGIN = 0.98
"""A trade to the edge ends this far out, in units of the band, so that its own cost does not leave it outside."""
_SHRINKS = 4
_SHRINK_MARGIN = 0.999


@dataclass(frozen=True, slots=True)
class _Tried:
    name: str
    trades: Trades
    after: tuple[float, ...]


def plan_weights(
    problem: WeightProblem, forecast: Forecast, mandate: Mandate, open_market: Callable[[], Market], limits: "Sizes"
) -> tuple[Plan, ...]:
    """Plans in order of preference: the least total of execution and of the state left behind first.

    Doing nothing is a candidate: where it is cheapest it comes first. A plan that ends outside the band is offered
    only when none ends inside.

    The state is valued by the ergodic tracking problem, one no-trade region a token (a trade between two risky
    tokens counts for both, which overstates its use), with the proportional cost measured on the trade to target.
    """
    worth = sum(a * p for a, p in zip(problem.amounts_raw, problem.prices, strict=True))
    wealth = worth / problem.prices[0]
    weights = _weights(problem.amounts_raw, problem.prices)
    trials: list[_Tried] = []
    refused: list[Candidate] = []
    market = open_market()
    for size, name in _sizes(problem, weights, mandate):
        try:
            trials.append(_try(problem, weights, size, name, market, limits, trials))
        except Unquotable as error:
            refused.append(Candidate(name, Cost(), f"not possible: {error}"))
    if not trials:
        why = refused[0].note if refused else "every trade would be smaller than the mandate's min_trade"
        return (Plan((), None, Cost(), Cost(), why, tuple(refused)),)
    regions = _regions(problem, weights, forecast, mandate, _measured(trials[0], problem, wealth))
    horizon = years(mandate.horizon_s)
    waiting = Cost(
        risk=wealth * sum(r.waiting(w - t, horizon) for r, w, t in zip(regions, weights, problem.targets, strict=True))
    )
    valued = [
        (
            t,
            replace(
                t.trades.cost,
                risk=wealth
                * sum(r.relative_value(w - g) for r, w, g in zip(regions, t.after, problem.targets, strict=True)),
            ),
        )
        for t in trials
    ]
    repaired = [(t, c) for t, c in valued if _inside(t.after, problem)]
    ranked = sorted(repaired or valued, key=lambda pair: pair[1].total)
    best, cost = ranked[0]
    candidates = (
        Candidate("do nothing", waiting, f"over {mandate.horizon_s / 3600:.0f} h"),
        *(
            Candidate(t.name, c, f"{len(t.trades.legs)} legs" + ("" if _inside(t.after, problem) else ", ends outside"))
            for t, c in valued
        ),
        *refused,
    )
    acting = tuple(Plan(t.trades.legs, None, c, waiting, t.name, candidates) for t, c in ranked)
    if mandate.policy.settle == "cheapest" and waiting.total <= cost.total:
        reason = f"waiting costs {waiting.total:.0f}, the best trade ({best.name}) {cost.total:.0f}, in raw base units"
        return (Plan((), None, cost, waiting, reason, candidates), *acting)
    return acting


@dataclass(frozen=True, slots=True)
class Sizes:
    """What bounds one trade: `turnover` and `min_trade` in quote currency, `wealth` likewise, and the fixed gas."""

    turnover: float
    min_trade: float
    wealth: float
    base_gas: int


def _inside(weights: tuple[float, ...], problem: WeightProblem) -> bool:
    """Whether every weight is in its band: a trade that does not end there repairs nothing, however cheap."""
    return all(abs(w - t) <= b for w, t, b in zip(weights, problem.targets, problem.bands, strict=True))


def _sizes(problem: WeightProblem, weights: tuple[float, ...], mandate: Mandate) -> tuple[tuple[float, str], ...]:
    distance = max(abs(w - t) / b for w, t, b in zip(weights, problem.targets, problem.bands, strict=True))
    edge = ((1.0 - _EDGE_MARGIN / distance, "to the band's edge"),) if distance > 1.0 else ()
    match mandate.policy.settle:
        case "target":
            return SIZES[:1]
        case "edge":
            return edge or SIZES[:1]
        case _:
            return (*SIZES, *edge)


def _try(
    problem: WeightProblem,
    weights: tuple[float, ...],
    size: float,
    name: str,
    market: Market,
    limits: Sizes,
    before: list[_Tried],
) -> _Tried:
    """Trade `size` of the way back; less when the legs, both of a two-hop sale, would exceed the turnover limit."""
    used = before[0].trades.used if before else ()
    for _ in range(_SHRINKS):
        moves = {
            token: size * (weight - target) * limits.wealth
            for token, weight, target in zip(problem.tokens, weights, problem.targets, strict=True)
        }
        trades = _trade(problem, moves, market, limits, used)
        sold = _sold(problem, trades)
        if sold <= 0.0:
            raise Unquotable("nothing of any value would be sold")
        if sold <= limits.turnover:
            amounts = [a + trades.net(t) for t, a in zip(problem.tokens, problem.amounts_raw, strict=True)]
            return _Tried(name, trades, _weights(amounts, problem.prices))
        size, used = size * limits.turnover / sold * _SHRINK_MARGIN, trades.used
    raise Unquotable("the turnover limit leaves no room for a trade")


def _trade(
    problem: WeightProblem,
    moves: dict[Address, float],
    market: Market,
    limits: Sizes,
    used: tuple[Pools, ...],
) -> Trades:
    """All surpluses for all shortages at once; where the pools cannot, the most valuable of them without one token.

    Moves are in quote currency, positive to sell. Raises Unquotable when nothing can be traded.
    """
    try:
        return route(market, _order(problem, moves, limits), limits.base_gas, used)
    except Unquotable as error:
        rest: list[Trades] = []
        for token in moves:
            try:
                order = _order(problem, {t: m for t, m in moves.items() if t != token}, limits)
                rest.append(route(market, order, limits.base_gas))
            except Unquotable:
                continue
        if not rest:
            raise error
        return max(rest, key=lambda trades: _sold(problem, trades))


def _order(problem: WeightProblem, moves: dict[Address, float], limits: Sizes) -> Order:
    """Surpluses and shortages worth a leg, the larger side cut to what the other takes."""
    prices = dict(zip(problem.tokens, problem.prices, strict=True))
    surplus = {t: m for t, m in moves.items() if m > 0.0 and m >= limits.min_trade}
    shortage = {t: -m for t, m in moves.items() if m < 0.0 and -m >= limits.min_trade}
    if not surplus or not shortage:
        raise Unquotable("every leg would be smaller than the mandate's min_trade")
    value = min(sum(surplus.values()), sum(shortage.values()))
    selling, buying = value / sum(surplus.values()), value / sum(shortage.values())
    return Order(
        sells={t: int(m * selling / prices[t]) for t, m in surplus.items()},
        buys={t: m * buying / prices[t] for t, m in shortage.items()},
        held=dict(zip(problem.tokens, problem.amounts_raw, strict=True)),
        min_trade=limits.min_trade,
    )


def _sold(problem: WeightProblem, trades: Trades) -> float:
    """Value sold of held tokens, as the contract counts turnover; quote currency."""
    prices = dict(zip(problem.tokens, problem.prices, strict=True))
    return sum(f.amount_in * prices.get(f.token_in, 0.0) for f in trades.fills)


def _weights(amounts: "list[int] | tuple[int, ...]", prices: tuple[float, ...]) -> tuple[float, ...]:
    values = [a * p for a, p in zip(amounts, prices, strict=True)]
    total = sum(values)
    return tuple(v / total for v in values)


def _measured(trial: _Tried, problem: WeightProblem, wealth: float) -> tuple[float, float]:
    """Proportional cost a unit traded and fixed cost a unit of wealth, as the full trade pays them."""
    cost = trial.trades.cost
    traded = _sold(problem, trial.trades) / problem.prices[0]
    return (cost.fees + cost.impact + max(0.0, cost.basis)) / traded, cost.gas / wealth


def _regions(
    problem: WeightProblem,
    weights: tuple[float, ...],
    forecast: Forecast,
    mandate: Mandate,
    measured: tuple[float, float],
) -> tuple[NoTrade, ...]:
    spread = years(forecast.horizon_s) ** 0.5
    sigma = dict(forecast.sigma)
    sigmas = tuple(sigma[t] / spread for t in problem.tokens)
    proportional, fixed = measured
    return tuple(
        no_trade(mandate.risk_aversion * sigma_i**2, speed, proportional, fixed)
        for sigma_i, speed in zip(sigmas, weight_speeds(weights, sigmas), strict=True)
    )
