"""The moments of a demo in, a PNG out: prices, weights, health factors and a range, each against its band."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from keeper.model import Approved, Preventative, Quantity, Range
from keeper.run import Report
from keeper.vaults.range_vault import RangeVault
from keeper.world.demo.duel import Side
from keeper.world.demo.ledger import left
from keeper.world.demo.play import Moment

COLOURS = {"USDC": "#2775ca", "WETH": "#7a5cd6", "WBTC": "#e8912d"}
HEALTH = "#1b998b"
FLOOR = "#c0392b"
DUEL = ("#c0392b", "#1b998b")
"""Of the reactive keeper and of the preventative one."""


def draw(moments: Sequence[Moment], path: Path) -> None:
    """Write the picture. A dot is an action, at the value that it found; dashed is what would be had nobody acted."""
    figure, axes = plt.subplots(4, 1, figsize=(10, 14), sharex=True, height_ratios=(1, 1.6, 1.4, 1.4))
    hours = [(m.timestamp - moments[0].timestamp) / 3600 for m in moments]
    _prices(axes[0], hours, moments)
    for axis, kind, panel in zip(axes[1:], ("basket", "leverage", "range"), (_weights, _health, _range), strict=True):
        reports = [next(r for r in m.reports if r.mandate.kind == kind) for m in moments]
        panel(axis, hours, reports, [m.usd for m in moments])
    axes[-1].set_xlabel("hours")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_duel(sides: Sequence[Side], path: Path) -> None:
    """Write the picture of two keepers in one storm: the price, both health factors, the chance that made one act."""
    figure, axes = plt.subplots(3, 1, figsize=(10, 10), sharex=True, height_ratios=(0.9, 1.7, 1.0))
    moments = sides[0].moments
    hours = [(m.timestamp - moments[0].timestamp) / 3600 + 1 for m in moments]
    axes[0].plot(hours, [m.usd["WETH"] for m in moments], color=COLOURS["WETH"], label="WETH")
    _dress(axes[0], "The same storm for both", "WETH/USD")
    band = _quantities(moments[0].reports[0])[0]
    axes[1].axhspan(band.low, band.high, color=HEALTH, alpha=0.08, lw=0, label="mandate's band")
    for side, colour in zip(sides, DUEL, strict=True):
        _line(axes[1], hours, [m.reports[0] for m in side.moments], band.name, colour, 1.0, side.name)
        axes[1].axhline(min(side.values), color=colour, lw=0.8, ls=":", label=f"its lowest, {min(side.values):.3f}")
    axes[1].set_ylim(min(min(s.values) for s in sides) - 0.05, max(max(s.values) for s in sides) + 0.05)
    _dress(axes[1], "Health factors; dots are actions, at the value they found", "health factor")
    _chances(axes[2], hours, sides[-1])
    axes[2].set_xlabel("hours")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _chances(axis: Axes, hours: Sequence[float], side: Side) -> None:
    """The forecast chance to leave the band within a day, with the one that made it act in figures."""
    per_cent = [100 * c for c in side.chances]
    axis.plot(hours, per_cent, color=DUEL[-1], label="forecast, within 24 h")
    policy = side.moments[0].reports[0].mandate.policy
    if isinstance(policy, Preventative):
        for level, word in ((policy.act_above, "acts above"), (policy.stop_below, "stops below")):
            axis.axhline(100 * level, color="grey", lw=0.7, ls=":", label=f"{word} {100 * level:.0f} %")
    found = [(h, c) for h, c, m in zip(hours, per_cent, side.moments, strict=True) if _done(m.reports[0])]
    _dots(axis, found, DUEL[-1])
    for hour, chance in found:
        axis.annotate(f"{chance:.0f} %", (hour, chance), textcoords="offset points", xytext=(6, 4), fontsize=9)
    axis.set_ylim(0, 100)
    _dress(axis, "The chance that made the preventative keeper act", "chance, %")


def _prices(axis: Axes, hours: Sequence[float], moments: Sequence[Moment]) -> None:
    for token in moments[0].usd:
        first = moments[0].usd[token]
        axis.plot(hours, [100 * m.usd[token] / first for m in moments], color=COLOURS[token], label=token)
    _dress(axis, "The market falls and wobbles", "price, first = 100")


def _weights(axis: Axes, hours: Sequence[float], reports: Sequence[Report], usd: Sequence[dict[str, float]]) -> None:
    for first in _quantities(reports[0]):
        colour = COLOURS.get(first.name, "grey")
        axis.axhspan(100 * first.low, 100 * first.high, color=colour, alpha=0.08, lw=0)
        axis.axhline(100 * first.target, color=colour, lw=0.6, ls=":")
        _line(axis, hours, reports, first.name, colour, 100.0)
    start = {q.name: q.value for q in _quantities(reports[0])}
    held = [{t: w * prices.get(t, 1.0) / usd[0].get(t, 1.0) for t, w in start.items()} for prices in usd]
    drifted = [100 * values["WETH"] / sum(values.values()) for values in held]
    axis.plot(hours, drifted, color=COLOURS["WETH"], ls="--", lw=0.9, alpha=0.6, label="had nobody acted")
    _dress(axis, "Basket: weights and their bands; dots are rebalances", "weight, %")


def _health(axis: Axes, hours: Sequence[float], reports: Sequence[Report], usd: Sequence[dict[str, float]]) -> None:
    first = _quantities(reports[0])[0]
    axis.axhspan(first.low, first.high, color=HEALTH, alpha=0.08, lw=0, label="mandate's band")
    axis.axhline(first.target, color=HEALTH, lw=0.6, ls=":", label="target")
    _line(axis, hours, reports, first.name, HEALTH, 1.0)
    drifted = [first.value * prices["WETH"] / usd[0]["WETH"] for prices in usd]
    axis.plot(hours, drifted, color=HEALTH, ls="--", lw=0.9, alpha=0.6, label="had nobody acted")
    axis.axhline(1.0, color=FLOOR, lw=1.2, label="liquidation")
    axis.set_ylim(bottom=0.95, top=max(_named(r, first.name).value for r in reports) + 0.1)
    _dress(axis, "Levered position: health factor and its band; dots are de-leverings", "health factor")


def _range(axis: Axes, hours: Sequence[float], reports: Sequence[Report], usd: Sequence[dict[str, float]]) -> None:
    """The price, and the range that the vault had at each look and after each action."""
    times: list[float] = []
    ends: list[tuple[float, float]] = []
    found: list[tuple[float, float]] = []
    for hour, report, prices in zip(hours, reports, usd, strict=True):
        vault = report.snapshot.vault(report.mandate.vault)
        if not isinstance(vault, RangeVault):
            raise TypeError(f"a range was expected, found a vault of kind {vault.kind}")
        times.append(hour)
        ends.append(vault.prices_at_ends(vault.range))
        if (moved := _moved_to(report)) is not None:
            times.append(hour)
            ends.append(vault.prices_at_ends(moved))
            found.append((hour, prices["WETH"]))
    low, high = [low for low, _ in ends], [high for _, high in ends]
    axis.fill_between(times, low, high, color=COLOURS["WETH"], alpha=0.12, lw=0, label="range")
    for end in ends[0]:
        axis.axhline(end, color=COLOURS["WETH"], ls="--", lw=0.9, alpha=0.6)
    axis.plot(hours, [prices["WETH"] for prices in usd], color=COLOURS["WETH"], label="WETH")
    _dots(axis, found, COLOURS["WETH"])
    _dress(axis, "Range: the price in it, dashed the ends had nobody acted; dots are re-rangings", "WETH/USD")


def _moved_to(report: Report) -> Range | None:
    verdict = report.decision.verdict
    return verdict.prediction.range if _done(report) and isinstance(verdict, Approved) else None


def _line(
    axis: Axes,
    hours: Sequence[float],
    reports: Sequence[Report],
    name: str,
    colour: str,
    scale: float,
    label: str | None = None,
) -> None:
    """The value at each look, and after an action the one it left, at the same time."""
    times: list[float] = []
    values: list[float] = []
    found: list[tuple[float, float]] = []
    for hour, report in zip(hours, reports, strict=True):
        times.append(hour)
        values.append(scale * _named(report, name).value)
        if _done(report):
            found.append((hour, values[-1]))
            times.append(hour)
            values.append(scale * left(report, name))
    axis.plot(times, values, color=colour, label=label or name)
    _dots(axis, found, colour)


def _dots(axis: Axes, points: Sequence[tuple[float, float]], colour: str) -> None:
    axis.scatter([x for x, _ in points], [y for _, y in points], color=colour, s=28, zorder=3)


def _dress(axis: Axes, title: str, unit: str) -> None:
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axis.set_ylabel(unit)
    axis.grid(alpha=0.2)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _done(report: Report) -> bool:
    return report.outcome is not None and report.outcome.status == "done"


def _quantities(report: Report) -> tuple[Quantity, ...]:
    return report.decision.drift.quantities if report.decision.drift else ()


def _named(report: Report, name: str) -> Quantity:
    return next(q for q in _quantities(report) if q.name == name)
