"""The pure decision: when it acts, when it waits, when it must not, and that it always says the same."""

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.decide import decide
from keeper.guard import GUARDS, turnover
from keeper.model import (
    Approved,
    Cost,
    Decision,
    GuardState,
    History,
    Hold,
    Leg,
    Limits,
    Plan,
    Reason,
    Refused,
    Snapshot,
    State,
    Threshold,
    Window,
)
from keeper.units import Bps, Hash, Timestamp, Wei
from tests import levered
from tests.scene import (
    LANES,
    NOW,
    STATE,
    USDC,
    WETH,
    WETH_USDC,
    basket,
    beliefs,
    history,
    mandate,
    round_of,
    snapshot,
)

FAR: dict[str, Any] = {"weth": 360.0, "wbtc": 10.0, "usdc": 500_000.0}  # 49.5 % WETH


def decision(state: State = STATE, depth: float = 30e6, rules: dict[str, Any] | None = None, **vault: Any) -> Decision:
    held = basket(**{**FAR, **vault})
    return decide(history(held, depth=depth), state, beliefs(), mandate(**(rules or {})), 0)


def refusals(found: Decision) -> set[str]:
    assert isinstance(found.verdict, Refused), found.verdict
    return {reason.id for reason in found.verdict.reasons}


def test_outside_the_band_it_sells_what_is_too_much() -> None:
    found = decision()
    assert isinstance(found.verdict, Approved)
    before, after = basket(**FAR).holdings, [a.raw for a in found.verdict.prediction.holdings]
    assert after[1] < before[1]
    assert after[2] > before[2]
    assert found.state.acting
    assert found.verdict.order.expected_epoch == 7


def test_the_approved_plan_ends_inside_the_band_and_costs_what_its_parts_say() -> None:
    found = decision(rules={"risk_aversion": 10.0})
    assert isinstance(found.verdict, Approved)
    prediction, plan = found.verdict.prediction, found.verdict.plan
    after = basket(**{**FAR, "holdings": tuple(a.raw for a in prediction.holdings)})
    assert after.drift(snapshot(after), mandate()).distance < 1.0
    lost = prediction.nav_before - prediction.nav_after
    parts = plan.cost.fees + plan.cost.impact + plan.cost.basis
    assert lost == pytest.approx(parts, rel=1e-6, abs=3)


def test_inside_the_band_it_holds_and_forgets_that_it_was_acting() -> None:
    found = decision(State(STATE.vault, acting=True), weth=283.0, wbtc=10.5, usdc=620_000.0)
    assert isinstance(found.verdict, Hold)
    assert not found.state.acting


def test_doing_nothing_is_always_a_candidate_and_wins_when_gas_is_dear() -> None:
    small = {"weth": 0.036, "wbtc": 0.001, "usdc": 50.0}
    found = decision(rules={"min_trade": 0.0}, **small)
    assert isinstance(found.verdict, Hold)
    assert found.verdict.plan.candidates[0].name == "do nothing"
    assert "waiting costs" in found.verdict.plan.reason
    acting = decision().verdict
    assert isinstance(acting, Approved)
    assert acting.plan.candidates[0].name == "do nothing"
    assert acting.plan.waiting.total > acting.plan.cost.total


@given(st.floats(10.0, 900.0), st.floats(0.5, 30.0), st.floats(1e4, 2e6))
def test_the_same_arguments_give_the_same_decision(weth: float, wbtc: float, usdc: float) -> None:
    first, again = (decision(weth=weth, wbtc=wbtc, usdc=usdc) for _ in range(2))
    assert first == again


@given(st.floats(10.0, 900.0), st.floats(0.5, 30.0), st.floats(1e4, 2e6))
def test_no_approved_plan_gains_or_loses_more_than_allowed(weth: float, wbtc: float, usdc: float) -> None:
    found = decision(weth=weth, wbtc=wbtc, usdc=usdc)
    if isinstance(found.verdict, Approved):
        prediction = found.verdict.prediction
        change = prediction.nav_after / prediction.nav_before - 1
        assert -0.005 <= change <= 1e-9


LIMITS = Limits(Bps(100), Bps(100), Bps(200), Bps(300), Bps(2_500), Bps(10_000), 300)
GUARD = GuardState(7, False, Timestamp(0), 10**12, 10**13)


def test_a_gas_price_that_is_not_known_stops_all_but_a_rescue() -> None:
    """Gas would count as free: whatever is decided then is not what it costs."""
    unknown: dict[str, Any] = {"problem": "the feed does not answer", "price_x36": 0}

    def without(seen: Snapshot) -> Snapshot:
        return replace(seen, native=replace(seen.native, **unknown))

    held = decide(History(without(snapshot(basket(**FAR))), ()), STATE, beliefs(), mandate(), 0)
    assert refusals(held) == {"M-gas"}
    assert "the feed does not answer; see chain.native_feed" in held.verdict.reasons[0].sentence  # type: ignore[union-attr]
    for health, expected in ((1.03, Approved), (1.45, Refused)):
        seen = without(levered.position(health))
        found = decide(History(seen, ()), STATE, levered.trusting(), levered.mandate(), 0)
        assert isinstance(found.verdict, expected), found.why


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("C-1", {"keeper_allowed": False}),
        ("C-4", {"guard": replace(GUARD, paused=True)}),
        ("M-empty", {"total_supply": 0}),
        ("K-26", {"reported_nav": 1}),
        ("M-weights", {"weights": (Bps(2_900), Bps(4_100), Bps(3_000))}),
        ("M-max_loss", {"limits": replace(LIMITS, max_loss=Bps(99))}),
        ("M-kind", {"rules": {"kind": "leverage"}}),
        ("B-1", {"rules": {"blackouts": (Window(NOW, Timestamp(NOW + 60), "merge"),)}}),
        ("K-4", {"state": State(STATE.vault, open_intents=(Hash("0x" + "12" * 32),))}),
        ("C-11", {"guard": replace(GUARD, last_action_at=Timestamp(NOW - 100))}),
        ("C-12", {"rules": {"deadline_s": 601}}),
        ("C-7", {"guard": replace(GUARD, loss_budget_raw=10**6)}),
        ("C-6", {"rules": {"max_loss": Bps(1), "policy": Threshold("target")}, "depth": 5e6}),
        (
            "K-33",
            {
                "limits": replace(LIMITS, max_loss=Bps(12)),
                "rules": {"max_loss": Bps(12), "policy": Threshold("target")},
            },
        ),
        ("C-10", {"depth": 3e6, "rules": {"policy": Threshold("target")}}),
        ("K-13", {"rules": {"lanes": replace(LANES, normal=replace(LANES.normal, max_gas_price=Wei(10**9)))}}),
    ],
)
def test_each_guard_refuses_with_its_id(
    expected: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("keeper.decide"), "MAX_HALVINGS", 0)  # else a smaller trade passes
    assert expected in refusals(decision(**arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        {"rules": {"max_loss": Bps(1), "policy": Threshold("target")}, "depth": 5e6},
        {"depth": 3e6, "rules": {"policy": Threshold("target")}},
        {"guard": replace(GUARD, loss_budget_raw=200 * 10**6), "rules": {"policy": Threshold("target")}},
    ],
)
def test_a_trade_too_large_for_a_guard_is_made_smaller(arguments: dict[str, Any]) -> None:
    found = decision(**arguments)
    assert isinstance(found.verdict, Approved)
    free = decision(**{**arguments, "guard": GUARD, "depth": 30e6, "rules": {"policy": Threshold("target")}})
    assert isinstance(free.verdict, Approved)
    sold = [sum(f.amount_in for f in d.verdict.prediction.fills if f.token_in == WETH.address) for d in (found, free)]
    assert 0 < sold[0] < sold[1]


@pytest.mark.parametrize("problem", ["the answer is 0, expected a positive one", "the answer is 4000 s old"])
def test_a_feed_that_cannot_be_used_refuses_before_anything_is_valued(problem: str) -> None:
    held = basket(**FAR)
    seen = snapshot(held)
    rounds = tuple(round_of(WETH, 3_000.0, problem=problem) if r.token == WETH.address else r for r in seen.rounds)
    found = decide(history(held, rounds=rounds), STATE, beliefs(), mandate(), 0)
    assert refusals(found) == {"C-17"}
    assert isinstance(found.verdict, Refused)
    assert problem in found.verdict.reasons[0].sentence
    assert "WETH" in found.verdict.reasons[0].sentence


def test_turnover_limits_make_the_trade_smaller_instead_of_refusing_it() -> None:
    limited = decision(limits=replace(LIMITS, max_turnover=Bps(300)), rules={"policy": Threshold("target")})
    free = decision(rules={"policy": Threshold("target")})
    assert isinstance(limited.verdict, Approved)
    assert isinstance(free.verdict, Approved)
    held = basket(**FAR)
    seen, nav = snapshot(held), held.nav(snapshot(held), NOW)
    assert 0.028 * nav < turnover(seen, held, limited.verdict.prediction) <= 0.03 * nav
    assert turnover(seen, held, free.verdict.prediction) > 0.05 * nav


def test_a_pool_the_mandate_leaves_out_is_not_used() -> None:
    found = decision(rules={"venues": (WETH_USDC,), "policy": Threshold("target")})
    assert isinstance(found.verdict, Approved)
    assert {leg.pool for leg in found.verdict.plan.legs} == {WETH_USDC}
    assert {leg.token_in for leg in found.verdict.plan.legs} <= {WETH.address, USDC.address}


def test_every_guard_has_its_own_id() -> None:
    ids = [guard_id for guard_id, _, _ in GUARDS]
    assert len(ids) == len(set(ids))


def test_a_plan_dearer_than_waiting_is_not_made_because_a_cheaper_one_was_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = import_module("keeper.decide")
    seen = history(basket(**FAR)).snapshot
    vault = seen.vaults[0]
    waiting = Cost(risk=10.0)
    leg = Leg(1, WETH_USDC, WETH.address, 1, 1)
    cheap, dear = (
        Plan((leg,), None, Cost(fees=fees), waiting, name) for fees, name in ((5.0, "cheap"), (12.0, "dear"))
    )
    refused, passed = Refused((Reason("C-10", "too far"),), cheap), decision().verdict
    monkeypatch.setattr(module._Case, "_verdict", lambda self, plan: refused if plan is cheap else passed)
    for settle, expected in (("cheapest", refused), ("target", passed)):
        rules = mandate(policy=Threshold(settle))
        looked = module._see(seen, vault, beliefs(), rules, STATE)
        case = module._Case(seen, vault, looked, module.policy.trigger(looked))
        assert case._chosen((cheap, dear)) == expected


def test_shares_of_nothing_and_limits_of_nothing_are_said_and_no_surprise() -> None:
    assert refusals(decision(weth=0.0, wbtc=0.0, usdc=0.0)) == {"M-empty"}
    found = decision(rules={"venue_limits": ((WETH_USDC, 1),)})
    reasons = found.verdict.reasons if isinstance(found.verdict, Refused) else ()
    assert "K-31" not in {reason.id for reason in reasons}
