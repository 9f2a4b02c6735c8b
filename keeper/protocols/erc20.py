"""ERC-20 tokens: what they are called, how they count, and who holds what."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.model import Failed, Question, Read, Token
from keeper.protocols import wire
from keeper.units import Address

SYMBOL_MAX = 24
DECIMALS_MAX = 36  # beyond, a price times 10**36 a raw unit is no integer


def facts(token: Address) -> Question[Token]:
    """Asks a token for its symbol and decimals. The answer raises errors.BadInput when `token` is no ERC-20.

    A token without a readable symbol is called by the start of its address.
    """

    def build(answers: Sequence[Any]) -> Token:
        symbol, *needed = answers
        decimals, _ = wire.recognised(needed, token, "an ERC-20 token of at most 36 decimals")
        return Token(token, token[:8] if isinstance(symbol, Failed) else symbol, decimals)

    reads = (
        Read(token, wire.calldata("symbol()"), decode_symbol),
        Read(token, wire.calldata("decimals()"), _decimals),
        Read(token, wire.calldata("totalSupply()"), wire.uint),
    )
    return Question(reads, build)


def balance_of(token: Address, account: Address) -> Read:
    """Raw units of `token` that `account` holds."""
    return Read(token, wire.calldata("balanceOf(address)", account), wire.uint)


def decode_symbol(data: bytes) -> str:
    """A symbol as `string`, or as `bytes32` of tokens older than the standard; ValueError when it is neither.

    A symbol is a stranger's text that ends up on a terminal: at most SYMBOL_MAX characters, all printable.
    """
    if len(data) == wire.WORD:
        raw = data.rstrip(b"\0")
    else:
        try:
            (raw,) = decode(["bytes"], data)
        except DecodingError as error:
            raise ValueError(f"expected a symbol, found {len(data)} bytes: {error}") from error
    text: str = raw.decode("utf-8", errors="strict")
    if not text or len(text) > SYMBOL_MAX or not text.isprintable():
        raise ValueError(f"expected 1 to {SYMBOL_MAX} printable characters, found {text!r}")
    return text


def _decimals(data: bytes) -> int:
    decimals = wire.uint(data)
    if decimals > DECIMALS_MAX:
        raise ValueError(f"expected at most {DECIMALS_MAX} decimals, found {decimals}")
    return decimals
