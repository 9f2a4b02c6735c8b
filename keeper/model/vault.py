"""A vault, the problem it poses, and the block it was seen in."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from keeper.model.chain import GuardState, Head, Limits, Market, Rescue, Round, Token, Venue
from keeper.model.mandate import Mandate
from keeper.model.plan import Order, Plan, Prediction, Reason
from keeper.units import Address, Gas, Hash, Timestamp


@dataclass(frozen=True, slots=True)
class Quantity:
    """A watched number with its band: a weight, a health factor."""

    name: str
    value: float
    low: float
    target: float
    high: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a vault is from its mandate: `distance` in units of the band (over 1 is outside), and each quantity."""

    distance: float
    name: str
    quantities: tuple["Quantity", ...]


@dataclass(frozen=True, slots=True)
class WeightProblem:
    """Bring the weights of `tokens` back. Prices are quote currency per raw unit; weights and bands are fractions."""

    tokens: tuple[Address, ...]
    amounts_raw: tuple[int, ...]
    prices: tuple[float, ...]
    targets: tuple[float, ...]
    bands: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class HealthProblem:
    """Bring a health factor back between `low` and `high`. Amounts raw, interest included at the snapshot's time.

    Prices are the market's own per raw unit, in one currency. `threshold` and `loan_to_value` are fractions;
    `bonus` is the liquidator's, a fraction; `flash_fee` a fraction of the loan.
    """

    collateral: Address
    debt: Address
    idle_collateral_raw: int
    collateral_raw: int
    debt_raw: int
    collateral_price: float
    debt_price: float
    threshold: float
    loan_to_value: float
    bonus: float
    flash_fee: float
    flash_available_raw: int
    low: float
    target: float
    high: float
    supply_rate: float = 0.0
    """What the collateral earns now and `borrow_rate` what the debt costs, fractions a year."""
    borrow_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class RangeProblem:
    """Bring a pool's price back to the middle of a range of liquidity, or put what is idle to work.

    Amounts are of [base, other], raw, all that there is once the liquidity is taken out; prices quote currency per raw
    unit. `venue` is the pool without the vault's liquidity. In its ticks: `position` is the oracle's price, `present`
    the range (None: nothing is invested), `half_width` the wanted one's, `least` and `most` its width's bounds.
    `trigger` is a fraction of the way from the centre of the present range to its ends, `invested` one of all value, as
    is `earned`, the fees of the `since_s` seconds since they were last collected. A range between `narrowest` and
    `widest`, half-widths as `half_width` is, may be chosen where they differ.
    """

    base: Address
    other: Address
    venue: Venue
    amounts_raw: tuple[int, int]
    prices: tuple[float, float]
    position: float
    present: tuple[int, int] | None
    invested: float
    half_width: float
    trigger: float
    spacing: int
    least: int
    most: int
    earned: float = 0.0
    since_s: int = 0
    narrowest: float = 0.0
    widest: float = 0.0


Problem = WeightProblem | HealthProblem | RangeProblem


class Vault(Protocol):
    """A vault, frozen at one block, with its on-chain limits."""

    @property
    def kind(self) -> str: ...
    @property
    def address(self) -> Address: ...
    @property
    def tokens(self) -> tuple[Token, ...]:
        """The base asset first."""
        ...

    @property
    def holdings(self) -> tuple[int, ...]: ...
    @property
    def venues(self) -> tuple[Address, ...]: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def guard(self) -> GuardState: ...
    @property
    def keeper_allowed(self) -> bool:
        """Whether the configured keeper account holds the keeper role."""
        ...

    @property
    def total_supply(self) -> int: ...
    @property
    def state_hash(self) -> Hash: ...
    @property
    def reported_nav(self) -> int | None:
        """What the contract's nav() answered in this block; None when it reverted."""
        ...

    @property
    def gas(self) -> Gas:
        """What a rebalance without legs costs, as a first estimate; the rehearsal measures."""
        ...

    def faults(self, mandate: "Mandate") -> tuple[Reason, ...]:
        """Where `mandate` is not about this vault, or wider than what the chain allows it."""
        ...

    @property
    def rescue(self) -> Rescue | None:
        """When it may be rescued, and at what cost; None of what owes nothing."""
        ...

    def urgent(self, snapshot: "Snapshot") -> bool:
        """Whether the chain allows, and safety asks for, an action of the urgent tier in this block."""
        ...

    def nav(self, snapshot: "Snapshot", timestamp: Timestamp) -> int:
        """As the contract's nav(): raw units of the base asset, rounded down. Raises errors.Refusal without a price."""
        ...

    def gross(self, snapshot: "Snapshot", timestamp: Timestamp) -> int:
        """What turnover is measured against: NAV, or gross assets of a levered vault; raw units of the base asset."""
        ...

    def drift(self, snapshot: "Snapshot", mandate: "Mandate") -> Drift: ...
    def problem(self, snapshot: "Snapshot", mandate: "Mandate") -> Problem: ...
    def after(self, snapshot: "Snapshot", plan: Plan, timestamp: Timestamp) -> Prediction:
        """Exact replay of `plan` at `timestamp`. Raises errors.Refusal or errors.Unquotable where the chain reverts."""
        ...

    def left(self, snapshot: "Snapshot", mandate: "Mandate", prediction: Prediction) -> Drift:
        """The drift in a predicted state, at the snapshot's prices."""
        ...

    def order(self, snapshot: "Snapshot", plan: Plan, deadline: Timestamp, min_nav_after: int) -> Order: ...
    def encode(self, order: Order, plan: Plan) -> bytes:
        """Calldata of the contract's rebalance."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """One block, by hash, as far as the watched vaults need it."""

    chain_id: int
    head: Head
    vaults: tuple[Vault, ...]
    venues: tuple[Venue, ...]
    markets: tuple[Market, ...]
    rounds: tuple[Round, ...]
    tokens: tuple[Token, ...]
    native: Round
    """The gas token's price; `native.token` is the zero address."""
    data_price: float = 0.0
    """Wei a byte of calldata that the chain takes beside gas; 0 where it says nothing of such a fee."""

    @cached_property
    def _vaults(self) -> dict[Address, Vault]:
        return {v.address: v for v in self.vaults}

    @cached_property
    def _venues(self) -> dict[Address, Venue]:
        return {v.pool: v for v in self.venues}

    @cached_property
    def _rounds(self) -> dict[Address, Round]:
        return {r.token: r for r in self.rounds}

    def vault(self, address: Address) -> Vault:
        return self._vaults[address]

    def venue(self, pool: Address) -> Venue:
        return self._venues[pool]

    def market(self, pool: Address) -> Market:
        return next(m for m in self.markets if m.pool == pool)

    def round(self, token: Address) -> Round:
        return self._rounds[token]

    def token(self, address: Address) -> Token:
        return next(t for t in self.tokens if t.address == address)


@dataclass(frozen=True, slots=True)
class Series:
    """A token's past prices in the quote currency, oldest first, one per feed round; never later than the snapshot."""

    token: Address
    timestamps: tuple[Timestamp, ...]
    prices: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Candles:
    """A token's hourly bars from a pool's swaps or a file, stamped by their ends, rising multiples of an hour.

    In whatever hardly moves against the quote currency: only their shape is used, never their level.
    """

    token: Address
    source: str
    ends: tuple[Timestamp, ...]
    opens: tuple[float, ...]
    highs: tuple[float, ...]
    lows: tuple[float, ...]
    closes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LevelSeries:
    """A rate or a gas price by the hour: its last value and its least within each, stamped by the hours' ends."""

    name: str
    ends: tuple[Timestamp, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The current snapshot and the compact series behind it: what fits are made of.

    The one that a tick records holds the snapshot alone: a decision sees the past through its beliefs.
    """

    snapshot: Snapshot
    series: tuple[Series, ...]
    candles: tuple[Candles, ...] = ()
    levels: tuple[LevelSeries, ...] = ()
