"""The world as these tests find it."""

from collections.abc import Iterator

import pytest

from keeper.world import RunningWorld, market, rpc


@pytest.fixture
def fallen(fork: RunningWorld) -> Iterator[RunningWorld]:
    """The fork after a fall that takes all vaults out of their bands; put back afterwards."""
    state = rpc.request(fork.url, "evm_snapshot")
    market.mine(fork, 600)
    market.refresh_feeds(fork)
    market.move(fork, {"WETH": 2_420.0, "WBTC": 58_000.0})
    yield fork
    rpc.request(fork.url, "evm_revert", state)
