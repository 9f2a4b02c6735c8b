"""The service over a real keeper and a real chain: one tick a block, the stop file, backing off, ending."""

import random
import shutil
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from keeper.chain.signer import Signer, world_key
from keeper.config import load
from keeper.errors import Halt, Retry
from keeper.run import Keeper, Report
from keeper.service import BACKOFF_CAP_S, Listener, Service, open_to_act, serve
from keeper.world import WORLD_KEEPER_KEY, RunningWorld, market, playground, rpc
from keeper.world.roles import WORLD_KEEPER_ADDRESS


class Heard:
    """Remembers what a service told."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.notices: list[str] = []
        self.listener = Listener(self.reports.append, self.notices.append)


@pytest.fixture(scope="module")
def files(fork: RunningWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    playground.write(fork, folder)
    return folder


@pytest.fixture
def folder(fork: RunningWorld, files: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    before = rpc.request(fork.url, "evm_snapshot")
    yield tmp_path
    rpc.request(fork.url, "evm_revert", before)


@pytest.fixture
def signer() -> Signer:
    return world_key(WORLD_KEEPER_KEY, lambda: True)


def service(folder: Path, heard: Heard, signer: Signer | None = None) -> Service:
    config = load(folder / "keeper.toml", {})
    return Service(
        open=lambda: open_to_act(config, signer),
        listener=heard.listener,
        live=signer is not None,
        stop_file=config.run.stop_file,
        poll_s=2.0,
        draw=random.Random(1),
    )


def nonce(fork: RunningWorld) -> int:
    return int(rpc.request(fork.url, "eth_getTransactionCount", WORLD_KEEPER_ADDRESS, "latest"), 16)


def fall(fork: RunningWorld) -> None:
    market.mine(fork, 600)
    market.refresh_feeds(fork)
    market.move(fork, {"WETH": 2_450.0, "WBTC": 52_000.0})
    market.refresh_feeds(fork)


def test_a_block_is_ticked_once(folder: Path, fork: RunningWorld):
    heard = Heard()
    one = service(folder, heard)
    one.cycle()
    one.cycle()
    assert sorted(r.name for r in heard.reports) == ["basket", "leverage", "range"]
    market.mine(fork)
    one.cycle()
    assert len(heard.reports) == 6
    assert heard.reports[-1].snapshot.head.number == heard.reports[0].snapshot.head.number + 1
    one.close()


def test_the_stop_file_stops_signatures_at_the_next_cycle(folder: Path, fork: RunningWorld, signer: Signer):
    heard = Heard()
    one = service(folder, heard, signer)
    one.stop_file.parent.mkdir()
    one.stop_file.touch()
    fall(fork)
    before = nonce(fork)
    one.cycle()
    assert any(r.cleared is not None for r in heard.reports)  # it would act
    assert nonce(fork) == before
    assert heard.notices == [
        f"{one.stop_file} exists: nothing but rescues and cancellations is signed until it is removed"
    ]
    one.stop_file.unlink()
    market.mine(fork)
    one.cycle()
    assert nonce(fork) > before
    assert heard.notices[-1] == f"{one.stop_file} is gone: signing again"
    one.close()


def test_a_purse_that_runs_low_is_told_once(folder: Path, fork: RunningWorld, signer: Signer):
    heard = Heard()
    one = service(folder, heard, signer)
    for rescues, told in ((9, 1), (9, 1), (2, 2), (12, 3), (12, 3)):
        balance = rescues * 1_500_000 * 300 * 10**9
        rpc.request(fork.url, "anvil_setBalance", WORLD_KEEPER_ADDRESS, hex(balance))
        market.mine(fork)
        one.cycle()
        assert len(heard.notices) == told, heard.notices
    assert "enough for 9 rescues" in heard.notices[0]
    assert heard.notices[1].endswith("housekeeping waits until there is enough for 3")
    assert heard.notices[2] == "the account pays enough rescues again"
    one.close()


def test_without_live_nothing_is_signed(folder: Path, fork: RunningWorld):
    heard = Heard()
    one = service(folder, heard)
    fall(fork)
    before = nonce(fork)
    one.cycle()
    assert any(r.cleared is not None for r in heard.reports)
    assert nonce(fork) == before
    one.close()


def test_a_dead_node_is_tried_again_ever_more_slowly(folder: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    config = folder / "keeper.toml"
    config.write_text(config.read_text().replace(load(config, {}).chain.urls[0], url))
    heard, now, tries = Heard(), [0.0], []
    one = service(folder, heard)
    one.clock = lambda: now[0]
    for _ in range(6_000):
        told = len(heard.notices)
        one.cycle()
        if len(heard.notices) > told:
            tries.append(now[0])
        now[0] += 0.01
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert all(0.8 * 2.0**n <= wait / 2.0 <= 1.2 * 2.0**n + 0.01 for n, wait in enumerate(waits[:2]))
    assert max(waits) <= BACKOFF_CAP_S + 0.02
    assert waits[-1] >= BACKOFF_CAP_S * 0.8
    assert all("could not be reached" in said and "trying again in" in said for said in heard.notices)


def test_a_node_that_is_away_for_days_is_still_tried():
    heard, now = Heard(), [0.0]

    def away() -> Keeper:
        raise Retry("the node is away")

    one = Service(away, heard.listener, live=False, stop_file=Path("/nowhere/STOP"), poll_s=2.0, clock=lambda: now[0])
    for _ in range(1_500):
        now[0] += 20.0
        one.cycle()
    assert len(heard.notices) == 1_500


def test_after_a_failure_the_pause_starts_small_again(folder: Path, fork: RunningWorld):
    heard, now = Heard(), [0.0]
    one = service(folder, heard)
    one.clock = lambda: now[0]
    opening = one.open
    failing: list[bool] = [True, True, True]

    def sometimes() -> Keeper:
        if failing:
            failing.pop()
            raise Retry("the node is away")
        return opening()

    one.open = sometimes
    while failing or not heard.reports:
        now[0] += 0.5
        one.cycle()
    assert one._failures == 0
    one.close()


def test_what_ends_a_cycle_ends_the_service():
    """In the thread that waits, so that the command line says it and exits with its code."""
    heard = Heard()

    def broken() -> Keeper:
        raise Halt("the chain took back a final block")

    one = Service(broken, heard.listener, live=False, stop_file=Path("/nowhere/STOP"), poll_s=0.05)
    with pytest.raises(Halt, match="took back a final block"):
        serve(one)
