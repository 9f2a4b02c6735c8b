"""What is believed of good histories and of bad ones: nothing is guessed without saying so."""

import math
from dataclasses import replace

import numpy as np
import pytest

from keeper.codec import MODEL, Codec
from keeper.forecast import fit, refresh
from keeper.forecast.believed import annual_volatility
from keeper.forecast.contest import ALL
from keeper.forecast.ladder import FLOOR
from keeper.forecast.sight import DEAD_S, HORIZONS_H
from keeper.model import Beliefs, Candles, History, LevelSeries, Series, TokenBelief
from keeper.units import SECONDS_PER_YEAR, Timestamp
from tests.forecast.histories import NOW, STEP, USDC, WBTC, WETH, history, series, stormy
from tests.forecast.worlds import storms

PRIORS = ((WETH, 0.9),)
FLOOR_VOLATILITY = math.sqrt(FLOOR * SECONDS_PER_YEAR / STEP)


@pytest.fixture(scope="module")
def long() -> tuple[History, Beliefs]:
    made = history(stormy(WETH, 5_000, 3), stormy(WBTC, 5_000, 4))
    return made, fit(made)


def believed(beliefs: Beliefs, token: str = WETH) -> TokenBelief:
    return next(t for t in beliefs.tokens if t.token == token)


def test_a_long_history_is_fitted_scored_and_trusted_on_its_record(long: tuple[History, Beliefs]):
    _, beliefs = long
    token = believed(beliefs)
    assert token.knowledge == "fitted"
    assert {s.horizon_s for s in token.shapes} == {h * STEP for h in HORIZONS_H}
    assert {v.model for v in token.variances} >= {"ewma", "log-har"}
    assert {s.measure for s in token.scores} == {"qlike", "brier"}
    touches = next(s for s in token.scores if s.measure == "brier")
    assert token.trusted == (touches.skill > 0.0)
    day = {s.model: s.skill for s in token.scores if s.measure == "qlike" and s.horizon_s == 24 * STEP}
    assert dict(token.champions)[24 * STEP] == max(day, key=lambda m: day[m])
    assert day["log-har"] > 0.0
    assert token.regime in ("calm", "rising", "crisis")
    assert dict(beliefs.volatility)[WETH] == annual_volatility(token)
    assert beliefs.model == "log-har"


def test_beliefs_are_named_numbers_that_survive_the_journal(long: tuple[History, Beliefs]):
    codec = Codec(MODEL)
    assert codec.loads(Beliefs, codec.dumps(long[1])) == long[1]


def test_fitting_is_deterministic(long: tuple[History, Beliefs]):
    made, beliefs = long
    assert fit(made) == beliefs


def test_a_refresh_at_the_fit_s_own_moment_says_the_same(long: tuple[History, Beliefs]):
    made, beliefs = long
    fresh = refresh(beliefs, made)
    for was, now in zip(beliefs.tokens, fresh.tokens, strict=True):
        assert now.regime == was.regime
        for a, b in zip(was.variances, now.variances, strict=True):
            assert b.variance == pytest.approx(a.variance, rel=1e-6)
        assert replace(now, variances=was.variances) == was


def test_a_refresh_moves_with_the_price_and_leaves_the_fits(long: tuple[History, Beliefs]):
    made, beliefs = long
    wild = []
    for one in made.series:
        shocks = np.random.default_rng(1).standard_normal(24) * 0.05
        prices = one.prices[-1] * np.exp(np.cumsum(shocks))
        times = tuple(Timestamp(NOW + STEP * (k + 1)) for k in range(24))
        wild.append(Series(one.token, one.timestamps + times, one.prices + tuple(map(float, prices))))
    fresh = refresh(beliefs, history(*wild, now=NOW + 24 * STEP))
    assert believed(fresh).fits == believed(beliefs).fits
    assert annual_volatility(believed(fresh)) > 2.0 * annual_volatility(believed(beliefs))
    assert believed(fresh).regime == "crisis"


def test_every_model_can_be_asked_for():
    made = history(stormy(WETH, 5_000, 3))
    beliefs = fit(made, models=ALL)
    token = believed(beliefs)
    spoken = {v.model for v in token.variances if v.horizon_s == 24 * STEP}
    assert spoken >= {"ewma", "log-har", "garch-t", "learned", "mean"}
    assert {f.horizon_s for f in beliefs.pooled} == {h * STEP for h in HORIZONS_H}
    codec = Codec(MODEL)
    assert codec.loads(Beliefs, codec.dumps(beliefs)) == beliefs


# --- stated behaviour ------------------------------------------------------------------------------------------------


def test_a_short_history_is_the_average_s():
    token = believed(fit(history(stormy(WETH, 500, 3)), PRIORS))
    assert token.knowledge == "short"
    assert token.note == "too short a history for a model: one-day EWMA"
    assert not token.trusted
    assert set(dict(token.champions).values()) == {"ewma"}


def test_hardly_any_history_is_the_prior_s_or_nothing():
    made = history(stormy(WETH, 20, 3), stormy(WBTC, 20, 4), Series(USDC, (), ()))
    beliefs = fit(made, PRIORS)
    assert dict(beliefs.volatility) == {WETH: pytest.approx(0.9)}
    assert believed(beliefs).note == "19 returns in 19.0 h, under 24 or an hour; prior volatility"
    assert believed(beliefs, WBTC).note == "19 returns in 19.0 h, under 24 or an hour; nothing to go by"
    assert believed(beliefs, WBTC).variances == ()
    assert believed(beliefs, USDC).note == "no price yet; nothing to go by"


def test_an_hour_of_many_prices_is_enough_for_the_average():
    """As a chain's feed in a busy hour: the spacing does not matter."""
    rng = np.random.default_rng(1)
    times = np.sort(rng.choice(7_200, 400, replace=False)) + NOW - 7_200
    moves = rng.standard_normal(400) * 0.6 * np.sqrt(np.diff(times, prepend=NOW - 7_200) / SECONDS_PER_YEAR)
    made = Series(WETH, tuple(map(Timestamp, times.tolist())), tuple(np.exp(np.cumsum(moves)).tolist()))
    assert dict(fit(history(made)).volatility)[WETH] == pytest.approx(0.6, rel=0.15)


def test_a_price_that_never_moved_is_not_certain():
    still = fit(history(series(WETH, np.ones(3_000)), series(USDC, np.ones(3_000))), PRIORS)
    assert believed(still).knowledge == "constant"
    assert believed(still).note == "3000 prices in 2999 h, all the same; prior volatility"
    assert dict(still.volatility) == {WETH: pytest.approx(0.9), USDC: pytest.approx(FLOOR_VOLATILITY)}
    assert not believed(still).trusted


def test_a_gap_of_a_day_neither_raises_nor_hides_the_variance():
    whole = stormy(WETH, 3_000, 5)
    kept = [k for k in range(3_000) if not 2_900 <= k < 2_924]
    holed = Series(WETH, *(tuple(column[k] for k in kept) for column in (whole.timestamps, whole.prices)))
    with_gap, without = (annual_volatility(believed(fit(history(s)))) for s in (holed, whole))
    assert believed(fit(history(holed))).knowledge == "fitted"
    assert with_gap == pytest.approx(without, rel=0.1)


def test_a_gap_now_is_seen_through_until_the_feed_is_dead():
    whole = stormy(WETH, 3_000, 5)
    gap = 24 * STEP
    token = believed(fit(history(whole, now=NOW + gap)))
    assert token.knowledge == "fitted"
    assert token.last_at == NOW
    assert believed(fit(history(whole, now=NOW + DEAD_S + 1))).knowledge == "dead"


def test_a_dead_feed_keeps_the_larger_fear_and_says_so(long: tuple[History, Beliefs]):
    made, beliefs = long
    later = NOW + 40 * STEP
    alive = stormy(WBTC, 3_000, 4)
    alive = Series(WBTC, tuple(Timestamp(t + 40 * STEP) for t in alive.timestamps), alive.prices)
    for now in (
        fit(history(made.series[0], alive, now=later), PRIORS),
        refresh(beliefs, history(made.series[0], alive, now=later), PRIORS),
    ):
        token = believed(now)
        assert token.knowledge == "dead"
        expected = "no price for 40 h: feed is dead; the larger of its last volatility and its prior"
        assert token.note == expected
        assert not token.trusted
        assert dict(now.volatility)[WETH] >= 0.9
        assert believed(now, WBTC).knowledge == "fitted"
    assert not any(WETH in pair[:2] for pair in fit(history(made.series[0], alive, now=later)).correlation)


def test_a_stablecoin_is_small_and_not_trusted_without_touches():
    rng = np.random.default_rng(2)
    made = history(series(USDC, np.round(1.0 + 2e-4 * rng.standard_normal(4_000), 4)))
    token = believed(fit(made), USDC)
    assert token.knowledge == "fitted"
    assert annual_volatility(token) == pytest.approx(2e-4 * math.sqrt(2.0 * 365.0), rel=0.15)  # a day apart
    assert not token.trusted
    assert "reactive bands only" in token.note


def test_touches_without_skill_are_switched_off_by_themselves():
    """Storms that last, then twelve weeks in which every wild day follows a calm one: what was learnt misleads."""
    rng = np.random.default_rng(3)
    days = np.repeat(np.where(np.arange(90) % 2 == 0, 0.003, 0.02), 24)
    before = np.diff(np.log(storms(6_000, 7, mean=2e-4).close))
    moves = np.concatenate((before, days * rng.standard_normal(len(days))))
    token = believed(fit(history(series(WETH, np.exp(np.cumsum(moves))))))
    touches = next(s for s in token.scores if s.measure == "brier")
    assert touches.skill < 0.0
    assert not token.trusted
    assert token.note.startswith(f"touches switched off: Brier skill {touches.skill:.3f} against the unconditional")


def test_troubled_prices_are_told(long: tuple[History, Beliefs]):
    one = stormy(WETH, 3_000, 3)
    prices = list(one.prices)
    prices[2_000] *= 3.0
    prices[100] = -1.0
    token = believed(fit(history(Series(WETH, one.timestamps, tuple(prices)))))
    assert token.note.startswith("1 unusable, 1 single outliers")
    assert token.knowledge == "fitted"


def test_correlation_is_of_tokens_that_move_together():
    base = np.random.default_rng(4).standard_normal((2, 1_000)) * 0.01
    pair = np.cumsum(np.vstack((base[0], 0.8 * base[0] + 0.6 * base[1])), axis=1)
    beliefs = fit(history(series(WETH, np.exp(pair[0])), series(WBTC, np.exp(pair[1]))))
    ((a, b, value),) = beliefs.correlation
    assert {a, b} == {WETH, WBTC}
    assert value == pytest.approx(0.8, abs=0.12)


# --- candles: ranges where they are known ----------------------------------------------------------------------------


def candled(seed: int, hours: int, token: str = WETH) -> tuple[Series, Candles]:
    """A feed of hourly closes, and the bars behind them from elsewhere, at another level."""
    world = storms(hours, seed)
    ends = tuple(Timestamp(NOW - STEP * k) for k in range(hours - 1, -1, -1))
    columns = (tuple((7.0 * getattr(world, name)).tolist()) for name in ("opened", "high", "low", "close"))
    return series(token, world.close), Candles(token, "pool", ends, *columns)


@pytest.fixture(scope="module")
def ranged() -> tuple[History, Beliefs]:
    (a, b), (c, d) = candled(3, 5_000), candled(4, 5_000, WBTC)
    made = replace(history(a, c), candles=(b, d))
    return made, fit(made, models=("ewma", "log-har", "learned", "mean"))


def test_candles_lend_their_ranges_and_win_by_them(ranged: tuple[History, Beliefs]):
    _, beliefs = ranged
    token = believed(beliefs)
    assert {f.model for f in token.fits} >= {"log-har", "log-har-range", "regime"}
    day = {s.model: s.loss for s in token.scores if s.measure == "qlike" and s.horizon_s == 24 * STEP}
    assert day["log-har-range"] < day["log-har"]
    assert {f.model for f in beliefs.pooled} == {"learned-range"}


def test_a_refresh_of_ranges_says_what_the_fit_said(ranged: tuple[History, Beliefs]):
    made, beliefs = ranged
    for was, now in zip(beliefs.tokens, refresh(beliefs, made).tokens, strict=True):
        refreshed = {v.model for v in now.variances} & {"log-har-range", "learned", "mean", "log-har"}
        assert refreshed == {"log-har-range", "learned", "mean", "log-har"}
        for a, b in zip(was.variances, now.variances, strict=True):
            assert b.variance == pytest.approx(a.variance, rel=1e-6), a.model
        assert now.regime == was.regime


def test_a_tick_refreshes_the_learned_model_too(ranged: tuple[History, Beliefs]):
    made, beliefs = ranged
    wilder = []
    for one in made.candles:
        shock = tuple(0.02 * k for k in range(1, 7))
        closes = tuple(one.closes[-1] * math.exp(s) for s in shock)
        opens = (one.closes[-1], *closes[:-1])
        ends = tuple(Timestamp(NOW + STEP * (k + 1)) for k in range(6))
        highs, lows = tuple(1.01 * c for c in closes), tuple(0.99 * o for o in opens)
        wilder.append(Candles(one.token, one.source, one.ends + ends, one.opens + opens, one.highs + highs,
                              one.lows + lows, one.closes + closes))  # fmt: skip
    moved = tuple(
        Series(s.token, s.timestamps + c.ends[-6:], s.prices + tuple(p / 7.0 for p in c.closes[-6:]))
        for s, c in zip(made.series, wilder, strict=True)
    )
    later = replace(history(*moved, now=NOW + 6 * STEP), candles=tuple(wilder))
    before, after = (
        {v.model: v.variance for v in believed(b).variances if v.horizon_s == 24 * STEP}
        for b in (beliefs, refresh(beliefs, later))
    )
    for name in ("log-har-range", "learned", "mean"):
        assert after[name] > 1.3 * before[name], name


def test_candles_that_are_old_short_or_swung_are_not_believed():
    feed, whole = candled(3, 3_000)
    known = replace(history(feed), candles=(whole,))
    columns = ("ends", "opens", "highs", "lows", "closes")
    late = replace(whole, **{name: getattr(whole, name)[:-5] for name in columns})
    short = replace(whole, **{name: getattr(whole, name)[-300:] for name in columns})
    for candles in (late, short):
        assert fit(replace(known, candles=(candles,))).tokens == fit(history(feed)).tokens
    highs = list(whole.highs)
    highs[-10] *= 5.0
    swung, honest = (
        {(v.model, v.horizon_s): v.variance for v in believed(fit(replace(known, candles=(c,)))).variances}
        for c in (replace(whole, highs=tuple(highs)), whole)
    )
    for hours in HORIZONS_H:
        key = "log-har-range", hours * STEP
        assert swung[key] == pytest.approx(honest[key], rel=0.15)


def test_a_feed_that_speaks_again_is_the_average_s_until_the_next_fit(long: tuple[History, Beliefs]):
    made, beliefs = long
    dead = refresh(beliefs, history(*made.series, now=NOW + DEAD_S + STEP))
    assert believed(dead).knowledge == "dead"
    again = Timestamp(NOW + DEAD_S + 2 * STEP)
    back = tuple(Series(s.token, (*s.timestamps, again), (*s.prices, s.prices[-1])) for s in made.series)
    token = believed(refresh(dead, history(*back, now=again)))
    assert token.knowledge == "short"
    assert token.note == "it speaks again after a silence, until the next fit: one-day EWMA"
    assert token.fits == believed(beliefs).fits
    assert not token.trusted


def test_levels_are_fitted_over_each_horizon():
    gas = np.exp(np.random.default_rng(1).standard_normal(900) * 0.3)
    ends = tuple(Timestamp(NOW - STEP * k) for k in range(899, -1, -1))
    made = replace(history(), levels=(LevelSeries("gas", ends, tuple(gas.tolist()), tuple(gas.tolist())),))
    beliefs = fit(made)
    assert [(b.name, b.horizon_s) for b in beliefs.levels] == [("gas", h * STEP) for h in (1, 6, 24)]
    assert beliefs.fingerprint != fit(history()).fingerprint
    codec = Codec(MODEL)
    assert codec.loads(Beliefs, codec.dumps(beliefs)) == beliefs
