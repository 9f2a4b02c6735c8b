"""A range that the price has left in, the same width round the price again, or the reason to wait, out."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from keeper.costs import NoTrade, no_trade, years
from keeper.errors import Unquotable
from keeper.model import Candidate, Cost, Forecast, Mandate, Plan, RangeMove, RangeProblem, Venue
from keeper.plan.basket import Sizes
from keeper.plan.route import Market, Order, Trades, route
from keeper.units import Address

_TICK = math.log(1.0001)
_ROUNDS = 4
"""The right size depends on the price that the trade itself leaves; each round shrinks the error by its impact."""
_LEAST_LIQUIDITY = 0.9
"""Of what is expected: the loss is the guard's to bound, this only keeps the range from ending empty."""
_MUCH_IDLE = 0.1
_LEAST_GAIN = 0.05
"""Shares of value: an action that leaves much idle must at least put so much more to work."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """A trade and what it leads to: `weight` is the other token's share of value, `idle` what the range leaves out."""

    trades: Trades
    liquidity: float
    weight: float
    wanted: float
    idle: float


def plan_range(
    problem: RangeProblem, forecast: Forecast, mandate: Mandate, open_market: Callable[[], Market], limits: Sizes
) -> tuple[Plan, ...]:
    """Plans in order of preference; doing nothing is a candidate, and where it is cheapest it comes first.

    Inside the trigger the range stays and what is idle is added. Beyond it a range of the mandate's width is laid round
    the oracle's price, and as much is swapped as it needs. Waiting costs the tracking error of the tokens' shares and
    what idle value forgoes: fees that at least pay a range's loss-versus-rebalancing, eff σ²/8 a year, eff the capital
    efficiency 1/(1 - exp(-h/2)) of a half-width h in log price; else nobody would want a range.
    """
    lower, upper = _ticks(problem)
    recentred = (lower, upper) != problem.present
    name = f"re-centre to ticks {lower} to {upper}" if recentred else "add what is idle to the range"
    try:
        tried = _try(problem, lower, upper, open_market(), limits)
    except Unquotable as error:
        refused = Candidate(name, Cost(), f"not possible: {error}")
        return (Plan((), None, Cost(), Cost(), refused.note, (refused,)),)
    if tried.idle > _MUCH_IDLE and 1.0 - tried.idle - _working(problem) < _LEAST_GAIN:
        few = f"the turnover left today would put only {1.0 - tried.idle:.1%} to work"
        return (Plan((), None, Cost(), Cost(), few, (Candidate(name, tried.trades.cost, few),)),)
    region, forgone = _valued(problem, forecast, mandate, tried, limits)
    wealth = _worth(problem) / problem.prices[0]
    horizon = years(mandate.horizon_s)
    off = _other_share(problem, problem.amounts_raw) - tried.wanted
    waiting = Cost(risk=wealth * (region.waiting(off, horizon) + forgone * (1.0 - _working(problem))))
    left = region.relative_value(tried.weight - tried.wanted) + forgone * tried.idle
    cost = replace(tried.trades.cost, risk=wealth * left)
    candidates = (
        Candidate("do nothing", waiting, f"over {mandate.horizon_s / 3600:.0f} h"),
        Candidate(name, cost, f"{len(tried.trades.legs)} legs"),
    )
    move = RangeMove(lower, upper, max(1, int(tried.liquidity * _LEAST_LIQUIDITY)))
    acting = Plan(tried.trades.legs, move, cost, waiting, name, candidates)
    if mandate.policy.settle == "cheapest" and waiting.total <= cost.total:
        reason = f"waiting costs {waiting.total:.0f}, the best trade ({name}) {cost.total:.0f}, in raw base units"
        return (Plan((), None, cost, waiting, reason, candidates), acting)
    return (acting,)


def _ticks(problem: RangeProblem) -> tuple[int, int]:
    """The present range inside the trigger, else the mandate's width round the price, on ticks the pool knows."""
    if problem.present is not None:
        low, high = problem.present
        if abs(problem.position - (low + high) / 2) <= problem.trigger * (high - low) / 2:
            return problem.present
    spacing = problem.spacing
    least, most = -(-problem.least // spacing) * spacing, problem.most // spacing * spacing
    wide = max(least, min(most, round(2 * problem.half_width / spacing) * spacing))
    lower = round((problem.position - wide / 2) / spacing) * spacing
    return lower, lower + wide


def _try(problem: RangeProblem, lower: int, upper: int, market: Market, limits: Sizes) -> _Tried:
    """Swap so much that both tokens fit the range at the price which the swap leaves. Raises Unquotable."""
    trades = Trades((), (), market.cost((), limits.base_gas))
    sale = 0.0  # value of the other token to sell, of the base to sell when negative
    for _ in range(_ROUNDS):
        found = _state(problem, trades, lower, upper)
        step = (found.weight - found.wanted) * _worth(problem)
        sale = max(-limits.turnover, min(limits.turnover, sale + step))
        if abs(sale) < max(limits.min_trade, problem.prices[0]):
            return _state(problem, Trades((), (), market.cost((), limits.base_gas)), lower, upper)
        trades = route(market, _order(problem, sale, limits), limits.base_gas, trades.used)
    return _state(problem, trades, lower, upper)


def _order(problem: RangeProblem, sale: float, limits: Sizes) -> Order:
    tokens, prices = (problem.base, problem.other), problem.prices
    sold = 1 if sale > 0.0 else 0
    amount = min(int(abs(sale) / prices[sold]), problem.amounts_raw[sold])
    return Order(
        sells={tokens[sold]: amount},
        buys={tokens[1 - sold]: abs(sale) / prices[1 - sold]},
        held=dict(zip(tokens, problem.amounts_raw, strict=True)),
        min_trade=limits.min_trade,
    )


def _state(problem: RangeProblem, trades: Trades, lower: int, upper: int) -> _Tried:
    """What there is after `trades`, and how much of it the range takes at the pool's price then."""
    first = problem.amounts_raw[0] + trades.net(problem.base)
    second = problem.amounts_raw[1] + trades.net(problem.other)
    venue: Venue = problem.venue
    for fill in trades.fills:
        if fill.pool == venue.pool:
            venue = venue.after(fill.token_in, fill.amount_in)
    token_0 = venue.tokens[0]
    flipped = token_0 != problem.base
    amount_0, amount_1 = (second, first) if flipped else (first, second)
    price = venue.mid(token_0)
    if price <= 0.0:
        raise Unquotable(f"the pool {venue.pool} has no liquidity at its price but the vault's own")
    low, high = math.exp(lower * _TICK / 2), math.exp(upper * _TICK / 2)
    root = min(max(math.sqrt(price), low), high)
    need_0, need_1 = 1.0 / root - 1.0 / high, root - low
    fits = [amount / need for amount, need in ((amount_0, need_0), (amount_1, need_1)) if need > 0.0]
    liquidity = max(0.0, min(fits))
    share_0 = need_0 * price / (need_0 * price + need_1)
    value = amount_0 * price + amount_1
    idle = 1.0 - liquidity * (need_0 * price + need_1) / value if value > 0.0 else 0.0
    weight = _other_share(problem, (first, second))
    return _Tried(trades, liquidity, weight, share_0 if flipped else 1.0 - share_0, max(0.0, idle))


def _worth(problem: RangeProblem) -> float:
    """Quote currency."""
    return sum(a * p for a, p in zip(problem.amounts_raw, problem.prices, strict=True))


def _other_share(problem: RangeProblem, amounts: tuple[int, int]) -> float:
    values = [a * p for a, p in zip(amounts, problem.prices, strict=True)]
    return values[1] / sum(values)


def _working(problem: RangeProblem) -> float:
    """Share of value that earns fees now: none of it while the price is outside the range."""
    if problem.present is None or not problem.present[0] <= problem.position < problem.present[1]:
        return 0.0
    return problem.invested


def _valued(
    problem: RangeProblem, forecast: Forecast, mandate: Mandate, tried: _Tried, limits: Sizes
) -> tuple[NoTrade, float]:
    """The no-trade region of the other token's share, and what idle value forgoes over the horizon, a unit of it."""
    horizon = years(forecast.horizon_s)
    variance = _variance(forecast, (problem.base, problem.other)) / horizon
    half = problem.half_width * _TICK
    cost = tried.trades.cost
    sold = sum(f.amount_in * dict(_priced(problem)).get(f.token_in, 0.0) for f in tried.trades.fills)
    traded = sold / problem.prices[0]
    proportional = (cost.fees + cost.impact + max(0.0, cost.basis)) / traded if traded else 0.0
    region = no_trade(
        mandate.risk_aversion * variance,
        math.sqrt(variance) / (2.0 * half),
        proportional,
        cost.gas * problem.prices[0] / limits.wealth,
    )
    efficiency = 1.0 / (1.0 - math.exp(-half / 2.0))
    return region, efficiency * variance / 8.0 * years(mandate.horizon_s)


def _priced(problem: RangeProblem) -> tuple[tuple[Address, float], ...]:
    return (problem.base, problem.prices[0]), (problem.other, problem.prices[1])


def _variance(forecast: Forecast, tokens: tuple[Address, Address]) -> float:
    """Of the log price of one token in the other over the forecast's horizon, as if they moved apart."""
    sigma = dict(forecast.sigma)
    return sum(sigma[t] ** 2 for t in tokens)
