"""What does not change between a vault's epochs: its kind, tokens, feeds and pools, and the questions that find it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.model import Feed, GuardState, Limits, Question, Read
from keeper.protocols import wire
from keeper.units import Address, Bps, Timestamp

GUARD_STATE_WORDS = 5
LIMITS_WORDS = 7


@dataclass(frozen=True, slots=True)
class VaultFacts:
    """The base asset is first in `tokens`; `venues` are (adapter, pool); `extra` are addresses of the kind's own."""

    address: Address
    kind: str
    tokens: tuple[Address, ...]
    venues: tuple[tuple[int, Address], ...]
    extra: tuple[Address, ...] = ()


def facts(vault: Address) -> Question[VaultFacts]:
    """Asks a vault what it is. The answer raises errors.BadInput when `vault` does not answer as a vault."""

    def build(answers: Sequence[Any]) -> VaultFacts:
        kind, tokens, venues = wire.recognised(answers, vault, "a keeper's vault")
        return VaultFacts(vault, kind, tokens, venues)

    reads = (
        Read(vault, wire.calldata("kind()"), _text),
        Read(vault, wire.calldata("tokens()"), decode_addresses),
        Read(vault, wire.calldata("venues()"), _venues),
    )
    return Question(reads, build)


def feeds(vault: Address, tokens: Sequence[Address]) -> Question[tuple[Feed, ...]]:
    """Asks a vault for its feed of each token, in order."""

    def build(answers: Sequence[Any]) -> tuple[Feed, ...]:
        found = wire.recognised(answers, vault, "a keeper's vault")
        return tuple(
            Feed(token, wire.word_to_address(words[0]), words[1], wire.signed(words[2]), wire.signed(words[3]))
            for token, words in zip(tokens, found, strict=True)
        )

    return Question(tuple(Read(vault, wire.calldata("feedOf(address)", t), wire.uints(4)) for t in tokens), build)


def read_limits(vault: Address) -> Read:
    def build(data: bytes) -> Limits:
        loss, gain, daily_loss, deviation, turnover, daily, cooldown = wire.words(data, LIMITS_WORDS)
        return Limits(Bps(loss), Bps(gain), Bps(daily_loss), Bps(deviation), Bps(turnover), Bps(daily), cooldown)

    return Read(vault, wire.calldata("limits()"), build)


def read_guard(vault: Address) -> Read:
    def build(data: bytes) -> GuardState:
        epoch, paused, last, loss, turnover = wire.words(data, GUARD_STATE_WORDS)
        return GuardState(epoch, bool(paused), Timestamp(last), loss, turnover)

    return Read(vault, wire.calldata("guardState()"), build)


def decode_addresses(data: bytes) -> tuple[Address, ...]:
    """An address[]; ValueError when it is none."""
    return tuple(Address(a.lower()) for a in _decode("address[]", data))


def decode_uints(data: bytes) -> tuple[int, ...]:
    """A uint256[]; ValueError when it is none."""
    return tuple(_decode("uint256[]", data))


def _venues(data: bytes) -> tuple[tuple[int, Address], ...]:
    return tuple((adapter, Address(pool.lower())) for adapter, pool in _decode("(uint8,address)[]", data))


def _text(data: bytes) -> str:
    wire.uint(data)
    return data.rstrip(b"\0").decode("ascii", errors="strict")


def _decode(kind: str, data: bytes) -> Any:
    try:
        return decode([kind], data)[0]
    except DecodingError as error:
        raise ValueError(f"expected {kind}, found {len(data)} bytes: {error}") from error
