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


@dataclass(frozen=True, slots=True)
class Read:
    """One view call. `decode` gets the returned bytes and raises ValueError when they are not what it expects."""

    target: Address
    calldata: bytes
    decode: Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Question(Generic[T_co]):
    """Reads to make in one block and what they amount to; an answer is a decoded value or Failed, in order."""

    reads: tuple[Read, ...]
    build: Callable[[Sequence[Any]], T_co]
