"""A venue in, the two ladders of constant liquidity that its price can go down out."""

import functools
import math
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from keeper.model import Venue
from keeper.plan.routing.kernel import Floats
from keeper.units import Address

_REMEMBERED = 4096
_FINEST, _GROWTH, _REACH = 2.5e-4, 1.05, 1.2
"""Of a venue that has no pieces: the first step of its root price in logs, by how much the next is longer, and how far.

Between two prices asked for it is taken as constant product through both; what it gives is then off by about a
fortieth of the step squared, 1e-6 of a trade that moves the price by a per cent.
"""
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
    if pieces:
        found = np.array([_NUMBERS(piece) for piece in pieces])
        down, up = found[found[:, 2] > 0.0][::-1], found[found[:, 3] > 0.0]
        sides = _rows(down[:, 0], down[:, 1], down[:, 2]), _rows(up[:, 1], up[:, 0], up[:, 3])
    else:
        sides = _asked(venue, venue.tokens[0]), _asked(venue, venue.tokens[1])
    if not any(map(len, sides)):
        return None
    return Ladder(venue.pool, venue.tokens, 1.0 - venue.fee, venue.gas, sides)


def _asked(venue: Venue, token: Address) -> Floats:
    """Rows of a venue that cannot say its pieces: what it best takes of `token` at ever lower prices."""
    rows, keep = [], 1.0 - venue.fee
    top, width, fallen = math.sqrt(venue.mid(token)), _FINEST, 0.0
    paid = given = 0.0
    while top > 0.0 and fallen < _REACH:
        bottom = top * math.exp(-width)
        taken = keep * venue.best_input(token, keep * bottom * bottom)
        if taken > paid:
            depth = (taken - paid) / (1.0 / bottom - 1.0 / top)
            rows.append((top, bottom, depth, paid, given))
            paid, given = taken, given + depth * (top - bottom)
        top, fallen, width = bottom, fallen + width, width * _GROWTH
    return np.array(rows).reshape(-1, 5)


def _rows(reserve_in: Floats, reserve_out: Floats, capacity: Floats) -> Floats:
    """Rows of stretches between which the price falls from one to the next."""
    rows = np.zeros((len(capacity), 5))
    top, depth = np.sqrt(reserve_out / reserve_in), np.sqrt(reserve_in) * np.sqrt(reserve_out)
    bottom = 1.0 / (1.0 / top + capacity / depth)
    rows[:, 0], rows[:, 1], rows[:, 2] = top, bottom, depth
    rows[1:, 3] = np.cumsum(capacity)[:-1]
    rows[1:, 4] = np.cumsum(depth * (top - bottom))[:-1]
    return rows
