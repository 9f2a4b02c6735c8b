"""What the keeper owes the chain: an intent, the transactions made for it, and the record they are kept in."""

from dataclasses import dataclass
from typing import Literal, Protocol

from keeper.model.decision import Outcome
from keeper.units import Address, Gas, Hash, Timestamp, Wei

IntentState = Literal["signed", "broadcast", "mined", "final", "reverted", "cancelled"]

Allowed = Literal["everything", "rescues", "nothing"]
"""What may be signed. Cancellations always may."""

UNRESOLVED: frozenset[IntentState] = frozenset(("signed", "broadcast"))
"""Nobody knows yet what became of it: no new intent may be made meanwhile."""
MAX_OPEN = 4
"""Nonces of a key that may be unresolved at once (K-4)."""
UNSETTLED: frozenset[IntentState] = frozenset(("signed", "broadcast", "mined", "reverted", "cancelled"))
"""A reorganisation may still change it."""
MOVES: dict[IntentState, frozenset[IntentState]] = {
    "signed": frozenset(("broadcast", "mined", "reverted", "cancelled")),
    "broadcast": frozenset(("mined", "reverted", "cancelled")),
    "mined": frozenset(("final", "broadcast")),  # back to broadcast: a reorganisation took the block away
    "reverted": frozenset(("final", "broadcast")),
    "cancelled": frozenset(("final", "broadcast")),
    "final": frozenset(),
}
"""Legal transitions; anything else is a broken assumption."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An EIP-1559 transaction without access list, unsigned. Fees in wei a unit of gas."""

    chain_id: int
    nonce: int
    to: Address
    value: Wei
    data: bytes
    gas: Gas
    max_fee: Wei
    tip: Wei


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction of an intent: the action itself, or a payment of nothing to oneself that cancels it.

    `sends` counts how often it was handed to a node, first at `sent_at` (block time); None: perhaps never.
    """

    tx_hash: Hash
    intent_id: Hash
    kind: Literal["act", "cancel"]
    raw: bytes
    max_fee: Wei
    tip: Wei
    gas: Gas
    sends: int = 0
    sent_at: Timestamp | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A plan that was signed. It owns its nonce for life; `expected_epoch` is the vault's before it executes."""

    intent_id: Hash
    chain_id: int
    sender: Address
    nonce: int
    vault: Address
    expected_epoch: int
    deadline: Timestamp
    calldata: bytes
    max_gas_price: Wei
    created_at: Timestamp
    state: IntentState = "signed"
    urgent: bool = False
    """A rescue: it waits for no housekeeping, which is cancelled to make way for it."""


class Intents(Protocol):
    """The durable record of intents. Whatever returns is on disk; what cannot be is a Halt."""

    def intent(self, intent_id: Hash) -> Intent | None: ...
    def next_nonce(self, chain_id: int, sender: Address) -> int | None:
        """One above the highest nonce ever recorded; None before the first."""
        ...

    def unsettled(self, chain_id: int, sender: Address) -> tuple[Intent, ...]:
        """Intents in a state of UNSETTLED, lowest nonce first."""
        ...

    def attempts(self, intent_id: Hash) -> tuple[Attempt, ...]:
        """Oldest first."""
        ...

    def open(self, intent: Intent, attempt: Attempt) -> None:
        """Records both in one transaction. Halt when the nonce or the id is taken, or an unresolved intent forbids it.

        Any does, but for a rescue: that may stand behind housekeeping that is being cancelled and behind rescues of
        other vaults, at most MAX_OPEN in all (K-4).
        """
        ...

    def attempt(self, attempt: Attempt) -> None:
        """Records one more attempt of an unresolved intent, before it is sent."""
        ...

    def sent(self, tx_hash: Hash, at: Timestamp) -> None:
        """Counts one more send of an attempt."""
        ...

    def move(self, intent_id: Hash, seen: IntentState, to: IntentState, outcome: Outcome | None = None) -> None:
        """Changes the state and keeps the outcome. Halt when the state is not `seen` or MOVES has no such step."""
        ...

    def outcome(self, intent_id: Hash) -> Outcome | None: ...
