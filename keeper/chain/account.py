"""An account in, the questions that a signature of it raises out: put when needed, or all at once and taken later."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from keeper.chain.node import Node, RpcError, quantity
from keeper.chain.receipts import count
from keeper.errors import Retry
from keeper.units import Address, Wei

T = TypeVar("T")
Answer = Callable[[], T]
"""Gives a question's answer, or raises what became of it, at the moment it is taken."""


class Put(Protocol):
    """How a question is put."""

    def __call__(self, question: Callable[[], T], /) -> Answer[T]: ...


def when_taken(question: Callable[[], T]) -> Answer[T]:
    """Not before its answer is taken, and again each time."""
    return question


def at_once(pool: Executor, asked: list[Future[Any]] | None = None) -> Put:
    """Now, in a thread of `pool`; whoever takes the answer waits for it, and gets its failure in that place.

    `asked` is given what has been put, for who would wait for all of it.
    """

    def put(question: Callable[[], T], /) -> Answer[T]:
        future = pool.submit(question)
        if asked is not None:
            asked.append(future)
        return future.result

    return put


@dataclass(frozen=True, slots=True)
class Account:
    """What the chain says of an account: its transactions up to a block tag (`receipts.count`), and its wei."""

    finalized: Answer[int | None]
    latest: Answer[int | None]
    pending: Answer[int | None]
    balance: Answer[Wei]


def account(node: Node, address: Address, put: Put = when_taken, known: bool = False) -> Account:
    """The questions about `address`, put as `put` does; of a key whose nonce is `known`, only those that it raises."""
    rarely = when_taken if known else put
    return Account(
        finalized=put(lambda: count(node, address, "finalized")),
        latest=rarely(lambda: count(node, address, "latest")),
        pending=rarely(lambda: count(node, address, "pending")),
        balance=put(lambda: balance(node, address)),
    )


def balance(node: Node, address: Address) -> Wei:
    """Raises Retry when the node does not say."""
    try:
        return Wei(node.call("eth_getBalance", [address, "latest"], quantity))
    except RpcError as error:
        raise Retry(str(error)) from error
