"""What the operator wants, and what the keeper remembers."""

from dataclasses import dataclass
from typing import Literal

from keeper.units import Address, Bps, Hash, Timestamp, Wad, Wei


@dataclass(frozen=True, slots=True)
class WeightGoal:
    """Target weights in bps, summing to 10,000, and the half-width of the band round each."""

    weights: tuple[tuple[Address, Bps], ...]
    band: Bps


@dataclass(frozen=True, slots=True)
class HealthGoal:
    """Act below `low` or above `high`, come back to `target`."""

    low: Wad
    target: Wad
    high: Wad


@dataclass(frozen=True, slots=True)
class RangeGoal:
    """Liquidity from `half_width` below the price to as much above it, in bps of it (both by the same factor).

    Act when the price is further from the range's centre than `trigger`, in bps of the way to its ends, or when more
    than `idle`, in bps of value, is not invested.
    """

    half_width: Bps
    trigger: Bps
    idle: Bps


@dataclass(frozen=True, slots=True)
class Threshold:
    """Act when a quantity is outside its band; `settle` says how far to go back."""

    settle: Literal["cheapest", "target", "edge"] = "cheapest"


Goal = WeightGoal | HealthGoal | RangeGoal
Policy = Threshold


@dataclass(frozen=True, slots=True)
class Window:
    """A blackout, from `start` to `end` (exclusive)."""

    start: Timestamp
    end: Timestamp
    reason: str


@dataclass(frozen=True, slots=True)
class Mandate:
    """What the operator wants of one vault. It may tighten the vault's on-chain limits, never widen them."""

    vault: Address
    kind: str
    name: str
    goal: Goal
    policy: Policy
    horizon_s: int
    risk_aversion: float
    max_loss: Bps
    max_slippage: Bps
    """A leg's min_out below its exact quote."""
    max_gas_price: Wei
    priority_fee: Wei
    """Tip a unit of gas."""
    deadline_s: int
    min_trade: float
    """Least value worth a leg, in whole units of the base asset."""
    volatility_priors: tuple[tuple[Address, float], ...] = ()
    """Annual volatility to assume of a token until its history is long enough; 0.8 where none is stated."""
    venues: tuple[Address, ...] = ()
    """Pools that may be used; empty: all on the vault's allow-list."""
    blackouts: tuple[Window, ...] = ()
    champion: str = "auto"
    """The forecast model to believe; "auto": whichever scored best on each token."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Waiting on purpose until `until`; claims no nonce."""

    until: Timestamp
    reason: str


@dataclass(frozen=True, slots=True)
class State:
    """A vault's own memory. `acting` is the hysteresis side: whether it was last seen outside its band."""

    vault: Address
    acting: bool = False
    deferred: Deferred | None = None
    open_intents: tuple[Hash, ...] = ()
    last_failure_at: Timestamp | None = None
    failures: int = 0
