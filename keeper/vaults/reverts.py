"""Revert data in, a sentence out: the vaults' typed errors by name with what was found and what was required."""

import re
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper import abi
from keeper.protocols import wire
from keeper.vaults import foreign

CONTRACTS = ("BasketVault", "LeverageVault", "RangeVault", "Guard")
_TEXT = wire.selector("Error(string)")
_PANIC = wire.selector("Panic(uint256)")


def explain(data: bytes) -> str:
    """One sentence for any revert data, the empty one included."""
    if not data:
        return "reverted without a reason"
    if data[:4] == _TEXT:
        text = str(_decode(["string"], data[4:])[0])
        return f"reverted with {text!r}" + _meant(text)
    if data[:4] == _PANIC:
        return f"panicked with code {int.from_bytes(data[4:36], 'big'):#x}"
    known = _errors().get(data[:4])
    if known is None:
        return f"reverted with the unknown error 0x{data[:36].hex()}"
    name, inputs = known
    values = _decode([kind for _, kind in inputs], data[4:])
    stated = ", ".join(
        f"{_words(label)} {explain(value) if kind == 'bytes' and isinstance(value, bytes) else value}"
        for (label, kind), value in zip(inputs, values, strict=True)
    )
    return f"{name}: {_words(name)}" + (f" ({stated})" if stated else "")


def _meant(text: str) -> str:
    """What a protocol's abbreviation stands for, in brackets."""
    if text in foreign.AAVE:
        return f" (Aave: {_words(foreign.AAVE[text])})"
    return f" (Uniswap: {foreign.UNISWAP_V3[text]})" if text in foreign.UNISWAP_V3 else ""


@cache
def _errors() -> dict[bytes, tuple[str, tuple[tuple[str, str], ...]]]:
    """Selector to name and inputs, of every custom error of the shipped contracts and of what is under them."""
    found: dict[bytes, tuple[str, tuple[tuple[str, str], ...]]] = {}
    for name in foreign.AAVE.values():
        found[wire.selector(f"{name}()")] = (name, ())
    for name, inputs in foreign.TOKENS:
        found[wire.selector(f"{name}({','.join(kind for _, kind in inputs)})")] = (name, inputs)
    for contract in CONTRACTS:
        for entry in abi.load(contract).abi:
            if entry["type"] == "error":
                inputs = tuple((i["name"], i["type"]) for i in entry["inputs"])
                signature = f"{entry['name']}({','.join(kind for _, kind in inputs)})"
                found[wire.selector(signature)] = (entry["name"], inputs)
    return found


def _decode(kinds: list[str], data: bytes) -> tuple[Any, ...]:
    try:
        return decode(kinds, data)
    except DecodingError:
        return tuple("?" for _ in kinds)


def _words(name: str) -> str:
    """`LossTooLarge` as `loss too large`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
