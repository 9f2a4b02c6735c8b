"""Returns of equal spans in, a GARCH model with Student's t and its one-step variances out; estimated by `arch`."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keeper.forecast.bars import Array

Kind = Literal["garch", "gjr", "egarch"]

LEAST_RETURNS = 200
_PERCENT = 100.0
"""`arch` wants returns of about one: its optimiser is told per cent."""
_START = 30


@dataclass(frozen=True, slots=True)
class Garch:
    """Parameters in per cent of log price. GARCH(1,1): v' = omega + (alpha + gamma·[e < 0])·e² + beta·v.

    gjr adds gamma (Glosten, Jagannathan, Runkle 1993); egarch is ln v' = omega + alpha(|z| - √(2/π)) + gamma·z +
    beta·ln v, z = e/√v (Nelson 1991).
    """

    kind: Kind
    mu: float
    omega: float
    alpha: float
    gamma: float
    beta: float
    nu: float


def fit_garch(returns: Array, kind: Kind = "garch") -> Garch | None:
    """Maximum likelihood with a constant mean; None when there are under LEAST_RETURNS, none moves, or it diverges."""
    from arch import arch_model  # takes a second to load: only a fit pays for it

    if len(returns) < LEAST_RETURNS or float(np.std(returns)) < 1e-7:
        return None
    model = arch_model(
        returns * _PERCENT,
        mean="Constant",
        vol="EGARCH" if kind == "egarch" else "GARCH",
        p=1,
        o=0 if kind == "garch" else 1,
        q=1,
        dist="t",
        rescale=False,
    )
    found = model.fit(disp="off", show_warning=False)
    p = {str(name): float(value) for name, value in found.params.items()}
    if not all(math.isfinite(value) for value in p.values()):
        return None
    gamma = p.get("gamma[1]", 0.0)
    return Garch(kind, p["mu"], p["omega"], p["alpha[1]"], gamma, p["beta[1]"], p["nu"])


def garch_variance(garch: Garch, returns: Array) -> Array:
    """Variance of the return that follows each of `returns`, from the recursion begun at their first thirty's mean."""
    errors = returns * _PERCENT - garch.mu
    variance = max(float(np.mean(errors[:_START] ** 2)), 1e-8)
    out = np.empty(len(errors))
    for i, error in enumerate(errors.tolist()):
        variance = _next(garch, error, variance)
        out[i] = variance
    return out / _PERCENT**2


def _next(garch: Garch, error: float, variance: float) -> float:
    if garch.kind == "egarch":
        z = error / math.sqrt(variance)
        step = garch.alpha * (abs(z) - math.sqrt(2.0 / math.pi)) + garch.gamma * z
        return math.exp(min(garch.omega + step + garch.beta * math.log(variance), 50.0))
    asymmetric = garch.gamma if error < 0.0 else 0.0
    return max(garch.omega + (garch.alpha + asymmetric) * error * error + garch.beta * variance, 1e-12)
