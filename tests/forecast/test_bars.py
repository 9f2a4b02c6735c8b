"""Resampling: nothing is seen before it is stamped, and a gap neither hides nor lends variance."""

import numpy as np
import pytest

from keeper.forecast.bars import HOUR_S, clean, from_ohlc, resample, tail
from keeper.forecast.ewma import ewma_rate
from keeper.forecast.ladder import FLOOR, columns, extremes, last_row, rate, target


def walk(hours: int, seed: int = 0, per_hour: int = 4) -> tuple[list[int], list[float]]:
    """Ticks at irregular seconds, `per_hour` an hour on average, of a motion with variance 1e-4 an hour."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.choice(hours * HOUR_S, hours * per_hour, replace=False)) + 1
    moves = rng.standard_normal(len(times)) * np.sqrt(1e-4 / HOUR_S * np.diff(times, prepend=0))
    return times.tolist(), (100.0 * np.exp(np.cumsum(moves))).tolist()


def test_a_bar_holds_the_prices_stamped_in_it():
    ticks = clean([1, 3_600, 3_601, 7_000, 7_200], [1.0, 2.0, 3.0, 1.5, 2.5], 7_200)
    bars = resample(ticks, 7_200)
    assert bars.ends.tolist() == [3_600, 7_200]
    assert bars.close.tolist() == [2.0, 2.5]
    assert bars.high.tolist() == [2.0, 3.0]
    assert bars.low.tolist() == [1.0, 1.5]


def test_a_bar_that_is_not_over_is_left_out():
    ticks = clean([10, 3_600, 3_700], [1.0, 2.0, 9.0], 7_199)
    assert resample(ticks, 7_199).close.tolist() == [2.0]


def test_no_future_price_changes_a_past_bar():
    times, prices = walk(200)
    whole = resample(clean(times, prices, times[-1]), 200 * HOUR_S)
    for hours in (1, 57, 130):
        moment = hours * HOUR_S
        part = resample(clean(times, prices, moment), moment)
        for name in ("ends", "close", "high", "low", "square", "elapsed"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[: len(part)])


def test_the_last_bars_alone_are_those_of_the_whole():
    times, prices = walk(300, seed=4)
    del times[400:520], prices[400:520]  # a gap of thirty hours at the start of the tail
    now = 300 * HOUR_S
    whole = resample(clean(times, prices, now), now)
    start = tail(times, 210)
    part = resample(clean(times[start:], prices[start:], now), now, keep=200)
    assert start > 0
    assert len(part) == 200
    for name in ("ends", "close", "high", "low", "square", "elapsed"):
        np.testing.assert_allclose(getattr(part, name), getattr(whole, name)[-200:], rtol=1e-9)


def test_a_gap_of_a_day_is_carried_and_its_return_spread_over_the_time_it_took():
    times = [HOUR_S * k for k in range(1, 101)]
    prices = [100.0 * 1.01 ** (k % 2) for k in range(100)]
    del times[50:74], prices[50:74]
    prices[50:] = [p * 1.05 for p in prices[50:]]
    bars = resample(clean(times, prices, times[-1]), times[-1])
    assert len(bars) == 100
    assert bars.elapsed[50:74].tolist() == [0.0] * 24
    assert bars.elapsed[74] == 25.0
    assert bars.square[74] == pytest.approx(np.log(prices[50] / prices[49]) ** 2)
    assert bars.close[60] == prices[49]
    assert np.isnan(bars.high[60])
    # the day before the gap says the same after it; the whole stretch holds the move once
    assert rate(bars, 48)[73] == pytest.approx(np.log(1.01) ** 2, rel=1e-9)
    assert rate(bars, 100)[99] == pytest.approx(bars.square.sum() / bars.elapsed.sum())
    assert np.isnan(target(bars, 6)[47:74]).all()  # nothing, or a day at once, came within six hours


def test_a_gap_does_not_bias_the_variance():
    times, prices = walk(4_000, seed=7)
    kept = [k for k, t in enumerate(times) if (t // HOUR_S) % 50 >= 20]
    bars = resample(clean([times[k] for k in kept], [prices[k] for k in kept], 4_000 * HOUR_S), 4_000 * HOUR_S)
    assert (bars.elapsed == 0.0).sum() > 1_500
    assert rate(bars, 3_900)[-1] == pytest.approx(1e-4, rel=0.12)  # four standard errors of 2,400 squares


def test_irregular_prices_are_unbiased_without_a_grid():
    times, prices = walk(4_000, seed=8)
    bars = resample(clean(times, prices, 4_000 * HOUR_S), 4_000 * HOUR_S)
    assert rate(bars, 3_900)[-1] == pytest.approx(1e-4, rel=0.1)
    assert np.nanmean(ewma_rate(bars)[200:]) == pytest.approx(1e-4, rel=0.1)


def test_late_repeated_and_impossible_prices_are_told():
    ticks = clean(
        [10, 20, 15, 30, 30, 40, 50, 99],
        [1.0, 1.1, 1.2, 1.3, 1.4, float("nan"), -1.0, 2.0],
        60,
    )
    assert ticks.times.tolist() == [10, 15, 20, 30]
    assert ticks.prices.tolist() == [1.0, 1.2, 1.1, 1.4]
    assert (ticks.late, ticks.repeated, ticks.invalid) == (1, 1, 3)
    assert ticks.sentence() == "1 out of order, 1 repeated, 3 unusable"


def test_an_outlier_is_dropped_once_it_has_come_back_and_a_crash_never():
    times = list(range(0, 4_000, 100))
    prices = [100.0 + 0.1 * (k % 2) for k in range(40)]
    prices[30] = 60.0
    assert clean(times, prices, 3_000).prices[-1] == 60.0  # the last price always stands
    later = clean(times, prices, 3_100)
    assert later.outliers == 1
    assert 60.0 not in later.prices
    assert 60.0 in clean(times, prices, 3_100, drop=False).prices
    crash = prices[:30] + [60.0 + 0.1 * (k % 2) for k in range(10)]
    assert clean(times, crash, 4_000).outliers == 0


def test_exchange_bars_are_checked():
    ends = np.array([3_600, 7_200])
    ok = np.array([1.0, 1.0])
    with pytest.raises(ValueError, match="low ≤ open"):
        from_ohlc(ends, ok, np.array([1.0, 0.9]), ok, ok)
    with pytest.raises(ValueError, match="multiples"):
        from_ohlc(ends + 1, ok, ok, ok, ok)
    bars = from_ohlc(np.array([3_600, 10_800]), ok, np.array([1.0, 2.0]), ok, np.array([1.0, 2.0]))
    assert bars.elapsed.tolist() == [1.0, 0.0, 2.0]


def test_nothing_seen_is_no_bars():
    assert len(resample(clean([], [], 100), 100)) == 0
    assert len(resample(clean([50], [1.0], 60), 60)) == 0


def test_features_wait_for_the_longest_window_and_a_still_price_sits_on_the_floor():
    ends = [HOUR_S * k for k in range(1, 901)]
    bars = resample(clean(ends, [1.0] * 900, ends[-1]), ends[-1])
    x = columns(bars, False)
    assert np.isnan(x[718]).any()
    assert x[719].tolist() == pytest.approx([1.0, *[np.log(FLOOR)] * 4])


def test_what_is_touched_counts_highs_and_lows_not_closes():
    ends = HOUR_S * np.arange(1, 5)
    close = np.array([100.0, 100.0, 100.0, 100.0])
    high, low = np.array([100.0, 103.0, 100.0, 100.0]), np.array([100.0, 100.0, 96.0, 100.0])
    final, rise, fall = extremes(from_ohlc(ends, close, high, low, close), 2)
    assert final[:2].tolist() == [0.0, 0.0]
    assert rise[:2] == pytest.approx([np.log(1.03), 0.0])
    assert fall[:2] == pytest.approx([-np.log(0.96), -np.log(0.96)])
    assert np.isnan(rise[2:]).all()


def test_the_fast_last_row_is_the_clear_one():
    times, prices = walk(900, seed=3)
    for gone in (slice(0, 0), slice(3_300, 3_500), slice(3_560, 3_600), slice(500, 3_599)):
        kept_times, kept_prices = times.copy(), prices.copy()
        del kept_times[gone], kept_prices[gone]
        bars = resample(clean(kept_times, kept_prices, 900 * HOUR_S), 900 * HOUR_S)
        np.testing.assert_allclose(last_row(bars), columns(bars, False)[-1], rtol=1e-9)
    assert np.isnan(last_row(bars.between(slice(0, 719)))[1:]).all()
