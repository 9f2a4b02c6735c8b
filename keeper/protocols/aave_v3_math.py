"""Aave V3's arithmetic in exact integers: rays and percentages, interest over time, and the rates usage leads to.

All roundings are to nearest, halves up, as in WadRayMath, PercentageMath and MathUtils of core-v3 1.19; a ray is scaled
by 10**27, a percentage by 10**4, rates are rays a year of 365 days.
"""

from dataclasses import dataclass

from keeper.units import BPS, RAY, SECONDS_PER_YEAR, WAD

_WAD_TO_RAY = RAY // WAD


def ray_mul_half_up(a: int, b: int) -> int:
    """a * b / 10**27."""
    return (a * b + RAY // 2) // RAY


def ray_div_half_up(a: int, b: int) -> int:
    """a * 10**27 / b; ZeroDivisionError when b is 0, where the chain reverts."""
    return (a * RAY + b // 2) // b


def wad_div_half_up(a: int, b: int) -> int:
    """a * 10**18 / b; ZeroDivisionError when b is 0, where the chain reverts."""
    return (a * WAD + b // 2) // b


def percent_mul_half_up(value: int, percentage: int) -> int:
    """value * percentage / 10**4."""
    return (value * percentage + BPS // 2) // BPS


def percent_div_half_up(value: int, percentage: int) -> int:
    """value * 10**4 / percentage; ZeroDivisionError when the percentage is 0, where the chain reverts."""
    return (value * BPS + percentage // 2) // percentage


def linear_interest(rate: int, seconds: int) -> int:
    """What one ray grows to at a simple `rate`, in rays: 1 + rate * t, rounded down."""
    return RAY + rate * seconds // SECONDS_PER_YEAR


def compounded_interest(rate: int, seconds: int) -> int:
    """What one ray grows to when `rate` compounds by the second, in rays: three terms of the binomial series.

    1 + n*x + n(n-1)/2 * x**2 + n(n-1)(n-2)/6 * x**3 with x = rate / year, n = seconds; below the exact value.
    """
    if seconds == 0:
        return RAY
    square = ray_mul_half_up(rate, rate) // SECONDS_PER_YEAR**2
    cube = ray_mul_half_up(square, rate) // SECONDS_PER_YEAR
    second = seconds * (seconds - 1) * square // 2
    third = seconds * (seconds - 1) * max(0, seconds - 2) * cube // 6
    return RAY + rate * seconds // SECONDS_PER_YEAR + second + third


def flash_growth(premium: int, supplied: int) -> int:
    """What one ray of `supplied` grows to when `premium` is spread over it, in rays.

    ZeroDivisionError when nothing is supplied, where the chain reverts.
    """
    return ray_div_half_up(premium * _WAD_TO_RAY, supplied * _WAD_TO_RAY) + RAY


@dataclass(frozen=True, slots=True)
class RateCurve:
    """DefaultReserveInterestRateStrategy's variable side; all rays. The kink is at `optimal_usage`."""

    optimal_usage: int
    base: int
    slope_1: int
    slope_2: int

    def variable_rate(self, usage: int) -> int:
        """What variable debt pays when `usage` of the liquidity is borrowed."""
        if usage > self.optimal_usage:
            excess = ray_div_half_up(usage - self.optimal_usage, RAY - self.optimal_usage)
            return self.base + self.slope_1 + ray_mul_half_up(self.slope_2, excess)
        return self.base + ray_div_half_up(ray_mul_half_up(self.slope_1, usage), self.optimal_usage)


def rates(
    curve: RateCurve,
    cash: int,
    variable_debt: int,
    stable_debt: int,
    stable_rate: int,
    unbacked: int,
    factor: int,
) -> tuple[int, int]:
    """(liquidity rate, variable borrow rate) of a reserve with these raw amounts; `factor` is the treasury's share."""
    debt = variable_debt + stable_debt
    if debt == 0:
        return 0, curve.variable_rate(0)
    variable_rate = curve.variable_rate(ray_div_half_up(debt, cash + debt))
    paid = ray_mul_half_up(variable_debt * _WAD_TO_RAY, variable_rate)
    paid += ray_mul_half_up(stable_debt * _WAD_TO_RAY, stable_rate)
    overall = ray_div_half_up(paid, debt * _WAD_TO_RAY)
    supply_usage = ray_div_half_up(debt, cash + debt + unbacked)
    return percent_mul_half_up(ray_mul_half_up(overall, supply_usage), BPS - factor), variable_rate
