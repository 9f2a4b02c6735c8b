"""Correlation of tokens: shrunk when little is known, and only of those that were seen."""

import numpy as np
import pytest
from sklearn.covariance import OAS, LedoitWolf

from keeper.forecast.bars import HOUR_S, Bars, clean, resample
from keeper.forecast.covariance import correlate, ewma_covariance, shrunk, span_returns

TRUE = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 1.0]])


def returns(rows: int, seed: int, matrix: np.ndarray = TRUE) -> np.ndarray:
    return np.random.default_rng(seed).multivariate_normal(np.zeros(len(matrix)), matrix, rows) * 0.01


def test_the_sample_finds_the_truth_and_every_method_gives_a_correlation():
    for method in ("sample", "ledoit-wolf", "oas"):
        found = shrunk(returns(20_000, 1), method)
        assert np.diag(found) == pytest.approx(np.ones(3))
        assert found == pytest.approx(TRUE, abs=0.03)
        assert np.linalg.eigvalsh(found).min() > 0.0


def test_shrinking_is_the_library_s_on_standardised_returns():
    rows = returns(40, 2)
    scaled = rows / np.sqrt((rows**2).mean(axis=0))
    for method, library in (("ledoit-wolf", LedoitWolf), ("oas", OAS)):
        theirs = library(assume_centered=True).fit(scaled).covariance_
        deviation = np.sqrt(np.diag(theirs))
        assert shrunk(rows, method) == pytest.approx(theirs / np.outer(deviation, deviation))


def test_shrinking_is_nearer_the_truth_when_rows_are_few():
    wide = np.eye(20)
    errors = {m: [] for m in ("sample", "ledoit-wolf", "oas")}
    for seed in range(20):
        for method, found in errors.items():
            found.append(np.abs(shrunk(returns(40, seed, wide), method) - wide).mean())
    assert np.mean(errors["ledoit-wolf"]) < 0.5 * np.mean(errors["sample"])
    assert np.mean(errors["oas"]) < 0.5 * np.mean(errors["sample"])


def test_the_average_weighs_late_rows_most():
    rows = np.vstack((returns(4_000, 3, np.eye(3)), returns(4_000, 4)))
    found = ewma_covariance(rows, 500.0) / 1e-4
    assert found == pytest.approx(TRUE, abs=0.15)


def feed(moves: np.ndarray, every: int = 1, until: int | None = None) -> Bars:
    """Hourly prices, seen only every `every` hours and until hour `until`."""
    times = HOUR_S * np.arange(1, len(moves) + 1)
    prices = 100.0 * np.exp(np.cumsum(moves))
    seen = (np.arange(len(moves)) % every == 0) & (np.arange(len(moves)) < (until or len(moves)))
    return resample(clean(times[seen].tolist(), prices[seen].tolist(), int(times[-1])), int(times[-1]))


def test_hourly_feeds_show_their_correlation():
    moves = returns(720, 5)
    kept, found = correlate([feed(column) for column in moves.T])
    assert kept == [0, 1, 2]
    assert found == pytest.approx(TRUE, abs=0.2)


def test_a_dead_feed_a_still_price_and_a_daily_one_are_left_out():
    moves = returns(720, 6)
    bars = [feed(moves[:, 0]), feed(moves[:, 1], until=100), feed(np.zeros(720)), feed(moves[:, 2], every=24)]
    assert span_returns(bars)[0] == [0]
    assert correlate(bars)[0] == []
    kept, matrix = correlate([*bars, feed(moves[:, 1])])
    assert kept == [0, 4]
    assert matrix[0, 1] == pytest.approx(0.8, abs=0.15)


def test_spans_without_a_price_of_one_are_left_out_for_all():
    moves = returns(720, 7)
    late = feed(moves[:, 1])
    hole = resample(
        clean([t for t in late.ends.tolist() if not 100 * HOUR_S < t <= 140 * HOUR_S],
              [c for t, c in zip(late.ends.tolist(), late.close.tolist(), strict=True)
               if not 100 * HOUR_S < t <= 140 * HOUR_S], 720 * HOUR_S),
        720 * HOUR_S,
    )  # fmt: skip
    assert len(span_returns([feed(moves[:, 0]), late])[1]) == 179
    assert len(span_returns([feed(moves[:, 0]), hole])[1]) in range(168, 171)


def test_a_short_history_has_no_correlation():
    moves = returns(100, 8)
    assert correlate([feed(column) for column in moves.T])[0] == []
    assert correlate([])[0] == []
