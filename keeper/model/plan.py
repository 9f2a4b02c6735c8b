"""What could be done: legs, orders, costs, plans and where they would lead."""

from dataclasses import dataclass
from typing import Literal

from keeper.model.chain import Fill
from keeper.units import Address, Amount, Gas, Hash, Timestamp, Wad

MAX_LEGS = 16
ALL_RECEIVED = 2**256 - 1
"""A leg's amount_in that spends all of an intermediate token received so far in the same action."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One exact-input swap, as the contract's `Leg`."""

    adapter: int
    pool: Address
    token_in: Address
    amount_in: int
    min_out: int


@dataclass(frozen=True, slots=True)
class LeverageMove:
    """A levered vault's own parameters, as the contract's `LeverageMove`."""

    lever: bool
    flash: bool
    urgent: bool
    debt_amount: int
    collateral_amount: int


@dataclass(frozen=True, slots=True)
class RangeMove:
    """A range vault's own parameters, as the contract's `RangeMove`; the same ticks as before collect and compound."""

    tick_lower: int
    tick_upper: int
    min_liquidity: int


Move = LeverageMove | RangeMove


@dataclass(frozen=True, slots=True)
class Range:
    """Where a vault's liquidity is, and how much of it."""

    tick_lower: int
    tick_upper: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class Order:
    """As the contract's `Order`."""

    intent_id: Hash
    expected_epoch: int
    deadline: Timestamp
    expected_state_hash: Hash
    min_nav_after: int


@dataclass(frozen=True, slots=True)
class Cost:
    """A plan's cost in parts, each in raw units of the vault's base asset, as floats; positive is a loss.

    `impact` is what the trade itself moves the pool; `basis` is the pool's price against the oracle's before it
    (negative when the pool is better); `gas` and `l1_data` are paid by the keeper's key, not the vault;
    `lvr`, `risk` and `touch` are expectations about the state left behind: of a range, what arbitrage takes beyond what
    fees bring (negative is a gain); of being off target; of reaching a barrier within the horizon, as liquidators take.
    """

    fees: float = 0.0
    impact: float = 0.0
    basis: float = 0.0
    gas: float = 0.0
    l1_data: float = 0.0
    lvr: float = 0.0
    risk: float = 0.0
    touch: float = 0.0

    @property
    def execution(self) -> float:
        return self.fees + self.impact + self.basis + self.gas + self.l1_data

    @property
    def total(self) -> float:
        return self.execution + self.lvr + self.risk + self.touch


@dataclass(frozen=True, slots=True)
class Reason:
    """A guard that spoke, or what is in the planner's way: its id and one sentence, what was found and required."""

    id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something the planner weighed: a name a person recognises, its cost, and what came of it."""

    name: str
    cost: Cost
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered legs and what they are expected to cost. No legs and no move: do nothing, for `reason`.

    `limits` say where the mandate and the market do not fit, and what would be the least to change.
    """

    legs: tuple[Leg, ...]
    move: Move | None
    cost: Cost
    waiting: Cost
    reason: str
    candidates: tuple[Candidate, ...] = ()
    limits: tuple[Reason, ...] = ()

    @property
    def acts(self) -> bool:
        return bool(self.legs) or self.move is not None

    @property
    def urgent(self) -> bool:
        """Whether it is a rescue: an action of the urgent tier, sent in the urgent lane."""
        return isinstance(self.move, LeverageMove) and self.move.urgent


@dataclass(frozen=True, slots=True)
class Prediction:
    """The vault after a plan, at `timestamp`. Amounts raw; navs in raw units of the base asset.

    `source` is "replay" (exact integers, pure) or "node" (a rehearsal); only the node knows `gas` and `revert`.
    """

    source: Literal["replay", "node"]
    timestamp: Timestamp
    nav_before: int
    nav_after: int
    holdings: tuple[Amount, ...]
    collateral_raw: int
    debt_raw: int
    health_factor: Wad | None
    fills: tuple[Fill, ...]
    gas: Gas | None = None
    revert: str = ""
    range: Range | None = None
    """Of a range vault."""
    repaid_raw: int = 0
    """Debt repaid by a levered vault, raw units of the base asset."""
