"""A forecast for one vault: from what is believed, over the mandate's horizon, with what it does not know said."""

import math
from dataclasses import replace

import numpy as np
import pytest

from keeper.codec import MODEL, Codec
from keeper.costs import first_passage
from keeper.forecast import fit, forecast
from keeper.forecast.touch import _standing
from keeper.forecast.view import DEFAULT_VOLATILITY, variance_at
from keeper.model import (
    LEVEL_GRID,
    Beliefs,
    Drift,
    Forecast,
    HealthProblem,
    Level,
    LevelBelief,
    Mandate,
    Quantity,
    Record,
    TokenBelief,
    Touch,
    Variance,
    WeightProblem,
)
from keeper.units import Address, Hash, Timestamp, Wei
from tests import scene
from tests.forecast.histories import NOW, STEP, USDC, WBTC, WETH, history, series, stormy

DAY = 86_400
ZERO = Hash("0x" + "00" * 32)


def told(pairs: dict[Address, float], correlation: float = 0.0, **changes: object) -> Beliefs:
    """Annual volatilities alone, as from priors."""
    made = Beliefs("prior", tuple(sorted(pairs.items())), ((WETH, WBTC, correlation),), NOW, 0, ZERO)
    return replace(made, **changes)


def weights(values: dict[Address, float], band: float = 0.03) -> tuple[WeightProblem, Drift]:
    tokens, shares = tuple(values), tuple(values.values())
    problem = WeightProblem(tokens, (1,) * len(tokens), (1.0,) * len(tokens), shares, (band,) * len(tokens))
    quantities = tuple(Quantity(t[:4], s, s - band, s, s + band) for t, s in values.items())
    return problem, Drift(0.0, quantities[0].name, quantities)


def health(value: float, low: float = 1.2) -> tuple[HealthProblem, Drift]:
    problem = HealthProblem(WETH, USDC, 0, 1, 1, 1.0, 1.0, 0.83, 0.8, 0.05, 0.0, 0, low, 1.6, 2.0)
    return problem, Drift(0.0, "health factor", (Quantity("health factor", value, low, 1.6, 2.0),))


def mandate(**changes: object) -> Mandate:
    return scene.mandate(horizon_s=DAY, **changes)


@pytest.fixture(scope="module")
def fitted() -> Beliefs:
    return fit(history(stormy(WETH, 5_000, 3), stormy(WBTC, 5_000, 4)), ((USDC, 0.01),))


# --- weights ---------------------------------------------------------------------------------------------------------


def test_one_risky_weight_is_the_closed_form():
    found = forecast(*weights({USDC: 0.5, WETH: 0.5}), told({USDC: 0.0, WETH: 0.9}), mandate())
    sigma = 0.9 * math.sqrt(1.0 / 365.0)
    exact = first_passage(math.log(0.53 / 0.47), sigma, 0.0, 1.0)
    assert found.sigma == ((USDC, 0.0), (WETH, pytest.approx(sigma)))
    assert len(found.touches) == 4
    for t in found.touches:
        assert t.probability == pytest.approx(exact, abs=4.0 * t.error + 0.02)
        assert 0.0 < t.error < 0.02


def test_the_believed_correlation_travels_in_the_order_of_the_deviations():
    problem, drift = weights({USDC: 0.3, WBTC: 0.3, WETH: 0.4})
    found = forecast(problem, drift, told({USDC: 0.0, WETH: 0.9, WBTC: 0.7}, 0.6), mandate())
    assert [t for t, _ in found.sigma] == [USDC, WBTC, WETH]
    assert found.correlation == ((1.0, 0.0, 0.0), (0.0, 1.0, 0.6), (0.0, 0.6, 1.0))
    codec = Codec(MODEL)
    assert codec.loads(Forecast, codec.dumps(found)) == found


def test_both_edges_of_every_band_are_told():
    problem, drift = weights({USDC: 0.3, WETH: 0.4, WBTC: 0.3})
    found = forecast(problem, drift, told({USDC: 0.0, WETH: 0.9, WBTC: 0.7}), mandate())
    expected = [(q.name, edge) for q in drift.quantities for edge in (q.low, q.high)]
    assert [(t.quantity, t.barrier) for t in found.touches] == expected


def test_tokens_that_move_together_stay_in_their_bands():
    problem, drift = weights({WETH: 0.5, WBTC: 0.5})
    pair = {WETH: 0.8, WBTC: 0.8}
    apart, together = (forecast(problem, drift, told(pair, rho), mandate()).touches[0] for rho in (0.0, 0.9))
    assert together.probability < 0.4 * apart.probability


def test_a_longer_horizon_touches_more():
    problem, drift = weights({USDC: 0.5, WETH: 0.5})
    beliefs = told({USDC: 0.0, WETH: 0.9})
    chances = [
        forecast(problem, drift, beliefs, scene.mandate(horizon_s=h)).touches[0].probability
        for h in (3_600, DAY, 10 * DAY)
    ]
    assert chances == sorted(chances)
    assert chances[0] < chances[2]


def test_the_same_arguments_give_the_same_forecast_and_the_seed_is_one(fitted: Beliefs):
    problem, drift = weights({USDC: 0.3, WETH: 0.4, WBTC: 0.3})
    first, again = (forecast(problem, drift, fitted, mandate(), seed=1) for _ in range(2))
    assert first == again
    assert forecast(problem, drift, fitted, mandate(), seed=2) != first
    codec = Codec(MODEL)
    assert codec.loads(Forecast, codec.dumps(first)) == first


# --- health factor ---------------------------------------------------------------------------------------------------


def test_without_a_history_the_health_factor_is_first_passage():
    found = forecast(*health(1.3), told({WETH: 0.9, USDC: 0.0}), mandate())
    sigma = 0.9 * math.sqrt(1.0 / 365.0)
    for touch, barrier in zip(found.touches, (1.2, 1.0), strict=True):
        exact = first_passage(math.log(1.3 / barrier), sigma, -sigma * sigma / 2.0, 1.0)
        assert touch == Touch("health factor", barrier, pytest.approx(exact))


def test_with_a_history_it_is_how_far_the_collateral_fell_before(fitted: Beliefs):
    found = forecast(*health(1.3), fitted, mandate())
    assert found.model == "log-har+prior" or found.model == "log-har"
    shape = next(s for s in fitted.tokens[0].shapes if s.horizon_s == DAY)
    sigma = math.hypot(*(s for _, s in found.sigma))
    distance = math.log(1.3 / 1.2) / sigma
    below = np.interp(distance, shape.fall, shape.levels)
    assert shape.deviation == pytest.approx(1.0, abs=0.15)
    assert found.touches[0].probability == pytest.approx(1.0 - below, abs=0.03)
    assert found.touches[1].probability < found.touches[0].probability


def test_a_debt_that_rises_is_as_bad_as_a_collateral_that_falls(fitted: Beliefs):
    problem, drift = health(1.3)
    turned = replace(problem, collateral=USDC, debt=WETH)
    token = fitted.tokens[0]
    tame = replace(token, shapes=tuple(replace(s, fall=tuple(q / 2.0 for q in s.rise)) for s in token.shapes))
    beliefs = replace(fitted, tokens=(tame, *fitted.tokens[1:]))
    falls, rises = (forecast(p, drift, beliefs, mandate()).touches[0].probability for p in (problem, turned))
    assert rises == pytest.approx(forecast(problem, drift, fitted, mandate()).touches[0].probability, abs=0.05)
    assert rises > 3.0 * falls


def test_a_pair_that_moves_together_is_safe():
    problem, drift = health(1.3)
    pair = replace(problem, debt=WBTC)
    together, apart = (
        forecast(pair, drift, told({WETH: 0.8, WBTC: 0.8}, rho), mandate()).touches[0].probability
        for rho in (0.98, 0.0)
    )
    assert together < 1e-6 < apart


def test_a_broken_floor_is_certain_and_no_debt_has_no_floor():
    assert forecast(*health(1.1), told({WETH: 0.9}), mandate()).touches[0].probability == 1.0
    assert forecast(*health(math.inf), told({WETH: 0.9}), mandate()).touches == ()


# --- what is not known -----------------------------------------------------------------------------------------------


def test_an_unknown_token_is_volatile_and_said_so():
    found = forecast(*health(1.3), told({USDC: 0.0}), mandate())
    assert dict(found.sigma)[WETH] == pytest.approx(DEFAULT_VOLATILITY * math.sqrt(1.0 / 365.0))
    assert f"{WETH}: no history: a volatility of 0.8" in found.notes
    assert f"{USDC}: no history: its prior volatility" in found.notes
    assert not found.trusted


def test_only_proven_touches_of_what_matters_are_trusted(fitted: Beliefs):
    problem, drift = weights({WETH: 0.5, WBTC: 0.5})
    proven = replace(fitted, tokens=tuple(replace(t, trusted=True) for t in fitted.tokens))
    assert forecast(problem, drift, proven, mandate()).trusted
    doubted = replace(fitted, tokens=(proven.tokens[0], replace(proven.tokens[1], trusted=False)))
    assert not forecast(problem, drift, doubted, mandate()).trusted
    with_cash = weights({USDC: 0.5, WETH: 0.5})
    assert forecast(*with_cash, proven, mandate()).trusted  # a stablecoin of one per cent decides nothing


def test_intervals_hold_the_stated_share(fitted: Beliefs):
    found = forecast(*weights({WETH: 0.5, WBTC: 0.5}), fitted, mandate())
    for one, (token, sigma) in zip(found.intervals, found.sigma, strict=True):
        assert one.token == token
        assert one.low < 0.0 < one.high
        assert one.high == pytest.approx(1.645 * sigma, rel=0.25)


def test_noise_that_a_day_does_not_keep_is_not_risk():
    """A quote that jitters by 20 bp round a still price: its hourly squares sum to far more than a day's return."""
    rng = np.random.default_rng(1)
    quoted = np.exp(np.cumsum(1e-4 * rng.standard_normal(4_000)) + 2e-3 * rng.standard_normal(4_000))
    beliefs = fit(history(series(WETH, quoted)))
    found = forecast(*weights({USDC: 0.5, WETH: 0.5}), beliefs, mandate())
    truth = math.sqrt(24 * 1e-8 + 2 * 4e-6)
    assert dict(found.sigma)[WETH] == pytest.approx(truth, rel=0.1)
    assert dict(beliefs.volatility)[WETH] == pytest.approx(truth * math.sqrt(365), rel=0.1)


def test_the_mandate_names_the_model_or_the_record_does(fitted: Beliefs):
    problem, drift = weights({WETH: 0.5, WBTC: 0.5})
    by_name, auto, unknown = (
        forecast(problem, drift, fitted, mandate(champion=name)) for name in ("ewma", "auto", "oracle")
    )
    held = {v.model: v.variance for v in fitted.tokens[0].variances if v.horizon_s == DAY}
    scale = next(s.deviation for s in fitted.tokens[0].shapes if s.horizon_s == DAY)
    assert dict(by_name.sigma)[WETH] == pytest.approx(math.sqrt(held["ewma"]) * scale)
    assert dict(auto.sigma)[WETH] == pytest.approx(math.sqrt(held[dict(fitted.tokens[0].champions)[DAY]]) * scale)
    assert by_name.model == "ewma"
    assert unknown.sigma == auto.sigma
    assert any("the mandate names oracle, which was not fitted" in note for note in unknown.notes)


def test_variances_between_horizons_lie_between_and_beyond_them_grow_with_time():
    held = (Variance("m", STEP, 1e-4), Variance("m", 4 * STEP, 9e-4))
    token = TokenBelief(WETH, "fitted", "", ((STEP, "m"),), True, "calm", Timestamp(NOW), held)
    assert variance_at(token, "m", STEP) == pytest.approx(1e-4)
    assert variance_at(token, "m", 2 * STEP) == pytest.approx(3e-4)
    assert variance_at(token, "m", 8 * STEP) == pytest.approx(18e-4)
    assert variance_at(token, "m", STEP // 2) == pytest.approx(0.5e-4)
    assert variance_at(token, "other", STEP) is None


# --- carry, gas and rates, the live record ---------------------------------------------------------------------------


def moved(distance: float, sigma: float, gained: float, seed: int) -> tuple[float, float]:
    """P(a driftless normal motion meets a barrier that moves away by `gained`), simulated with a bridge; its error."""
    steps, paths = 200, 20_000
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.standard_normal((steps, paths)) * sigma / math.sqrt(steps), axis=0)
    left = distance + walk + gained * (np.arange(1, steps + 1) / steps)[:, None]
    before = np.concatenate((np.full((1, paths), distance), left[:-1]))
    crossing = np.exp(-2.0 * np.maximum(before, 0.0) * np.maximum(left, 0.0) / (sigma**2 / steps))
    chance = 1.0 - np.prod(1.0 - crossing, axis=0)
    return float(chance.mean()), float(chance.std() / math.sqrt(paths))


@pytest.mark.parametrize("gained", [-0.03, -0.01, 0.02])
def test_interest_moves_the_floor_as_in_simulation(gained: float):
    still = _standing(0.05, 0.04, gained)
    exact = first_passage(0.05, 0.04, gained, 1.0)
    assert first_passage(still, 0.04, 0.0, 1.0) == pytest.approx(exact, rel=1e-9)
    found, error = moved(0.05, 0.04, gained, 1)
    assert exact == pytest.approx(found, abs=4.0 * error)


def test_a_dear_debt_pulls_the_health_factor_down(fitted: Beliefs):
    problem, drift = health(1.3)
    month = scene.mandate(horizon_s=7 * DAY)
    for beliefs in (fitted, told({WETH: 0.9, USDC: 0.0})):
        chances = [
            forecast(replace(problem, supply_rate=s, borrow_rate=b), drift, beliefs, month).touches[1].probability
            for s, b in ((0.0, 0.0), (0.02, 0.05), (0.0, 2.0))
        ]
        assert chances[0] < chances[1] < chances[2]
        assert chances[2] > 1.1 * chances[0]
    sure = forecast(replace(problem, borrow_rate=50.0), drift, told({WETH: 0.0, USDC: 0.0}), month)
    assert [t.probability for t in sure.touches] == [1.0, 1.0]


def level(name: str, trusted: bool, middle: float) -> LevelBelief:
    grid = tuple(0.001 * (k - 11) for k in range(len(LEVEL_GRID)))
    made = Level(False, middle, 0.0, grid, middle - 0.01, 0.0, grid)
    return LevelBelief(name, DAY, made, 1.0, NOW, trusted, trusted, "because")


def test_gas_and_rates_are_told_where_they_are_believed(fitted: Beliefs):
    problem, drift = health(1.3)
    problem = replace(problem, supply_rate=0.01, borrow_rate=0.04)
    believed = (level("gas", True, 20.0), level(f"borrow {USDC}", True, 0.9), level(f"supply {WETH}", False, 0.5))
    found = forecast(problem, drift, replace(fitted, levels=believed), mandate(), base_fee=Wei(30 * 10**9))
    gas, rate, lent = (found.level(name) for name in ("gas", f"borrow {USDC}", f"supply {WETH}"))
    assert gas is not None
    assert (gas.now, gas.median) == (30.0, pytest.approx(20.0))
    assert gas.reaches(19.99) == pytest.approx(0.5)
    assert gas.reaches(31.0) == 1.0
    assert rate is not None
    assert lent is not None
    assert (rate.now, lent.trusted, lent.note) == (0.04, False, "because")
    calm = forecast(problem, drift, fitted, mandate())
    assert calm.levels == ()
    assert found.touches[0].probability > calm.touches[0].probability  # 90 % a year is believed, 4 % is paid now


def test_a_vault_whose_live_record_lost_is_not_trusted(fitted: Beliefs):
    problem, drift = weights({WETH: 0.5, WBTC: 0.5})
    proven = replace(fitted, tokens=tuple(replace(t, trusted=True) for t in fitted.tokens))
    model = forecast(problem, drift, proven, mandate()).model
    lost = Record(scene.VAULT, model, DAY, False, "it lost", 500, 0, 0.9, ())
    for changes, trusted in (
        ({}, False),
        ({"vault": WETH}, True),
        ({"model": "another"}, True),
        ({"trusted": True}, True),
    ):
        said = forecast(problem, drift, replace(proven, records=(replace(lost, **changes),)), mandate())
        assert said.trusted is trusted
        assert ("it lost" in said.notes) is not trusted
