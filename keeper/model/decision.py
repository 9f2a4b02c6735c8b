"""What the keeper thinks, decides and learns of the outcome."""

from bisect import bisect_right
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
class Outlook:
    """Where a level will be: "gas" in gwei, "supply" or "borrow" and a token as rates a year.

    Quantiles at `probabilities`, rising: `final` of its value at the end of the horizon, `lowest` of its least value on
    the way. `trusted` is False where its median did not beat "as now", `falls_trusted` where `reaches` did not beat the
    frequency of such falls: then nothing should wait for it.
    """

    name: str
    horizon_s: int
    now: float
    probabilities: tuple[float, ...]
    final: tuple[float, ...]
    lowest: tuple[float, ...]
    trusted: bool
    falls_trusted: bool
    note: str = ""

    @property
    def median(self) -> float:
        return self.final[len(self.final) // 2]

    def reaches(self, value: float) -> float:
        """P(it is at or under `value` at some time within the horizon); 1.0 where it is already."""
        if value >= self.now:
            return 1.0
        return _between(value, self.lowest, self.probabilities)


def _between(x: float, xs: tuple[float, ...], ys: tuple[float, ...]) -> float:
    """ys at x, linear between rising xs; 0.0 below them, the last above."""
    above = bisect_right(xs, x)
    if above == 0:
        return 0.0
    if above == len(xs):
        return ys[-1]
    width = xs[above] - xs[above - 1]
    return ys[above - 1] + (ys[above] - ys[above - 1]) * (x - xs[above - 1]) / width


@dataclass(frozen=True, slots=True)
class Forecast:
    """Distributions over the mandate's horizon: each token's standard deviation of log price, and touches.

    `trusted` is False when the touches may not be acted upon before a band breaks; `notes` say what is known too
    little of, a sentence each. `correlation` is of the log prices, a row a token in the order of `sigma`; empty: none.
    `levels` are gas and rates, where they are believed anything of.
    """

    model: str
    horizon_s: int
    sigma: tuple[tuple[Address, float], ...]
    touches: tuple[Touch, ...]
    intervals: tuple[Interval, ...] = ()
    trusted: bool = False
    notes: tuple[str, ...] = ()
    correlation: tuple[tuple[float, ...], ...] = ()
    levels: tuple[Outlook, ...] = ()

    def level(self, name: str) -> Outlook | None:
        """The outlook of a level by its name; None where nothing is believed of it."""
        return next((one for one in self.levels if one.name == name), None)


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
    """What `decide` returns: the verdict, the vault's next memory, what it saw on the way, and why now or why not.

    `chance` is the probability that made it act, or that it waited with: of the likeliest edge of a band.
    """

    verdict: Verdict
    state: State
    drift: Drift | None
    forecast: Forecast | None
    why: str = ""
    chance: float | None = None


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
