"""`LeverageVault`: collateral and debt on a lending market, inside a health-factor band."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keeper.errors import Refusal
from keeper.model import (
    Drift,
    Failed,
    GuardState,
    HealthGoal,
    HealthProblem,
    LeverageMove,
    Limits,
    Mandate,
    Market,
    MarketAction,
    MarketVerb,
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
)
from keeper.protocols import wire
from keeper.units import (
    BPS,
    UINT256_MAX,
    WAD,
    Address,
    Amount,
    Bps,
    Gas,
    Hash,
    Timestamp,
    Wad,
)
from keeper.vaults import common
from keeper.vaults.facts import VaultFacts, decode_uints, read_guard, read_limits
from keeper.vaults.legs import Trades, run_legs
from keeper.vaults.valuation import value_down, value_up

KIND = "leverage"
BASE_GAS = Gas(540_000)
"""Supply, borrow or repay, withdraw and both valuations without legs or a flash loan: 13 mined in the local world."""
_SIGNATURE = f"rebalance({common.ORDER},{common.LEGS},{common.LEVERAGE_MOVE})"
_HEALTH = "health factor"
_SAMPLE = 10**12
"""A loan large enough that the premium's rounding does not show in its rate."""


@dataclass(frozen=True, slots=True)
class LeverageVault:
    """A levered position at one block: `tokens` and `holdings` are idle [collateral, debt]; the rest is in `market`."""

    address: Address
    tokens: tuple[Token, ...]
    holdings: tuple[int, ...]
    market: Address
    floor: Wad
    ceiling: Wad
    venues: tuple[Address, ...]
    limits: Limits
    guard: GuardState
    keeper_allowed: bool
    total_supply: int
    state_hash: Hash
    reported_nav: int | None
    rescue: Rescue

    @property
    def kind(self) -> str:
        return KIND

    @property
    def gas(self) -> Gas:
        return BASE_GAS

    def urgent(self, snapshot: Snapshot) -> bool:
        try:
            return self._health(snapshot) < self.rescue.urgent
        except Refusal:  # the market has no price: nobody knows, and nothing could be done
            return False

    def nav(self, snapshot: Snapshot, timestamp: Timestamp) -> int:
        market = snapshot.market(self.market)
        return self._nav(snapshot, market, self.holdings, timestamp)

    def gross(self, snapshot: Snapshot, timestamp: Timestamp) -> int:
        market, (collateral, debt) = snapshot.market(self.market), self.tokens
        supplied = market.collateral(self.address, collateral.address, timestamp)
        idle_debt = value_down(snapshot, debt.address, self.holdings[1], collateral.address)
        return supplied + self.holdings[0] + idle_debt

    def faults(self, mandate: Mandate) -> tuple[Reason, ...]:
        faults = common.common_faults(mandate, KIND, self.limits, self.venues)
        goal = mandate.goal
        if not isinstance(goal, HealthGoal):
            return (
                *faults,
                Reason("M-goal", f"{mandate.name}: a levered vault needs a health-factor goal, not weights"),
            )
        for name, stated, ok, bound in (
            ("low", goal.low, goal.low >= max(self.floor, self.rescue.urgent), max(self.floor, self.rescue.urgent)),
            ("high", goal.high, goal.high <= self.ceiling, self.ceiling),
        ):
            if not ok:
                faults.append(
                    Reason(
                        f"M-{name}",
                        f"{mandate.name}: the mandate's {name} health factor {stated / WAD:.4f} is outside the vault's "
                        f"own band (limit {bound / WAD:.4f}); a mandate may only tighten it",
                    )
                )
        return tuple(faults)

    def drift(self, snapshot: Snapshot, mandate: Mandate) -> Drift:
        return _drift(mandate, self._health(snapshot))

    def problem(self, snapshot: Snapshot, mandate: Mandate) -> HealthProblem:
        goal, now = _goal(mandate), snapshot.head.timestamp
        market, (collateral, debt) = snapshot.market(self.market), self.tokens
        return HealthProblem(
            collateral=collateral.address,
            debt=debt.address,
            idle_collateral_raw=self.holdings[0],
            collateral_raw=market.collateral(self.address, collateral.address, now),
            debt_raw=market.debt(self.address, debt.address, now),
            collateral_price=market.price(collateral.address) / 10**collateral.decimals,
            debt_price=market.price(debt.address) / 10**debt.decimals,
            threshold=market.liquidation_threshold(self.address, collateral.address) / BPS,
            loan_to_value=market.loan_to_value(self.address, collateral.address) / BPS,
            bonus=market.liquidation_bonus(self.address, collateral.address) / BPS,
            flash_fee=market.flash_premium(_SAMPLE) / _SAMPLE,
            flash_available_raw=market.available(debt.address),
            low=goal.low / WAD,
            target=goal.target / WAD,
            high=goal.high / WAD,
            supply_rate=market.rates(collateral.address)[0],
            borrow_rate=market.rates(debt.address)[1],
        )

    def after(self, snapshot: Snapshot, plan: Plan, timestamp: Timestamp) -> Prediction:
        move = moved(plan)
        market = snapshot.market(self.market)
        before = market.health_factor(self.address, timestamp)
        done = (self._lever if move.lever else self._delever)(snapshot, plan, move, market, timestamp)
        collateral, debt = self.tokens
        holdings = tuple(done.trades.inventory[t.address] for t in self.tokens)
        health = done.market.health_factor(self.address, timestamp)
        debt_raw = done.market.debt(self.address, debt.address, timestamp)
        repaid = self.repaid(snapshot, debt_raw, timestamp)
        if move.urgent:
            self._require_rescue(move, before, health, repaid)
        else:
            self._require_band(move, before, health)
        return Prediction(
            source="replay",
            timestamp=timestamp,
            nav_before=self._nav(snapshot, market, self.holdings, timestamp),
            nav_after=self._nav(snapshot, done.market, holdings, timestamp),
            holdings=tuple(Amount(t.address, h) for t, h in zip(self.tokens, holdings, strict=True)),
            collateral_raw=done.market.collateral(self.address, collateral.address, timestamp),
            debt_raw=debt_raw,
            health_factor=health,
            fills=done.trades.fills,
            repaid_raw=repaid,
        )

    def repaid(self, snapshot: Snapshot, debt_raw: int, timestamp: Timestamp) -> int:
        """What was repaid by `timestamp` where `debt_raw` is left, raw units of collateral; 0 where debt was added.

        As the guard sees it: the difference of what is owed, both rounded up.
        """
        collateral, debt = self._addresses
        before = snapshot.market(self.market).debt(self.address, debt, timestamp)
        owed, left = (value_up(snapshot, debt, raw, collateral) for raw in (before, debt_raw))
        return max(0, owed - left)

    def left(self, snapshot: Snapshot, mandate: Mandate, prediction: Prediction) -> Drift:
        return _drift(mandate, prediction.health_factor or Wad(UINT256_MAX))

    def order(self, snapshot: Snapshot, plan: Plan, deadline: Timestamp, min_nav_after: int) -> Order:
        return common.order(snapshot.chain_id, self.address, self.guard, plan, deadline, min_nav_after)

    def encode(self, order: Order, plan: Plan) -> bytes:
        move = plan.move if isinstance(plan.move, LeverageMove) else LeverageMove(True, False, False, 0, 0)
        return common.calldata(_SIGNATURE, order, plan.legs, common.leverage_move(move))

    def _lever(self, snapshot: Snapshot, plan: Plan, move: LeverageMove, market: Market, now: Timestamp) -> "_Moved":
        """Obtain debt, buy collateral, supply it with what is idle; a flash loan is repaid by borrowing at the end."""
        collateral, debt = self._addresses
        if not move.flash and move.debt_amount:
            market = self._do(market, "borrow", debt, move.debt_amount, now)
        trades = run_legs(snapshot, plan.legs, self._inventory(0, move.debt_amount))
        supplied = trades.inventory[collateral]
        if supplied:
            market = self._do(market, "supply", collateral, supplied, now)
            trades.inventory[collateral] = 0
        if move.flash:
            due = move.debt_amount + market.flash_premium(move.debt_amount)
            market = self._do(market, "borrow", debt, due, now)
            market = self._do(market, "flash", debt, move.debt_amount, now)
        return _Moved(market, trades)

    def _delever(self, snapshot: Snapshot, plan: Plan, move: LeverageMove, market: Market, now: Timestamp) -> "_Moved":
        """Free collateral (after repaying with a flash loan, or at once), sell it, repay with all that it brought."""
        collateral, debt = self._addresses
        owed_premium, repaid = 0, 0
        if move.flash:
            if move.debt_amount > market.available(debt):
                raise Refusal("Flash", f"a flash loan of {move.debt_amount}, the market has {market.available(debt)}")
            repaid = min(move.debt_amount, market.debt(self.address, debt, now))
            owed_premium = market.flash_premium(move.debt_amount)
            market = self._do(market, "repay", debt, repaid, now)
        withdrawn = move.collateral_amount
        if withdrawn == UINT256_MAX:
            withdrawn = market.collateral(self.address, collateral, now)
        if withdrawn:
            market = self._do(market, "withdraw", collateral, withdrawn, now)
        extra = move.debt_amount - repaid if move.flash else 0
        trades = run_legs(snapshot, plan.legs, self._inventory(withdrawn, extra))
        if move.flash:
            trades.inventory[debt] -= move.debt_amount + owed_premium
            if trades.inventory[debt] < 0:
                raise Refusal("Flash", f"the flash loan is short of {-trades.inventory[debt]} raw units at its return")
            market = self._do(market, "flash", debt, move.debt_amount, now)
        surplus = min(trades.inventory[debt], market.debt(self.address, debt, now))
        if surplus:
            market = self._do(market, "repay", debt, surplus, now)
            trades.inventory[debt] -= surplus
        return _Moved(market, trades)

    def _health(self, snapshot: Snapshot) -> Wad:
        return snapshot.market(self.market).health_factor(self.address, snapshot.head.timestamp)

    @property
    def _addresses(self) -> tuple[Address, Address]:
        return self.tokens[0].address, self.tokens[1].address

    def _inventory(self, collateral: int, debt: int) -> dict[Address, int]:
        first, second = self._addresses
        return {first: self.holdings[0] + collateral, second: self.holdings[1] + debt}

    def _do(self, market: Market, verb: MarketVerb, asset: Address, amount: int, now: Timestamp) -> Market:
        return market.after(MarketAction(verb, self.address, asset, amount), now)

    def _nav(self, snapshot: Snapshot, market: Market, holdings: Sequence[int], now: Timestamp) -> int:
        """Collateral, idle and supplied, and idle debt token rounded down, less the debt rounded up."""
        collateral, debt = self._addresses
        held = holdings[0] + market.collateral(self.address, collateral, now)
        owed = value_up(snapshot, debt, market.debt(self.address, debt, now), collateral)
        return held + value_down(snapshot, debt, holdings[1], collateral) - owed

    def _require_band(self, move: LeverageMove, before: Wad, after: Wad) -> None:
        strengthened = move.debt_amount == 0 and after > before
        if move.lever and after < self.floor and not strengthened:
            raise Refusal(
                "C-33", f"the health factor would be {after / WAD:.4f}, levering must end at {self.floor / WAD:.4f}"
            )
        if not move.lever and after <= before:
            raise Refusal("C-33", f"the health factor would not rise: {before / WAD:.4f} to {after / WAD:.4f}")
        if not move.lever and self.ceiling < after < UINT256_MAX:
            raise Refusal(
                "C-33", f"the health factor would be {after / WAD:.4f}, over the ceiling {self.ceiling / WAD:.4f}"
            )

    def _require_rescue(self, move: LeverageMove, before: Wad, after: Wad, repaid: int) -> None:
        """What the contract asks of an urgent move's health factor; what it may lose is the guard's."""
        if move.lever:
            raise Refusal("Move", "only de-levering can be urgent")
        if before >= self.rescue.urgent:
            raise Refusal(
                "C-11",
                f"the health factor is {before / WAD:.4f}, urgent is what is below {self.rescue.urgent / WAD:.4f}",
            )
        if repaid == 0:
            raise Refusal("C-11", "a rescue must repay debt, and this one repays none")
        if after <= before:
            raise Refusal("C-33", f"the health factor would not rise: {before / WAD:.4f} to {after / WAD:.4f}")
        if after > self.ceiling:
            raise Refusal("C-33", f"a rescue would end at {after / WAD:.4f}, over the ceiling {self.ceiling / WAD:.4f}")


@dataclass(frozen=True, slots=True)
class _Moved:
    market: Market
    trades: Trades


def moved(plan: Plan) -> LeverageMove:
    """The plan's move. Raises Refusal when it has none of a levered vault."""
    if not isinstance(plan.move, LeverageMove):
        raise Refusal("Move", "a levered vault's plan needs a move of its kind")
    return plan.move


def _drift(mandate: Mandate, health: Wad) -> Drift:
    goal = _goal(mandate)
    one = Quantity(_HEALTH, health / WAD, goal.low / WAD, goal.target / WAD, goal.high / WAD)
    return common.drift_of((one,))


def _goal(mandate: Mandate) -> HealthGoal:
    if not isinstance(mandate.goal, HealthGoal):
        raise TypeError(f"a levered vault needs a HealthGoal, found {type(mandate.goal).__name__}")
    return mandate.goal


def observe(facts: VaultFacts, tokens: Sequence[Token], keeper: Address) -> Question[LeverageVault]:
    """Asks a known levered vault for its state. The answer raises errors.Retry when a read other than nav() failed.

    `facts.extra` is (the lending pool,).
    """
    vault = facts.address

    def build(answers: Sequence[Any]) -> LeverageVault:
        *state, nav = answers
        holdings, health, urgent, limits, guard, allowed, supply, state_hash = wire.answered(
            state, f"the vault {vault}"
        )
        floor, ceiling, below, ripcord, _loss, chunk, reward = health
        budget, most_loss = urgent
        valued = not isinstance(nav, Failed)
        return LeverageVault(
            address=vault,
            tokens=tuple(tokens),
            holdings=holdings,
            market=facts.extra[0],
            floor=Wad(floor),
            ceiling=Wad(ceiling),
            venues=tuple(pool for _, pool in facts.venues),
            limits=limits,
            guard=guard,
            keeper_allowed=bool(allowed),
            total_supply=supply,
            state_hash=Hash(f"0x{state_hash:064x}"),
            reported_nav=nav if valued else None,
            rescue=Rescue(
                Wad(below), Wad(ripcord), Bps(most_loss), budget if valued else None, Bps(chunk), Bps(reward)
            ),
        )

    reads = (
        Read(vault, wire.calldata("holdings()"), decode_uints),
        Read(vault, wire.calldata("healthLimits()"), wire.uints(7)),
        Read(vault, wire.calldata("urgentBudget()"), wire.uints(2)),
        read_limits(vault),
        read_guard(vault),
        Read(vault, wire.calldata("isKeeper(address)", keeper), wire.uint),
        Read(vault, wire.calldata("totalSupply()"), wire.uint),
        Read(vault, wire.calldata("stateHash()"), wire.uint),
        Read(vault, wire.calldata("nav()"), wire.uint),
    )
    return Question(reads, build)


def extra(vault: Address) -> Question[tuple[Address, ...]]:
    """Asks a levered vault for its lending pool. The answer raises errors.BadInput when it does not say."""

    def build(answers: Sequence[Any]) -> tuple[Address, ...]:
        return tuple(wire.recognised(answers, vault, "a levered vault"))

    return Question((Read(vault, wire.calldata("pool()"), wire.address),), build)
