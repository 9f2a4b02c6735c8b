"""A range vault's tokens and the ticks wanted in, the swap that fits them to the range, and what it leads to, out."""

import math
from dataclasses import dataclass, replace

from keeper.errors import Unquotable
from keeper.model import RangeProblem, Venue
from keeper.plan.basket import Sizes
from keeper.plan.route import Market, Order, Trades, route

TICK = math.log(1.0001)
_ROUNDS = 4
"""The right size depends on the price that the trade itself leaves; each round shrinks the error by its impact."""
_SETTLED = 1e-5
"""A round that would change the sale by less than this share of it is left out."""
_NEARLY = 0.9
"""Of what is worth a trade: later rounds may find that more is to be sold."""
_ROUNDING = 1.0 + 1e-9
_BISECTIONS = 60


@dataclass(frozen=True, slots=True)
class Laid:
    """A trade and the range laid after it: `weight` is the other token's share of value, `wanted` the range's.

    `idle` is the share of value that the range leaves out.
    """

    lower: int
    upper: int
    trades: Trades
    liquidity: float
    weight: float
    wanted: float
    idle: float

    def sides(self, position: float) -> tuple[float, float]:
        """From the price down and up to the ends, in log price; 0 on the side where it is outside."""
        return max(0.0, position - self.lower) * TICK, max(0.0, self.upper - position) * TICK


def swapped(problem: RangeProblem, lower: int, upper: int, market: Market, limits: Sizes) -> Laid:
    """Swap so much that both tokens fit the range at the price which the swap leaves. Raises Unquotable."""
    trades = none = Trades((), (), market.cost((), limits.base_gas))
    sale, straight = 0.0, False  # value of the other token to sell, of the base to sell when negative
    for _ in range(_ROUNDS):
        found = _state(problem, trades, lower, upper)
        step = (found.weight - found.wanted) * worth(problem)
        if abs(step) <= _SETTLED * abs(sale):
            break
        sale = max(-limits.turnover, min(limits.turnover, sale + step))
        if abs(sale) < max(_NEARLY * limits.min_trade, problem.prices[0]):
            return _state(problem, none, lower, upper)
        order = replace(_order(problem, sale, limits), straight=straight)
        trades = route(market, order, limits.base_gas, trades.used)
        if not straight and sold(problem, trades) > limits.turnover * _ROUNDING:
            straight, order = True, replace(order, straight=True)
            trades = route(market, order, limits.base_gas)
    return _state(problem, trades if abs(sale) >= limits.min_trade else none, lower, upper)


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


def _state(problem: RangeProblem, trades: Trades, lower: int, upper: int) -> Laid:
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
    low, high = math.exp(lower * TICK / 2), math.exp(upper * TICK / 2)
    root = min(max(math.sqrt(price), low), high)
    need_0, need_1 = 1.0 / root - 1.0 / high, root - low
    fits = [amount / need for amount, need in ((amount_0, need_0), (amount_1, need_1)) if need > 0.0]
    liquidity = max(0.0, min(fits))
    share_0 = need_0 * price / (need_0 * price + need_1)
    value = amount_0 * price + amount_1
    idle = 1.0 - liquidity * (need_0 * price + need_1) / value if value > 0.0 else 0.0
    weight = other_share(problem, (first, second))
    wanted = share_0 if flipped else 1.0 - share_0
    return Laid(lower, upper, trades, liquidity, weight, wanted, max(0.0, idle))


def one_sided(problem: RangeProblem, wide: int) -> tuple[int, int]:
    """Ticks of a range of that width that takes the tokens as they are, as nearly as whole spacings let it.

    It lies beside the price as a limit order does where nearly all is one token; the contract wants the price inside,
    so that up to a spacing's worth of the other token is needed.
    """
    price = problem.venue.mid(problem.venue.tokens[0])
    if price <= 0.0:
        raise Unquotable(f"the pool {problem.venue.pool} has no liquidity at its price but the vault's own")
    here = math.log(price) / TICK
    share = other_share(problem, problem.amounts_raw)
    held = share if problem.venue.tokens[0] != problem.base else 1.0 - share
    low, high = here - wide, here  # the lower its ends, the more of it is token 1
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _share_0(here, middle, middle + wide) < held else (low, middle)
    spacing = problem.spacing
    first = math.floor(min(problem.position, here) / spacing) * spacing
    last = math.floor(max(problem.position, here) / spacing + 1.0) * spacing
    lower = min(first, max(last - wide, round(low / spacing) * spacing))
    return lower, lower + wide


def _share_0(here: float, lower: float, upper: float) -> float:
    """The part of a range's value that is in token 0, ends and price in ticks."""
    root, low, high = (math.exp(tick * TICK / 2.0) for tick in (here, lower, upper))
    first, second = (1.0 / root - 1.0 / high) * root * root, root - low
    return first / (first + second)


def worth(problem: RangeProblem) -> float:
    """Quote currency."""
    return sum(a * p for a, p in zip(problem.amounts_raw, problem.prices, strict=True))


def sold(problem: RangeProblem, trades: Trades) -> float:
    """By the legs, of tokens that the vault holds, quote currency: more than the order where some of it comes back."""
    prices = dict(zip((problem.base, problem.other), problem.prices, strict=True))
    return sum(f.amount_in * prices.get(f.token_in, 0.0) for f in trades.fills)


def other_share(problem: RangeProblem, amounts: tuple[int, int]) -> float:
    values = [a * p for a, p in zip(amounts, problem.prices, strict=True)]
    return values[1] / sum(values)
