"""What the chain takes for publishing calldata beside gas, a byte: asked of a transaction as the keeper sends them.

A rollup weighs bytes by how they compress, so that the price of one is that of a typical whole: a basket's rebalance of
three legs, with addresses, hashes and amounts that look as real ones do.
"""

from collections.abc import Sequence
from typing import Any

from eth_utils.crypto import keccak

from keeper.costs import BASE_BYTES, LEG_BYTES
from keeper.model import Leg, Order, Question
from keeper.protocols import op_stack
from keeper.units import Address, Hash, Timestamp
from keeper.vaults import basket

LEGS = 3
_ENVELOPE = 50
"""Bytes of an unsigned transaction beside its calldata: nonce, fees, gas, recipient."""


def observe() -> Question[float | None]:
    """Asks for wei a byte, counted as `Market.cost` counts bytes; None where the chain takes nothing of the kind."""
    asked = op_stack.observe(_TYPICAL)

    def build(answers: Sequence[Any]) -> float | None:
        fee = asked.build(answers)
        return None if fee is None else fee / (BASE_BYTES + LEGS * LEG_BYTES)

    return Question(asked.reads, build)


def _typical() -> bytes:
    def noise(seed: int, size: int) -> bytes:
        return keccak(seed.to_bytes(32, "big"))[:size]

    tokens = [Address(f"0x{noise(n, 20).hex()}") for n in range(LEGS)]
    legs = [
        Leg(1, Address(f"0x{noise(10 + n, 20).hex()}"), tokens[n], _number(noise(20 + n, 8)), _number(noise(30 + n, 8)))
        for n in range(LEGS)
    ]
    order = Order(
        intent_id=Hash(f"0x{noise(40, 32).hex()}"),
        expected_epoch=1_000,
        deadline=Timestamp(_number(noise(41, 4))),
        expected_state_hash=Hash(f"0x{noise(42, 32).hex()}"),
        min_nav_after=_number(noise(43, 6)),
    )
    return noise(50, 32) + noise(51, _ENVELOPE - 32) + basket.calldata(order, legs)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


_TYPICAL = _typical()
