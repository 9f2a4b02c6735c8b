"""An approved plan in, all that its signature needs of the chain asked at once out, next to the plan's rehearsal.

After the read of a block a signature is one round trip away. Nothing here decides: each answer is taken, and each
failure raised, where one question after another would have met it, so that of several failures it is always the same
one that is told, whichever came in first.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from operator import attrgetter
from types import TracebackType
from typing import Any

from keeper.chain.account import Account, Answer, account, at_once
from keeper.chain.node import Node
from keeper.chain.quorum import agreeing
from keeper.errors import Retry
from keeper.model import Head, Snapshot
from keeper.run.bind import Bound
from keeper.run.snapshot import take
from keeper.units import Address

MAX_LAG = 2
"""K-28: a provider this many blocks behind another one's head is stale."""
HEAD_START_S = 0.010
"""What the threads that ask are given to put their questions, where the answers are not in sooner."""
QUESTIONS = 5
"""At most, each in a thread of its own, which asks the other providers in threads of theirs."""


class Round:
    """As a context manager, for one plan. What was not put at once, by `begin`, is asked when it is taken.

    `others` are all providers but the one that `snapshot` was read from. Leaving does not wait: a question whose answer
    nobody wants any more ends by the node's own time limit.
    """

    def __init__(self, node: Node, others: Sequence[Node], bound: Bound, snapshot: Snapshot, address: Address) -> None:
        self._node, self._others, self._bound, self._snapshot = node, others, bound, snapshot
        self._address = address
        self._pool: ThreadPoolExecutor | None = None
        self._witnesses: Answer[int] = self._count
        self.account: Account = account(node, address)

    def __enter__(self) -> "Round":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def begin(self, known: bool) -> None:
        """Puts every question now; of a key whose nonce is `known`, fewer. Returns when they have had time to go out.

        Who works on at once keeps Python's lock from the threads that put them: measured, 10 to 20 ms.
        """
        self._pool = ThreadPoolExecutor(QUESTIONS, "round")
        asked: list[Future[Any]] = []
        put = at_once(self._pool, asked)
        self._witnesses = put(self._count)
        self.account = account(self._node, self._address, put, known)
        wait(asked, HEAD_START_S)

    def require_witnesses(self) -> None:
        """K-27: one provider that lies, lags or follows a fork alone must not be enough for a signature. Raises Retry.

        The quorum is of those who say the same as the provider that was read, that one included.
        """
        found, head = self._witnesses(), self._snapshot.head
        if found < self._node.quorum:
            raise Retry(
                f"{found} of the providers agree on block {head.number}, {head.hash}, and on what was "
                f"read of it, a quorum of {self._node.quorum} is required: nothing was signed"
            )

    def _count(self) -> int:
        if self._node.quorum == 1:
            return 1
        return 1 + agreeing(self._others, lambda other: agrees(other, self._bound, self._snapshot))


def agrees(other: Node, bound: Bound, snapshot: Snapshot) -> bool:
    """Whether another provider has the same block, is at most MAX_LAG ahead of it, and reads the same from it.

    What `bound` names is read, and may be a part of the snapshot. The three are asked at once. Raises as `take`, when
    it does not answer one of them.
    """
    asked: tuple[Callable[[], Head | None], ...] = (lambda: other.block_at(snapshot.head.number), other.head)
    with ThreadPoolExecutor(len(asked)) as pool:
        seen, latest = (at_once(pool)(question) for question in asked)
        same = _is_part(take(other, bound, snapshot.head, snapshot), snapshot)
        at_height, ahead = seen(), latest()
    same_block = at_height is not None and at_height.hash == snapshot.head.hash
    return same and same_block and ahead is not None and ahead.number <= snapshot.head.number + MAX_LAG


def _is_part(seen: Snapshot, snapshot: Snapshot) -> bool:
    """Whether everything of `seen` is the same in `snapshot`."""
    chain = attrgetter("chain_id", "head", "native", "data_price")
    return chain(seen) == chain(snapshot) and all(
        one in those
        for part, those in (
            (seen.vaults, snapshot.vaults),
            (seen.venues, snapshot.venues),
            (seen.markets, snapshot.markets),
            (seen.rounds, snapshot.rounds),
        )
        for one in part
    )
