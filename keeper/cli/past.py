"""Commands over the journal, which need no node: journal, replay."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from keeper.cli import exits, render_journal
from keeper.cli.app import ConfigOption, JsonOption, app, config_of, screen
from keeper.cli.as_json import decision_tree, report_tree
from keeper.journal import open_journal
from keeper.run.recall import outcome_of, recall
from keeper.run.record import CODEC
from keeper.run.record import replay as decide_again


@app.command()
def journal(
    context: typer.Context,
    tick: Annotated[int | None, typer.Argument(metavar="[TICK]", help="One tick in full.")] = None,
    vault: Annotated[str | None, typer.Option(metavar="NAME", help="Of one vault.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Tell what was decided, when and why: every tick is kept, those that did nothing too."""
    settings, console = config_of(context, config), screen()
    address = settings.named(vault).address if vault is not None else None
    with open_journal(settings.journal_url, CODEC, writer=False) as memory:
        if tick is not None:
            found, told = recall(memory, tick)
            if as_json:
                typer.echo(json.dumps(report_tree(told), indent=1))
            else:
                console.print(render_journal.one(found, told))
            return exits.DONE
        ticks = memory.ticks.latest(limit, address)
        outcomes = {one.id or 0: outcome_of(memory, one) for one in ticks}
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in ticks], indent=1))
    else:
        console.print(render_journal.many(ticks, outcomes, {v.address: v.name for v in settings.vaults}))
    return exits.DONE


@app.command()
def replay(
    context: typer.Context,
    tick: Annotated[int, typer.Argument(metavar="TICK", help="Its number in the journal.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Make a recorded decision again from its recorded arguments, and compare."""
    settings = config_of(context, config)
    with open_journal(settings.journal_url, CODEC, writer=False) as memory:
        done = decide_again(memory, tick)
    if as_json:
        both = {"recorded": decision_tree(done.recorded), "again": decision_tree(done.again)}
        typer.echo(json.dumps({"tick": done.tick_id, "same": done.same} | both, indent=1))
    else:
        screen().print(render_journal.replayed(done))
    return exits.DONE if done.same else exits.HALTED
