"""A node that lies, stalls or dies is passed over or named, and never believed."""

import json
import re
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from keeper.chain.http import MAX_ANSWER_BYTES
from keeper.chain.node import Node, RpcError, quantity
from keeper.errors import BadInput, Halt, Retry
from keeper.units import Hash

from .conftest import ANVIL_CHAIN, Behave, Liar, reply, result

Start = Callable[[Behave], Liar]
SECRET = "k3y-that-must-not-show"


def _raw(body: bytes, status: int = 200) -> Behave:
    return lambda handler, request: reply(handler, body, status)


def _swapped(**changes: Any) -> Behave:
    """A JSON-RPC answer with some members changed; None removes one."""

    def behave(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        message = {"jsonrpc": "2.0", "id": json.loads(request)["id"], "result": hex(ANVIL_CHAIN)} | changes
        reply(handler, json.dumps({key: value for key, value in message.items() if value is not None}).encode())

    return behave


def _trickle(handler: BaseHTTPRequestHandler, request: bytes) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b" ")
        time.sleep(0.02)


def _trickle_headers(handler: BaseHTTPRequestHandler, request: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for i in range(90):
        handler.wfile.write(b"x-%d: y\r\n" % i)
        time.sleep(0.02)


def _hang_up(handler: BaseHTTPRequestHandler, request: bytes) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def _cut(handler: BaseHTTPRequestHandler, request: bytes) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"jsonrpc":')
    handler.close_connection = True


def _cut_chunk(handler: BaseHTTPRequestHandler, request: bytes) -> None:
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'a\r\n{"jsonrpc"\r\n')
    handler.close_connection = True


def _endless(handler: BaseHTTPRequestHandler, request: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(2 * MAX_ANSWER_BYTES // 65536):
        handler.wfile.write(b" " * 65536)
    handler.close_connection = True


FAULTS: dict[str, tuple[Behave, str]] = {
    "HTML": (_raw(b"<html>down for maintenance</html>"), "malformed"),
    "not UTF-8": (_raw(b'{"id":1,"result":"\xff"}'), "malformed"),
    "nothing": (_raw(b""), "malformed"),
    "an array": (_raw(b"[]"), "malformed"),
    "NaN": (_raw(b'{"id":1,"result":NaN}'), "malformed"),
    "too deep": (_raw(b"[" * 100_000), "malformed"),
    "another id": (_swapped(id=12345), "expected the answer to request 1, found one to 12345"),
    "no id": (_swapped(id=None), "malformed"),
    "true as an id": (_swapped(id=True), "malformed"),
    "no result": (_swapped(result=None), "neither a result nor an error"),
    "a number": (_swapped(result=31337), "expected a number as 0x"),
    "0x": (_swapped(result="0x"), "expected a number as 0x"),
    "a negative number": (_swapped(result="-0x1"), "expected a number as 0x"),
    "an underscore": (_swapped(result="0x1_0"), "expected a number as 0x"),
    "33 bytes": (_swapped(result="0x" + "1" * 66), "expected a number as 0x"),
    "a word": (_swapped(result="0xzz"), "malformed"),
    "an error without a code": (_swapped(error="no"), "malformed"),
    "429": (_raw(b"", 429), "429, too many requests"),
    "500": (_raw(b"", 500), "status 500"),
    "503": (_raw(b"", 503), "status 503"),
    "401": (_raw(b"", 401), "status 401"),
    "a redirect": (_raw(b"", 302), "status 302"),
    "no answer": (_hang_up, "closed the connection"),
    "half an answer": (_cut, "could not be reached"),
    "half a chunk": (_cut_chunk, "could not be reached"),
    "a drip of bytes": (_trickle, "did not answer within"),
    "a drip of headers": (_trickle_headers, "did not answer within"),
    "too much": (_endless, "more than 5,000,000 bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_answer_is_the_providers_failure(liar: Start, fault: str) -> None:
    behave, words = FAULTS[fault]
    server = liar(behave)
    node = Node([f"{server.url}/{SECRET}?token={SECRET}"], ANVIL_CHAIN, timeout=0.3)
    with pytest.raises(Retry, match=words) as caught:
        node.head()
    assert f"127.0.0.1:{server.server_port}" in str(caught.value)
    assert SECRET not in str(caught.value) + repr(node) + repr(node._endpoints)


@pytest.mark.parametrize("fault", FAULTS)
def test_another_provider_answers_for_a_faulty_one(liar: Start, anvil: str, fault: str) -> None:
    node = Node([liar(FAULTS[fault][0]).url, anvil], ANVIL_CHAIN, timeout=1.0)
    assert node.head().number == 0
    assert node.name in anvil
    before = node.requests
    node.head()
    assert node.requests == before + 1, "once failed over, the working provider is asked first"


def test_a_dead_provider_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Retry, match=rf"127\.0\.0\.1:{port} could not be reached \(connection refused\)"):
        Node([f"http://user:{SECRET}@127.0.0.1:{port}/{SECRET}"], ANVIL_CHAIN).head()


@pytest.mark.parametrize(
    "url", ["", "ws://host", "http://", "host:8545", "http://host:port", "http://[::1", "file:///x"]
)
def test_what_is_no_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadInput, match="expected http://host") as caught:
        Node([url + SECRET if url == "file:///x" else url], 1)
    assert SECRET not in str(caught.value)


def test_credentials_in_the_url_are_sent_as_basic_authorization(liar: Start) -> None:
    seen: list[str | None] = []

    def behave(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        seen.append(handler.headers["authorization"])
        result(handler, request, "0x1")

    server = liar(behave)
    Node([server.url.replace("//", "//me:p%40ss@")], ANVIL_CHAIN).call("eth_gasPrice", [], quantity)
    assert set(seen) == {"Basic bWU6cEBzcw=="}


def test_providers_share_the_time_of_one_question() -> None:
    """Asked one after the other, they are waited for no longer than a call through all of them."""
    node = Node(["http://127.0.0.1:1", "http://127.0.0.1:2"], ANVIL_CHAIN, timeout=60.0)
    first, second = node.providers()
    assert (first.name, second.name) == ("127.0.0.1:1", "127.0.0.1:2")
    assert second.until == pytest.approx(first.until + 30.0, abs=5.0)
    with pytest.raises(Retry, match=re.escape(second.name)):
        node.call("eth_chainId", [], quantity, second)


def test_a_wrong_chain_is_refused_and_never_asked_again(liar: Start, anvil: str) -> None:
    server = liar(_swapped(result="0x1"))
    with pytest.raises(BadInput, match=r"is on chain 1, expected 31337: correct the chain id or the RPC URL"):
        Node([anvil, server.url], ANVIL_CHAIN).check_chain_id()

    node = Node([server.url, anvil], ANVIL_CHAIN)
    server.asked.clear()
    for _ in range(3):
        node.head()
    assert [asked["method"] for asked in server.asked] == ["eth_chainId"]


def test_all_providers_on_a_wrong_chain_halt(liar: Start) -> None:
    node = Node([liar(_swapped(result="0x1")).url, liar(_swapped(result="0x2")).url], ANVIL_CHAIN)
    with pytest.raises(Retry):
        node.head()
    with pytest.raises(Halt, match=r"no provider is on chain 31337: .* is on chain 1, .* is on chain 2"):
        node.head()


def test_a_provider_that_failed_is_asked_its_chain_again(liar: Start) -> None:
    answers = iter(["0x1", None, "0x1"])

    def behave(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        if json.loads(request)["method"] != "eth_chainId" and next(answers) is None:
            reply(handler, b"", 500)
        else:
            result(handler, request, "0x1")

    server = liar(behave)
    node = Node([server.url], ANVIL_CHAIN)
    node.call("eth_gasPrice", [], quantity)
    with pytest.raises(Retry):
        node.call("eth_gasPrice", [], quantity)
    node.call("eth_gasPrice", [], quantity)
    methods = [asked["method"] for asked in server.asked]
    assert methods == ["eth_chainId", "eth_gasPrice", "eth_gasPrice", "eth_chainId", "eth_gasPrice"]


def test_a_connection_is_kept_and_a_dead_one_replaced(liar: Start) -> None:
    connections: set[object] = set()

    def behave(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        connections.add(handler.client_address)
        result(handler, request, "0x1")

    node = Node([liar(behave).url], ANVIL_CHAIN)
    for _ in range(3):
        node.call("eth_gasPrice", [], quantity)
    assert len(connections) == 1
    for connection in node._endpoints[0]._idle:
        assert connection.sock is not None
        connection.sock.shutdown(socket.SHUT_RDWR)  # as when the provider closed it while it was idle
    assert node.call("eth_gasPrice", [], quantity) == 1
    assert len(connections) == 2


def test_revert_data_reaches_the_caller_and_is_not_asked_of_others(liar: Start, anvil: str) -> None:
    revert = {"code": 3, "message": "execution reverted", "data": "0x08c379a0"}

    def behave(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        if json.loads(request)["method"] == "eth_chainId":
            result(handler, request, None)
        else:
            _swapped(error=revert, result=None)(handler, request)

    node = Node([liar(behave).url, anvil], ANVIL_CHAIN)
    with pytest.raises(RpcError) as caught:
        node.call("eth_call", [{}], quantity)
    assert (caught.value.code, caught.value.data) == (3, bytes.fromhex("08c379a0"))


def test_a_send_goes_to_one_provider_once(liar: Start, anvil: str) -> None:
    def behave(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        if json.loads(request)["method"] == "eth_chainId":
            result(handler, request, None)
        else:
            reply(handler, b"", 502)

    server = liar(behave)
    node = Node([server.url, anvil], ANVIL_CHAIN)
    with pytest.raises(Retry):
        node.send("eth_sendRawTransaction", ["0x00"], quantity)
    assert [asked["method"] for asked in server.asked] == ["eth_chainId", "eth_sendRawTransaction"]
    assert node.name in server.url


def test_blocks_by_tag_number_and_hash(node: Node) -> None:
    node.call("anvil_mine", ["0x2"], lambda answer: answer)
    head = node.head()
    assert node.block_at(head.number) == node.block(head.hash) == head
    assert node.block_at(10**6) is None
    assert node.block(Hash("0x" + "11" * 32)) is None


def test_requests_are_counted_and_timed(anvil: str) -> None:
    node = Node([anvil], ANVIL_CHAIN)
    node.head()
    timings = node.take_timings()
    assert [timing.method for timing in timings] == ["eth_chainId", "eth_getBlockByNumber"]
    assert node.requests == 2
    assert all(timing.seconds > 0 and timing.answer_bytes > 30 for timing in timings)
    assert node.take_timings() == ()
