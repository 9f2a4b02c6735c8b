"""What the keeper thinks, decides and learns of the outcome."""

from dataclasses import dataclass
from typing import Literal

from keeper.model.chain import Fill
from keeper.model.mandate import State
from keeper.model.plan import Order, Plan, Prediction, Reason
from keeper.model.vault import Drift
from keeper.units import Address, BlockNumber, Gas, Hash, Timestamp, Wei


@dataclass(frozen=True, slots=True)
class Touch:
    """Probability that `quantity` reaches `barrier` within the horizon; `error` is its Monte-Carlo standard error."""

    quantity: str
    barrier: float
    probability: float
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a token's log return over the horizon falls with `probability`."""

    token: Address
    probability: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Distributions over the mandate's horizon: each token's standard deviation of log price, and touches.

    `trusted` is False when the touches may not be acted upon before a band breaks; `notes` say what is known too
    little of, a sentence each. `correlation` is of the log prices, a row a token in the order of `sigma`; empty: none.
    """

    model: str
    horizon_s: int
    sigma: tuple[tuple[Address, float], ...]
    touches: tuple[Touch, ...]
    intervals: tuple[Interval, ...] = ()
    trusted: bool = False
    notes: tuple[str, ...] = ()
    correlation: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Approved:
    """A plan that every guard let through, ready to be rehearsed."""

    vault: Address
    order: Order
    plan: Plan
    calldata: bytes
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing to do, or nothing worth doing; `plan.reason` says which."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Refused:
    """Something should be done and must not be: every guard that objected."""

    reasons: tuple[Reason, ...]
    plan: Plan | None = None


Verdict = Approved | Hold | Refused


@dataclass(frozen=True, slots=True)
class Decision:
    """What `decide` returns: the verdict, the vault's next memory, and what it saw on the way."""

    verdict: Verdict
    state: State
    drift: Drift | None
    forecast: Forecast | None


@dataclass(frozen=True, slots=True)
class Cleared:
    """An approved plan whose rehearsal agreed. Only `guard.clear` makes one; `submit` takes nothing else."""

    approved: Approved
    rehearsed: Prediction
    gas_limit: Gas


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the chain says happened to an intent. Unknown is an answer of its own, never a failure.

    Cancelled: its nonce was spent on paying nothing to oneself, so it can never execute.
    """

    status: Literal["done", "reverted", "cancelled", "unknown", "sent"]
    intent_id: Hash
    tx_hash: Hash | None
    block: BlockNumber | None = None
    block_hash: Hash | None = None
    timestamp: Timestamp | None = None
    gas_used: Gas | None = None
    gas_price: Wei | None = None
    nav_before: int | None = None
    nav_after: int | None = None
    fills: tuple[Fill, ...] = ()
    reason: str = ""
