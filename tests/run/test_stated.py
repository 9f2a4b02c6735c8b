"""What a decision does with little, odd or no history: every case has one stated behaviour, and says so."""

from dataclasses import replace

import numpy as np
import pytest

from keeper.decide import decide
from keeper.forecast import fit, refresh
from keeper.forecast.sight import DEAD_S
from keeper.model import Approved, Beliefs, Decision, Hold, Preventative, Refused, Series, TokenBelief
from keeper.model import History as Past
from keeper.units import Timestamp
from tests import scene
from tests.forecast.histories import NOW, STEP, USDC, WBTC, WETH, history, series, stormy

MANDATE = scene.mandate(policy=Preventative(act_above=0.05, stop_below=0.02), volatility_priors=((USDC, 0.01),))
EDGE = {"weth": 299.0, "wbtc": 10.2, "usdc": 591_000.0}
"""WETH is just inside the upper edge of its band."""
LONG = (stormy(WETH, 3_000, 3), stormy(WBTC, 3_000, 4))


def decided(beliefs: Beliefs) -> Decision:
    vault = scene.basket(**EDGE)
    seen = scene.snapshot(vault)
    return decide(Past(seen, ()), scene.STATE, beliefs, MANDATE, 0)


def believed(*found: Series, now: int = NOW) -> Beliefs:
    return fit(history(*found, now=now), MANDATE.volatility_priors)


def of(beliefs: Beliefs, token: str) -> TokenBelief:
    return next(t for t in beliefs.tokens if t.token == token)


def waits(beliefs: Beliefs, why: str) -> None:
    """Inside its band the vault is left alone, because `why`; outside it is weighed all the same."""
    found = decided(beliefs)
    assert isinstance(found.verdict, Hold), found.verdict
    assert found.forecast is not None
    assert not found.forecast.trusted
    assert "only the band counts, the forecast is not trusted" in found.why
    assert why in found.why, found.why
    outside = scene.basket(weth=360.0, wbtc=10.0, usdc=500_000.0)
    forced = decide(Past(scene.snapshot(outside), ()), scene.STATE, beliefs, MANDATE, 0)
    assert "is outside its band" in forced.why
    assert not isinstance(forced.verdict, Refused)


def test_with_a_proven_record_it_acts_before_the_band_breaks() -> None:
    made = believed(*LONG)
    proven = replace(made, tokens=tuple(replace(t, trusted=True) for t in made.tokens))
    found = decided(proven)
    assert found.forecast is not None
    assert found.forecast.trusted
    assert "over 5.0 %: acting now costs" in found.why
    assert isinstance(found.verdict, Approved)


def test_a_short_history() -> None:
    waits(believed(stormy(WETH, 500, 3), LONG[1]), "too short a history for a model: one-day EWMA")


def test_hardly_any_history() -> None:
    waits(believed(stormy(WETH, 20, 3), LONG[1]), "19 returns in 19.0 h, under 24 or an hour; nothing to go by")


def test_no_history_at_all() -> None:
    waits(believed(), "no history: a volatility of 0.8")


def test_a_constant_price() -> None:
    found = believed(series(WETH, np.full(3_000, 3_000.0)), series(WBTC, np.full(3_000, 60_000.0)))
    waits(found, "3000 prices in 2999 h, all the same; 1 bp an hour")


def test_a_gap_of_a_day_is_seen_through() -> None:
    whole = LONG[0]
    kept = [k for k in range(3_000) if not 2_900 <= k < 2_924]
    holed = Series(WETH, *(tuple(column[k] for k in kept) for column in (whole.timestamps, whole.prices)))
    with_gap, without = believed(holed, LONG[1]), believed(*LONG)
    assert of(with_gap, WETH).knowledge == "fitted"
    a, b = (decided(x).forecast for x in (with_gap, without))
    assert a is not None
    assert b is not None
    assert dict(a.sigma)[WETH] == pytest.approx(dict(b.sigma)[WETH], rel=0.1)


def test_one_feed_dead_is_feared_and_the_others_are_not() -> None:
    later = NOW + DEAD_S + STEP
    alive = Series(WBTC, tuple(Timestamp(t + DEAD_S + STEP) for t in LONG[1].timestamps), LONG[1].prices)
    for beliefs in (
        believed(LONG[0], alive, now=later),
        refresh(believed(*LONG), history(LONG[0], alive, now=later), MANDATE.volatility_priors),
    ):
        assert of(beliefs, WBTC).knowledge == "fitted"
        waits(beliefs, "no price for 27 h: feed is dead; the larger of its last volatility and its prior")


def test_a_stablecoin_decides_nothing() -> None:
    """Its touches are unproven, but it is too small a part of the risk to be asked."""
    steady = series(USDC, np.round(1.0 + 1e-4 * np.random.default_rng(1).standard_normal(3_000), 4))
    made = believed(*LONG, steady)
    assert not of(made, USDC).trusted
    proven = replace(made, tokens=tuple(replace(t, trusted=t.token != USDC) for t in made.tokens))
    found = decided(proven)
    assert found.forecast is not None
    assert found.forecast.trusted


def test_a_price_that_cannot_be_used_refuses_before_anything_is_forecast() -> None:
    held = scene.basket(**EDGE)
    seen = scene.snapshot(held)
    rounds = tuple(
        scene.round_of(scene.WETH, 3_000.0, problem="the answer is 99999 s old") if r.token == WETH else r
        for r in seen.rounds
    )
    found = decide(Past(replace(seen, rounds=rounds), ()), scene.STATE, believed(*LONG), MANDATE, 0)
    assert isinstance(found.verdict, Refused)
    assert found.forecast is None
    assert {r.id for r in found.verdict.reasons} == {"C-17"}
