"""A built world survives on disk whole or not at all."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keeper.world import RunningWorld, cache, market
from keeper.world.running import start


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_what_was_stored_is_loaded(world: RunningWorld, tmp_path: Path) -> None:
    built = cache.Built(world.world, "0x1f8b08")
    cache.store(tmp_path / "new" / "world.json.gz", built)
    assert cache.load(tmp_path / "new" / "world.json.gz") == built
    assert only_file(tmp_path / "new").name == "world.json.gz"


def test_nothing_is_loaded_from_nowhere(tmp_path: Path) -> None:
    assert cache.load(tmp_path / "world.json.gz") is None


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "other"])
def test_a_damaged_file_is_removed(world: RunningWorld, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "world.json.gz"
    cache.store(file, cache.Built(world.world, "0x" + "ab" * 1_000))
    whole = file.read_bytes()
    middle = len(whole) // 2
    contents = {
        "empty": b"",
        "cut": whole[:middle],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :],
        "text": b"not a world",
        "other": gzip.compress(b'{"world": {}, "state": "0x"}'),
    }
    file.write_bytes(contents[damage])
    assert cache.load(file) is None
    assert not file.exists()


def test_a_world_is_built_once_and_rebuilt_when_its_file_is_damaged(tmp_path: Path) -> None:
    with start(cache_folder=tmp_path) as running:
        first = running.world
    file = only_file(tmp_path)
    stamp = file.stat().st_mtime_ns
    with start(cache_folder=tmp_path) as running:
        assert running.world == first
    assert file.stat().st_mtime_ns == stamp
    file.write_bytes(file.read_bytes()[:1_000])
    with start(cache_folder=tmp_path) as running:
        assert running.world == first
        assert market.swap(running, "WETH", "USDC", 10**18).amount_out > 0
    assert only_file(tmp_path) == file


def test_two_processes_that_build_at_once_leave_one_good_file(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from keeper.world import start\n"
        "with start(cache_folder=pathlib.Path(sys.argv[1])) as running: print(running.world.pools[0].address)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] != ""
    assert cache.load(only_file(tmp_path)) is not None


def test_the_oldest_worlds_are_forgotten(world: RunningWorld, tmp_path: Path) -> None:
    for age in range(cache.KEPT + 3):
        file = tmp_path / f"world-{age:02}.json.gz"
        cache.store(file, cache.Built(world.world, "0x"))
        os.utime(file, (1_000_000 + age, 1_000_000 + age))
    kept = sorted(file.name for file in tmp_path.iterdir())
    assert kept == [f"world-{age:02}.json.gz" for age in range(3, cache.KEPT + 3)]


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KEEPER_CACHE", str(tmp_path / "here"))
    assert cache.folder() == tmp_path / "here"
    monkeypatch.delenv("KEEPER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "keeper"
