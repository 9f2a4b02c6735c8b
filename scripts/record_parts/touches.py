"""Bars and a contest in, the tables of touched barriers out: skill, calibration and coverage."""

from collections.abc import Sequence

import numpy as np
from record_parts.common import BLOCK_H, CHAMPION, SEED, START, Lines, span, table
from record_parts.data import NAMES

from keeper.forecast import barriers as touching
from keeper.forecast import scores
from keeper.forecast.bars import Array, Bars
from keeper.forecast.contest import Contest, align


def touch_section(bars: Sequence[Bars], c: Contest, hours: int) -> Lines:
    tries = [
        touching.attempt(b, c.rates[CHAMPION][np.searchsorted(c.ends, b.ends), k], hours, SEED)
        for k, b in enumerate(bars)
    ]
    on = c.ends >= START
    yield (
        "Brier skill of `empirical`, mean of the four assets, 90 % interval by block bootstrap of whole weeks. "
        "`so far` is the unconditional frequency known when the forecast was made, `hindsight` that of the whole span."
    )
    yield ""
    rows, behind, workers = [], [], {}
    for one in touching.BARRIERS:
        loss = {
            w: align(bars, [t.losses(one, w) for t in tries], c.ends)[on]
            for w in (
                touching.EMPIRICAL, touching.BOOTSTRAP, touching.MIXED, touching.CLOSED, touching.REACTIVE,
                touching.SWITCHED, touching.FREQUENCY,
            )
        }  # fmt: skip
        hits = align(bars, [t.hits[one] for t in tries], c.ends)[on]
        base, closed, own = loss[touching.FREQUENCY], loss[touching.CLOSED], loss[touching.EMPIRICAL]
        known = np.isfinite(own) & np.isfinite(base)
        often = np.array([hits[known[:, k], k].mean() for k in range(len(bars))])
        hindsight = np.where(known, (hits - often) ** 2, np.nan)
        won = scores.skill(own, base, BLOCK_H, SEED)
        against = scores.skill(own, closed, BLOCK_H, SEED)
        late = scores.skill(own, hindsight, BLOCK_H, SEED)
        worst = int(np.argmin(won.columns))
        rows.append(
            [one.name, f"{often.mean():.3f}", span(won), f"{NAMES[worst]} {won.columns[worst]:+.3f}",
             f"{late.value:+.3f}", span(against)]
        )  # fmt: skip
        workers[one.name] = [scores.skill(loss[w], base, BLOCK_H, SEED).value for w in loss if w != touching.FREQUENCY]
        behind += [f"{NAMES[k]} {one.name}" for k, v in enumerate(won.columns) if v <= 0.0]
        if against.value <= 0.0:
            behind.append(f"{one.name} against the closed form")
    yield from table(("barrier", "touched", "against so far", "worst asset", "hindsight", "against closed form"), rows)
    yield "It does not win: " + ("; ".join(behind) if behind else "nowhere in this table.")
    yield ""
    yield "Skill against the frequency so far, by worker:"
    yield ""
    head = ("barrier", "empirical", "bootstrap", "mixture", "closed form", "reactive", "switched")
    yield from table(head, [[name, *(f"{v:+.3f}" for v in found)] for name, found in workers.items()])
    yield from calibration(bars, tries, on, c)


def calibration(bars: Sequence[Bars], tries: Sequence[touching.Attempted], on: Array, c: Contest) -> Lines:
    def pooled(worker: str) -> tuple[Array, Array]:
        pairs = [
            (t.chances[one, worker][b.ends >= START], t.hits[one][b.ends >= START])
            for t, b in zip(tries, bars, strict=True)
            for one in touching.BARRIERS
        ]
        return np.concatenate([p for p, _ in pairs]), np.concatenate([h for _, h in pairs])

    own, closed = (scores.reliability(*pooled(w)) for w in (touching.EMPIRICAL, touching.CLOSED))
    yield (
        f"Calibration over all barriers and assets: mean error {scores.calibration_error(own):.3f} "
        f"(closed form {scores.calibration_error(closed):.3f})."
    )
    yield ""
    yield from table(
        ("forecast", *(f"{b.forecast:.2f}" for b in own)),
        [
            ["observed", *(f"{b.observed:.2f}" for b in own)],
            ["count", *(f"{b.count:,}" for b in own)],
        ],
    )
    rows = []
    for share in (0.5, 0.9):
        found = []
        for t, b in zip(tries, bars, strict=True):
            late = b.ends >= START
            low, high = t.inside[share]
            found.append(f"{scores.coverage(t.final[late], low[late], high[late]):.3f}")
        rows.append([f"{share:.0%}", *found])
    yield "Share of returns inside their interval:"
    yield ""
    yield from table(("interval", *NAMES), rows)
