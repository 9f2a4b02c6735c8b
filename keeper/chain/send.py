"""A recorded transaction in, what the node said when it was handed over out."""

from dataclasses import dataclass

from keeper.chain.fees import Offer
from keeper.chain.node import Node, RpcError, word
from keeper.chain.send_errors import Meaning, meaning
from keeper.errors import Halt, Retry
from keeper.model import Attempt, Intent, Intents, Outcome, Reason
from keeper.units import Timestamp


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


def refuse(reasons: tuple[Reason, ...]) -> None:
    """Raises Halt when the policy objects: a plan that the guard cleared must not look like this."""
    if reasons:
        said = "; ".join(f"{reason.id}: the transaction {reason.sentence}" for reason in reasons)
        raise Halt(f"nothing was signed, the calldata policy objects: {said}")


def offered(attempt: Attempt) -> Offer:
    return Offer(attempt.max_fee, attempt.tip)
