"""A basket and the weights wanted in, the trades that come nearest to them within all limits out."""

from dataclasses import dataclass
from math import inf

from keeper.errors import Unquotable
from keeper.model import WeightProblem
from keeper.plan.limits import Limit
from keeper.plan.route import Market, Order, Trades, route
from keeper.plan.routing.gas import Pools
from keeper.units import Address

_SHRINKS = 8
_SHRINK_MARGIN = 0.999


@dataclass(frozen=True, slots=True)
class Sizes:
    """What bounds one trade: `turnover` and `min_trade` in quote currency, `wealth` likewise, and the fixed gas.

    `unit` is a whole unit of the base asset in quote currency; `assets` the limits on what the legs together may sell
    or buy of a token; `rules` those that `turnover` is the least of.
    """

    turnover: float
    min_trade: float
    wealth: float
    base_gas: int
    unit: float = 1.0
    assets: tuple[tuple[Address, Limit], ...] = ()
    rules: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """A trade that is possible, the weights after it, and whether the limits made it smaller than was wanted."""

    name: str
    trades: Trades
    after: tuple[float, ...]
    limited: bool = False


def attempt(
    problem: WeightProblem,
    wanted: tuple[float, ...],
    name: str,
    market: Market,
    limits: Sizes,
    used: Pools = (),
) -> Tried:
    """Trade to the weights `wanted`; less when the legs, both of a two-hop sale, would exceed the turnover limit.

    No further for a token than its own limit lets it; the others as far as what is left of the trade takes them. Where
    the limits would leave every leg too small, all that may be sold goes from what there is most too much of to what
    there is least of. Raises Unquotable when nothing can be traded.
    """
    weights, size = shares(problem.amounts_raw, problem.prices), 1.0
    most = {token: rule.most for token, rule in limits.assets}
    gaps = {t: weight - aim for t, weight, aim in zip(problem.tokens, weights, wanted, strict=True)}
    only: tuple[Address, ...] = problem.tokens
    for _ in range(_SHRINKS):
        moves = {
            t: size * max(-most.get(t, inf), min(most.get(t, inf), gaps[t] * limits.wealth)) if t in only else 0.0
            for t in problem.tokens
        }
        try:
            trades = _trade(problem, moves, market, limits, used)
        except Unquotable:
            if size == 1.0 or len(only) < len(problem.tokens) or len(only) == 2:
                raise
            size, used, only = 1.0, (), (max(gaps, key=gaps.__getitem__), min(gaps, key=gaps.__getitem__))
            continue
        value = sold(problem, trades)
        if value <= 0.0:
            raise Unquotable("nothing of any value would be sold")
        over = max(value / limits.turnover, _over_most(problem, trades, most)) if limits.turnover > 0.0 else inf
        if over <= 1.0:
            amounts = [a + trades.net(t) for t, a in zip(problem.tokens, problem.amounts_raw, strict=True)]
            beyond = any(abs(gap) * limits.wealth > most.get(t, inf) for t, gap in gaps.items())
            limited = size < 1.0 or only != problem.tokens or beyond
            return Tried(name, trades, shares(amounts, problem.prices), limited)
        size, used = size / over * _SHRINK_MARGIN, trades.used
    raise Unquotable("the limits on turnover and on assets leave no room for a trade")


def _over_most(problem: WeightProblem, trades: Trades, most: dict[Address, float]) -> float:
    """The largest share of its limit that any token's net trade is."""
    prices = dict(zip(problem.tokens, problem.prices, strict=True))
    return max((abs(trades.net(token)) * prices[token] / limit for token, limit in most.items()), default=0.0)


def _trade(
    problem: WeightProblem,
    moves: dict[Address, float],
    market: Market,
    limits: Sizes,
    used: Pools,
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
        return max(rest, key=lambda trades: sold(problem, trades))


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


def sold(problem: WeightProblem, trades: Trades) -> float:
    """Value sold of held tokens, as the contract counts turnover; quote currency."""
    prices = dict(zip(problem.tokens, problem.prices, strict=True))
    return sum(f.amount_in * prices.get(f.token_in, 0.0) for f in trades.fills)


def shares(amounts: "list[int] | tuple[int, ...]", prices: tuple[float, ...]) -> tuple[float, ...]:
    """Each token's part of the value of all."""
    values = [a * p for a, p in zip(amounts, prices, strict=True)]
    total = sum(values)
    return tuple(v / total for v in values)
