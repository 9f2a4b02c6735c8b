"""Calldata of static view calls, and the common shapes of what they return, by byte slicing.

A decoder raises ValueError when the bytes are not exactly of its shape: a call to an account without code answers with
no bytes at all, and must never decode to zero.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, TypeVar

from eth_utils.crypto import keccak

from keeper import errors
from keeper.model import Failed, Question
from keeper.units import Address

T = TypeVar("T")

WORD = 32
_SIGN = 1 << 255
_MODULUS = 1 << 256


@lru_cache(maxsize=1024)
def selector(signature: str) -> bytes:
    """First four bytes of the hash of a canonical signature, such as "balanceOf(address)"."""
    return keccak(text=signature)[:4]


@lru_cache(maxsize=65_536)
def calldata(signature: str, *arguments: int | Address) -> bytes:
    """A call with static arguments: integers (two's complement when negative) and addresses."""
    return selector(signature) + packed(arguments)


def packed(arguments: Sequence[int | Address]) -> bytes:
    """A word each; OverflowError for an integer that is none."""
    return b"".join(map(_word, arguments))


def words(data: bytes, count: int) -> tuple[int, ...]:
    """Exactly `count` unsigned words."""
    _require(data, count)
    return tuple(int.from_bytes(data[at : at + WORD], "big") for at in range(0, count * WORD, WORD))


def uint(data: bytes) -> int:
    """One unsigned word."""
    _require(data, 1)
    return int.from_bytes(data, "big")


def word_to_address(word: int) -> Address:
    """An address from its word; ValueError when the upper twelve bytes are not empty."""
    if word >> 160:
        raise ValueError(f"expected an address, found the word {word:#066x}")
    return Address(f"0x{word:040x}")


def address(data: bytes) -> Address:
    """One address."""
    return word_to_address(uint(data))


def signed(word: int) -> int:
    """A word as a two's complement integer of 256 bits (which sign-extended narrower ones are too)."""
    return word - _MODULUS if word & _SIGN else word


def uints(count: int) -> Callable[[bytes], tuple[int, ...]]:
    """A decoder of exactly `count` unsigned words."""
    return lambda data: words(data, count)


def answered(answers: Sequence[Any], who: str) -> Sequence[Any]:
    """The answers themselves; Retry naming `who` and the first read that failed, when one did."""
    for answer in answers:
        if isinstance(answer, Failed):
            raise errors.Retry(f"{who} could not be read: {answer.reason}")
    return answers


def recognised(answers: Sequence[Any], address: Address, what: str) -> Sequence[Any]:
    """The answers themselves; BadInput when a read failed, for `address` then is not `what`."""
    for answer in answers:
        if isinstance(answer, Failed):
            raise errors.BadInput(
                f"{address} does not answer as {what} does ({answer.reason}): check the address and the chain"
            )
    return answers


def joined(questions: Sequence[Question[T]]) -> Question[tuple[T, ...]]:
    """One question of several: their reads one after another, answered by each one's own `build`, in order."""
    ends = list(accumulate((len(question.reads) for question in questions), initial=0))

    def build(answers: Sequence[Any]) -> tuple[T, ...]:
        return tuple(q.build(answers[start:end]) for q, (start, end) in zip(questions, pairwise(ends), strict=True))

    return Question(tuple(read for question in questions for read in question.reads), build)


def _word(argument: int | Address) -> bytes:
    if isinstance(argument, str):
        return bytes(12) + bytes.fromhex(argument[2:])
    return (argument + _MODULUS if argument < 0 else int(argument)).to_bytes(WORD, "big")


def _require(data: bytes, count: int) -> None:
    if len(data) != count * WORD:
        raise ValueError(f"expected {count * WORD} bytes, found {len(data)}")
