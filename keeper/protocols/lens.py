"""Calls to the keeper's lens contract, and what they answer.

The lens is deployed nowhere: whoever executes a read of `LENS` puts its runtime code there by a state override. One
`read` then carries every other call of a block in one request.
"""

from collections.abc import Sequence
from itertools import pairwise

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from keeper.model import Read
from keeper.protocols import wire
from keeper.units import Address

LENS = Address("0x6b6565706572000000000000000000004c454e53")  # "keeper" and "LENS" in ASCII: no key leads to it

TICK_BYTES = 19  # int24 tick, int128 liquidityNet: as KeeperLens packs them
_READ = wire.selector("read((address,bytes)[])")


def encode_read(reads: Sequence[Read]) -> bytes:
    """Calldata of `KeeperLens.read` over the reads, in order."""
    calls = [(read.target, read.calldata) for read in reads]
    return _READ + encode(["(address,bytes)[]"], [calls])


def decode_read(data: bytes, count: int) -> list[tuple[bool, bytes]]:
    """What each of `count` calls answered: whether it succeeded, and its return or revert data.

    Slices the bytes by their own offsets; ValueError when they do not hold `count` results.
    """
    if len(data) < 64 or _at(data, 0) != 32 or _at(data, 32) != count:
        raise ValueError(f"expected {count} results of the lens, found {len(data)} bytes that hold something else")
    results = []
    for index in range(count):
        start = 64 + _at(data, 64 + 32 * index)
        ok, offset = _at(data, start), _at(data, start + 32)
        size = _at(data, start + offset)
        end = start + offset + 32 + size
        if end > len(data):
            raise ValueError(f"result {index} of the lens runs past the end of {len(data)} bytes")
        results.append((ok != 0, data[end - size : end]))
    return results


def ticks(pool: Address, word_from: int, word_to: int) -> Read:
    """Every initialised tick of `pool` in the bitmap words [word_from, word_to], as `decode_ticks` gives them."""
    return Read(LENS, wire.calldata("ticks(address,int16,int16)", pool, word_from, word_to), decode_ticks)


def decode_ticks(data: bytes) -> tuple[tuple[int, int], ...]:
    """((tick, liquidity_net), …) from the lens' packed ticks; ValueError when they are not whole or not ascending."""
    try:
        (packed,) = decode(["bytes"], data)
    except DecodingError as error:
        raise ValueError(f"expected packed ticks, found {len(data)} bytes: {error}") from error
    if len(packed) % TICK_BYTES:
        raise ValueError(f"expected {TICK_BYTES} bytes a tick, found {len(packed)} in all")
    found = tuple(
        (
            int.from_bytes(packed[at : at + 3], "big", signed=True),
            int.from_bytes(packed[at + 3 : at + TICK_BYTES], "big", signed=True),
        )
        for at in range(0, len(packed), TICK_BYTES)
    )
    if any(left[0] >= right[0] for left, right in pairwise(found)):
        raise ValueError("expected ticks in ascending order")
    return found


def _at(data: bytes, offset: int) -> int:
    if offset + 32 > len(data):
        raise ValueError(f"expected a word at {offset}, found {len(data)} bytes in all")
    return int.from_bytes(data[offset : offset + 32], "big")
