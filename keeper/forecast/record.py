"""What came of a vault's live forecasts in, the record of each model out: who may still act before a band breaks."""

from collections.abc import Sequence

import numpy as np

from keeper.forecast.resolve import judge
from keeper.forecast.scores import reliability
from keeper.model import Record, Resolved, Score
from keeper.units import Address

WINDOW_S = 90 * 86_400
"""Forecasts issued longer ago no longer count: who was wrong in another season may speak again."""
LEAST_HORIZONS = 10
"""A record that spans fewer horizons proves nothing either way."""
LEAST_TOUCHED = 0.01
"""With fewer touches than this share there is nothing to be right about."""


def records(vault: Address, resolved: Sequence[Resolved], seed: int) -> tuple[Record, ...]:
    """One record a model and horizon, from forecasts in order of issue.

    A model loses trust while the skill of its touches against the unconditional frequency is not above 0, and has it
    again once it is; while too little is resolved, or next to nothing was touched, the walk-forward record stands.
    """
    groups: dict[tuple[str, int], list[Resolved]] = {}
    for one in resolved:
        groups.setdefault((one.model, one.horizon_s), []).append(one)
    return tuple(_record(vault, group, seed) for _, group in sorted(groups.items()))


def _record(vault: Address, group: Sequence[Resolved], seed: int) -> Record:
    first, scores = group[0], judge(group, seed)
    told = [(p, float(hit)) for r in group for _, _, p, hit in r.touches]
    chances, hits = np.array(told).reshape(-1, 2).T
    inside = [held for r in group for *_, held in r.moves]
    trusted, note = _verdict(group, hits.mean() if len(hits) else 0.0, scores)
    bins = reliability(chances, hits)
    return Record(
        vault=vault,
        model=first.model,
        horizon_s=first.horizon_s,
        trusted=trusted,
        note=note,
        resolved=len(group),
        disturbed=sum(not r.touches for r in group),
        coverage=float(np.mean(inside)) if inside else 1.0,
        scores=scores,
        calibration=tuple((b.forecast, b.observed, b.count) for b in bins),
    )


def _verdict(group: Sequence[Resolved], touched: float, scores: Sequence[Score]) -> tuple[bool, str]:
    spans = (group[-1].issued_at - group[0].issued_at) / group[0].horizon_s
    brier = next((s for s in scores if s.measure == "brier"), None)
    if spans < LEAST_HORIZONS:
        return True, f"live record of {spans:.1f} horizons, under {LEAST_HORIZONS}: the walk-forward one stands"
    if brier is None or touched < LEAST_TOUCHED:
        return True, "next to nothing was touched live: the walk-forward record stands"
    said = f"Brier skill {brier.skill:+.3f} against the unconditional frequency over {brier.count} live forecasts"
    if brier.skill > 0.0:
        return True, said
    return False, f"{group[0].model} switched off by its live record, {said}: reactive bands only"
