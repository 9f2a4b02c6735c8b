"""A seed in, hourly prices that led up to now and the hours that come out: calm, a rising storm, and a fall."""

import math
import random
from collections.abc import Iterator

from keeper.world.demo.scenario import START_USD, Step

HOUR_S = 3_600
PAST_H = 2_900
"""Hours of history: what forecasts need before they may be trusted, and a little more."""
USUAL = 0.006
"""Standard deviation of an hour's log return, of WETH; about 56 % a year."""
MEMORY = 0.985
"""Of the log variance, from one hour to the next: storms last for days."""
ROUGHNESS = 0.16
STORM_H, FALL_H = 4, 17
"""Hours of the scene after which the storm rises, and in which the price falls."""
FALL = -0.085
"""Log return of that hour."""
SLIDE = -0.0115
"""Log return an hour while the storm rises."""
USUAL_GWEI, DEAR_GWEI = 2.0, 50.0
"""What gas costs, and what it costs in the fall and after."""


def past(usd: float, seed: int, hours: int = PAST_H) -> tuple[float, ...]:
    """Hourly prices that end at `usd`, their variance a slow random walk round its mean; the same for the same seed."""
    draw = random.Random(seed)
    logs, state = [0.0], 0.0
    for _ in range(hours - 1):
        state = MEMORY * state + ROUGHNESS * draw.gauss(0.0, 1.0)
        logs.append(logs[-1] + USUAL * math.exp(state / 2.0) * draw.gauss(0.0, 1.0))
    return tuple(usd * math.exp(one - logs[-1]) for one in logs)


def storm(hours: int, seed: int) -> Iterator[Step]:
    """Hour by hour: calm, then wider and wider moves down, then one fall while everyone trades and gas is dear."""
    draw = random.Random(seed + 1)
    log = 0.0
    for hour in range(1, hours + 1):
        rising = min(1.0, max(0.0, (hour - STORM_H) / (FALL_H - STORM_H)))
        log += USUAL * (0.6 + 1.2 * rising) * draw.gauss(0.0, 1.0) + (SLIDE if hour > STORM_H else 0.0)
        log += FALL if hour == FALL_H else 0.0
        usd = START_USD["WETH"] * math.exp(log)
        yield Step(HOUR_S, {"WETH": usd}, 0.0, DEAR_GWEI if hour >= FALL_H else USUAL_GWEI)
