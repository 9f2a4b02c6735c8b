"""The demo: a storm that one keeper sees coming, and a falling market that a live keeper holds three vaults through."""

from keeper.world.demo.play import Moment, play
from keeper.world.demo.scenario import Step, falling_market

__all__ = ["Moment", "Step", "falling_market", "play"]
