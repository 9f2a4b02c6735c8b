"""A cleared plan and a key in, one transaction on its way out: recorded on disk before its first byte is sent."""

from keeper.calldata_policy import Manifest, examine
from keeper.chain.account import Account, account
from keeper.chain.cancel import make_way
from keeper.chain.confirm import confirm
from keeper.chain.fees import offer
from keeper.chain.node import Node
from keeper.chain.send import broadcast, refuse, told
from keeper.chain.signer import Signer
from keeper.errors import BadInput, Halt, Retry
from keeper.model import MAX_OPEN, UNRESOLVED, Attempt, Cleared, Head, Intent, Intents, Lanes, Outcome, Transaction
from keeper.units import Address, Wei


def submit(
    node: Node,
    intents: Intents,
    signer: Signer,
    cleared: Cleared,
    manifest: Manifest,
    head: Head,
    lanes: Lanes,
    asked: Account | None = None,
) -> Outcome:
    """Signs and sends a cleared plan, at most once however often it is called: "sent", or "unknown" when in doubt.

    `manifest` is what the policy holds the calldata against; fees follow `head`'s base fee and the lane of the plan. A
    rescue cancels the housekeeping that is open (K-4). What the chain says of the signer's account was `asked`
    before, or is asked here.
    Raises Retry before the plan is signed when an earlier intent of this key must be resolved first, gas is too dear or
    the node does not answer; BadInput when the account cannot pay; Halt when the policy objects, the signer misbehaves
    or the journal cannot be written.
    """
    approved = cleared.approved
    order, lane = approved.order, lanes.of(approved.plan.urgent)
    urgent = lane.name == "urgent"
    if intents.intent(order.intent_id) is not None:
        return confirm(node, intents, order.intent_id)
    asked = asked or account(node, signer.address)
    nonce = next_nonce(node, intents, signer.address, approved.vault if urgent else None, asked)
    fees = offer(head.base_fee, lane)
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
    _require_funds(transaction, signer.address, asked)
    if urgent:
        make_way(node, intents, signer, head, lane)
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
        max_gas_price=lane.max_gas_price,
        created_at=head.timestamp,
        urgent=urgent,
    )
    attempt = Attempt(tx_hash, order.intent_id, "act", raw, fees.max_fee, fees.tip, cleared.gas_limit)
    intents.open(intent, attempt)
    return told(intent, attempt, broadcast(node, intents, attempt, head.timestamp))


def next_nonce(
    node: Node, intents: Intents, sender: Address, rescued: Address | None = None, asked: Account | None = None
) -> int:
    """The nonce of the next intent (K-10): the journal's, never lowered by what a node says.

    `rescued` is the vault that a rescue is for; None for housekeeping. A key's first use adopts the chain's count.
    Raises Retry while an earlier intent forbids a new one, or while a transaction of a key that is new to the journal
    is pending.
    """
    _require_turn(node, intents, sender, rescued)
    asked = asked or account(node, sender)
    recorded = intents.next_nonce(node.chain_id, sender)
    finalized = asked.finalized() or 0
    if recorded is not None:
        if finalized > recorded:
            raise Halt(
                f"{node.name} says that {finalized} transactions of {sender} are final, the journal knows {recorded}: "
                "either the node lies or someone else holds the key; nothing was signed"
            )
        return recorded
    latest = asked.latest()
    if latest is None:
        raise Retry(f"{node.name} does not say how many transactions {sender} has made; name another provider")
    if finalized > latest:
        raise Halt(
            f"{node.name} says that {sender} has {finalized} final transactions of {latest}: it cannot be trusted"
        )
    pending = asked.pending()
    if pending is not None and pending > latest:
        raise Retry(
            f"{pending - latest} transactions of {sender} are pending that the journal does not know: "
            "wait until they are mined, and let nobody else use the key"
        )
    return latest


def _require_turn(node: Node, intents: Intents, sender: Address, rescued: Address | None) -> None:
    """Housekeeping waits for every unresolved intent; a rescue for one of its own vault, and when MAX_OPEN are."""
    unresolved = [i for i in intents.unsettled(node.chain_id, sender) if i.state in UNRESOLVED]
    before = [i for i in unresolved if rescued is None or (i.urgent and i.vault == rescued)]
    if len(unresolved) >= MAX_OPEN:
        before = unresolved
    if before:
        raise Retry(
            f"intent {before[0].intent_id} with nonce {before[0].nonce} is unresolved: nothing new is signed before"
        )


def _require_funds(transaction: Transaction, sender: Address, asked: Account) -> None:
    balance = asked.balance()
    needed = transaction.gas * transaction.max_fee
    if balance < needed:
        raise BadInput(
            f"the keeper's account {sender} holds {balance / 10**18:.6g} of the gas token, this transaction may cost "
            f"{needed / 10**18:.6g}: fund it"
        )
