"""keeper: a preventative rebalancing keeper for Ethereum vaults.

import keeper

with keeper.open("keeper.toml") as k:
    report = k.decide("core")
    print(report.decision.verdict)
"""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keeper.config import Config
    from keeper.run import DryRun, Keeper, Replay, Report

__all__ = ["Config", "DryRun", "Keeper", "Replay", "Report", "load", "open"]

_HOMES = {
    "Config": "keeper.config",
    "DryRun": "keeper.run",
    "Keeper": "keeper.run",
    "Replay": "keeper.run",
    "Report": "keeper.run",
}


def load(path: str | Path = "keeper.toml") -> "Config":
    """The settings in a keeper.toml, provider URLs from the environment. Raises errors.BadInput naming each fault."""
    from keeper.config import load as load_config

    return load_config(Path(path), os.environ)


def open(path: str | Path = "keeper.toml") -> "Keeper":
    """A keeper bound to the chain of a keeper.toml; it can look, plan, rehearse and replay, and signs nothing.

    Raises errors.BadInput when the configuration and the chain do not fit, errors.Retry when no node answers.
    """
    from keeper.run import open_keeper

    return open_keeper(load(path))


def __getattr__(name: str) -> Any:
    """The classes by name, imported when first asked for: `import keeper` alone stays quick."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'keeper' has no attribute {name!r}")
