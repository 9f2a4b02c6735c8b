"""A node's refusal of a transaction in, what it means out. Whatever is not in the table means nothing certain."""

from typing import Literal

Meaning = Literal["known", "nonce low", "nonce high", "replacement", "underpriced", "funds", "refused", "ambiguous"]
"""What the words say about the transaction.

known: the node has these very bytes. nonce low: some transaction with this nonce is mined. nonce high: an earlier nonce
is missing. replacement: another transaction holds the nonce for more than this one offers. underpriced: too little for
the node to keep. funds: the sender cannot pay. refused: no node will ever take it. None but the first is the end of it:
another node may have taken the same bytes.
"""

# Lower-case parts of messages, as the clients state them; the first row that matches wins. The order matters where one
# message contains another.
_TABLE: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (
        "known",
        (
            "already known",  # geth, erigon, reth
            "known transaction",  # older geth, besu
            "alreadyknown",  # nethermind
            "already imported",  # anvil, openethereum
            "alreadyimported",  # substrate's
            "existing tx with same hash",  # erigon
            "ownnoncealreadyused",  # nethermind: this node's own copy
            "already in mempool",
            "already exists in pool",
        ),
    ),
    (
        "replacement",
        (
            "replacement transaction underpriced",  # geth, erigon, besu, reth, anvil
            "replacementnotallowed",  # nethermind
            "could not replace existing tx",  # erigon
            "another transaction with same nonce",  # openethereum
            "another tx which has the same nonce",  # klaytn
            "replacement fee too low",
            "feetoolowtocompete",  # nethermind
        ),
    ),
    (
        "nonce low",
        (
            "nonce too low",  # geth, erigon, reth, besu, anvil, arbitrum, op
            "oldnonce",  # nethermind
            "nonce is too low",  # openethereum
            "invalid transaction nonce",  # arbitrum
            "pool(stale)",  # substrate's
        ),
    ),
    (
        "nonce high",
        (
            "nonce too high",  # geth, erigon, arbitrum
            "noncegap",  # nethermind
            "nonce too far in future",
            "noncetoofarinfuture",  # nethermind
            "nonce too distant",  # besu
            "an invalid transaction with a lower nonce exists",  # besu
            "exceeds maximum nonce",
        ),
    ),
    (
        "funds",
        (
            "insufficient funds",  # geth, erigon, reth, anvil, openethereum, arbitrum, op
            "insufficient balance",  # geth, openethereum
            "insufficientfunds",  # nethermind
            "upfront cost exceeds account balance",  # besu
            "not enough funds",  # arbitrum
            "overshot",  # geth: queued transactions spend the rest
        ),
    ),
    (
        "underpriced",
        (
            "transaction underpriced",  # geth, erigon
            "max fee per gas less than block base fee",  # geth, anvil, arbitrum
            "feetoolow",  # nethermind
            "gas price below configured minimum",  # besu
            "gas price is too low",  # openethereum
            "gas price too low",  # arbitrum
            "fee too low",  # op
            "txpool is full",  # geth, reth
            "too many transactions in the queue",  # openethereum
            "gas tip cap",  # geth: below the pool's minimum
        ),
    ),
    (
        "refused",
        (
            "intrinsic gas",  # geth, erigon, reth, anvil, besu
            "exceeds block gas limit",  # geth, erigon, reth, besu
            "gaslimitexceeded",  # nethermind
            "exceeds the configured cap",  # geth, erigon: the node's own limit on fees
            "transaction fee cap exceeded",  # besu
            "higher than max fee per gas",  # geth, anvil
            "invalid sender",  # geth, erigon
            "invalid signature",  # besu, openethereum
            "invalid chain id",  # geth, reth, anvil
            "failedtoresolvesender",  # nethermind
            "senderiscontract",  # nethermind
            "sender not an eoa",  # geth
            "oversized data",  # geth, erigon
            "failed to decode",  # anvil
            "invalid rlp",  # openethereum
            "rlp: ",  # geth
            "execution reverted",  # sequencers that execute first
        ),
    ),
)


def meaning(message: str) -> Meaning:
    """What a node's message about a transaction means."""
    words = message.lower()
    return next((found for found, parts in _TABLE if any(part in words for part in parts)), "ambiguous")
