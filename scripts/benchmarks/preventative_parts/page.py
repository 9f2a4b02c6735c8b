"""What the keepers' years came to in, the page about them out."""

from collections.abc import Mapping

from preventative_parts.keepers import Keeper, Levered

from keeper.units import SECONDS_PER_YEAR


def page(keepers: Mapping[tuple[str, str, str], Keeper]) -> str:
    lines: list[str] = []
    for vault, market in dict.fromkeys((v, m) for v, m, _ in keepers):
        chosen = {name: one for (v, m, name), one in keepers.items() if (v, m) == (vault, market)}
        levered = isinstance(next(iter(chosen.values())), Levered)
        last = next(iter(chosen.values())).last
        assert last is not None
        lines += [f"### {vault}, {market} market", "", *_table(chosen, levered), ""]
    return "\n".join(lines)


def _table(chosen: Mapping[str, Keeper], levered: bool) -> list[str]:
    names = ["policy", "actions", "of them early", "sold, × net worth", "execution", "off target"]
    names += ["liquidations", "their loss"] if levered else []
    names += ["sum", "hours outside"] + (["lowest"] if levered else [])
    rows = [names, ["---"] * len(names)]
    years = _years(next(iter(chosen.values())))
    best = min(one.tally.total for one in chosen.values())
    for name, one in chosen.items():
        t = one.tally
        cells = [name, f"{t.actions:,}", f"{t.before:,}", f"{t.sold / years:.1f}", _bps(t.cost, years)]
        cells.append(_bps(t.tracking, years))
        cells += [f"{t.liquidations}", _bps(t.liquidated, years)] if levered else []
        total = _bps(t.total, years)
        cells += [f"**{total}**" if t.total == best else total, f"{t.outside_s / 3_600 / years:,.0f}"]
        cells += [f"{t.worst:.3f}"] if levered else []
        rows.append(cells)
    return [f"| {' | '.join(cells)} |" for cells in rows]


def _years(one: Keeper) -> float:
    assert one.last is not None
    return (one.last.now - one.begun) / SECONDS_PER_YEAR


def _bps(fraction: float, years: float) -> str:
    return f"{fraction / years * 1e4:,.1f}"
