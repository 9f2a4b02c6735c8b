"""One definition of every cost: scalar arithmetic without types of vault, venue or market.

Deviations, costs and losses are fractions of wealth; rates are per year; volatility is annual, of log prices.
"""

import math
from dataclasses import dataclass

from keeper.units import SECONDS_PER_YEAR

_STEPS = 100
"""Newton's method needs ten at most, but where two roots are one and each step halves what is left."""
_ROUNDING = 1e-15


def years(seconds: int) -> float:
    return seconds / SECONDS_PER_YEAR


def normal_cdf(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


BASE_BYTES, LEG_BYTES = 420, 160
"""Of a signed transaction without legs, 340 to 500 by the kind of move: envelope, order and offsets; and of a leg."""


def gas_cost(gas: int, price_wei: int, native_price_x36: int, base_price_x36: int) -> float:
    """Gas in raw units of the base asset: gas * wei a unit, priced by oracle (both prices per raw unit)."""
    return gas * price_wei * native_price_x36 / base_price_x36


@dataclass(frozen=True, slots=True)
class NoTrade:
    """A no-trade region in one weight: wait while |x| < `outer`, else trade to `inner`; `loss_rate` a year at best.

    The ergodic tracking problem: pay γσ²x²/2 a year for being off target by x, `proportional` per unit traded and
    `fixed` per trade, x diffusing with variance `speed`² a year. With no fixed cost inner = outer =
    (3c s²/(2γσ²))^(1/3) (Janeček, Shreve 2004); with no proportional cost inner = 0 and outer = (12 k s²/(γσ²))^(1/4).
    """

    outer: float
    inner: float
    loss_rate: float
    risk: float
    """γσ², a year."""
    speed: float
    proportional: float

    def relative_value(self, x: float) -> float:
        """V(x) - V(0): what starting off target by x costs in all, from now on, against starting at the target.

        V' = (2/s²)(λx - γσ²x³/6) inside the region, the proportional cost beyond it.
        """
        x = abs(x)
        if math.isinf(self.outer) or self.speed == 0.0:
            return 0.0
        inside = min(x, self.outer)
        value = (2.0 / self.speed**2) * (self.loss_rate * inside**2 / 2.0 - self.risk * inside**4 / 24.0)
        return value + self.proportional * (x - inside)

    def waiting(self, x: float, horizon: float) -> float:
        """V(x) plus what standing still at x for `horizon` years costs beyond the ergodic rate, never below V(x)."""
        excess = self.risk * x * x / 2.0 - self.loss_rate
        return self.relative_value(x) + max(0.0, excess) * horizon


def no_trade(risk: float, speed: float, proportional: float, fixed: float) -> NoTrade:
    """The best region for `risk` = γσ² and `speed` = s, the volatility of the weight itself, both a year.

    Solves V'(inner) = V'(outer) = c and V(outer) - V(inner) = k + c(outer - inner) by Newton's method on the loss rate.
    Without risk nothing is worth a trade: the region is infinite. Without any cost it is a point.
    """
    if risk <= 0.0 or speed <= 0.0:
        return NoTrade(math.inf, math.inf, 0.0, risk, speed, proportional)
    if proportional <= 0.0 and fixed <= 0.0:
        return NoTrade(0.0, 0.0, 0.0, risk, speed, 0.0)
    cubic = risk / 6.0
    slope = proportional * speed**2 / 2.0
    rate = 3.0 * cubic ** (1.0 / 3.0) * (slope / 2.0) ** (2.0 / 3.0)  # where λx - ax³ just reaches the slope
    if fixed <= 0.0:
        edge = (slope / (2.0 * cubic)) ** (1.0 / 3.0)
        return NoTrade(edge, edge, rate, risk, speed, proportional)
    rate, worth = max(2.0 * rate, 1e-12), fixed * speed**2 / 2.0
    while _excess(rate, cubic, slope, *_edges(rate, cubic, slope)) < worth:
        rate *= 2.0
    for _ in range(_STEPS):  # the excess is convex in the rate, with slope (outer² - inner²)/2: no way back from above
        inner, outer = _edges(rate, cubic, slope)
        if outer <= inner:
            break
        more = 2.0 * (_excess(rate, cubic, slope, inner, outer) - worth) / (outer**2 - inner**2)
        if more <= _ROUNDING * rate:
            break
        rate -= more
    inner, outer = _edges(rate, cubic, slope)
    return NoTrade(outer, inner, rate, risk, speed, proportional)


def _edges(rate: float, cubic: float, slope: float) -> tuple[float, float]:
    """The two points where rate*x - cubic*x³ = slope, below and above its top."""
    return _root(rate, cubic, slope, slope / rate), _root(rate, cubic, slope, math.sqrt(rate / cubic))


def _root(rate: float, cubic: float, slope: float, x: float) -> float:
    """Newton's way from `x`, where the concave curve is below the slope, to where it meets it: always onwards."""
    for _ in range(_STEPS):
        short, steep = slope - rate * x + cubic * x**3, rate - 3.0 * cubic * x * x
        if short <= 0.0 or abs(short) <= _ROUNDING * x * abs(steep):
            break
        x += short / steep
    return x


def _excess(rate: float, cubic: float, slope: float, inner: float, outer: float) -> float:
    """The area between the curve and the slope: the fixed cost that a trade between the edges can bear, times s²/2."""
    area = rate * (outer**2 - inner**2) / 2.0 - cubic * (outer**4 - inner**4) / 4.0
    return area - slope * (outer - inner)


def first_passage(distance: float, volatility: float, drift: float, horizon: float) -> float:
    """P(a log price with `drift` ν falls by `distance` > 0 within `horizon` years); 1.0 when it is already there.

    Φ((-d - νT)/σ√T) + e^(-2νd/σ²) Φ((-d + νT)/σ√T), the reflection principle (Harrison 1985). With ν of
    log health factor: μ + supply rate - borrow rate - σ²/2 and d = ln(health factor / barrier).
    """
    if distance <= 0.0:
        return 1.0
    if horizon <= 0.0:
        return 0.0
    if volatility <= 0.0:
        return 1.0 if drift * horizon <= -distance else 0.0
    spread = volatility * math.sqrt(horizon)
    straight = normal_cdf((-distance - drift * horizon) / spread)
    exponent = -2.0 * drift * distance / volatility**2
    tail = normal_cdf((-distance + drift * horizon) / spread)
    reflected = math.exp(exponent) * tail if exponent < 700.0 else 1.0
    return min(1.0, straight + reflected)


def leave_band(below: float, above: float, volatility: float, horizon: float) -> float:
    """P(a driftless motion leaves (-below, above) within `horizon` years), bounded by the sum of both sides."""
    return min(1.0, sum(first_passage(d, volatility, 0.0, horizon) for d in (below, above)))


def range_efficiency(below: float, above: float) -> float:
    """Liquidity a unit of value, in that of the full range, of one from `below` to `above` the price, in log price."""
    return 1.0 / (1.0 - (math.exp(-below / 2.0) + math.exp(-above / 2.0)) / 2.0)


def range_rate(half: float, fees: float, variance: float, reset: float) -> float:
    """What a range of ±`half` in log price earns a year, a fraction of its value, laid anew whenever it is left.

    eff(a)(f - σ²/8) - Kσ²/a²: `fees` f a unit of full-range value, σ²/8 what arbitrage takes of it (Milionis, Moallemi,
    Roughgarden, Zhang 2022), and the fraction `reset` K each mean exit time a²/σ².
    """
    return range_efficiency(half, half) * (fees - variance / 8.0) - reset * variance / half**2


def best_half_width(fees: float, variance: float, reset: float, least: float, most: float) -> float:
    """The half-width between `least` and `most` that `range_rate` is highest at; about Kσ²/(f - σ²/8) where small.

    The widest, where fees do not pay for what arbitrage takes: there is nothing to concentrate for.
    """
    if most <= least or fees <= variance / 8.0:
        return most
    ratio = math.exp(math.log(most / least) / _WIDTHS)
    rates = [range_rate(least * ratio**i, fees, variance, reset) for i in range(_WIDTHS + 1)]
    best = rates.index(max(rates))
    low, high = least * ratio ** max(0, best - 1), least * ratio ** min(_WIDTHS, best + 1)
    for _ in range(_HALVINGS):
        first, second = (low * 2.0 + high) / 3.0, (low + high * 2.0) / 3.0
        if range_rate(first, fees, variance, reset) < range_rate(second, fees, variance, reset):
            low = first
        else:
            high = second
    return (low + high) / 2.0


_WIDTHS = 48


def range_value(income: float, best: float, below: float, above: float, variance: float, reset: float) -> float:
    """What a range costs from now on against the best one just laid, a fraction of its value; 0 for that one itself.

    It earns `income` a year instead of `best` until it is left, after `below`·`above`/σ² on average, and is laid anew
    then for `reset`.
    """
    return (best - income) * below * above / variance + reset


def range_tracking(aversion: float, half: float, place: float) -> float:
    """Relative value of a share that is off an even range's, at `place` u in [-1, 1] of ±`half`: γh²(u² - u⁴)/48.

    The share is off by u/2, which costs γσ²u²/8 a year; from u the range is left after (1 - u²)h²/σ² on average, having
    cost γh²(1 - u⁴)/48, against γσ²/48 a year on average of ranges that are laid round the price.
    """
    square = min(1.0, place * place)
    return aversion * half**2 * (square - square**2) / 48.0


def range_outside(aversion: float, variance: float) -> float:
    """What all in one token costs a year more than being in a range: γσ²/8 - γσ²/48."""
    return aversion * variance * 5.0 / 48.0


def fee_rate(earned: float, concentration: float, span: float, variance: float) -> float:
    """Fees a year a unit of full-range value, from what was `earned`, a fraction of value, in `span` years in range.

    Prior, with the weight of one day: a quarter more than what arbitrage takes, σ²/8, else nobody would provide.
    """
    prior = FEES_FOR_ARBITRAGE * variance / 8.0
    return (prior * _PRIOR_YEARS + earned / concentration) / (_PRIOR_YEARS + span)


FEES_FOR_ARBITRAGE = 1.25
_PRIOR_YEARS = 86_400 / SECONDS_PER_YEAR


CLOSE_FACTOR = 0.5
"""Share of a debt one liquidation in Aave V3 repays, health factor over 0.95 (DEFAULT_LIQUIDATION_CLOSE_FACTOR)."""


def liquidation_loss(probability: float, debt: float, bonus: float) -> float:
    """Expected loss to liquidators, in the unit of `debt`: the bonus on the share that one liquidation may repay."""
    return probability * CLOSE_FACTOR * debt * bonus


def liquidations(
    health: float, debt: float, threshold: float, bonus: float, volatility: float, carry: float, horizon: float
) -> float:
    """Expected loss to liquidators within `horizon` years if nobody acts, in the unit of `debt`: one after the other.

    Each takes its bonus on the close factor's share of the debt when the health factor touches 1, which lifts it to
    (1 - f(1 + b)LT)/(1 - f): the next is that much further down. `carry` is what interest adds to the log a year. Where
    a liquidation lifts nothing, all the debt goes in the first.
    """
    if debt <= 0.0 or math.isinf(health):
        return 0.0
    lifted = (1.0 - CLOSE_FACTOR * (1.0 + bonus) * threshold) / (1.0 - CLOSE_FACTOR)
    drift, distance = carry - volatility**2 / 2.0, math.log(health)
    if lifted <= 1.0:
        return first_passage(distance, volatility, drift, horizon) * debt * bonus
    loss = 0.0
    for _ in range(_LIQUIDATIONS):
        loss += liquidation_loss(first_passage(distance, volatility, drift, horizon), debt, bonus)
        distance, debt = distance + math.log(lifted), debt * (1.0 - CLOSE_FACTOR)
    return loss


_LIQUIDATIONS = 8
"""After so many one 256th of the debt is left."""


def implied_volatility(chance: float, distance: float, carry: float, horizon: float, near: float) -> float:
    """The volatility that gives `chance` to fall by `distance` within `horizon` years; `near` where none does.

    `near` is where to look: between a tenth and ten times it.
    """
    low, high = near / 10.0, near * 10.0

    def reaches(volatility: float) -> bool:
        return first_passage(distance, volatility, carry - volatility**2 / 2.0, horizon) >= chance

    if not 0.0 < chance < 1.0 or distance <= 0.0 or reaches(low) or not reaches(high):
        return near
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


_HALVINGS = 40


def sell_for_health(collateral: float, debt: float, threshold: float, target: float, cost: float) -> float:
    """Collateral value to sell so that, once the proceeds repaid debt, the health factor is `target`; 0.0 if it is.

    x = (HF*·D - LT·C) / (HF*(1 - φ) - LT), at most the whole debt's worth. `cost` φ is the fraction lost on the way.
    Raises ValueError when the trade loses more than it relieves.
    """
    relief = target * (1.0 - cost) - threshold
    if relief <= 0.0:
        raise ValueError(f"selling at a cost of {cost:.2%} cannot raise a health factor to {target:.3f}")
    wanted = (target * debt - threshold * collateral) / relief
    return min(max(0.0, wanted), debt / (1.0 - cost))


def borrow_for_health(collateral: float, debt: float, threshold: float, target: float, cost: float) -> float:
    """Debt value to borrow so that, once it bought collateral, the health factor is `target`; 0.0 if it is lower.

    y = (LT·C - HF*·D) / (HF* - LT(1 - φ)).
    """
    return max(0.0, (threshold * collateral - target * debt) / (target - threshold * (1.0 - cost)))
