"""What the keeper believes of prices: fitted numbers by name, how they scored, and where it knows too little."""

from dataclasses import dataclass
from typing import Literal

from keeper.units import Address, Hash, Timestamp

Regime = Literal["calm", "rising", "crisis", "unknown"]
Knowledge = Literal["fitted", "short", "constant", "dead", "unknown"]
"""fitted: models compete. short: too little history for them, the baseline speaks. constant: the price never moved.
dead: its feed went silent. unknown: nothing to go by."""
_NEVER = Timestamp(0)


@dataclass(frozen=True, slots=True)
class Fit:
    """One model's estimated numbers, by name, for forecasts over `horizon_s`."""

    model: str
    horizon_s: int
    numbers: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a price moves within `horizon_s`, in units of the forecast's standard deviation of log price.

    `final` holds quantiles of the log return at `levels`; `rise` and `fall` those of its highest point and of its
    lowest, negated. `deviation` is the standard deviation of the log return, 1 where the forecast was right on average;
    `spread` that of the log of the variance behind it: the log-normal mixture of normals with the same kurtosis.
    """

    horizon_s: int
    levels: tuple[float, ...]
    final: tuple[float, ...]
    rise: tuple[float, ...]
    fall: tuple[float, ...]
    deviation: float
    spread: float


@dataclass(frozen=True, slots=True)
class Score:
    """Resolved forecasts of `model` against those of `baseline`: mean losses, and the skill 1 - loss/baseline loss.

    `low` and `high` bound the skill with 90 % confidence, by block bootstrap.
    """

    model: str
    baseline: str
    measure: Literal["qlike", "brier", "absolute"]
    horizon_s: int
    loss: float
    baseline_loss: float
    skill: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """What came of one forecast, once its horizon had ended; `touches` are those that nothing of ours interfered with.

    `moves`: token, forecast variance of log price, log return, and whether the interval held it. `touches`: quantity,
    "low" or "high", forecast probability, and whether the barrier was reached.
    """

    model: str
    issued_at: Timestamp
    horizon_s: int
    moves: tuple[tuple[Address, float, float, bool], ...]
    touches: tuple[tuple[str, str, float, bool], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The live record of one vault's forecasts by one model over one horizon, once some of them are resolved.

    `trusted` is False while its touches do no better than the unconditional frequency over the window; `note` says so.
    `disturbed` forecasts lost their touches to an action or a deposit, `coverage` is the share of 90 % intervals that
    held, 1.0 where none is resolved; `calibration` holds (mean probability, frequency, count) by tenth of probability.
    """

    vault: Address
    model: str
    horizon_s: int
    trusted: bool
    note: str
    resolved: int
    disturbed: int
    coverage: float
    scores: tuple[Score, ...]
    calibration: tuple[tuple[float, float, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """value(t + h) = shift + slope·value(t) + residual, in logs when `logarithmic`; slope within [0, 1].

    A slope of 1 without shift is "as now". The least value within the horizon has a line of its own. `residuals` and
    `lowest` are the two lines' residuals, as quantiles at LEVEL_GRID.
    """

    logarithmic: bool
    shift: float
    slope: float
    residuals: tuple[float, ...]
    low_shift: float
    low_slope: float
    lowest: tuple[float, ...]


LEVEL_GRID = (0.01, 0.025, *(k / 20 for k in range(1, 20)), 0.975, 0.99)
"""Probabilities at which the quantiles of a level are held."""


@dataclass(frozen=True, slots=True)
class LevelBelief:
    """What is believed of a level over `horizon_s`: "gas" in gwei, or "supply" or "borrow" and a token, rates a year.

    `last` was its value at `last_at`. Walk-forward: `trusted` is False where its median did not beat "as now", which
    then it says too, and `falls_trusted` where the chance of a fall did not beat its frequency.
    """

    name: str
    horizon_s: int
    level: Level
    last: float
    last_at: Timestamp
    trusted: bool
    falls_trusted: bool
    note: str
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class Variance:
    """A model's variance of log price over `horizon_s`, seen from the last price."""

    model: str
    horizon_s: int
    variance: float


@dataclass(frozen=True, slots=True)
class TokenBelief:
    """What is believed of one token, and in `note` one sentence on why.

    `champions` names the model that speaks under "auto" for each horizon in seconds. `trusted` is False when touches
    are unproven, or did no better than the unconditional frequency: then only reactive bands are safe.
    """

    token: Address
    knowledge: Knowledge
    note: str
    champions: tuple[tuple[int, str], ...]
    trusted: bool
    regime: Regime
    last_at: Timestamp
    variances: tuple[Variance, ...] = ()
    shapes: tuple[Shape, ...] = ()
    fits: tuple[Fit, ...] = ()
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Fitted parameters: annual volatility a token and pairwise correlation, with the window they came from."""

    model: str
    volatility: tuple[tuple[Address, float], ...]
    correlation: tuple[tuple[Address, Address, float], ...]
    """Sorted, the first of each pair the smaller address; a pair that is missing is taken as uncorrelated."""
    fitted_at: Timestamp
    window_s: int
    fingerprint: Hash
    """SHA-256 of the data fitted on."""
    tokens: tuple[TokenBelief, ...] = ()
    pooled: tuple[Fit, ...] = ()
    """Models fitted on all tokens together."""
    seen_at: Timestamp = _NEVER
    """Of the block whose prices they were last brought up to date with; 0: since the fit never."""
    levels: tuple[LevelBelief, ...] = ()
    records: tuple[Record, ...] = ()
    """Live: which models have lost the right to act before a band breaks."""
