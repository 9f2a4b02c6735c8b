"""Bars in, what each model would have forecast at every bar from that bar and those before it alone out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from keeper.forecast.bars import HOUR_S, Array, Bars
from keeper.forecast.garch import Garch, Kind, fit_garch, garch_variance
from keeper.forecast.har import Har, fit_har, har_rate
from keeper.forecast.ladder import FLOOR, columns, target
from keeper.forecast.learned import Network, correction, fit_network, inputs
from keeper.forecast.shape import fit_shape, touch
from keeper.model import Shape

T = TypeVar("T")

WEEK_H = 168
WINDOW_H = 8_760
"""A model learns from the last year."""
RETRAIN_H = 672
"""The network is trained anew every four weeks."""


@dataclass(frozen=True, slots=True)
class Walked(Generic[T]):
    """Forecast rates a bar, nan where there was none, and the model that made the last of them."""

    rates: Array
    model: T | None


def walk(
    rows: int, start: int, every: int, fit: Callable[[int], T | None], use: Callable[[T, slice], Array]
) -> Walked[T]:
    """Fits at bar `start` and every `every` bars from there, and uses each fit until the next.

    `fit(i)` must look at nothing after bar i. A fit that fails leaves the one before in place.
    """
    out = np.full(rows, np.nan)
    model: T | None = None
    for i in range(start, rows, every):
        model = fit(i) or model
        if model is not None:
            span = slice(i, min(i + every, rows))
            out[span] = use(model, span)
    return Walked(out, model)


def known_at(i: int, hours: int, window: int = WINDOW_H) -> slice:
    """Origins within the window whose outcome is known at bar i."""
    return slice(max(0, i - window), max(0, i - hours + 1))


def walk_har(bars: Bars, hours: int, ranged: bool, start: int, every: int = WEEK_H) -> Walked[Har]:
    """log-HAR, on ranges or on squared returns."""
    x, realised = columns(bars, ranged), target(bars, hours)

    def fit(i: int) -> Har | None:
        rows = known_at(i, hours)
        return fit_har(x[rows], realised[rows])

    return walk(len(bars), start, every, fit, lambda har, span: har_rate(har, x[span]))


def walk_garch(bars: Bars, hours: int, start: int, every: int = WEEK_H, kind: Kind = "garch") -> Walked[Garch]:
    """GARCH-t on returns over `hours` that end at multiples of `hours` since 1970; between them the last one stands."""
    at = np.flatnonzero(bars.ends % (hours * HOUR_S) == 0)
    logs = np.log(bars.close[at])
    returns = np.diff(logs)
    first = int(np.searchsorted(at[1:], start))
    step = max(every // hours, 1)
    window = WINDOW_H * 2 // hours

    def fit(k: int) -> Garch | None:
        return fit_garch(returns[max(0, k + 1 - window) : k + 1], kind)

    def use(model: Garch, span: slice) -> Array:
        return garch_variance(model, returns[: span.stop])[span]

    found = walk(len(returns), first, step, fit, use)
    last = np.searchsorted(at[1:], np.arange(len(bars)), side="right") - 1
    rates = np.where(last >= 0, np.maximum(found.rates / hours, FLOOR)[np.maximum(last, 0)], np.nan)
    return Walked(rates, found.model)


def walk_network(
    bars: Sequence[Bars], forecasts: Sequence[Array], hours: int, start_s: int, seed: int, every: int = RETRAIN_H
) -> tuple[list[Array], Network | None]:
    """The learned correction of `forecasts` (log-HAR's, one array a token), trained on all tokens together.

    Trained at `start_s` and every `every` hours from there; rates are nan before.
    """
    seen = [(inputs(b), target(b, hours)) for b in bars]
    out = [np.full(len(b), np.nan) for b in bars]
    network: Network | None = None
    last = max(int(b.ends[-1]) for b in bars)
    for moment in range(start_s, last + 1, every * HOUR_S):
        samples = []
        for b, (x, realised), forecast in zip(bars, seen, forecasts, strict=True):
            count = int(np.searchsorted(b.ends, moment - hours * HOUR_S, side="right"))
            samples.append((x[:count], realised[:count], forecast[:count]))
        network = fit_network(samples, seed) or network
        if network is None:
            continue
        for k, b in enumerate(bars):
            span = (b.ends >= moment) & (b.ends < moment + every * HOUR_S)
            out[k][span] = np.maximum(correction(network, seen[k][0][span]) * forecasts[k][span], FLOOR)
    return out, network


def walk_shapes(
    moves: tuple[Array, Array, Array], deviation: Array, hours: int, start: int, every: int = WEEK_H
) -> list[tuple[slice, Shape]]:
    """Shapes of final, highest and lowest moves over their forecast `deviation`, each with the bars it serves."""
    final, rise, fall = (move / deviation for move in moves)
    found: list[tuple[slice, Shape]] = []
    shape: Shape | None = None
    for i in range(start, len(deviation), every):
        rows = known_at(i, hours)
        shape = fit_shape(final[rows], rise[rows], fall[rows], hours * HOUR_S) or shape
        if shape is not None:
            found.append((slice(i, min(i + every, len(deviation))), shape))
    return found


def walk_touch(shapes: Sequence[tuple[slice, Shape]], rise: bool, barrier: Array) -> Array:
    """Chance of a touch at each bar; `barrier` in units of the forecast deviation."""
    out = np.full(len(barrier), np.nan)
    for span, shape in shapes:
        out[span] = touch(shape, rise, barrier[span])
    return np.where(np.isfinite(barrier), out, np.nan)


def frequency(hit: Array, hours: int, start: int, every: int = 1) -> Array:
    """The unconditional frequency as it was known at each bar: the mean of all outcomes resolved by then."""
    known = np.isfinite(hit)
    sums, counts = np.cumsum(np.where(known, hit, 0.0)), np.cumsum(known)
    out = np.full(len(hit), np.nan)
    at = np.arange(start, len(hit))
    resolved = np.maximum(at - (at - start) % every - hours, 0)
    with np.errstate(invalid="ignore"):
        out[start:] = sums[resolved] / np.where(counts[resolved] > 0, counts[resolved], np.nan)
    return out


def compete(
    losses: Mapping[str, Array], baseline: str, hours: int, start: int, every: int = WEEK_H, window: int = 2_160
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Which model speaks at each bar: the least mean loss over the last `window` bars resolved by the start of its
    `every` bars, on those of them where it and the others spoke; who was silent there does not compete, and ties go to
    `baseline`. Returns indices into the returned names.
    """
    names = (baseline, *(name for name in losses if name != baseline))
    table = np.stack([losses[name] for name in names], axis=1)
    chosen = np.zeros(len(table), dtype=np.intp)
    for i in range(start, len(table), every):
        rows = table[max(0, i - hours + 1 - window) : max(0, i - hours + 1)]
        spoke = np.isfinite(rows).mean(axis=0) > 0.5 if len(rows) else np.zeros(len(names), dtype=bool)
        rows = rows[np.isfinite(rows[:, spoke]).all(axis=1)]
        if spoke[0] and len(rows):
            means = np.where(spoke, np.sum(np.where(spoke, rows, 0.0), axis=0), np.inf)
            chosen[i : i + every] = int(np.argmin(means))
    return chosen, names
