"""A rate, a funding or a gas price in, where it will be within the horizon out: levels revert, prices do not."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keeper.forecast.bars import Array
from keeper.forecast.scores import score
from keeper.forecast.walk import frequency
from keeper.model import LEVEL_GRID, Level, LevelBelief, LevelSeries, Outlook, Score
from keeper.units import Address

LEAST_ROWS = 50
GAS = "gas"
NOW, USUAL, FREQUENCY, OWN = "as now", "as usual", "frequency", "reverting"
FALL = 0.1
"""The fall whose chance is scored: gas a tenth cheaper is worth some waiting."""
SEED = 5
_MIDDLE, _LOW, _HIGH = (LEVEL_GRID.index(p) for p in (0.5, 0.05, 0.95))


def supply(token: Address) -> str:
    """Name of what supplying `token` earns, a rate a year."""
    return f"supply {token}"


def borrow(token: Address) -> str:
    """Name of what borrowing `token` costs, a rate a year."""
    return f"borrow {token}"


def fit_level(
    values: Array, steps: int, logarithmic: bool, low: Array | None = None, stays: bool = False
) -> Level | None:
    """Fits the value `steps` ahead, and the least on the way, on the present one.

    `low` holds the least value within each step, `values` themselves without it. None with fewer than LEAST_ROWS pairs
    or non-positive logs. A slope of 1 is "as now", 0 is "as usual": the first two thirds decide in between, and "as
    now" stands unless that did better on the last third, or when it `stays`.
    """
    under = values if low is None else low
    if logarithmic and (under <= 0.0).any():
        return None
    y, lows = (np.log(values), np.log(under)) if logarithmic else (values, under)
    if len(y) - steps < LEAST_ROWS:
        return None
    now = y[:-steps]
    shift, slope, residuals = (0.0, 1.0, y[steps:] - now) if stays else _line(now, y[steps:])
    least = np.lib.stride_tricks.sliding_window_view(lows[1:], steps).min(axis=1)
    low_shift, low_slope, lowest = _line(now, least)
    return Level(logarithmic, shift, slope, _quantiles(residuals), low_shift, low_slope, _quantiles(lowest))


def _line(x: Array, y: Array) -> tuple[float, float, Array]:
    """y = shift + slope·x and what is left over; y = x and the rest unless a line did better on the last third."""
    early = 2 * len(x) // 3
    shift, slope = _least_squares(x[:early], y[:early])
    stays = y - x
    if np.abs(y - shift - slope * x)[early:].mean() < np.abs(stays - np.median(stays[:early]))[early:].mean():
        shift, slope = _least_squares(x, y)
    else:
        shift, slope = 0.0, 1.0
    return shift, slope, y - shift - slope * x


def _least_squares(x: Array, y: Array) -> tuple[float, float]:
    middle, variance = float(np.mean(x)), float(np.var(x))
    slope = 0.0 if variance <= 0.0 else float(np.mean((x - middle) * y)) / variance
    slope = min(max(slope, 0.0), 1.0)
    return float(np.mean(y)) - slope * middle, slope


def _quantiles(values: Array) -> tuple[float, ...]:
    return tuple(map(float, np.quantile(values, LEVEL_GRID)))


def final(level: Level, values: Array) -> Array:
    """Quantiles at LEVEL_GRID of the value one horizon on, one row a value."""
    y = np.log(values) if level.logarithmic else values
    found: Array = (level.shift + level.slope * y)[:, None] + np.asarray(level.residuals)
    return np.exp(found) if level.logarithmic else found


def lowest(level: Level, values: Array) -> Array:
    """Quantiles at LEVEL_GRID of the least value within the horizon, one row a value."""
    y = np.log(values) if level.logarithmic else values
    found: Array = (level.low_shift + level.low_slope * y)[:, None] + np.asarray(level.lowest)
    return np.exp(found) if level.logarithmic else found


def outlook(belief: LevelBelief, now: float) -> Outlook:
    """What `belief` says of a level that is `now`; where it has not beaten "as now", that with the same spread."""
    value = np.array([max(now, 1e-12) if belief.level.logarithmic else now])
    ends, least = final(belief.level, value)[0], lowest(belief.level, value)[0]
    return Outlook(
        belief.name, belief.horizon_s, now, LEVEL_GRID, _floats(ends), _floats(least), belief.trusted,
        belief.falls_trusted, belief.note,
    )  # fmt: skip


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(map(float, values))


@dataclass(frozen=True, slots=True)
class Walked:
    """Walk-forward, a row a step, nan before the first fit: what was told of each level, and what came.

    `told`, `lowest` are rows of quantiles; `chance` is of falling by FALL of itself, `hit` whether it did.
    """

    told: Array
    came: Array
    usual: Array
    chance: Array
    hit: Array


def walk_level(values: Array, steps: int, logarithmic: bool, window: int, low: Array | None = None) -> Walked:
    """Forecasts `steps` ahead at every step after the first `window`, refitted every `steps` on the last `window`."""
    n, under = len(values), values if low is None else low
    told, usual = np.full((n, len(LEVEL_GRID)), np.nan), np.full(n, np.nan)
    chance, hit, came = (np.full(n, np.nan) for _ in range(3))
    if n > steps:
        came[: n - steps] = values[steps:]
        least = np.lib.stride_tricks.sliding_window_view(under[1:], steps).min(axis=1)
        hit[: n - steps] = least <= values[: n - steps] - FALL * np.abs(values[: n - steps])
    for rows, past in _refits(n, steps, window):
        model = fit_level(values[past], steps, logarithmic, under[past])
        if model is None:
            continue
        told[rows] = final(model, values[rows])
        usual[rows] = np.median(values[past])
        barrier = values[rows] - FALL * np.abs(values[rows])
        bottoms = lowest(model, values[rows])
        chance[rows] = [np.interp(b, q, LEVEL_GRID, left=0.0) for b, q in zip(barrier, bottoms, strict=True)]
    return Walked(told, came, usual, chance, hit)


def _refits(n: int, steps: int, window: int) -> Iterator[tuple[slice, slice]]:
    for i in range(window, n, steps):
        yield slice(i, min(i + steps, n)), slice(max(0, i - window), i + 1)


def losses(walked: Walked, values: Array) -> dict[str, Array]:
    """Absolute errors of the median, of "as now" and of "as usual"; nan where nothing was told or is known."""
    known = np.isfinite(walked.told[:, 0]) & np.isfinite(walked.came)
    found = {OWN: walked.told[:, _MIDDLE], NOW: values, USUAL: walked.usual}
    return {name: np.where(known, np.abs(walked.came - one), np.nan) for name, one in found.items()}


def inside(walked: Walked) -> float:
    """Share of what came that lay in the 90 % interval told."""
    known = np.isfinite(walked.told[:, 0]) & np.isfinite(walked.came)
    low, high = walked.told[known, _LOW], walked.told[known, _HIGH]
    return float(np.mean((walked.came[known] >= low) & (walked.came[known] <= high)))


def believe_level(
    series: LevelSeries, steps: int, step_s: int, logarithmic: bool, window: int, seed: int = SEED
) -> LevelBelief | None:
    """The level's model over `steps` of its regular series with its walk-forward scores; None with too short a one.

    Half of it at most is the first window. Without scores, which need three horizons more, it is not trusted.
    """
    values, low = np.asarray(series.values), np.asarray(series.lows)
    recent = slice(max(0, len(values) - window), None)
    model = fit_level(values[recent], steps, logarithmic, low[recent])
    if model is None:
        return None
    walked = walk_level(values, steps, logarithmic, min(window, max(len(values) // 2, LEAST_ROWS + steps)), low)
    errors = losses(walked, values)
    horizon_s, scores = steps * step_s, []
    for base in (NOW, USUAL):
        found = score(OWN, base, "absolute", horizon_s, (errors[OWN], errors[base]), steps, seed)
        scores += [found] if found is not None else []
    start = int(np.argmax(np.isfinite(walked.chance))) if np.isfinite(walked.chance).any() else len(values)
    usual = frequency(walked.hit, steps, start)
    brier = (walked.chance - walked.hit) ** 2, (usual - walked.hit) ** 2
    touched = score("falls", FREQUENCY, "brier", horizon_s, brier, steps, seed)
    scores += [touched] if touched is not None else []
    trusted, note = _verdict(scores, model)
    if not trusted:
        model = fit_level(values[recent], steps, logarithmic, low[recent], stays=True) or model
    return LevelBelief(
        name=series.name,
        horizon_s=horizon_s,
        level=model,
        last=float(values[-1]),
        last_at=series.ends[-1],
        trusted=trusted,
        falls_trusted=touched is not None and touched.skill > 0.0,
        note=note,
        scores=tuple(scores),
    )


def _verdict(scores: list[Score], model: Level) -> tuple[bool, str]:
    against = {s.baseline: s for s in scores}
    if NOW not in against:
        return False, "too short a history to judge a model: as now"
    told = f"(skill {against[NOW].skill:+.3f} over {against[NOW].count} forecasts)"
    if model.slope == 1.0 or against[NOW].skill <= 0.0:
        return False, f"reverting did not beat as now {told}: as now"
    return True, f"reverts to the usual {told}"
