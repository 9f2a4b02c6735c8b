"""A world and a storm in, what two keepers of the same vault made of it, each on a fork of its own, out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keeper import forecast
from keeper.chain.signer import Signer
from keeper.config import Config, load
from keeper.model import History, Quantity, Series
from keeper.run import Keeper, open_keeper
from keeper.units import Timestamp
from keeper.world import market, playground, running
from keeper.world.demo.ledger import Entry, entries
from keeper.world.demo.play import Moment, play
from keeper.world.demo.storm import HOUR_S, past, storm
from keeper.world.world import RunningWorld

KIND = "leverage"
POLICIES = ("threshold", "preventative")
NAMES = {"threshold": "reactive", "preventative": "preventative"}
HOURS = 20


@dataclass(frozen=True, slots=True)
class Side:
    """One keeper's hours: what it saw at each, and what it did."""

    name: str
    moments: tuple[Moment, ...]
    actions: tuple[Entry, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """The health factor at each look."""
        return tuple(_quantity(m).value for m in self.moments)

    @property
    def chances(self) -> tuple[float, ...]:
        """The chance to fall out of the band within a day at each look; 1.0 where it has."""
        return tuple(m.reports[0].decision.chance or 0.0 for m in self.moments)

    @property
    def outside(self) -> int:
        """Looks at which the health factor was under its band."""
        return sum(_quantity(m).value < _quantity(m).low for m in self.moments)

    @property
    def paid(self) -> float:
        """For its actions, gas included, in bps of net asset value."""
        return sum(e.realised_loss + e.realised_gas for e in self.actions)

    @property
    def first(self) -> tuple[float, float] | None:
        """The chance and the health factor at its first action."""
        acted = next((m for m in self.moments if m.reports[0].outcome is not None), None)
        return None if acted is None else (acted.reports[0].decision.chance or 0.0, _quantity(acted).value)


def _quantity(moment: Moment) -> Quantity:
    drift = moment.reports[0].decision.drift
    if drift is None:
        raise TypeError("a look without a drift: the vault could not be valued")
    return drift.quantities[0]


def duel(
    parent: RunningWorld, folder: Path, key: Callable[[Config], Signer], seed: int, hours: int = HOURS
) -> Iterator[tuple[str, Moment] | Side]:
    """The same storm for the reactive keeper, then for the preventative: each moment, and the side it adds up to."""
    steps = tuple(storm(hours, seed))
    for policy in POLICIES:
        with running.fork(parent) as world, _keeper(world, folder / policy, policy, key, seed) as keeper:
            moments = []
            for moment in play(world, keeper, steps):
                moments.append(moment)
                yield NAMES[policy], moment
        yield Side(NAMES[policy], tuple(moments), entries(moments))


@contextmanager
def _keeper(
    world: RunningWorld, folder: Path, policy: str, key: Callable[[Config], Signer], seed: int
) -> Iterator[Keeper]:
    """A keeper of the levered vault under `policy`, which has read the generated past and believes what it fitted."""
    path = playground.configure(world, folder, (KIND,))
    path.write_text(path.read_text().replace('kind = "threshold"', f'kind = "{policy}"', 1))
    settings = load(path, {})
    with open_keeper(settings, key(settings)) as keeper:
        _remember(world, keeper, seed)
        yield keeper


def _remember(world: RunningWorld, keeper: Keeper, seed: int) -> None:
    """Hands the journal the hours before now, as a file of prices is, and fits on them."""
    snapshot = keeper.observe()
    found: Sequence[Series] = [
        Series(r.token, _times(market.now(world), len(prices)), prices)
        for r in snapshot.rounds
        for prices in (past(r.answer / 10**r.decimals, seed) if _moves(world, r.token) else (1.0,) * 48,)
    ]
    for one in found:
        keeper.journal.past.add_prices(snapshot.chain_id, one, "generated")
    keeper.foresight.adopt(forecast.fit(History(snapshot, tuple(found))))


def _times(now: int, count: int) -> tuple[Timestamp, ...]:
    return tuple(Timestamp(now - HOUR_S * k) for k in reversed(range(count)))


def _moves(world: RunningWorld, token: str) -> bool:
    return token == world.world.token("WETH").address
