"""One transaction of a key that no journal keeps in, signed and sent once, and its receipt out."""

import time

from keeper.chain.fees import Offer
from keeper.chain.node import Node, RpcError, quantity, word
from keeper.chain.receipts import Receipt, count, receipt
from keeper.chain.signer import Signer
from keeper.errors import BadInput, Retry, Unknown
from keeper.model import Attempt, Transaction
from keeper.units import Address, Gas, Hash, Wei

FOLLOW_S = 90.0
PAUSE_S = 0.5


def prepared(node: Node, sender: Address, to: Address, calldata: bytes, gas: Gas, fees: Offer) -> Transaction:
    """The next transaction of `sender`. Raises BadInput when it cannot pay, or has transactions in the pool; Retry."""
    latest, pending = count(node, sender, "latest"), count(node, sender, "pending")
    if latest is None:
        raise Retry(f"{node.name} does not say how many transactions {sender} has made; name another provider")
    if pending is not None and pending > latest:
        raise BadInput(f"{sender} has {pending - latest} transactions in the pool: wait for them, or use another key")
    try:
        balance = node.call("eth_getBalance", [sender, "latest"], quantity)
    except RpcError as error:
        raise Retry(str(error)) from error
    if balance < gas * fees.max_fee:
        raise BadInput(
            f"{sender} holds {balance / 10**18:.6g} of the gas token, this transaction may cost "
            f"{gas * fees.max_fee / 10**18:.6g}: fund it, or use another key"
        )
    return Transaction(node.chain_id, latest, to, Wei(0), calldata, gas, fees.max_fee, fees.tip)


def send_once(node: Node, signer: Signer, transaction: Transaction) -> Receipt:
    """Signs, sends and waits for the receipt. Raises BadInput when the node refuses it; Unknown when none is seen."""
    raw, tx_hash = signer.sign(transaction)
    try:
        node.send("eth_sendRawTransaction", ["0x" + raw.hex()], word)
    except RpcError as error:
        raise BadInput(f"{node.name} refuses the transaction: {error}") from error
    except Retry:  # it may have arrived
        pass
    attempt = Attempt(tx_hash, Hash("0x" + 64 * "0"), "act", raw, transaction.max_fee, transaction.tip, transaction.gas)
    deadline = time.monotonic() + FOLLOW_S
    while time.monotonic() < deadline:
        try:
            if found := receipt(node, attempt):
                return found
        except Retry:
            pass
        time.sleep(PAUSE_S)
    raise Unknown(f"transaction {tx_hash} was sent and is in no block after {FOLLOW_S:.0f} s: look before sending more")
