"""On real prices, a quick look at what scripts/track-record measures in full. Skips, saying so, without them."""

import csv
import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from keeper.forecast import fit, refresh
from keeper.forecast.barriers import BARRIERS, CLOSED, EMPIRICAL, FREQUENCY, attempt
from keeper.forecast.bars import Bars, from_ohlc
from keeper.forecast.contest import HAR, RANGED, RISKMETRICS, contest, origins
from keeper.forecast.scores import skill
from keeper.model import History, Series
from keeper.units import Timestamp
from tests.forecast.histories import WETH, history

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
YEAR_2021 = 1_609_459_200

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent: real prices are not measured")


def rows(name: str) -> list[list[str]]:
    with gzip.open(DATA / name, "rt") as text:
        return list(csv.reader(text))[1:]


def stamp(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


@pytest.fixture(scope="module")
def eth() -> Bars:
    found = rows("ETH-USD_1h_2020-2022.csv.gz")
    ends = np.array([stamp(r[0]) + 3_600 for r in found])
    return from_ohlc(ends, *np.array([[float(x) for x in r[1:5]] for r in found]).T)


@pytest.mark.parametrize(("hours", "goal"), [(24, 0.88), (6, 0.95)])
def test_variance_beats_riskmetrics_by_the_goal(eth: Bars, hours: int, goal: float):
    c = contest([eth], hours, 0, 1, models=())
    on = origins(c, YEAR_2021, (HAR, RANGED, RISKMETRICS))
    losses = {name: c.losses(name)[on].mean() for name in (HAR, RANGED, RISKMETRICS)}
    assert on.sum() == 730 * 24 // hours
    assert losses[RANGED] < losses[HAR] < losses[RISKMETRICS]
    assert losses[RANGED] <= goal * losses[RISKMETRICS]


def test_touches_beat_their_frequency_at_every_barrier(eth: Bars):
    c = contest([eth], 6, 0, 1, models=())
    tried = attempt(eth, c.rates[RANGED][:, 0], 6, 1, bootstrap=False)
    late = eth.ends >= YEAR_2021
    for one in BARRIERS:
        losses = {w: tried.losses(one, w)[late] for w in (EMPIRICAL, FREQUENCY, CLOSED)}
        found = skill(losses[EMPIRICAL], losses[FREQUENCY], 168, 1)
        assert found.low > 0.0, one.name


def irregular(name: str, count: int) -> History:
    found = rows(f"{name}-USD_about_1h_2021-2022.csv.gz")[:count]
    times = tuple(Timestamp(stamp(r[0])) for r in found)
    return history(Series(WETH, times, tuple(float(r[1]) for r in found)), now=times[-1])


@pytest.mark.parametrize("name", ["stETH", "USDC"])
def test_irregular_prices_are_fitted_and_refreshed(name: str):
    made = irregular(name, 9_000)
    beliefs = fit(made)
    (token,) = beliefs.tokens
    assert token.knowledge == "fitted"
    sigma = dict(beliefs.volatility)[WETH]
    assert (0.3 < sigma < 2.0) if name == "stETH" else (0.009 < sigma < 0.1)
    (fresh,) = refresh(beliefs, made).tokens
    for was, now in zip(token.variances, fresh.variances, strict=True):
        assert now.variance == pytest.approx(was.variance, rel=1e-6)
