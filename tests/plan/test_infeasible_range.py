"""Range vaults whose mandates the market cannot serve: what each sentence says helps does, and a little less not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.forecast import forecast
from keeper.model import Approved, GuardState, Plan, RangeGoal, RangeMove, RangeProblem, Refused, Threshold
from keeper.plan import plan_range
from keeper.plan.basket import Sizes
from keeper.plan.market import opener
from keeper.protocols.uniswap_v3 import UniswapV3Pool
from keeper.units import BPS, Bps, Timestamp
from tests.plan.test_infeasible_health import LESS, number, refused
from tests.plan.test_range import POOL, VAULT, decided, mandate, scene
from tests.scene import beliefs

IDLE: dict[str, Any] = {"holdings": (260_000 * 10**6, 0)}
TARGET: dict[str, Any] = {"policy": Threshold("target")}


def idle(**rules: Any) -> Any:
    """A vault that has a third of its value lie idle, all in dollars."""
    return decided(scene(3_010.0, **IDLE), **(TARGET | rules))


def turnover(percent: float) -> dict[str, Any]:
    return {"max_turnover": Bps(round(percent * 100))}


def ether(whole: float) -> dict[str, Any]:
    return {"max_trade": ((scene().tokens[1].address, int(whole * 1e18)),)}


def dollars(whole: float) -> dict[str, Any]:
    return {"max_trade": ((scene().tokens[0].address, int(whole * 1e6)),)}


def venue(whole: float) -> dict[str, Any]:
    return {"venue_limits": ((POOL, int(whole * 1e6)),)}


RULES = (
    ("P-turnover", turnover, 1.0, "raise max_turnover to "),
    ("P-max_trade", ether, 2.0, "raise max_trade of WETH to "),
    ("P-max_trade", dollars, 5_000.0, "raise max_trade of USDC to "),
    ("P-venue_limits", venue, 5_000.0, "raise venue_limits of the pools that hold [A-Z]+ to "),
)


@pytest.mark.parametrize(("code", "limit", "tight", "after"), RULES)
def test_what_may_be_sold_is_too_little_to_be_worth_an_action(code: str, limit: Any, tight: float, after: str) -> None:
    found, sentence = refused(idle(**limit(tight)))
    assert found == code, sentence
    enough = number(sentence, after)
    assert isinstance(idle(**limit(enough)).verdict, Approved)
    assert refused(idle(**limit(enough * LESS)))[0] == code


@pytest.mark.parametrize(("code", "limit", "tight", "after"), RULES)
def test_a_range_laid_beside_the_price_says_what_would_centre_it(
    code: str, limit: Any, tight: float, after: str
) -> None:
    def centred(whole: float) -> bool:
        verdict = decided(scene(2_650.0), **TARGET, **limit(whole)).verdict
        assert isinstance(verdict, Approved), verdict
        done = verdict.plan.reason.startswith("re-centre")
        beside = [one for one in verdict.plan.limits if "the band asks for" not in one.sentence]
        assert bool(beside) != done, "said just where it is so"
        return done

    verdict = decided(scene(2_650.0), **TARGET, **limit(tight)).verdict
    assert isinstance(verdict, Approved)
    (one,) = verdict.plan.limits
    assert one.id == code
    enough = number(one.sentence, after)
    assert centred(enough)
    assert not centred(enough * LESS)


@pytest.mark.parametrize(
    ("code", "limit", "tight", "after"),
    [(c, limit, tight, after) for (c, limit, _, after), tight in zip(RULES, (25.0, 60.0, 150e3, 150e3), strict=True)],
)
def test_a_range_that_leaves_more_idle_than_the_band_says_what_would_fill_it(
    code: str, limit: Any, tight: float, after: str
) -> None:
    def found(whole: float) -> tuple[Any, float]:
        verdict = decided(scene(2_650.0), **TARGET, **limit(whole)).verdict
        assert isinstance(verdict, Approved), verdict
        done = next(one for one in verdict.plan.candidates if one.name == verdict.plan.reason)
        idle = float(done.note.split(" ")[-2].rstrip("%")) if "idle" in done.note else 0.0
        return verdict.plan, idle

    plan, idle_share = found(tight)
    assert plan.reason.startswith("re-centre")
    assert idle_share > 10.0
    (one,) = plan.limits
    assert one.id == code
    assert "to work, and the band asks for 90.0%" in one.sentence
    enough = number(one.sentence, after)
    assert found(enough)[0].limits == ()
    assert found(enough)[1] == 0.0
    assert found(enough * 0.96)[0].limits != (), "told without a quote more, so not to a hundredth"


@pytest.mark.parametrize(("code", "limit", "tight", "after"), RULES)
def test_a_limit_under_min_trade_contradicts_it(code: str, limit: Any, tight: float, after: str) -> None:
    least = 60_000.0
    found, sentence = refused(idle(**limit(tight), min_trade=least))
    assert found == code, sentence
    enough = number(sentence, after)
    assert isinstance(idle(**limit(enough), min_trade=least).verdict, Approved)
    assert refused(idle(**limit(enough * LESS), min_trade=least))[0] == code


def test_where_the_limit_is_enough_but_for_min_trade_either_may_change() -> None:
    found, sentence = refused(idle(**turnover(4.0), min_trade=60_000.0))
    assert found == "P-turnover"
    least = number(sentence, "only ")
    assert isinstance(idle(**turnover(4.0), min_trade=least).verdict, Approved)
    assert isinstance(idle(**turnover(4.0), min_trade=least / LESS).verdict, Refused)


def test_a_swap_under_min_trade_says_what_it_should_be() -> None:
    found, sentence = refused(idle(min_trade=4e5))
    assert found == "P-min_trade"
    least = number(sentence, "would be worth ")
    assert isinstance(idle(min_trade=least).verdict, Approved)
    assert refused(idle(min_trade=least / LESS))[0] == "P-min_trade"


def test_a_spent_turnover_budget_says_how_long_to_wait() -> None:
    def after(hours: float) -> Any:
        """The budget refills evenly over a day to twice the vault's value."""
        snapshot = scene(3_010.0, **IDLE)
        day = snapshot.vaults[0].gross(snapshot, snapshot.head.timestamp) * 2
        guard = GuardState(7, False, Timestamp(0), 10**12, int(10**9 + hours / 24.0 * day))
        return decided(scene(3_010.0, **IDLE, guard=guard), **TARGET)

    found, sentence = refused(after(0.0))
    assert found == "P-turnover"
    hours = number(sentence, "wait ")
    assert isinstance(after(hours).verdict, Approved)
    assert refused(after(hours * LESS))[0] == "P-turnover"


def test_a_loss_cap_under_what_the_swap_costs_says_what_it_should_be() -> None:
    sentence = refused(idle(min_trade=110_000.0, max_loss=Bps(0)))[1]
    enough = int(number(sentence, "raise max_loss_bps to "))
    assert isinstance(idle(min_trade=110_000.0, max_loss=Bps(enough)).verdict, Approved)
    assert refused(idle(min_trade=110_000.0, max_loss=Bps(enough - 1)))[0] == "P-loss"


def test_a_pool_without_liquidity_of_others_is_named() -> None:
    snapshot = scene(2_650.0)
    vault = snapshot.vaults[0]
    (pool,) = snapshot.venues
    assert isinstance(pool, UniswapV3Pool)
    held = vault.range  # type: ignore[attr-defined]
    ends = ((held.tick_lower, held.liquidity), (held.tick_upper, -held.liquidity))
    alone = replace(pool, liquidity=0, ticks=ends)
    found, sentence = refused(decided(replace(snapshot, venues=(alone,)), **TARGET))
    assert found == "P-liquidity"
    assert "no liquidity at its price but the vault's own" in sentence


# --- tick spacing -----------------------------------------------------------------------------------------------------


def planned(spacing: int, goal: RangeGoal, off: float = 0.0, width: tuple[int, int] = (1, 20_000)) -> Plan:
    """For a pool of another tick spacing and the price `off` ticks from where it is; nothing is invested yet."""
    snapshot, rules = scene(), mandate(goal=goal, policy=Threshold("target"))
    vault = snapshot.vault(VAULT)
    problem = vault.problem(snapshot, rules)
    assert isinstance(problem, RangeProblem)
    at = problem.position // spacing * spacing + off
    problem = replace(problem, spacing=spacing, position=at, present=None, least=width[0], most=width[1])
    expected = forecast(problem, vault.drift(snapshot, rules), beliefs(), rules)
    market = opener(replace(snapshot, venues=(problem.venue,)), (POOL,), vault.tokens[0].address, 2 * 10**9, 10)
    return plan_range(problem, expected, rules, market, Sizes(6e5, 10.0, 6e5, 600_000))[0]


def bps(sentence: str, after: str) -> Bps:
    return Bps(round(100 * number(sentence, after)))


def spaced(found: Plan) -> str:
    assert not found.acts
    (one,) = found.limits
    assert one.id == "P-spacing"
    return one.sentence


def off_centre(found: Plan, spacing: int, off: float) -> float:
    """Of the way from the new range's centre to its ends."""
    move = found.move
    assert isinstance(move, RangeMove)
    at = scene().vault(VAULT).problem(scene(), mandate()).position // spacing * spacing + off  # type: ignore[union-attr]
    return abs(at - (move.tick_lower + move.tick_upper) / 2) / ((move.tick_upper - move.tick_lower) / 2)


@given(st.sampled_from((10, 60, 200)), st.integers(100, 600), st.integers(500, 5_000), st.floats(0.01, 0.99))
def test_a_range_that_is_laid_lies_round_the_price_within_its_trigger(
    spacing: int, half: int, trigger: int, part: float
) -> None:
    found = planned(spacing, RangeGoal(Bps(half), Bps(trigger), Bps(1_000)), part * spacing)
    if found.acts:
        assert off_centre(found, spacing, part * spacing) <= trigger / BPS + 1e-9
    else:
        assert spaced(found)


@pytest.mark.parametrize(("spacing", "half", "trigger"), [(60, 150, 1_500), (200, 200, 3_000), (10, 100, 400)])
def test_a_trigger_nearer_than_ticks_let_a_range_be_centred(spacing: int, half: int, trigger: int) -> None:
    goal = RangeGoal(Bps(half), Bps(trigger), Bps(1_000))
    sentence = spaced(planned(spacing, goal))
    enough, wider = bps(sentence, "raise it to "), bps(sentence, "half_width to ")
    laid = {off: planned(spacing, replace(goal, trigger=enough), off) for off in (0.0, spacing / 2)}
    worst = max(off_centre(found, spacing, off) for off, found in laid.items())
    assert worst == pytest.approx(enough / BPS, abs=1e-4), "no less would do"
    assert spaced(planned(spacing, replace(goal, trigger=Bps(enough - 1))))
    assert planned(spacing, replace(goal, half_width=wider)).acts
    assert spaced(planned(spacing, replace(goal, half_width=Bps(wider - 1))))


def test_a_half_width_under_the_tick_spacing() -> None:
    goal = RangeGoal(Bps(5), BPS, Bps(1_000))
    sentence = spaced(planned(60, goal))
    enough = bps(sentence, "raise it to ")
    assert planned(60, replace(goal, half_width=enough)).acts
    assert not planned(60, replace(goal, half_width=Bps(enough - 1))).acts


@pytest.mark.parametrize("width", [(137, 911), (60, 1_000), (199, 20_000)])
def test_the_half_widths_that_the_vault_is_said_to_allow_are_those_it_allows(width: tuple[int, int]) -> None:
    vault = scene(width=width).vault(VAULT)

    def faults(half: int) -> list[str]:
        return [r.sentence for r in vault.faults(mandate(goal=RangeGoal(Bps(half), Bps(9_000), Bps(1_000))))]

    (sentence,) = faults(1)
    least, most = bps(sentence, "allows "), bps(sentence, " to ")
    assert faults(least) == faults(most) == []
    assert faults(least - 1)
    assert faults(most + 1)


def test_a_width_that_the_vault_allows_but_no_whole_spacing_has() -> None:
    goal = RangeGoal(Bps(50), BPS, Bps(1_000))
    sentence = spaced(planned(60, goal, width=(61, 119)))
    assert "let its curator allow 60 or 120" in sentence
    assert planned(60, goal, width=(60, 119)).acts
    assert planned(60, goal, width=(61, 120)).acts
