"""The storm that the demo plays: the same for a seed, its past trusted; and on the chain, seeing it coming pays."""

from pathlib import Path

import pytest

from keeper.chain import signer
from keeper.forecast import fit
from keeper.model import History, Preventative, Series
from keeper.units import Timestamp
from keeper.world import WORLD_KEEPER_KEY, RunningWorld
from keeper.world.demo import storm
from keeper.world.demo.duel import HOURS, Side, duel
from tests import levered
from tests.scene import NOW, WETH

SEED = 5
"""The demo's."""


def test_the_storm_is_the_same_for_the_same_seed() -> None:
    first, again, other = (tuple(storm.storm(HOURS, seed)) for seed in (SEED, SEED, SEED + 1))
    assert first == again != other
    assert storm.past(3_000.0, SEED) == storm.past(3_000.0, SEED)
    assert storm.past(3_000.0, SEED)[-1] == pytest.approx(3_000.0)
    usd = [step.usd["WETH"] for step in first]
    assert min(usd) < 0.8 * usd[0]
    assert max(step.gwei or 0.0 for step in first) == storm.DEAR_GWEI


def test_its_past_earns_the_forecast_trust() -> None:
    prices = storm.past(3_000.0, SEED)
    times = tuple(Timestamp(NOW // 3_600 * 3_600 - 3_600 * k) for k in reversed(range(len(prices))))
    (belief,) = fit(History(levered.position(1.8), (Series(WETH.address, times, prices),))).tokens
    assert belief.trusted
    assert belief.note == ""


def test_who_sees_it_coming_pays_less_and_never_leaves_the_band(fork: RunningWorld, tmp_path: Path) -> None:
    found = duel(fork, tmp_path, lambda _: signer.world_key(WORLD_KEEPER_KEY, lambda: True), SEED)
    reactive, preventative = (one for one in found if isinstance(one, Side))
    assert reactive.outside > 0 == preventative.outside
    assert min(reactive.values) < min(preventative.values)
    assert preventative.paid < reactive.paid
    assert preventative.first is not None
    assert reactive.first is not None
    chance, health = preventative.first
    assert Preventative().act_above <= chance < 1.0
    assert health > 1.5 > reactive.first[1]
    assert all(action.exact for side in (reactive, preventative) for action in side.actions)
