"""Bars and a contest in, the tables of what else is forecast out: several assets at once, moods, and levels."""

from collections.abc import Sequence

import numpy as np
from record_parts.common import BLOCK_H, CHAMPION, SEED, START, Lines, span, table
from record_parts.data import NAMES, rows_of

from keeper.forecast import levels, paths, scores
from keeper.forecast import trials as trial
from keeper.forecast.bars import HOUR_S, Array, Bars
from keeper.forecast.contest import Contest
from keeper.forecast.fit import LEAST_TOUCHED
from keeper.forecast.ladder import extremes, rate
from keeper.forecast.walk import frequency

BANDS = (0.01, 0.02)


def joint_section(bars: Sequence[Bars], c: Contest) -> Lines:
    """A basket of four equal weights and a loan of BTC against ETH, by simulation."""
    trials = {band: trial.joint_trial(bars, c, CHAMPION, START + 60 * 24 * HOUR_S, band, SEED) for band in BANDS}
    first = trials[BANDS[0]]
    block = BLOCK_H // trial.EVERY_H
    yield (
        f"Issued every {trial.EVERY_H} h, {len(first.left):,} times; {paths.PATHS:,} paths, seed {SEED}, mean "
        f"Monte-Carlo error of a chance {first.error:.4f}. Touches are of hourly closes. Brier skill "
        "against the frequency so far, by correlation:"
    )
    yield ""
    rows = []
    for band, t in trials.items():
        cases = (
            (f"weights leave ±{100 * band:g} %", t.weights, t.left, t.usual),
            (f"ETH/BTC falls by {200 * band:g} %", t.ratio, t.fell, t.usual_fall),
        )
        for name, chances, came, usual in cases:
            told = [
                span(scores.skill((chances[k] - came) ** 2, (usual - came) ** 2, block, SEED))
                for k in trial.CORRELATIONS
            ]
            rows.append([name, f"{came.mean():.3f}", *told])
    yield from table(("quantity", "touched", *trial.CORRELATIONS), rows)
    found = (f"{k} {scores.qlike(first.realised, v).mean():.4f}" for k, v in first.variance.items())
    yield "QLIKE of the basket's 24 h variance: " + ", ".join(found) + "."
    yield ""


def regime_section(bars: Sequence[Bars], c: Contest) -> Lines:
    yield "What followed within 24 h, by the mood called beforehand; the ratio is to the variance of the week before:"
    yield ""
    rows = []
    for k, (name, b) in enumerate(zip(NAMES, bars, strict=True)):
        at = np.searchsorted(c.ends, b.ends)
        forecasts, came = c.rates[CHAMPION][at, k], c.realised[at, k]
        start = max(int(np.searchsorted(b.ends, START)), int(np.argmax(np.isfinite(forecasts))))
        called = np.array(trial.moods(b, forecasts, start))
        fall, week = extremes(b, 24)[2], rate(b, 168)
        for mood in ("calm", "rising", "crisis"):
            on = (called == mood) & np.isfinite(came)
            rows.append(
                [name, mood, f"{on.sum() / (called != '').sum():.0%}", f"{np.sqrt(np.mean(came[on]) * 8_760):.0%}",
                 f"{np.mean(came[on]) / np.mean(week[on]):.2f}", f"{np.mean(fall[on] >= -np.log(0.97)):.0%}"]
            )  # fmt: skip
    yield from table(("asset", "mood", "of the time", "volatility a year", "ratio", "fell 3 %"), rows)


def level_section() -> Lines:
    def column(name: str, k: int) -> Array:
        return np.array([float(r[k]) for r in rows_of(name)])

    gas = column("polygon_gas_price_1m.csv.gz", 1)
    cases = (
        ("ETH funding, 24 h", column("ETH-USD_funding_8h_2020-2022.csv.gz", 1), 3, False, 1_095),
        ("gas, 30 min", gas, 30, True, 1_440),
        ("USDC borrow rate, 1 h", column("polygon_aave_v3_usdc_1m_2023-08.csv.gz", 3), 60, True, 1_440),
        ("WETH borrow rate, 1 h", column("polygon_aave_v3_weth_1m_2023-08.csv.gz", 3), 60, True, 1_440),
    )
    yield (
        "Mean absolute error relative to two naive forecasts (under 1 wins), the share inside the 90 % interval, and "
        "the Brier skill of the chance that it falls by a tenth within the horizon, against the frequency so far:"
    )
    yield ""
    rows, lost = [], []
    for name, values, steps, logarithmic, window in cases:
        walked = levels.walk_level(values, steps, logarithmic, window)
        errors = levels.losses(walked, values)
        own = np.nanmean(errors[levels.OWN])
        ratios = {base: own / np.nanmean(errors[base]) for base in (levels.NOW, levels.USUAL)}
        usual = frequency(walked.hit, steps, window)
        fell = "rarely" if np.nanmean(walked.hit) < LEAST_TOUCHED else ""
        if not fell:
            found = scores.skill((walked.chance - walked.hit) ** 2, (usual - walked.hit) ** 2, 2 * steps, SEED)
            fell = span(found)
            lost += [f"{name}, the fall"] if found.value <= 0.0 else []
        lost += [f"{name} against {base}" for base, ratio in ratios.items() if ratio >= 1.0]
        count = int(np.isfinite(errors[levels.OWN]).sum())
        rows.append([name, *(f"{r:.3f}" for r in ratios.values()), f"{levels.inside(walked):.3f}", fell, f"{count:,}"])
    yield from table(("level", *(f"against {b}" for b in (levels.NOW, levels.USUAL)), "90 % interval", "falls a tenth",
                      "forecasts"), rows)  # fmt: skip
    yield "It does not win: " + ("; ".join(lost) if lost else "nowhere here.")
    yield ""
    yield (
        "A level that does not beat as now, walk-forward, is switched to as now by `fit`, which says so, and nothing "
        "waits for a fall whose chance did not beat its frequency."
    )
    yield ""
