"""Recorded decisions in, the live record of their forecasts out: journalled, watched, and resolved when they end."""

import math
from dataclasses import dataclass, field

from keeper.forecast.resolve import UNSEEN_S, resolve
from keeper.forecast.sight import DEAD_S
from keeper.journal import Issued, Journal
from keeper.model import Decision, Forecast, Mandate, Snapshot
from keeper.units import Address, Timestamp

ISSUE_S = 3_600
"""A vault's forecast is journalled once an hour, the first of each: those of every block say nearly the same."""
TOLERANCE = 1e-4
"""A quantity's new high or low of the hour is kept when it is further out by this share of itself."""
MOVED = "#moved"
"""The path of a vault's epoch and supply: whatever moved the vault but the market."""
AT_ONCE = 4
"""Forecasts resolved in one tick: their reading must not delay it."""
WAITING = 64


@dataclass(slots=True)
class _Hour:
    """What is kept of a quantity within an hour."""

    number: int
    low: float
    high: float


@dataclass(slots=True)
class Watch:
    """One keeper's memory of what it wrote last; everything else is in the journal."""

    _hours: dict[tuple[Address, str], _Hour] = field(default_factory=dict)
    _issued: dict[Address, int] = field(default_factory=dict)
    _states: dict[Address, tuple[int, int]] = field(default_factory=dict)
    _retry: dict[int, Timestamp] = field(default_factory=dict)
    _began: Timestamp | None = None
    _trusted: dict[Address, bool] = field(default_factory=dict)

    def note(self, journal: Journal, snapshot: Snapshot, mandate: Mandate, decision: Decision) -> str:
        """Keeps what was forecast and what is watched; a sentence when the right to act early was lost or won."""
        now, vault = snapshot.head.timestamp, snapshot.vault(mandate.vault)
        points = []
        for q in decision.drift.quantities if decision.drift is not None else ():
            if math.isfinite(q.value) and self._is_news((vault.address, q.name), now, q.value):
                points.append((vault.address, q.name, now, q.value))
        state = vault.guard.epoch, vault.total_supply
        if self._states.get(vault.address, state) != state:
            points.append((vault.address, MOVED, now, float(vault.guard.epoch)))
        self._states[vault.address] = state
        journal.forecasts.watch(snapshot.chain_id, points)
        if decision.forecast is not None:
            self._issue(journal, snapshot, vault.address, decision.forecast)
            return self._said(mandate, decision.forecast)
        return ""

    def settle(self, journal: Journal, snapshot: Snapshot) -> int:
        """Resolves a few of the forecasts whose horizons have ended; how many."""
        chain_id, now = snapshot.chain_id, snapshot.head.timestamp
        self._began = self._began if self._began is not None else now
        done = tried = 0
        for one in journal.forecasts.due(chain_id, now, WAITING):
            if self._retry.get(one.id, now) > now:
                continue
            if tried == AT_ONCE:
                break
            tried += 1
            done += self._settled(journal, chain_id, one, now)
        return done

    def _is_news(self, key: tuple[Address, str], now: Timestamp, value: float) -> bool:
        number, kept = now // 3_600, self._hours.get(key)
        if kept is None or kept.number != number:
            self._hours[key] = _Hour(number, value, value)
            return True
        margin = TOLERANCE * abs(value)
        if value < kept.low - margin or value > kept.high + margin:
            kept.low, kept.high = min(kept.low, value), max(kept.high, value)
            return True
        return False

    def _issue(self, journal: Journal, snapshot: Snapshot, vault: Address, forecast: Forecast) -> None:
        now = snapshot.head.timestamp
        if vault not in self._issued:
            last = journal.forecasts.last_issued(snapshot.chain_id, vault)
            self._issued[vault] = -1 if last is None else last // ISSUE_S
        if now // ISSUE_S > self._issued[vault]:
            journal.forecasts.issue(snapshot.chain_id, vault, now, forecast)
            self._issued[vault] = now // ISSUE_S

    def _settled(self, journal: Journal, chain_id: int, one: Issued, now: Timestamp) -> bool:
        """Whether what became of a forecast is known now, or never will be."""
        forecast = journal.blobs.load(Forecast, one.value)
        seen = journal.forecasts.seen(chain_id, one.vault, one.issued_at, one.ends_at)
        watched = max((path[-1][0] for name, path in seen.items() if name != MOVED and path), default=Timestamp(0))
        asleep = watched < one.ends_at - UNSEEN_S
        if asleep and self._began is not None and now < self._began + UNSEEN_S:
            self._retry[one.id] = Timestamp(self._began + UNSEEN_S)  # the prices of that time may still be fetched
            return False
        tokens = [token for token, _ in forecast.sigma]
        series = journal.past.series(chain_id, tokens, one.ends_at, Timestamp(one.issued_at - DEAD_S))
        moved = next((at for at, _ in seen.get(MOVED, ())), None)
        found = resolve(forecast, one.issued_at, series, one.ends_at, seen, moved)
        journal.forecasts.resolve(one.id, found)
        self._retry.pop(one.id, None)
        return True

    def _said(self, mandate: Mandate, forecast: Forecast) -> str:
        before = self._trusted.get(mandate.vault)
        self._trusted[mandate.vault] = forecast.trusted
        if before is None or before == forecast.trusted:
            return ""
        if forecast.trusted:
            return f"{mandate.name}: its forecasts have earned it again: they may act before a band breaks"
        why = "; ".join(note for note in forecast.notes if "reactive bands only" in note) or "; ".join(forecast.notes)
        return f"{mandate.name}: forecasts do not act before a band breaks any more: {why}"
