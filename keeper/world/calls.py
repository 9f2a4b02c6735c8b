"""Function signatures and values to calldata, return data back to values, and a view's answer from a node."""

from functools import cache
from typing import Any

from eth_abi.abi import decode as decode_abi
from eth_abi.abi import encode as encode_abi
from eth_abi.grammar import TupleType, parse
from eth_utils.crypto import keccak

from keeper.units import Address
from keeper.world import rpc


@cache
def signature(text: str) -> tuple[bytes, tuple[str, ...]]:
    """Selector and argument types of a signature such as `swap((address,uint24),uint256)`."""
    name, bracket, _ = text.partition("(")
    arguments = text[len(name) :]
    if not bracket:
        raise ValueError(f"expected a function signature, found {text!r}")
    if arguments == "()":
        return keccak(text=text)[:4], ()
    parsed = parse(arguments)
    if not isinstance(parsed, TupleType):
        raise ValueError(f"expected a function signature, found {text!r}")
    return keccak(text=text)[:4], tuple(component.to_type_str() for component in parsed.components)


def encode(text: str, *values: Any) -> bytes:
    """Calldata of the function `text` with `values`; integers raw, addresses as hex text, structs as tuples."""
    selector, types = signature(text)
    return selector + encode_abi(types, values)


def arguments(types: str, *values: Any) -> bytes:
    """Constructor arguments; `types` as in `(address,uint256)`."""
    return encode_abi(signature("constructor" + types)[1], values)


def decode(types: str, data: bytes) -> tuple[Any, ...]:
    """Return data of types such as `(uint256,address)`."""
    return decode_abi(signature("returns" + types)[1], data)


def view(url: str, to: Address, function: str, returns: str, *values: Any) -> Any:
    """A view's result at the latest block: the value itself when `returns` names one type, else a tuple."""
    data = rpc.request(url, "eth_call", {"to": to, "data": "0x" + encode(function, *values).hex()}, "latest")
    result = decode(returns, bytes.fromhex(data[2:]))
    return result[0] if len(result) == 1 else result
