"""Ticks, with what they were decided from, and prices are read back as they were recorded."""

from dataclasses import replace

import pytest

from keeper.errors import Halt
from keeper.journal import Journal, Tick, schema
from keeper.model import Round, Series, State
from keeper.units import Address, BlockNumber, PriceX36, Timestamp

from .conftest import POOLS, A, B, hash_of, pool, rows


def _tick(journal: Journal, at: int = 7, vault: Address = B) -> Tick:
    keys = {name: journal.blobs.store(State(vault, failures=at, last_failure_at=Timestamp(i)))
            for i, name in enumerate(schema.TICK_BLOBS)}  # fmt: skip
    return Tick(
        recorded_at=Timestamp(at),
        chain_id=1,
        vault=vault,
        block=BlockNumber(9),
        block_hash=hash_of(9),
        timestamp=Timestamp(8),
        seed=2**70,
        verdict="hold",
        reason="inside its band",
        timings=(("read", 0.03125), ("decide", 0.5)),
        **keys,
    )


def test_a_tick_is_read_back_with_its_arguments(journal: Journal) -> None:
    ticks = [_tick(journal, at, vault) for at, vault in ((1, A), (2, B), (3, A))]
    ids = [journal.ticks.add(tick) for tick in ticks]
    assert [journal.ticks.get(number) for number in ids] == [replace(t, id=i) for t, i in zip(ticks, ids, strict=True)]
    assert [tick.id for tick in journal.ticks.latest()] == ids[::-1]
    assert [tick.id for tick in journal.ticks.latest(1, A)] == [ids[2]]
    assert journal.ticks.latest(vault=A, chain_id=2) == ()
    assert journal.ticks.get(10**6) is None
    found = journal.ticks.get(ids[0])
    assert found is not None
    assert journal.blobs.load(State, found.next_state) == State(A, failures=1, last_failure_at=Timestamp(5))


def test_the_last_state_of_several_vaults_is_asked_for_at_once(journal: Journal) -> None:
    first, of_b, last = (_tick(journal, at, vault) for at, vault in ((1, A), (2, B), (3, A)))
    elsewhere = replace(_tick(journal, 4, A), chain_id=2)
    for tick in (first, of_b, last, elsewhere):
        journal.ticks.add(tick)
    asked = [A, B, Address("0x" + 40 * "7")]
    assert journal.ticks.next_states(1, asked) == {A: last.next_state, B: of_b.next_state}
    assert journal.ticks.next_states(2, asked) == {A: elsewhere.next_state}
    assert journal.ticks.next_states(1, []) == {}


def test_a_tick_whose_arguments_are_not_stored_is_refused(journal: Journal) -> None:
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError):
        journal.ticks.add(replace(_tick(journal), history=hash_of(404)))
    assert rows(journal, "ticks") == 0


def _round(token: Address, number: int, at: int, answer: int, problem: str = "") -> Round:
    return Round(token, A, number, answer, 8, Timestamp(at), PriceX36(0), problem)


def test_prices_are_kept_once_a_round_and_returned_in_order(journal: Journal) -> None:
    big = 2**79  # round ids are uint80
    journal.past.add_rounds(1, [_round(A, big + 1, 20, 150_000_000), _round(B, 1, 15, 10**30)])
    journal.past.add_rounds(1, [_round(A, big + 1, 20, 150_000_000), _round(A, big, 10, 50_000_000)])
    journal.past.add_rounds(1, [_round(A, big + 2, 25, 1, problem="stale")])
    journal.past.add_rounds(2, [_round(A, 7, 21, 7)])
    a = Series(A, (Timestamp(10), Timestamp(20)), (0.5, 1.5))
    b = Series(B, (Timestamp(15),), (1e22,))
    assert journal.past.series(1, [B, A], Timestamp(30)) == (b, a)
    assert journal.past.series(1, [A], Timestamp(19)) == (Series(A, (Timestamp(10),), (0.5,)),)
    assert journal.past.series(1, [A], Timestamp(30), Timestamp(11)) == (Series(A, (Timestamp(20),), (1.5,)),)


def test_pruning_keeps_what_is_still_referred_to(journal: Journal) -> None:
    shared, old, new = (pool(1), pool(2)), (pool(1), pool(3)), (pool(2), pool(4))
    keys = [journal.blobs.store(pools, POOLS) for pools in (shared, old, new)]
    base = _tick(journal)
    for at, key in enumerate(keys):
        journal.ticks.add(replace(base, recorded_at=Timestamp(at), history=key))
    assert journal.ticks.prune(Timestamp(2)) == 2
    assert journal.blobs.load(POOLS, keys[2]) == new
    for key in keys[:2]:
        with pytest.raises(Halt, match="it is missing"):
            journal.blobs.load(POOLS, key)
    assert rows(journal, "blobs") == 1 + 2 + 5  # the list, its two pools, the tick's other arguments
