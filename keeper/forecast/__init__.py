"""A history in, beliefs and a forecast over the mandate's horizon out."""

from keeper.forecast.fit import fit
from keeper.forecast.refresh import refresh
from keeper.forecast.touch import forecast

__all__ = ["fit", "forecast", "refresh"]
