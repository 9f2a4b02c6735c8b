"""What the operator wants, and what the keeper remembers."""

from dataclasses import dataclass
from typing import Literal

from keeper.model.policy import NO_GATES, WHOLE, Chunks, Gates, Policy
from keeper.units import Address, Bps, Hash, Timestamp, Wad, Wei

AS_STATED = Bps(0)


@dataclass(frozen=True, slots=True)
class WeightGoal:
    """Target weights in bps, summing to 10,000, and the half-width of the band round each."""

    weights: tuple[tuple[Address, Bps], ...]
    band: Bps


@dataclass(frozen=True, slots=True)
class HealthGoal:
    """Act below `low` or above `high`, come back to `target`.

    With a `tolerance` the lower level and the target rise with volatility, inside `low` and `high`: the chance to be
    liquidated before an action lands, `react_s` after the price that called for it, stays under it. 0: as stated.
    """

    low: Wad
    target: Wad
    high: Wad
    tolerance: float = 0.0
    react_s: int = 600


@dataclass(frozen=True, slots=True)
class RangeGoal:
    """Liquidity from `half_width` below the price to as much above it, in bps of it (both by the same factor).

    Act when the price is further from the range's centre than `trigger`, in bps of the way to its ends, or when more
    than `idle`, in bps of value, is not invested. With `narrowest` and `widest` the half-width is whatever earns most
    between them; 0: as stated.
    """

    half_width: Bps
    trigger: Bps
    idle: Bps
    narrowest: Bps = AS_STATED
    widest: Bps = AS_STATED


@dataclass(frozen=True, slots=True)
class Lane:
    """How one class of transactions bids: wei a unit of gas at most, the tip in it, and when to bid again.

    A transaction that is not mined `resubmit_s` seconds of block time after it was sent is bidden up.
    """

    name: Literal["normal", "urgent"]
    max_gas_price: Wei
    tip: Wei
    resubmit_s: int


@dataclass(frozen=True, slots=True)
class Lanes:
    """Housekeeping's lane and the rescues', which is never behind it."""

    normal: Lane
    urgent: Lane

    def of(self, urgent: bool) -> Lane:
        return self.urgent if urgent else self.normal


Goal = WeightGoal | HealthGoal | RangeGoal


@dataclass(frozen=True, slots=True)
class Window:
    """A blackout, from `start` to `end` (exclusive); with `rescues` a health factor may be saved in it all the same."""

    start: Timestamp
    end: Timestamp
    reason: str
    rescues: bool = False


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
    lanes: Lanes
    deadline_s: int
    min_trade: float
    """Least value worth a leg, in whole units of the base asset."""
    volatility_priors: tuple[tuple[Address, float], ...] = ()
    """Annual volatility to assume of a token until its history is long enough; 0.8 where none is stated."""
    venues: tuple[Address, ...] = ()
    """Pools that may be used; empty: all on the vault's allow-list."""
    max_turnover: Bps | None = None
    """Value that one action may sell, of the vault's gross value; None: as much as the vault allows.

    This and the two limits below bind housekeeping and no rescue of the urgent tier: a vault is not to be liquidated
    for want of size. What a rescue may lose, and `venues`, hold for it all the same.
    """
    max_trade: tuple[tuple[Address, int], ...] = ()
    """Raw units of a token by which one action's legs together may change what is held; no limit where none is said."""
    venue_limits: tuple[tuple[Address, int], ...] = ()
    """Value that one action may pay into a pool, fee included, raw units of the base asset at oracle prices."""
    blackouts: tuple[Window, ...] = ()
    champion: str = "auto"
    """The forecast model to believe; "auto": whichever scored best on each token."""
    data_price: float | None = None
    """Wei a byte of calldata that a rollup takes beside gas; None: what the snapshot says."""
    gates: Gates = NO_GATES
    chunks: Chunks = WHOLE


@dataclass(frozen=True, slots=True)
class Deferred:
    """Waiting on purpose until `until`, which is never moved; claims no nonce. Past it the reason no longer counts."""

    until: Timestamp
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A rebalance in parts: `done` of `parts` are on the chain, the next was planned at the vault's `epoch`.

    `left` is how far that part was to leave each pool from the oracle's price, as a fraction.
    """

    done: int
    parts: int
    epoch: int
    left: tuple[tuple[Address, float], ...]


@dataclass(frozen=True, slots=True)
class State:
    """A vault's own memory. `acting` is the hysteresis side: whether acting was last called for, and is not yet over.

    `served` is the start of the last period of a calendar that needs no more; `refill_s` how long pools were measured
    to take to come back half way after a part of a schedule.
    """

    vault: Address
    acting: bool = False
    deferred: Deferred | None = None
    open_intents: tuple[Hash, ...] = ()
    """Of housekeeping; `open_rescues` are the others."""
    open_rescues: tuple[Hash, ...] = ()
    last_failure_at: Timestamp | None = None
    failures: int = 0
    served: Timestamp | None = None
    progress: Progress | None = None
    refill_s: int | None = None
