"""The local world for every test that needs a chain: one a session (and worker), and forks of it that share nothing."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from keeper.world import RunningWorld, start
from keeper.world import fork as fork_world

settings.register_profile("keeper", deadline=None)  # a loaded machine must not turn a law red
settings.load_profile("keeper")


@pytest.fixture(scope="session")
def world() -> Iterator[RunningWorld]:
    """The world as it was deployed. For reading only: what moves anything uses `fork`."""
    with start() as running:
        yield running


@pytest.fixture(scope="module")
def fork(world: RunningWorld) -> Iterator[RunningWorld]:
    """A fork of the world for one module; the market's actions work on it, and nobody else sees them."""
    with fork_world(world) as running:
        yield running
