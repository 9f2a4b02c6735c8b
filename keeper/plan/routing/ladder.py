"""A venue in, the two ladders of constant liquidity that its price can go down out."""

import functools
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from keeper.model import Venue
from keeper.plan.routing.kernel import Floats
from keeper.units import Address

_REMEMBERED = 4096
_NUMBERS = attrgetter("reserve_0", "reserve_1", "capacity_0", "capacity_1")


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
    found = np.array([_NUMBERS(piece) for piece in pieces])
    down, up = found[found[:, 2] > 0.0][::-1], found[found[:, 3] > 0.0]
    sides = _rows(down[:, 0], down[:, 1], down[:, 2]), _rows(up[:, 1], up[:, 0], up[:, 3])
    return Ladder(venue.pool, venue.tokens, 1.0 - venue.fee, venue.gas, sides)


def _rows(reserve_in: Floats, reserve_out: Floats, capacity: Floats) -> Floats:
    """Rows of stretches between which the price falls from one to the next."""
    rows = np.zeros((len(capacity), 5))
    top, depth = np.sqrt(reserve_out / reserve_in), np.sqrt(reserve_in) * np.sqrt(reserve_out)
    bottom = 1.0 / (1.0 / top + capacity / depth)
    rows[:, 0], rows[:, 1], rows[:, 2] = top, bottom, depth
    rows[1:, 3] = np.cumsum(capacity)[:-1]
    rows[1:, 4] = np.cumsum(depth * (top - bottom))[:-1]
    return rows
