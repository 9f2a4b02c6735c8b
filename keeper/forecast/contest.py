"""Bars of several tokens in, every model's walk-forward variances on one grid out, and what was realised."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keeper.forecast.bars import HOUR_S, Array, Bars
from keeper.forecast.ewma import RISKMETRICS as RISKMETRICS_DECAY
from keeper.forecast.ewma import RISKMETRICS_HALF_LIFE_H, ewma_rate, riskmetrics_rate
from keeper.forecast.har import LEAST_ROWS, Har
from keeper.forecast.ladder import LONGEST, target
from keeper.forecast.learned import Network
from keeper.forecast.scores import qlike
from keeper.forecast.walk import RETRAIN_H, WEEK_H, compete, walk_garch, walk_har, walk_network

REACTIVE = "ewma"
RISKMETRICS = "riskmetrics"
GARCH = "garch-t"
HAR = "log-har"
RANGED = "log-har-range"
LEARNED = "learned"
MEAN = "mean"
AUTO = "auto"
SLOW = "ewma 0.94"
ALL = (REACTIVE, HAR, GARCH, LEARNED, MEAN)
CHEAP = (REACTIVE, HAR)
OF_RETURNS = (RISKMETRICS, GARCH)
"""Made from returns over the horizon, not from the squares of shorter ones."""
_HOURLY_HALF_LIFE_H = math.log(0.5) / math.log(RISKMETRICS_DECAY)


@dataclass(frozen=True, slots=True)
class Contest:
    """Rates of variance an hour over the next `hours`: (bars of the common grid, tokens); nan where there is none."""

    hours: int
    ends: NDArray[np.int64]
    realised: Array
    rates: Mapping[str, Array]
    fitted: Mapping[str, tuple[Har | Network | None, ...]]
    """The last fit of log-HAR on each token, and of the network, the same for all."""

    def losses(self, model: str) -> Array:
        return qlike(self.realised, self.rates[model])


def first_origin(hours: int) -> int:
    """The first bar that log-HAR can speak at."""
    return LONGEST + LEAST_ROWS + hours


def contest(
    bars: Sequence[Bars], hours: int, start_s: int, seed: int, since_s: int = 0, models: Sequence[str] = ALL
) -> Contest:
    """Walks `models` through `bars`, each from `since_s` or as soon as it can, the network from `start_s`.

    log-HAR is refitted weekly on the last year, GARCH weekly (every four weeks under a day), the network every four
    weeks. `mean` is the geometric mean of the network and the log-HAR it corrects; `auto` speaks with whichever model
    did best over the ninety days resolved at the start of each week, the reactive average until one has a record.
    A horizon of one hour with ranges is judged, and its averages are made, by ranges; GARCH then stays out.
    """
    ranged = all(b.ranged for b in bars)
    by_range = ranged and hours == 1
    begin = [max(first_origin(hours), int(np.searchsorted(b.ends, since_s))) for b in bars]
    per_hour = riskmetrics_rate if not by_range else lambda b, _: ewma_rate(b, _HOURLY_HALF_LIFE_H, True)
    rates: dict[str, list[Array]] = {
        REACTIVE: [ewma_rate(b, ranged=by_range) for b in bars],
        SLOW: [ewma_rate(b, RISKMETRICS_HALF_LIFE_H, by_range) for b in bars],
        RISKMETRICS: [per_hour(b, hours) for b in bars],
    }
    fitted: dict[str, tuple[Har | Network | None, ...]] = {}
    for name in (HAR, RANGED) if ranged else (HAR,):
        walked = [walk_har(b, hours, name == RANGED, at) for b, at in zip(bars, begin, strict=True)]
        rates[name], fitted[name] = [w.rates for w in walked], tuple(w.model for w in walked)
        best = name
    if GARCH in models and hours > 1:
        every = WEEK_H if hours >= 24 else RETRAIN_H
        rates[GARCH] = [walk_garch(b, hours, at, every).rates for b, at in zip(bars, begin, strict=True)]
    if LEARNED in models:
        learned, network = walk_network(bars, rates[best], hours, start_s, seed)
        rates[LEARNED], fitted[LEARNED] = learned, (network,) * len(bars)
        rates[MEAN] = [np.sqrt(a * b) for a, b in zip(learned, rates[best], strict=True)]
    ends = np.unique(np.concatenate([b.ends for b in bars]))
    table = {name: align(bars, columns, ends) for name, columns in rates.items()}
    realised = align(bars, [target(b, hours) for b in bars], ends)
    table[AUTO] = _auto(table, realised, hours)
    return Contest(hours, ends, realised, table, fitted)


def align(bars: Sequence[Bars], columns: Sequence[Array], ends: NDArray[np.int64]) -> Array:
    """One column a token on the grid `ends`, nan where the token has no bar."""
    out = np.full((len(ends), len(bars)), np.nan)
    for k, (one, column) in enumerate(zip(bars, columns, strict=True)):
        out[np.searchsorted(ends, one.ends), k] = column
    return out


def _auto(rates: Mapping[str, Array], realised: Array, hours: int) -> Array:
    """The rate of the model that led at each bar, by token."""
    out = np.full(realised.shape, np.nan)
    for k in range(realised.shape[1]):
        losses = {name: qlike(realised[:, k], rates[name][:, k]) for name in rates}
        chosen, order = compete(losses, REACTIVE, hours, 0)
        column = np.stack([rates[name][:, k] for name in order], axis=1)
        spoken = column[np.arange(len(column)), chosen]
        out[:, k] = np.where(np.isfinite(spoken), spoken, column[:, 0])
    return out


def origins(contest: Contest, start_s: int, models: Sequence[str]) -> NDArray[np.bool_]:
    """(bars, tokens): non-overlapping origins, at multiples of the horizon since 1970, at which all `models` speak."""
    on = (contest.ends >= start_s) & (contest.ends % (contest.hours * HOUR_S) == 0)
    known = np.isfinite(contest.realised)
    for name in models:
        known &= np.isfinite(contest.rates[name])
    found: NDArray[np.bool_] = known & on[:, None]
    return found
