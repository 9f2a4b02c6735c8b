"""Every intent that the chain has not settled: found again, sent again, bidden up or cancelled, before anything new."""

from keeper.calldata_policy import CANCEL_GAS, examine_cancel
from keeper.chain.confirm import confirm, finalize
from keeper.chain.fees import Offer, bumped
from keeper.chain.node import Node
from keeper.chain.signer import Signer
from keeper.chain.submit import broadcast, offered, refuse, told
from keeper.model import UNRESOLVED, Attempt, Head, Intent, Intents, Outcome, Transaction
from keeper.units import Address, Gas, Wei

STUCK_S = 48
"""Seconds of block time after which an unmined transaction is bidden up (K-12)."""


def reconcile(
    node: Node, intents: Intents, signer: Signer | None, sender: Address, head: Head, tip: Wei, stopped: bool = False
) -> tuple[Outcome, ...]:
    """The outcome of every unsettled intent of `sender`, lowest nonce first, after doing what it needed.

    In a block: recorded. Not in one: the same bytes are sent again; after 48 s with a higher offer, within the intent's
    own cap; past its deadline, or when `stopped`, its nonce is spent on nothing instead. Without a signer nothing new
    is signed. An intent whose outcome is "sent" or "unknown" is still open, and `submit` makes no new one meanwhile.
    Raises Retry and Halt as `confirm`.
    """
    waiting = intents.unsettled(node.chain_id, sender)
    outcomes = tuple(_settled(node, intents, signer, intent, head, tip, stopped) for intent in waiting)
    finalize(node, intents, intents.unsettled(node.chain_id, sender))
    return outcomes


def _settled(
    node: Node, intents: Intents, signer: Signer | None, intent: Intent, head: Head, tip: Wei, stopped: bool
) -> Outcome:
    outcome = confirm(node, intents, intent.intent_id)
    if outcome.status not in ("sent", "unknown"):
        return outcome
    now = intents.intent(intent.intent_id)
    if now is None or now.state not in UNRESOLVED:
        return outcome
    attempt = _next(intents, signer, intent, head, tip, stopped)
    if stopped and attempt.kind == "act":
        return outcome  # the operator wants nothing to move: not even what was signed before
    return told(intent, attempt, broadcast(node, intents, attempt, head.timestamp))


def _next(intents: Intents, signer: Signer | None, intent: Intent, head: Head, tip: Wei, stopped: bool) -> Attempt:
    """The attempt to send now: the last one again, or a new one, recorded."""
    attempts = intents.attempts(intent.intent_id)
    last = attempts[-1]
    late = stopped or head.timestamp > intent.deadline
    stuck = last.sent_at is not None and head.timestamp - last.sent_at >= STUCK_S
    cancel = last.kind == "cancel" or late
    if signer is None or not (stuck or (late and last.kind == "act")):
        return last
    fees = bumped(offered(last), head.base_fee, tip, intent.max_gas_price)
    if fees is None:  # at the cap: a transaction that was dropped must still be sent again (K-13)
        return last
    transaction = _cancel(intent, fees) if cancel else _act(intent, attempts[0].gas, fees)
    if cancel:
        refuse(examine_cancel(transaction, intent.sender, intent.chain_id, intent.max_gas_price))
    raw, tx_hash = signer.sign(transaction)
    attempt = Attempt(
        tx_hash, intent.intent_id, "cancel" if cancel else "act", raw, fees.max_fee, fees.tip, transaction.gas
    )
    intents.attempt(attempt)
    return attempt


def _act(intent: Intent, gas: Gas, fees: Offer) -> Transaction:
    """The transaction that the policy let through, with another offer and nothing else changed."""
    return Transaction(
        intent.chain_id, intent.nonce, intent.vault, Wei(0), intent.calldata, gas, fees.max_fee, fees.tip
    )


def _cancel(intent: Intent, fees: Offer) -> Transaction:
    gas = Gas(CANCEL_GAS)
    return Transaction(intent.chain_id, intent.nonce, intent.sender, Wei(0), b"", gas, fees.max_fee, fees.tip)
