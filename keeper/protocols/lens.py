"""The lens contract's address, and its packed ticks: what to call, and how to read the answer.

The lens is deployed nowhere: whoever executes a read of `LENS` puts its runtime code there by a state override.
"""

from functools import lru_cache
from itertools import pairwise

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.model import READ_GAS, Read
from keeper.protocols import wire
from keeper.units import Address

LENS = Address("0x6b6565706572000000000000000000004c454e53")  # "keeper" and "LENS" in ASCII: no key leads to it

TICK_BYTES = 19  # int24 tick, int128 liquidityNet: as KeeperLens packs them


TICK_GAS, WORD_GAS = 10_000, 2_900  # measured: four words of storage and one, and the calls


def ticks(pool: Address, word_from: int, word_to: int, expected: int = 0) -> Read:
    """Every initialised tick of `pool` in the bitmap words [word_from, word_to], as `decode_ticks` gives them.

    About as many as `expected`.
    """
    gas = READ_GAS + TICK_GAS * expected + WORD_GAS * (word_to - word_from + 1)
    return Read(LENS, wire.calldata("ticks(address,int16,int16)", pool, word_from, word_to), decode_ticks, gas)


@lru_cache(maxsize=1_024)
def decode_ticks(data: bytes) -> tuple[tuple[int, int], ...]:
    """((tick, liquidity_net), …) from the lens' packed ticks; ValueError when they are not whole or not ascending.

    Remembered: of a hundred pools a few have other ticks than a block before.
    """
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
