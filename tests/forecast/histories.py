"""Feeds of hourly prices with known troubles, as the histories that a keeper would hold of them."""

from dataclasses import replace

import numpy as np

from keeper.model import History, Series
from keeper.units import Address, Timestamp
from tests import scene
from tests.forecast.worlds import storms

STEP = 3_600
NOW = Timestamp(1_800_000_000 // STEP * STEP)
WETH, WBTC, USDC = scene.WETH.address, scene.WBTC.address, scene.USDC.address


def series(token: Address, prices: np.ndarray, end: int = NOW) -> Series:
    """One price an hour, the last at `end`."""
    times = range(end - STEP * (len(prices) - 1), end + 1, STEP)
    return Series(token, tuple(Timestamp(t) for t in times), tuple(map(float, prices)))


def stormy(token: Address, hours: int, seed: int) -> Series:
    return series(token, storms(hours, seed).close)


def history(*found: Series, now: int = NOW) -> History:
    vault = scene.basket()
    snapshot = scene.snapshot(vault)
    return History(replace(snapshot, head=replace(snapshot.head, timestamp=Timestamp(now))), found)
