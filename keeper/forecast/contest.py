"""Bars of several tokens in, every model's walk-forward variances on one grid out, and what was realised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keeper.forecast.bars import HOUR_S, Array, Bars
from keeper.forecast.ewma import RISKMETRICS_HALF_LIFE_H, ewma_rate, riskmetrics_rate
from keeper.forecast.har import LEAST_ROWS
from keeper.forecast.ladder import LONGEST, target
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
CHAMPION = RANGED


@dataclass(frozen=True, slots=True)
class Contest:
    """Rates of variance an hour over the next `hours`: (bars of the common grid, tokens); nan where there is none."""

    hours: int
    ends: NDArray[np.int64]
    realised: Array
    rates: Mapping[str, Array]

    def losses(self, model: str) -> Array:
        return qlike(self.realised, self.rates[model])


def first_origin(hours: int) -> int:
    """The first bar that log-HAR can speak at."""
    return LONGEST + LEAST_ROWS + hours


def contest(bars: Sequence[Bars], hours: int, start_s: int, seed: int, slow: bool = True) -> Contest:
    """Walks every model through `bars`; the network is first trained at `start_s`. Without `slow`, no GARCH or network.

    log-HAR is refitted weekly on the last year, GARCH weekly (every four weeks under a day), the network every four
    weeks. `mean` is the geometric mean of the network and the log-HAR it corrects; `auto` speaks with whichever model
    did best over the ninety days resolved at the start of each week, the reactive average until one has a record.
    """
    ranged = all(b.ranged for b in bars)
    by_range = ranged and hours == 1
    rates: dict[str, list[Array]] = {
        REACTIVE: [ewma_rate(b, ranged=by_range) for b in bars],
        "ewma 0.94": [ewma_rate(b, RISKMETRICS_HALF_LIFE_H, by_range) for b in bars],
        RISKMETRICS: [riskmetrics_rate(b, hours) for b in bars],
        HAR: [walk_har(b, hours, False, first_origin(hours)).rates for b in bars],
    }
    if by_range:
        rates[RISKMETRICS] = [ewma_rate(b, np.log(0.5) / np.log(0.94), True) for b in bars]
    best = HAR
    if ranged:
        best = RANGED
        rates[RANGED] = [walk_har(b, hours, True, first_origin(hours)).rates for b in bars]
    if slow:
        every = WEEK_H if hours == 24 else RETRAIN_H
        if hours > 1:
            rates[GARCH] = [walk_garch(b, hours, first_origin(hours), every).rates for b in bars]
        learned, _ = walk_network(bars, rates[best], hours, start_s, seed)
        rates[LEARNED] = learned
        rates[MEAN] = [np.sqrt(a * b) for a, b in zip(learned, rates[best], strict=True)]
    ends = np.unique(np.concatenate([b.ends for b in bars]))
    table = {name: align(bars, columns, ends) for name, columns in rates.items()}
    realised = align(bars, [target(b, hours) for b in bars], ends)
    table[AUTO] = _auto(table, realised, hours)
    return Contest(hours, ends, realised, table)


def align(bars: Sequence[Bars], columns: Sequence[Array], ends: NDArray[np.int64]) -> Array:
    """One column a token on the grid `ends`, nan where the token has no bar."""
    out = np.full((len(ends), len(bars)), np.nan)
    for k, (one, column) in enumerate(zip(bars, columns, strict=True)):
        out[np.searchsorted(ends, one.ends), k] = column
    return out


def _auto(rates: Mapping[str, Array], realised: Array, hours: int) -> Array:
    """The rate of the model that led at each bar, by token. GARCH speaks at few bars and does not compete."""
    names = [name for name in rates if name != GARCH]
    out = np.full(realised.shape, np.nan)
    for k in range(realised.shape[1]):
        losses = {name: qlike(realised[:, k], rates[name][:, k]) for name in names}
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
