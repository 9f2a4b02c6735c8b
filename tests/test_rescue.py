"""The urgent tier in values alone: when it is planned, how far it goes, and which guards it is exempt from."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper import guard
from keeper.decide import decide
from keeper.errors import Refusal
from keeper.model import (
    Approved,
    Chunks,
    Decision,
    Gates,
    GuardState,
    History,
    LeverageMove,
    Limits,
    Refused,
    Rescue,
    Snapshot,
    State,
    Threshold,
)
from keeper.units import BPS, WAD, Bps, Hash, Timestamp, Wad, Wei
from tests import levered, scene
from tests.levered import VAULT
from tests.scene import LANES, NOW, WETH_USDC

FLOOR = Wad(125 * 10**16)
RESCUE = Rescue(Wad(115 * 10**16), Wad(105 * 10**16), Bps(150), 10**22, Bps(2_500), Bps(50))


def seen(health: float = 1.05, depth: float = 400e6, base_fee: int = 10**9, **changes: Any) -> Snapshot:
    changes = {"floor": FLOOR, "rescue": RESCUE} | changes
    return levered.position(health, depth=depth, base_fee=base_fee, **changes)


def decided(snapshot: Snapshot, state: State | None = None, **rules: Any) -> Decision:
    return decide(
        History(snapshot, ()), state or State(VAULT), scene.beliefs(), levered.mandate(**({"lanes": LANES} | rules)), 0
    )


def approved(decision: Decision) -> Approved:
    assert isinstance(decision.verdict, Approved), decision.verdict
    return decision.verdict


def lost(verdict: Approved) -> float:
    """Bps of the debt repaid."""
    prediction = verdict.prediction
    return (prediction.nav_before - prediction.nav_after) / prediction.repaid_raw * BPS


def refusals(decision: Decision) -> set[str]:
    assert isinstance(decision.verdict, Refused), decision.verdict
    return {reason.id for reason in decision.verdict.reasons}


# what stands in its way


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("C-4", {"guard": GuardState(7, True, Timestamp(0), 10**22, 10**24)}),
        ("K-13", {"base_fee": LANES.urgent.max_gas_price + 1}),
        ("C-11b", {"rescue": replace(RESCUE, budget_raw=0)}),
        ("C-11u", {"rescue": replace(RESCUE, most_loss=Bps(20))}),
    ],
)
def test_each_guard_of_its_tier_refuses_with_its_id(
    expected: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.decide.MAX_HALVINGS", 0)  # else a smaller one passes
    busy = {"guard": GuardState(7, False, Timestamp(NOW), 0, 0)}  # so that housekeeping has no way out either
    assert expected in refusals(decided(seen(**(busy | arguments))))


@pytest.mark.parametrize(("off", "far"), [(1.02, False), (1.12, True)])
def test_pools_may_be_off_by_the_hard_maximum_and_no_more(off: float, far: bool) -> None:
    snapshot = replace(seen(), venues=levered.pools(3_000.0 * off, 400e6))
    found = decided(snapshot)
    if far:
        assert "C-10" in refusals(found)
    else:
        verdict = approved(found)
        assert verdict.plan.urgent
        assert verdict.prediction.nav_after > verdict.prediction.nav_before * 1.01, "a market that has come back first"


def test_a_rescue_that_is_open_keeps_the_next_one_waiting_and_housekeeping_does_not() -> None:
    one = (Hash("0x" + "12" * 32),)
    assert refusals(decided(seen(), State(VAULT, open_rescues=one))) == {"K-4"}
    assert approved(decided(seen(), State(VAULT, open_intents=one))).plan.urgent


@pytest.mark.parametrize("health", [1.1501, 1.3])
def test_above_its_level_there_is_none(health: float) -> None:
    verdict = decided(seen(health)).verdict
    assert not isinstance(verdict, Approved) or not verdict.plan.urgent


def test_the_replay_refuses_what_the_contract_would(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = seen()
    plan = approved(decided(snapshot)).plan
    when = Timestamp(NOW + 12)
    calm = seen(1.16)
    for where, move, code in (
        (calm, plan.move, "C-11"),
        (snapshot, LeverageMove(True, False, True, 0, 0), "Move"),
        (snapshot, LeverageMove(False, False, True, 0, 0), "C-11"),
    ):
        legs = plan.legs if move is plan.move else ()
        with pytest.raises(Refusal) as refused:
            where.vaults[0].after(where, replace(plan, legs=legs, move=move), when)
        assert refused.value.code == code
    low = replace(snapshot, vaults=(replace(snapshot.vaults[0], ceiling=Wad(17 * 10**17)),))  # type: ignore[type-var]
    with pytest.raises(Refusal, match=r"over the ceiling 1\.7000"):
        low.vaults[0].after(low, plan, when)


# what does not


@pytest.mark.parametrize(
    "changes",
    [
        {"guard": GuardState(7, False, Timestamp(NOW), 10**22, 10**24)},
        {"guard": GuardState(7, False, Timestamp(0), 0, 0)},
        {"limits": Limits(Bps(1), Bps(100), Bps(1), Bps(1), Bps(1), Bps(1), 300)},
        {"base_fee": 200 * 10**9},
    ],
    ids=["cooldown", "budgets spent", "narrow limits", "dear gas"],
)
def test_what_binds_housekeeping_does_not_bind_it(changes: dict[str, Any]) -> None:
    verdict = approved(decided(seen(**changes), max_loss=Bps(1)))
    assert verdict.plan.urgent
    assert (verdict.prediction.health_factor or 0) / WAD == pytest.approx(1.8, abs=1e-3)


TIGHT = Limits(Bps(50), Bps(100), Bps(200), Bps(100), Bps(1_000), Bps(10_000), 300)
STRUCK = {"venues": (WETH_USDC,)}
"""Of two pools, the one that is left on the vault's list."""


@pytest.mark.parametrize(
    ("changes", "rules", "fault"),
    [
        ({"limits": TIGHT}, {"max_loss": Bps(60)}, "M-max_loss"),
        ({"limits": TIGHT}, {"max_loss": Bps(1), "max_turnover": Bps(2_000)}, "M-max_turnover"),
        (STRUCK, {"venues": (WETH_USDC, levered.OTHER_POOL)}, "M-venues"),
        (STRUCK, {"venue_limits": ((levered.OTHER_POOL, 10**18),)}, "M-venue_limits"),
        ({"ceiling": Wad(2 * 10**18)}, {}, "M-high"),
        ({"floor": Wad(16 * 10**17)}, {}, "M-low"),
    ],
)
def test_a_limit_tightened_on_chain_stops_housekeeping_and_no_rescue(
    changes: dict[str, Any], rules: dict[str, Any], fault: str
) -> None:
    rules = {"max_loss": Bps(50)} | rules
    assert refusals(decided(seen(1.3, **changes), **rules)) == {fault}
    assert approved(decided(seen(1.05, **changes), **rules)).plan.urgent
    spent = {"rescue": replace(RESCUE, budget_raw=0)}
    assert refusals(decided(seen(1.05, **(changes | spent)), **rules)) >= {fault, "C-11b"}, "nothing else may pass"


def test_no_limit_of_the_mandate_on_housekeeping_is_one_on_a_rescue() -> None:
    """Each at its narrowest, all at once."""
    free = approved(decided(seen()))
    rules: dict[str, Any] = {
        "max_turnover": Bps(1),
        "max_trade": ((scene.WETH.address, 1), (scene.USDC.address, 1)),
        "venue_limits": ((WETH_USDC, 1), (levered.OTHER_POOL, 1)),
        "min_trade": 1e9,
        "max_loss": Bps(0),
        "gates": Gates(min_gain=1e9, payback_s=1, gas_below=Wei(1), gas_unless=0.999999),
        "chunks": Chunks(9),
    }
    bound = approved(decided(seen(), **rules))
    assert bound.plan.urgent
    assert bound.plan.legs == free.plan.legs


@given(st.floats(1.005, 1.149), st.floats(20e6, 2e9))
def test_it_repays_raises_stops_at_the_target_and_costs_what_it_may(health: float, depth: float) -> None:
    found = decided(seen(health, depth))
    if not isinstance(found.verdict, Approved) or not found.verdict.plan.urgent:
        return
    prediction = found.verdict.prediction
    assert prediction.repaid_raw > 0
    assert health < (prediction.health_factor or 0) / WAD <= 1.8 * (1 + 1e-3), "never more than needed"
    assert lost(found.verdict) <= RESCUE.most_loss
    assert found.verdict.order.min_nav_after == 0


def test_in_a_thinner_market_it_goes_less_far_and_keeps_a_part_of_what_it_may_lose() -> None:
    ends = []
    for depth in (400e6, 60e6, 30e6):
        verdict = approved(decided(seen(depth=depth)))
        assert verdict.plan.urgent
        assert lost(verdict) <= 0.8 * RESCUE.most_loss
        ends.append(verdict.prediction.health_factor or 0)
    assert ends[0] > ends[1] > ends[2] > 1.05 * WAD


def test_where_every_trade_costs_more_than_that_part_the_whole_is_used() -> None:
    """Pools of 0.3 % cost 30 bp at any size: of 35 that may be lost, more than four fifths."""
    verdict = approved(decided(seen(rescue=replace(RESCUE, most_loss=Bps(35)))))
    assert verdict.plan.urgent
    assert 28 < lost(verdict) <= 35


def test_its_legs_may_slip_by_half_of_what_it_may_lose() -> None:
    snapshot = seen()
    verdict = approved(decided(snapshot))
    for leg, fill in zip(verdict.plan.legs, verdict.prediction.fills, strict=True):
        assert (
            leg.min_out == fill.amount_out - fill.amount_out * 75 // BPS or leg.min_out >= fill.amount_out * 0.9925 - 1
        )
    vault, rules = snapshot.vaults[0], levered.mandate()
    assert guard.most_slippage(vault, rules, urgent=True) == 75
    assert guard.most_slippage(vault, rules, urgent=False) == rules.max_slippage
    assert guard.most_slippage(vault, replace(rules, max_slippage=Bps(100)), urgent=True) == 100


def test_an_old_rescue_is_planned_anew_before_it_executes() -> None:
    assert approved(decided(seen())).order.deadline == NOW + 120
    assert approved(decided(seen(), deadline_s=60)).order.deadline == NOW + 60


def test_every_guard_belongs_to_one_tier_or_to_both() -> None:
    ids = {guard_id for guard_id, _, _ in guard.GUARDS}
    assert ids > guard.HOUSEKEEPING | guard.RESCUES
    assert not guard.HOUSEKEEPING & guard.RESCUES


@pytest.mark.parametrize(("most_loss", "reached"), [(38, 1.2), (40, 1.79), (42, 1.79), (44, 1.79), (50, 1.79)])
@pytest.mark.parametrize("health", [0.98, 1.01])
def test_a_rescue_that_passes_is_not_given_up_for_what_stands_in_the_way_of_a_smaller_one(
    health: float, most_loss: int, reached: float
) -> None:
    """Each costs about 34 bp of the debt that it repays; under a health factor of 1 the market forbids small ones."""
    low = replace(levered.RESCUE, most_loss=Bps(most_loss))
    market = levered.position(health, collateral=100.0, depth=400e6, rescue=low)
    verdict = approved(decided(market, policy=Threshold()))
    assert verdict.plan.urgent
    assert (verdict.prediction.health_factor or 0) > reached * WAD


def test_room_to_spare_is_not_bought_with_hardly_any_rescue() -> None:
    """With pools under the oracle every size costs about as much a unit: a fiftieth of the way is not much safer."""
    market = levered.position(1.02, collateral=100.0, depth=400e6)
    verdict = approved(decided(replace(market, venues=levered.pools(3_000.0 * 0.991, 400e6))))
    assert verdict.plan.urgent
    assert (verdict.prediction.health_factor or 0) > 1.79 * WAD


@pytest.mark.parametrize("lent", [50_000.0, 100_000.0, 200_000.0])
def test_no_more_is_borrowed_than_the_market_can_lend(lent: float) -> None:
    seen = levered.position(2.6)
    (market,) = seen.markets
    weth, usdc = market.reserves  # type: ignore[attr-defined]
    short = replace(usdc, cash=round(lent * 10**6), scaled_debt=round((2e8 - lent) * 10**6))
    seen = levered.valued(replace(seen, markets=(replace(market, reserves=(weth, short)),)))  # type: ignore[type-var]
    verdict = approved(decide(History(seen, ()), State(VAULT), levered.trusting(), levered.mandate(), 0))
    assert 0 < verdict.plan.move.debt_amount <= lent * 10**6  # type: ignore[union-attr]
    assert (verdict.prediction.health_factor or 0) < 2.6 * WAD


@pytest.mark.parametrize("budget", [4, 8, 20])
def test_as_little_is_rescued_as_the_budget_lets(budget: int) -> None:
    """A sixty-fourth of the way is the least that is tried."""
    guard = GuardState(7, False, Timestamp(NOW - 12), 10**22, 10**24)
    poor = replace(levered.RESCUE, budget_raw=budget * 10**16)
    verdict = approved(decided(levered.position(1.03, guard=guard, rescue=poor)))
    assert verdict.plan.urgent
    assert (verdict.prediction.health_factor or 0) > 1.03 * WAD
