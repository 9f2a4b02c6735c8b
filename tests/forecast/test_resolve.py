"""What came of a forecast is told once it is known, and a record of those is scored against what is usual."""

import math
from dataclasses import replace

import numpy as np
import pytest

from keeper.codec import MODEL, Codec
from keeper.forecast.record import records
from keeper.forecast.resolve import _losses, judge, resolve
from keeper.forecast.sight import DEAD_S
from keeper.model import Forecast, Interval, Resolved, Series, Touch
from keeper.units import Timestamp
from tests.forecast.histories import NOW, STEP, USDC, WETH
from tests.scene import VAULT

HOUR = 3_600
ISSUED = Timestamp(NOW)


def told(**changes: object) -> Forecast:
    made = Forecast(
        model="log-har",
        horizon_s=4 * HOUR,
        sigma=((WETH, 0.02),),
        touches=(Touch("WETH", 0.45, 0.3), Touch("WETH", 0.55, 0.2)),
        intervals=(Interval(WETH, 0.9, -0.03, 0.03),),
    )
    return replace(made, **changes)


def prices(*values: float, start: int = ISSUED) -> tuple[Series, ...]:
    times = tuple(Timestamp(start + HOUR * k) for k in range(len(values)))
    return (Series(WETH, times, values),)


def weights(*values: float) -> dict[str, tuple[tuple[Timestamp, float], ...]]:
    return {"WETH": tuple((Timestamp(ISSUED + HOUR * k), v) for k, v in enumerate(values))}


FIVE = prices(100.0, 99.0, 101.0, 102.0, 104.0)


END = Timestamp(ISSUED + 4 * HOUR)


def test_a_forecast_is_resolved_when_its_horizon_ends():
    found = resolve(told(), ISSUED, FIVE, END, weights(0.5, 0.52, 0.47, 0.44, 0.5))
    assert found == Resolved(
        "log-har",
        ISSUED,
        4 * HOUR,
        ((WETH, pytest.approx(4e-4), pytest.approx(math.log(1.04)), False),),
        (("WETH", "low", 0.3, True), ("WETH", "high", 0.2, False)),
    )
    codec = Codec(MODEL)
    assert codec.loads(Resolved, codec.dumps(found)) == found


def test_it_is_not_resolved_before_nor_without_prices():
    assert resolve(told(), ISSUED, FIVE, Timestamp(END - 1), weights(0.5, 0.5)) is None
    assert resolve(told(), ISSUED, (), END, weights(0.5, 0.5)) is None
    assert resolve(told(), ISSUED, prices(100.0, 99.0, start=ISSUED + HOUR), END, {}) is None  # began late
    assert resolve(told(sigma=((WETH, 0.02), (USDC, 0.0))), ISSUED, FIVE, END, {}) is None


def test_a_feed_that_rests_has_not_moved_and_one_that_is_dead_tells_nothing():
    """A feed opens a round when its price moves, or its heartbeat ends: no round is news too."""
    rests = resolve(told(), ISSUED, prices(100.0, 99.0), END, {})
    assert rests is not None
    assert rests.moves[0][2] == pytest.approx(math.log(0.99))
    stopped = Timestamp(ISSUED - DEAD_S - 1)
    assert resolve(told(), ISSUED, prices(100.0, start=stopped), END, {}) is None


def test_what_comes_after_the_horizon_does_not_count():
    later = prices(100.0, 99.0, 101.0, 102.0, 104.0, 50.0)
    until = Timestamp(END + HOUR)
    found = resolve(told(), ISSUED, later, until, weights(0.5, 0.5, 0.5, 0.5, 0.5, 0.1))
    assert found is not None
    assert found.moves[0][2] == pytest.approx(math.log(1.04))
    assert not any(hit for *_, hit in found.touches)


def test_a_vault_that_was_moved_has_no_touches():
    moved = Timestamp(ISSUED + 2 * HOUR)
    seen = weights(0.5, 0.4, 0.5, 0.5, 0.5)
    found = resolve(told(), ISSUED, FIVE, END, seen, acted_at=moved)
    assert found is not None
    assert found.touches == ()
    assert found.moves
    before = resolve(told(), ISSUED, FIVE, END, seen, acted_at=Timestamp(ISSUED - 1))
    assert before is not None
    assert len(before.touches) == 2


def test_a_quantity_that_nobody_watched_is_left_out():
    for seen in (weights(0.5, 0.4), {}, {"WETH": ((ISSUED, 0.5), (END, 0.5))}):
        found = resolve(told(), ISSUED, FIVE, END, seen)
        assert found is not None
        assert found.touches == ()


def record(skilful: bool, count: int = 1_500) -> list[Resolved]:
    """Hourly forecasts over four hours of a chance and a variance that both vary; the dull forecaster says the mean."""
    rng = np.random.default_rng(1)
    chance = np.where(rng.random(count) < 0.5, 0.1, 0.7)
    variance = np.where(rng.random(count) < 0.5, 1e-4, 9e-4)
    hits, moves = rng.random(count) < chance, np.sqrt(variance) * rng.standard_normal(count)
    return [
        Resolved(
            "model",
            Timestamp(NOW + STEP * k),
            4 * STEP,
            ((WETH, float(variance[k]) if skilful else 2e-4, float(moves[k]), True),),
            (("WETH", "low", float(chance[k]) if skilful else 0.6, bool(hits[k])),),
        )
        for k in range(count)
    ]


def test_skill_is_found_and_its_lack_too():
    touches, variances = judge(record(True), 1)
    assert (touches.measure, variances.measure) == ("brier", "qlike")
    assert touches.baseline_loss == pytest.approx(0.24, abs=0.01)
    assert touches.loss == pytest.approx(0.15, abs=0.02)
    assert 0.0 < touches.low < touches.skill < touches.high
    assert variances.skill > 0.1
    assert all(one.skill < 0.0 for one in judge(record(False), 1))


def test_a_forecast_knows_only_outcomes_resolved_before_it():
    """Another outcome of the thirtieth changes the usual frequency from the thirty-fourth on, four hours later."""
    rows = record(True, 40)
    told = [[(q + side, p, float(hit)) for q, side, p, hit in r.touches] for r in rows]
    turned = [*told[:30], [(name, p, 1.0 - came) for name, p, came in told[30]], *told[31:]]
    was, now = (_losses(rows, one, squared=False)[1] for one in (told, turned))
    others = np.arange(40) != 30
    np.testing.assert_array_equal(was[others][:33], now[others][:33])
    assert (was[34:] != now[34:]).all()


def test_a_record_of_less_than_two_horizons_has_no_score():
    assert judge(record(True, 8), 1) == ()
    assert judge([], 1) == ()


# --- the live record -------------------------------------------------------------------------------------------------


def test_a_model_that_loses_live_is_switched_off_and_one_that_wins_is_not():
    (good,), (bad,) = (records(VAULT, record(skilful, 400), 1) for skilful in (True, False))
    assert good.trusted
    assert good.note.startswith("Brier skill +")
    assert not bad.trusted
    assert bad.note.startswith("model switched off by its live record, Brier skill -")
    assert (good.vault, good.model, good.horizon_s, good.resolved, good.disturbed) == (VAULT, "model", 4 * STEP, 400, 0)
    assert good.coverage == 1.0
    assert sum(count for _, _, count in good.calibration) == 400


def test_it_is_switched_on_again_when_it_earns_it():
    """The window moves on: what was lost long ago no longer counts."""
    late = [replace(r, issued_at=Timestamp(r.issued_at + 400 * STEP)) for r in record(True, 400)]
    (first,) = records(VAULT, record(False, 400) + late[:40], 1)
    (then,) = records(VAULT, late, 1)
    assert not first.trusted
    assert then.trusted


def test_too_little_proves_nothing_and_neither_does_a_band_nobody_touches():
    (short,) = records(VAULT, record(False, 30), 1)
    assert short.trusted
    assert short.note == "live record of 7.2 horizons, under 10: the walk-forward one stands"
    calm = [replace(r, touches=(("WETH", "low", 0.3, False),)) for r in record(False, 400)]
    (untouched,) = records(VAULT, calm, 1)
    assert untouched.trusted
    assert untouched.note == "next to nothing was touched live: the walk-forward record stands"


def test_each_model_has_a_record_of_its_own_and_the_moved_are_counted():
    other = [replace(r, model="another", touches=()) for r in record(False, 100)]
    bad, another = records(VAULT, sorted(record(False, 400) + other, key=lambda r: r.issued_at), 1)[::-1]
    assert (bad.model, bad.trusted) == ("model", False)
    assert (another.model, another.trusted, another.disturbed) == ("another", True, 100)
    assert records(VAULT, (), 1) == ()
