"""The commands by name, and what they share: the configuration, the screen, an open keeper."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from keeper.chain.signer import Signer
from keeper.config import Config, load
from keeper.errors import BadInput, Retry
from keeper.run import Keeper
from keeper.service import open_to_act

WIDTH = 100
"""Characters of a line where the screen does not say: every page fits it."""

app = typer.Typer(
    add_completion=False,
    context_settings={"max_content_width": WIDTH, "terminal_width": WIDTH},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Holds vaults inside their mandates: forecasts, plans, rehearses, and acts only when told to.",
    epilog="Exit codes: 0 done, 1 the node stopped answering, 2 bad input, 3 refused, 4 outcome unknown, 5 halted.",
)


@dataclass(slots=True)
class Shared:
    """What was said before the command."""

    path: Path


@app.callback(invoke_without_command=True)
def shared(
    context: typer.Context,
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration.")] = Path(
        "keeper.toml"
    ),
) -> None:
    context.obj = Shared(config)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="The configuration [keeper.toml].")
]
NameArgument = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One vault; all of them without it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: raw amounts, every field.")]


def path_of(context: typer.Context, config: Path | None) -> Path:
    """The configuration's path, wherever on the command line it was named."""
    said: Shared = context.obj
    return config or said.path


def config_of(context: typer.Context, config: Path | None) -> Config:
    return load(path_of(context, config), os.environ)


@contextmanager
def opened(config: Config, signer: Signer | None = None) -> Iterator[Keeper]:
    """A bound keeper for a command that runs once: a node that does not answer is then the operator's to mend."""
    try:
        keeper = open_to_act(config, signer)
    except Retry as error:
        raise BadInput(str(error)) from error
    with keeper:
        yield keeper


def names(config: Config, name: str | None) -> list[str]:
    """The vault called `name`, or all."""
    return [config.named(name).name] if name is not None else [vault.name for vault in config.vaults]


def screen() -> Console:
    """Standard output; 100 columns where it is no terminal. No text is markup: symbols and reasons are strangers'."""
    width = None if sys.stdout.isatty() else WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


# They register themselves, in the order in which a newcomer needs them.
from keeper.cli import demo, begin, look, foresee, act, past, history  # noqa: E402, F401, I001
