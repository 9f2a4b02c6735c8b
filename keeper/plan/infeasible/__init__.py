"""A mandate that the market cannot serve in, the sentence that names the cause and the least change that helps, out."""

from keeper.plan.infeasible.words import BAND, CAPPED, FLASH, LIQUIDITY, SMALL

__all__ = ["BAND", "CAPPED", "FLASH", "LIQUIDITY", "SMALL"]
