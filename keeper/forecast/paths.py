"""Deviations and correlations in, seeded joint paths out, and from them the chance that weights leave their bands."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from keeper.forecast.bars import Array

PATHS = 1_024
STEPS = 8
DISCRETE = 0.5826
"""-ζ(½)/√(2π): a motion watched at steps of deviation s touches a barrier about as often as one watched always
touches it s·0.5826 further out (Broadie, Glasserman, Kou 1997)."""
_JITTER = 1e-9
"""Two prices that always moved together leave a correlation singular."""


@dataclass(frozen=True, slots=True)
class Chance:
    """A probability from `PATHS` paths and its standard error; antithetic pairs count as one draw."""

    probability: float
    error: float


@lru_cache(maxsize=8)
def _normals(tokens: int, paths: int, steps: int, seed: int) -> Array:
    """Brownian motion over one unit of time: (paths, steps, tokens); the second half mirrors the first.

    Kept, because every vault of a tick needs the same: at most eight arrays of half a megabyte.
    """
    half = np.random.default_rng(seed).standard_normal((paths // 2, steps, tokens)) / math.sqrt(steps)
    walked = np.cumsum(half, axis=1)
    found = np.concatenate((walked, -walked))
    found.flags.writeable = False
    return found


@lru_cache(maxsize=8)
def _mixing(paths: int, spread: float, seed: int) -> Array:
    """Square roots of log-normal variances of mean 1, one a path, the same for both halves; stratified, shuffled."""
    draws = np.random.default_rng(seed + 1)
    half = paths // 2
    uniform = (draws.permutation(half) + 0.5) / half
    root = np.exp(0.5 * (spread * ndtri(uniform) - 0.5 * spread**2))
    return np.concatenate((root, root))


def joint_paths(
    deviations: Array, correlation: Array, spread: float, seed: int, paths: int = PATHS, steps: int = STEPS
) -> Array:
    """Driftless log prices over the horizon, (paths, steps, tokens).

    `deviations` are of log price over the whole horizon. One log-normal factor of log deviation `spread` multiplies all
    variances of a path: in a storm everything moves. Raises LinAlgError when `correlation` is not positive definite.
    """
    root = np.linalg.cholesky(correlation + _JITTER * np.eye(len(deviations))) * deviations[:, None]
    walked = _normals(len(deviations), paths, steps, seed) @ root.T
    return walked * _mixing(paths, spread, seed)[:, None, None]


def weight_chances(
    weights: Array, low: Array, high: Array, walked: Array, shift: float = DISCRETE
) -> tuple[tuple[Chance, Chance], ...]:
    """For each token, P(its weight touches `low`) and P(it touches `high`) on `walked`, watched continuously.

    Weights of a portfolio left alone: w_i e^{x_i} / Σ w_j e^{x_j}. Barriers move in by `shift` deviations of a step; 0
    watches at the steps alone.
    """
    values = weights * np.exp(walked)
    shares = values / values.sum(axis=2, keepdims=True)
    step = np.sqrt(np.mean((shares[:, 0, :] - weights) ** 2, axis=0)) * shift
    below = (shares.min(axis=1) <= low + step) | (weights <= low)
    above = (shares.max(axis=1) >= high - step) | (weights >= high)
    return tuple((_chance(below[:, k]), _chance(above[:, k])) for k in range(len(weights)))


def _chance(hit: Array) -> Chance:
    half = len(hit) // 2
    pairs = 0.5 * (hit[:half].astype(np.float64) + hit[half:])
    return Chance(float(pairs.mean()), float(pairs.std() / math.sqrt(half)))


def ratio_chance(
    distance: float,
    rise: bool,
    deviations: Array,
    correlation: Array,
    spread: float,
    seed: int,
    paths: int = PATHS,
    steps: int = STEPS,
) -> Chance:
    """P(log price of the first token in units of the second covers `distance`, upwards or downwards), continuously.

    On the two tokens' `joint_paths`; between steps a Brownian bridge crosses with exp(-2ab/v), a and b the distances at
    its ends and v its path's variance a step.
    """
    walked = joint_paths(deviations, correlation, spread, seed, paths, steps)
    relative = walked[:, :, 0] - walked[:, :, 1]
    left = distance - (relative if rise else -relative)
    before = np.concatenate((np.full((len(left), 1), distance), left[:, :-1]), axis=1)
    whole = float(deviations @ (correlation * [[1.0, -1.0], [-1.0, 1.0]]) @ deviations)
    variance = np.maximum(whole / steps * _mixing(paths, spread, seed)[:, None] ** 2, 1e-300)
    crossing = np.exp(-2.0 * np.maximum(before, 0.0) * np.maximum(left, 0.0) / variance)
    chance = 1.0 - np.prod(1.0 - crossing, axis=1)
    half = len(chance) // 2
    pairs = 0.5 * (chance[:half] + chance[half:])
    return Chance(float(pairs.mean()), float(pairs.std() / math.sqrt(half)))
