"""A contest in, the tables of its variances out, with the goals and where the champion loses."""

from collections.abc import Sequence

import numpy as np
from record_parts.common import BLOCK_H, SEED, START, Lines, span, table

from keeper.forecast import contest as contests
from keeper.forecast import scores
from keeper.forecast import trials as trial
from keeper.forecast.bars import Bars
from keeper.forecast.contest import Contest, align, origins
from keeper.forecast.ladder import extremes
from keeper.forecast.shape import LEAST_ORIGINS

MODELS = (
    contests.RISKMETRICS, contests.SLOW, contests.REACTIVE, contests.GARCH, contests.HAR, contests.RANGED,
    contests.LEARNED, contests.MEAN, contests.AUTO,
)  # fmt: skip


def variance_section(c: Contest, names: Sequence[str], champion: str, goals: dict[str, float]) -> Lines:
    """Mean QLIKE at non-overlapping origins, ratios to the baselines, and where the champion loses."""
    models = [m for m in MODELS if m in c.rates]
    on = origins(c, START, models)
    losses = {m: np.where(on, c.losses(m), np.nan) for m in models}
    means = {m: [float(np.nanmean(losses[m][:, k])) for k in range(len(names))] for m in models}
    counts = ", ".join(f"{n} {int(on[:, k].sum())}" for k, n in enumerate(names))
    yield f"Mean QLIKE, lower is better; non-overlapping origins: {counts}."
    yield ""
    rows = [[m, *(f"{v:.4f}" for v in means[m]), f"{np.mean(means[m]):.4f}"] for m in models]
    yield from table(("model", *names, "mean"), rows)
    baselines = [m for m in (contests.RISKMETRICS, contests.GARCH, contests.SLOW, contests.REACTIVE) if m in c.rates]
    rows = []
    for model in (champion, contests.MEAN, contests.AUTO):
        if model not in c.rates:
            continue
        for base in baselines:
            found = scores.skill(losses[model], losses[base], BLOCK_H, SEED)
            ratio = float(np.mean(means[model]) / np.mean(means[base]))
            aim = f"{'met' if ratio <= goals[base] else 'MISSED'}, at most {goals[base]:.2f}" if base in goals else ""
            rows.append([model, base, f"{ratio:.3f}", span(found), aim])
    yield from table(("model", "against", "ratio of means", "skill by asset, 90 % interval", "goal"), rows)
    every = np.isfinite(c.losses(champion)) & np.isfinite(c.losses(contests.RISKMETRICS)) & (c.ends >= START)[:, None]
    all_hours = [
        float(c.losses(champion)[every[:, k], k].mean() / c.losses(contests.RISKMETRICS)[every[:, k], k].mean())
        for k in range(len(names))
    ]
    told = ", ".join(f"{n} {r:.3f}" for n, r in zip(names, all_hours, strict=True))
    yield f"{champion} against {contests.RISKMETRICS} issued every hour instead: {told}."
    yield ""
    lost = [
        f"{n} against {b} ({means[champion][k]:.4f} > {means[b][k]:.4f}): switched to {b}"
        for k, n in enumerate(names)
        for b in baselines
        if means[champion][k] > means[b][k]
    ]
    yield "The champion loses: " + ("; ".join(lost) if lost else "nowhere in this table.")
    yield ""


def return_section(bars: Sequence[Bars], c: Contest, names: Sequence[str]) -> Lines:
    """The same forecasts against the squared return over the horizon, which a quote's noise hardly touches."""
    models = (contests.RISKMETRICS, contests.GARCH, contests.REACTIVE, contests.HAR)
    rates = {m: c.rates[m] for m in models}
    at = [
        max(contests.first_origin(c.hours) + LEAST_ORIGINS + c.hours, int(np.searchsorted(b.ends, START))) for b in bars
    ]
    mended = [
        trial.return_trial(b, c.rates[contests.HAR][np.searchsorted(c.ends, b.ends), k], c.hours, at[k])
        for k, b in enumerate(bars)
    ]
    rates["log-har, corrected"] = align(bars, mended, c.ends)
    came = align(bars, [extremes(b, c.hours)[0] ** 2 / c.hours for b in bars], c.ends)
    on = origins(c, START, models) & np.isfinite(rates["log-har, corrected"]) & np.isfinite(came)
    means = {
        m: [float(scores.qlike(came[:, k], r[:, k])[on[:, k]].mean()) for k in range(len(names))]
        for m, r in rates.items()
    }
    yield "The same against the squared return over the horizon, corrected by how far past returns differed:"
    yield ""
    yield from table(("model", *names), [[m, *(f"{v:.4f}" for v in row)] for m, row in means.items()])
    own = means["log-har, corrected"]
    lost = [
        f"{n} against {m} ({own[k]:.4f} > {means[m][k]:.4f}): switched to {m}"
        for k, n in enumerate(names)
        for m in models
        if own[k] > means[m][k]
    ]
    yield "The corrected champion loses: " + ("; ".join(lost) if lost else "nowhere in this table.")
    yield ""
