"""A cleared plan and a key in, one transaction on its way out: recorded on disk before its first byte is sent."""

from dataclasses import dataclass

from keeper.calldata_policy import Manifest, examine
from keeper.chain.confirm import confirm
from keeper.chain.fees import Offer, offer
from keeper.chain.node import Node, RpcError, quantity, word
from keeper.chain.receipts import count
from keeper.chain.send_errors import Meaning, meaning
from keeper.chain.signer import Signer
from keeper.errors import BadInput, Halt, Retry
from keeper.model import Attempt, Cleared, Head, Intent, Intents, Outcome, Reason, Transaction
from keeper.units import Address, Timestamp, Wei


def submit(
    node: Node,
    intents: Intents,
    signer: Signer,
    cleared: Cleared,
    manifest: Manifest,
    head: Head,
    tip: Wei,
    max_gas_price: Wei,
) -> Outcome:
    """Signs and sends a cleared plan, at most once however often it is called: "sent", or "unknown" when in doubt.

    `manifest` is what the policy holds the calldata against; fees follow `head`'s base fee, in wei a unit of gas.
    Raises Retry before anything is signed when an earlier intent of this key is unresolved, gas is too dear or the node
    does not answer; BadInput when the account cannot pay; Halt when the policy objects, the signer misbehaves or the
    journal cannot be written.
    """
    approved = cleared.approved
    order = approved.order
    if intents.intent(order.intent_id) is not None:
        return confirm(node, intents, order.intent_id)
    nonce = next_nonce(node, intents, signer.address)
    fees = offer(head.base_fee, tip, max_gas_price)
    transaction = Transaction(
        chain_id=node.chain_id,
        nonce=nonce,
        to=approved.vault,
        value=Wei(0),
        data=approved.calldata,
        gas=cleared.gas_limit,
        max_fee=fees.max_fee,
        tip=fees.tip,
    )
    refuse(examine(transaction, manifest))
    _require_funds(node, transaction, signer.address)
    raw, tx_hash = signer.sign(transaction)
    intent = Intent(
        intent_id=order.intent_id,
        chain_id=node.chain_id,
        sender=signer.address,
        nonce=nonce,
        vault=approved.vault,
        expected_epoch=order.expected_epoch,
        deadline=order.deadline,
        calldata=approved.calldata,
        max_gas_price=max_gas_price,
        created_at=head.timestamp,
    )
    attempt = Attempt(tx_hash, order.intent_id, "act", raw, fees.max_fee, fees.tip, cleared.gas_limit)
    intents.open(intent, attempt)
    return told(intent, attempt, broadcast(node, intents, attempt, head.timestamp))


@dataclass(frozen=True, slots=True)
class Heard:
    """What the node said when it was handed a transaction."""

    meaning: Meaning
    words: str


def broadcast(node: Node, intents: Intents, attempt: Attempt, now: Timestamp) -> Heard:
    """Hands a recorded transaction to the node, and counts it as sent whatever comes back: it may have arrived.

    `now` is block time. Raises Halt, before anything is sent, when no provider is on our chain.
    """
    try:
        found = node.send("eth_sendRawTransaction", ["0x" + attempt.raw.hex()], word)
        heard = Heard("known", "") if found == attempt.tx_hash else Heard("ambiguous", f"it answered hash {found}")
    except RpcError as error:
        heard = Heard(meaning(error.message), str(error))
    except Retry as error:
        heard = Heard("ambiguous", str(error))
    intents.sent(attempt.tx_hash, now)
    intent = intents.intent(attempt.intent_id)
    if intent is not None and intent.state == "signed":
        intents.move(intent.intent_id, "signed", "broadcast")
    return heard


def told(intent: Intent, attempt: Attempt, heard: Heard) -> Outcome:
    """The outcome of a send, which is never the end: "sent" when the node has the bytes, else "unknown"."""
    if heard.meaning == "known":
        return Outcome("sent", intent.intent_id, attempt.tx_hash)
    return Outcome("unknown", intent.intent_id, attempt.tx_hash, reason=f"{heard.meaning}: {heard.words}")


def next_nonce(node: Node, intents: Intents, sender: Address) -> int:
    """The nonce of the next intent (K-10): the journal's, never lowered by what a node says.

    A key's first use adopts the chain's count. Raises Retry while an earlier intent is unresolved, or while a
    transaction of a key that is new to the journal is pending.
    """
    busy = [i for i in intents.unsettled(node.chain_id, sender) if i.state in ("signed", "broadcast")]
    if busy:
        raise Retry(
            f"intent {busy[0].intent_id} with nonce {busy[0].nonce} is unresolved: nothing new is signed before"
        )
    recorded = intents.next_nonce(node.chain_id, sender)
    finalized = count(node, sender, "finalized") or 0
    if recorded is not None:
        if finalized > recorded:
            raise Halt(
                f"{node.name} says that {finalized} transactions of {sender} are final, the journal knows {recorded}: "
                "either the node lies or someone else holds the key; nothing was signed"
            )
        return recorded
    latest = count(node, sender, "latest")
    if latest is None:
        raise Retry(f"{node.name} does not say how many transactions {sender} has made; name another provider")
    if finalized > latest:
        raise Halt(
            f"{node.name} says that {sender} has {finalized} final transactions of {latest}: it cannot be trusted"
        )
    pending = count(node, sender, "pending")
    if pending is not None and pending > latest:
        raise Retry(
            f"{pending - latest} transactions of {sender} are pending that the journal does not know: "
            "wait until they are mined, and let nobody else use the key"
        )
    return latest


def _require_funds(node: Node, transaction: Transaction, sender: Address) -> None:
    try:
        balance = node.call("eth_getBalance", [sender, "latest"], quantity)
    except RpcError as error:
        raise Retry(str(error)) from error
    needed = transaction.gas * transaction.max_fee
    if balance < needed:
        raise BadInput(
            f"the keeper's account {sender} holds {balance / 10**18:.6g} of the gas token, this transaction may cost "
            f"{needed / 10**18:.6g}: fund it"
        )


def refuse(reasons: tuple[Reason, ...]) -> None:
    """Raises Halt when the policy objects: a plan that the guard cleared must not look like this."""
    if reasons:
        said = "; ".join(f"{reason.id}: the transaction {reason.sentence}" for reason in reasons)
        raise Halt(f"nothing was signed, the calldata policy objects: {said}")


def offered(attempt: Attempt) -> Offer:
    return Offer(attempt.max_fee, attempt.tip)
