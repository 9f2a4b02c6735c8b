"""A transaction rehearsed on a throw-away fork of the node, for nodes without eth_simulateV1."""

from collections.abc import Sequence
from typing import Any

from keeper.chain.anvil import fork
from keeper.chain.logs import logs
from keeper.chain.node import Node, RpcError, data, fields, quantity, word
from keeper.chain.observe import Lens, ask
from keeper.chain.simulate_v1 import Rehearsal
from keeper.errors import BadInput, Retry
from keeper.model import Head, Question
from keeper.units import Address, Gas, Hash, Timestamp

FORK_TIMEOUT = 60.0
"""Seconds a call to the fork may take: behind it, the fork fetches state from the node, slot by slot."""
GAS_LIMIT = 30_000_000
"""The rehearsed transaction's gas limit: a whole block of Ethereum's before 2025, far above any plan."""
_RICH = 10**24


def on_fork(
    node: Node,
    head: Head,
    sender: Address,
    target: Address,
    calldata: bytes,
    reads: Sequence[Question[Any]],
    timestamp: Timestamp,
    lens: Lens,
) -> Rehearsal:
    """As `rehearse.rehearse`, on an anvil that starts from the node's state at `head` and ends with this call."""
    with fork(node.url, head.number, "--no-mining") as process:
        forked = Node([process.url], node.chain_id, FORK_TIMEOUT)
        try:
            start = forked.block_at(head.number)
            if start is None or start.hash != head.hash:
                raise Retry(f"{node.name} no longer has block {head.hash} at {head.number}; read a newer head")
            receipt = _execute(forked, sender, target, calldata, timestamp)
            return _rehearsal(forked, receipt, reads, lens)
        except RpcError as error:
            raise BadInput(f"the throw-away fork of {node.name} could not rehearse: {error.message}") from error
        finally:
            forked.close()


def _execute(forked: Node, sender: Address, target: Address, calldata: bytes, timestamp: Timestamp) -> dict[str, Any]:
    """Mines the transaction in a block at `timestamp`; its receipt."""
    _do(forked, "anvil_setBalance", [sender, hex(_RICH)])
    _do(forked, "anvil_impersonateAccount", [sender])
    transaction = {"from": sender, "to": target, "input": "0x" + calldata.hex(), "gas": hex(GAS_LIMIT)}
    tx_hash = forked.send("eth_sendTransaction", [transaction], word)
    _do(forked, "evm_mine", [hex(timestamp)])
    return forked.call("eth_getTransactionReceipt", [tx_hash], fields)


def _rehearsal(forked: Node, receipt: dict[str, Any], reads: Sequence[Question[Any]], lens: Lens) -> Rehearsal:
    try:
        ok = quantity(receipt.get("status")) == 1
        gas = Gas(quantity(receipt.get("gasUsed")))
        block_hash, tx_hash = word(receipt.get("blockHash")), word(receipt.get("transactionHash"))
        emitted = logs(receipt.get("logs"))
    except ValueError as error:
        raise Retry(f"the throw-away fork gave a malformed receipt: {error}") from error
    revert = b"" if ok else _revert(forked, tx_hash)
    return Rehearsal(ok, gas, revert, emitted, tuple(ask(forked, reads, block_hash, lens)))


def _revert(forked: Node, tx_hash: Hash) -> bytes:
    """What the failed transaction reverted with; empty when it ran out of gas or said nothing."""
    trace = forked.call("debug_traceTransaction", [tx_hash, {"tracer": "callTracer"}], fields)
    said = trace.get("output")
    return data(said) if isinstance(said, str) else b""


def _do(forked: Node, method: str, params: Sequence[Any]) -> None:
    forked.call(method, params, lambda _answer: None)
