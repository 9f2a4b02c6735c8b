"""When a vault is acted upon: the policies that a mandate may name, and the conditions that all of them share."""

from dataclasses import dataclass
from typing import Literal

from keeper.units import Wei

Settle = Literal["cheapest", "target", "edge"]
"""How far to go back: whatever costs least, doing nothing included; to the target; or just inside the band."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Act when a quantity is outside its band."""

    settle: Settle = "cheapest"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Act once in every period of `every_s`, counted from 1970 in UTC, wherever the quantities are in their bands."""

    every_s: int
    settle: Settle = "target"


@dataclass(frozen=True, slots=True)
class Periodic:
    """Look once in every period of `every_s`, and act then on what is outside its band."""

    every_s: int
    settle: Settle = "cheapest"


@dataclass(frozen=True, slots=True)
class Continuous:
    """Act at every block on whatever is off target by more than a tenth of its band, as far as the vault allows."""

    settle: Settle = "target"


@dataclass(frozen=True, slots=True)
class DynamicBand:
    """Act outside the no-trade region that volatility and costs make at this block, the mandate's band its outer bound.

    The region is that of `costs.no_trade`: inside the band, act where the best trade costs less than waiting.
    """

    settle: Settle = "cheapest"


@dataclass(frozen=True, slots=True)
class Preventative:
    """Act before a band breaks, while the forecast is trusted; else as Threshold does.

    Acting is weighed once the chance to leave the band within the mandate's horizon passes `act_above`, and from then
    on until it is under `stop_below`. An action at the band's edge is expected to cost `stress` times what its like
    costs now, since then everyone acts: 1 leaves only what liquidators would take to act early for.
    """

    act_above: float = 0.3
    stop_below: float = 0.1
    stress: float = 2.0
    settle: Settle = "cheapest"


Policy = Threshold | Calendar | Periodic | Continuous | DynamicBand | Preventative


@dataclass(frozen=True, slots=True)
class Gates:
    """What an action that is due must pass. A rescue, a health factor under its band, passes them all.

    `release`: a vault that was outside its band is brought so far inside it, as a share of the way to the target.
    `min_gain`: least that acting must be cheaper than waiting, in whole units of the base asset.
    `payback_s`: execution must be earned back within so long by the running cost that acting saves.
    `gas_below`: above this price of gas an action is deferred, for `gas_wait_s` at most and only while the chance that
    an edge of the band breaks which holds is under `gas_unless`.
    """

    release: float = 0.0
    min_gain: float = 0.0
    payback_s: int | None = None
    gas_below: Wei | None = None
    gas_wait_s: int = 21_600
    gas_unless: float = 0.3


@dataclass(frozen=True, slots=True)
class Chunks:
    """How a trade that moves its pools may be split: into `most` parts (1: never), the rest decided anew at each.

    Between two parts pass the vault's cooldown, `confirmations` blocks and the time that the pools need to come back,
    as measured after earlier parts; `refill_s` until it is. A rescue is never split.
    """

    most: int = 1
    refill_s: int = 600
    confirmations: int = 2


NO_GATES = Gates()
WHOLE = Chunks()
"""Never split."""
