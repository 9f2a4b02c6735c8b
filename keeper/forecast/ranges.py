"""Open, high, low and close of a bar in, its variance of log price out."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FOUR_LN_2 = 4.0 * math.log(2.0)


def parkinson(high: Array, low: Array) -> Array:
    """Variance of a bar from its range, ln(high/low)²/(4 ln 2) (Parkinson 1980): unbiased without drift."""
    spread: Array = np.log(high / low)
    return spread**2 / _FOUR_LN_2


def garman_klass(opened: Array, high: Array, low: Array, close: Array) -> Array:
    """½ ln(high/low)² - (2 ln 2 - 1) ln(close/open)² (Garman, Klass 1980): unbiased without drift, less noisy."""
    estimate: Array = 0.5 * np.log(high / low) ** 2 - (2.0 * math.log(2.0) - 1.0) * np.log(close / opened) ** 2
    return estimate


def rogers_satchell(opened: Array, high: Array, low: Array, close: Array) -> Array:
    """ln(h/o) ln(h/c) + ln(l/o) ln(l/c) (Rogers, Satchell 1991): unbiased whatever the drift."""
    up: Array = np.log(high / opened) * np.log(high / close)
    down: Array = np.log(low / opened) * np.log(low / close)
    return up + down
