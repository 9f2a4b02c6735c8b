"""Commands about the past that forecasts are made from: history, history fetch, history import."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from keeper.cli import exits, render_history
from keeper.cli.app import ConfigOption, app, config_of, opened, screen
from keeper.errors import BadInput
from keeper.run import Keeper, files
from keeper.units import Address

history = typer.Typer(rich_markup_mode=None, add_completion=False)
app.add_typer(history, name="history")


@history.callback(invoke_without_command=True)
def show(context: typer.Context, config: ConfigOption = None) -> int:
    """Show what the journal holds of prices, rates and gas: from where, how far back, with which gaps."""
    if context.invoked_subcommand is not None:
        return exits.DONE
    settings, console = config_of(context, config), screen()
    with opened(settings) as keeper:
        console.print(render_history.page(keeper.holdings(), keeper.bound.tokens))
    return exits.DONE


@history.command()
def fetch(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=400, help="How far back to read trades, gas and rates.")] = 100,
    config: ConfigOption = None,
) -> int:
    """Read the past from the node: every feed's rounds, and by the hour pools' trades, gas and loan rates."""
    settings, console = config_of(context, config), screen()
    with opened(settings) as keeper:
        for said in keeper.fetch(days):
            console.print(Text(said, style="dim"), soft_wrap=True)
        console.print(render_history.page(keeper.holdings(), keeper.bound.tokens))
    return exits.DONE


@history.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV (also .gz) or Parquet: times, and prices or bars.")],
    token: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Whose prices they are; or an address.")] = None,
    level: Annotated[str | None, typer.Option(metavar="NAME", help="A level, such as gas (in gwei).")] = None,
    stamped: Annotated[str, typer.Option(metavar="start|end", help="What a bar's time is that of.")] = "start",
    config: ConfigOption = None,
) -> int:
    """Keep the prices of a file: bars lend their ranges, single prices stand before a feed's first round."""
    settings, console = config_of(context, config), screen()
    if (token is None) == (level is None):
        raise BadInput("found neither or both of --token and --level: name the one that the file is about")
    if stamped not in ("start", "end"):
        raise BadInput(f"found --stamped {stamped}, expected start or end")
    table = files.read(file, stamped)
    with opened(settings) as keeper:
        past, chain_id = keeper.journal.past, keeper.node.chain_id
        if level is not None:
            past.add_levels(chain_id, files.level(table, level))
        else:
            whose = _token(keeper, token or "")
            if table.bar:
                past.add_candles(chain_id, files.candles(table, whose))
            past.add_prices(chain_id, files.series(table, whose), table.source)
        console.print(f"{len(table.times):,} rows of {file.name} kept; `keeper forecast --fit` learns from them")
    return exits.DONE


def _token(keeper: Keeper, named: str) -> Address:
    found = [t.address for t in keeper.bound.tokens if named.lower() in (t.symbol.lower(), t.address)]
    if len(found) != 1:
        symbols = ", ".join(t.symbol for t in keeper.bound.tokens)
        raise BadInput(f"found --token {named}, expected one of {symbols}, or an address")
    return found[0]
