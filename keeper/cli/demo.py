"""The command that shows it all: demo."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from keeper import world as worlds
from keeper.chain import signer
from keeper.chain.node import Node
from keeper.cli import exits, render_demo
from keeper.cli.app import app, screen
from keeper.config import Config, load
from keeper.run import open_keeper
from keeper.world import playground
from keeper.world.demo import falling_market, ledger, play


@app.command()
def demo(
    steps: Annotated[int, typer.Option(min=6, max=200, help="How many times the market moves.")] = 36,
    seed: Annotated[int, typer.Option(help="Another number, another market.")] = 7,
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the picture goes.")] = Path("demo"),
) -> int:
    """Let a market fall on the local world, and the keeper hold three vaults through it, live."""
    console = screen()
    console.print(Text("starting the local world: Uniswap V2 and V3, Aave V3, three vaults", style="dim"))
    with worlds.start() as running, tempfile.TemporaryDirectory() as work:
        settings = load(playground.write(running, Path(work)).config, {})
        key = signer.world_key(worlds.WORLD_KEEPER_KEY, lambda: _on_world(settings))
        moments = []
        with open_keeper(settings, key) as keeper:
            for moment in play(running, keeper, falling_market(steps, seed)):
                moments.append(moment)
                console.print(render_demo.moment(moment), soft_wrap=True)
    drawn = folder / "falling-market.png"
    from keeper.world.demo import picture  # matplotlib, which every other command would wait for

    picture.draw(moments, drawn)
    console.print("", render_demo.states(moments), "", render_demo.ledger(ledger.entries(moments)), "")
    console.print(Text(f"picture: {drawn}", style="dim"))
    return exits.DONE


def _on_world(settings: Config) -> bool:
    """Whether the configured node is on the world: the only chain where its published key may sign."""
    node = Node(settings.chain.urls, settings.chain.id)
    try:
        genesis = node.block_at(0)
    finally:
        node.close()
    return genesis is not None and worlds.is_world(node.chain_id, genesis.hash)
