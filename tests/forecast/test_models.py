"""Every model on data of its own kind, where the truth is known, and against the library that fits it."""

import numpy as np
import pytest
from arch import arch_model
from sklearn.neural_network import MLPRegressor

from keeper.forecast.bars import HOUR_S, clean, resample
from keeper.forecast.ewma import ewma_rate, riskmetrics_rate
from keeper.forecast.garch import Garch, fit_garch, garch_variance
from keeper.forecast.har import Har, fit_har
from keeper.forecast.ladder import FLOOR, columns, target
from keeper.forecast.learned import Network, correction, fit_network, inputs
from keeper.forecast.numbers import from_fit, to_fit
from keeper.forecast.regime import crisis_rate, regime
from keeper.forecast.scores import qlike
from keeper.forecast.walk import walk_har
from tests.forecast.worlds import gbm, heston, jumps, storms

# --- log-HAR ---------------------------------------------------------------------------------------------------------


def test_har_finds_the_coefficients_that_made_the_data():
    rng = np.random.default_rng(1)
    x = np.column_stack((np.ones(20_000), rng.normal(-9.0, 1.0, (20_000, 2))))
    realised = np.exp(x @ [-1.0, 0.5, 0.3] + 0.6 * rng.standard_normal(20_000))
    har = fit_har(x, realised)
    assert har is not None
    assert har.beta[1:] == pytest.approx((0.5, 0.3), abs=0.02)  # four standard errors
    assert har.beta[0] == pytest.approx(-1.0, abs=0.25)
    assert har.scale == pytest.approx(np.exp(0.18), rel=0.03)
    assert har.spread == pytest.approx(0.6, rel=0.02)


@pytest.mark.parametrize("make", [gbm, heston, jumps])
def test_har_is_unbiased_where_truth_is_known(make):
    world = make(12_000, 1e-4, 11)
    rates = walk_har(world.bars(), 24, True, 3_000).rates
    known = np.isfinite(rates)
    assert rates[known].mean() == pytest.approx(world.truth[known].mean(), rel=0.08)


def test_har_beats_the_averages_where_volatility_moves():
    world = storms(9_000, 3)
    bars = world.bars()
    ahead = np.convolve(world.truth, np.ones(24) / 24, "valid")[1:]  # of the day after each bar
    losses = {}
    for name, rates in (
        ("har", walk_har(bars, 24, True, 2_500).rates),
        ("ewma", ewma_rate(bars)),
        ("riskmetrics", riskmetrics_rate(bars, 24)),
    ):
        losses[name] = qlike(ahead[2_500:], rates[: len(ahead)][2_500:]).mean()
    assert losses["har"] < 0.95 * losses["ewma"] < 0.95 * losses["riskmetrics"]


def test_a_still_price_is_forecast_at_the_floor():
    ends = [HOUR_S * k for k in range(1, 4_001)]
    bars = resample(clean(ends, [1.0] * 4_000, ends[-1]), ends[-1])
    assert walk_har(bars, 24, False, 3_000).rates[-1] == pytest.approx(FLOOR)
    assert ewma_rate(bars)[-1] == FLOOR


def test_too_few_rows_fit_nothing():
    world = storms(2_000, 1).bars()
    assert fit_har(columns(world, True), target(world, 24)) is None


# --- averages --------------------------------------------------------------------------------------------------------


def test_the_average_is_the_weighted_sum_written_out():
    bars = storms(60, 2).bars()
    weights = 0.5 ** (np.arange(60)[::-1] / 24.0)
    assert ewma_rate(bars)[-1] == pytest.approx((weights * bars.square).sum() / weights.sum())


def test_riskmetrics_is_its_recursion():
    bars = storms(24 * 60, 2).bars()
    logs = np.log(bars.close)
    squares = (logs[47::24][:] - logs[23:-24:24]) ** 2
    level = squares[:30].mean()
    for one in squares[30:]:
        level = 0.94 * level + 0.06 * one
    assert riskmetrics_rate(bars, 24)[-1] == pytest.approx(level / 24.0)


# --- GARCH -----------------------------------------------------------------------------------------------------------

TRUE = Garch("garch", 0.0, 0.05, 0.08, 0.0, 0.90, 8.0)


def simulated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns as fractions, and their true variances, of TRUE."""
    rng = np.random.default_rng(seed)
    variance, returns, truth = 2.5, np.empty(n), np.empty(n)
    for i, z in enumerate(rng.standard_t(8.0, n) * np.sqrt(6.0 / 8.0)):
        truth[i], returns[i] = variance, np.sqrt(variance) * z
        variance = TRUE.omega + TRUE.alpha * returns[i] ** 2 + TRUE.beta * variance
    return returns / 100.0, truth / 1e4


def test_garch_finds_the_parameters_that_made_the_data():
    returns, truth = simulated(6_000, 1)
    found = fit_garch(returns)
    assert found is not None
    assert found.alpha == pytest.approx(TRUE.alpha, abs=0.025)
    assert found.beta == pytest.approx(TRUE.beta, abs=0.04)
    assert found.nu == pytest.approx(TRUE.nu, abs=2.0)
    told = garch_variance(found, returns)[:-1]
    assert np.corrcoef(told[500:], truth[1:][500:])[0, 1] > 0.98


@pytest.mark.parametrize(
    ("kind", "vol", "o", "parameters"),
    [
        ("garch", "GARCH", 0, (0.02, 0.05, 0.08, 0.0, 0.90, 8.0)),
        ("gjr", "GARCH", 1, (0.02, 0.05, 0.04, 0.08, 0.90, 8.0)),
        ("egarch", "EGARCH", 1, (0.02, 0.02, 0.15, -0.05, 0.97, 8.0)),
    ],
)
def test_the_recursion_is_the_library_s(kind, vol, o, parameters):
    returns, _ = simulated(800, 2)
    mu, omega, alpha, gamma, beta, nu = parameters
    model = arch_model(returns * 100.0, mean="Constant", vol=vol, p=1, o=o, q=1, dist="t", rescale=False)
    row = [mu, omega, alpha, *([gamma] if o else []), beta, nu]
    theirs = model.fix(row).conditional_volatility ** 2 / 1e4
    ours = garch_variance(Garch(kind, *parameters), returns)
    np.testing.assert_allclose(ours[300:-1], theirs[301:], rtol=1e-5)  # both have forgotten how they began


def test_garch_needs_returns_that_move():
    assert fit_garch(np.zeros(1_000)) is None
    assert fit_garch(simulated(150, 1)[0]) is None


# --- the network -----------------------------------------------------------------------------------------------------


def test_the_network_s_forward_pass_is_the_library_s():
    rng = np.random.default_rng(1)
    z, y = rng.standard_normal((2_000, 5)), rng.standard_normal(2_000) * 0.1
    model = MLPRegressor(hidden_layer_sizes=(7,), random_state=1)
    for _ in range(3):
        model.partial_fit(z, y)
    weights = (tuple(np.ravel(a).tolist()) for a in (model.coefs_[0], model.intercepts_[0], model.coefs_[1]))
    network = Network((0.0,) * 5, (1.0,) * 5, *weights, second_bias=float(model.intercepts_[1][0]), scale=1.0)
    expected = np.clip(model.predict(z), -1.5, 1.5)
    assert (np.abs(expected) < 1.5).mean() > 0.5
    assert np.log(correction(network, z)) == pytest.approx(expected, abs=1e-12)


def test_the_network_learns_what_log_har_cannot_say():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((12_000, 14))
    forecast = np.full(12_000, 1e-4)
    realised = forecast * np.exp(0.8 * np.abs(x[:, 0]) + 0.3 * rng.standard_normal(12_000))
    network = fit_network([(x[:9_000], realised[:9_000], forecast[:9_000])], seed=1)
    assert network is not None
    late = slice(9_000, None)
    corrected = correction(network, x[late]) * forecast[late]
    flat = forecast[late] * (realised[:9_000] / forecast[:9_000]).mean()
    assert qlike(realised[late], corrected).mean() < 0.6 * qlike(realised[late], flat).mean()
    assert (realised[late] / corrected).mean() == pytest.approx(1.0, abs=0.05)


def test_the_network_is_the_same_for_the_same_data_and_seed():
    world = storms(4_000, 5).bars()
    rates = walk_har(world, 24, True, 2_400).rates
    sample = [(inputs(world), target(world, 24), rates)]
    assert fit_network(sample, 1) == fit_network(sample, 1)
    assert fit_network(sample, 1) != fit_network(sample, 2)


def test_too_few_rows_train_nothing():
    few = np.ones((100, 14)), np.ones(100), np.ones(100)
    assert fit_network([few], 1) is None


def test_a_model_survives_as_named_numbers():
    har = Har((1.0, 2.0), 1.1, 0.5)
    assert from_fit(Har, to_fit("log-har", 3_600, har)) == har
    network = Network((0.0,), (1.0,), (0.5,), (0.1,), (0.2,), 0.3, 1.0)
    assert from_fit(Network, to_fit("learned", 3_600, network)) == network


# --- moods -----------------------------------------------------------------------------------------------------------


def test_moods():
    crisis = crisis_rate(np.arange(1.0, 101.0))
    assert crisis == pytest.approx(95.05)
    assert regime(96.0, 50.0, crisis) == "crisis"
    assert regime(70.0, 50.0, crisis) == "rising"
    assert regime(50.0, 50.0, crisis) == "calm"
    assert regime(float("nan"), 50.0, crisis) == "unknown"
