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
def _unit_paths(tokens: int, seed: int, paths: int, steps: int) -> Array:
    """Uncorrelated motions of variance 1 over the horizon, (tokens, steps * paths); the second half of paths mirrors.

    Kept, because every vault of a tick needs the same: at most eight arrays of half a megabyte.
    """
    half = np.random.default_rng(seed).standard_normal((tokens, steps, paths // 2)) / math.sqrt(steps)
    walked = np.cumsum(half, axis=1)
    found = np.concatenate((walked, -walked), axis=2)
    found.flags.writeable = False
    return found.reshape(tokens, -1)


@lru_cache(maxsize=64)
def _mixing(paths: int, spread: float, seed: int) -> Array:
    """Square roots of log-normal variances of mean 1, one a path, the same for both halves; stratified, shuffled."""
    draws = np.random.default_rng(seed + 1)
    half = paths // 2
    uniform = (draws.permutation(half) + 0.5) / half
    root = np.exp(0.5 * (spread * ndtri(uniform) - 0.5 * spread**2))
    found: Array = np.concatenate((root, root))
    found.flags.writeable = False
    return found


def joint_paths(
    deviations: Array, correlation: Array, spread: float, seed: int, paths: int = PATHS, steps: int = STEPS
) -> Array:
    """Driftless log prices over the horizon, (tokens, steps, paths); the second half of the paths mirrors the first.

    `deviations` are of log price over the whole horizon. One log-normal factor of log deviation `spread` multiplies all
    variances of a path: in a storm everything moves. Raises LinAlgError when `correlation` is not positive definite.
    """
    root = np.linalg.cholesky(correlation + _JITTER * np.eye(len(deviations))) * deviations[:, None]
    walked: Array = (root @ _unit_paths(len(deviations), seed, paths, steps)).reshape(len(deviations), steps, paths)
    walked *= _mixing(paths, spread, seed)
    return walked


@lru_cache(maxsize=64)
def grown(deviations: tuple[float, ...], correlation: tuple[tuple[float, ...], ...], spread: float, seed: int) -> Array:
    """e to the `joint_paths`; kept, because beliefs outlive many blocks: a third of a megabyte a vault."""
    found: Array = np.exp(joint_paths(np.array(deviations), np.array(correlation), spread, seed))
    found.flags.writeable = False
    return found


def weight_chances(
    weights: Array, low: Array, high: Array, walked: Array, shift: float = DISCRETE
) -> tuple[tuple[Chance, Chance], ...]:
    """As `share_chances`, on log prices."""
    return share_chances(weights, low, high, np.exp(walked), shift)


def share_chances(
    weights: Array, low: Array, high: Array, grown: Array, shift: float = DISCRETE
) -> tuple[tuple[Chance, Chance], ...]:
    """For each token, P(its weight touches `low`) and P(it touches `high`) as prices have `grown`.

    Weights of a portfolio left alone, w_i e^{x_i} / Σ w_j e^{x_j}, watched continuously. Barriers move in by `shift`
    deviations of a step; 0 watches at the steps alone.
    """
    tokens, _, paths = grown.shape
    flat = grown.reshape(tokens, -1)
    shares = (flat * (weights[:, None] / (weights @ flat))).reshape(grown.shape)
    step = np.sqrt(np.mean((shares[:, 0] - weights[:, None]) ** 2, axis=1)) * shift
    below = (shares.min(axis=1) <= (low + step)[:, None]) | (weights <= low)[:, None]
    above = (shares.max(axis=1) >= (high - step)[:, None]) | (weights >= high)[:, None]
    found = _chances(np.stack((below, above), axis=1).astype(np.float64).reshape(2 * tokens, paths))
    return tuple(zip(found[::2], found[1::2], strict=True))


def _chances(touched: Array) -> list[Chance]:
    """Means of rows of paths and their standard errors, of mirrored pairs."""
    half = touched.shape[1] // 2
    pairs = 0.5 * (touched[:, :half] + touched[:, half:])
    return [
        Chance(p, e)
        for p, e in zip(pairs.mean(axis=1).tolist(), (pairs.std(axis=1) / math.sqrt(half)).tolist(), strict=True)
    ]


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
    relative = walked[0] - walked[1]
    left = distance - (relative if rise else -relative)
    before = np.concatenate((np.full((1, paths), distance), left[:-1]))
    whole = float(deviations @ (correlation * [[1.0, -1.0], [-1.0, 1.0]]) @ deviations)
    variance = np.maximum(whole / steps * _mixing(paths, spread, seed) ** 2, 1e-300)
    crossing = np.exp(-2.0 * np.maximum(before, 0.0) * np.maximum(left, 0.0) / variance)
    return _chances((1.0 - np.prod(1.0 - crossing, axis=0))[None, :])[0]
