"""Price series in, an exponentially weighted volatility of each token out."""

import hashlib
import math

from keeper.model import Beliefs, History, Series
from keeper.units import SECONDS_PER_DAY, SECONDS_PER_YEAR, Address, Hash

HALF_LIFE_S = SECONDS_PER_DAY
MIN_RETURNS = 24
"""Fewer returns than this and the mandate's prior speaks instead."""
MIN_SPAN_S = 3_600


def fit(history: History, priors: tuple[tuple[Address, float], ...] = ()) -> Beliefs:
    """Annual volatility from each series: sum of weighted squared log returns over the weighted time they took.

    Irregular spacing is thereby correct for a driftless motion. A series that is short (under 24 returns or an hour)
    yields its prior when there is one, else nothing; `model` says which of both happened.
    """
    prior = dict(priors)
    fitted: dict[Address, float] = {}
    for series in history.series:
        sigma = _ewma(series)
        if sigma is not None:
            fitted[series.token] = sigma
    volatility = prior | fitted
    spans = [s.timestamps[-1] - s.timestamps[0] for s in history.series if s.timestamps]
    return Beliefs(
        model="ewma" if fitted and set(prior) <= set(fitted) else "ewma+prior" if fitted else "prior",
        volatility=tuple(sorted(volatility.items())),
        correlation=(),
        fitted_at=history.snapshot.head.timestamp,
        window_s=max(spans, default=0),
        fingerprint=_fingerprint(history.series),
    )


def _ewma(series: Series) -> float | None:
    times, prices = series.timestamps, series.prices
    if len(prices) <= MIN_RETURNS or times[-1] - times[0] < MIN_SPAN_S:
        return None
    variance = elapsed = 0.0
    for i in range(1, len(prices)):
        weight = 0.5 ** ((times[-1] - times[i]) / HALF_LIFE_S)
        variance += weight * math.log(prices[i] / prices[i - 1]) ** 2
        elapsed += weight * (times[i] - times[i - 1])
    return math.sqrt(variance / elapsed * SECONDS_PER_YEAR)


def _fingerprint(series: tuple[Series, ...]) -> Hash:
    digest = hashlib.sha256()
    for one in series:
        digest.update(repr((one.token, one.timestamps, one.prices)).encode())
    return Hash("0x" + digest.hexdigest())
