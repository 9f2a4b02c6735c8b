"""A journal in, what it holds of the past of each token and level out: gaps, and what is set aside, in the open."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keeper.forecast.bars import HOUR_S, clean, wicks
from keeper.journal import Held, Journal
from keeper.model import Candles, Token
from keeper.units import Address, Timestamp


@dataclass(frozen=True, slots=True)
class Holding:
    """A token's or a level's past from one source. `missing` hours of its span are empty, `longest` of them in a row.

    `aside` says what of it is not used as it is, and why; empty when all is.
    """

    held: Held
    missing: int
    longest: int
    aside: str


def holdings(journal: Journal, chain_id: int, tokens: Sequence[Token], now: Timestamp) -> tuple[Holding, ...]:
    """Everything held, in the order of tokens and then of levels."""
    order = {t.address: k for k, t in enumerate(tokens)}
    found = journal.past.held(chain_id)
    found = tuple(sorted(found, key=lambda h: (order.get(Address(h.name), len(order)), h.kind, h.source)))
    return tuple(_holding(journal, chain_id, one, now) for one in found)


def _holding(journal: Journal, chain_id: int, one: Held, now: Timestamp) -> Holding:
    past = journal.past
    if one.kind == "prices":
        times: Sequence[Timestamp]
        times, prices = past.prices_of(chain_id, Address(one.name), one.source)
        aside = clean(times, prices, now).sentence()
    elif one.kind == "candles":
        found = past.candles_of(chain_id, Address(one.name), one.source)
        times, odd = found.ends, int(_wicks(found))
        aside = f"{odd} ranges that no market made" if odd else ""
    else:
        times, aside = past.hours_of(chain_id, one.name), ""
    hours = np.unique(-(-np.asarray(times, dtype=np.int64) // HOUR_S))
    steps = np.diff(hours) - 1
    return Holding(one, int(steps.sum()), int(steps.max(initial=0)), aside)


def _wicks(candles: Candles) -> int:
    columns = (np.asarray(c) for c in (candles.opens, candles.highs, candles.lows, candles.closes))
    return int(wicks(*columns).sum())
