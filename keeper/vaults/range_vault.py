"""`RangeVault`: liquidity in one range of a Uniswap V3 pool, valued by oracle and moved with the price."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from keeper.errors import Refusal
from keeper.model import (
    Drift,
    Failed,
    GuardState,
    Limits,
    Mandate,
    Order,
    Plan,
    Prediction,
    Quantity,
    Question,
    Range,
    RangeGoal,
    RangeMove,
    RangeProblem,
    Read,
    Reason,
    Rescue,
    Snapshot,
    Token,
)
from keeper.protocols import uniswap_v3_math as v3
from keeper.protocols import uniswap_v3_range as ranges
from keeper.protocols import wire
from keeper.protocols.uniswap_v3 import UniswapV3Pool
from keeper.units import BPS, UINT128_MAX, Address, Amount, Bps, Gas, Hash, Timestamp, mul_div_down, mul_div_up
from keeper.vaults import common
from keeper.vaults.facts import VaultFacts, decode_uints, read_guard, read_limits
from keeper.vaults.legs import Trades, run_legs
from keeper.vaults.valuation import price_x36, value_down

KIND = "range"
BASE_GAS = Gas(600_000)
"""Burn, collect, mint and both valuations without legs: of 29 mined in the local world the median.

Between 440,000 and 680,000, by how many ticks are cleared and how many are new to the pool.
"""
INVESTED = "invested"
_SIGNATURE = f"rebalance({common.ORDER},{common.LEGS},{common.RANGE_MOVE})"
_TICK = math.log(1.0001)


@dataclass(frozen=True, slots=True)
class RangeVault:
    """A range at one block: `holdings` and `fees` (earned, uncollected) are raw [base, other].

    `gross_at_ends` is all liquidity that the pool has at the ends of the range, whoever's; `width` bounds a new range,
    in ticks.
    """

    address: Address
    tokens: tuple[Token, ...]
    holdings: tuple[int, ...]
    pool: Address
    range: Range
    gross_at_ends: tuple[int, int]
    fees: tuple[int, int]
    width: tuple[int, int]
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
        return self._nav(snapshot, self.holdings, self.range, self.fees)

    def gross(self, snapshot: Snapshot, timestamp: Timestamp) -> int:
        return self.nav(snapshot, timestamp)

    def faults(self, mandate: Mandate) -> tuple[Reason, ...]:
        faults = list(common.common_faults(mandate, KIND, self.limits, self.venues))
        goal = mandate.goal
        if not isinstance(goal, RangeGoal):
            return (*faults, Reason("M-goal", f"{mandate.name}: a range vault needs a range, not weights or health"))
        least, most = self.width
        for key in ("half_width", "narrowest", "widest"):
            wanted: Bps = getattr(goal, key)
            if wanted and not least <= 2 * _ticks(wanted) <= most:
                low, high = (math.expm1(w / 2 * _TICK) * BPS for w in (least, most))
                faults.append(
                    Reason(
                        f"M-{key}",
                        f"{mandate.name}: {key} is {wanted / BPS:.2%}, the vault's curator allows "
                        f"{math.ceil(low) / BPS:.2%} to {math.floor(high) / BPS:.2%}; change one of the two",
                    )
                )
        if self.pool not in (mandate.venues or self.venues) or self.pool not in self.venues:
            faults.append(
                Reason("M-venues", f"{mandate.name}: the vault's own pool {self.pool} is not allowed; allow it")
            )
        return tuple(faults)

    def drift(self, snapshot: Snapshot, mandate: Mandate) -> Drift:
        """How far the oracle's price is from the range's centre, as a fraction of the way to its ends; what is idle."""
        goal = _goal(mandate)
        limit = goal.idle / BPS
        invested = Quantity(INVESTED, 1.0 - self._idle(snapshot), 1.0 - limit, 1.0, 1.0 + limit)
        if not self.range.liquidity:
            return common.drift_of((invested,))
        low, high = self.range.tick_lower, self.range.tick_upper
        position = (self._oracle_tick(snapshot) - (low + high) / 2) / ((high - low) / 2)
        trigger = goal.trigger / BPS
        price = Quantity(f"{self.tokens[1].symbol} in range", self._sign * position, -trigger, 0.0, trigger)
        return common.drift_of((price, invested))

    def problem(self, snapshot: Snapshot, mandate: Mandate) -> RangeProblem:
        goal = _goal(mandate)
        pool = self._pool(snapshot)
        base, other = self.tokens
        present = self.range
        first, second = self._out(pool)
        return RangeProblem(
            base=base.address,
            other=other.address,
            venue=self._without(pool),
            amounts_raw=(first, second),
            prices=(price_x36(snapshot, base.address) / 1e36, price_x36(snapshot, other.address) / 1e36),
            position=self._oracle_tick(snapshot),
            present=(present.tick_lower, present.tick_upper) if present.liquidity else None,
            invested=1.0 - self._idle(snapshot),
            half_width=_ticks(goal.half_width),
            trigger=goal.trigger / BPS,
            spacing=pool.tick_spacing,
            least=self.width[0],
            most=self.width[1],
            earned=self._earned(snapshot),
            since_s=max(0, snapshot.head.timestamp - self.guard.last_action_at) if self.guard.last_action_at else 0,
            narrowest=_ticks(goal.narrowest or goal.half_width),
            widest=_ticks(goal.widest or goal.half_width),
        )

    def after(self, snapshot: Snapshot, plan: Plan, timestamp: Timestamp) -> Prediction:
        move = plan.move
        if not isinstance(move, RangeMove):
            raise Refusal("Move", "a range vault's plan needs a move of its kind")
        pool = self._pool(snapshot)
        self._require_near(snapshot, pool)
        ends = self._require_move(snapshot, pool, move)
        open_pool = self._without(pool)
        market = replace(snapshot, venues=tuple(open_pool if v.pool == pool.pool else v for v in snapshot.venues))
        tokens = [t.address for t in self.tokens]
        trades = run_legs(market, plan.legs, dict(zip(tokens, self._out(pool), strict=True)))
        traded = _traded(open_pool, trades)
        self._require_near(snapshot, traded)
        left = (trades.inventory[tokens[0]], trades.inventory[tokens[1]])
        liquidity = ranges.liquidity_down(traded.sqrt_price_x96, ends, *self._swapped(left))
        if liquidity > UINT128_MAX:
            raise Refusal("Liquidity", f"{liquidity} of liquidity does not fit the pool's own number")
        if liquidity < move.min_liquidity:
            raise Refusal("Liquidity", f"the range would hold {liquidity}, the move requires {move.min_liquidity}")
        paid = self._swapped(ranges.amounts_up(traded.sqrt_price_x96, ends, liquidity))
        holdings = (left[0] - paid[0], left[1] - paid[1])
        found = Range(move.tick_lower, move.tick_upper, liquidity)
        return Prediction(
            source="replay",
            timestamp=timestamp,
            nav_before=self.nav(snapshot, timestamp),
            nav_after=self._nav(snapshot, holdings, found, (0, 0)),
            holdings=tuple(Amount(t, h) for t, h in zip(tokens, holdings, strict=True)),
            collateral_raw=0,
            debt_raw=0,
            health_factor=None,
            fills=trades.fills,
            range=found,
        )

    def left(self, snapshot: Snapshot, mandate: Mandate, prediction: Prediction) -> Drift:
        """Fees are collected by every action; a prediction without a range leaves the present one."""
        holdings = tuple(a.raw for a in prediction.holdings)
        moved = replace(self, holdings=holdings, range=prediction.range or self.range, fees=(0, 0))
        return moved.drift(snapshot, mandate)

    def order(self, snapshot: Snapshot, plan: Plan, deadline: Timestamp, min_nav_after: int) -> Order:
        return common.order(snapshot.chain_id, self.address, self.guard, plan, deadline, min_nav_after)

    def encode(self, order: Order, plan: Plan) -> bytes:
        if not isinstance(plan.move, RangeMove):
            raise TypeError(f"a range vault's plan needs a RangeMove, found {type(plan.move).__name__}")
        return common.calldata(_SIGNATURE, order, plan.legs, common.range_move(plan.move))

    def prices_at_ends(self, held: Range) -> tuple[float, float]:
        """The price of the other token in the base asset at both ends of a range, whole units, the lower first."""
        base, other = self.tokens
        raw = (math.exp(self._sign * tick * _TICK) for tick in (held.tick_lower, held.tick_upper))
        low, high = sorted(price * 10.0 ** (other.decimals - base.decimals) for price in raw)
        return low, high

    # the position

    def _idle(self, snapshot: Snapshot) -> float:
        """Share of value that is neither in the range nor fees yet to be collected."""
        idle = self._nav(snapshot, self.holdings, replace(self.range, liquidity=0), (0, 0))
        return idle / (self._nav(snapshot, self.holdings, self.range, self.fees) or 1)

    def _earned(self, snapshot: Snapshot) -> float:
        """Fees yet to be collected, as a share of value."""
        without = self._nav(snapshot, self.holdings, self.range, (0, 0))
        return self._nav(snapshot, self.holdings, self.range, self.fees) / (without or 1) - 1.0 if without else 0.0

    def _pool(self, snapshot: Snapshot) -> UniswapV3Pool:
        found = snapshot.venue(self.pool)
        if not isinstance(found, UniswapV3Pool):
            raise TypeError(f"a range vault's pool must be a Uniswap V3 pool, found {type(found).__name__}")
        return found

    @property
    def _base_first(self) -> bool:
        """Whether the base asset is the pool's token 0: pools sort their tokens by address."""
        return int(self.tokens[0].address, 16) < int(self.tokens[1].address, 16)

    @property
    def _sign(self) -> float:
        """Ticks rise with the price of token 0; people read the price of what is not the base."""
        return -1.0 if self._base_first else 1.0

    def _swapped(self, amounts: tuple[int, int]) -> tuple[int, int]:
        """[base, other] in the pool's order, or the other way round."""
        return amounts if self._base_first else (amounts[1], amounts[0])

    def _out(self, pool: UniswapV3Pool) -> tuple[int, int]:
        """[base, other] once all liquidity and fees are taken out."""
        held = self.range
        principal = (0, 0)
        if held.liquidity:
            ends = ranges.band(held.tick_lower, held.tick_upper)
            principal = self._swapped(ranges.amounts_down(pool.sqrt_price_x96, ends, held.liquidity))
        first, second = (h + p + f for h, p, f in zip(self.holdings, principal, self.fees, strict=True))
        return first, second

    def _without(self, pool: UniswapV3Pool) -> UniswapV3Pool:
        held = self.range
        if not held.liquidity:
            return pool
        gross = (self.gross_at_ends[0] - held.liquidity, self.gross_at_ends[1] - held.liquidity)
        return ranges.with_liquidity(pool, held.tick_lower, held.tick_upper, -held.liquidity, gross)

    def _oracle_root(self, snapshot: Snapshot) -> int:
        prices = [price_x36(snapshot, t.address) for t in self.tokens]
        return ranges.root_at_prices_down(*(prices if self._base_first else reversed(prices)))

    def _oracle_tick(self, snapshot: Snapshot) -> float:
        return 2.0 * math.log(self._oracle_root(snapshot) / v3.Q96) / _TICK

    def _nav(self, snapshot: Snapshot, holdings: Sequence[int], held: Range, fees: tuple[int, int]) -> int:
        """Each token's idle amount, its part of the position at oracle prices and its fees, together rounded down."""
        invested = (0, 0)
        if held.liquidity:
            ends = ranges.band(held.tick_lower, held.tick_upper)
            invested = self._swapped(ranges.amounts_down(self._oracle_root(snapshot), ends, held.liquidity))
        base = self.tokens[0].address
        return sum(
            value_down(snapshot, token.address, idle + part + fee, base)
            for token, idle, part, fee in zip(self.tokens, holdings, invested, fees, strict=True)
        )

    # what the contract refuses

    def _require_near(self, snapshot: Snapshot, pool: UniswapV3Pool) -> None:
        """The pool's price against the oracle's, in the guard's own integers."""
        if not pool.liquidity:
            raise Refusal("C-18", f"the pool {pool.pool} has no liquidity at its price but the vault's own")
        price_0, price_1 = (price_x36(snapshot, t) for t in pool.tokens)
        root = pool.sqrt_price_x96
        found = mul_div_down(mul_div_down(price_1, root, v3.Q96), root, v3.Q96)
        off = mul_div_up(abs(found - price_0), BPS, price_0)
        if off > self.limits.max_deviation:
            most = self.limits.max_deviation
            raise Refusal("C-10", f"the pool {pool.pool} is {off} bps off the oracle, at most {most} may be")

    def _require_move(self, snapshot: Snapshot, pool: UniswapV3Pool, move: RangeMove) -> ranges.Band:
        lower, upper = move.tick_lower, move.tick_upper
        if lower >= upper or lower % pool.tick_spacing or upper % pool.tick_spacing:
            raise Refusal("C-35", f"{lower} to {upper} is no range of ticks that are multiples of {pool.tick_spacing}")
        least, most = self.width
        if not least <= upper - lower <= most:
            raise Refusal("C-35", f"the range is {upper - lower} ticks wide, the vault allows {least} to {most}")
        ends = ranges.band(lower, upper)
        if not ends.low <= self._oracle_root(snapshot) < ends.high:
            raise Refusal("C-35", f"the oracle's price is not between the ticks {lower} and {upper}")
        return ends


def _traded(pool: UniswapV3Pool, trades: Trades) -> UniswapV3Pool:
    """The pool once the legs that went through it are done."""
    for fill in trades.fills:
        if fill.pool == pool.pool:
            pool = pool.after(fill.token_in, fill.amount_in)
    return pool


def _goal(mandate: Mandate) -> RangeGoal:
    if not isinstance(mandate.goal, RangeGoal):
        raise TypeError(f"a range vault needs a RangeGoal, found {type(mandate.goal).__name__}")
    return mandate.goal


def _ticks(half_width: Bps) -> float:
    """Ticks from a price to the same price times 1 + half_width."""
    return math.log1p(half_width / BPS) / _TICK


def observe(facts: VaultFacts, tokens: Sequence[Token], keeper: Address) -> Question[RangeVault]:
    """Asks a known range vault for its state. The answer raises errors.Retry when a read other than nav() failed."""
    vault = facts.address

    def build(answers: Sequence[Any]) -> RangeVault:
        *state, nav = answers
        holdings, pool, held, gross, fees, width, limits, guard, allowed, supply, state_hash = wire.answered(
            state, f"the vault {vault}"
        )
        return RangeVault(
            address=vault,
            tokens=tuple(tokens),
            holdings=holdings,
            pool=pool,
            range=Range(wire.signed(held[0]), wire.signed(held[1]), held[2]),
            gross_at_ends=gross,
            fees=fees,
            width=width,
            venues=tuple(address for _, address in facts.venues),
            limits=limits,
            guard=guard,
            keeper_allowed=bool(allowed),
            total_supply=supply,
            state_hash=Hash(f"0x{state_hash:064x}"),
            reported_nav=None if isinstance(nav, Failed) else nav,
        )

    reads = (
        Read(vault, wire.calldata("holdings()"), decode_uints),
        Read(vault, wire.calldata("pool()"), wire.address),
        Read(vault, wire.calldata("range()"), wire.uints(3)),
        Read(vault, wire.calldata("grossAtEnds()"), wire.uints(2)),
        Read(vault, wire.calldata("fees()"), wire.uints(2)),
        Read(vault, wire.calldata("width()"), wire.uints(2)),
        read_limits(vault),
        read_guard(vault),
        Read(vault, wire.calldata("isKeeper(address)", keeper), wire.uint),
        Read(vault, wire.calldata("totalSupply()"), wire.uint),
        Read(vault, wire.calldata("stateHash()"), wire.uint),
        Read(vault, wire.calldata("nav()"), wire.uint),
    )
    return Question(reads, build)
