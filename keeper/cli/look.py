"""Commands that look and change nothing: check, status, plan, dry-run, shock."""

import json
import os

import typer

from keeper import doctor
from keeper.cli import exits, render_check, render_dry, render_report, render_shock, render_status
from keeper.cli.app import ConfigOption, JsonOption, NameArgument, app, config_of, names, opened, path_of, screen
from keeper.cli.as_json import report_tree, shock_tree


@app.command()
def check(context: typer.Context, config: ConfigOption = None) -> int:
    """Examine the configuration, the node, the vaults, the feeds, the roles and the key."""
    found = doctor.examine(path_of(context, config), os.environ)
    screen().print(render_check.checks(found))
    return exits.BAD_INPUT if any(one.status == "fail" for one in found) else exits.DONE


@app.command()
def status(context: typer.Context, name: NameArgument = None, config: ConfigOption = None) -> int:
    """Show the vaults as they are now, against their bands, budgets and feeds."""
    settings, console = config_of(context, config), screen()
    chosen = names(settings, name)
    with opened(settings) as keeper:
        snapshot = keeper.observe()
        console.print(render_status.head(snapshot), "")
        for mandate in keeper.bound.mandates:
            if mandate.name in chosen:
                state = keeper.state(mandate.name)
                console.print(render_status.vault(snapshot, mandate, keeper.bound.feeds, state))
    return exits.DONE


@app.command()
def plan(
    context: typer.Context, name: NameArgument = None, as_json: JsonOption = False, config: ConfigOption = None
) -> int:
    """Explain what the keeper would do now, why, what it costs and what else it weighed. Signs nothing."""
    settings, console = config_of(context, config), screen()
    chosen = names(settings, name)
    with opened(settings) as keeper:
        snapshot = keeper.observe()
        reports = [keeper.decide(one, snapshot) for one in chosen]
    if as_json:
        typer.echo(json.dumps([report_tree(one) for one in reports], indent=1))
    else:
        for one in reports:
            console.print(render_report.report(one))
    return exits.of_reports(reports)


@app.command("dry-run")
def dry_run(context: typer.Context, name: NameArgument = None, config: ConfigOption = None) -> int:
    """Execute the plan on a throw-away fork of the node, and show the vault before and after. Signs nothing."""
    settings, console = config_of(context, config), screen()
    reports = []
    with opened(settings) as keeper:
        for one in names(settings, name):
            done = keeper.dry_run(one)
            console.print(render_dry.dry_run(done))
            reports.append(done)
    return max(exits.REFUSED if one.revert else exits.of_report(one.report) for one in reports)


@app.command()
def shock(
    context: typer.Context, name: NameArgument = None, as_json: JsonOption = False, config: ConfigOption = None
) -> int:
    """Show what crashes, a depeg, a rate spike and dear gas would do now, and what the keeper would do in time."""
    settings, console = config_of(context, config), screen()
    with opened(settings) as keeper:
        snapshot = keeper.observe()
        struck = {one: keeper.shock(one, snapshot) for one in names(settings, name)}
    if as_json:
        typer.echo(json.dumps([shock_tree(one, blow) for one, all_of in struck.items() for blow in all_of], indent=1))
    else:
        for one, all_of in struck.items():
            mandate = next(m for m in keeper.bound.mandates if m.name == one)
            console.print(render_shock.table(one, snapshot.vault(mandate.vault), all_of))
    return exits.DONE
