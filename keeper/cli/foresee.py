"""The command that tells the future, and how well it was told before: forecast."""

import json
from typing import Annotated

import typer
from rich.text import Text

from keeper.cli import exits, render_forecast
from keeper.cli.app import ConfigOption, JsonOption, NameArgument, app, config_of, names, opened, screen
from keeper.cli.as_json import foreseen_tree


@app.command()
def forecast(
    context: typer.Context,
    name: NameArgument = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit the models anew first, on what the journal holds; a running keeper does.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Show today's forecast in plain words, and the record: what became of those before. Signs nothing."""
    settings, console = config_of(context, config), screen()
    chosen = names(settings, name)
    with opened(settings) as keeper:
        if fit:
            keeper.study()
            for said in keeper.notices():
                console.print(Text(said, style="yellow"))
        snapshot = keeper.observe()
        told = [keeper.foresee(one, snapshot) for one in chosen]
    if as_json:
        typer.echo(json.dumps([foreseen_tree(one) for one in told], indent=1))
    else:
        for one in told:
            console.print(render_forecast.page(one))
    return exits.DONE
