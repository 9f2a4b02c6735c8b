"""What a Uniswap V3 pool remembers of its prices: its swaps' events, and the observations it keeps itself."""

from collections.abc import Sequence

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from keeper.model import Read
from keeper.protocols import wire
from keeper.units import Address, Hash

SWAP = Hash("0x" + keccak(text="Swap(address,address,int256,int256,uint160,uint128,int24)").hex())
Q96 = 2**96


def swap_price(data: bytes) -> float:
    """Raw token 1 per raw token 0 once the swap was done, from the event's data; ValueError when it is not one."""
    sqrt_price = wire.words(data, 5)[2]
    if sqrt_price == 0:
        raise ValueError("a swap that left no price")
    return (sqrt_price / Q96) ** 2


def newest(pool: Address) -> Read:
    """(index, cardinality) of the pool's ring of observations."""
    return Read(pool, wire.calldata("slot0()"), lambda data: wire.words(data, 7)[2:4])


def observation(pool: Address, index: int) -> Read:
    """(time, whether it was ever written) of one observation."""

    def taken(data: bytes) -> tuple[int, bool]:
        at, _, _, initialized = wire.words(data, 4)
        return at, bool(initialized)

    return Read(pool, wire.calldata("observations(uint256)", index), taken)


def cumulatives(pool: Address, seconds_ago: Sequence[int]) -> Read:
    """Sums of tick times seconds up to each of `seconds_ago`; reverts beyond the oldest observation."""
    selector = wire.selector("observe(uint32[])")
    return Read(pool, selector + encode(["uint32[]"], [list(seconds_ago)]), _ticks)


def _ticks(data: bytes) -> tuple[int, ...]:
    try:
        ticks, _ = decode(["int56[]", "uint160[]"], data)
    except DecodingError as error:
        raise ValueError(f"expected observations, found {len(data)} bytes: {error}") from error
    return tuple(ticks)
