"""The running world in, what a newcomer needs to know of it out."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from keeper.cli import words
from keeper.world import RunningWorld
from keeper.world.playground import PASSPHRASE, Files


def page(running: RunningWorld, files: Files | None) -> RenderableType:
    world = running.world
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("node", f"{running.url}   chain {world.chain_id}")
    for vault in world.vaults:
        table.add_row(f"vault {vault.name}", vault.address)
    table.add_row("keeper", world.account("keeper"))
    for token in world.tokens:
        table.add_row(f"token {token.symbol}", f"{token.address}  feed {words.short(world.feed(token.symbol).address)}")
    parts: list[RenderableType] = [
        Text("the local world is running", style="bold"),
        Padding(table, (0, 0, 0, 2), expand=False),
    ]
    if files is not None:
        parts.append(
            Text(f"wrote {files.config} and {files.keystore.name} (passphrase: {PASSPHRASE}); now try, elsewhere:")
        )
        tries = ("check", "status", "plan", "dry-run", "run --once", "run --live", "journal", "replay 1")
        parts.append(Text("\n".join(f"  keeper --config {files.config} {verb}" for verb in tries), style="cyan"))
    parts.append(Text("Ctrl-C ends it, and with it everything on this chain", style="dim"))
    return Group(*parts)
