"""What an OP Stack rollup takes for publishing a transaction on its L1, as the rollup's own contract prices it."""

from collections.abc import Sequence
from typing import Any

from keeper.model import Failed, Question, Read
from keeper.protocols import wire
from keeper.units import Address

GAS_PRICE_ORACLE = Address("0x420000000000000000000000000000000000000f")
"""The predeploy of every such chain (specs.optimism.io, "Predeploys"); other chains have no code there."""


def observe(transaction: bytes) -> Question[int | None]:
    """Asks for the fee in wei of a transaction, signature excluded, were it published at that block.

    `getL1Fee(bytes)`, as Bedrock, Ecotone and Fjord all have it; how it weighs the bytes is the upgrade's. None where
    the chain has no such contract.
    """

    def build(answers: Sequence[Any]) -> int | None:
        (fee,) = answers
        return None if isinstance(fee, Failed) else int(fee)

    data = wire.selector("getL1Fee(bytes)") + wire.packed((wire.WORD, len(transaction)))
    padded = transaction + bytes(-len(transaction) % wire.WORD)
    return Question((Read(GAS_PRICE_ORACLE, data + padded, wire.uint),), build)
