"""A value is stored once by its content, whatever it is inside of, and comes back equal or halts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from keeper.codec import MODEL, Codec
from keeper.errors import Halt
from keeper.journal import Journal, blobs, open_journal, schema
from keeper.model import History, Mandate, State, Venue
from keeper.protocols.uniswap_v3 import UniswapV3Pool
from keeper.registry import CLASSES
from keeper.units import Bps, Timestamp
from tests import scene

from .conftest import CODEC, POOLS, A, B, hash_of, pool, rows

KNOWING = Codec(MODEL | CLASSES)


def test_a_value_is_stored_once_and_loaded_equal(journal: Journal) -> None:
    value = State(A, acting=True, open_intents=(hash_of(1), hash_of(2)))
    key = journal.blobs.store(value)
    assert key == journal.blobs.store(value) == CODEC.content_hash(value)
    assert journal.blobs.load(State, key) == value
    assert rows(journal, "blobs") == 1


def test_what_two_values_share_is_stored_once(journal: Journal) -> None:
    first, second = tuple(map(pool, range(8))), (*map(pool, range(7)), pool(99))
    one, two = journal.blobs.store(first, POOLS), None
    assert rows(journal, "blobs") == 1 + 8
    two = journal.blobs.store(second, POOLS)
    assert rows(journal, "blobs") == 2 + 9
    assert journal.blobs.load(POOLS, one) == first
    assert journal.blobs.load(POOLS, two) == second
    assert one == CODEC.content_hash(first, POOLS)


def test_together_is_all_or_nothing(journal: Journal) -> None:
    value = State(A, acting=True)

    def fails_late() -> None:
        with journal.together():
            journal.blobs.store(value)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_late()
    assert rows(journal, "blobs") == 0
    with journal.together():
        key = journal.blobs.store(value)  # it is not taken for stored
        assert journal.blobs.store(pool(1)) != key
    assert rows(journal, "blobs") == 2
    assert journal.blobs.load(State, key) == value


def test_values_are_compressed(journal: Journal) -> None:
    key = journal.blobs.store(pool(1))
    with journal._database.reading() as connection:
        size = connection.execute(
            select(func.length(schema.blobs.c.payload)).where(schema.blobs.c.hash == key)
        ).scalar()
    assert size is not None
    assert size < len(CODEC.dumps(pool(1))) * 0.6


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b[:5] + bytes([b[5] ^ 1]) + b[6:], lambda b: b"", lambda b: b"{}"]
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_damaged_value_halts(journal: Journal, damage: Callable[[bytes], bytes], inside: bool) -> None:
    value = (pool(1), pool(2))
    key = journal.blobs.store(value, POOLS)
    hit = schema.blobs.c.hash != key if inside else schema.blobs.c.hash == key
    with journal._database.writing() as connection:
        rows = connection.execute(select(schema.blobs).where(hit)).all()
        for row in rows:
            connection.execute(
                update(schema.blobs).where(schema.blobs.c.hash == row.hash).values(payload=damage(row.payload))
            )
    with pytest.raises(Halt, match=r"keeper\.db is damaged at record 0x.*restore a copy"):
        journal.blobs.load(POOLS, key)


def test_another_value_in_its_place_halts(journal: Journal) -> None:
    one, two = journal.blobs.store(State(A)), journal.blobs.store(State(B))
    with journal._database.writing() as connection:
        other = connection.execute(select(schema.blobs.c.payload).where(schema.blobs.c.hash == two)).scalar()
        connection.execute(update(schema.blobs).where(schema.blobs.c.hash == one).values(payload=other))
    with pytest.raises(Halt, match="does not match its hash"):
        journal.blobs.load(State, one)
    with pytest.raises(Halt, match="it is missing"):
        journal.blobs.load(State, hash_of(1))


# what outlives a block


@pytest.fixture
def world(file: Path) -> Iterator[Journal]:
    """A journal that knows pools by the protocol they implement, as the keeper's does."""
    with open_journal(str(file), KNOWING) as opened:
        yield opened


def _history(pools: tuple[UniswapV3Pool, ...]) -> History:
    return History(replace(scene.snapshot(scene.basket()), venues=pools), ())


def test_pools_within_a_block_are_stored_once_and_under_the_hash_of_the_whole(world: Journal) -> None:
    pools = tuple(map(pool, range(8)))
    first, second = _history(pools), _history((*pools[:7], pool(99)))
    keys = [world.blobs.store(first), world.blobs.store(second)]
    assert keys == [KNOWING.content_hash(first), KNOWING.content_hash(second)]
    assert [world.blobs.load(History, key) for key in keys] == [first, second]
    once = rows(world, "blobs")
    assert world.blobs.store(_history(tuple(map(pool, range(8))))) == keys[0]  # equal, and other objects
    assert rows(world, "blobs") == once


def test_a_pool_that_is_no_more_on_disk_is_stored_again(world: Journal) -> None:
    pools = tuple(map(pool, range(3)))

    def fails_late() -> None:
        with world.together():
            world.blobs.store(_history(pools))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_late()
    kept = world.blobs.store(_history(pools))
    assert world.blobs.load(History, kept) == _history(pools)
    world.ticks.prune(Timestamp(2**40))  # no tick refers to it
    assert rows(world, "blobs") == 0
    assert world.blobs.load(History, world.blobs.store(_history(pools))) == _history(pools)


def test_more_pools_than_are_remembered_are_stored_as_well(world: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "_LASTING_KEPT", 3)
    for at in range(3):
        block = _history(tuple(map(pool, range(at, at + 8))))
        key = world.blobs.store(block)
        assert key == KNOWING.content_hash(block)
        assert world.blobs.load(History, key) == block


def test_of_equal_pools_one_is_forgotten_without_the_other(world: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault, which is always the latest but one, and two pools are remembered."""
    monkeypatch.setattr(blobs, "_LASTING_KEPT", 3)
    first, equal, another = pool(1), pool(1), pool(2)
    for one in (first, equal, first, another, first):
        block = _history((one,))
        assert world.blobs.store(block) == KNOWING.content_hash(block)


def test_a_short_value_that_holds_a_long_one_is_stored_with_it(world: Journal) -> None:
    """As a lending market whose reserves are long: itself it has no row, they have."""
    limits = replace(scene.basket().limits, max_loss=Bps(10**1_100))
    one = History(scene.snapshot(scene.basket(limits=limits)), ())
    other = replace(one, snapshot=replace(one.snapshot, data_price=1.0))
    for block in (one, other, one):
        assert world.blobs.store(block) == KNOWING.content_hash(block)
        assert world.blobs.load(History, KNOWING.content_hash(block)) == block
    assert rows(world, "blobs") >= 3


def test_a_value_is_not_stored_as_a_protocol(world: Journal) -> None:
    with pytest.raises(TypeError, match="as its own class"):
        world.blobs.store(pool(1), Venue)


def test_what_looks_like_a_reference_is_text(world: Journal) -> None:
    named = scene.mandate(name='{"#":"0x' + "ab" * 32 + '"}')
    key = world.blobs.store(named)
    assert key == KNOWING.content_hash(named)
    assert world.blobs.load(Mandate, key) == named
