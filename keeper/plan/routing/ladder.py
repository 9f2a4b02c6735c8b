"""A venue in, the two ladders of constant liquidity that its price can go down out."""

import functools
import math
from dataclasses import dataclass

import numpy as np

from keeper.model import Stretches, Venue
from keeper.plan.routing.kernel import Floats
from keeper.units import Address

_REMEMBERED = 4096
_FINEST, _GROWTH, _REACH = 2.5e-4, 1.05, 1.2
"""Of a venue without stretches: the first step of its root price in logs, by how much the next is longer, and how far.

Between two prices asked for it is taken as constant product through both; what it gives is then off by about a
fortieth of the step squared, 1e-6 of a trade that moves the price by a per cent.
"""


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
    if (found := venue.lower()) is not None:
        down, up = _laid(found.stretches)
        sides = _rows(down[len(down) - 1 - found.at :], found.root), _rows(up[found.at :], 1.0 / found.root)
    else:
        sides = _asked(venue, venue.tokens[0]), _asked(venue, venue.tokens[1])
    if not any(map(len, sides)):
        return None
    return Ladder(venue.pool, venue.tokens, 1.0 - venue.fee, venue.gas, sides)


def _asked(venue: Venue, token: Address) -> Floats:
    """Rows of a venue that cannot say its stretches: what it best takes of `token` at ever lower prices."""
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


@functools.lru_cache(_REMEMBERED)
def _laid(stretches: Stretches) -> tuple[Floats, Floats]:
    """All stretches as rows for either token sold, each with what it takes and gives itself, as its price falls."""
    bounds, depth = np.array(stretches.bounds), np.array(stretches.liquidity)
    found = []
    for top, bottom in ((bounds[1:], bounds[:-1]), (1.0 / bounds[:-1], 1.0 / bounds[1:])):
        given = depth * (top - bottom)
        found.append(np.stack([top, bottom, depth, given / (top * bottom), given], 1))
    return found[0][::-1], found[1]


def _rows(laid: Floats, top: float) -> Floats:
    """Rows from the root price `top`, in the first of those `laid`, downwards."""
    rows = laid.copy()
    _, bottom, depth, *_ = rows[0].tolist()
    given = depth * (top - bottom)
    rows[0] = top, bottom, depth, given / (top * bottom), given
    some = rows[:, 4] > 0.0
    if not some.all():
        rows = rows[some]
    rows[1:, 3:] = rows[:-1, 3:].cumsum(0)
    rows[:1, 3:] = 0.0
    return rows
