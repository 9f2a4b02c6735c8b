"""A range that the price has left in, a new one whose width and place earn most, or the reason to wait, out."""

import math
from collections.abc import Callable
from dataclasses import replace

from keeper.costs import (
    best_half_width,
    fee_rate,
    range_efficiency,
    range_outside,
    range_rate,
    range_tracking,
    range_value,
    years,
)
from keeper.errors import Unquotable
from keeper.model import Candidate, Cost, Forecast, Mandate, Plan, RangeGoal, RangeMove, RangeProblem, Reason
from keeper.plan.basket import Sizes
from keeper.plan.infeasible.range_ import fitting, no_range_possible, too_little_to_work
from keeper.plan.infeasible.words import reason
from keeper.plan.limits import TURNOVER, Held, bound_by
from keeper.plan.liquidity import TICK, Laid, one_sided, sold, swapped, worth
from keeper.plan.route import Market
from keeper.plan.volatility import relative_variance
from keeper.units import BPS

_LEAST_LIQUIDITY = 0.9
"""Of what is expected: the loss is the guard's to bound, this only keeps the range from ending empty."""
_MUCH_IDLE = 0.1
_LEAST_GAIN = 0.05
"""Shares of value: an action that leaves much idle must at least put so much more to work."""
_LEAST_VARIANCE = 1e-8
_IMPACT = 1.003
"""Of what is still to be sold: rounded to the side that works."""
_WIDTHS = 3
"""Tried after the first, each the best for what moving into the one before costs."""
_BISECTIONS = 12
"""Towards the least that has to be sold."""
Ends = Callable[[], tuple[int, int]]
"""Of a range, in ticks. Raises Spaced and Unquotable."""
Way = tuple[str, Ends]
_STAY = "add what is idle to the range"


def plan_range(
    problem: RangeProblem, forecast: Forecast, mandate: Mandate, open_market: Callable[[], Market], limits: Sizes
) -> tuple[Plan, ...]:
    """Plans in order of preference; doing nothing is a candidate, and where it is cheapest it comes first.

    Inside the trigger the range stays and what is idle is added. Beyond it a range is laid anew: of the width that
    earns most, or the mandate's; round the oracle's price with the swap that this needs, or beside it as the tokens
    are, with hardly one. A range is valued by what it earns, fees less loss-versus-rebalancing, until it is left,
    against the best one (`costs.range_value`), and by the tracking error of the tokens' shares against an even range's.
    Outside nothing is earned, and to lay it anew is still to be paid.
    """
    market = open_market()
    state = _Valuer(problem, forecast, mandate, market, limits)
    tried, stuck = _try(problem, mandate, market, limits, state)
    for _ in range(_WIDTHS):
        if not state.measure([one for _, one in tried]):
            break
        again = _try(problem, mandate, market, limits, state)
        if not again[0]:
            break
        tried, stuck = again
    else:
        state.measure([one for _, one in tried])
    refused = [Candidate(way[0] or _STAY, Cost(), f"not possible: {error}") for way, error in stuck]
    told: tuple[Reason, ...] = ()
    if stuck and not any(_inside(problem, one) for _, one in tried):
        told = (_why_not(problem, mandate, *stuck[0], market, limits, state.working),)
    if not tried:
        return (Plan((), None, Cost(), Cost(), refused[0].note, tuple(refused), told),)
    short = [told or _still_idle(problem, mandate, one, limits) for _, one in tried]
    return _ranked(problem, mandate, state, tried, tuple(refused), short, told)


def _try(
    problem: RangeProblem, mandate: Mandate, market: Market, limits: Sizes, state: "_Valuer"
) -> tuple[list[tuple[str, Laid]], list[tuple[Way, Unquotable]]]:
    """The ranges that can be laid, by name, and the ways that lead to none, with why."""
    tried: list[tuple[str, Laid]] = []
    stuck: list[tuple[Way, Unquotable]] = []
    assert isinstance(mandate.goal, RangeGoal)
    for way in _ways(problem, mandate.goal, state.half):
        name, ends = way
        try:
            found = _laid(problem, ends, market, limits, state.working)
            tried.append((f"{name} {found.lower} to {found.upper}" if name else _STAY, found))
        except Unquotable as error:
            stuck.append((way, error))
    return tried, stuck


def _laid(problem: RangeProblem, ends: Ends, market: Market, limits: Sizes, working: float) -> Laid:
    """The range laid between `ends`. Raises Held where too little may be sold for it, Spaced and Unquotable."""
    found = swapped(problem, *ends(), market, limits)
    if found.idle > _MUCH_IDLE and 1.0 - found.idle - working < _LEAST_GAIN:
        raise Held(f"what may be sold now would put only {1.0 - found.idle:.1%} to work")
    return found


def _why_not(
    problem: RangeProblem, mandate: Mandate, way: Way, why: Unquotable, market: Market, limits: Sizes, working: float
) -> Reason:
    """Why a range cannot be laid in one way; where limits are why, with the least that would have to be sold."""
    if not isinstance(why, Held):
        return no_range_possible(mandate, why)
    if not bound_by(limits.rules, limits.turnover):
        return reason(TURNOVER, mandate, str(why))
    market, free = replace(market, caps=()), replace(limits, turnover=math.inf, min_trade=0.0)
    try:
        whole = sold(problem, _laid(problem, way[1], market, free, working).trades)
    except Held:
        return no_range_possible(mandate, Unquotable("the swap would move the price out of so narrow a range"))
    except Unquotable as error:
        return no_range_possible(mandate, error)

    def enough(most: float) -> bool:
        try:
            _laid(problem, way[1], market, replace(free, turnover=most), working)
        except Unquotable:
            return False
        return True

    return too_little_to_work(mandate, limits, whole, _least(whole, enough), str(why))


def _least(whole: float, enough: Callable[[float], bool]) -> float:
    """The least that has to be sold, of the `whole` that would fit the range."""
    low, high = 0.0, whole
    for _ in range(_BISECTIONS):
        most = (low + high) / 2.0
        low, high = (low, most) if enough(most) else (most, high)
    return high


def _most_idle(mandate: Mandate) -> float:
    assert isinstance(mandate.goal, RangeGoal)
    return mandate.goal.idle / BPS


def _still_idle(problem: RangeProblem, mandate: Mandate, one: Laid, limits: Sizes) -> tuple[Reason, ...]:
    """Why a range leaves more idle than the band allows, where limits are why; with the least that would do.

    Without a quote more, which a signature would wait for: what is idle falls about in proportion to what is sold.
    """
    most, selling = _most_idle(mandate), sold(problem, one.trades)
    if one.idle <= most or not _inside(problem, one) or not bound_by(limits.rules, limits.turnover):
        return ()
    rest = abs(one.weight - one.wanted) * worth(problem)
    least = selling + (1.0 - most / one.idle) * rest * _IMPACT
    if limits.min_trade <= least <= limits.turnover:
        return ()
    why = f"what may be sold now puts {1.0 - one.idle:.1%} to work, and the band asks for {1.0 - most:.1%}"
    return (too_little_to_work(mandate, limits, selling + rest, least, why),)


def _ranked(
    problem: RangeProblem,
    mandate: Mandate,
    state: "_Valuer",
    tried: list[tuple[str, Laid]],
    refused: tuple[Candidate, ...],
    short: list[tuple[Reason, ...]],
    told: tuple[Reason, ...],
) -> tuple[Plan, ...]:
    """A range that would itself be left to lay anew is offered only when no other costs less than waiting.

    `short` is what keeps each one tried from ending inside the band, `told` what keeps all of them.
    """
    waiting, idle = state.waiting(), _most_idle(mandate)
    valued = [(name, one, state.cost(one), why) for (name, one), why in zip(tried, short, strict=True)]
    candidates = (
        Candidate("do nothing", waiting, f"over {mandate.horizon_s / 3600:.0f} h{state.poor}"),
        *(
            Candidate(n, c, f"{len(one.trades.legs)} legs{_ending(_inside(problem, one), one.idle, idle)}")
            for n, one, c, _ in valued
        ),
        *refused,
    )
    if mandate.policy.settle != "cheapest":
        valued = valued[:1]
    else:
        repaired = [v for v in valued if _inside(problem, v[1])]
        worthwhile = any(cost.total < waiting.total for _, _, cost, _ in repaired)
        valued = sorted(repaired if worthwhile else valued, key=lambda v: v[2].total)
    acting = tuple(Plan(one.trades.legs, _move(one), c, waiting, n, candidates, w) for n, one, c, w in valued)
    best, _, cost, _ = valued[0]
    if mandate.policy.settle == "cheapest" and waiting.total <= cost.total:
        why = f"waiting costs {waiting.total:.0f}, the best trade ({best}) {cost.total:.0f}, in raw base units"
        return (Plan((), None, cost, waiting, why, candidates, told), *acting)
    return acting


def _ending(inside: bool, idle: float, most: float) -> str:
    if inside and idle <= most:
        return ""
    return ", ends outside" if not inside else f", ends outside: {idle:.1%} idle"


def _inside(problem: RangeProblem, one: Laid) -> bool:
    """Whether the price is within the trigger of the range."""
    return abs(problem.position - (one.lower + one.upper) / 2) <= problem.trigger * (one.upper - one.lower) / 2


def _move(one: Laid) -> RangeMove:
    return RangeMove(one.lower, one.upper, max(1, int(one.liquidity * _LEAST_LIQUIDITY)))


def _ways(problem: RangeProblem, goal: RangeGoal, half: float) -> list[Way]:
    """Names, without one for the present range, and the ends of the range then; round the price first."""
    if problem.present is not None:
        low, high = problem.present
        if abs(problem.position - (low + high) / 2) <= problem.trigger * (high - low) / 2:
            stay: list[Way] = [("", lambda: (low, high))]
            return [*stay, *_anew(problem, goal, half)] if problem.narrowest < problem.widest else stay
    return _anew(problem, goal, half)


def _anew(problem: RangeProblem, goal: RangeGoal, half: float) -> list[Way]:
    """Round the price; and as the tokens are, which inside a range of the same width is what there is already."""

    def wide() -> int:
        return fitting(problem, goal, _wide(problem, half))

    def centred() -> tuple[int, int]:
        lower = round((problem.position - wide() / 2) / problem.spacing) * problem.spacing
        return lower, lower + wide()

    ways: list[Way] = [("re-centre to ticks", centred)]
    present = problem.present
    outside = present is None or not present[0] <= problem.position < present[1]
    if outside or problem.narrowest < problem.widest:
        ways.append(("lay as the tokens are, ticks", lambda: one_sided(problem, wide())))
    return ways


def _wide(problem: RangeProblem, half: float) -> int:
    """The width in ticks that the pool and the vault allow, nearest to twice `half` ticks."""
    spacing = problem.spacing
    least, most = -(-problem.least // spacing) * spacing, problem.most // spacing * spacing
    return max(least, min(most, round(2 * half / spacing) * spacing))


class _Valuer:
    """What states of the vault cost, in raw units of the base asset.

    Fees are estimated from what the vault has earned since they were last collected, towards a prior of a quarter more
    than what arbitrage takes, and never at less than that takes: what the mandate wants at work is not to look better
    idle, nor outside its range, because little was earned of late. To lay a range anew costs what it was measured to
    cost now, or where nothing had to be swapped half its value's way through its own pool, and gas.
    """

    def __init__(
        self, problem: RangeProblem, forecast: Forecast, mandate: Mandate, market: Market, limits: Sizes
    ) -> None:
        self.problem = problem
        self.wealth = worth(problem) / problem.prices[0]
        self.horizon = years(mandate.horizon_s)
        self.variance = max(_LEAST_VARIANCE, relative_variance(forecast, problem.base, problem.other))
        bare = market.cost((), limits.base_gas)
        self.reset = problem.venue.fee / 2.0 + (bare.gas + bare.l1_data) / self.wealth
        self.earning = self._fees()
        self.fees = max(self.earning, self.variance / 8.0)
        self.half = self._half()
        self.best = range_rate(self.half * TICK, self.fees, self.variance, self.reset)
        self.aversion = mandate.risk_aversion

    def measure(self, tried: list[Laid]) -> bool:
        """Take the dearest way back for what any later one costs; whether another width earns most then."""
        self.reset = max([self.reset, *(one.trades.cost.execution / self.wealth for one in tried)])
        was, self.half = self.half, self._half()
        self.best = range_rate(self.half * TICK, self.fees, self.variance, self.reset)
        return abs(self.half - was) > self.problem.spacing / 2.0

    @property
    def poor(self) -> str:
        """What is to be said of fees that do not pay for what arbitrage takes."""
        share = self.earning / (self.variance / 8.0)
        return f"; of late fees paid for {share:.0%} of what arbitrage takes" if share < 1.0 else ""

    @property
    def working(self) -> float:
        """Share of value that earns fees now: none of it while the price is outside the range."""
        present = self.problem.present
        if present is None or not present[0] <= self.problem.position < present[1]:
            return 0.0
        return self.problem.invested

    def waiting(self) -> Cost:
        if self.working > 0.0:
            below, above = self._sides()
            return self._left(below, above, self.working)
        lost = max(0.0, self.best) * self.horizon + self.reset
        risk = range_outside(self.aversion, self.variance) * self.horizon
        return Cost(lvr=self.wealth * lost, risk=self.wealth * risk)

    def cost(self, found: Laid) -> Cost:
        left = self._left(*found.sides(self.problem.position), 1.0 - found.idle)
        return replace(found.trades.cost, lvr=left.lvr, risk=left.risk)

    def _left(self, below: float, above: float, working: float) -> Cost:
        """Of a range with so much log price on either side, a share of value in it."""
        lost = range_value(working * self._net(below, above), self.best, below, above, self.variance, self.reset)
        risk = range_tracking(self.aversion, (below + above) / 2.0, (below - above) / (below + above))
        return Cost(lvr=self.wealth * lost, risk=self.wealth * risk)

    def _net(self, below: float, above: float) -> float:
        """Fees less loss-versus-rebalancing, a year, of a range's value."""
        if below <= 0.0 or above <= 0.0:
            return 0.0
        return range_efficiency(below, above) * (self.fees - self.variance / 8.0)

    def _sides(self) -> tuple[float, float]:
        low, high = self.problem.present or (0, 0)
        return max(0.0, self.problem.position - low) * TICK, max(0.0, high - self.problem.position) * TICK

    def _fees(self) -> float:
        one = self.problem
        if one.present is None or one.since_s <= 0:
            return fee_rate(0.0, 1.0, 0.0, self.variance)
        half = (one.present[1] - one.present[0]) / 2.0 * TICK
        span = years(one.since_s) if self.working > 0.0 else min(years(one.since_s), half**2 / self.variance)
        return fee_rate(one.earned, range_efficiency(half, half), span, self.variance)

    def _half(self) -> float:
        """The half-width to lay, in ticks."""
        one = self.problem
        least, most = max(one.narrowest, one.least / 2.0), min(one.widest, one.most / 2.0)
        if not 0.0 < least < most:
            return one.half_width
        return best_half_width(self.fees, self.variance, self.reset, least * TICK, most * TICK) / TICK
