"""Starts the local world, from its cache when it can, and throw-away forks of it: a context in, a RunningWorld out.

The chain is the clock here. Its first block is of 2026-01-01 and every block comes 12 seconds after the one before,
whatever the wall clock says, so that interest, ages and cooldowns are the same in every run.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keeper.chain import anvil
from keeper.errors import Halt
from keeper.world import cache, market, rpc
from keeper.world.build import build
from keeper.world.world import (
    BLOCK_SECONDS,
    CHAIN_ID,
    GAS_LIMIT,
    GENESIS_BASE_FEE,
    GENESIS_HASH,
    GENESIS_TIMESTAMP,
    HARDFORK,
    RunningWorld,
)


@contextmanager
def start(port: int = 0, cache_folder: Path | None = None) -> Iterator[RunningWorld]:
    """Runs the world on `port` (0: a free one) until the context ends. The first start builds it, later ones load it.

    Every feed starts with a round of the current block. Raises Halt when anvil or an artefact is missing, or when
    anvil makes another genesis block than the world's.
    """
    executable = anvil.find_anvil()
    built = _built(executable, cache_folder or cache.folder())
    with _node(executable, port) as node:
        rpc.request(node.url, "anvil_loadState", built.state)
        running = RunningWorld(node.url, built.world)
        settle(running)
        market.refresh_feeds(running)
        yield running


@contextmanager
def fork(parent: RunningWorld, block: int | None = None) -> Iterator[RunningWorld]:
    """A throw-away copy of `parent` at `block` (None: the latest): nothing done to one is seen in the other."""
    with anvil.fork(parent.url, block, "--hardfork", HARDFORK, "--gas-limit", str(GAS_LIMIT)) as node:
        running = RunningWorld(node.url, parent.world)
        settle(running)
        yield running


def settle(running: RunningWorld) -> None:
    """Makes the next block come 12 s after the latest, and each later one 12 s after that.

    Without it a node that has loaded a state would date its next block from genesis, before the blocks it has loaded.
    """
    latest = rpc.request(running.url, "eth_getBlockByNumber", "latest", False)
    rpc.requests(
        running.url,
        [
            ("anvil_setBlockTimestampInterval", [BLOCK_SECONDS]),
            ("evm_setNextBlockTimestamp", [int(latest["timestamp"], 16) + BLOCK_SECONDS]),
            ("anvil_setNextBlockBaseFeePerGas", [hex(GENESIS_BASE_FEE)]),
        ],
    )


def _built(executable: Path, folder: Path) -> cache.Built:
    version = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout
    file = folder / f"world-{cache.fingerprint(version)}.json.gz"
    built = cache.load(file)
    if built is None:
        with _node(executable, 0) as node:
            world = build(node.url)
            built = cache.Built(world, rpc.request(node.url, "anvil_dumpState"))
        cache.store(file, built)
    return built


@contextmanager
def _node(executable: Path, port: int) -> Iterator[anvil.Anvil]:
    arguments = {
        "--chain-id": CHAIN_ID,
        "--timestamp": GENESIS_TIMESTAMP,
        "--base-fee": GENESIS_BASE_FEE,
        "--gas-limit": GAS_LIMIT,
        "--hardfork": HARDFORK,
    }
    flags = [text for flag, value in arguments.items() for text in (flag, str(value))]
    with anvil.Anvil(*flags, "--no-request-size-limit", port=port, executable=executable) as node:
        genesis = rpc.request(node.url, "eth_getBlockByNumber", "0x0", False)["hash"]
        if genesis != GENESIS_HASH:
            raise Halt(
                f"{executable} makes the genesis block {genesis}, the world's is {GENESIS_HASH}; "
                "use the anvil that `npm ci` installs"
            )
        yield node
