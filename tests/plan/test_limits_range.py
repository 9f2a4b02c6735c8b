"""A range vault's limits: never exceeded, and within them as good as the best of a grid of exact replays."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from keeper.decide import decide
from keeper.errors import Refusal, Unquotable
from keeper.forecast import forecast
from keeper.guard import turnover
from keeper.model import (
    Approved,
    Cost,
    Decision,
    Fill,
    History,
    Leg,
    Plan,
    RangeGoal,
    RangeMove,
    Refused,
    Snapshot,
    State,
    Threshold,
    Window,
)
from keeper.plan.basket import Sizes
from keeper.plan.limits import MARGIN
from keeper.plan.liquidity import Laid, _state, worth
from keeper.plan.market import opener
from keeper.plan.range_ import _Valuer
from keeper.plan.route import Trades
from keeper.protocols.uniswap_v2 import UniswapV2Pair
from keeper.units import BPS, Address, Bps, Timestamp
from keeper.vaults.range_vault import RangeVault
from tests.plan.test_range import POOL, VAULT, mandate, scene
from tests.scene import NOW, beliefs

OTHER = Address("0x" + "04" * 20)
POOLS = (POOL, OTHER)
SIZES = 30
KEYS = ("max_turnover", "max_trade", "venue_limits", "venues", "min_trade")


@dataclass(frozen=True)
class Case:
    """A range whose price has left it, its own pool and a pair besides, and one mandate's limits."""

    snapshot: Snapshot
    usd: float
    rules: dict[str, Any]

    @property
    def vault(self) -> RangeVault:
        (vault,) = self.snapshot.vaults
        assert isinstance(vault, RangeVault)
        return vault

    def decided(self, **more: Any) -> Decision:
        rules = {"policy": Threshold("target")} | self.rules | more
        return decide(History(self.snapshot, ()), State(VAULT), beliefs(), mandate(**rules), 0)

    def worth(self, token: Address) -> float:
        """Dollars a raw unit."""
        return 1e-6 if token == self.vault.tokens[0].address else self.usd * 1e-18

    def allowed(self) -> tuple[Address, ...]:
        return self.rules.get("venues") or POOLS

    def most_sold(self) -> float:
        """Dollars, by what every limit says of it."""
        gross = self.vault.gross(self.snapshot, Timestamp(NOW)) * 1e-6
        limits = [gross * min(self.rules.get("max_turnover", BPS), self.vault.limits.max_turnover) / BPS]
        limits += [raw * self.worth(token) for token, raw in self.rules.get("max_trade", ())]
        caps = dict(self.rules.get("venue_limits", ()))
        if set(self.allowed()) <= caps.keys():
            limits.append(sum(caps[p] for p in self.allowed()) * 1e-6)
        return min(limits)


def case(seed: int, key: str) -> Case:
    """Random: the price on either side, either order of the tokens, the other pool of 20 to 500 million a side."""
    rng = np.random.default_rng(seed)
    usd = rng.uniform(2_500.0, 2_700.0) if rng.random() < 0.5 else rng.uniform(3_330.0, 3_600.0)
    made = scene(usd, base_first=bool(rng.random() < 0.5), venues=POOLS)
    base, other = made.vaults[0].tokens
    dollars, off = 10 ** rng.uniform(7.3, 8.7), math.exp(rng.normal(0.0, 5e-4))
    amounts = {base.address: round(dollars * 1e6), other.address: round(dollars / usd * off * 1e18)}
    tokens = made.venues[0].tokens
    first, second = tokens
    pair = UniswapV2Pair(OTHER, (first, second), (amounts[first], amounts[second]))
    found = Case(replace(made, venues=(*made.venues, pair)), usd, {})
    return replace(found, rules=limit(key, rng, found))


def limit(key: str, rng: np.random.Generator, made: Case) -> dict[str, Any]:
    """One that binds, more often than not: a share of what would be sold without it."""
    free = made.decided().verdict
    assert isinstance(free, Approved)
    base, other = made.vault.tokens
    dollars = sum(f.amount_in * made.worth(f.token_in) for f in free.prediction.fills)
    share = rng.uniform(0.1, 1.3)
    match key:
        case "max_turnover":
            gross = made.vault.gross(made.snapshot, Timestamp(NOW)) * 1e-6
            return {key: Bps(min(6_000, int(share * dollars / gross * BPS)))}
        case "max_trade":
            token = base if rng.random() < 0.5 else other
            return {key: ((token.address, int(share * dollars / made.worth(token.address))),)}
        case "venue_limits":
            some = rng.choice(2, int(rng.integers(1, 3)), replace=False)
            return {key: tuple((POOLS[k], int(rng.uniform(0.1, 0.8) * dollars * 1e6)) for k in some)}
        case "venues":
            return {key: POOLS[: int(rng.integers(1, 3))]}
        case _:
            return {key: share * dollars}


def sold(fills: tuple[Fill, ...], token: Address) -> int:
    net = sum(f.amount_in for f in fills if f.token_in == token)
    return net - sum(f.amount_out for f in fills if f.token_out == token)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(16))
def test_no_plan_exceeds_a_limit(seed: int, key: str) -> None:
    made = case(seed, key)
    found = made.decided().verdict
    if isinstance(found, Refused):
        assert {r.id for r in found.reasons} <= {"P-min_trade"}
        assert key == "min_trade"
        return
    assert isinstance(found, Approved)
    fills, rules = found.prediction.fills, made.rules
    worth = turnover(made.snapshot, made.vault, found.prediction)
    gross = made.vault.gross(made.snapshot, found.prediction.timestamp)
    assert worth * BPS <= gross * rules.get("max_turnover", BPS)
    for token, most in rules.get("max_trade", ()):
        assert abs(sold(fills, token)) <= most
    for pool, most in rules.get("venue_limits", ()):
        assert sum(f.amount_in * made.worth(f.token_in) for f in fills if f.pool == pool) <= most * 1e-6
    assert {f.pool for f in fills} <= set(made.allowed())
    assert not fills or worth >= rules.get("min_trade", 0.0) * 1e6 * (1.0 - 1e-9)


def ways(made: Case, token: Address, amount: int, steps: int) -> Iterator[tuple[Leg, ...]]:
    """The amount over the pools that may be used, in so many parts, within what each may be paid."""
    caps = dict(made.rules.get("venue_limits", ()))
    for first in range(steps + 1):
        parts = {POOL: amount * first // steps, OTHER: amount - amount * first // steps}
        paid = {p: raw for p, raw in parts.items() if raw}
        fits = all(
            p in made.allowed() and raw * made.worth(token) <= caps.get(p, math.inf) * 1e-6 for p, raw in paid.items()
        )
        if fits:
            yield tuple(Leg(made.snapshot.venue(p).adapter, p, token, raw, 0) for p, raw in paid.items())


def laid(made: Case, move: RangeMove, legs: tuple[Leg, ...]) -> int:
    """Liquidity of the range after the legs, by exact replay; 0 where they or it cannot be."""
    plan = Plan(legs, replace(move, min_liquidity=0), Cost(), Cost(), "")
    try:
        after = made.vault.after(made.snapshot, plan, Timestamp(NOW + 12)).range
    except (Refusal, Unquotable):
        return 0
    return after.liquidity if after is not None else 0


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(16))
def test_no_swap_within_the_limits_lays_a_larger_range(seed: int, key: str) -> None:
    """Between the same ticks: in thirtieths of the largest, over any split in twentieths."""
    made = case(seed, key)
    found = made.decided().verdict
    if not isinstance(found, Approved) or not found.prediction.fills:
        return
    move, after = found.plan.move, found.prediction.range
    assert isinstance(move, RangeMove)
    assert after is not None
    token = max(made.vault.tokens, key=lambda t: sold(found.prediction.fills, t.address)).address
    free = replace(made, rules={}).decided().verdict
    assert isinstance(free, Approved)
    most = min(made.most_sold(), 1.2 * sum(f.amount_in * made.worth(f.token_in) for f in free.prediction.fills))
    least = made.rules.get("min_trade", 0.0)
    sizes = [most * step / SIZES for step in range(1, SIZES + 1)]
    best = max(
        laid(made, move, legs)
        for size in sizes
        if size >= least
        for legs in ways(made, token, int(size / made.worth(token)), 20)
    )
    assert after.liquidity >= best * (1.0 - 2.0 * (1.0 - MARGIN))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(16))
def test_its_cheapest_plan_costs_hardly_more_than_the_cheapest_of_all(seed: int, key: str) -> None:
    """Between the same ticks: every swap within the limits, in thirtieths of the largest, valued as plans are."""
    made = case(seed, key)
    found = made.decided(policy=Threshold()).verdict
    if not isinstance(found, Approved):
        return
    move, fills, rules = found.plan.move, found.prediction.fills, mandate(**made.rules)
    assert isinstance(move, RangeMove)
    problem = made.vault.problem(made.snapshot, rules)
    expected = forecast(problem, made.vault.drift(made.snapshot, rules), beliefs(), rules, base_fee=10**9)
    base = made.vault.tokens[0].address
    open_pools = tuple(problem.venue if v.pool == POOL else v for v in made.snapshot.venues)
    market = opener(replace(made.snapshot, venues=open_pools), made.allowed(), base, 2 * 10**9, 10)()
    gas = made.vault.gas

    def laid_by(some: tuple[Fill, ...]) -> Laid:
        return _state(problem, Trades((), some, market.cost(some, gas)), move.tick_lower, move.tick_upper)

    state = _Valuer(problem, expected, rules, market, Sizes(0.0, 0.0, worth(problem), gas))
    state.measure([laid_by(fills)])
    costs, least = [], made.rules.get("min_trade", 0.0)
    for token in (t.address for t in made.vault.tokens):
        for step in range(1, SIZES + 1):
            size = made.most_sold() * step / SIZES
            raw = int(size / made.worth(token))
            if raw > problem.amounts_raw[0 if token == base else 1]:
                continue
            for legs in ways(made, token, raw, 10):
                if any(leg.amount_in * made.worth(token) < least for leg in legs):
                    continue
                one = laid_by(tuple(market.venue(leg.pool).quote(token, leg.amount_in) for leg in legs))
                costs.append(state.cost(one).total)
    waiting = state.waiting().total
    assert state.cost(laid_by(fills)).total <= min(costs, default=math.inf) + 0.03 * waiting


@pytest.mark.parametrize("seed", range(12))
def test_in_a_blackout_nothing_is_done_and_outside_it_all_is_as_without(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = case(seed, "venues")
    start, end = (NOW + int(x) for x in (-rng.integers(0, 3_600), rng.integers(1, 3_600)))
    around = Window(Timestamp(start), Timestamp(end), "upgrade", rescues=bool(rng.random() < 0.5))
    found = made.decided(blackouts=(around,)).verdict
    assert isinstance(found, Refused)
    assert [r.id for r in found.reasons] == ["B-1"]
    over, later = replace(around, end=NOW), replace(around, start=Timestamp(NOW + 1))
    for elsewhere in (over, later):
        assert made.decided(blackouts=(elsewhere,)).verdict == made.decided().verdict


@pytest.mark.parametrize(
    ("usd", "moved", "dollars", "off"),
    [
        (3_150.0, 200.0, 3e6, 0.98),
        (3_080.0, 100.0, 1e7, 0.98),
        (3_080.0, -200.0, 1e7, 1.02),
        (2_850.0, -200.0, 3e6, 1.02),
    ],
)
def test_what_pools_are_off_each_other_is_not_taken_where_the_turnover_is_needed(
    usd: float, moved: float, dollars: float, off: float
) -> None:
    """It counts what is sold both ways, and laying the range anew comes first."""
    made = scene(usd, moved=moved, venues=POOLS)
    limits = replace(made.vaults[0].limits, max_deviation=Bps(300))
    made = replace(made, vaults=(replace(made.vaults[0], limits=limits),))  # type: ignore[type-var]
    pair = UniswapV2Pair(OTHER, made.venues[0].tokens, (round(dollars * 1e6), round(dollars / usd * off * 1e18)))
    one = Case(replace(made, venues=(*made.venues, pair)), usd, {"goal": RangeGoal(Bps(1_000), Bps(2_000), Bps(1_000))})
    free = one.decided().verdict
    assert isinstance(free, Approved)
    fills = free.prediction.fills
    assert len({fill.token_in for fill in fills}) == 2, "the gain is taken along"
    gross = sum(f.amount_in * one.worth(f.token_in) for f in fills)
    whole = max(sold(fills, t.address) * one.worth(t.address) for t in one.vault.tokens)
    share = Bps(math.ceil(1.2 * whole / (one.vault.gross(one.snapshot, Timestamp(NOW)) * 1e-6) * BPS))
    assert gross > 1.3 * whole, "so that the limit forbids it"
    bound = one.decided(max_turnover=share).verdict
    assert isinstance(bound, Approved), bound
    assert len({fill.token_in for fill in bound.prediction.fills}) == 1
    assert bound.plan.limits == ()
    assert bound.plan.reason == free.plan.reason
