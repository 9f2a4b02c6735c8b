"""What is held of the past in, a table of it out."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keeper.cli import words
from keeper.model import Token
from keeper.run import Holding


def page(found: Sequence[Holding], tokens: Sequence[Token]) -> RenderableType:
    """A line a token or level and source; gaps and what is set aside in the open."""
    if not found:
        said = "nothing is held yet; a running keeper keeps what it sees, `keeper history fetch` reads what was before"
        return Text(said, style="dim")
    symbols: dict[str, str] = {t.address: t.symbol for t in tokens}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("of", "what", "from", "count", "since", "until", "missing"):
        table.add_column(name, justify="right" if name in ("count", "missing") else "left", no_wrap=True)
    table.add_column("set aside", overflow="fold", min_width=9)
    for one in found:
        held = one.held
        missing = f"{one.missing:,} h, {one.longest:,} in a row" if one.missing else "-"
        table.add_row(
            _name(held.name, symbols),
            held.kind,
            "hours" if held.kind == "levels" else _source(held.source, held.kind),
            f"{held.count:,}",
            words.clock(held.first)[:10],
            words.clock(held.last)[5:16],
            missing,
            Text(one.aside or "-", style="yellow" if one.aside else "dim"),
        )
    return table


def _name(name: str, symbols: dict[str, str]) -> str:
    what, _, token = name.rpartition(" ")
    return f"{what} {symbols.get(token, token)}".strip()


def _source(source: str, what: str) -> str:
    kind, _, rest = source.rpartition(" ")
    where = words.short(rest) if rest.startswith("0x") else rest
    return f"{kind or ('feed' if what == 'prices' else 'pool')} {where}"
