"""What the keepers' years came to in, the page about them out."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from preventative_parts.keepers import GAS_PRICE, Keeper, Levered

HEADING = """# Does acting before a band breaks pay?

`scripts/bench preventative`, one run. The keeper's own `decide`, policies and forecasts, hour by hour from {begun} to
{ended} through real prices of ETH and BTC: {looks:,} looks of each policy at the levered vault. A vault is worth two
million dollars at every look: gains leave and losses are made good, so that it is as large for its pools in each year.
Forecasts are fitted every four weeks and refreshed at every look on hours that had ended; nothing was fitted on the
outcome. Plans are exact Uniswap V3 swaps at oracle prices in pools of 0.05 %, as deep as a constant product of 100
million dollars a side, and {gas} gwei a unit of gas. In the *stressed* market depth is divided by how wild the last six
hours were against the last thirty days, one to eight times, and gas multiplied with its square; in the *steady* one
both stay as they are.

In basis points of net worth a year: *execution* is what was paid for trades, gas included; *off target* half the risk
aversion, 2, times the squared return that the deviation from the target made or lost between two looks, at most 1;
*liquidated* what liquidators took, 5 % of half the debt each time the health factor was seen under 1; a vault whose
debt was seen over its collateral is *ruined*, loses all, and begins anew. *Early* actions found the vault inside its
band. The levered vault is looked at every four hours, the basket every twelve, and both at the close of every hour in
which ETH fell by more than 1 %; the levered one three times on the way to the low of such an hour, too. The prices are
as they were published: the low of 19 May 2021, 40 % under that hour's open, decides much of what liquidators took.
"""


def page(keepers: Mapping[tuple[str, str, str], Keeper]) -> str:
    first = next(iter(keepers.values()))
    assert first.last is not None
    begun, ended = (datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d") for t in (first.begun, first.last.now))
    lines = [HEADING.format(begun=begun, ended=ended, looks=first.looks, gas=GAS_PRICE // 10**9)]
    lines += ["## In short", "", *_short(keepers), ""]
    for vault, market in dict.fromkeys((v, m) for v, m, _ in keepers):
        chosen = {name: one for (v, m, name), one in keepers.items() if (v, m) == (vault, market)}
        levered = isinstance(next(iter(chosen.values())), Levered)
        lines += [f"## {vault}, {market} market", "", *_table(chosen, levered), ""]
    return "\n".join(lines).rstrip()


def _short(keepers: Mapping[tuple[str, str, str], Keeper]) -> Iterator[str]:
    """Each preventative policy against the reactive one that goes back as far; under 1 it paid."""
    head = ["vault", "market", "goes back", "sum, preventative / reactive", "execution", "hours outside", "lowest"]
    yield _row(head)
    yield _row(["---"] * len(head))
    for (vault, market, name), one in keepers.items():
        reactive = keepers.get((vault, market, name.replace("preventative", "reactive")))
        if not name.startswith("preventative") or reactive is None:
            continue
        ours, theirs = one.tally, reactive.tally
        total = ours.total / theirs.total if theirs.total else 1.0
        yield _row(
            [
                vault,
                market,
                name.split(", ")[1],
                f"**{total:.2f}**" if total < 1.0 else f"{total:.2f}, it did not pay",
                f"{ours.cost / theirs.cost:.2f}" if theirs.cost else "-",
                f"{ours.outside_s / 3_600:,.0f} / {theirs.outside_s / 3_600:,.0f}",
                f"{ours.worst:.3f} / {theirs.worst:.3f}" if isinstance(one, Levered) else "-",
            ]
        )


def _table(chosen: Mapping[str, Keeper], levered: bool) -> Iterator[str]:
    names = ["policy", "actions", "early", "sold, × net worth", "execution", "off target"]
    names += ["liquidations", "ruins", "liquidated"] if levered else []
    names += ["sum", "hours outside"] + (["lowest"] if levered else [])
    yield _row(names)
    yield _row(["---"] + ["---:"] * (len(names) - 1))
    best = min(one.tally.total for one in chosen.values())
    for name, one in chosen.items():
        t, years = one.tally, one.years
        cells = [name, f"{t.actions:,}", f"{t.before:,}", f"{t.sold / years:.1f}", _bps(t.cost, years)]
        cells.append(_bps(t.tracking, years))
        cells += [f"{t.liquidations}", f"{t.ruins}", _bps(t.liquidated, years)] if levered else []
        total = _bps(t.total, years)
        cells += [f"**{total}**" if t.total == best else total, f"{t.outside_s / 3_600 / years:,.0f}"]
        cells += [f"{t.worst:.3f}"] if levered else []
        yield _row(cells)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bps(fraction: float, years: float) -> str:
    return f"{fraction / years * 1e4:,.1f}"
