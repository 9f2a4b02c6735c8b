"""A transaction and questions in; what it would do in the next block, and their answers after it, out."""

from collections.abc import Sequence
from typing import Any

from keeper.chain.fork import on_fork
from keeper.chain.node import Node
from keeper.chain.observe import Lens
from keeper.chain.simulate_v1 import Rehearsal, Unsupported, simulate
from keeper.model import Head, Question
from keeper.units import Address, Timestamp

__all__ = ["Rehearsal", "rehearse"]


def rehearse(
    node: Node,
    head: Head,
    sender: Address,
    target: Address,
    calldata: bytes,
    reads: Sequence[Question[Any]],
    timestamp: Timestamp,
    lens: Lens,
) -> Rehearsal:
    """What `sender` calling `target` would do in a block on top of `head` at `timestamp`, and `reads` after it.

    On the node itself where it can, else on a fork. Raises ValueError when `timestamp` is not after the head's; Retry
    or BadInput when the node does not answer or cannot; Halt when there is no anvil to fork with.
    """
    if timestamp <= head.timestamp:
        raise ValueError(f"a block after the head's timestamp {head.timestamp} is needed, found {timestamp}")
    try:
        return simulate(node, head, sender, target, calldata, reads, timestamp, lens)
    except Unsupported:
        return on_fork(node, head, sender, target, calldata, reads, timestamp, lens)
