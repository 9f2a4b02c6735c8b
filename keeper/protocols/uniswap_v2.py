"""Uniswap V2 pairs: what to read, and exact swaps.

Formula source: UniswapV2Library getAmountOut and getAmountIn. A pair keeps 3/1000 of the input. `after` takes the
reserves to be the balances, as they are unless someone sent tokens to the pair without calling `sync`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_utils.crypto import keccak

from keeper import errors
from keeper.model import Fill, Lowered, Question, Read, Stretches
from keeper.protocols import wire
from keeper.units import Address, Gas, Hash

ADAPTER = 1
SYNC = Hash("0x" + keccak(text="Sync(uint112,uint112)").hex())
KEEP_PER_MILLE = 997
FEE = 0.003
RESERVE_MAX = 2**112 - 1  # the pair stores its reserves as uint112 and reverts beyond
SWAP_GAS = Gas(75_000)  # measured: the router's 98,000 less a transaction's 21,000, in the local world
LEG_GAS = Gas(43_000)  # what a vault adds: 118,000 a leg, fitted to 800 rebalances mined there


@dataclass(frozen=True, slots=True)
class UniswapV2Facts:
    """What never changes about a pair."""

    pool: Address
    tokens: tuple[Address, Address]


@dataclass(frozen=True, slots=True)
class UniswapV2Pair:
    """A pair at one block; reserves raw, in the order of `tokens`."""

    pool: Address
    tokens: tuple[Address, Address]
    reserves: tuple[int, int]

    @property
    def adapter(self) -> int:
        return ADAPTER

    @property
    def fee(self) -> float:
        return FEE

    @property
    def gas(self) -> Gas:
        return Gas(SWAP_GAS + LEG_GAS)

    def gas_of(self, fill: Fill) -> Gas:
        return self.gas

    def mid(self, token_in: Address) -> float:
        """Marginal raw output per raw input before the fee; 0.0 when the pair is empty."""
        reserve_in, reserve_out = self._oriented(token_in)
        return reserve_out / reserve_in if reserve_in and reserve_out else 0.0

    def quote(self, token_in: Address, amount_in: int) -> Fill:
        """Exact-input swap. Raises errors.Unquotable where the pair reverts: nothing in or out, a reserve too large."""
        reserve_in, reserve_out = self._oriented(token_in)
        if amount_in <= 0 or amount_in + reserve_in > RESERVE_MAX:
            raise errors.Unquotable(
                f"{self.pool} takes from 1 to {RESERVE_MAX - reserve_in} of {token_in}, asked to take {amount_in}"
            )
        amount_out = amount_out_down(amount_in, reserve_in, reserve_out)
        if amount_out == 0:
            raise errors.Unquotable(f"{self.pool} gives nothing for {amount_in} of {token_in}, and reverts")
        return self._fill(token_in, amount_in, amount_out)

    def quote_out(self, token_out: Address, amount_out: int) -> Fill:
        """Exact-output swap: the least input. Raises errors.Unquotable when the pair cannot give it."""
        token_in = self._other(token_out)
        reserve_in, reserve_out = self._oriented(token_in)
        if not 0 < amount_out < reserve_out:
            raise errors.Unquotable(f"{self.pool} holds {reserve_out} of {token_out}, asked for {amount_out}")
        amount_in = amount_in_up(amount_out, reserve_in, reserve_out)
        if amount_in + reserve_in > RESERVE_MAX:
            raise errors.Unquotable(
                f"{self.pool} takes at most {RESERVE_MAX - reserve_in} of {token_in}, asked to take {amount_in}"
            )
        return self._fill(token_in, amount_in, amount_out)

    def after(self, token_in: Address, amount_in: int) -> "UniswapV2Pair":
        """The pair once the swap is done. Raises errors.Unquotable as `quote` does."""
        amount_out = self.quote(token_in, amount_in).amount_out
        reserve_0, reserve_1 = self.reserves
        if token_in == self.tokens[0]:
            return replace(self, reserves=(reserve_0 + amount_in, reserve_1 - amount_out))
        return replace(self, reserves=(reserve_0 - amount_out, reserve_1 + amount_in))

    def best_input(self, token_in: Address, price: float) -> int:
        """Largest input whose last unit still buys `price` raw output per raw input, fee included; 0 when none does.

        Where the marginal output g * R_in * R_out / (R_in + g * x)**2 has come down to `price`, g = 1 - fee.
        """
        reserve_in, reserve_out = self._oriented(token_in)
        room = max(0, RESERVE_MAX - reserve_in)
        if price <= 0.0:
            return room
        keep = 1.0 - FEE
        best = (math.sqrt(keep / price) * math.sqrt(reserve_in) * math.sqrt(reserve_out) - reserve_in) / keep
        return min(room, max(0, int(best)))

    def lower(self) -> Lowered | None:
        """One stretch, the pair itself; None when it is empty."""
        reserve_0, reserve_1 = self.reserves
        if not reserve_0 or not reserve_1:
            return None
        keep, depth = 1.0 - FEE, math.sqrt(reserve_0) * math.sqrt(reserve_1)
        low = depth / (reserve_0 + keep * (RESERVE_MAX - reserve_0))
        high = (reserve_1 + keep * (RESERVE_MAX - reserve_1)) / depth
        return Lowered(Stretches((low, high), (depth,)), 0, math.sqrt(reserve_1 / reserve_0))

    def _fill(self, token_in: Address, amount_in: int, amount_out: int) -> Fill:
        fee_raw = amount_in - amount_in * KEEP_PER_MILLE // 1000
        return Fill(self.pool, token_in, self._other(token_in), amount_in, amount_out, fee_raw)

    def _other(self, token: Address) -> Address:
        return self.tokens[1 - self._side(token)]

    def _oriented(self, token_in: Address) -> tuple[int, int]:
        return self.reserves if self._side(token_in) == 0 else self.reserves[::-1]

    def _side(self, token: Address) -> int:
        if token not in self.tokens:
            raise errors.Unquotable(f"{self.pool} trades {self.tokens[0]} and {self.tokens[1]}, asked for {token}")
        return self.tokens.index(token)


def amount_out_down(amount_in: int, reserve_in: int, reserve_out: int) -> int:
    """UniswapV2Library.getAmountOut: raw units received for `amount_in`; 0 from an empty pair."""
    if not reserve_in or not reserve_out:
        return 0
    kept = amount_in * KEEP_PER_MILLE
    return kept * reserve_out // (reserve_in * 1000 + kept)


def amount_in_up(amount_out: int, reserve_in: int, reserve_out: int) -> int:
    """UniswapV2Library.getAmountIn: raw units to pay for `amount_out` < `reserve_out`.

    The library adds one even to an exact quotient, so the result is the floor plus one and not the ceiling.
    """
    return reserve_in * amount_out * 1000 // ((reserve_out - amount_out) * KEEP_PER_MILLE) + 1


def sync_price(data: bytes) -> float:
    """Raw token 1 per raw token 0 once the reserves changed, from a Sync event's data; ValueError if it is not one."""
    reserve_0, reserve_1 = wire.words(data, 2)
    if reserve_0 == 0 or reserve_1 == 0:
        raise ValueError("a pair that was left empty")
    return reserve_1 / reserve_0


def facts(pool: Address) -> Question[UniswapV2Facts]:
    """Asks a pair for its tokens. The answer raises errors.BadInput when `pool` does not answer as a pair."""

    def build(answers: Sequence[Any]) -> UniswapV2Facts:
        token_0, token_1, _ = wire.recognised(answers, pool, "a Uniswap V2 pair")
        return UniswapV2Facts(pool, (token_0, token_1))

    reads = (
        Read(pool, wire.calldata("token0()"), wire.address),
        Read(pool, wire.calldata("token1()"), wire.address),
        Read(pool, wire.calldata("getReserves()"), wire.uints(3)),
    )
    return Question(reads, build)


def observe(facts: UniswapV2Facts, was: UniswapV2Pair | None = None) -> Question[UniswapV2Pair]:
    """Asks a known pair for its reserves. The answer raises errors.Retry when the read failed."""

    def build(answers: Sequence[Any]) -> UniswapV2Pair:
        ((reserve_0, reserve_1, _),) = wire.answered(answers, f"the Uniswap V2 pair {facts.pool}")
        return UniswapV2Pair(facts.pool, facts.tokens, (reserve_0, reserve_1))

    return Question((Read(facts.pool, wire.calldata("getReserves()"), wire.uints(3)),), build)
