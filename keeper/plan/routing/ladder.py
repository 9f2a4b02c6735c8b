"""A venue in, the two ladders of constant liquidity that its price can go down out."""

import functools
import math
from dataclasses import dataclass

import numpy as np

from keeper.model import Venue
from keeper.plan.routing.kernel import Floats
from keeper.units import Address

_REMEMBERED = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """A pool's steps for selling token 0 and token 1 into it, rows (top, bottom, liquidity, in, out) of root prices.

    Root prices are of raw output per raw input before the fee, amounts raw; the rows of an exhausted side are none.
    """

    pool: Address
    tokens: tuple[Address, Address]
    keep: float
    gas: int
    sides: tuple[Floats, Floats]


@functools.lru_cache(_REMEMBERED)
def ladder(venue: Venue) -> Ladder | None:
    """The pool's ladders, None when it holds nothing; remembered, since most pools stay as they are for many blocks."""
    pieces = venue.lower()
    if not pieces:
        return None
    down = [(p.reserve_0, p.reserve_1, p.capacity_0) for p in reversed(pieces) if p.capacity_0 > 0.0]
    up = [(p.reserve_1, p.reserve_0, p.capacity_1) for p in pieces if p.capacity_1 > 0.0]
    return Ladder(venue.pool, venue.tokens, 1.0 - venue.fee, venue.gas, (_rows(down), _rows(up)))


def _rows(stretches: list[tuple[float, float, float]]) -> Floats:
    """Rows of (reserve in, reserve out, capacity in) stretches, the price falling from one to the next."""
    rows = np.zeros((len(stretches), 5))
    paid = given = 0.0
    for row, (reserve_in, reserve_out, capacity) in zip(rows, stretches, strict=True):
        depth = math.sqrt(reserve_in) * math.sqrt(reserve_out)
        top = math.sqrt(reserve_out / reserve_in)
        bottom = 1.0 / (1.0 / top + capacity / depth)
        row[:] = top, bottom, depth, paid, given
        paid, given = paid + capacity, given + depth * (top - bottom)
    return rows
