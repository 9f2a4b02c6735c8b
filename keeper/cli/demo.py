"""The command that shows it all: demo."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from keeper import world as worlds
from keeper.chain import signer
from keeper.chain.node import Node
from keeper.chain.signer import Signer
from keeper.cli import exits, render_demo
from keeper.cli.app import app, screen
from keeper.config import Config, load
from keeper.run import open_keeper
from keeper.world import RunningWorld, playground
from keeper.world.demo import falling_market, ledger, play
from keeper.world.demo.duel import Side, duel


@app.command()
def demo(
    steps: Annotated[int, typer.Option(min=6, max=200, help="How many times the market moves.")] = 36,
    seed: Annotated[int, typer.Option(help="Another number, another market.")] = 7,
    storm: Annotated[int, typer.Option(help="Another number, another storm.")] = 5,
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the pictures go.")] = Path("demo"),
) -> int:
    """Let a storm hit two keepers of one vault, and a market fall on the keeper of three, live on the local world."""
    console = screen()
    console.print(Text("starting the local world: Uniswap V2 and V3, Aave V3, three vaults", style="dim"))
    with worlds.start() as running, tempfile.TemporaryDirectory() as work:
        sides = _storm(console, running, Path(work), storm)
        settings = load(playground.configure(running, Path(work)), {})
        moments = []
        with open_keeper(settings, _key(settings)) as keeper:
            for moment in play(running, keeper, falling_market(steps, seed)):
                moments.append(moment)
                console.print(render_demo.moment(moment), soft_wrap=True)
    from keeper.world.demo import picture  # matplotlib, which every other command would wait for

    drawn = (folder / "falling-market.png", folder / "seen-coming.png")
    picture.draw(moments, drawn[0])
    picture.draw_duel(sides, drawn[1])
    console.print("", render_demo.states(moments), "", render_demo.ledger(ledger.entries(moments)), "")
    console.print(render_demo.duel(sides), "")
    console.print(Text(f"pictures: {', '.join(map(str, drawn))}", style="dim"))
    return exits.DONE


def _storm(console: Console, running: RunningWorld, work: Path, seed: int) -> list[Side]:
    """The same storm for a keeper that waits for the band to break and for one that sees it coming."""
    sides: list[Side] = []
    named = ""
    for found in duel(running, work, _key, seed):
        if isinstance(found, Side):
            sides.append(found)
            continue
        name, moment = found
        if name != named:
            console.print(Text(f"the {name} keeper in the storm, each hour", style="bold"))
            named = name
        console.print(render_demo.moment(moment), soft_wrap=True)
    console.print("")
    return sides


def _key(settings: Config) -> Signer:
    return signer.world_key(worlds.WORLD_KEEPER_KEY, lambda: _on_world(settings))


def _on_world(settings: Config) -> bool:
    """Whether the configured node is on the world: the only chain where its published key may sign."""
    node = Node(settings.chain.urls, settings.chain.id)
    try:
        genesis = node.block_at(0)
    finally:
        node.close()
    return genesis is not None and worlds.is_world(node.chain_id, genesis.hash)
