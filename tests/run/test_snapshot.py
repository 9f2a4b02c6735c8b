"""A block's values are the last block's own objects where nothing changed, and reads are spread by what they need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.config import parse
from keeper.model import Head
from keeper.protocols.lens import TICK_GAS
from keeper.protocols.uniswap_v3 import UniswapV3Pool
from keeper.run import Keeper, open_keeper
from keeper.run.snapshot import questions, take
from keeper.world import RunningWorld, market
from tests.run.settings import text


@pytest.fixture
def keeper(fallen: RunningWorld, tmp_path: Path) -> Iterator[Keeper]:
    with open_keeper(parse(text(fallen), tmp_path / "keeper.toml", {})) as opened:
        yield opened


def _gas(keeper: Keeper, head: Head, seen: bool) -> int:
    before = take(keeper.node, keeper.bound, head) if seen else None
    _, venues, *_ = questions(keeper.bound, head, before)
    return sum(read.gas for question in venues for read in question.reads)


def test_only_what_changed_is_another_object(keeper: Keeper, fallen: RunningWorld) -> None:
    first = keeper.observe()
    market.mine(fallen, 12)
    second = keeper.observe()
    assert second.head.number > first.head.number
    assert all(was is now for was, now in zip(first.venues, second.venues, strict=True))
    market.move(fallen, {"WETH": 2_600.0})
    third = keeper.observe()
    assert third == take(keeper.node, keeper.bound, third.head)
    moved = [now for was, now in zip(second.venues, third.venues, strict=True) if was is not now]
    assert 0 < len(moved) < len(third.venues)
    assert all(was != now for was, now in zip(second.venues, third.venues, strict=True) if was is not now)
    kept = {v.pool: v.ticks for v in second.venues if isinstance(v, UniswapV3Pool)}
    assert all(v.ticks is kept[v.pool] for v in moved if isinstance(v, UniswapV3Pool))


def test_a_pool_seen_before_says_what_reading_it_needs(keeper: Keeper) -> None:
    head = keeper.observe().head
    ticks = sum(len(v.ticks) for v in keeper.observe().venues if isinstance(v, UniswapV3Pool))
    assert ticks > 500
    assert _gas(keeper, head, seen=True) - _gas(keeper, head, seen=False) == TICK_GAS * ticks
