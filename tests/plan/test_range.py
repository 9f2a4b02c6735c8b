"""A range vault's plan and its exact replay, in values alone: both orders of the pool's tokens, and every refusal."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from keeper.costs import fee_rate, range_efficiency, range_rate
from keeper.decide import decide
from keeper.errors import Refusal
from keeper.forecast import forecast
from keeper.model import (
    Approved,
    Cost,
    GuardState,
    Head,
    History,
    Hold,
    Limits,
    Mandate,
    Plan,
    Range,
    RangeGoal,
    RangeMove,
    RangeProblem,
    Refused,
    Snapshot,
    State,
    Threshold,
    Token,
)
from keeper.plan import plan_range
from keeper.plan.basket import Sizes
from keeper.plan.market import opener
from keeper.protocols import uniswap_v3_math as v3
from keeper.protocols import uniswap_v3_range as ranges
from keeper.protocols.uniswap_v3 import UniswapV3Pool, window_words
from keeper.units import Address, BlockNumber, Bps, Hash, Ppm, Timestamp, Wei
from keeper.vaults.range_vault import INVESTED, RangeVault
from tests.scene import LANES, NOW, beliefs, price, round_of

VAULT = Address("0x" + "aa" * 20)
POOL = Address("0x" + "01" * 20)
LOW, HIGH = "0x" + "11" * 20, "0x" + "22" * 20
SPACING = 10
HALF = 1_000
LONG_AGO = GuardState(7, False, Timestamp(NOW - 10 * 86_400), 10**12, 10**13)
"""Of a vault that collected its fees ten days ago."""


def scene(usd: float = 3_000.0, *, base_first: bool = True, moved: float = 0.0, **changes: Any) -> Snapshot:
    """A vault of 600,000 dollars laid round 3,000, in a deep pool that follows the oracle, `moved` ticks off it."""
    usdc = Token(Address(LOW if base_first else HIGH), "USDC", 6)
    weth = Token(Address(HIGH if base_first else LOW), "WETH", 18)
    ticks = [math.log(root_of(usdc, weth, at) ** 2) / math.log(1.0001) for at in (3_000.0, usd)]
    centre = round(ticks[0] / SPACING) * SPACING
    root = v3.sqrt_at_tick_up(round(ticks[1] + moved))
    held = Range(centre - HALF, centre + HALF, 0)
    liquidity = ranges.liquidity_down(
        v3.sqrt_at_tick_up(centre),
        ranges.band(held.tick_lower, held.tick_upper),
        *in_order(300_000 * 10**6, 10**20, base_first),
    )
    held = replace(held, liquidity=liquidity)
    words = window_words(centre, SPACING)
    edge = 20_000
    pool = UniswapV3Pool(
        pool=POOL,
        tokens=(Address(LOW), Address(HIGH)),
        fee_ppm=Ppm(500),
        tick_spacing=SPACING,
        sqrt_price_x96=root,
        tick=v3.tick_at_sqrt_down(root),
        liquidity=20 * liquidity,
        word_from=words[0] - 10,
        word_to=words[1] + 10,
        ticks=((centre - edge, 20 * liquidity), (centre + edge, -20 * liquidity)),
    )
    pool = ranges.with_liquidity(pool, held.tick_lower, held.tick_upper, liquidity, (liquidity, liquidity))
    vault = RangeVault(
        address=VAULT,
        tokens=(usdc, weth),
        holdings=(5, 7),
        pool=POOL,
        range=held,
        gross_at_ends=(liquidity, liquidity),
        fees=(1_000_000, 10**15),
        width=(200, 20_000),
        venues=(POOL,),
        limits=Limits(Bps(100), Bps(100), Bps(200), Bps(100), Bps(6_000), Bps(20_000), 300),
        guard=GuardState(7, False, Timestamp(0), 10**12, 10**13),
        keeper_allowed=True,
        total_supply=10**24,
        state_hash=Hash("0x" + "00" * 32),
        reported_nav=None,
    )
    vault = replace(vault, **changes)
    made = Snapshot(
        chain_id=31_337,
        head=Head(BlockNumber(100), Hash("0x" + "bb" * 32), NOW, Wei(10**9)),
        vaults=(vault,),
        venues=(pool,),
        markets=(),
        rounds=(round_of(usdc, 1.0), round_of(weth, usd)),
        tokens=(usdc, weth),
        native=replace(round_of(weth, usd), token=Address("0x" + "00" * 20)),
    )
    return replace(made, vaults=(replace(vault, reported_nav=vault.nav(made, NOW)),))


def root_of(usdc: Token, weth: Token, usd: float) -> float:
    first, second = sorted((usdc, weth), key=lambda t: t.address)
    prices = {t.symbol: price(t, 1.0 if t.symbol == "USDC" else usd) for t in (usdc, weth)}
    return math.sqrt(prices[first.symbol] / prices[second.symbol])


def in_order(usdc: int, weth: int, base_first: bool) -> tuple[int, int]:
    return (usdc, weth) if base_first else (weth, usdc)


def mandate(**changes: Any) -> Mandate:
    made = Mandate(
        vault=VAULT,
        kind="range",
        name="range",
        goal=RangeGoal(Bps(1_000), Bps(9_000), Bps(1_000)),
        policy=Threshold(),
        horizon_s=86_400,
        risk_aversion=2.0,
        max_loss=Bps(100),
        max_slippage=Bps(10),
        lanes=LANES,
        deadline_s=300,
        min_trade=10.0,
        volatility_priors=(),
    )
    return replace(made, **changes)


def decided(snapshot: Snapshot, **rules: Any) -> Any:
    return decide(History(snapshot, ()), State(VAULT), beliefs(), mandate(**rules), 0)


def moving(snapshot: Snapshot, move: RangeMove) -> Callable[[], Any]:
    vault = snapshot.vault(VAULT)
    return lambda: vault.after(snapshot, Plan((), move, Cost(), Cost(), ""), Timestamp(NOW + 12))


@pytest.mark.parametrize("base_first", [True, False])
@pytest.mark.parametrize("usd", [2_650.0, 3_400.0])
def test_beyond_its_trigger_it_is_laid_round_the_price_again(usd: float, base_first: bool) -> None:
    snapshot = scene(usd, base_first=base_first)
    found = decided(snapshot)
    assert isinstance(found.verdict, Approved), found.verdict
    assert found.drift.name == "WETH in range"
    assert (found.drift.quantities[0].value > 0) == (usd > 3_000)
    after = found.verdict.prediction
    vault = replace(
        snapshot.vault(VAULT), holdings=tuple(a.raw for a in after.holdings), range=after.range, fees=(0, 0)
    )
    place, invested = vault.drift(snapshot, mandate()).quantities
    assert abs(place.value) < 0.02
    assert invested.name == INVESTED
    assert invested.value > 0.99
    assert 0 < after.nav_before - after.nav_after < after.nav_before // 500  # half of it went through the pool


@pytest.mark.parametrize("base_first", [True, False])
def test_inside_its_trigger_it_stays(base_first: bool) -> None:
    assert isinstance(decided(scene(3_100.0, base_first=base_first)).verdict, Hold)


def test_what_is_idle_is_added_to_the_same_range() -> None:
    snapshot = scene(3_010.0, holdings=(60_000 * 10**6, 20 * 10**18))
    verdict = decided(snapshot, policy=Threshold("target")).verdict
    assert isinstance(verdict, Approved), verdict
    before = snapshot.vault(VAULT).range  # type: ignore[attr-defined]
    after = verdict.prediction.range
    assert after is not None
    assert (after.tick_lower, after.tick_upper) == (before.tick_lower, before.tick_upper)
    assert after.liquidity > before.liquidity


def planned(snapshot: Snapshot, turnover: float = 6e5, **rules: Any) -> tuple[Plan, ...]:
    vault, rules_ = snapshot.vault(VAULT), mandate(**rules)
    problem = vault.problem(snapshot, rules_)
    assert isinstance(problem, RangeProblem)
    drift = vault.drift(snapshot, rules_)
    expected = forecast(problem, drift, beliefs(), rules_)
    open_snapshot = replace(snapshot, venues=(problem.venue,))
    market = opener(open_snapshot, (POOL,), vault.tokens[0].address, 2 * 10**9, 10)
    return plan_range(problem, expected, rules_, market, Sizes(turnover, 10.0, 6e5, 600_000))


@pytest.mark.parametrize("base_first", [True, False])
@pytest.mark.parametrize("usd", [2_650.0, 3_400.0])
def test_a_range_beside_the_price_needs_hardly_a_swap_and_is_weighed(usd: float, base_first: bool) -> None:
    snapshot = scene(usd, base_first=base_first)
    (beside,) = (p for p in planned(snapshot, turnover=1e4) if p.acts)
    assert beside.reason.startswith("lay as the tokens are")
    after = snapshot.vault(VAULT).after(snapshot, beside, Timestamp(NOW + 12))
    assert after.range is not None
    assert after.range.liquidity > 0
    idle = sum(a.raw * snapshot.round(a.token).price_x36 for a in after.holdings)
    assert idle < 0.1 * sum(a * r.price_x36 for a, r in zip((6 * 10**11, 0), snapshot.rounds, strict=True))
    width = 2 * math.log1p(0.1) / math.log(1.0001)
    assert after.range.tick_upper - after.range.tick_lower == pytest.approx(width, abs=SPACING)
    (centred,) = (p for p in planned(snapshot) if p.reason.startswith("re-centre"))
    assert centred.cost.lvr < beside.cost.lvr
    assert beside.cost.fees < centred.cost.fees / 50
    assert centred.cost.execution > beside.cost.execution


def test_a_free_width_follows_fees_and_the_cost_of_moving_within_its_bounds() -> None:
    def width(**changes: Any) -> int:
        fees = changes.pop("fees", (0, 0))
        goal = RangeGoal(Bps(1_000), Bps(9_000), Bps(1_000), Bps(200), Bps(3_000))
        move = planned(scene(2_650.0, fees=fees, guard=LONG_AGO), goal=goal, **changes)[0].move
        assert isinstance(move, RangeMove)
        return move.tick_upper - move.tick_lower

    poor, rich = width(fees=(10**8, 0)), width(fees=(15 * 10**9, 0))
    assert rich < poor
    low, high = (2 * math.log1p(w) / math.log(1.0001) for w in (0.02, 0.3))
    assert low - SPACING <= rich < poor <= high + SPACING


def test_a_free_width_is_the_best_for_what_moving_it_was_measured_to_cost() -> None:
    """Not for the least that moving could cost, which narrower ranges would be moved more often for."""
    goal = RangeGoal(Bps(1_000), Bps(9_000), Bps(1_000), Bps(200), Bps(3_000))
    seen = scene(2_650.0, fees=(15 * 10**9, 0), guard=LONG_AGO)
    plan = planned(seen, goal=goal)[0]
    assert isinstance(plan.move, RangeMove)
    nav = seen.vaults[0].nav(seen, NOW)
    reset, variance = plan.cost.execution / nav, 0.8**2 + 0.01**2
    present = HALF * math.log(1.0001)
    span = min(10 / 365, present**2 / variance)
    fees = fee_rate(15 * 10**9 / nav, range_efficiency(present, present), span, variance)

    def earns(half: float) -> float:
        return range_rate(half, fees, variance, reset)

    half = (plan.move.tick_upper - plan.move.tick_lower) / 2 * math.log(1.0001)
    assert earns(half) > max(earns(half / 2.0), earns(2.0 * half))


def test_fees_that_do_not_pay_make_neither_idle_value_nor_waiting_look_better() -> None:
    def costs(**rules: Any) -> tuple[Cost, Cost, str]:
        plans = planned(scene(2_650.0, guard=LONG_AGO), **rules)
        centred = next(plan for plan in plans if plan.reason.startswith("re-centre"))
        return centred.cost, centred.waiting, centred.candidates[0].note

    whole, waiting, note = costs()
    partly, still, _ = costs(max_turnover=Bps(2_500))
    assert "of late fees paid for 19% of what arbitrage takes" in note
    assert partly.lvr >= whole.lvr - 1e-3 * abs(whole.execution)
    assert whole.total < waiting.total
    assert still.lvr > 0.0


def test_every_cost_of_a_range_is_told_in_its_part() -> None:
    found = planned(scene(2_650.0))
    waiting, centred = found[0].waiting, next(p.cost for p in found if p.reason.startswith("re-centre"))
    assert waiting.lvr > 0.0, "outside nothing is earned"
    assert waiting.execution == 0.0
    assert abs(centred.lvr) < waiting.lvr
    assert centred.fees > 0.0
    assert centred.gas > 0.0


def test_a_turnover_that_is_spent_lays_the_range_beside_the_price() -> None:
    spent = GuardState(7, False, Timestamp(0), 10**12, 10**10)
    verdict = decided(scene(2_650.0, guard=spent)).verdict
    assert isinstance(verdict, Approved), verdict
    assert verdict.plan.reason.startswith("lay as the tokens are")
    names = {c.name.split(" ")[0]: c for c in verdict.plan.candidates}
    assert "would put only 3.7% to work" in names["re-centre"].note
    assert [one.id for one in verdict.plan.limits] == ["P-turnover"]
    assert "ends outside" in names["lay"].note


def test_an_unpriced_token_is_refused_and_nothing_is_guessed() -> None:
    snapshot = scene()
    dead = tuple(replace(r, problem="it is stale") for r in snapshot.rounds)
    verdict = decided(replace(snapshot, rounds=dead)).verdict
    assert isinstance(verdict, Refused)
    assert {r.id for r in verdict.reasons} == {"C-17"}


def test_a_valuation_that_is_not_the_contracts_is_refused() -> None:
    snapshot = scene()
    vault = snapshot.vault(VAULT)
    other = replace(vault, reported_nav=(vault.reported_nav or 0) + 1)  # type: ignore[type-var]
    verdict = decided(replace(snapshot, vaults=(other,))).verdict
    assert isinstance(verdict, Refused)
    assert {r.id for r in verdict.reasons} == {"K-26"}


def test_the_mandate_must_fit_the_vault() -> None:
    vault = scene().vault(VAULT)
    assert vault.faults(mandate()) == ()
    assert [r.id for r in vault.faults(mandate(goal=RangeGoal(Bps(20), Bps(9_000), Bps(1_000))))] == ["M-half_width"]
    assert [r.id for r in vault.faults(mandate(kind="basket"))] == ["M-kind"]
    pool_less = replace(vault, venues=())  # type: ignore[type-var]
    assert [r.id for r in pool_less.faults(mandate())] == ["M-venues"]


@pytest.mark.parametrize(
    ("move", "code", "said"),
    [
        ((400, 0, 0), "C-35", "no range"),
        ((-1_003, 1_000, 0), "C-35", "multiples of 10"),
        ((-50, 50, 0), "C-35", "100 ticks wide"),
        ((-11_000, 11_000, 0), "C-35", "22000 ticks wide"),
        ((1_000, 3_000, 0), "C-35", "not between"),
        ((-1_000, 1_000, 10**30), "Liquidity", "requires"),
    ],
)
def test_what_the_contract_refuses_the_replay_refuses(move: tuple[int, int, int], code: str, said: str) -> None:
    snapshot = scene()
    held = snapshot.vault(VAULT).range  # type: ignore[attr-defined]
    centre = (held.tick_lower + held.tick_upper) // 2
    with pytest.raises(Refusal, match=said) as caught:
        moving(snapshot, RangeMove(centre + move[0], centre + move[1], move[2]))()
    assert caught.value.code == code


def test_a_pool_away_from_the_oracle_is_refused() -> None:
    snapshot = scene(moved=120.0)
    held = snapshot.vault(VAULT).range  # type: ignore[attr-defined]
    with pytest.raises(Refusal, match="off the oracle") as caught:
        moving(snapshot, RangeMove(held.tick_lower, held.tick_upper, 0))()
    assert caught.value.code == "C-10"


def test_the_value_follows_the_oracle_and_not_the_pool() -> None:
    values = {scene(moved=moved).vault(VAULT).reported_nav for moved in (-4_000.0, 0.0, 4_000.0)}
    assert len(values) == 1
