"""Beliefs follow the blocks at the price of what changed; forecasts are journalled, watched and resolved, in values."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.decide import decide
from keeper.forecast import fit
from keeper.forecast.levels import GAS
from keeper.journal import Journal, open_journal
from keeper.model import Beliefs, Forecast, History, Hold, Quantity, Series, Snapshot, State
from keeper.run.foresight import WINDOW_S, Foresight
from keeper.run.record import CODEC, replay, write
from keeper.run.tick import Thought
from keeper.run.watch import MOVED, Watch
from keeper.units import Hash, Timestamp, Wei
from tests import scene
from tests.forecast.histories import history, stormy
from tests.forecast.worlds import storms
from tests.scene import NOW, USD, VAULT, WETH

HOUR = 3_600
START = NOW // HOUR * HOUR
CALM = {"weth": 283.0, "wbtc": 10.5, "usdc": 620_000.0}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(str(tmp_path / "journal.sqlite"), CODEC) as opened:
        yield opened


def block(at: int, weth: float = 3_000.0, opened: int | None = None, **changes: object) -> Snapshot:
    """A block `at` seconds after START; a feed's round is as old as `opened`, the block itself unless given."""
    vault = scene.basket(**CALM)
    made = scene.snapshot(vault)
    head = replace(
        made.head,
        timestamp=Timestamp(START + at),
        number=100 + at // 12,
        hash=Hash(f"0x{at:064x}"),
        base_fee=Wei((10 + at % 7) * 10**9),
    )
    since = at if opened is None else opened
    rounds = tuple(
        scene.round_of(t, weth if t is WETH else USD[t], round_id=since + 1, updated_at=Timestamp(START + since))
        for t in scene.TOKENS
    )
    made = replace(made, head=head, rounds=rounds, **changes)
    return replace(made, vaults=(replace(vault, reported_nav=vault.nav(made, head.timestamp)),))


def test_a_block_without_a_new_round_changes_no_belief(journal: Journal) -> None:
    sight = Foresight((scene.mandate(),))
    assert len(sight.see(block(12), journal)[0]) == 3
    first = sight.beliefs(block(12).vaults[0])
    assert sight.see(block(24, opened=12), journal)[0] == ()
    assert sight.beliefs(block(24).vaults[0]) is first
    rounds, _ = sight.see(block(36, weth=3_100.0), journal)
    assert len(rounds) == 3
    assert sight.beliefs(block(36).vaults[0]) is not first
    assert sight.see(block(36, weth=3_100.0), journal) == ((), ())


def test_it_begins_with_what_the_journal_holds_and_its_last_fit(journal: Journal) -> None:
    made = stormy(WETH.address, 3_000, 3)
    shifted = Series(
        WETH.address, tuple(Timestamp(t - made.timestamps[-1] + START) for t in made.timestamps), made.prices
    )
    journal.past.add_prices(31_337, shifted, "feed")
    unfitted = Foresight((scene.mandate(),))
    unfitted.see(block(12, weth=shifted.prices[-1]), journal)
    token = next(t for t in unfitted.now.tokens if t.token == WETH.address)
    assert token.knowledge == "short"
    assert token.note == "no model is fitted yet: one-day EWMA"
    believed = fit(history(shifted, now=START))
    journal.forecasts.add_beliefs(31_337, believed, Timestamp(1))
    sight = Foresight((scene.mandate(),))
    sight.see(block(12, weth=shifted.prices[-1]), journal)
    assert sight.fitted == believed
    token = next(t for t in sight.now.tokens if t.token == WETH.address)
    assert token.knowledge == "fitted"
    assert token.fits
    slim = sight.beliefs(block(12).vaults[0])
    assert {t.token for t in slim.tokens} == {t.address for t in scene.TOKENS}
    assert all(t.fits == () and t.scores == () for t in slim.tokens)


def test_memory_stays_bounded_over_thousands_of_blocks(journal: Journal) -> None:
    sight, prices = Foresight((scene.mandate(),)), storms(4_000, 5).close * 30.0
    sizes = []
    for k in range(4_000):
        sight.see(block(HOUR * k, weth=float(prices[k])), journal if k % 500 == 0 else None)
        if k % 100 == 99:
            sizes.append(sum(len(p.times) for p in sight._prices.values()))
    assert max(sizes[20:]) <= max(sizes[:20]) + 3 * 100
    assert max(sizes) <= 3 * 1.5 * WINDOW_S / HOUR
    assert len(sight._slim) <= 3
    assert len(sight._views) <= 1
    assert len(sight._hours) == 1


def test_hours_of_gas_are_kept_with_their_least(journal: Journal) -> None:
    sight = Foresight((scene.mandate(),))
    found = []
    for at in range(0, 2 * HOUR + 12, 12):
        _, levels = sight.see(block(at, opened=0), journal)
        found += levels
    assert [(one.name, one.ends) for one in found] == [(GAS, (START + HOUR,)), (GAS, (START + 2 * HOUR,))]
    assert all(one.lows == (10.0,) for one in found)
    assert found[0].values == (10.0 + (HOUR - 12) % 7,)


# --- the live record -------------------------------------------------------------------------------------------------


def thought(snapshot: Snapshot, sight: Foresight, journal: Journal) -> Thought:
    sight.see(snapshot, journal)
    seen, mandate = History(snapshot, ()), scene.mandate()
    beliefs = sight.beliefs(snapshot.vaults[0])
    return Thought(seen, State(VAULT), beliefs, mandate, 0, decide(seen, State(VAULT), beliefs, mandate, 0), None)


def run(journal: Journal, sight: Foresight, watch: Watch, hours: int, step: int = 600) -> list[str]:
    """Blocks every `step` seconds with a round an hour; what was said on the way."""
    prices, said = 3_000.0 * storms(hours + 1, 9, mean=1e-5).close / storms(hours + 1, 9, mean=1e-5).close[0], []
    for at in range(0, hours * HOUR + 1, step):
        snapshot = block(at, weth=float(prices[at // HOUR]), opened=at // HOUR * HOUR)
        rounds, _ = sight.see(snapshot, journal)
        journal.past.add_rounds(31_337, rounds)
        one = thought(snapshot, sight, journal)
        said.append(watch.note(journal, snapshot, one.mandate, one.decision))
        watch.settle(journal, snapshot)
    return [s for s in said if s]


def test_every_hour_s_forecast_is_journalled_and_resolved_when_its_horizon_ends(journal: Journal) -> None:
    run(journal, Foresight((scene.mandate(),)), Watch(), 30)
    counts = journal.forecasts.counts(31_337, VAULT)
    assert (counts.open, counts.known, counts.lost) == (24, 7, 0)
    first = journal.forecasts.resolved(31_337, VAULT, Timestamp(0))[0]
    assert first.issued_at == START
    assert [token for token, *_ in first.moves] == [t.address for t in scene.TOKENS]
    assert first.moves[1][2] != 0.0
    assert len(first.touches) == 6
    seen = journal.forecasts.seen(31_337, VAULT, Timestamp(START), Timestamp(START + 30 * HOUR))
    assert {"WETH", "WBTC", "USDC"} <= set(seen)
    assert len(seen["WETH"]) <= 31 + 30
    fourteen = journal.forecasts.due(31_337, Timestamp(START + 40 * HOUR), 100)[0]
    assert journal.blobs.load(Forecast, fourteen.value).horizon_s == 86_400


def test_a_vault_that_was_moved_loses_its_touches_and_nobody_looking_too(journal: Journal) -> None:
    sight, watch = Foresight((scene.mandate(),)), Watch()
    for at in range(0, 26 * HOUR, 600):
        snapshot = block(at, opened=at // HOUR * HOUR)
        if at >= 2 * HOUR:
            moved = replace(snapshot.vaults[0], guard=replace(snapshot.vaults[0].guard, epoch=8))
            snapshot = replace(snapshot, vaults=(moved,))
        rounds, _ = sight.see(snapshot, journal)
        journal.past.add_rounds(31_337, rounds)
        one = thought(snapshot, sight, journal)
        watch.note(journal, snapshot, one.mandate, one.decision)
        watch.settle(journal, snapshot)
    seen = journal.forecasts.seen(31_337, VAULT, Timestamp(START), Timestamp(START + 30 * HOUR))
    assert seen[MOVED] == ((START + 2 * HOUR, 8.0),)
    resolved = journal.forecasts.resolved(31_337, VAULT, Timestamp(0))
    assert [bool(r.touches) for r in resolved] == [False, False]


def test_after_a_sleep_it_waits_for_prices_before_it_resolves(journal: Journal) -> None:
    sight, watch = Foresight((scene.mandate(),)), Watch()
    run(journal, sight, watch, 3)
    woken = Watch()
    late = block(40 * HOUR)
    assert woken.settle(journal, late) == 0
    assert woken.settle(journal, block(42 * HOUR)) == 4
    counts = journal.forecasts.counts(31_337, VAULT)
    assert (counts.open, counts.lost) == (0, 0)
    assert all(r.touches == () for r in journal.forecasts.resolved(31_337, VAULT, Timestamp(0)))


def test_a_switch_is_said_once(journal: Journal) -> None:
    watch, snapshot = Watch(), block(0)
    made = thought(snapshot, Foresight((scene.mandate(),)), journal).decision
    assert isinstance(made.verdict, Hold)
    assert made.forecast is not None
    told = []
    for trusted in (True, True, False, False, True):
        notes = () if trusted else ("0x1: dull", "log-har switched off by its live record: reactive bands only")
        decision = replace(made, forecast=replace(made.forecast, trusted=trusted, notes=notes))
        told.append(watch.note(journal, snapshot, scene.mandate(), decision))
    name = scene.mandate().name
    assert told == [
        "",
        "",
        f"{name}: forecasts do not act before a band breaks any more: log-har switched off by its live record: "
        "reactive bands only",
        "",
        f"{name}: its forecasts have earned it again: they may act before a band breaks",
    ]


def test_quantities_are_watched_by_their_highs_and_lows(journal: Journal) -> None:
    watch = Watch()
    made = thought(block(0), Foresight((scene.mandate(),)), journal).decision
    assert made.drift is not None
    for at, value in enumerate((0.4, 0.41, 0.405, 0.3999999, 0.39, 0.41, math.inf)):
        drift = replace(made.drift, quantities=(Quantity("q", value, 0.3, 0.4, 0.5),))
        watch.note(journal, block(12 * at), scene.mandate(), replace(made, drift=drift))
    seen = journal.forecasts.seen(31_337, VAULT, Timestamp(0), Timestamp(START + HOUR))
    assert [value for _, value in seen["q"]] == [0.4, 0.41, 0.39]


def test_a_recorded_tick_is_decided_again_from_the_beliefs_it_names(journal: Journal) -> None:
    one = thought(block(0), Foresight((scene.mandate(),)), journal)
    number = write(journal, one, ())
    assert replay(journal, number).same
    tick = journal.ticks.get(number)
    assert tick is not None
    assert journal.blobs.load(Beliefs, tick.beliefs) == one.beliefs
