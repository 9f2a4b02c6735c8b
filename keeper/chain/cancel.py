"""An unresolved intent in, its nonce spent on nothing out; and the way of a rescue cleared so."""

from keeper.calldata_policy import CANCEL_GAS, examine_cancel
from keeper.chain.confirm import confirm
from keeper.chain.fees import Offer, bumped
from keeper.chain.node import Node
from keeper.chain.send import broadcast, offered, refuse
from keeper.chain.signer import Signer
from keeper.errors import Retry
from keeper.model import UNRESOLVED, Attempt, Head, Intent, Intents, Lane, Transaction
from keeper.units import Gas, Wei


def cancellation(intents: Intents, signer: Signer, intent: Intent, fees: Offer, cap: Wei) -> Attempt:
    """Signs and records, and does not send, a payment of nothing to oneself at the intent's nonce.

    Raises Halt when the calldata policy objects: with `cap` wei a unit of gas it must agree.
    """
    transaction = Transaction(
        intent.chain_id, intent.nonce, intent.sender, Wei(0), b"", Gas(CANCEL_GAS), fees.max_fee, fees.tip
    )
    refuse(examine_cancel(transaction, intent.sender, intent.chain_id, cap))
    raw, tx_hash = signer.sign(transaction)
    attempt = Attempt(tx_hash, intent.intent_id, "cancel", raw, fees.max_fee, fees.tip, transaction.gas)
    intents.attempt(attempt)
    return attempt


def make_way(node: Node, intents: Intents, signer: Signer, head: Head, lane: Lane) -> None:
    """Cancels the key's open housekeeping, each at its own nonce, with the offer of a rescue's `lane` (K-4).

    What mines at that nonce, the action or its cancellation, does not matter to the rescue behind it: it waits for
    neither. Raises Retry when a cancellation would cost more than the lane allows, as `confirm` too.
    """
    for intent in intents.unsettled(node.chain_id, signer.address):
        if intent.urgent or intent.state not in UNRESOLVED or intents.attempts(intent.intent_id)[-1].kind == "cancel":
            continue
        if confirm(node, intents, intent.intent_id).status not in ("sent", "unknown"):
            continue
        fees = bumped(offered(intents.attempts(intent.intent_id)[-1]), head.base_fee, lane)
        if fees is None:
            raise Retry(
                f"intent {intent.intent_id} stands in a rescue's way at nonce {intent.nonce}; to cancel it costs more "
                f"than the {lane.max_gas_price / 10**9:.3g} gwei that the urgent lane allows: raise its cap in [gas]"
            )
        broadcast(node, intents, cancellation(intents, signer, intent, fees, lane.max_gas_price), head.timestamp)
