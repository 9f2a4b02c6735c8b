"""Scores: proper, resampled in blocks, and honest about what was not forecast."""

import numpy as np
import pytest

from keeper.forecast.scores import Bin, brier, calibration_error, coverage, qlike, reliability, score, skill


def test_qlike_is_least_for_the_truth_though_the_proxy_is_noisy():
    rng = np.random.default_rng(1)
    realised = 1e-4 * rng.chisquare(3, 100_000) / 3.0
    losses = [qlike(realised, np.full(100_000, 1e-4 * factor)).mean() for factor in (0.8, 0.95, 1.0, 1.05, 1.25)]
    assert min(losses) == losses[2]
    assert qlike(np.array([2e-4]), np.array([2e-4])).tolist() == [0.0]


def test_nothing_is_below_the_floor():
    assert qlike(np.array([0.0]), np.array([1e-8])).tolist() == [0.0]
    assert qlike(np.array([1e-4]), np.array([0.0]), floor=1e-4).tolist() == [0.0]


def test_brier_is_least_for_the_true_chance():
    hit = (np.random.default_rng(2).random(100_000) < 0.3).astype(float)
    losses = [brier(np.full(100_000, p), hit).mean() for p in (0.2, 0.28, 0.3, 0.32, 0.4)]
    assert min(losses) == losses[2]
    assert losses[2] == pytest.approx(0.21, abs=0.004)


def test_a_calibrated_forecast_lies_on_the_diagonal_and_a_bold_one_does_not():
    rng = np.random.default_rng(3)
    chance = rng.random(200_000)
    hit = (rng.random(200_000) < chance).astype(float)
    bins = reliability(chance, hit)
    assert len(bins) == 10
    assert sum(b.count for b in bins) == 200_000
    assert calibration_error(bins) < 0.01
    bold = np.clip(0.5 + 2.0 * (chance - 0.5), 0.0, 1.0)
    assert calibration_error(reliability(bold, hit)) > 0.1


def test_what_was_not_forecast_does_not_count():
    chance, hit = np.array([0.5, np.nan, 0.5, 1.0]), np.array([1.0, 1.0, np.nan, 1.0])
    assert reliability(chance, hit) == (Bin(0.5, 1.0, 1), Bin(1.0, 1.0, 1))
    assert coverage(np.array([0.0, 5.0, np.nan]), np.full(3, -1.0), np.full(3, 1.0)) == 0.5
    assert calibration_error(()) == 0.0


def test_skill_is_the_share_of_loss_saved():
    base = np.random.default_rng(4).random(1_000) + 0.5
    found = skill(0.8 * base, base, 24, 1)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.2, 0.2))
    assert found.count == 1_000


def test_columns_weigh_alike_and_silence_is_left_out():
    base = np.ones((100, 2))
    loss = np.column_stack((np.full(100, 0.9), np.full(100, 0.5)))
    loss[:60, 1] = np.nan
    found = skill(loss, base, 5, 1)
    assert found.columns == pytest.approx((0.1, 0.5))
    assert found.value == pytest.approx(0.3)
    assert found.count == 140


def test_blocks_see_that_neighbours_agree():
    """Losses that stay for a day: single rows would make the interval five times too narrow."""
    rng = np.random.default_rng(5)
    days = np.repeat(rng.standard_normal(200), 24)
    loss, base = 1.0 + 0.3 * days, np.ones(4_800)
    rows, blocks = (skill(loss, base, block, 1) for block in (1, 24))
    assert (blocks.high - blocks.low) / (rows.high - rows.low) == pytest.approx(np.sqrt(24), rel=0.25)
    assert (blocks.high - blocks.low) == pytest.approx(2 * 1.645 * 0.3 / np.sqrt(200), rel=0.25)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        shared = np.repeat(rng.standard_normal(60), 10)
        found = skill(0.9 + 0.5 * shared, np.ones(600), 20, 1, draws=200)
        inside += found.low <= 0.1 <= found.high
    assert inside / 200 == pytest.approx(0.9, abs=0.08)


def test_a_block_must_fit():
    with pytest.raises(ValueError, match="score a longer window"):
        skill(np.ones(10), np.ones(10), 10, 1)


def test_too_little_resolved_is_no_score():
    assert score("new", "base", "brier", 3_600, (np.ones(40), np.ones(40)), 24, 1) is None
    assert score("new", "base", "brier", 3_600, (np.ones(400), np.zeros(400)), 24, 1) is None  # nothing to beat
    found = score("new", "base", "qlike", 3_600, (np.full(400, 0.5), np.ones(400)), 24, 1)
    assert found is not None
    assert (found.skill, found.loss, found.baseline_loss, found.count) == (0.5, 0.5, 1.0, 400)
