"""One tick, start to end: the shell that binds adapters to a node, thinks, acts and records."""

from keeper.run.bind import Bound
from keeper.run.holdings import Holding
from keeper.run.keeper import Keeper, open_keeper
from keeper.run.pull import PullReport
from keeper.run.report import DryRun, Foreseen, Replay, Report

__all__ = ["Bound", "DryRun", "Foreseen", "Holding", "Keeper", "PullReport", "Replay", "Report", "open_keeper"]
