"""A signed transaction in, its checked receipt in the canonical chain out, or none."""

from dataclasses import dataclass
from typing import Any

from keeper.chain.logs import Log, logs
from keeper.chain.node import Node, RpcError, data, fields, quantity, word
from keeper.chain.quorum import first, reached, witnesses
from keeper.errors import Retry
from keeper.model import Attempt, Head, Intent
from keeper.units import Address, BlockNumber, Gas, Hash, Wei


@dataclass(frozen=True, slots=True)
class Receipt:
    """An attempt's receipt, found in the block that is canonical at its height."""

    attempt: Attempt
    block: Head
    ok: bool
    gas_used: Gas
    gas_price: Wei
    logs: tuple[Log, ...]


def witnessed(node: Node, found: Receipt) -> bool:
    """Whether as many providers as a quorum tell of the receipt alike (K-22)."""
    if node.quorum == 1:
        return True
    missing = receipt(node, found.attempt) != found
    return witnesses(node, lambda other: receipt(other, found.attempt) == found) - missing >= node.quorum


def told(node: Node, attempt: Attempt) -> Receipt | None:
    """As `receipt`, by whichever provider tells of one: that the one in use keeps it back must not hide it."""
    return first(node, lambda one: receipt(one, attempt))


def receipt(node: Node, attempt: Attempt) -> Receipt | None:
    """The receipt of one attempt; None when the node has none, or its block is not canonical. Raises Retry."""
    found = _asked(node, "eth_getTransactionReceipt", [attempt.tx_hash], lambda value: _parsed(value, attempt.tx_hash))
    if found is None:
        return None
    number, block_hash, ok, gas_used, gas_price, emitted = found
    block = node.block_at(number)
    if block is None or block.hash != block_hash:
        return None
    return Receipt(attempt, block, ok, gas_used, gas_price, emitted)


def count(node: Node, sender: Address, tag: str) -> int | None:
    """Transactions of `sender` mined as of `tag`, by as many providers as a quorum; None when they do not say.

    Raises Retry when there is one provider, and it does not answer.
    """

    def told(one: Node) -> int | None:
        try:
            return one.call("eth_getTransactionCount", [sender, tag], quantity)
        except RpcError:
            return None

    return reached(node, told)


def why(node: Node, intent: Intent, found: Receipt) -> str:
    """Why a mined transaction failed, as well as the node can tell: it is tried again before its block and after."""
    if found.gas_used * 100 >= found.attempt.gas * 98:
        return f"it ran out of gas: used {found.gas_used} of {found.attempt.gas}"
    call = {"from": intent.sender, "to": intent.vault, "data": "0x" + intent.calldata.hex()}
    for number, when in ((found.block.number - 1, ""), (found.block.number, " after what came before it in its block")):
        try:
            node.call("eth_call", [call, hex(number)], data)
        except RpcError as error:
            if error.data is None:
                return f"it failed: {error}"
            return f"it reverted{when}: {node.explain(error.data)}"
        except Retry as error:
            return f"it reverted; why is not known ({error})"
    return "it reverted, which it would have done neither one block earlier nor later"


_Parsed = tuple[BlockNumber, Hash, bool, Gas, Wei, tuple[Log, ...]]


def _parsed(value: Any, tx_hash: Hash) -> _Parsed | None:
    if value is None:
        return None
    entry = fields(value)
    if word(entry.get("transactionHash")) != tx_hash:
        raise ValueError(f"expected the receipt of {tx_hash}, found that of {entry.get('transactionHash')!r}")
    if entry.get("blockHash") is None or entry.get("blockNumber") is None:  # pending, on some nodes
        return None
    status = quantity(entry.get("status"))
    if status > 1:
        raise ValueError(f"expected status 0 or 1, found {status}")
    return (
        BlockNumber(quantity(entry["blockNumber"])),
        word(entry["blockHash"]),
        status == 1,
        Gas(quantity(entry.get("gasUsed"))),
        Wei(quantity(entry.get("effectiveGasPrice"))),
        logs(entry.get("logs")),
    )


def _asked(node: Node, method: str, params: list[Any], parse: Any) -> _Parsed | None:
    try:
        answer: _Parsed | None = node.call(method, params, parse)
    except RpcError as error:
        raise Retry(str(error)) from error
    return answer
