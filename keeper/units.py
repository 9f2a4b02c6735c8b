"""Quantities that travel between modules, and integer arithmetic with the rounding in its name.

A quantity is an `int` under a distinct name, so that mypy refuses to pass a `Wad` for a `Ray` and the running program
pays nothing. Amounts of tokens are the exception: adding amounts of two tokens must fail while running too.
"""

from dataclasses import dataclass
from typing import NewType

Address = NewType("Address", str)
"""Twenty bytes as `0x` and 40 lower-case hex digits; checksummed only where a person reads it."""
Hash = NewType("Hash", str)
"""Thirty-two bytes as `0x` and 64 lower-case hex digits."""

Wad = NewType("Wad", int)
"""A number scaled by 10**18."""
Ray = NewType("Ray", int)
"""A number scaled by 10**27 (Aave's indices and rates)."""
Bps = NewType("Bps", int)
"""Hundredths of a per cent."""
Ppm = NewType("Ppm", int)
"""Millionths (Uniswap V3's fees)."""
Wei = NewType("Wei", int)
"""Raw units of the chain's native token."""
Gas = NewType("Gas", int)
BlockNumber = NewType("BlockNumber", int)
Timestamp = NewType("Timestamp", int)
"""Seconds since 1970-01-01 UTC, as a block states them."""
PriceX36 = NewType("PriceX36", int)
"""Quote currency per raw unit of a token x 10**36: answer * 10**(36 - feed decimals - token decimals), exact."""

WAD = Wad(10**18)
NO_DEBT = 10**12
"""A health factor from which on there is no debt to speak of; without any, Aave says 2**256 - 1."""
RAY = Ray(10**27)
BPS = 10_000
PPM = 1_000_000
SECONDS_PER_DAY = 86_400
SECONDS_PER_YEAR = 31_536_000  # 365 days: Aave's MathUtils.SECONDS_PER_YEAR and the annualisation used throughout
UINT128_MAX = 2**128 - 1
UINT256_MAX = 2**256 - 1


@dataclass(frozen=True, slots=True, order=True)
class Amount:
    """Raw units of one token; arithmetic across tokens raises TypeError."""

    token: Address
    raw: int

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self._same(other), self.raw + other.raw)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self._same(other), self.raw - other.raw)

    def _same(self, other: "Amount") -> Address:
        if self.token != other.token:
            raise TypeError(f"amounts of two tokens do not mix: {self.token} and {other.token}")
        return self.token


def address(text: str) -> Address:
    """`text` as an Address; ValueError unless it is `0x` and 40 hex digits."""
    return Address(_hex(text, 40))


def hash32(text: str) -> Hash:
    """`text` as a Hash; ValueError unless it is `0x` and 64 hex digits."""
    return Hash(_hex(text, 64))


def _hex(text: str, digits: int) -> str:
    if len(text) != digits + 2 or text[:2] not in ("0x", "0X"):
        raise ValueError(f"expected 0x and {digits} hex digits, found {text!r}")
    int(text[2:], 16)
    return "0x" + text[2:].lower()


def mul_div_down(a: int, b: int, denominator: int) -> int:
    """floor(a * b / denominator) of non-negative integers; ZeroDivisionError when the denominator is 0."""
    return a * b // denominator


def mul_div_up(a: int, b: int, denominator: int) -> int:
    """ceil(a * b / denominator) of non-negative integers; ZeroDivisionError when the denominator is 0."""
    return -(-a * b // denominator)


def bps_down(value: int, bps: int) -> int:
    """`bps` hundredths of a per cent of a non-negative value, rounded down."""
    return value * bps // BPS


def bps_up(value: int, bps: int) -> int:
    """`bps` hundredths of a per cent of a non-negative value, rounded up."""
    return -(-value * bps // BPS)
