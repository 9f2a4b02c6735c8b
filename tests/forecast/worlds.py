"""Simulated prices whose truth is known: GBM, Heston and jumps, as bars with exact highs and lows."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keeper.forecast.bars import HOUR_S, Bars, from_ohlc

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class World:
    """Columns are bars: prices, and the quadratic variation that each truly had."""

    opened: Array
    high: Array
    low: Array
    close: Array
    truth: Array

    def bars(self, start: int = 0) -> Bars:
        ends = start + HOUR_S * np.arange(1, len(self.close) + 1)
        return from_ohlc(ends, self.opened, self.high, self.low, self.close)


def _world(variances: Array, drift: float, jumps: Array, rng: np.random.Generator) -> World:
    """`variances` (bars, steps) of each step; extremes inside a step are drawn from its Brownian bridge."""
    steps = drift + np.sqrt(variances) * rng.standard_normal(variances.shape)
    path = np.cumsum(steps, axis=1) + jumps[:, None] * (np.arange(variances.shape[1]) >= variances.shape[1] // 2)
    bars = len(path)
    before = np.concatenate((np.zeros((bars, 1)), path[:, :-1]), axis=1)
    moved = steps
    left, right = before, before + moved  # the jump comes between steps
    reach = np.sqrt(moved**2 - 2.0 * variances * np.log(rng.random(variances.shape)))
    fall = np.sqrt(moved**2 - 2.0 * variances * np.log(rng.random(variances.shape)))
    high = np.maximum(((left + right + reach) / 2.0).max(axis=1), np.maximum(path.max(axis=1), 0.0))
    low = np.minimum(((left + right - fall) / 2.0).min(axis=1), np.minimum(path.min(axis=1), 0.0))
    ends = np.cumsum(path[:, -1])
    base = np.concatenate(([0.0], ends[:-1]))
    prices = [100.0 * np.exp(base + x) for x in (np.zeros(bars), high, low, path[:, -1])]
    opened, top, bottom, close = prices
    top, bottom = np.maximum(top, np.maximum(opened, close)), np.minimum(bottom, np.minimum(opened, close))
    return World(opened, top, bottom, close, variances.sum(axis=1) + jumps**2)


def gbm(bars: int, variance: float, seed: int, drift: float = 0.0, steps: int = 48) -> World:
    """`variance` and `drift` of log price a bar."""
    rng = np.random.default_rng(seed)
    return _world(np.full((bars, steps), variance / steps), drift / steps, np.zeros(bars), rng)


def heston(bars: int, mean: float, seed: int, reversion: float = 0.02, noise: float = 0.15, steps: int = 24) -> World:
    """Square-root variance reverting to `mean` a bar, by full truncation."""
    rng = np.random.default_rng(seed)
    dt = 1.0 / steps
    shocks = rng.standard_normal(bars * steps) * math.sqrt(dt) * noise * math.sqrt(mean)
    level, out = mean, np.empty(bars * steps)
    for i, shock in enumerate(shocks.tolist()):
        out[i] = max(level, 0.0)
        level += reversion * (mean - out[i]) * dt + math.sqrt(out[i]) * shock
    return _world(np.maximum(out, 1e-12).reshape(bars, steps) * dt, 0.0, np.zeros(bars), rng)


def jumps(bars: int, variance: float, seed: int, chance: float = 0.05, size: float = 4.0, steps: int = 24) -> World:
    """GBM with a jump of `size` deviations, either way, in a share `chance` of the bars."""
    rng = np.random.default_rng(seed)
    jumped = (rng.random(bars) < chance) * rng.choice([-1.0, 1.0], bars) * size * math.sqrt(variance)
    return _world(np.full((bars, steps), variance / steps), 0.0, jumped, rng)


def storms(bars: int, seed: int, mean: float = 4e-5, persistence: float = 0.99, noise: float = 0.12) -> World:
    """Log variance as a slow AR(1): what log-HAR is made for."""
    rng = np.random.default_rng(seed)
    level, logs = 0.0, np.empty(bars)
    for i, shock in enumerate(rng.standard_normal(bars).tolist()):
        level = persistence * level + noise * shock
        logs[i] = level
    spread = noise**2 / (1.0 - persistence**2)
    variances = mean * np.exp(logs - spread / 2.0)
    return _world(np.repeat(variances[:, None] / 12, 12, axis=1), 0.0, np.zeros(bars), rng)
