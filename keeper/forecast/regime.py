"""A variance forecast among those before it in, the market's mood out: calm, rising or crisis."""

import numpy as np

from keeper.forecast.bars import Array
from keeper.model import Regime

CRISIS_QUANTILE = 0.95
RISING_RATIO = 1.25
"""Variance expected of the next day against that of the past week."""


def crisis_rate(forecasts: Array) -> float:
    """The rate that only one forecast in twenty of the window exceeded."""
    return float(np.quantile(forecasts[np.isfinite(forecasts)], CRISIS_QUANTILE))


def regime(forecast: float, week: float, crisis: float) -> Regime:
    """crisis: above nearly all before; rising: well above the past week; else calm. Rates of variance an hour."""
    if not np.isfinite(forecast) or not np.isfinite(week):
        return "unknown"
    if forecast > crisis:
        return "crisis"
    return "rising" if forecast > RISING_RATIO * week else "calm"
