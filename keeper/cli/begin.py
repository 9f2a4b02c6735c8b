"""Commands to begin with: init and world."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from keeper import world as worlds
from keeper.cli import exits, render_world
from keeper.cli.app import ConfigOption, app, path_of, screen
from keeper.config import template
from keeper.errors import BadInput, Retry
from keeper.run.survey import connect, example, survey
from keeper.units import Address, address
from keeper.world import playground


@app.command()
def init(
    context: typer.Context,
    vault: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="Read this vault; may be repeated.")
    ] = None,
    rpc_env: Annotated[
        str, typer.Option("--rpc-env", metavar="NAME", help="Environment variable that holds the node's URL.")
    ] = "KEEPER_RPC_URL",
    keeper: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Who holds the keeper role.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    config: ConfigOption = None,
) -> int:
    """Write a commented keeper.toml, filled in from the chain where a vault is named."""
    path = path_of(context, config)
    if path.exists() and not force:
        raise BadInput(f"{path} is there already: --force overwrites it, --config names another")
    draft = example(rpc_env)
    if vault:
        asked, owner = [_address(one) for one in vault], _address(keeper) if keeper else None
        try:
            draft = survey(connect(_url(rpc_env)), [rpc_env], asked, owner)
        except Retry as error:
            raise BadInput(str(error)) from error
    try:
        path.write_text(template.text(draft), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from error
    read = ", ".join(f"{one.name} ({one.kind})" for one in draft.vaults) if vault else "an example to fill in"
    first = "" if keeper or not vault else "write the keeper's own address at key.address, then "
    screen().print(Text(f"wrote {path}: {read}; next: {first}keeper check"))
    return exits.DONE


@app.command()
def world(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8545,
    write: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a keeper.toml and a keystore there.")
    ] = None,
    every: Annotated[float, typer.Option(min=0.5, metavar="SECONDS", help="Mine a block this often.")] = 4.0,
    wobble: Annotated[float, typer.Option(min=0.0, max=0.2, help="Size of each block's price move, 0.01: 1 %.")] = 0.0,
) -> int:
    """Run the local world, real Uniswap and Aave with three vaults, until Ctrl-C."""
    console = screen()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with worlds.start(port) as running:
            files = playground.write(running, write) if write is not None else None
            console.print(render_world.page(running, files), soft_wrap=True)
            playground.live(running, every, wobble)
    except KeyboardInterrupt:
        console.print(Text("the world is gone", style="dim"))
    return exits.DONE


def _url(rpc_env: str) -> str:
    url = os.environ.get(rpc_env)
    if not url:
        raise BadInput(f"the environment variable {rpc_env} is not set; export {rpc_env}=... with the node's URL")
    return url


def _address(said: str) -> Address:
    try:
        return address(said)
    except ValueError as error:
        raise BadInput(f"{error}: correct the address on the command line") from None
