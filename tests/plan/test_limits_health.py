"""A levered vault's limits: never exceeded, and within them as good as the best of a grid of exact quotes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from keeper.decide import decide
from keeper.errors import Unquotable
from keeper.forecast import forecast
from keeper.guard import turnover
from keeper.model import Approved, Decision, Fill, History, LeverageMove, Refused, Snapshot, Threshold, Venue, Window
from keeper.plan.limits import MARGIN
from keeper.plan.market import opener
from keeper.plan.position import Bounds, Tried, attempt, health_factor, values
from keeper.plan.route import Trades
from keeper.plan.standing import Valuer
from keeper.protocols.uniswap_v2 import UniswapV2Pair
from keeper.units import BPS, WAD, Address, Bps, Gas, Timestamp
from keeper.vaults.leverage import LeverageVault
from tests import levered
from tests.scene import NOW, STATE, USDC, WETH, WETH_USDC

POOLS = (WETH_USDC, levered.OTHER_POOL, Address("0x" + "04" * 20))
USD = 3_000.0
SIZES, SPLITS = 40, 20
TARGET: dict[str, Any] = {"policy": Threshold("target")}


@dataclass(frozen=True)
class Case:
    """A position outside its band, three pools, and one mandate's limits."""

    snapshot: Snapshot
    rules: dict[str, Any]

    @property
    def vault(self) -> LeverageVault:
        (vault,) = self.snapshot.vaults
        assert isinstance(vault, LeverageVault)
        return vault

    @property
    def levers(self) -> bool:
        return health_of(self.snapshot) > 1.8

    def decided(self, **more: Any) -> Decision:
        rules = {"min_trade": 0.01, "max_loss": Bps(100)} | TARGET | self.rules | more
        return decide(History(self.snapshot, ()), STATE, levered.trusting(), levered.mandate(**rules), 0)

    def free(self) -> Approved:
        found = replace(self, rules={}).decided().verdict
        assert isinstance(found, Approved), found
        return found

    @property
    def each(self) -> int:
        """What a unit of gas costs, in wei."""
        return self.snapshot.head.base_fee + levered.CHEAP_GAS.normal.tip

    def allowed(self) -> tuple[Address, ...]:
        return self.rules.get("venues") or POOLS

    def most_sold(self) -> float:
        """Raw units of the token that is sold, by what every limit says of it."""
        token = self.sides[0]
        price = {WETH.address: USD * 1e-18, USDC.address: 1e-6}
        gross = self.vault.gross(self.snapshot, Timestamp(NOW)) * price[WETH.address]
        limits = [gross * min(self.rules.get("max_turnover", BPS), self.vault.limits.max_turnover) / BPS]
        limits += [raw * price[one] for one, raw in self.rules.get("max_trade", ())]
        caps = dict(self.rules.get("venue_limits", ()))
        if set(self.allowed()) <= caps.keys():
            limits.append(sum(caps[p] for p in self.allowed()) * price[WETH.address])
        return min(limits) / price[token]

    @property
    def sides(self) -> tuple[Address, Address]:
        return (USDC.address, WETH.address) if self.levers else (WETH.address, USDC.address)


def health_of(snapshot: Snapshot) -> float:
    vault = snapshot.vaults[0]
    return snapshot.market(vault.market).health_factor(vault.address, Timestamp(NOW)) / WAD  # type: ignore[attr-defined]


def case(seed: int, key: str) -> Case:
    """Random: on either side of the band, pools of 100 to 1,000 million dollars a side within 15 bps of the oracle."""
    rng = np.random.default_rng(seed)
    health = rng.uniform(1.32, 1.49) if rng.random() < 0.6 else rng.uniform(2.25, 2.6)
    snapshot = levered.position(health, venues=POOLS)
    pools: list[Venue] = []
    for pool in POOLS:
        dollars, off = 10 ** rng.uniform(8.0, 9.0), math.exp(rng.normal(0.0, 7e-4))
        reserves = (round(dollars * 1e6), round(dollars / USD * off * 1e18))
        pools.append(UniswapV2Pair(pool, (USDC.address, WETH.address), reserves))
    made = Case(replace(snapshot, venues=tuple(pools)), {})
    return replace(made, rules=limit(key, rng, made))


def limit(key: str, rng: np.random.Generator, made: Case) -> dict[str, Any]:
    """One that binds, more often than not: a share of what would be sold without it."""
    fills = made.free().prediction.fills
    dollars = sum(f.amount_in for f in fills) * (1e-6 if made.levers else USD * 1e-18)
    share = rng.uniform(0.1, 1.3)
    match key:
        case "max_turnover":
            return {key: Bps(min(2_500, int(share * dollars / (1_000 * USD) * BPS)))}
        case "max_trade":
            token, unit = (WETH, USD * 1e-18) if rng.random() < 0.5 else (USDC, 1e-6)
            return {key: ((token.address, int(share * dollars / unit)),)}
        case "venue_limits":
            some = rng.choice(3, int(rng.integers(1, 4)), replace=False)
            parts = rng.uniform(0.05, 0.6, 3)
            return {key: tuple((POOLS[k], int(parts[k] * dollars / USD * 1e18)) for k in some)}
        case "venues":
            return {key: tuple(POOLS[k] for k in rng.choice(3, int(rng.integers(1, 3)), replace=False))}
        case _:
            return {key: share * dollars / USD}


KEYS = ("max_turnover", "max_trade", "venue_limits", "venues", "min_trade")


def sold(fills: tuple[Fill, ...], token: Address) -> int:
    net = sum(f.amount_in for f in fills if f.token_in == token)
    return net - sum(f.amount_out for f in fills if f.token_out == token)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(16))
def test_no_plan_exceeds_a_limit(seed: int, key: str) -> None:
    made = case(seed, key)
    found = made.decided().verdict
    if isinstance(found, Refused):
        assert key == "min_trade"
        assert found.reasons[-1].id in ("P-min_trade", "P-loss")
        return
    assert isinstance(found, Approved)
    fills, rules = found.prediction.fills, made.rules
    worth = turnover(made.snapshot, made.vault, found.prediction)
    gross = made.vault.gross(made.snapshot, found.prediction.timestamp)
    assert worth * BPS <= gross * rules.get("max_turnover", BPS)
    for token, most in rules.get("max_trade", ()):
        assert abs(sold(fills, token)) <= most
    for pool, most in rules.get("venue_limits", ()):
        paid = sum(f.amount_in * (1.0 if f.token_in == WETH.address else 1e12 / USD) for f in fills if f.pool == pool)
        assert paid <= most
    assert {f.pool for f in fills} <= set(made.allowed())
    assert worth >= rules.get("min_trade", 0.0) * 1e18 * (1.0 - 1e-9)


def splits(made: Case, amount: int, steps: int) -> Iterator[tuple[Fill, ...]]:
    """The amount over the pools that may be used, in so many parts, within what each may be paid."""
    token, allowed = made.sides[0], made.allowed()
    caps = dict(made.rules.get("venue_limits", ()))
    unit = 1.0 if token == WETH.address else 1e12 / USD
    for first in range(steps + 1):
        for second in range(steps + 1 - first):
            parts = [first, second, steps - first - second]
            shares = dict(zip(POOLS, parts, strict=True))
            if any(
                n and (p not in allowed or amount * n / steps * unit > caps.get(p, math.inf)) for p, n in shares.items()
            ):
                continue
            try:
                yield tuple(made.snapshot.venue(p).quote(token, amount * n // steps) for p, n in shares.items() if n)
            except Unquotable:
                continue


def brings(made: Case, fills: tuple[Fill, ...]) -> float:
    """What comes of them net of what is paid of it, the pools' gas paid too, raw units of the token bought."""
    bought = made.sides[1]
    gas = sum(made.snapshot.venue(f.pool).gas for f in fills) * made.each
    return -sold(fills, bought) - gas * (1.0 if made.levers else USD * 1e-12)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(16))
def test_no_split_of_what_is_sold_brings_more(seed: int, key: str) -> None:
    made = case(seed, key)
    found = made.decided().verdict
    if not isinstance(found, Approved):
        return
    fills = found.prediction.fills
    amount = sold(fills, made.sides[0])
    best = max((brings(made, way) for way in splits(made, amount, SPLITS)), default=0.0)
    assert brings(made, fills) >= best * (1.0 - 1e-6)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(16))
def test_it_goes_as_far_towards_its_target_as_the_limits_let_it(seed: int, key: str) -> None:
    """No sale within them, in fortieths of the largest, over any split in eighths, ends nearer."""
    made = case(seed, key)
    found = made.decided().verdict
    if not isinstance(found, Approved):
        return
    start, reached = health_of(made.snapshot), (found.prediction.health_factor or 0) / WAD
    collateral, debt = 1_000.0 * USD, 1_000.0 * USD * levered.THRESHOLD / BPS / start
    most = min(made.most_sold(), 1.2 * sum(f.amount_in for f in made.free().prediction.fills))
    nearest = abs(start - 1.8)
    for step in range(1, SIZES + 1):
        amount = int(most * step / SIZES)
        for fills in splits(made, amount, 8):
            got = sum(f.amount_out for f in fills)
            paid, received = (amount * 1e-6, got * USD * 1e-18) if made.levers else (amount * USD * 1e-18, got * 1e-6)
            after = (collateral + received, debt + paid) if made.levers else (collateral - paid, debt - received)
            nearest = min(nearest, abs(levered.THRESHOLD / BPS * after[0] / after[1] - 1.8))
    way = abs(start - 1.8)
    assert abs(reached - 1.8) <= nearest + 3.0 * (1.0 - MARGIN) * way


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(16))
def test_its_cheapest_plan_costs_hardly_more_than_the_cheapest_of_all(seed: int, key: str) -> None:
    """Every sale within the limits, in fortieths of the largest, over any split in sixths, valued as plans are.

    Of those that end inside the band where it does: what ends outside repairs nothing.
    """
    made = case(seed, key)
    verdict = made.decided(policy=Threshold()).verdict
    if not isinstance(verdict, Approved):
        return
    problem, rules = made.vault.problem(made.snapshot, levered.mandate()), levered.mandate()
    expected = forecast(problem, made.vault.drift(made.snapshot, rules), levered.trusting(), rules, base_fee=10**9)
    pools = made.allowed()
    market = opener(made.snapshot, pools, WETH.address, made.each, 10)()
    most = made.most_sold() * (1e-6 if made.levers else USD * 1e-18) * levered.UNIT
    bounds = Bounds(most * MARGIN, 0.0, made.vault.gas, Gas(0))
    state = Valuer(problem, expected, rules, attempt(problem, 1.8, "", market, bounds))
    collateral, debt = values(problem)
    inside = 1.5 <= (verdict.prediction.health_factor or 0) / WAD <= 2.2
    costs = []
    for step in range(1, SIZES + 1):
        amount = int(made.most_sold() * step / SIZES)
        if amount * (1e12 / USD if made.levers else 1.0) < made.rules.get("min_trade", 0.0) * 1e18:
            continue
        for fills in splits(made, amount, 6):
            trades = Trades((), fills, market.cost(fills, made.vault.gas))
            got = trades.net(made.sides[1])
            if made.levers:
                after = (collateral + got * problem.collateral_price, debt + amount * problem.debt_price)
            else:
                after = (collateral - amount * problem.collateral_price, debt - got * problem.debt_price)
            if inside and not 1.5 <= health_factor(problem, *after) <= 2.2:
                continue
            move = LeverageMove(made.levers, False, False, 0, 0)
            costs.append(state.cost(Tried("", trades, move, trades.cost, *after, after[0])).total)
    plan = verdict.plan
    assert plan.cost.total <= min(costs, default=math.inf) + 0.03 * plan.waiting.total


@pytest.mark.parametrize("seed", range(12))
def test_in_a_blackout_nothing_is_done_and_outside_it_all_is_as_without(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = case(seed, "venues")
    start, end = (NOW + int(x) for x in (-rng.integers(0, 3_600), rng.integers(1, 3_600)))
    around = Window(Timestamp(start), Timestamp(end), "upgrade")
    found = made.decided(blackouts=(around,)).verdict
    assert isinstance(found, Refused)
    assert [r.id for r in found.reasons] == ["B-1"]
    over, later = replace(around, end=NOW), replace(around, start=Timestamp(NOW + 1))
    for elsewhere in (over, later):
        assert made.decided(blackouts=(elsewhere,)).verdict == made.decided().verdict
    saved = made.decided(blackouts=(replace(around, rescues=True),)).verdict
    assert isinstance(saved, Refused) == made.levers, "only a health factor under its band is saved in it"


@pytest.mark.parametrize("health", [1.2, 1.25, 1.3, 1.35, 1.4])
@pytest.mark.parametrize("depth", [8e6, 1.5e7, 3e7])
def test_where_a_guard_stands_in_its_way_it_goes_nearly_as_far_as_passes(health: float, depth: float) -> None:
    """Against every turnover in per cent of the vault's; what ends inside the band is not looked at again."""
    made = Case(levered.position(health, depth=depth), {})
    ends = [
        (found.prediction.health_factor or 0) / WAD
        for percent in range(1, 26)
        if isinstance(found := made.decided(max_turnover=Bps(100 * percent)).verdict, Approved)
        and not any(r.id[0] in "CK" for r in found.plan.limits)
    ]
    reached = (made.free().prediction.health_factor or 0) / WAD
    furthest = max(one for one in ends)
    assert reached - health >= 0.8 * (min(furthest, 1.5) - health)


@pytest.mark.parametrize("least", [90.0, 105.0, 120.0])
def test_where_half_is_under_min_trade_what_lies_between_is_found(least: float) -> None:
    """The whole way back loses more than may be lost, its half is not worth a leg, and sizes between are both."""
    made = Case(levered.position(1.3, depth=2.6e7), {"min_trade": least})
    found = made.decided().verdict
    assert isinstance(found, Approved), found
    assert "K-33" in {reason.id for reason in found.plan.limits}
    assert sold(found.prediction.fills, WETH.address) >= least * 1e18
