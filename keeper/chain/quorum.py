"""One question to every provider in, at once, what enough of them agree on out: one that lies must not be enough."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from keeper.chain.node import Node, RpcError
from keeper.errors import BadInput, Halt, Retry

T = TypeVar("T")


def witnesses(node: Node, agrees: Callable[[Node], bool]) -> int:
    """How many providers say the same as the one in use, that one included; who does not answer says nothing."""
    return 1 + agreeing(node.others(), agrees) if node.quorum > 1 else 1


def agreeing(others: Sequence[Node], agrees: Callable[[Node], bool]) -> int:
    """How many of them agree."""
    return sum(answer is True for answer in _asked(others, agrees))


def first(node: Node, ask: Callable[[Node], T | None]) -> T | None:
    """What the provider in use answers, or where that has nothing, and more than one is listened to, any other."""
    if (found := ask(node)) is not None or node.quorum == 1:
        return found
    return next((answer for answer in _asked(node.others(), ask) if answer is not None), None)


def reached(node: Node, ask: Callable[[Node], int | None]) -> int | None:
    """The greatest number that as many providers as a quorum reach; None when fewer give one.

    A count that a single provider inflates is not believed, nor does one that lags hold it back where there are enough.
    """
    if node.quorum == 1:
        return ask(node)
    found = sorted((n for n in _asked((node, *node.others()), ask) if n is not None), reverse=True)
    return found[node.quorum - 1] if len(found) >= node.quorum else None


def _asked(nodes: Sequence[Node], ask: Callable[[Node], T]) -> list[T | None]:
    """The answers of all of them; None of one that gives none."""
    if not nodes:
        return []
    with ThreadPoolExecutor(len(nodes)) as pool:
        return list(pool.map(lambda one: _answer(one, ask), nodes))


def _answer(node: Node, ask: Callable[[Node], T]) -> T | None:
    try:
        return ask(node)
    except (BadInput, Halt, Retry, RpcError):
        return None
