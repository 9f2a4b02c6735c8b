"""Covariance, target weights and costs in, where a basket waits and what being off its targets is worth out.

The ergodic tracking problem in n weights that sum to 1: off target by x a year costs (γ/2) xᵀΣx, a trade the fraction
`proportional` of the value sold and `fixed` of wealth. Weights diffuse with covariance Q = D(I - 1πᵀ)Σ(I - π1ᵀ)D a
year, D = diag(π); it is singular, so that quadratic forms live on the first n - 1 weights.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keeper.costs import NoTrade, no_trade

Floats = NDArray[np.float64]

_LEAST_VARIANCE = 1e-6
"""A year, added to every token's: no token is riskless, and two stablecoins would leave Σ singular."""
_LEAST_WEIGHT = 0.01
"""A token that is to be held in no amount moves as if it were this share."""
_TRIMMED = 0.93
"""Times d^(-1/6), d the directions in which weights move: what is left of the bands' separate losses, since one trade
trims every weight at once. Simulated."""
_TIE = 0.10
"""Both predictions err by up to this, simulated over random baskets, and the ellipsoid leans on every correlation, all
of them estimates: it is taken where it promises so much less than the bands."""
_STEPS = 60
_ROUNDING = 1e-15


class Region(Protocol):
    """Where to wait. Offsets are weights less targets, in the order of the tokens; losses fractions of wealth."""

    @property
    def kind(self) -> str: ...
    @property
    def loss_rate(self) -> float:
        """Predicted, a year, tracking and costs together."""
        ...

    def distance(self, off: Floats) -> float:
        """Over 1 is outside."""
        ...

    def value(self, off: Floats) -> float:
        """What starting off target by `off` costs in all, from now on, against starting at the targets."""
        ...

    def settle(self, off: Floats) -> Floats:
        """The offsets to trade to, from outside."""
        ...

    def waiting(self, off: Floats, horizon: float) -> float:
        """`value` plus what standing still for `horizon` years costs beyond the ergodic rate."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """A no-trade band a token against the rest; a trade trims every weight to its inner edge.

    s_i² = π_i²(e_i - π)ᵀΣ(e_i - π), risk γ(e_i - π)ᵀΣ(e_i - π)/(1 - π_i)². n weights have n - 1 freedoms, and a trade
    serves two of them: values and losses of the n bands count (n - 1)/n.
    """

    each: tuple[NoTrade, ...]
    risk: Floats
    loss_rate: float
    kind: str = "bands"

    def distance(self, off: Floats) -> float:
        return max(
            abs(x) / b.outer if b.outer > 0.0 else math.inf for x, b in zip(off.tolist(), self.each, strict=True)
        )

    def value(self, off: Floats) -> float:
        size = len(self.each)
        return (size - 1) / size * sum(b.relative_value(x) for x, b in zip(off.tolist(), self.each, strict=True))

    def settle(self, off: Floats) -> Floats:
        inner = np.array([b.inner for b in self.each])
        trimmed = np.clip(off, -inner, inner)
        over = float(trimmed.sum())
        room = inner + trimmed if over > 0.0 else inner - trimmed
        return trimmed - over * room / max(float(room.sum()), 1e-300)

    def waiting(self, off: Floats, horizon: float) -> float:
        return self.value(off) + _excess(self, self.risk, off) * horizon


@dataclass(frozen=True, slots=True, eq=False)
class Ellipsoid:
    """A joint region: wait while √(xᵀMx) is inside `radial`, else trade along the ray to its inner edge.

    V(x) = λ'q - q², q = xᵀMx, solves the problem inside for 4MQM + 2tr(QM)M = (γ/2)Σ with the loss λ'tr(QM). Along a
    ray it is the one-dimensional problem of risk 12 and speed 1, so that `no_trade` finds both edges: with a fixed cost
    alone outer⁴ = k, trades go to the targets and the loss is 2√k tr(QM) (Atkinson, Wilmott 1995).
    """

    metric: Floats
    radial: NoTrade
    risk: Floats
    loss_rate: float
    kind: str = "ellipsoid"

    def _radius(self, off: Floats) -> float:
        return math.sqrt(max(0.0, float(off[:-1] @ self.metric @ off[:-1])))

    def distance(self, off: Floats) -> float:
        return self._radius(off) / self.radial.outer if self.radial.outer > 0.0 else math.inf

    def value(self, off: Floats) -> float:
        return self.radial.relative_value(self._radius(off))

    def settle(self, off: Floats) -> Floats:
        radius = self._radius(off)
        return off * min(1.0, self.radial.inner / radius) if radius > 0.0 else off

    def waiting(self, off: Floats, horizon: float) -> float:
        return self.value(off) + _excess(self, self.risk, off) * horizon


def region(geometry: "Geometry", proportional: float, fixed: float) -> Region:
    """Bands or the ellipsoid, whichever is predicted to lose clearly less."""
    first, second = bands(geometry, proportional, fixed), ellipsoid(geometry, proportional, fixed)
    return second if second.loss_rate < (1.0 - _TIE) * first.loss_rate else first


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """What no cost enters: how weights move, what that risks, and the shape of the joint region.

    `metric` is the ellipsoid's M and `scale` tr(QM); `freedoms` in how many directions it is left, (Σn)²/Σn² of the
    eigenvalues of N = LᵀML, Q = LLᵀ.
    """

    weights: Floats
    risk: Floats
    """γΣ."""
    moves: Floats
    """Q."""
    metric: Floats
    scale: float
    freedoms: float


def geometry(covariance: Any, targets: Any, aversion: float) -> Geometry:
    """Of n ≥ 2 tokens: `covariance` of log prices a year in any constant numeraire, `targets` that sum to 1.

    Solves N² + ½tr(N)N = Lᵀ(γΣ/8)L on the first n - 1 weights. What a covariance has below zero is cut off.
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
    scale = float(own.sum())
    return Geometry(
        weights=weights,
        risk=aversion * sigma,
        moves=moves,
        metric=(back * own) @ back.T,
        scale=scale,
        freedoms=scale**2 / float(own @ own),
    )


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


def bands(geometry: Geometry, proportional: float, fixed: float) -> Bands:
    """One band a token."""
    weights, size = geometry.weights, len(geometry.weights)
    apart = np.eye(size) - weights
    relative = np.einsum("ij,jk,ik->i", apart, geometry.risk, apart)
    speeds = np.sqrt(np.diag(geometry.moves))
    each = tuple(
        no_trade(risk, speed, proportional, fixed)
        for risk, speed in zip((relative / (1.0 - weights) ** 2).tolist(), speeds.tolist(), strict=True)
    )
    loss = (size - 1) / size * sum(b.loss_rate for b in each)
    if size > 2:
        loss *= _TRIMMED * geometry.freedoms ** (-1.0 / 6.0)
    return Bands(each, geometry.risk, loss)


def ellipsoid(geometry: Geometry, proportional: float, fixed: float) -> Ellipsoid:
    """The joint region; what a trade sells is taken at its mean over the places where the region is left.

    There E[xxᵀ] = Q/tr(QM) at radius 1 exactly, x being a martingale, and |x_i| is taken as a sphere's coordinate.
    """
    spread = np.sqrt(np.diag(geometry.moves) / geometry.scale)
    sold = 0.5 * _mean_coordinate(len(spread) - 1) * float(spread.sum())
    radial = no_trade(12.0, 1.0, proportional * sold, fixed)
    return Ellipsoid(geometry.metric, radial, geometry.risk, radial.loss_rate * geometry.scale)


def _mean_coordinate(size: int) -> float:
    """E|u_i| in units of its root mean square, u on the unit sphere of `size` dimensions."""
    return math.sqrt(size / math.pi) * math.gamma(size / 2.0) / math.gamma((size + 1) / 2.0)


def _excess(region: Region, risk: Floats, off: Floats) -> float:
    return max(0.0, float(off @ risk @ off) / 2.0 - region.loss_rate)
