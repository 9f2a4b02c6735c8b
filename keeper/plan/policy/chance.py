"""Bands and a forecast in, each edge with the chance to reach it, from here and from elsewhere, out."""

import math
from dataclasses import dataclass, replace

from scipy.special import ndtr, ndtri

from keeper.model import Drift, Forecast, Quantity

HEALTH = "health factor"


def deviations(probability: float) -> float:
    """How many deviations away a driftless motion reaches a barrier with `probability`: p = 2Φ(-z), so z = -Φ⁻¹(p/2).

    The reflection principle; 0 for a certainty, infinite for an impossibility.
    """
    return max(0.0, -float(ndtri(probability / 2.0)))


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of a quantity's band, and the forecast chance that it is reached within the horizon.

    Chances from elsewhere keep the forecast's own deviation: the one that gives `chance` over the distance there is
    now. Distances are in log for a health factor, which moves as a price does, and plain for a share.
    """

    quantity: Quantity
    barrier: float
    chance: float

    @property
    def low(self) -> bool:
        return self.barrier < self.quantity.target

    @property
    def broken(self) -> bool:
        """Whether the quantity is at or beyond it."""
        return self.distance(self.quantity.value) <= 0.0

    def distance(self, value: float) -> float:
        """From `value` to the edge, positive inside the band."""
        away = math.log(value / self.barrier) if self.quantity.name == HEALTH else value - self.barrier
        return away if self.low else -away

    def chance_at(self, value: float) -> float:
        """What the chance would be from `value`."""
        here, there = self.distance(self.quantity.value), self.distance(value)
        if there <= 0.0:
            return 1.0
        if here <= 0.0 or self.chance <= 0.0:
            return self.chance
        return 2.0 * float(ndtr(-deviations(self.chance) * there / here))

    def leaving(self, value: float) -> float:
        """The chance to leave the band from `value`, by this edge or the other; a health factor by this one alone.

        The other edge is as far in the same deviations: a band that is left at both ends is no safer in its middle.
        """
        chance = self.chance_at(value)
        if self.quantity.name == HEALTH:
            return chance
        other = replace(self, barrier=self.quantity.high if self.low else self.quantity.low)
        here, sized = self.distance(self.quantity.value), deviations(self.chance)
        if here <= 0.0 or math.isinf(sized) or sized == 0.0:
            return chance
        there = max(0.0, other.distance(value))
        return min(1.0, chance + 2.0 * float(ndtr(-sized * there / here)))

    def share_for(self, chance: float) -> float:
        """How much of the band's half, from the target to this edge, is left where the edge has `chance`; in [0, 1]."""
        here = self.distance(self.quantity.value)
        sized = deviations(self.chance)
        away = here * deviations(chance) / sized if sized > 0.0 else math.inf
        whole = self.distance(self.quantity.target)
        if self.quantity.name == HEALTH:
            place = self.barrier * math.exp(min(away, 50.0) if self.low else -min(away, 50.0))
            away, whole = abs(place - self.barrier), abs(self.quantity.target - self.barrier)
        return min(1.0, max(0.0, 1.0 - away / whole))


def edges(drift: Drift, forecast: Forecast) -> tuple[Edge, ...]:
    """Both edges of every band that the forecast speaks of, the likeliest to be reached first."""
    named = {q.name: q for q in drift.quantities}
    found = [
        Edge(named[t.quantity], t.barrier, float(t.probability))
        for t in forecast.touches
        if t.quantity in named and t.barrier in (named[t.quantity].low, named[t.quantity].high)
    ]
    return tuple(sorted(found, key=lambda e: -e.chance))
