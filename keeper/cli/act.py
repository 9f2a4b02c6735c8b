"""The command that may act: run."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from keeper.chain import signer
from keeper.chain.signer import Signer
from keeper.cli import exits, render_report, render_ripcord
from keeper.cli.app import ConfigOption, app, config_of, opened, screen
from keeper.config import Config
from keeper.errors import BadInput
from keeper.run import Report, stop
from keeper.service import Listener, Service, open_to_act, require_private, serve


@app.command()
def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="One tick, then stop.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Sign and send what is cleared.")] = False,
    poll: Annotated[float | None, typer.Option(min=0.1, metavar="SECONDS", help="Between looks at the head.")] = None,
    timings: Annotated[bool, typer.Option("--timings", help="Show where each tick's time goes.")] = False,
    passphrase_fd: Annotated[
        int | None,
        typer.Option("--passphrase-fd", metavar="N", help="Read the keystore's passphrase from descriptor N."),
    ] = None,
    config: ConfigOption = None,
) -> int:
    """Watch the vaults at every new block. Rehearses and signs nothing, unless --live."""
    settings, console = config_of(context, config), screen()
    signer.refuse_key_in(sys.argv, settings.key.address)
    key = _signer(settings, passphrase_fd) if live else None
    if not live:
        console.print(Text("rehearsing: nothing is signed without --live", style="yellow"))
    elif (allowed := stop.allowed(settings.run.stop_file)) != "everything":
        console.print(Text(f"{settings.run.stop_file} exists: {stop.SENTENCES[allowed]}", style="yellow"))

    def show(report: Report) -> None:
        console.print(render_report.heartbeat(report), soft_wrap=True)
        if timings:
            console.print(render_report.timings(report), soft_wrap=True)

    if once:
        return _once(settings, key, live, console, timings)
    service = Service(
        open=lambda: open_to_act(settings, key),
        listener=Listener(show, lambda said: console.print(Text(said, style="yellow"), soft_wrap=True)),
        live=live,
        stop_file=settings.run.stop_file,
        poll_s=poll or settings.run.poll_s,
    )
    serve(service)
    return exits.DONE


@app.command()
def ripcord(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The levered vault.")],
    live: Annotated[bool, typer.Option("--live", help="Sign and send it.")] = False,
    keystore: Annotated[
        Path | None, typer.Option("--keystore", metavar="FILE", help="Any funded key but the keeper's own.")
    ] = None,
    passphrase_fd: Annotated[
        int | None,
        typer.Option("--passphrase-fd", metavar="N", help="Read the keystore's passphrase from descriptor N."),
    ] = None,
    config: ConfigOption = None,
) -> int:
    """De-lever a vault in danger, as anyone may, and be paid for it. Rehearses and signs nothing, unless --live."""
    settings, console = config_of(context, config), screen()
    settings.named(name)
    signer.refuse_key_in(sys.argv, settings.key.address)
    if live and keystore is None:
        raise BadInput("--live needs a key: name a keystore file with --keystore, any funded key but the keeper's own")
    puller = settings.key.address if keystore is None else signer.claimed(keystore)
    with opened(settings) as keeper:
        report = keeper.ripcord(name, puller)
        if live and keystore is not None and not report.reasons:
            ask = signer.prompted if passphrase_fd is None else lambda: signer.from_descriptor(passphrase_fd)
            key = signer.open_keystore(keystore, ask, puller)
            require_private(keeper.node, key)
            report = keeper.pull_ripcord(report, key)
    console.print(render_ripcord.page(report))
    if not live:
        console.print(Text("nothing was signed without --live", style="yellow"))
    return exits.REFUSED if report.reasons or report.differences else exits.DONE


def _once(settings: Config, key: Signer | None, live: bool, console: Console, timings: bool) -> int:
    with opened(settings, key) as keeper:
        allowed = stop.allowed(settings.run.stop_file)
        if live:
            keeper.reconcile(allowed)
        reports = keeper.tick(live, allowed)
        for one in reports:
            console.print(render_report.report(one))
            if timings:
                console.print(render_report.timings(one))
        keeper.study_when_due()
        for said in keeper.notices():
            console.print(Text(said, style="yellow"), soft_wrap=True)
    return exits.of_reports(reports)


def _signer(settings: Config, passphrase_fd: int | None) -> Signer:
    keystore = settings.key.keystore
    if keystore is None:
        raise BadInput("--live needs a key: name its keystore file in key.keystore")
    ask = signer.prompted if passphrase_fd is None else lambda: signer.from_descriptor(passphrase_fd)
    return signer.open_keystore(keystore, ask, settings.key.address)
