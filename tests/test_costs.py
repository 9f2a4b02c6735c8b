"""Costs against the closed forms of their papers, and against simulation where there is none."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.costs import (
    best_half_width,
    borrow_for_health,
    fee_rate,
    first_passage,
    gas_cost,
    implied_volatility,
    leave_band,
    liquidation_loss,
    liquidations,
    no_trade,
    range_efficiency,
    range_rate,
    range_tracking,
    range_value,
    sell_for_health,
)

risks = st.floats(0.02, 5.0)
targets = st.floats(0.05, 0.95)
costs = st.floats(1e-5, 1e-2)


@given(risk_aversion=st.floats(0.5, 10.0), sigma=st.floats(0.1, 2.0), target=targets, cost=costs)
def test_proportional_cost_alone_gives_the_cube_root_band(
    risk_aversion: float, sigma: float, target: float, cost: float
) -> None:
    region = no_trade(risk_aversion * sigma**2, target * (1 - target) * sigma, cost, 0.0)
    band = (3 * cost / (2 * risk_aversion) * (target * (1 - target)) ** 2) ** (1 / 3)
    assert region.outer == pytest.approx(band, rel=1e-4)
    assert region.inner == pytest.approx(band, rel=1e-4)
    assert region.loss_rate == pytest.approx(risk_aversion * sigma**2 * band**2 / 2, rel=1e-4)


@given(risk_aversion=st.floats(0.5, 10.0), sigma=st.floats(0.1, 2.0), target=targets, cost=costs)
def test_fixed_cost_alone_gives_the_fourth_root_band_and_trades_to_target(
    risk_aversion: float, sigma: float, target: float, cost: float
) -> None:
    region = no_trade(risk_aversion * sigma**2, target * (1 - target) * sigma, 0.0, cost)
    band = (12 * cost / risk_aversion * (target * (1 - target)) ** 2) ** (1 / 4)
    assert region.outer == pytest.approx(band, rel=1e-9)
    assert region.inner == pytest.approx(0.0, abs=1e-9)
    assert region.loss_rate == pytest.approx(risk_aversion * sigma**2 * band**2 / 6, rel=1e-9)


@given(risk=risks, speed=st.floats(0.02, 0.5), proportional=costs, fixed=st.floats(1e-7, 1e-3))
def test_both_costs_minimise_the_loss_rate_over_all_bands(
    risk: float, speed: float, proportional: float, fixed: float
) -> None:
    region = no_trade(risk, speed, proportional, fixed)

    def loss(outer: float, inner: float) -> float:
        trading = speed**2 * (fixed + proportional * (outer - inner)) / (outer**2 - inner**2)
        return risk * (outer**2 + inner**2) / 12 + trading

    best = loss(region.outer, region.inner)
    assert best == pytest.approx(region.loss_rate, rel=1e-6)
    for up, down in ((1.02, 1.0), (0.98, 1.0), (1.0, 1.02), (1.0, 0.98)):
        outer, inner = region.outer * up, region.inner * down
        if outer > inner:
            assert loss(outer, inner) >= best * (1 - 1e-9)


def test_the_relative_value_joins_its_two_branches_smoothly() -> None:
    region = no_trade(1.28, 0.19, 0.003, 1e-4)
    step = 1e-7
    for edge in (region.inner, region.outer):
        slope = (region.relative_value(edge + step) - region.relative_value(edge - step)) / (2 * step)
        assert slope == pytest.approx(0.003, rel=1e-3)
    gap = region.relative_value(region.outer) - region.relative_value(region.inner)
    assert gap == pytest.approx(1e-4 + 0.003 * (region.outer - region.inner), rel=1e-9)


@given(x=st.floats(0.0, 0.5))
def test_waiting_costs_more_than_trading_exactly_outside_a_proportional_band(x: float) -> None:
    region = no_trade(1.28, 0.19, 0.003, 0.0)
    dearer = region.waiting(x, 1.0) > region.relative_value(x)
    if abs(x - region.outer) > 1e-4:
        assert dearer == (x > region.outer)


def test_without_risk_nothing_is_worth_a_trade() -> None:
    region = no_trade(0.0, 0.2, 0.001, 0.0)
    assert math.isinf(region.outer)
    assert region.relative_value(0.4) == 0.0


def test_first_passage_matches_simulation_with_the_barrier_shifted_for_discrete_steps() -> None:
    distance, sigma, drift, horizon, steps, paths = 0.1, 0.8, -0.32, 10 / 365, 240, 6_000
    generator = random.Random(7)
    step = horizon / steps
    scale = sigma * math.sqrt(step)
    hits = 0
    for _ in range(paths):
        x = 0.0
        for _ in range(steps):
            x += drift * step + scale * generator.gauss(0.0, 1.0)
            if x <= -distance:
                hits += 1
                break
    found = hits / paths
    expected = first_passage(distance + 0.5826 * scale, sigma, drift, horizon)  # Broadie, Glasserman, Kou 1997
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / paths))


@given(d=st.floats(1e-3, 1.0), sigma=st.floats(0.05, 3.0), drift=st.floats(-2.0, 2.0), horizon=st.floats(1e-4, 2.0))
def test_first_passage_is_a_probability_and_grows_with_the_horizon(
    d: float, sigma: float, drift: float, horizon: float
) -> None:
    now, later = first_passage(d, sigma, drift, horizon), first_passage(d, sigma, drift, 2 * horizon)
    assert 0.0 <= now <= later + 1e-12 <= 1.0 + 2e-12


def test_first_passage_at_its_limits() -> None:
    assert first_passage(0.0, 0.5, 0.0, 1.0) == 1.0
    assert first_passage(0.1, 0.5, 0.0, 0.0) == 0.0
    assert first_passage(0.1, 0.0, -0.2, 1.0) == 1.0
    assert first_passage(0.1, 0.0, -0.05, 1.0) == 0.0


def test_leaving_a_band_is_at_least_as_likely_as_either_side() -> None:
    assert leave_band(0.03, 0.05, 0.2, 0.05) >= first_passage(0.03, 0.2, 0.0, 0.05)
    assert leave_band(0.0, 0.05, 0.2, 0.05) == 1.0


@given(
    collateral=st.floats(1e3, 1e9),
    health=st.floats(1.01, 3.0),
    threshold=st.floats(0.5, 0.9),
    target=st.floats(1.1, 3.0),
    cost=st.floats(0.0, 0.02),
)
def test_selling_or_borrowing_lands_on_the_target(
    collateral: float, health: float, threshold: float, target: float, cost: float
) -> None:
    debt = threshold * collateral / health
    if health < target:
        sold = sell_for_health(collateral, debt, threshold, target, cost)
        left = debt - sold * (1 - cost)
        if left > 1e-9 * debt:
            assert threshold * (collateral - sold) / left == pytest.approx(target, rel=1e-6)
    else:
        borrowed = borrow_for_health(collateral, debt, threshold, target, cost)
        after = threshold * (collateral + borrowed * (1 - cost)) / (debt + borrowed)
        assert after == pytest.approx(target, rel=1e-9)


def test_selling_at_a_ruinous_cost_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot raise"):
        sell_for_health(100.0, 80.0, 0.85, 1.5, 0.5)


def test_gas_and_liquidation_in_their_units() -> None:
    eth, usdc = 3_000 * 10**18, 10**30  # price x 10**36 a raw unit: wei and millionths
    assert gas_cost(200_000, 10**9, eth, usdc) == pytest.approx(0.6 * 10**6)
    assert liquidation_loss(0.1, 1_000.0, 0.05) == pytest.approx(2.5)


def test_liquidations_match_a_simulation_that_liquidates_by_the_book() -> None:
    health, debt, threshold, bonus, sigma, carry, horizon = 1.08, 1_000.0, 0.83, 0.05, 0.9, -0.05, 20 / 365
    generator, paths, steps, lost = random.Random(11), 3_000, 480, 0.0
    step = horizon / steps
    for _ in range(paths):
        collateral, owed = health * debt / threshold, debt
        for _ in range(steps):
            moved = (carry - sigma**2 / 2) * step + sigma * math.sqrt(step) * generator.gauss(0.0, 1.0)
            collateral *= math.exp(moved)
            while threshold * collateral < owed and owed > 1.0:
                lost += owed / 2 * bonus
                collateral, owed = collateral - owed / 2 * (1 + bonus), owed / 2
    # watched at steps: barriers lie 0.5826 deviations of a step further out (Broadie, Glasserman, Kou 1997)
    shifted = health * math.exp(0.5826 * sigma * math.sqrt(step))
    expected = liquidations(shifted, debt, threshold, bonus, sigma, carry, horizon)
    assert lost / paths == pytest.approx(expected, rel=0.08)
    assert expected > liquidation_loss(
        first_passage(math.log(shifted), sigma, carry - sigma**2 / 2, horizon), debt, bonus
    )


def test_without_debt_nothing_is_liquidated_and_where_a_liquidation_lifts_nothing_all_is() -> None:
    assert liquidations(math.inf, 0.0, 0.83, 0.05, 0.8, 0.0, 1.0) == 0.0
    chance = first_passage(math.log(1.1), 0.8, -0.32, 0.1)
    assert liquidations(1.1, 100.0, 0.95, 0.08, 0.8, 0.0, 0.1) == pytest.approx(chance * 8.0)


@given(sigma=st.floats(0.2, 2.0), distance=st.floats(0.02, 0.3), carry=st.floats(-0.2, 0.2))
def test_implied_volatility_gives_the_chance_back(sigma: float, distance: float, carry: float) -> None:
    chance = first_passage(distance, sigma, carry - sigma**2 / 2, 30 / 365)
    found = implied_volatility(chance, distance, carry, 30 / 365, 0.8)
    if 1e-9 < chance < 0.95:
        assert first_passage(distance, found, carry - found**2 / 2, 30 / 365) == pytest.approx(chance, rel=1e-6)
    assert implied_volatility(1.0, distance, carry, 0.1, 0.8) == 0.8


def test_a_range_of_the_whole_axis_is_a_constant_product_pool() -> None:
    assert range_efficiency(60.0, 60.0) == pytest.approx(1.0)
    assert range_efficiency(0.1, 0.1) == pytest.approx(1.0 / (1.0 - math.exp(-0.05)))
    assert range_rate(60.0, 0.2, 0.64, 0.0) == pytest.approx(0.2 - 0.64 / 8.0)


@pytest.mark.parametrize("half", [0.05, 0.12])
def test_a_simulated_range_that_is_laid_anew_when_it_is_left_earns_its_rate(half: float) -> None:
    fees, sigma, reset, step = 0.30, 0.8, 0.002, 1.0 / (365 * 24 * 6)
    generator, steps, earned = random.Random(5), 400_000, 0.0
    x, scale = 0.0, sigma * math.sqrt(step)
    root = math.exp(-half / 2.0)
    for _ in range(steps):  # hedged, so that only fees, arbitrage and resets are left: each is of the value now
        value = 2.0 - root * (math.exp(x / 2.0) + math.exp(-x / 2.0))  # of unit liquidity, in units of the root price
        earned += 2.0 * (fees - sigma**2 / 8.0) * step / value
        x += scale * generator.gauss(0.0, 1.0)
        if abs(x) >= half:
            earned -= reset
            x = 0.0
    shifted = half + 0.5826 * scale  # watched at steps
    exits = steps * step * sigma**2 / shifted**2
    assert earned + reset * (exits - 1.0) > 0.0
    expected = range_rate(half, fees, sigma**2, reset)
    assert earned / (steps * step) == pytest.approx(expected, rel=0.15)


@given(variance=st.floats(0.05, 2.0), premium=st.floats(0.05, 3.0), reset=st.floats(1e-5, 1e-2))
def test_the_best_width_is_no_worse_than_any_other_and_the_closed_form_where_it_is_narrow(
    variance: float, premium: float, reset: float
) -> None:
    fees = variance / 8.0 * (1.0 + premium)
    best = best_half_width(fees, variance, reset, 0.002, 2.0)
    top = range_rate(best, fees, variance, reset)
    for factor in (0.5, 0.9, 1.1, 2.0):
        other = min(2.0, max(0.002, best * factor))
        assert range_rate(other, fees, variance, reset) <= top + 1e-6 * abs(top)
    closed = reset * variance / (fees - variance / 8.0)
    if 0.004 < closed < 0.02:
        assert best == pytest.approx(closed, rel=0.05)
    assert range_value(top + reset * variance / best**2, top, best, best, variance, reset) == pytest.approx(
        0.0, abs=1e-9
    )


def test_fees_that_do_not_pay_for_arbitrage_ask_for_the_widest_range() -> None:
    assert best_half_width(0.07, 0.64, 0.001, 0.01, 0.5) == 0.5


def test_the_fee_rate_leaves_its_prior_for_what_was_earned() -> None:
    prior = fee_rate(0.0, 10.0, 0.0, 0.64)
    assert prior == pytest.approx(0.1)
    found = [fee_rate(10.0 * 0.3 * span, 10.0, span, 0.64) for span in (1 / 365, 30 / 365, 10.0)]
    assert prior < found[0] < found[1] < found[2] < 0.3
    assert found[2] == pytest.approx(0.3, rel=1e-3)
    assert fee_rate(0.0, 10.0, 1.0, 0.64) < 0.01


@pytest.mark.parametrize("place", [0.0, 0.6])
def test_tracking_in_a_range_is_that_of_a_walk_until_it_leaves(place: float) -> None:
    generator, aversion, half, sigma = random.Random(3), 2.0, 0.1, 0.8
    step = (half / sigma / 40.0) ** 2
    scale, paths, found = sigma * math.sqrt(step), 800, 0.0
    for _ in range(paths):
        x = place * half
        while abs(x) < half:
            found += aversion * sigma**2 / 8.0 * ((x / half) ** 2 - 1.0 / 6.0) * step
            x += scale * generator.gauss(0.0, 1.0)
    assert found / paths == pytest.approx(range_tracking(aversion, half, place), abs=5e-5)
    assert range_tracking(aversion, half, 0.6) > 4e-5
