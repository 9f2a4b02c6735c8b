"""Pools and oracle prices in, what legs over them cost in parts out."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import is_

from keeper.costs import BASE_BYTES, LEG_BYTES
from keeper.model import Cost, Fill, Leg, Snapshot, Venue
from keeper.plan.routing.kernel import Floats
from keeper.plan.routing.ladder import ladder
from keeper.plan.routing.network import Network, network
from keeper.plan.routing.solve import gains, offers, settle
from keeper.units import BPS, Address, bps_down

_REMEMBERED = 16
"""Markets: a block's vaults share one or a few, and each holds megabytes."""
_JUST_WITHIN = 0.999
"""Of how far a pool may be traded: whole units and quotes need not land where floats do."""
_AT_REST = 1e-12
"""Arbitrage worth less than this share of the pools' depth is rounding."""


@dataclass(frozen=True)
class Market:
    """The pools that may be used, at the snapshot's block.

    Prices are quote currency per raw unit; `gas_value` is a unit of gas in quote currency, `data_value` a byte of
    calldata on the L1 that a rollup publishes it to; `max_slippage` in bps. `caps` are the most that may be paid into a
    pool, fee included, in quote currency; no cap where none is stated. `max_deviation` in bps is how far from the
    oracle's a pool's price may be, before the trade and after it; any distance where it is None.
    """

    venues: tuple[Venue, ...]
    prices: tuple[tuple[Address, float], ...]
    base: Address
    gas_value: float
    max_slippage: int
    data_value: float = 0.0
    caps: tuple[tuple[Address, float], ...] = ()
    max_deviation: int | None = None

    @functools.cached_property
    def _by_pool(self) -> dict[Address, Venue]:
        return {v.pool: v for v in self.venues}

    @functools.cached_property
    def graph(self) -> "Graph | None":
        """The pools that hold something, None when none does; remembered for the vaults that share them."""
        most = None if self.max_deviation is None else self.max_deviation / BPS
        return _graph(_Same(self.venues), _Costs(self.prices, self.gas_value, self.data_value * LEG_BYTES), most)

    def venue(self, pool: Address) -> Venue:
        return self._by_pool[pool]

    def leg(self, fill: Fill, amount_in: int) -> Leg:
        """The leg of a fill; `amount_in` may be ALL_RECEIVED."""
        min_out = fill.amount_out - bps_down(fill.amount_out, self.max_slippage)
        return Leg(self.venue(fill.pool).adapter, fill.pool, fill.token_in, amount_in, min_out)

    def cost(self, fills: Iterable[Fill], base_gas: int) -> Cost:
        """What the fills cost, each of a pool of its own, in raw units of the base asset.

        Raises errors.Unquotable where a pool cannot fill one.
        """
        price, gas, size = dict(self.prices), base_gas, BASE_BYTES
        fees = impact = basis = 0.0
        for fill in fills:
            venue, net = self.venue(fill.pool), fill.amount_in - fill.fee_raw
            at_mid = net * venue.mid(fill.token_in) * price[fill.token_out]
            fees += fill.fee_raw * price[fill.token_in]
            basis += net * price[fill.token_in] - at_mid
            impact += at_mid - fill.amount_out * price[fill.token_out]
            gas += venue.gas_of(fill)
            size += LEG_BYTES
        unit = price[self.base]
        return Cost(
            fees=fees / unit,
            impact=impact / unit,
            basis=basis / unit,
            gas=gas * self.gas_value / unit,
            l1_data=size * self.data_value / unit,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The market as the routing kernel reads it: all arbitrage taken, and as it stands where that is something else.

    Others take an arbitrage before we do, so a plan made for the pools at rest does not count on it; the pools as they
    stand are what the exact replay will meet. `prices` are the pools' own at rest.
    """

    rest: Network
    raw: Network | None
    prices: Floats


@dataclass(frozen=True, slots=True)
class _Costs:
    """Values per raw unit of a token, a unit of gas, and what a leg costs besides its gas; in quote currency."""

    prices: tuple[tuple[Address, float], ...]
    gas_value: float
    leg_value: float


class _Same:
    """Venues as a key: the very same objects. Comparing every tick of hundreds of pools costs more than a solve."""

    def __init__(self, venues: tuple[Venue, ...]) -> None:
        self.venues, self.hash = venues, hash(tuple(map(id, venues)))

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, _Same) and len(self.venues) == len(other.venues)
        return same and all(map(is_, self.venues, other.venues))  # type: ignore[attr-defined]  # `same` says it


@functools.lru_cache(_REMEMBERED)
def _graph(same: _Same, costs: _Costs, most: float | None) -> Graph | None:
    raw = _network(same, costs, most)
    if not len(raw.steps):
        return None
    rest, start = settle(raw)
    if gains(raw, start, *offers(raw, start)).max() <= _AT_REST * float(raw.steps[:, 2].max()):
        return Graph(raw, None, start)
    return Graph(rest, raw, start)


_last: dict[tuple[object, ...], tuple[tuple[Venue, ...], Network]] = {}
"""What was built last, and of what: a range vault's market is the others' but for the pool that its liquidity left."""


def _network(same: _Same, costs: _Costs, most: float | None) -> Network:
    """All pools as they stand, those too far from the oracle's price left out."""
    key = (costs, most)
    venues, found = _last.get(key, ((), None))
    other = [k for k, (a, b) in enumerate(zip(same.venues, venues, strict=False)) if a is not b]
    if found is not None and len(venues) == len(same.venues) == len(found.pools) and len(other) == 1:
        (at,) = other
        one = _built(same.venues[at : at + 1], costs, most)
        if one.pools == found.pools[at : at + 1]:
            return found.replaced(at, one)
    built = _built(same.venues, costs, most)
    _last.clear()
    _last[key] = same.venues, built
    return built


def _built(venues: tuple[Venue, ...], costs: _Costs, most: float | None) -> Network:
    values = dict(costs.prices)
    priced = [v for v in venues if set(v.tokens) <= values.keys()]
    found = (ladder(venue) for venue in priced)  # type: ignore[arg-type]  # frozen values hash; a protocol cannot say so
    ladders = [one for one in found if one is not None]
    raw = network(ladders, values, costs.gas_value, costs.leg_value)
    return raw if most is None else raw.near(most, most * _JUST_WITHIN)


def opener(
    snapshot: Snapshot,
    pools: Sequence[Address],
    base: Address,
    gas_price: int,
    max_slippage: int,
    data_price: float = 0.0,
    caps: tuple[tuple[Address, float], ...] = (),
    max_deviation: int | None = None,
) -> Callable[[], Market]:
    """A function that gives the market of `pools` at the snapshot's oracle prices.

    `gas_price` in wei a unit of gas, `data_price` in wei a byte of calldata, `caps` in quote currency,
    `max_deviation` in bps.
    """
    market = Market(
        tuple(map(snapshot.venue, pools)),
        tuple((r.token, r.price_x36 / 1e36) for r in snapshot.rounds),
        base,
        gas_price * snapshot.native.price_x36 / 1e36,
        max_slippage,
        data_price * snapshot.native.price_x36 / 1e36,
        caps,
        max_deviation,
    )
    return lambda: market
