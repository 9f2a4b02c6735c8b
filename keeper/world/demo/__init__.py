"""The demo: a falling, wobbling market on the local world, and a live keeper that holds three vaults through it."""

from keeper.world.demo.play import Moment, play
from keeper.world.demo.scenario import Step, falling_market

__all__ = ["Moment", "Step", "falling_market", "play"]
