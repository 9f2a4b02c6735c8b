"""A number of steps and a seed in, the market's path through them out."""

import math
import random
from dataclasses import dataclass

STEP_SECONDS = 600
"""Ten minutes between two of the keeper's looks: an hourly path in miniature, and longer than the vaults' cooldown."""
START_USD = {"WETH": 3_000.0, "WBTC": 60_000.0}
FALL = {"WETH": -0.26, "WBTC": -0.09}
"""Log return over the whole path, before the wobble."""
WOBBLE = {"WETH": 0.012, "WBTC": 0.007}
"""Standard deviation of a step's own log return."""
NOISE_USD = 40_000.0
"""Largest swap that others make between two rounds."""


@dataclass(frozen=True, slots=True)
class Step:
    """Prices that the feeds report, and a swap by someone else: dollars of WETH bought (sold when negative)."""

    seconds: int
    usd: dict[str, float]
    noise_usd: float
    gwei: float | None = None
    """What gas costs in the block that the keeper sees; None: as in the world's genesis."""


def falling_market(steps: int, seed: int = 7) -> tuple[Step, ...]:
    """A slide over the first two thirds, and a wobble throughout; the same for the same seed."""
    draw = random.Random(seed)
    drift = dict.fromkeys(START_USD, 0.0)
    path = []
    for number in range(1, steps + 1):
        slide = 0.5 - 0.5 * math.cos(math.pi * min(1.0, 1.5 * number / steps))
        common = draw.gauss(0.0, 1.0)
        for token in drift:
            drift[token] += WOBBLE[token] * (0.8 * common + 0.6 * draw.gauss(0.0, 1.0))
        usd = {t: START_USD[t] * math.exp(FALL[t] * slide + drift[t]) for t in drift}
        path.append(Step(STEP_SECONDS, usd, draw.uniform(-NOISE_USD, NOISE_USD)))
    return tuple(path)
