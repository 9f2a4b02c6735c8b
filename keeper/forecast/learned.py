"""Bars and log-HAR's forecast in, a small network's correction of it out; trained by scikit-learn on all tokens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from keeper.forecast.bars import HOUR_S, Array, Bars
from keeper.forecast.ladder import FLOOR, LONGEST, RANGES, rate, reach_rate

UNITS = 12
EPOCHS = 25
EVERY = 3
"""Trains on every third hour: neighbours overlap almost wholly."""
LEAST_ROWS = 1_440
_BOUND = 1.5
"""The correction stays within e^±1.5: a network knows nothing far from its data."""


@dataclass(frozen=True, slots=True)
class Network:
    """log(realised / log-HAR) = relu(((x - mean)/deviation)·first + first_bias)·second + second_bias, as flat rows.

    `scale` makes the corrected forecast a mean, as in log-HAR.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    first: tuple[float, ...]
    first_bias: tuple[float, ...]
    second: tuple[float, ...]
    second_bias: float
    scale: float


def network_name(ranged: bool) -> str:
    """Of the network trained on tokens whose ranges are known, or on the others."""
    return "learned-range" if ranged else "learned"


def inputs(bars: Bars) -> Array:
    """What the network sees of each bar: rates against longer ones, signed moves, hour of day and of week."""
    measure = reach_rate if bars.ranged else rate
    rates: list[Array] = [measure(bars, hours) for hours in RANGES]
    for k in range(len(rates) - 2, -1, -1):
        rates[k] = np.where(np.isfinite(rates[k]), rates[k], rates[k + 1])
    one, six, day, week, month = (np.log(np.maximum(r, FLOOR)) for r in rates)
    logs = np.log(bars.close)
    per_hour = np.exp(week / 2.0)
    daily = np.log(np.maximum(np.where(np.isfinite(rate(bars, 24)), rate(bars, 24), 0.0), FLOOR))
    rows = [one - week, six - week, day - week, week - month, month, daily - day]
    for hours in (6, 24, 168):
        move = np.full(len(bars), np.nan)
        move[hours:] = (logs[hours:] - logs[:-hours]) / (per_hour[hours:] * math.sqrt(hours))
        rows.append(np.clip(move, -10.0, 10.0))
    hour = bars.ends // HOUR_S
    for period in (24, 168):
        angle = 2.0 * math.pi * (hour % period) / period
        rows += [np.sin(angle), np.cos(angle)]
    found = np.stack(rows, axis=1)
    found[: LONGEST - 1] = np.nan
    return found


def fit_network(samples: Sequence[tuple[Array, Array, Array]], seed: int) -> Network | None:
    """Trains on (inputs, realised, log-HAR forecast) of each token; None when too few rows are known.

    Deterministic in its arguments.
    """
    from sklearn.neural_network import MLPRegressor  # takes a second to load: only a fit pays for it

    rows, targets = [], []
    for x, realised, forecast in samples:
        known = np.isfinite(x).all(axis=1) & np.isfinite(realised) & np.isfinite(forecast)
        known[np.arange(len(known)) % EVERY != 0] = False
        rows.append(x[known])
        targets.append(np.log(np.maximum(realised[known], FLOOR) / forecast[known]))
    x, y = np.concatenate(rows), np.concatenate(targets)
    if len(x) * EVERY < LEAST_ROWS:
        return None
    mean, deviation = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    z = (x - mean) / deviation
    model = MLPRegressor(
        hidden_layer_sizes=(UNITS,), alpha=1.0, batch_size=256, learning_rate_init=2e-3, random_state=seed
    )
    for _ in range(EPOCHS):
        model.partial_fit(z, y)
    first, second = model.coefs_
    network = Network(
        mean=_flat(mean),
        deviation=_flat(deviation),
        first=_flat(first),
        first_bias=_flat(model.intercepts_[0]),
        second=_flat(second),
        second_bias=float(model.intercepts_[1][0]),
        scale=1.0,
    )
    ratio = np.exp(y - np.log(correction(network, x)))
    return replace(network, scale=float(np.mean(ratio)))


def correction(network: Network, x: Array) -> Array:
    """Factor on log-HAR's forecast for each row of `x`; nan where an input is."""
    z = (x - np.asarray(network.mean)) / np.asarray(network.deviation)
    first = np.asarray(network.first).reshape(x.shape[1], -1)
    hidden = np.maximum(z @ first + np.asarray(network.first_bias), 0.0)
    logs = hidden @ np.asarray(network.second) + network.second_bias
    factor: Array = np.exp(np.clip(logs, -_BOUND, _BOUND)) * network.scale
    return factor


def _flat(values: Array) -> tuple[float, ...]:
    return tuple(map(float, np.ravel(values)))
