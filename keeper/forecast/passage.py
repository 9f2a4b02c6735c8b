"""Distances and deviations in, closed-form chances that a driftless log price gets there out, on whole arrays."""

import numpy as np
from scipy.special import ndtr

from keeper.forecast.bars import Array

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(11)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
"""Gauss–Hermite: a mean over a standard normal is a sum over eleven nodes."""


def passage(distance: Array, deviation: Array) -> Array:
    """P(a driftless normal motion covers `distance` while its deviation grows to `deviation`): 2Φ(-d/σ√T).

    `costs.first_passage` without drift, for arrays. 1.0 at or behind the barrier.
    """
    chance: Array = 2.0 * ndtr(-np.maximum(distance, 0.0) / deviation)
    return chance


def mixed_passage(distance: Array, deviation: Array, spread: float) -> Array:
    """As `passage` when the variance itself is log-normal with mean deviation² and log deviation `spread`."""
    factors = np.exp(0.5 * (spread * NODES - 0.5 * spread**2))
    total = np.zeros(np.broadcast(distance, deviation).shape)
    for factor, weight in zip(factors, WEIGHTS, strict=True):
        total = total + weight * passage(distance, deviation * factor)
    return total
