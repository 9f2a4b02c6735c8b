"""A transaction rehearsed by the node itself, with eth_simulateV1: one request, nothing sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keeper.chain.logs import Log, logs
from keeper.chain.node import Node, RpcError, data, fields, items, quantity
from keeper.chain.observe import Lens, answers, batches, decode, distinct, encode, explained
from keeper.errors import Retry
from keeper.model import Head, Question, Read
from keeper.units import Address, Gas, Hash, Timestamp

METHOD = "eth_simulateV1"
_NO_METHOD = -32601
_NO_METHOD_WORDS = ("method not found", "does not exist", "not supported", "unsupported", "not available")


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the transaction did. `gas` is gasUsed, refunds taken off; `answers` are the questions' after it."""

    ok: bool
    gas: Gas
    revert_data: bytes
    logs: tuple[Log, ...]
    answers: tuple[Any, ...]


class Unsupported(Exception):
    """The node has no eth_simulateV1."""


def simulate(
    node: Node,
    head: Head,
    sender: Address,
    target: Address,
    calldata: bytes,
    reads: Sequence[Question[Any]],
    timestamp: Timestamp,
    lens: Lens,
) -> Rehearsal:
    """`sender` calls `target` in a block on top of `head` at `timestamp` (later than the head's), in one request.

    Raises Unsupported when the node cannot, else as `observe.ask`.
    """
    if METHOD in node.missing:
        raise Unsupported(node.name)
    wanted = distinct(reads)
    parts = list(batches(wanted))
    calls = [{"from": sender, "to": target, "input": "0x" + calldata.hex()}]
    calls += [{"from": sender, "to": lens.address, "input": "0x" + encode(part).hex()} for part in parts]
    block = {
        "blockOverrides": {"number": hex(head.number + 1), "time": hex(timestamp)},
        "stateOverrides": lens.override(),
        "calls": calls,
    }
    payload = {"blockStateCalls": [block], "validation": False, "traceTransfers": False}
    try:
        done = node.call(METHOD, [payload, _at(head.hash)], lambda value: _calls(value, len(calls)))
    except RpcError as error:
        words = error.message.lower()
        if error.code == _NO_METHOD or any(said in words for said in _NO_METHOD_WORDS):
            node.missing.add(METHOD)
            raise Unsupported(error.host) from error
        raise explained(error, head.hash) from error
    main, *reading = done
    return Rehearsal(
        ok=main.ok,
        gas=main.gas,
        revert_data=b"" if main.ok else main.returned,
        logs=main.logs,
        answers=tuple(answers(reads, wanted, _results(node, parts, reading))),
    )


@dataclass(frozen=True, slots=True)
class _Call:
    ok: bool
    gas: Gas
    returned: bytes
    logs: tuple[Log, ...]


def _calls(value: Any, count: int) -> list[_Call]:
    """The calls of the one simulated block. Raises ValueError."""
    blocks = items(value)
    if len(blocks) != 1:
        raise ValueError(f"expected one simulated block, found {len(blocks)}")
    calls = [_one(entry) for entry in items(fields(blocks[0]).get("calls"))]
    if len(calls) != count:
        raise ValueError(f"expected {count} simulated calls, found {len(calls)}")
    return calls


def _one(value: Any) -> _Call:
    entry = fields(value)
    ok = quantity(entry.get("status")) == 1
    returned = data(entry.get("returnData", "0x"))
    if not ok and not returned and isinstance(entry.get("error"), dict):
        said = entry["error"].get("data")
        returned = data(said) if isinstance(said, str) and said.startswith("0x") else b""
    return _Call(ok, Gas(quantity(entry.get("gasUsed"))), returned, logs(entry.get("logs", [])))


def _results(node: Node, parts: Sequence[Sequence[Read]], reading: Sequence[_Call]) -> list[tuple[bool, bytes]]:
    results: list[tuple[bool, bytes]] = []
    for part, call in zip(parts, reading, strict=True):
        if not call.ok:
            raise Retry(f"{node.name} could not read after the rehearsed transaction; name another provider")
        try:
            results += decode(call.returned, len(part))
        except ValueError as error:
            raise Retry(f"{node.name} gave a malformed answer to {METHOD}: {error}") from error
    return results


def _at(block_hash: Hash) -> dict[str, Any]:
    return {"blockHash": block_hash, "requireCanonical": True}
