"""Log entries as nodes state them in, checked values and the vault's own events out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keeper.chain.node import data, fields, items, word
from keeper.model import Fill
from keeper.units import Address, Hash, address

INTENT_EXECUTED = Hash("0x017748ed36b035f457be6b97748746fef29bd124a0f5cd5e0c8d2933c2f360f5")
"""IntentExecuted(bytes32 indexed intentId, uint64 indexed epoch, uint256 navBefore, uint256 navAfter)."""
LEG_EXECUTED = Hash("0x6717e238fc399235ba37afc243fb945432828948039eb4eec8da4566ab7e396f")
"""LegExecuted(address indexed pool, address indexed tokenIn, address tokenOut, uint256 amountIn, uint256 amountOut)."""


RIPCORD_PULLED = Hash("0x46fd940b7abe81ea29c1768424f0a800e7cd4cf916c1876b7257d10b4eb71c2c")
"""RipcordPulled(address indexed caller, uint64 indexed epoch, uint256 repaid, reward, navBefore, navAfter)."""


@dataclass(frozen=True, slots=True)
class Log:
    address: Address
    topics: tuple[Hash, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Executed:
    """IntentExecuted: navs in raw units of the vault's base asset."""

    intent_id: Hash
    epoch: int
    nav_before: int
    nav_after: int


@dataclass(frozen=True, slots=True)
class RipcordPulled:
    """Amounts in raw units of the vault's base asset; `nav_after` is what is left once the reward is paid."""

    repaid: int
    reward: int
    nav_before: int
    nav_after: int


def logs(value: Any) -> tuple[Log, ...]:
    """A JSON array of log entries. Raises ValueError."""
    return tuple(_log(entry) for entry in items(value))


def executed(entries: Sequence[Log], vault: Address) -> tuple[Executed, ...]:
    """Every IntentExecuted that `vault` emitted, in order."""
    return tuple(
        Executed(log.topics[1], int(log.topics[2], 16), _uint(log, 0), _uint(log, 1))
        for log in _of(entries, vault, INTENT_EXECUTED, 2)
    )


def ripcords(entries: Sequence[Log], vault: Address) -> tuple[RipcordPulled, ...]:
    """Every RipcordPulled that `vault` emitted, in order."""
    return tuple(
        RipcordPulled(_uint(log, 0), _uint(log, 1), _uint(log, 2), _uint(log, 3))
        for log in _of(entries, vault, RIPCORD_PULLED, 4)
    )


def fills(entries: Sequence[Log], vault: Address) -> tuple[Fill, ...]:
    """Every LegExecuted that `vault` emitted, in order; the event does not state the fee, so `fee_raw` is 0."""
    return tuple(
        Fill(
            pool=_address(log.topics[1]),
            token_in=_address(log.topics[2]),
            token_out=_address(Hash("0x" + log.data[:32].hex())),
            amount_in=_uint(log, 1),
            amount_out=_uint(log, 2),
            fee_raw=0,
        )
        for log in _of(entries, vault, LEG_EXECUTED, 3)
    )


def _of(entries: Sequence[Log], vault: Address, topic: Hash, words: int) -> list[Log]:
    return [
        log
        for log in entries
        if log.address == vault and log.topics[:1] == (topic,) and len(log.topics) == 3 and len(log.data) == 32 * words
    ]


def _log(value: Any) -> Log:
    entry = fields(value)
    emitter = entry.get("address")
    if not isinstance(emitter, str):
        raise ValueError("a log without an address")
    return Log(address(emitter), tuple(word(topic) for topic in items(entry.get("topics"))), data(entry.get("data")))


def _uint(log: Log, index: int) -> int:
    return int.from_bytes(log.data[32 * index : 32 * index + 32], "big")


def _address(topic: Hash) -> Address:
    return Address("0x" + topic[-40:])
