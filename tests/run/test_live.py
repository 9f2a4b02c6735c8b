"""A live keeper on a fork of the world: it acts once, as predicted, and what it recorded can be decided again."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from keeper.chain import signer
from keeper.chain.submit import submit
from keeper.config import parse
from keeper.errors import BadInput, Halt, Retry
from keeper.model import Approved, Cleared, Hold, Refused
from keeper.run import Keeper, Report, open_keeper
from keeper.run.act import Acting, _manifest
from keeper.world import WORLD_KEEPER_ADDRESS, WORLD_KEEPER_KEY, RunningWorld, calls, market, playground, rpc
from tests.run.settings import config, text


@pytest.fixture
def keeper(fallen: RunningWorld, tmp_path: Path) -> Iterator[Keeper]:
    key = signer.world_key(WORLD_KEEPER_KEY, lambda: True)
    with open_keeper(config(fallen, tmp_path), key) as opened:
        yield opened


def epoch(running: RunningWorld, name: str) -> int:
    vault = running.world.vault(name).address
    return int(calls.view(running.url, vault, "guardState()", "(uint64,bool,uint64,uint256,uint256)")[0])


def by_name(reports: tuple[Report, ...]) -> dict[str, Report]:
    return {r.name: r for r in reports}


def test_it_acts_for_every_vault_exactly_as_predicted_and_then_rests(keeper: Keeper, fallen: RunningWorld) -> None:
    before = {name: epoch(fallen, name) for name in ("basket", "leverage", "range")}
    reports = by_name(keeper.tick(live=True))
    for name, kind in (("core", "basket"), ("lever", "leverage"), ("range", "range")):
        report = reports[name]
        assert report.outcome is not None, report.decision.verdict
        assert report.outcome.status == "done"
        assert report.differences == ()
        assert epoch(fallen, kind) == before[kind] + 1
    again = by_name(keeper.tick(live=True))
    assert all(r.outcome is None for r in again.values())
    assert {name: epoch(fallen, name) for name in before} == {name: n + 1 for name, n in before.items()}


def test_housekeeping_leaves_gas_for_three_rescues(keeper: Keeper, fallen: RunningWorld) -> None:
    rescue = 1_500_000 * 300 * 10**9
    rpc.request(fallen.url, "anvil_setBalance", WORLD_KEEPER_ADDRESS, hex(3 * rescue - 1))
    reports = keeper.tick(live=True)
    assert [r.outcome for r in reports] == [None, None, None]
    for report in reports:
        assert isinstance(report.cleared, Refused), report.decision.verdict
        (reason,) = report.cleared.reasons
        assert reason.id == "K-39"
        assert "enough for 2 rescues at their highest price; fund it; housekeeping waits" in reason.sentence
    rpc.request(fallen.url, "anvil_setBalance", WORLD_KEEPER_ADDRESS, hex(3 * rescue))
    assert keeper.tick(live=True)[0].outcome is not None


def test_the_health_factor_comes_first_then_who_is_furthest_off(fallen: RunningWorld, tmp_path: Path) -> None:
    for band, order in ((0.005, ["lever", "core", "range"]), (0.03, ["lever", "range", "core"])):
        with open_keeper(config(fallen, tmp_path / str(band), band=band)) as keeper:
            reports = keeper.tick()
            assert [r.name for r in reports] == order
            core, ranged = (next(r for r in reports if r.name == name).decision.drift for name in ("core", "range"))
            assert core is not None
            assert ranged is not None
            assert (core.distance > ranged.distance) == (band == 0.005)


def test_a_vault_of_another_kind_than_told_stands_in_nobodys_way(fallen: RunningWorld, tmp_path: Path) -> None:
    levered, told = 'kind = "leverage"\nhealth = { low = 1.5, target = 1.8, high = 2.2 }', text(fallen)
    assert levered in told
    wrong = told.replace(levered, 'kind = "basket"\nweights = { WETH = 0.5, USDC = 0.5 }\nband = 0.03')
    with open_keeper(parse(wrong, tmp_path / "keeper.toml", {})) as keeper:
        reports = {one.name: one for one in keeper.tick()}
    assert isinstance(reports["lever"].decision.verdict, Refused)
    assert isinstance(reports["core"].decision.verdict, Approved)


def test_without_live_nothing_is_sent(keeper: Keeper, fallen: RunningWorld) -> None:
    count = rpc.request(fallen.url, "eth_getTransactionCount", WORLD_KEEPER_ADDRESS, "latest")
    reports = keeper.tick()
    assert any(isinstance(r.cleared, Cleared) for r in reports)
    assert rpc.request(fallen.url, "eth_getTransactionCount", WORLD_KEEPER_ADDRESS, "latest") == count


def test_the_same_plan_moves_money_once(keeper: Keeper, fallen: RunningWorld) -> None:
    report = keeper.decide("core")
    assert isinstance(report.cleared, Cleared)
    who = Acting(keeper.node, keeper.journal, keeper.bound, keeper.signer or pytest.fail("no signer"))
    manifest = _manifest(keeper.bound, report.snapshot, report.mandate, report.cleared)
    before = epoch(fallen, "basket")
    mandate = report.mandate
    for _ in range(2):
        submit(
            who.node,
            who.journal.intents,
            who.signer,
            report.cleared,
            manifest,
            report.snapshot.head,
            mandate.lanes,
        )
    assert epoch(fallen, "basket") == before + 1
    calldata = "0x" + report.cleared.approved.calldata.hex()
    target = report.cleared.approved.vault
    with pytest.raises(Halt, match="revert"):
        rpc.request(fallen.url, "eth_call", {"from": WORLD_KEEPER_ADDRESS, "to": target, "data": calldata}, "latest")


def test_every_recorded_tick_is_decided_again_the_same(keeper: Keeper, fallen: RunningWorld) -> None:
    kinds = set()
    for usd in ({"WETH": 2_420.0}, {"WETH": 2_430.0}, {"WETH": 2_300.0}):
        kinds |= {type(r.decision.verdict) for r in keeper.tick(live=True)}
        market.mine(fallen, 60)
        market.move(fallen, usd)
    market.push_round(fallen, "WETH", 0)
    kinds |= {type(r.decision.verdict) for r in keeper.tick(live=True)}
    assert kinds == {Approved, Hold, Refused}
    for tick in keeper.journal.ticks.latest(50):
        assert tick.id is not None
        assert keeper.replay(tick.id).same


def test_a_disk_that_fails_once_costs_the_action_and_no_record(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    database, fails = keeper.journal._database, iter([True])
    writing = database.writing

    @contextmanager
    def failing() -> Iterator[Connection]:
        inner = getattr(database._here, "connection", None) is not None
        with writing() as connection:
            yield connection
            if not inner and next(fails, False):
                raise Retry("the disk is full")

    monkeypatch.setattr(database, "writing", failing)
    with pytest.raises(Retry, match="the disk is full"):
        keeper.tick(live=True)
    assert keeper.journal.intents.latest() == ()
    (tick,) = keeper.journal.ticks.latest(10)
    assert tick.id is not None
    assert tick.verdict == "act"
    assert keeper.replay(tick.id).same
    assert all(one.outcome is not None and one.outcome.status == "done" for one in keeper.tick(live=True))


def test_a_tick_that_never_was_is_named(keeper: Keeper) -> None:
    keeper.tick()
    with pytest.raises(BadInput, match="no tick 4711"):
        keeper.replay(4711)


def test_live_without_a_key_is_refused(fallen: RunningWorld, tmp_path: Path) -> None:
    with open_keeper(config(fallen, tmp_path)) as unsigned, pytest.raises(BadInput, match="key"):
        unsigned.tick(live=True)


def test_a_provider_alone_with_its_block_is_not_enough_for_a_quorum(
    fallen: RunningWorld, world: RunningWorld, tmp_path: Path
) -> None:
    """The fork has blocks that the world it came from has not."""
    settings = text(fallen).replace(f'rpc = ["{fallen.url}"]', f'rpc = ["{fallen.url}", "{world.url}"]\nquorum = 2')
    key = signer.world_key(WORLD_KEEPER_KEY, lambda: True)
    before = epoch(fallen, "leverage")
    with (
        open_keeper(parse(settings, tmp_path / "keeper.toml", {}), key) as divided,
        pytest.raises(
            Retry, match=r"1 of the providers agree on block .* a quorum of 2 is required: nothing was signed"
        ),
    ):
        divided.tick(live=True)
    assert epoch(fallen, "leverage") == before


KILLS = (0.9, 1.3, 1.6, 1.9, 2.1, 2.3)
"""Seconds after which the process is killed: while it starts, unlocks its key, reads, signs, sends and confirms."""


def test_a_keeper_killed_at_any_moment_acts_once(fallen: RunningWorld, tmp_path: Path) -> None:
    playground.write(fallen, tmp_path)
    before = {name: epoch(fallen, name) for name in ("basket", "leverage", "range")}
    for seconds in KILLS:
        process = start(tmp_path)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = start(tmp_path)
    code = last.wait(timeout=60)
    said = (tmp_path / "output").read_text()
    assert code in (0, 3), said
    after = {name: epoch(fallen, name) for name in before}
    assert after == {name: number + 1 for name, number in before.items()}, said


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """`keeper run --once --live`, its passphrase on standard input's descriptor."""
    passphrase = folder / "passphrase"
    passphrase.write_text(playground.PASSPHRASE + "\n")
    with passphrase.open() as given, (folder / "output").open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "keeper", "run", "--once", "--live", "--passphrase-fd", "0"],
            cwd=folder,
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
