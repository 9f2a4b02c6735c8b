"""What to ask a chain, without touching it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from keeper.units import Address

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Failed:
    """A read that reverted or could not be decoded, in the words of whoever noticed."""

    reason: str


READ_GAS = 10_000
"""Of a view call that reads a few words of storage."""


@dataclass(frozen=True, slots=True)
class Read:
    """One view call. `decode` gets the returned bytes and raises ValueError when they are not what it expects.

    `gas` is about what it needs, for whoever puts many into one request.
    """

    target: Address
    calldata: bytes
    decode: Callable[[bytes], Any]
    gas: int = READ_GAS


@dataclass(frozen=True, slots=True)
class Question(Generic[T_co]):
    """Reads to make in one block and what they amount to; an answer is a decoded value or Failed, in order."""

    reads: tuple[Read, ...]
    build: Callable[[Sequence[Any]], T_co]
