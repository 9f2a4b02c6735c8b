"""What became of an intent: asked of the chain, kept in the journal, told as an Outcome."""

from typing import Literal

from keeper.chain.logs import executed, fills
from keeper.chain.node import Node
from keeper.chain.quorum import reached
from keeper.chain.receipts import Receipt, count, told, why, witnessed
from keeper.errors import Halt
from keeper.model import UNRESOLVED, Intent, Intents, IntentState, Outcome
from keeper.units import Hash


def confirm(node: Node, intents: Intents, intent_id: Hash) -> Outcome:
    """The intent's outcome as of now, recorded when it is news.

    "done" needs a receipt of one of our own transactions with status 1, in a canonical block, with the vault's
    IntentExecuted of this intent and epoch, told alike by as many providers as a quorum (K-22). Raises Retry when the
    node does not answer; Halt when the chain shows what cannot be: a nonce spent by someone else, or a success without
    the event.
    """
    intent = intents.intent(intent_id)
    if intent is None:
        raise Halt(f"intent {intent_id} is not in the journal: nothing says what it was")
    known = intents.outcome(intent_id)
    if intent.state == "final" and known is not None:
        return known
    attempts = intents.attempts(intent_id)
    found = next(filter(None, (told(node, attempt) for attempt in reversed(attempts))), None)
    if found is None:
        return _unseen(node, intents, intent)
    if not witnessed(node, found):
        if known is not None and intent.state not in UNRESOLVED:
            return known
        reason = f"too few providers tell of its receipt alike: a quorum of {node.quorum} is required"
        return Outcome("sent", intent_id, found.attempt.tx_hash, reason=reason)
    if known is not None and intent.state not in UNRESOLVED:
        if (known.tx_hash, known.block_hash) == (found.attempt.tx_hash, found.block.hash):
            return known
        intents.move(intent_id, intent.state, "broadcast")  # the chain was reorganised: mined again, or differently
    state, outcome = _seen(node, intent, found)
    intents.move(intent_id, intent.state if intent.state in UNRESOLVED else "broadcast", state, outcome)
    return outcome


def finalize(node: Node, intents: Intents, sender_intents: tuple[Intent, ...]) -> None:
    """Closes the intents, just confirmed, whose block no reorganisation can take back any more."""
    resolved = [intent for intent in sender_intents if intent.state not in UNRESOLVED]
    if not resolved:
        return
    final = reached(node, _finalized)
    for intent in resolved:
        outcome = intents.outcome(intent.intent_id)
        if final is not None and outcome is not None and outcome.block is not None and outcome.block <= final:
            intents.move(intent.intent_id, intent.state, "final")


def _finalized(node: Node) -> int | None:
    found = node.block_at("finalized")
    return None if found is None else found.number


def _seen(node: Node, intent: Intent, found: Receipt) -> tuple[IntentState, Outcome]:
    if found.attempt.kind == "cancel":
        reason = "its nonce was spent on paying nothing to oneself"
        return "cancelled", _outcome(intent, found, "cancelled", reason)
    if not found.ok:
        return "reverted", _outcome(intent, found, "reverted", why(node, intent, found))
    events = [event for event in executed(found.logs, intent.vault) if event.intent_id == intent.intent_id]
    if len(events) != 1 or events[0].epoch != intent.expected_epoch + 1:
        epochs = [event.epoch for event in events]
        raise Halt(
            f"transaction {found.attempt.tx_hash} succeeded, but {intent.vault} tells of intent {intent.intent_id} "
            f"at epochs {epochs}, expected [{intent.expected_epoch + 1}]: stop and look at the vault"
        )
    return "mined", _outcome(intent, found, "done", "", events[0].nav_before, events[0].nav_after)


def _outcome(
    intent: Intent,
    found: Receipt,
    status: Literal["done", "reverted", "cancelled"],
    reason: str,
    nav_before: int | None = None,
    nav_after: int | None = None,
) -> Outcome:
    return Outcome(
        status=status,
        intent_id=intent.intent_id,
        tx_hash=found.attempt.tx_hash,
        block=found.block.number,
        block_hash=found.block.hash,
        timestamp=found.block.timestamp,
        gas_used=found.gas_used,
        gas_price=found.gas_price,
        nav_before=nav_before,
        nav_after=nav_after,
        fills=fills(found.logs, intent.vault) if status == "done" else (),
        reason=reason,
    )


def _unseen(node: Node, intents: Intents, intent: Intent) -> Outcome:
    """None of our transactions is in the canonical chain, as far as the node knows."""
    if intent.state not in UNRESOLVED:
        intents.move(intent.intent_id, intent.state, "broadcast")
    attempts = intents.attempts(intent.intent_id)
    last = attempts[-1].tx_hash
    spent = count(node, intent.sender, "latest") or 0
    if spent <= intent.nonce:
        if all(attempt.sends == 0 for attempt in attempts):
            return Outcome("unknown", intent.intent_id, last, reason="signed, and perhaps never sent")
        return Outcome("sent", intent.intent_id, last, reason="sent, and not yet in a block")
    if (count(node, intent.sender, "finalized") or 0) > intent.nonce:
        raise Halt(
            f"nonce {intent.nonce} of {intent.sender} was spent by a transaction that is not in the journal: "
            "someone else holds the key; take its roles away before anything else"
        )
    return Outcome(
        "unknown",
        intent.intent_id,
        last,
        reason=f"nonce {intent.nonce} is spent and none of our transactions has a receipt yet",
    )
