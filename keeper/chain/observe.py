"""Questions in, answers out: all their reads in one `eth_call` against one block, named by its hash.

What one call cannot hold goes in several at once, all against that block.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

from keeper.chain.node import Node, Provider, RpcError, data
from keeper.errors import BadInput, Retry
from keeper.model import READ_GAS, Failed, Question, Read
from keeper.units import Address, Hash

READ_SELECTOR = bytes.fromhex("762eaab3")
"""KeeperLens.read((address,bytes)[])."""
MAX_READS = 2_000
MAX_CALLDATA_BYTES = 400_000
"""Above either, the reads go in several calls. Common request limits are 500 kB and more."""
CALL_GAS = 50_000_000
"""Gas offered to the call: what geth allows an eth_call unless told otherwise."""
BATCH_GAS = CALL_GAS // 2
"""What the reads of one call may be thought to need. A node executes one call after itself, several at once."""
AT_ONCE = 4
"""Calls that are out together: providers count the requests of a second."""
_WORD = 32


@dataclass(frozen=True, slots=True)
class Lens:
    """The runtime code of KeeperLens and the address it is put at, for the length of a call."""

    address: Address
    code: bytes

    def override(self) -> dict[str, dict[str, str]]:
        """As JSON-RPC's state override set."""
        return {self.address: {"code": "0x" + self.code.hex()}}


def ask(node: Node, questions: Sequence[Question[Any]], block_hash: Hash, lens: Lens) -> list[Any]:
    """Each question's `build` of its answers, in order, all read at `block_hash`; the same read is made once.

    A read that reverts, or whose decode raises ValueError, becomes Failed in its place. Raises Retry when the node does
    not answer or no longer has the block, BadInput when it cannot answer such a call at all.
    """
    reads = distinct(questions)
    parts = list(batches(reads))
    if len(parts) < 2:
        returned = [_returned(node, part, block_hash, lens) for part in parts]
    else:
        returned = _of_one_provider(node, parts, block_hash, lens)
    return answers(questions, reads, [one for part in returned for one in part])


def _of_one_provider(
    node: Node, parts: Sequence[Sequence[Read]], block_hash: Hash, lens: Lens
) -> list[list[tuple[bool, bytes]]]:
    """What the reads of each part returned, all from the first provider that answers them all; raises as `ask`.

    K-27: who was read may not be its own witness, which it would be of a part that another one had answered.
    """
    failure: Retry | BadInput | None = None
    for only in node.providers():
        with ThreadPoolExecutor(min(len(parts), AT_ONCE), "read") as pool:
            try:
                return list(pool.map(lambda part, by=only: _returned(node, part, block_hash, lens, by), parts))
            except (Retry, BadInput) as error:
                failure = failure or error
    if failure is not None:
        raise failure
    return [_returned(node, part, block_hash, lens) for part in parts]  # where none is left, the node says why


def has_code(node: Node, address: Address, block_hash: Hash) -> bool:
    """Whether a contract lies at `address` in that block. Raises as `ask`."""
    try:
        return bool(node.call("eth_getCode", [address, {"blockHash": block_hash}], data))
    except RpcError as error:
        raise explained(error, block_hash) from error


def distinct(questions: Sequence[Question[Any]]) -> list[Read]:
    """The questions' reads, in order, each (target, calldata) once."""
    seen = {(read.target, read.calldata): read for question in questions for read in question.reads}
    return list(seen.values())


def batches(reads: Sequence[Read]) -> Iterator[Sequence[Read]]:
    """`reads` in order, in as few calls as the limits allow, each of about the same gas."""
    needed = sum(read.gas for read in reads)
    most = -(-needed // max(1, -(-needed // BATCH_GAS))) or 1
    start = size = gas = shares = 0
    for end, read in enumerate(reads):
        weight, share = len(read.calldata) + 5 * _WORD, (gas + read.gas // 2) // most
        if end > start and (end - start == MAX_READS or size + weight > MAX_CALLDATA_BYTES or share > shares):
            yield reads[start:end]
            start, size = end, 0
        size, gas, shares = size + weight, gas + read.gas, share
    if start < len(reads):
        yield reads[start:]


def answers(
    questions: Sequence[Question[Any]], reads: Sequence[Read], returned: Sequence[tuple[bool, bytes]]
) -> list[Any]:
    """Each question's value from what the distinct `reads` returned."""
    by_read = {(read.target, read.calldata): answer for read, answer in zip(reads, returned, strict=True)}
    return [
        question.build([_decoded(read, *by_read[read.target, read.calldata]) for read in question.reads])
        for question in questions
    ]


def encode(reads: Sequence[Read]) -> bytes:
    """Calldata of KeeperLens.read, joined from pieces: encoding it element by element costs more than the call."""
    tails = [_tail(read.target, read.calldata) for read in reads]
    offsets = accumulate(map(len, tails[:-1]), initial=_WORD * len(reads))
    heads = [offset.to_bytes(_WORD, "big") for offset in offsets][: len(reads)]
    return b"".join((READ_SELECTOR, _WORD.to_bytes(_WORD, "big"), len(reads).to_bytes(_WORD, "big"), *heads, *tails))


@lru_cache(maxsize=16_384)
def _tail(target: Address, calldata: bytes) -> bytes:
    """One call as the array's element. Remembered: the same is asked at every block."""
    size, padding = len(calldata).to_bytes(_WORD, "big"), bytes(-len(calldata) % _WORD)
    return b"".join((bytes(12), bytes.fromhex(target[2:]), _TUPLE_DATA_AT, size, calldata, padding))


_TUPLE_DATA_AT = (2 * _WORD).to_bytes(_WORD, "big")


def decode(returned: bytes, count: int) -> list[tuple[bool, bytes]]:
    """What KeeperLens.read returned for `count` reads: success and data of each. Raises ValueError."""
    base = 2 * _WORD
    if len(returned) < base + _WORD * count or int.from_bytes(returned[_WORD:base], "big") != count:
        raise ValueError(f"expected {count} results, found {len(returned)} bytes of something else")
    results: list[tuple[bool, bytes]] = []
    for i in range(count):
        head = base + _WORD * i
        at = base + int.from_bytes(returned[head : head + _WORD], "big")
        ends = at + 3 * _WORD
        if ends > len(returned) or returned[at + _WORD : at + 2 * _WORD] != _TUPLE_DATA_AT:
            raise ValueError(f"result {i} lies outside the {len(returned)} bytes returned")
        length = int.from_bytes(returned[at + 2 * _WORD : ends], "big")
        if ends + length > len(returned):
            raise ValueError(f"result {i} ends outside the {len(returned)} bytes returned")
        results.append((returned[at + _WORD - 1] == 1, returned[ends : ends + length]))
    return results


def _returned(
    node: Node, reads: Sequence[Read], block_hash: Hash, lens: Lens, only: Provider | None = None
) -> list[tuple[bool, bytes]]:
    """What each read returned; those that no gas was left for are asked again, in calls of ever fewer.

    A read that runs out of gas takes it from those after it, or ends the whole call.
    """
    try:
        found = _call(node, reads, block_hash, lens, only)
    except RpcError as error:
        if len(reads) == 1 or not _out_of_gas(error):
            raise explained(error, block_hash) from error
        half = len(reads) // 2
        halves = [reads[:half], reads[half:]]
        if only is None:
            return [one for part in _of_one_provider(node, halves, block_hash, lens) for one in part]
        return [one for part in halves for one in _returned(node, part, block_hash, lens, only)]
    starved = [k for k, (ok, returned) in enumerate(found) if not ok and not returned]
    if not starved or len(reads) == 1 or not any(read.gas > READ_GAS for read in reads):
        return found  # nothing could have taken the gas of the rest: they failed by themselves
    by = next(node.providers()) if only is None else only
    for part in [starved] if len(starved) < len(reads) else [starved[::2], starved[1::2]]:
        for k, again in zip(part, _returned(node, [reads[k] for k in part], block_hash, lens, by), strict=True):
            found[k] = again
    return found


def _call(
    node: Node, reads: Sequence[Read], block_hash: Hash, lens: Lens, only: Provider | None
) -> list[tuple[bool, bytes]]:
    """Raises RpcError, besides what `ask` does."""
    call = {"to": lens.address, "data": "0x" + encode(reads).hex(), "gas": hex(CALL_GAS)}
    at = {"blockHash": block_hash, "requireCanonical": True}
    returned = node.call("eth_call", [call, at, lens.override()], data, only)
    host = node.name if only is None else only.name
    if not returned:
        raise BadInput(_NO_OVERRIDE.format(host=host))
    try:
        return decode(returned, len(reads))
    except ValueError as error:
        raise Retry(f"{host} gave a malformed answer to eth_call: {error}") from error


_NO_OVERRIDE = (
    "{host} ignored the state override of eth_call, which the keeper reads with; use a node that supports it "
    "(geth, erigon, nethermind, besu, reth and anvil do)"
)
_NO_BLOCK = ("not found", "not currently canonical", "unknown block", "non-canonical", "nonexistent")
_NO_STATE = ("missing trie node", "state not available", "state unavailable", "historical state", "pruned", "archive")
_BAD_PARAMS = -32602


def _out_of_gas(error: RpcError) -> bool:
    return "outofgas" in error.message.lower().replace(" ", "")


def explained(error: RpcError, block_hash: Hash) -> Retry | BadInput:
    """What an error to a pinned, overridden call means to the operator."""
    words = error.message.lower()
    if any(said in words for said in _NO_STATE):
        return BadInput(
            f"{error.host} keeps no state for block {block_hash} ({error.message}); "
            "use an archive node, or a later block"
        )
    if any(said in words for said in _NO_BLOCK):
        return Retry(f"{error.host} does not have block {block_hash} on its chain ({error.message}); read a newer head")
    if error.code == _BAD_PARAMS:
        return BadInput(_NO_OVERRIDE.format(host=error.host) + f" (it said: {error.message})")
    return Retry(str(error))


def _decoded(read: Read, ok: bool, returned: bytes) -> Any:
    if not ok:
        return Failed(f"{read.target} reverted with {revert_words(returned)}")
    try:
        return read.decode(returned)
    except ValueError as error:
        return Failed(f"{read.target} returned what could not be decoded: {error}")


_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_SHOWN_BYTES = 68


def revert_words(returned: bytes) -> str:
    """Revert data as a person reads it: the text of Error(string), a panic's code, else the first bytes in hex."""
    if returned[:4] == _ERROR_STRING and len(returned) >= 4 + 2 * _WORD:
        length = int.from_bytes(returned[4 + _WORD : 4 + 2 * _WORD], "big")
        return repr(returned[4 + 2 * _WORD :][: min(length, 200)].decode(errors="replace"))
    if returned[:4] == _PANIC:
        return f"panic 0x{int.from_bytes(returned[4 : 4 + _WORD], 'big'):02x}"
    return f"0x{returned[:_SHOWN_BYTES].hex()}" if returned else "no data"
