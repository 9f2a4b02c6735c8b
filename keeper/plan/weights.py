"""A basket off its weights in, the cheapest way back, or the reason to wait, out."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from math import inf

import numpy as np

from keeper.costs import years
from keeper.errors import Unquotable
from keeper.model import Candidate, Cost, Forecast, Mandate, Plan, Reason, WeightProblem
from keeper.plan.basket import Sizes, Tried, attempt, shares, sold
from keeper.plan.infeasible.basket import narrow_band, no_trade_possible, short_of_band
from keeper.plan.infeasible.words import BAND
from keeper.plan.region import Floats, Geometry, Region, geometry, region, trimmed
from keeper.plan.route import Capped, Market
from keeper.plan.volatility import covariance
from keeper.units import Address

_EDGE_MARGIN = 0.98
"""A trade to the edge ends this far out, in units of the band, so that its own cost does not leave it outside."""
_LESS = (0.5, 0.1, 0.02)
"""Of the way back, where the pools cannot take all of it."""
_BISECTIONS = 10
"""Towards the most of the way back that the caps of the pools leave."""
_FINER = 14
"""Towards the least that would let something be sold, of all that there is."""
_AMPLE = 1.02
"""Of what the pools are paid without caps: whole units take a little more."""
_ALIKE = 0.02
"""Trades that end this near to each other, in bands, leave out none of the tokens."""
_ALMOST = 0.99
"""Of what another trade sells: as large."""
_SAME = 1e-3
"""Weights wanted that differ by less than this share of a band are one candidate."""


def plan_weights(
    problem: WeightProblem, forecast: Forecast, mandate: Mandate, open_market: Callable[[], Market], limits: Sizes
) -> tuple[Plan, ...]:
    """Plans in order of preference: the least total of execution and of the state left behind first.

    Doing nothing is a candidate: where it is cheapest it comes first. A plan that ends outside the band is offered
    only when none that ends inside costs less than waiting.

    The state is valued by the ergodic tracking problem over all weights at once, with the believed correlations and the
    costs that the trade to target was measured to have: fees, the pools' prices and impact, as far as the mandate's
    chunks do not spread it, in proportion to what is sold, and gas. Ways back: to the target, half way, to the inner
    edge of the region where waiting is best, and to the edge of the mandate's band.
    """
    market = open_market()
    off = np.array(shares(problem.amounts_raw, problem.prices)) - np.array(problem.targets)
    trials: list[Tried] = []
    refused: list[Candidate] = []
    errors: list[Unquotable] = []

    def consider(wanted: Floats, name: str) -> None:
        used = trials[0].trades.used if trials else ()
        try:
            aim = tuple((np.array(problem.targets) + wanted).tolist())
            found = attempt(problem, aim, name, market, limits, used)
            if used and _too_dear(problem, found, trials[0]):
                found = _cheaper(problem, found, aim, name, market, limits)
            trials.append(replace(found, name=f"{name}, as far as limits let it") if found.limited else found)
        except Unquotable as error:
            errors.append(error)
            refused.append(Candidate(name, Cost(), f"not possible: {error}"))

    ways = _ways(problem, off, mandate)
    consider(*ways[0])
    if errors and isinstance(errors[0], Capped):
        trials.extend(_most(problem, off, market, limits))
    for share in _LESS if not trials else ():
        if not trials:
            consider(off * (1.0 - share), f"as the pools allow, {share:.3g} of the way back")
    if not trials:
        do, why = _would_do(problem, off, market, limits), errors[0]
        raised = _raised(problem, market, limits, why) if isinstance(why, Capped) else None
        limit = no_trade_possible(mandate, problem, off, limits, why, do, raised)
        return (Plan((), None, Cost(), Cost(), refused[0].note, tuple(refused), (limit,)),)
    where = _region(problem, forecast, mandate, off, trials[0])
    inner = (where.settle(off), "to where waiting is best")
    if len(ways) > 1 and where.distance(off) > 1.0 and not _known(problem, inner[0], ways):
        ways[1] = inner
    for way in ways[1:]:
        consider(*way)
    return _ranked(
        problem,
        mandate,
        off,
        where,
        trials,
        tuple(refused),
        lambda best: _short(problem, mandate, off, market, limits, best),
    )


def _short(
    problem: WeightProblem, mandate: Mandate, off: Floats, market: Market, limits: Sizes, best: Tried
) -> Reason | None:
    """What of the limits keeps the best trade from ending inside the band."""
    free = replace(limits, turnover=inf, assets=(), min_trade=0.0)
    aim = tuple((np.array(problem.targets) + _nearest(problem, off, mandate)).tolist())
    try:
        need: Tried | Unquotable = attempt(problem, aim, "", replace(market, caps=()), free)
    except Unquotable as error:
        need = error
    return short_of_band(mandate, problem, limits, best, need)


def _nearest(problem: WeightProblem, off: Floats, mandate: Mandate) -> Floats:
    """Where the mandate's way back is first inside the band: on the line to the target, or at the edge."""
    bands = np.array(problem.bands)
    if mandate.policy.settle == "target":
        return off * min(1.0, _EDGE_MARGIN / float(np.max(np.abs(off) / bands)))
    return trimmed(off, _EDGE_MARGIN * bands)


def _cheaper(
    problem: WeightProblem, found: Tried, aim: tuple[float, ...], name: str, market: Market, limits: Sizes
) -> Tried:
    """The same trade begun anew, where that is as large and costs less."""
    try:
        again = attempt(problem, aim, name, market, limits)
    except Unquotable:
        return found
    smaller = sold(problem, again.trades) < _ALMOST * sold(problem, found.trades)
    return found if smaller or again.trades.cost.execution >= found.trades.cost.execution else again


def _too_dear(problem: WeightProblem, one: Tried, full: Tried) -> bool:
    """Whether a trade costs more than so much of the full one would: where it began was no good start."""
    share = sold(problem, one.trades) / sold(problem, full.trades)
    cost, small = full.trades.cost, one.trades.cost
    fixed = cost.gas + cost.l1_data
    return small.execution > (share * (cost.execution - fixed) + fixed) * _AMPLE


def _most(problem: WeightProblem, off: Floats, market: Market, limits: Sizes) -> list[Tried]:
    """As much of the way back as the caps of the pools leave, by bisection; none where they leave nothing."""
    found, low, high = list[Tried](), 0.0, 1.0
    for _ in range(_BISECTIONS):
        share = (low + high) / 2.0
        aim = tuple((np.array(problem.targets) + off * (1.0 - share)).tolist())
        try:
            found = [attempt(problem, aim, f"as venue_limits allow, {share:.3g} of the way back", market, limits)]
            low = share
        except Unquotable:
            high = share
    return found


def _would_do(problem: WeightProblem, off: Floats, market: Market, limits: Sizes) -> tuple[float | None, float]:
    """The least turnover that lets a trade be made at this min_trade, and the largest min_trade at this turnover.

    By bisection, quote currency; None where no turnover would.
    """

    def made(turnover: float, least: float) -> Tried | None:
        within = replace(limits, turnover=turnover, min_trade=least)
        for share in (1.0, *_LESS):
            try:
                aim = tuple((np.array(problem.targets) + off * (1.0 - share)).tolist())
                return attempt(problem, aim, "", market, within)
            except Unquotable:
                continue
        return None

    if limits.turnover <= 0.0:
        return None, 0.0
    largest = float(min(off.max(), -off.min())) * limits.wealth
    small, large = 0.0, min(limits.min_trade, largest)
    for _ in range(_FINER):
        least = (small + large) / 2.0
        small, large = (least, large) if made(limits.turnover, least) else (small, least)
    whole = made(inf, limits.min_trade)
    if whole is None:
        return None, small
    short, enough = limits.turnover, sold(problem, whole.trades)
    for _ in range(_FINER):
        turnover = (short + enough) / 2.0
        short, enough = (short, turnover) if made(turnover, limits.min_trade) else (turnover, enough)
    return enough, small


def _raised(problem: WeightProblem, market: Market, limits: Sizes, why: Capped) -> tuple[bool, float] | None:
    """How many times its cap lets all of the trade be made, by bisection: of the pool `why` names alone, or of all.

    None where neither does.
    """

    def made(caps: tuple[tuple[Address, float], ...]) -> Floats | None:
        try:
            return np.array(attempt(problem, problem.targets, "", replace(market, caps=caps), limits).after)
        except Unquotable:
            return None

    whole = made(())

    def goes(times: float, alone: bool) -> bool:
        after = made(tuple((p, most if alone and p != why.pool else times * most) for p, most in market.caps))
        if after is None or whole is None:
            return False
        return bool(np.all(np.abs(after - whole) <= _ALIKE * np.array(problem.bands)))

    for alone in (True, False) if why.pool else (False,):
        low, high = 1.0, _AMPLE * why.times
        if not goes(high, alone):
            continue
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2.0
            low, high = (low, middle) if goes(middle, alone) else (middle, high)
        return alone, high
    return None


def _ways(problem: WeightProblem, off: Floats, mandate: Mandate) -> list[tuple[Floats, str]]:
    """Offsets to trade to: the target first."""
    distance = float(np.max(np.abs(off) / np.array(problem.bands)))
    target = (np.zeros(len(off)), "back to target")
    edge = [(trimmed(off, _EDGE_MARGIN * np.array(problem.bands)), "to the band's edge")] if distance > 1.0 else []
    match mandate.policy.settle:
        case "target":
            return [target]
        case "edge":
            return edge or [target]
        case _:
            return [target, (off / 2.0, "half way back"), *edge]


def _known(problem: WeightProblem, wanted: Floats, ways: list[tuple[Floats, str]]) -> bool:
    near = _SAME * np.array(problem.bands)
    return any(bool(np.all(np.abs(wanted - one) <= near)) for one, _ in ways)


def _region(problem: WeightProblem, forecast: Forecast, mandate: Mandate, off: Floats, full: Tried) -> Region:
    """Where to wait, for the costs that the full trade pays."""
    wealth = sum(a * p for a, p in zip(problem.amounts_raw, problem.prices, strict=True)) / problem.prices[0]
    cost = full.trades.cost
    paid = cost.fees + max(0.0, cost.basis) + max(0.0, cost.impact) / mandate.chunks.most
    moved = float(np.abs(np.array(full.after) - np.array(problem.targets) - off).sum()) / 2.0
    believed = covariance(forecast, problem.tokens).tobytes()
    shape = _shape(believed, problem.targets, mandate.risk_aversion)
    return region(shape, off, paid / wealth / moved, (cost.gas + cost.l1_data) / wealth)


@lru_cache(maxsize=256)
def _shape(believed: bytes, targets: tuple[float, ...], aversion: float) -> Geometry:
    """Of a covariance's bytes; remembered, because beliefs outlive many blocks."""
    return geometry(np.frombuffer(believed).reshape(len(targets), -1), targets, aversion)


def _ranked(
    problem: WeightProblem,
    mandate: Mandate,
    off: Floats,
    where: Region,
    trials: list[Tried],
    refused: tuple[Candidate, ...],
    short: Callable[[Tried], Reason | None],
) -> tuple[Plan, ...]:
    """`short` says what of the limits keeps a trade from ending inside the band."""
    wealth = sum(a * p for a, p in zip(problem.amounts_raw, problem.prices, strict=True)) / problem.prices[0]
    waiting = Cost(risk=wealth * where.waiting(off, years(mandate.horizon_s)))
    valued = [
        (t, replace(t.trades.cost, risk=wealth * where.value(np.array(t.after) - np.array(problem.targets))))
        for t in trials
    ]
    repaired = [(t, c) for t, c in valued if _inside(t.after, problem)]
    worth = [c for _, c in repaired if c.total < waiting.total or mandate.policy.settle != "cheapest"]
    ranked = sorted(repaired if worth else valued, key=lambda pair: pair[1].total)
    best, cost = ranked[0]
    candidates = (
        Candidate("do nothing", waiting, f"over {mandate.horizon_s / 3600:.0f} h"),
        *(
            Candidate(t.name, c, f"{len(t.trades.legs)} legs" + ("" if _inside(t.after, problem) else ", ends outside"))
            for t, c in valued
        ),
        *refused,
    )
    limit = None if _inside(best.after, problem) else short(best)
    if limit is None and mandate.policy.settle == "cheapest" and not worth:
        limit = narrow_band(mandate, problem, off, where)
    told = (limit,) if limit is not None else ()
    acting = tuple(Plan(t.trades.legs, None, c, waiting, t.name, candidates, told) for t, c in ranked)
    if mandate.policy.settle == "cheapest" and waiting.total <= cost.total:
        reason = f"waiting costs {waiting.total:.0f}, the best trade ({best.name}) {cost.total:.0f}, in raw base units"
        stands = tuple(one for one in told if one.id == BAND)
        return (Plan((), None, cost, waiting, reason, candidates, stands), *acting)
    return acting


def _inside(weights: tuple[float, ...], problem: WeightProblem) -> bool:
    """Whether every weight is in its band: a trade that does not end there repairs nothing, however cheap."""
    return all(abs(w - t) <= b for w, t, b in zip(weights, problem.targets, problem.bands, strict=True))
