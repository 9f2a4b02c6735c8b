"""Every intent that the chain has not settled: found again, sent again, bidden up or cancelled, before anything new."""

from dataclasses import replace

from keeper.chain.cancel import cancellation
from keeper.chain.confirm import confirm, finalize
from keeper.chain.fees import Offer, bumped
from keeper.chain.node import Node
from keeper.chain.send import broadcast, offered, told
from keeper.chain.signer import Signer
from keeper.model import UNRESOLVED, Allowed, Attempt, Head, Intent, Intents, Lane, Lanes, Outcome, Transaction
from keeper.units import Address, Gas, Wei


def reconcile(
    node: Node,
    intents: Intents,
    signer: Signer | None,
    sender: Address,
    head: Head,
    lanes: Lanes,
    allowed: Allowed = "everything",
) -> tuple[Outcome, ...]:
    """The outcome of every unsettled intent of `sender`, lowest nonce first, after doing what it needed.

    In a block: recorded. Not in one: the same bytes are sent again; once its lane's time is up with a higher offer,
    within the intent's own cap or that of a rescue behind it; past its deadline, or when it is not `allowed` any more,
    its nonce is spent on nothing instead; so is that of housekeeping that a rescue stands behind. Without a signer
    nothing new is signed. An intent whose outcome is "sent" or "unknown" is still open, and `submit` makes none
    meanwhile that would wait for it.
    Raises Retry and Halt as `confirm`.
    """
    waiting = intents.unsettled(node.chain_id, sender)
    outcomes = []
    for intent in waiting:
        blocking = any(i.urgent and i.state in UNRESOLVED and i.nonce > intent.nonce for i in waiting)
        lane = lanes.urgent if blocking else replace(lanes.of(intent.urgent), max_gas_price=intent.max_gas_price)
        forbidden = (blocking and not intent.urgent) or _forbidden(intent, allowed)
        outcomes.append(_settled(node, intents, signer, intent, head, lane, forbidden))
    finalize(node, intents, intents.unsettled(node.chain_id, sender))
    return tuple(outcomes)


def _forbidden(intent: Intent, allowed: Allowed) -> bool:
    return allowed == "nothing" or (allowed == "rescues" and not intent.urgent)


def _settled(
    node: Node, intents: Intents, signer: Signer | None, intent: Intent, head: Head, lane: Lane, forbidden: bool
) -> Outcome:
    outcome = confirm(node, intents, intent.intent_id)
    if outcome.status not in ("sent", "unknown"):
        return outcome
    now = intents.intent(intent.intent_id)
    if now is None or now.state not in UNRESOLVED:
        return outcome
    attempt = _next(intents, signer, intent, head, lane, forbidden)
    if forbidden and attempt.kind == "act":
        return outcome  # it must not move any more, though it was signed before
    return told(intent, attempt, broadcast(node, intents, attempt, head.timestamp))


def _next(intents: Intents, signer: Signer | None, intent: Intent, head: Head, lane: Lane, forbidden: bool) -> Attempt:
    """The attempt to send now: the last one again, or a new one, recorded."""
    attempts = intents.attempts(intent.intent_id)
    last = attempts[-1]
    late = forbidden or head.timestamp > intent.deadline
    stuck = last.sent_at is not None and head.timestamp - last.sent_at >= lane.resubmit_s
    if signer is None or not (stuck or (late and last.kind == "act")):
        return last
    fees = bumped(offered(last), head.base_fee, lane)
    if fees is None:  # at the cap: a transaction that was dropped must still be sent again (K-13)
        return last
    if last.kind == "cancel" or late:
        return cancellation(intents, signer, intent, fees, lane.max_gas_price)
    raw, tx_hash = signer.sign(_act(intent, attempts[0].gas, fees))
    attempt = Attempt(tx_hash, intent.intent_id, "act", raw, fees.max_fee, fees.tip, attempts[0].gas)
    intents.attempt(attempt)
    return attempt


def _act(intent: Intent, gas: Gas, fees: Offer) -> Transaction:
    """The transaction that the policy let through, with another offer and nothing else changed."""
    return Transaction(
        intent.chain_id, intent.nonce, intent.vault, Wei(0), intent.calldata, gas, fees.max_fee, fees.tip
    )
