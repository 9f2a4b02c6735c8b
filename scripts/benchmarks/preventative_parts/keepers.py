"""A vault's account and a policy in, what `decide` makes of one look after another out, costs and touches counted."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

from preventative_parts.pools import pool

from keeper.costs import CLOSE_FACTOR
from keeper.decide import decide
from keeper.model import Approved, Beliefs, GuardState, History, Mandate, Prediction, Snapshot, State
from keeper.units import BPS, SECONDS_PER_YEAR, Timestamp, Wei
from tests import levered, scene
from tests.scene import USDC, WBTC, WETH

WORTH = 2e6
"""Dollars of net worth, always: gains leave and losses are made good, so that a vault is as large for its pools in each
year. Fractions of it add up."""
GAS_PRICE = 30 * 10**9
"""Wei a unit, on a usual day of those years."""
AMPLE = 10**40
"""Budgets are the vault's business, not the policy's."""
BONUS = 0.05
SUPPLY_RATE, BORROW_RATE = 0.02, 0.04


@dataclass(frozen=True, slots=True)
class Look:
    """A block: prices in dollars, depth of the deeper pool a side, wei a unit of gas."""

    now: int
    eth: float
    btc: float
    depth: float
    gas: int


@dataclass(slots=True)
class Tally:
    """What a keeper's years came to; costs and losses are sums of fractions of net worth at their time."""

    actions: int = 0
    sold: float = 0.0
    cost: float = 0.0
    tracking: float = 0.0
    liquidated: float = 0.0
    liquidations: int = 0
    ruins: int = 0
    """Times that nothing was left."""
    worst: float = math.inf
    outside_s: int = 0
    before: int = 0
    """Actions inside the band."""
    refused: int = 0

    @property
    def total(self) -> float:
        return self.cost + self.tracking + self.liquidated


@dataclass(slots=True)
class Keeper(ABC):
    """One vault under one mandate; `state` is what decide remembers."""

    mandate: Mandate
    state: State = scene.STATE
    tally: Tally = field(default_factory=Tally)
    epoch: int = 0
    acted_at: int = 0
    last: Look | None = None
    begun: int = 0
    looks: int = 0

    @abstractmethod
    def snapshot(self, look: Look) -> Snapshot: ...
    @abstractmethod
    def settle(self, prediction: Prediction) -> None:
        """The account once a plan was carried out exactly as predicted."""

    @abstractmethod
    def pass_time(self, look: Look, seconds: int) -> None:
        """Interest, and whoever liquidates; then the cost of having been off target."""

    def look(self, look: Look, believed: Beliefs) -> None:
        if self.last is not None:
            self.pass_time(look, look.now - self.last.now)
        before, self.begun = self.last, self.begun or look.now
        self.last, self.looks = look, self.looks + 1
        snapshot = self.snapshot(look)
        decision = decide(History(snapshot, ()), self.state, believed, self.mandate, 0)
        self.state = decision.state
        verdict, drift = decision.verdict, decision.drift
        assert drift is not None, decision
        self.tally.refused += not isinstance(verdict, Approved) and hasattr(verdict, "reasons")
        if drift.distance > 1.0:
            self.tally.outside_s += look.now - (before.now if before else look.now)
        if not isinstance(verdict, Approved):
            return
        done = verdict.prediction
        self.tally.actions += 1
        self.tally.before += drift.distance <= 1.0
        self.tally.cost += (done.nav_before - done.nav_after + verdict.plan.cost.gas) / done.nav_before
        base = self.base_price(look)
        worth = {USDC.address: 1e-6, WETH.address: look.eth / 1e18, WBTC.address: look.btc / 1e8}
        self.tally.sold += sum(f.amount_in * worth[f.token_in] for f in done.fills) / (done.nav_before * base)
        self.settle(done)
        self.epoch, self.acted_at = self.epoch + 1, look.now

    @property
    def years(self) -> float:
        assert self.last is not None
        return (self.last.now - self.begun) / SECONDS_PER_YEAR

    def guard(self) -> GuardState:
        return GuardState(self.epoch, False, Timestamp(self.acted_at), AMPLE, AMPLE)

    @abstractmethod
    def base_price(self, look: Look) -> float:
        """Dollars of a raw unit of the vault's base asset."""


@dataclass(slots=True)
class Levered(Keeper):
    """WETH supplied against USDC owed, raw."""

    collateral: int = 0
    debt: int = 0

    def snapshot(self, look: Look) -> Snapshot:
        health = self.health(look)
        whole = self.collateral / 1e18
        made = levered.position(health, look.eth, whole, 1.0, Timestamp(look.now), look.gas, guard=self.guard())
        return replace(made, venues=(pool(scene.WETH_USDC, WETH, look.eth, look.depth), made.venues[1]))

    def health(self, look: Look) -> float:
        return self.collateral / 1e18 * look.eth * levered.THRESHOLD / BPS / (self.debt / 1e6)

    def settle(self, prediction: Prediction) -> None:
        self.collateral, self.debt = prediction.collateral_raw, prediction.debt_raw

    def pass_time(self, look: Look, seconds: int) -> None:
        assert self.last is not None
        years = seconds / SECONDS_PER_YEAR
        value, owed = self.collateral / 1e18 * self.last.eth, self.debt / 1e6
        target = self.mandate.goal.target / 1e18  # type: ignore[union-attr]
        wanted = target / (target - levered.THRESHOLD / BPS)
        off, moved = value / (value - owed) - wanted, math.log(look.eth / self.last.eth)
        self.tally.tracking += self.mandate.risk_aversion / 2.0 * min(1.0, (off * moved) ** 2)  # no more than all
        self.collateral = int(self.collateral * math.exp(SUPPLY_RATE * years))
        self.debt = int(self.debt * math.exp(BORROW_RATE * years))
        self.tally.worst = min(self.tally.worst, self.health(look))
        if self.net(look) <= 0.0:
            self.begin_anew(look)
        elif self.health(look) < 1.0:
            self.liquidate(look)
        scale = WORTH / self.net(look)
        self.collateral, self.debt = int(self.collateral * scale), int(self.debt * scale)

    def net(self, look: Look) -> float:
        """Dollars."""
        return self.collateral / 1e18 * look.eth - self.debt / 1e6

    def begin_anew(self, look: Look) -> None:
        """The debt is worth more than the collateral: all is lost, and others put in as much at the target."""
        self.tally.ruins += 1
        self.tally.liquidated += 1.0
        target = self.mandate.goal.target / 1e18  # type: ignore[union-attr]
        multiple = target / (target - levered.THRESHOLD / BPS)
        self.collateral = int(WORTH * multiple / look.eth * 1e18)
        self.debt = int(WORTH * (multiple - 1.0) * 1e6)

    def liquidate(self, look: Look) -> None:
        """Half the debt is repaid, for collateral worth 5 % more."""
        repaid = CLOSE_FACTOR * self.debt / 1e6
        net = self.net(look)
        self.collateral -= int(repaid * (1.0 + BONUS) / look.eth * 1e18)
        self.debt -= int(repaid * 1e6)
        self.tally.liquidations += 1
        self.tally.liquidated += min(1.0, BONUS * repaid / net)
        if self.net(look) <= 0.0:
            self.begin_anew(look)

    def base_price(self, look: Look) -> float:
        return look.eth / 1e18


@dataclass(slots=True)
class Basket(Keeper):
    """USDC, WETH and WBTC, raw."""

    holdings: tuple[int, ...] = ()

    def snapshot(self, look: Look) -> Snapshot:
        usd = {USDC: 1.0, WETH: look.eth, WBTC: look.btc}
        vault = replace(scene.basket(), holdings=self.holdings, guard=self.guard())
        pools = (
            pool(scene.WETH_USDC, WETH, look.eth, look.depth),
            pool(scene.WBTC_USDC, WBTC, look.btc, look.depth),
        )
        made = replace(
            scene.snapshot(vault),
            rounds=tuple(scene.round_of(t, p, updated_at=Timestamp(look.now)) for t, p in usd.items()),
            venues=pools,
        )
        head = replace(made.head, timestamp=Timestamp(look.now), base_fee=Wei(look.gas))
        native = replace(made.native, price_x36=scene.price(WETH, look.eth))
        made = replace(made, head=head, native=native)
        return replace(made, vaults=(replace(vault, reported_nav=vault.nav(made, Timestamp(look.now))),))

    def values(self, look: Look) -> list[float]:
        return [raw * p for raw, p in zip(self.holdings, (1e-6, look.eth / 1e18, look.btc / 1e8), strict=True)]

    def settle(self, prediction: Prediction) -> None:
        self.holdings = tuple(a.raw for a in prediction.holdings)

    def pass_time(self, look: Look, seconds: int) -> None:
        """Tracking: half the risk aversion times the square of the return over the target portfolio's."""
        assert self.last is not None
        values = self.values(self.last)
        moves = (0.0, look.eth / self.last.eth - 1.0, look.btc / self.last.btc - 1.0)
        targets = dict(self.mandate.goal.weights)  # type: ignore[union-attr]
        off = [v / sum(values) - targets[t.address] / BPS for v, t in zip(values, (USDC, WETH, WBTC), strict=True)]
        gap = sum(o * m for o, m in zip(off, moves, strict=True))
        self.tally.tracking += self.mandate.risk_aversion / 2.0 * gap**2
        scale = WORTH / sum(self.values(look))
        self.holdings = tuple(int(raw * scale) for raw in self.holdings)

    def base_price(self, look: Look) -> float:
        return 1e-6
