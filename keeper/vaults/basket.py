"""`BasketVault`: several assets in target weights, valued by oracle."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from keeper.model import (
    Drift,
    Failed,
    GuardState,
    Leg,
    Limits,
    Mandate,
    Order,
    Plan,
    Prediction,
    Quantity,
    Question,
    Read,
    Reason,
    Rescue,
    Snapshot,
    Token,
    WeightGoal,
    WeightProblem,
)
from keeper.protocols import wire
from keeper.units import BPS, Address, Amount, Bps, Gas, Hash, Timestamp
from keeper.vaults import common
from keeper.vaults.facts import VaultFacts, decode_uints, read_guard, read_limits
from keeper.vaults.legs import run_legs
from keeper.vaults.valuation import price_x36, value_down

KIND = "basket"
BASE_GAS = Gas(232_000)
"""A rebalance of three tokens without its legs, the transaction's own gas included: 800 mined in the local world."""
_SIGNATURE = f"rebalance({common.ORDER},{common.LEGS})"


@dataclass(frozen=True, slots=True)
class BasketVault:
    """A basket at one block. `weights` are the chain's targets in bps, in the order of `tokens`."""

    address: Address
    tokens: tuple[Token, ...]
    holdings: tuple[int, ...]
    weights: tuple[Bps, ...]
    venues: tuple[Address, ...]
    limits: Limits
    guard: GuardState
    keeper_allowed: bool
    total_supply: int
    state_hash: Hash
    reported_nav: int | None

    @property
    def kind(self) -> str:
        return KIND

    @property
    def gas(self) -> Gas:
        return BASE_GAS

    @property
    def rescue(self) -> Rescue | None:
        return None

    def urgent(self, snapshot: Snapshot) -> bool:
        return False

    def nav(self, snapshot: Snapshot, timestamp: Timestamp) -> int:
        return _nav(self, snapshot, self.holdings)

    def gross(self, snapshot: Snapshot, timestamp: Timestamp) -> int:
        return self.nav(snapshot, timestamp)

    def faults(self, mandate: Mandate) -> tuple[Reason, ...]:
        faults = common.common_faults(mandate, KIND, self.limits, self.venues)
        goal = mandate.goal
        if not isinstance(goal, WeightGoal):
            return (*faults, Reason("M-goal", f"{mandate.name}: a basket needs target weights, not a health factor"))
        stated, actual = dict(goal.weights), {t.address: w for t, w in zip(self.tokens, self.weights, strict=True)}
        for token in self.tokens:
            found = stated.pop(token.address, Bps(0))
            if found != actual[token.address]:
                faults.append(
                    Reason(
                        "M-weights",
                        f"{mandate.name}: the mandate wants {found / BPS:.2%} {token.symbol}, the vault's curator set "
                        f"{actual[token.address] / BPS:.2%}; the chain is the authority: change one of the two",
                    )
                )
        if goal.band >= min(self.weights):
            faults.append(
                Reason(
                    "M-band",
                    f"{mandate.name}: the band is {goal.band / BPS:.2%} either side, the smallest weight "
                    f"{min(self.weights) / BPS:.2%}: it would allow none of it; make the band narrower",
                )
            )
        faults.extend(
            Reason("M-weights", f"{mandate.name}: {token} has a weight but is not a token of the vault; remove it")
            for token in stated
        )
        return tuple(faults)

    def drift(self, snapshot: Snapshot, mandate: Mandate) -> Drift:
        problem = self.problem(snapshot, mandate)
        values = [a * p for a, p in zip(problem.amounts_raw, problem.prices, strict=True)]
        total = sum(values) or 1.0
        return common.drift_of(
            tuple(
                Quantity(token.symbol, value / total, target - band, target, target + band)
                for token, value, target, band in zip(self.tokens, values, problem.targets, problem.bands, strict=True)
            )
        )

    def problem(self, snapshot: Snapshot, mandate: Mandate) -> WeightProblem:
        goal = mandate.goal
        if not isinstance(goal, WeightGoal):
            raise TypeError(f"a basket needs a WeightGoal, found {type(goal).__name__}")
        targets = dict(goal.weights)
        return WeightProblem(
            tokens=tuple(t.address for t in self.tokens),
            amounts_raw=self.holdings,
            prices=tuple(price_x36(snapshot, t.address) / 1e36 for t in self.tokens),
            targets=tuple(targets[t.address] / BPS for t in self.tokens),
            bands=tuple(goal.band / BPS for _ in self.tokens),
        )

    def after(self, snapshot: Snapshot, plan: Plan, timestamp: Timestamp) -> Prediction:
        tokens = [t.address for t in self.tokens]
        trades = run_legs(snapshot, plan.legs, dict(zip(tokens, self.holdings, strict=True)))
        holdings = tuple(trades.inventory[t] for t in tokens)
        return Prediction(
            source="replay",
            timestamp=timestamp,
            nav_before=_nav(self, snapshot, self.holdings),
            nav_after=_nav(self, snapshot, holdings),
            holdings=tuple(Amount(t, h) for t, h in zip(tokens, holdings, strict=True)),
            collateral_raw=0,
            debt_raw=0,
            health_factor=None,
            fills=trades.fills,
        )

    def left(self, snapshot: Snapshot, mandate: Mandate, prediction: Prediction) -> Drift:
        return replace(self, holdings=tuple(a.raw for a in prediction.holdings)).drift(snapshot, mandate)

    def order(self, snapshot: Snapshot, plan: Plan, deadline: Timestamp, min_nav_after: int) -> Order:
        return common.order(snapshot.chain_id, self.address, self.guard, plan, deadline, min_nav_after)

    def encode(self, order: Order, plan: Plan) -> bytes:
        return calldata(order, plan.legs)


def calldata(order: Order, legs: Sequence[Leg]) -> bytes:
    """A basket's `rebalance`."""
    return common.calldata(_SIGNATURE, order, legs)


def observe(facts: VaultFacts, tokens: Sequence[Token], keeper: Address) -> Question[BasketVault]:
    """Asks a known basket for its state. The answer raises errors.Retry when a read other than nav() failed."""
    vault = facts.address

    def build(answers: Sequence[Any]) -> BasketVault:
        *state, nav = answers
        holdings, weights, limits, guard, allowed, supply, state_hash = wire.answered(state, f"the vault {vault}")
        return BasketVault(
            address=vault,
            tokens=tuple(tokens),
            holdings=holdings,
            weights=tuple(Bps(w) for w in weights),
            venues=tuple(pool for _, pool in facts.venues),
            limits=limits,
            guard=guard,
            keeper_allowed=bool(allowed),
            total_supply=supply,
            state_hash=Hash(f"0x{state_hash:064x}"),
            reported_nav=None if isinstance(nav, Failed) else nav,
        )

    reads = (
        Read(vault, wire.calldata("holdings()"), decode_uints),
        Read(vault, wire.calldata("weights()"), decode_uints),
        read_limits(vault),
        read_guard(vault),
        Read(vault, wire.calldata("isKeeper(address)", keeper), wire.uint),
        Read(vault, wire.calldata("totalSupply()"), wire.uint),
        Read(vault, wire.calldata("stateHash()"), wire.uint),
        Read(vault, wire.calldata("nav()"), wire.uint),
    )
    return Question(reads, build)


def weights(vault: Address) -> Question[tuple[int, ...]]:
    """Asks a basket for its target weights in bps. The answer raises errors.BadInput when it does not say."""

    def build(answers: Sequence[Any]) -> tuple[int, ...]:
        (found,) = wire.recognised(answers, vault, "a basket")
        return tuple(found)

    return Question((Read(vault, wire.calldata("weights()"), decode_uints),), build)


def _nav(vault: BasketVault, snapshot: Snapshot, holdings: Sequence[int]) -> int:
    """Each holding's value rounded down, then summed, as the contract does."""
    base = vault.tokens[0].address
    return sum(value_down(snapshot, t.address, h, base) for t, h in zip(vault.tokens, holdings, strict=True))
