"""Queues transactions and deployments for a node that mines on demand, and sends them in blocks that always look alike.

Addresses are known before anything is mined (sender and nonce fix them), so that a whole scene is a few requests.
"""

from dataclasses import dataclass, field
from typing import Any

from eth_utils.crypto import keccak

from keeper.errors import Halt
from keeper.units import Address
from keeper.world import calls, rpc
from keeper.world.world import GAS_LIMIT, GENESIS_BASE_FEE

DEPLOY_GAS = 8_000_000
CALL_GAS = 2_000_000
MAX_FEE = 100 * 10**9


@dataclass(slots=True)
class Batch:
    """Transactions for the node at `url` that wait to be mined together, at a base fee that does not drift."""

    url: str
    wei_per_gas: int = GENESIS_BASE_FEE
    _nonces: dict[Address, int] = field(default_factory=dict)
    _queue: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def deploy(self, name: str, sender: Address, code: bytes) -> Address:
        """Queues a deployment of creation bytecode and returns the address it will have."""
        created = _created(sender, self._nonce(sender))
        self._add(f"deploy {name}", sender, None, code, DEPLOY_GAS, 0)
        return created

    def send(
        self, sender: Address, to: Address, function: str, *values: Any, gas: int | None = CALL_GAS, value: int = 0
    ) -> None:
        """Queues a call of `function` (a signature) with `values`, and with `value` wei.

        `gas` None takes what the node estimates at the latest block and a quarter more. Raises Halt when the estimate
        reverts.
        """
        data = calls.encode(function, *values)
        limit = self._estimate(sender, to, data, value) if gas is None else gas
        self._add(f"{function} of {to}", sender, to, data, limit, value)

    def flush(self) -> list[Any]:
        """Mines all that is queued, in order, and returns the receipts.

        A block holds one sender's transactions, besides strangers'. Raises Halt, naming the call, when one fails.
        """
        queue, self._queue = self._queue, []
        receipts: list[Any] = []
        if not queue:
            return receipts
        rpc.request(self.url, "evm_setAutomine", False)
        try:
            while queue:
                block = _first_block(queue)
                queue = queue[len(block) :]
                receipts += self._mine(block)
        finally:
            rpc.request(self.url, "evm_setAutomine", True)
        return receipts

    def _estimate(self, sender: Address, to: Address, data: bytes, value: int) -> int:
        call = {"from": sender, "to": to, "data": "0x" + data.hex(), "value": hex(value)}
        return int(rpc.request(self.url, "eth_estimateGas", call), 16) * 5 // 4

    def _nonce(self, sender: Address) -> int:
        if sender not in self._nonces:
            self._nonces[sender] = int(rpc.request(self.url, "eth_getTransactionCount", sender, "latest"), 16)
        return self._nonces[sender]

    def _add(self, name: str, sender: Address, to: Address | None, data: bytes, gas: int, value: int) -> None:
        nonce = self._nonce(sender)
        self._nonces[sender] = nonce + 1
        transaction = {
            "from": sender,
            "nonce": hex(nonce),
            "gas": hex(gas),
            "maxFeePerGas": hex(MAX_FEE),
            "maxPriorityFeePerGas": "0x0",
            "value": hex(value),
            "data": "0x" + data.hex(),
        }
        if to is not None:
            transaction["to"] = to
        self._queue.append((name, transaction))

    def _mine(self, block: list[tuple[str, dict[str, str]]]) -> list[Any]:
        sends: list[rpc.Call] = [("eth_sendTransaction", [transaction]) for _, transaction in block]
        fee: rpc.Call = ("anvil_setNextBlockBaseFeePerGas", [hex(self.wei_per_gas)])
        hashes = rpc.requests(self.url, [fee, *sends])[1:]
        rpc.request(self.url, "evm_mine")
        receipts = rpc.requests(self.url, [("eth_getTransactionReceipt", [sent]) for sent in hashes])
        for (name, _), receipt in zip(block, receipts, strict=True):
            if receipt is None:
                raise Halt(f"{name} was not mined; the node kept it waiting")
            if receipt["status"] != "0x1":
                raise Halt(f"{name} failed: {self._reason(receipt)}")
        return receipts

    def _reason(self, receipt: dict[str, str]) -> str:
        trace = rpc.request(self.url, "debug_traceTransaction", receipt["transactionHash"], {"tracer": "callTracer"})
        said = [trace.get(key) for key in ("error", "revertReason", "output")]
        return " ".join(str(part) for part in said if part) + f", after {int(receipt['gasUsed'], 16)} gas"


def _first_block(queue: list[tuple[str, dict[str, str]]]) -> list[tuple[str, dict[str, str]]]:
    """As many of the first transactions as surely fit: all of one sender, so that nonces alone order them."""
    sender = queue[0][1]["from"]
    gas = 0
    for count, (_, transaction) in enumerate(queue):
        gas += int(transaction["gas"], 16)
        if transaction["from"] != sender or gas > GAS_LIMIT:
            return queue[:count]
    return queue


def _created(sender: Address, nonce: int) -> Address:
    """Address of the contract that `sender`'s transaction `nonce` creates: keccak(rlp([sender, nonce]))[12:]."""
    digits = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    short = len(digits) == 1 and nonce < 0x80
    payload = b"\x94" + bytes.fromhex(sender[2:]) + (digits if short else bytes([0x80 + len(digits)]) + digits)
    return Address("0x" + keccak(bytes([0xC0 + len(payload)]) + payload)[12:].hex())
