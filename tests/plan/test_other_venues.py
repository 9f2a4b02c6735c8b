"""Venues that are no constant-product pieces: planned through by asking what they best take at a price."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from keeper.errors import Unquotable
from keeper.model import Fill
from keeper.plan.route import Order, route
from keeper.plan.routing import trades
from keeper.plan.routing.kernel import Edges
from keeper.plan.routing.ladder import ladder
from keeper.protocols.uniswap_v3 import UniswapV3Pool
from keeper.units import Address, Gas
from tests.plan.markets import PRICES, A, B, market_of, pair, pool_v3

STATED = 1e-6
"""What asking may be off by, relative to what comes out, for trades that move a pool by a per cent or so."""


_GAS = Gas(120_000)


@dataclass(frozen=True)
class WeightedPool:
    """x^w y^(1-w) constant, the fee kept from the input: what a Balancer pool of two tokens does, in floats."""

    pool: Address
    tokens: tuple[Address, Address]
    balances: tuple[float, float]
    weights: tuple[float, float]
    fee: float = 0.003
    adapter: int = 9
    gas: Gas = _GAS

    def gas_of(self, fill: Fill) -> Gas:
        return self.gas

    def mid(self, token_in: Address) -> float:
        i = self.tokens.index(token_in)
        if not all(self.balances):
            return 0.0
        return self.balances[1 - i] / self.weights[1 - i] / (self.balances[i] / self.weights[i])

    def quote(self, token_in: Address, amount_in: int) -> Fill:
        if amount_in <= 0:
            raise Unquotable("nothing to sell")
        i = self.tokens.index(token_in)
        share = self.balances[i] / (self.balances[i] + amount_in * (1.0 - self.fee))
        out = int(self.balances[1 - i] * -math.expm1(math.log(share) * self.weights[i] / self.weights[1 - i]))
        return Fill(self.pool, token_in, self.tokens[1 - i], amount_in, out, int(amount_in * self.fee))

    def quote_out(self, token_out: Address, amount_out: int) -> Fill:
        raise NotImplementedError

    def after(self, token_in: Address, amount_in: int) -> "WeightedPool":
        i, fill = self.tokens.index(token_in), self.quote(token_in, amount_in)
        held = [self.balances[0], self.balances[1]]
        held[i] += amount_in
        held[1 - i] -= fill.amount_out
        return replace(self, balances=(held[0], held[1]))

    def best_input(self, token_in: Address, price: float) -> int:
        """γ m (b / (b + γ x))^(1 + r) = price, m the price before the fee, r the weight in over the weight out."""
        i, keep = self.tokens.index(token_in), 1.0 - self.fee
        ratio = keep * self.mid(token_in) / price
        if ratio <= 1.0:
            return 0
        power = 1.0 / (1.0 + self.weights[i] / self.weights[1 - i])
        return int(self.balances[i] * (ratio**power - 1.0) / keep)

    def lower(self) -> None:
        return None


class Mute(UniswapV3Pool):
    """A Uniswap V3 pool that does not tell its stretches."""

    __slots__ = ()

    def lower(self) -> None:
        return None


def weighted(number: int, dollars: float, weight: float) -> WeightedPool:
    """At the oracle's price."""
    values = dollars * weight, dollars * (1.0 - weight)
    balances = values[0] / PRICES[A], values[1] / PRICES[B]
    return WeightedPool(Address(f"0x{number:040x}"), (A, B), balances, (weight, 1.0 - weight))


@pytest.mark.parametrize("weight", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("side", [0, 1])
def test_asking_gives_the_pools_own_quotes(weight: float, side: int) -> None:
    pool = weighted(1, 2e7, weight)
    found = ladder(pool)
    assert found is not None
    rows = found.sides[side]
    keep, ends = np.array([found.keep]), np.array([[0], [len(rows)]])
    edges = Edges(np.zeros((1, 2), np.int64), keep, np.zeros(2), *ends, rows)
    for share in (1e-4, 1e-3, 1e-2, 0.1):
        amount = int(pool.balances[side] * share)
        exact = pool.quote(pool.tokens[side], amount).amount_out
        assert trades.sell(0, float(amount), edges) == pytest.approx(exact, rel=max(STATED, 1e-2 * share**2))


def test_an_order_is_split_over_both_shapes_so_that_no_other_split_gives_more() -> None:
    flat, other = pair(1, int(1e7 / PRICES[A]), int(1e7 / PRICES[B])), weighted(2, 3e7, 0.8)
    market, amount = market_of(flat, other, gas_value=0.0), int(4e5 / PRICES[A])
    found = route(market, Order({A: amount}, {B: 1.0}, {A: amount, B: 0}), 0)
    assert {leg.pool for leg in found.legs} == {flat.pool, other.pool}
    ways = [int(amount * share) for share in np.linspace(0.01, 0.99, 981)]
    best = max(flat.quote(A, part).amount_out + other.quote(A, amount - part).amount_out for part in ways)
    assert found.net(B) >= best * (1 - 1e-9)
    after = [market.venue(f.pool).after(A, f.amount_in).mid(A) for f in found.fills]
    assert after[0] == pytest.approx(after[1], rel=1e-3), "the fee stays in the weighted pool's price"


@pytest.mark.parametrize("seed", range(4))
def test_a_pool_that_does_not_tell_its_stretches_is_planned_through_as_well(seed: int) -> None:
    tick = int(math.log(PRICES[A] / PRICES[B]) / math.log(1.0001))
    told = pool_v3(1, seed, tick, depth=5e18)
    mute = Mute(*(getattr(told, name) for name in UniswapV3Pool.__slots__))
    amount = int(2e4 / PRICES[A])
    beside = pair(2, int(1e6 / PRICES[A]), int(1e6 / PRICES[B]))
    received = []
    for one in (told, mute):
        found = route(market_of(one, beside), Order({A: amount}, {B: 1.0}, {A: amount, B: 0}), 0)
        received.append(found.net(B))
    assert received[1] == pytest.approx(received[0], rel=1e-6)


def test_one_that_holds_nothing_is_left_out() -> None:
    empty = replace(weighted(1, 1e6, 0.8), balances=(1.0, 0.0))
    assert ladder(empty) is None
