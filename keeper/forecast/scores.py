"""Forecasts and what came of them in, losses, calibration and skill with its uncertainty out."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from keeper.forecast.bars import Array
from keeper.forecast.ladder import FLOOR
from keeper.model import Score

DRAWS = 1_000
CONFIDENCE = 0.9


def qlike(realised: Array, forecast: Array, floor: float = FLOOR) -> Array:
    """x - ln x - 1 of x = realised / forecast, both floored: 0 when right, robust to a noisy proxy (Patton 2011)."""
    x = np.maximum(realised, floor) / np.maximum(forecast, floor)
    loss: Array = x - np.log(x) - 1.0
    return loss


def brier(probability: Array, hit: Array) -> Array:
    """Squared error of a probability."""
    loss: Array = (probability - hit) ** 2
    return loss


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts of about `forecast` came true with frequency `observed`."""

    forecast: float
    observed: float
    count: int


def reliability(probability: Array, hit: Array, bins: int = 10) -> tuple[Bin, ...]:
    """Forecasts in equal bins of probability, empty ones left out; nan are left out."""
    known = np.isfinite(probability) & np.isfinite(hit)
    p, h = probability[known], hit[known]
    at = np.minimum((p * bins).astype(int), bins - 1)
    found = ((k, at == k) for k in range(bins))
    return tuple(Bin(float(p[m].mean()), float(h[m].mean()), int(m.sum())) for _, m in found if m.any())


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Mean distance of frequency from forecast, weighted by how often each bin spoke."""
    total = sum(b.count for b in bins)
    return sum(b.count * abs(b.forecast - b.observed) for b in bins) / total if total else 0.0


def coverage(value: Array, low: Array, high: Array) -> float:
    """Share of values inside their interval; nan are left out."""
    known = np.isfinite(value) & np.isfinite(low) & np.isfinite(high)
    return float(np.mean((value[known] >= low[known]) & (value[known] <= high[known])))


@dataclass(frozen=True, slots=True)
class Skill:
    """1 - loss / baseline loss, averaged over columns, and its bootstrap interval of CONFIDENCE."""

    value: float
    low: float
    high: float
    columns: tuple[float, ...]
    count: int


def skill(loss: Array, baseline: Array, block: int, seed: int, draws: int = DRAWS) -> Skill:
    """Skill of paired losses, rows in time order, one column an asset; nan where either did not forecast.

    Circular block bootstrap (Politis, Romano 1992): the same blocks of rows for all columns, so that what assets share
    stays shared. `block` must be at least the horizon in rows. Raises ValueError when it is not under the row count.
    """
    loss, baseline = (a.reshape(len(a), -1) for a in (loss, baseline))
    n = len(loss)
    if not 0 < block < n:
        raise ValueError(f"a block of {block} rows does not fit {n} rows: score a longer window")
    known = np.isfinite(loss) & np.isfinite(baseline)
    above, below = np.where(known, loss, 0.0), np.where(known, baseline, 0.0)
    columns = 1.0 - above.sum(axis=0) / below.sum(axis=0)
    blocks = -(-n // block)
    starts = np.random.default_rng(seed).integers(0, n, size=(draws, blocks))
    drawn_above = _block_sums(above, block)[starts].sum(axis=1)
    drawn_below = _block_sums(below, block)[starts].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.nanmean(np.where(drawn_below > 0.0, 1.0 - drawn_above / drawn_below, np.nan), axis=1)
    low, high = np.quantile(drawn[np.isfinite(drawn)], [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return Skill(float(columns.mean()), float(low), float(high), tuple(map(float, columns)), int(known.sum()))


def _block_sums(values: Array, block: int) -> Array:
    """Sum of `block` rows from each row on, past the end going on at the start."""
    wrapped = np.concatenate(
        (np.zeros((1, values.shape[1])), np.cumsum(np.concatenate((values, values[:block])), axis=0))
    )
    sums: Array = wrapped[block : block + len(values)] - wrapped[: len(values)]
    return sums


def score(
    model: str,
    baseline: str,
    measure: Literal["qlike", "brier", "absolute"],
    horizon_s: int,
    losses: tuple[Array, Array],
    block: int,
    seed: int,
) -> Score | None:
    """`model` against `baseline` from their paired losses; None when fewer than two blocks are resolved."""
    loss, base = losses
    known = np.isfinite(loss) & np.isfinite(base)
    if int(known.sum()) < 2 * block or float(base[known].sum()) <= 0.0:
        return None
    found = skill(loss[known], base[known], block, seed)
    means = float(loss[known].mean()), float(base[known].mean())
    return Score(model, baseline, measure, horizon_s, *means, found.value, found.low, found.high, found.count)
