"""One call to a contract of the world, from anybody, and what it says: nothing moves."""

import random
import re
from typing import Any

from eth_abi.grammar import BasicType, TupleType, parse

from keeper import abi
from keeper.errors import Halt
from keeper.units import Address
from keeper.vaults import reverts
from keeper.world import RunningWorld, calls, rpc

GUARDED = {"BasketVault": "basket", "LeverageVault": "leverage", "RangeVault": "range"}


def address_of(running: RunningWorld, contract: str) -> Address:
    """Of the world's contract of this name; the guard is the levered vault's, which uses all of it."""
    if contract == "Guard":
        vault = running.world.vault("leverage").address
        return Address(calls.view(running.url, vault, "guard()", "(address)"))
    return running.world.vault(GUARDED[contract]).address


def functions(contract: str) -> dict[str, str]:
    """State mutability of every function in the ABI, by canonical signature."""
    return {
        f"{entry['name']}({','.join(_type(part) for part in entry['inputs'])})": entry["stateMutability"]
        for entry in abi.load(contract).abi
        if entry["type"] == "function"
    }


def _type(part: dict[str, Any]) -> str:
    if not part["type"].startswith("tuple"):
        return str(part["type"])
    inner = ",".join(_type(component) for component in part["components"])
    return f"({inner}){part['type'].removeprefix('tuple')}"


def ask(running: RunningWorld, to: Address, caller: Address, data: bytes) -> bytes | None:
    """What the call reverts with; None when it does not."""
    call = {"from": caller, "to": to, "data": "0x" + data.hex(), "gas": hex(10_000_000)}
    try:
        rpc.request(running.url, "eth_call", call, "latest")
    except Halt as refusal:
        found = re.search(r"0x([0-9a-f]*)$", str(refusal))
        return bytes.fromhex(found[1]) if found else b""
    return None


def error_name(data: bytes) -> str:
    """Of a typed error: its name. Of anything else, what `explain` makes of it."""
    return reverts.explain(data).split(":")[0]


def zeros(signature: str) -> bytes:
    """A call whose every argument is nothing."""
    return calls.encode(signature, *(_zero(kind) for kind in calls.signature(signature)[1]))


def _zero(kind: str) -> Any:
    parsed = parse(kind)
    if parsed.arrlist:
        return []
    if isinstance(parsed, TupleType):
        return tuple(_zero(part.to_type_str()) for part in parsed.components)
    return {"address": "0x" + "00" * 20, "bool": False, "bytes": b""}.get(parsed.base, 0)


def drawn(signature: str, draw: random.Random, addresses: list[Address]) -> bytes:
    """A call with arguments somebody could send: small, huge, negative; addresses that mean something here."""
    return calls.encode(signature, *(_drawn(kind, draw, addresses) for kind in calls.signature(signature)[1]))


def _drawn(kind: str, draw: random.Random, addresses: list[Address]) -> Any:
    parsed = parse(kind)
    if parsed.arrlist:
        return [
            _drawn(parsed.item_type.to_type_str(), draw, addresses) for _ in range(draw.choice((0, 1, 2, 2, 3, 17)))
        ]
    if isinstance(parsed, TupleType):
        return tuple(_drawn(part.to_type_str(), draw, addresses) for part in parsed.components)
    assert isinstance(parsed, BasicType)
    if parsed.base == "address":
        return draw.choice(addresses)
    if parsed.base == "bool":
        return draw.random() < 0.5
    if parsed.base == "bytes":
        return draw.randbytes(parsed.sub or draw.choice((0, 4, 100)))
    bits = int(parsed.sub)
    if parsed.base == "int":
        return draw.choice((0, 1, -1, draw.randrange(2 ** (bits - 1)), -draw.randrange(2 ** (bits - 1))))
    return draw.choice((0, 1, 2**bits - 1, draw.randrange(2**bits), draw.randrange(2 ** draw.randrange(1, bits + 1))))
