"""Covariance, target weights and costs in, where a basket waits and what being off its targets is worth out.

The ergodic tracking problem in n weights that sum to 1: being off target by x costs (γ/2) xᵀΣx a year, a trade the
fraction `proportional` of the value it sells and `fixed` of wealth. Weights diffuse with covariance
Q = D(I - 1πᵀ)Σ(I - π1ᵀ)D a year, D = diag(π); it is singular, so that quadratic forms live on the first n - 1 weights.

V(x) = λ'q - q², q = xᵀMx, solves it inside for 4MQM + 2tr(QM)M = (γ/2)Σ, with the loss λ'tr(QM) a year. Along a ray
from the targets that is the one-dimensional problem of risk 12 and speed 1, in units of √q: `costs.no_trade` has its
edges. A fixed cost alone gives the ellipsoid q < √k round the targets, to which trades go, with V = k(2u - u²),
u = q/√k, and the loss 2√k tr(QM) (Atkinson, Wilmott 1995); a proportional one alone a band, traded to its edge.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keeper.costs import NoTrade, no_trade

Floats = NDArray[np.float64]

_LEAST_VARIANCE = 1e-6
"""A year, of any portfolio: no token is riskless, and two stablecoins would leave Σ singular."""
_LEAST_WEIGHT = 0.01
"""A token that is to be held in no amount moves as if it were this share."""
_STEPS = 60
_ROUNDING = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """What no cost enters: γΣ, Q, and the joint region's M with `scale` = tr(QM)."""

    risk: Floats
    moves: Floats
    metric: Floats
    scale: float

    def radius(self, off: Floats) -> float:
        """√(xᵀMx)."""
        return math.sqrt(max(0.0, float(off[:-1] @ self.metric @ off[:-1])))

    def reach(self, radius: float) -> Floats:
        """How far each weight is off its target at most where √(xᵀMx) = `radius`."""
        inverse = np.linalg.inv(self.metric)
        last = math.sqrt(max(0.0, float(inverse.sum())))
        return radius * np.append(np.sqrt(np.maximum(np.diag(inverse), 0.0)), last)


def geometry(covariance: Any, targets: Any, aversion: float) -> Geometry:
    """Of n ≥ 2 tokens: `covariance` of log prices a year in any constant numeraire, `targets` that sum to 1.

    With Q = LLᵀ and N = LᵀML solves N² + ½tr(N)N = Lᵀ(γΣ/8)L. What a covariance has below zero is cut off.
    """
    weights = np.maximum(np.asarray(targets, np.float64), _LEAST_WEIGHT)
    weights = weights / weights.sum()
    values, axes = np.linalg.eigh(np.asarray(covariance, np.float64))
    sigma = (axes * np.maximum(values, _LEAST_VARIANCE)) @ axes.T
    apart = weights[:, None] * (np.eye(len(weights)) - weights)
    moves = apart @ sigma @ apart.T
    last = len(weights) - 1
    joint = sigma[:last, :last] - sigma[last, :last] - sigma[:last, [last]] + sigma[last, last]
    root = np.linalg.cholesky(moves[:last, :last])
    found, turn = np.linalg.eigh(root.T @ (aversion / 8.0 * joint) @ root)
    own = _solved(np.maximum(found, 0.0))
    back = np.linalg.solve(root.T, turn)
    return Geometry(aversion * sigma, moves, (back * own) @ back.T, float(own.sum()))


def _solved(values: Floats) -> Floats:
    """n_i ≥ 0 with n_i² + ½tn_i = b_i and t = Σn_i, by Newton's method on t; from above, where it is convex."""
    t = math.sqrt(float(values.sum()))
    for _ in range(_STEPS):
        reach = np.sqrt(t * t / 4.0 + 4.0 * values)
        excess = float((reach - t / 2.0).sum()) / 2.0 - t
        step = excess / (float((t / reach).sum()) / 8.0 - values.size / 4.0 - 1.0)
        t -= step
        if abs(step) <= _ROUNDING * t:
            break
    return np.asarray((np.sqrt(t * t / 4.0 + 4.0 * values) - t / 2.0) / 2.0, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Where to wait. Offsets are weights less targets, in the order of the tokens; losses are fractions of wealth."""

    geometry: Geometry
    radial: NoTrade

    @property
    def loss_rate(self) -> float:
        """Predicted, a year, tracking and costs together."""
        return self.radial.loss_rate * self.geometry.scale

    def distance(self, off: Floats) -> float:
        """Over 1 is outside."""
        return self.geometry.radius(off) / self.radial.outer if self.radial.outer > 0.0 else math.inf

    def settle(self, off: Floats) -> Floats:
        """The offsets to trade to from outside."""
        radius = self.geometry.radius(off)
        return off * min(1.0, self.radial.inner / radius) if radius > 0.0 else off

    def value(self, off: Floats) -> float:
        """What starting off target by `off` costs in all, from now on, against starting at the targets."""
        return self.radial.relative_value(self.geometry.radius(off))

    def waiting(self, off: Floats, horizon: float) -> float:
        """`value`, and what standing still for `horizon` years costs beyond the ergodic rate."""
        excess = float(off @ self.geometry.risk @ off) / 2.0 - self.loss_rate
        return self.value(off) + max(0.0, excess) * horizon


def region(geometry: Geometry, off: Floats, proportional: float, fixed: float) -> Region:
    """Seen from `off`: what is sold on the way from there to the targets is what a trade costs in proportion to."""
    radius = geometry.radius(off)
    sold = float(np.abs(off).sum()) / 2.0 / radius if radius > 0.0 else _typical(geometry)
    return Region(geometry, no_trade(12.0, 1.0, proportional * sold, fixed))


def typical(geometry: Geometry, proportional: float, fixed: float) -> Region:
    """Seen from where it is left on average: its `loss_rate` is the one to expect."""
    return Region(geometry, no_trade(12.0, 1.0, proportional * _typical(geometry), fixed))


def _typical(geometry: Geometry) -> float:
    """Value that a trade to the targets sells, in units of √q, at its mean over the places where a sphere is left.

    There E[xxᵀ] = Q/tr(QM) exactly, x being a martingale, and |x_i| is taken as a coordinate on the unit sphere.
    """
    size = len(geometry.metric)
    mean = math.sqrt(size / math.pi) * math.gamma(size / 2.0) / math.gamma((size + 1) / 2.0)
    return 0.5 * mean * float(np.sqrt(np.diag(geometry.moves) / geometry.scale).sum())


def trimmed(off: Floats, inner: Floats) -> Floats:
    """Offsets cut to `inner` on either side, the others moved inside theirs until all sum to nothing again."""
    cut = np.clip(off, -inner, inner)
    over = float(cut.sum())
    room = inner + cut if over > 0.0 else inner - cut
    return cut - over * room / max(float(room.sum()), 1e-300)
