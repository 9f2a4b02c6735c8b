"""A chain that mines when told to with a target on it, and cleared plans to send there."""

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.calldata_policy import Manifest, Pool
from keeper.chain.node import Node, data, quantity, word
from keeper.chain.reconcile import reconcile
from keeper.chain.signer import Signer, world_key
from keeper.chain.submit import submit
from keeper.journal import Journal
from keeper.model import (
    Approved,
    Cleared,
    Cost,
    Head,
    Intents,
    Lane,
    Lanes,
    LeverageMove,
    Order,
    Outcome,
    Plan,
    Prediction,
    Transaction,
)
from keeper.units import Address, Bps, Gas, Hash, PriceX36, Timestamp, Wei

ANVIL_CHAIN = 31337
Behave = Callable[[BaseHTTPRequestHandler, bytes], None]
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # anvil's first, published
TARGET = Address("0x" + "7a" * 20)
POOL, USD, ETH = (Address("0x" + digit * 40) for digit in "567")
TIP, CAP = Wei(10**9), Wei(100 * 10**9)
URGENT_TIP, URGENT_CAP = Wei(3 * 10**9), Wei(300 * 10**9)
LANES = Lanes(Lane("normal", CAP, TIP, 48), Lane("urgent", URGENT_CAP, URGENT_TIP, 24))
INTENT = Hash("0x" + "ab" * 32)
EPOCH = 3
WORK, REVERT, BURN, SILENT, LIE = range(5)

SIGNER = world_key(KEY, lambda: True)


def _ignore(_answer: Any) -> None:
    """The parse of an answer nobody looks at."""


@dataclass
class Chain:
    """An anvil that mines when told to, with the target on it."""

    url: str
    node: Node

    def mine(self, at: int | None = None) -> Head:
        self.node.call("evm_mine", [] if at is None else [hex(at)], _ignore)
        return self.node.head()

    def do(self, method: str, *params: Any) -> None:
        self.node.call(method, params, _ignore)

    def tell(self, mode: int) -> None:
        self.do("anvil_setStorageAt", TARGET, "0x2", f"0x{mode:064x}")

    def price_out(self) -> None:
        """The next block's base fee is above anything we may pay."""
        self.do("anvil_setNextBlockBaseFeePerGas", hex(CAP * 3))

    @property
    def executions(self) -> int:
        call = {"to": TARGET, "data": "0x" + keccak(text="count()")[:4].hex()}
        return int.from_bytes(self.node.call("eth_call", [call, "latest"], data), "big")

    @property
    def spent(self) -> int:
        return self.node.call("eth_getTransactionCount", [SIGNER.address, "latest"], quantity)


def cleared_plan(
    head: Head, intent_id: Hash = INTENT, epoch: int = EPOCH, wait: int = 300, urgent: bool = False
) -> Cleared:
    """Of housekeeping, or of a rescue."""
    order = Order(intent_id, epoch, Timestamp(head.timestamp + wait), Hash("0x" + "00" * 32), 900)
    legs = [(2, POOL, USD, 2_000_000, 990)]
    types = ["(bytes32,uint64,uint64,bytes32,uint256)", "(uint8,address,address,uint256,uint256)[]"]
    fields = (bytes.fromhex(intent_id[2:]), epoch, order.deadline, bytes(32), 900)
    calldata = keccak(text=f"rebalance({','.join(types)})")[:4] + encode(types, [fields, legs])
    prediction = Prediction("replay", order.deadline, 1_000, 999, (), 0, 0, None, ())
    approved = Approved(
        TARGET,
        order,
        Plan((), LeverageMove(False, False, True, 0, 0) if urgent else None, Cost(), Cost(), "test"),
        calldata,
        prediction,
    )
    return Cleared(approved, prediction, Gas(300_000))


def manifest_of(cleared: Cleared, head: Head) -> Manifest:
    order = cleared.approved.order
    prices = ((USD, PriceX36(10**36)), (ETH, PriceX36(2_000 * 10**36)))
    return Manifest(
        ANVIL_CHAIN,
        TARGET,
        "basket",
        order.intent_id,
        order.expected_epoch,
        head.timestamp,
        900,
        (Pool(POOL, 2, (USD, ETH)),),
        prices,
        Bps(100),
        LANES.of(cleared.approved.plan.urgent).max_gas_price,
        Gas(2_000_000),
    )


def send(node: Node, intents: Intents, cleared: Cleared, head: Head, signer: Signer = SIGNER) -> Outcome:
    return submit(node, intents, signer, cleared, manifest_of(cleared, head), head, LANES)


def settle(chain: Chain, intents: Intents, signer: Signer | None = SIGNER) -> tuple[Outcome, ...]:
    return reconcile(chain.node, intents, signer, SIGNER.address, chain.node.head(), LANES)


def between(
    chain: Chain, edit: Callable[[dict[str, Any], BaseHTTPRequestHandler, Callable[[], bytes]], None]
) -> Behave:
    """A provider in front of the chain: `edit(request, handler, ask)` answers, asking the chain when it likes."""

    def behave(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        def ask() -> bytes:
            request = urllib.request.Request(chain.url, body, {"content-type": "application/json"})
            with urllib.request.urlopen(request) as response:
                answer: bytes = response.read()
            return answer

        edit(json.loads(body), handler, ask)

    return behave


def state_of(journal: Journal, intent_id: Hash = INTENT) -> str:
    intent = journal.intents.intent(intent_id)
    assert intent is not None
    return intent.state


def foreign(chain: Chain, nonce: int, tip: int = 10**9) -> None:
    """Someone else uses the key."""
    raw, _ = SIGNER.sign(Transaction(ANVIL_CHAIN, nonce, POOL, Wei(0), b"", Gas(21_000), Wei(50 * 10**9), Wei(tip)))
    chain.node.send("eth_sendRawTransaction", ["0x" + raw.hex()], word)
