"""A chain behind one or more providers: a JSON-RPC method and its parameters in, a checked value out."""

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from keeper.chain.http import Endpoint
from keeper.errors import BadInput, Halt, Retry
from keeper.model import Head
from keeper.units import BlockNumber, Hash, Timestamp, Wei, hash32

T = TypeVar("T")

_PROVIDER_CODES = frozenset({-32603, -32005, -32002, -32001, -32016, -32097, 429})
"""JSON-RPC codes that speak of the provider (internal error, limits, missing data) and not of the question."""
_PROVIDER_WORDS = ("rate limit", "too many requests", "timeout", "timed out", "header not found", "missing trie node")
_TIMINGS_KEPT = 1_000
MAX_RECURSION = 5_000
"""Frames; a C stack of 8 MiB takes several times as many."""


class RpcError(Exception):
    """The node answered with an error. `data` holds revert data when there was any."""

    def __init__(self, host: str, method: str, code: int, message: str, data: bytes | None) -> None:
        super().__init__(f"{host} answered {method} with error {code}: {message}")
        self.host = host
        self.code = code
        self.message = message
        self.data = data

    @property
    def blames_provider(self) -> bool:
        """Whether another provider may answer what this one could not."""
        if self.data is not None or self.code == 3:
            return False
        words = self.message.lower()
        return self.code in _PROVIDER_CODES or any(said in words for said in _PROVIDER_WORDS)


@dataclass(frozen=True, slots=True)
class Timing:
    """One HTTP request: how long it took, in seconds, and how many bytes came back (0 when it failed)."""

    method: str
    host: str
    seconds: float
    answer_bytes: int


@dataclass(frozen=True, slots=True)
class Provider:
    """One of a node's providers: its number, its host, and how long (time.monotonic) it is waited for."""

    index: int
    name: str
    until: float


class Node:
    """A chain by its id, asked through the first provider that works. Safe to share between threads.

    A provider's chain id is checked before its first use and again whenever it comes back from a failure; one that
    answers another chain is not used again by this process.
    """

    def __init__(
        self,
        urls: Sequence[str],
        chain_id: int,
        timeout: float = 10.0,
        explain: Callable[[bytes], str] = lambda data: f"0x{data.hex()}",
        quorum: int = 1,
    ) -> None:
        """`timeout` seconds bound a call in all, over every provider tried. Raises BadInput for an unusable URL.

        `explain` says what revert data means, for those who tell of a transaction that failed; `quorum` is how many
        providers must agree on what closes an intent or opens one.
        """
        if not urls:
            raise BadInput("no RPC URL was given: name at least one in the environment")
        self.chain_id = chain_id
        self.timeout = timeout
        self.explain = explain
        self.quorum = quorum
        self.requests = 0
        self.missing: set[str] = set()
        """Methods found not to be there, so that nobody asks for them again."""
        self._endpoints = [Endpoint(url) for url in urls]
        self._urls = tuple(urls)
        self._active = 0
        self._trusted: set[int] = set()
        self._quarantined: dict[int, int] = {}
        self._timings: deque[Timing] = deque(maxlen=_TIMINGS_KEPT)
        self._lock = Lock()
        self._others: dict[int, Node] = {}

    def __repr__(self) -> str:
        return f"Node({', '.join(endpoint.name for endpoint in self._endpoints)}; chain {self.chain_id})"

    @property
    def name(self) -> str:
        """Host of the provider in use."""
        return self._endpoints[self._active].name

    @property
    def url(self) -> str:
        """The provider in use, with its key: for starting a fork of it, never for showing."""
        return self._urls[self._active]

    def providers(self) -> Iterator[Provider]:
        """Those to ask one after the other, the one in use first; each has its share of the time that is left."""
        deadline, order = time.monotonic() + self.timeout, self._order()
        for position, index in enumerate(order):
            now = time.monotonic()
            yield Provider(index, self._endpoints[index].name, now + (deadline - now) / (len(order) - position))

    def call(self, method: str, params: Sequence[Any], parse: Callable[[Any], T], only: Provider | None = None) -> T:
        """`parse` of the node's result, from the first provider that gives one, or from `only` that one.

        For questions that change nothing: a provider that is dead, slow or answers what `parse` refuses (ValueError) is
        passed over. Raises RpcError when a node answers with an error about the question, Retry when no provider
        answers properly, Halt when every provider left is on another chain.
        """
        failure: Retry | RpcError | None = None
        for provider in self.providers() if only is None else (only,):
            index, left = provider.index, provider.until - time.monotonic()
            try:
                answer = self._ask(index, method, params, parse, max(left, 0.001))
            except RpcError as error:
                if not error.blames_provider:
                    raise
                failure = failure or error
            except Retry as error:
                self._trusted.discard(index)
                failure = failure or error
            else:
                if index != self._active:
                    self._active = index
                return answer
        if failure is not None:
            raise failure
        raise Halt(self._all_wrong())

    def send(self, method: str, params: Sequence[Any], parse: Callable[[Any], T]) -> T:
        """As `call`, through one provider only: when it raises Retry, what was sent may have arrived."""
        order = self._order()
        for index in order:
            if self._is_ours(index, self.timeout):
                return self._exchange(index, method, params, parse, self.timeout)
        raise Halt(self._all_wrong())

    def check_chain_id(self) -> None:
        """Asks every provider for its chain. Raises BadInput naming the first that is on another one.

        One that does not answer is passed over; Retry, or its RpcError, when none does.
        """
        failure: Retry | RpcError | None = None
        for index in range(len(self._endpoints)):
            self._trusted.discard(index)
            try:
                ours = self._is_ours(index, self.timeout)
            except (Retry, RpcError) as error:
                failure = failure or error
                continue
            if not ours:
                raise BadInput(
                    f"{self._endpoints[index].name} is on chain {self._quarantined[index]}, expected {self.chain_id}: "
                    "correct the chain id or the RPC URL"
                )
        if failure is not None and not self._trusted:
            raise failure

    def head(self) -> Head:
        """The latest block. Raises Retry."""
        head = self.block_at("latest")
        if head is None:
            raise Retry(f"{self.name} has no latest block; try again, or name another provider")
        return head

    def block_at(self, height: int | str) -> Head | None:
        """The canonical block at a number or tag; None when there is none. Raises Retry."""
        named = height if isinstance(height, str) else hex(height)
        return self._answered("eth_getBlockByNumber", [named, False], _head)

    def block(self, block_hash: Hash) -> Head | None:
        """The block with this hash, canonical or not; None when the node does not know it. Raises Retry."""
        return self._answered("eth_getBlockByHash", [block_hash, False], _head)

    def others(self) -> "tuple[Node, ...]":
        """Every provider but the one in use, each as a node of its own, to ask the same of it."""
        with self._lock:
            for index, url in enumerate(self._urls):
                if index not in self._others:
                    self._others[index] = Node([url], self.chain_id, self.timeout, self.explain)
        return tuple(self._others[index] for index in range(len(self._urls)) if index != self._active)

    def take_timings(self) -> tuple[Timing, ...]:
        """The requests since the last time this was asked, oldest first; the latest 1,000 of them."""
        taken = tuple(self._timings)
        self._timings.clear()
        return taken

    def close(self) -> None:
        """Drops idle connections; the node stays usable."""
        for endpoint in self._endpoints:
            endpoint.close()
        for other in self._others.values():
            other.close()

    def _answered(self, method: str, params: Sequence[Any], parse: Callable[[Any], T]) -> T:
        try:
            return self.call(method, params, parse)
        except RpcError as error:
            raise Retry(str(error)) from error

    def _order(self) -> list[int]:
        """Providers to try: the one in use first, none that is on another chain."""
        count = len(self._endpoints)
        around = [(self._active + step) % count for step in range(count)]
        return [index for index in around if index not in self._quarantined]

    def _all_wrong(self) -> str:
        found = ", ".join(f"{self._endpoints[i].name} is on chain {chain}" for i, chain in self._quarantined.items())
        return f"no provider is on chain {self.chain_id}: {found}; correct the RPC URLs and start again"

    def _ask(self, index: int, method: str, params: Sequence[Any], parse: Callable[[Any], T], timeout: float) -> T:
        deadline = time.monotonic() + timeout
        if not self._is_ours(index, timeout):
            raise Retry(f"{self._endpoints[index].name} is on chain {self._quarantined[index]}, not {self.chain_id}")
        return self._exchange(index, method, params, parse, max(deadline - time.monotonic(), 0.001))

    def _is_ours(self, index: int, timeout: float) -> bool:
        """Whether the provider is on our chain; one that is not is quarantined."""
        if index in self._quarantined:
            return False
        if index not in self._trusted:
            found = self._exchange(index, "eth_chainId", [], quantity, timeout)
            if found != self.chain_id:
                self._quarantined[index] = found
                return False
            self._trusted.add(index)
        return True

    def _exchange(self, index: int, method: str, params: Sequence[Any], parse: Callable[[Any], T], timeout: float) -> T:
        """One request to one provider: RpcError for its errors, Retry for anything that is not JSON-RPC."""
        endpoint = self._endpoints[index]
        with self._lock:
            self.requests += 1
            number = self.requests
        body = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()
        started = time.monotonic()
        answer = b""
        try:
            answer = endpoint.post(body, timeout)
        finally:
            self._timings.append(Timing(method, endpoint.name, time.monotonic() - started, len(answer)))
        try:
            result = _result(endpoint.name, method, number, answer)
            return parse(result)
        except (ValueError, RecursionError) as error:
            raise Retry(f"{endpoint.name} gave a malformed answer to {method}: {error}") from error


def quantity(value: Any) -> int:
    """A JSON-RPC quantity: 0x and 1 to 64 hex digits. Raises ValueError."""
    if not isinstance(value, str) or not 3 <= len(value) <= 66 or value[:2] != "0x" or not value[2:].isalnum():
        raise ValueError(f"expected a number as 0x and hex digits, found {_short(value)}")
    return int(value[2:], 16)


def data(value: Any) -> bytes:
    """JSON-RPC bytes: 0x and an even number of hex digits. Raises ValueError."""
    if not isinstance(value, str) or value[:2] != "0x":
        raise ValueError(f"expected bytes as 0x and hex digits, found {_short(value)}")
    decoded = bytes.fromhex(value[2:])
    if 2 * len(decoded) != len(value) - 2:  # fromhex skips white space
        raise ValueError("expected bytes as 0x and hex digits, found white space")
    return decoded


def word(value: Any) -> Hash:
    """Thirty-two bytes: 0x and 64 hex digits. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"expected 0x and 64 hex digits, found {_short(value)}")
    return hash32(value)


def fields(value: Any) -> dict[str, Any]:
    """A JSON object. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {_short(value)}")
    return value


def items(value: Any) -> list[Any]:
    """A JSON array. Raises ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"expected an array, found {_short(value)}")
    return value


def _head(value: Any) -> Head | None:
    if value is None:
        return None
    block = fields(value)
    if "baseFeePerGas" not in block:
        raise ValueError("a block without baseFeePerGas: a chain with EIP-1559 fees is needed")
    return Head(
        number=BlockNumber(quantity(block.get("number"))),
        hash=word(block.get("hash")),
        timestamp=Timestamp(quantity(block.get("timestamp"))),
        base_fee=Wei(quantity(block["baseFeePerGas"])),
    )


def _result(host: str, method: str, number: int, answer: bytes) -> Any:
    """The result inside a JSON-RPC answer to request `number`. Raises ValueError, or RpcError when it is an error."""
    if sys.getrecursionlimit() > MAX_RECURSION:
        # A library raises it for its own arithmetic (py_ecc does, when imported): a deep answer would then overflow the
        # C stack and kill the process where it should be a RecursionError.
        sys.setrecursionlimit(MAX_RECURSION)
    message = json.loads(answer, parse_constant=_refuse_constant)
    if not isinstance(message, dict):
        raise ValueError(f"expected an object, found {_short(message)}")
    error = message.get("error")
    if error is not None and message.get("id") in (number, None):
        raise _rpc_error(host, method, error)
    if message.get("id") != number or isinstance(message.get("id"), bool):
        raise ValueError(f"expected the answer to request {number}, found one to {_short(message.get('id'))}")
    if "result" not in message:
        raise ValueError("neither a result nor an error")
    return message["result"]


def _rpc_error(host: str, method: str, error: Any) -> RpcError:
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        raise ValueError(f"expected an error with a code, found {_short(error)}")
    said = error.get("data")
    if isinstance(said, dict):  # some nodes wrap the revert data once more
        said = said.get("data")
    try:
        revert = data(said)
    except ValueError:  # a sentence, or nothing: not revert data
        revert = None
    return RpcError(host, method, error["code"], str(error.get("message", ""))[:500], revert)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
