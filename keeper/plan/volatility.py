"""A forecast in, how prices move together out, a year."""

import numpy as np
from numpy.typing import NDArray

from keeper.costs import years
from keeper.model import Forecast
from keeper.units import Address


def covariance(forecast: Forecast, tokens: tuple[Address, ...]) -> NDArray[np.float64]:
    """Of log prices in the quote currency, in the order of `tokens`; where nothing is believed they move apart."""
    place = {token: at for at, (token, _) in enumerate(forecast.sigma)}
    rows = [place[token] for token in tokens]
    deviations = np.array([sigma for _, sigma in forecast.sigma])
    together = np.array(forecast.correlation) if forecast.correlation else np.eye(len(deviations))
    whole = together * np.outer(deviations, deviations) / years(forecast.horizon_s)
    return np.asarray(whole[np.ix_(rows, rows)], np.float64)


def relative_variance(forecast: Forecast, one: Address, other: Address) -> float:
    """Of the log price of one token in the other."""
    (a, both), (_, b) = covariance(forecast, (one, other)).tolist()
    return max(0.0, float(a + b - 2.0 * both))
