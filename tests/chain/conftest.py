"""A bare anvil for the module, a server that answers whatever a test wants, and the lens."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from keeper.chain.anvil import Anvil
from keeper.chain.node import Node
from keeper.chain.observe import Lens
from keeper.units import Address

ROOT = Path(__file__).resolve().parents[2]
ANVIL_CHAIN = 31337

Behave = Callable[[BaseHTTPRequestHandler, bytes], None]


class Liar(ThreadingHTTPServer):
    """A provider whose `behave(handler, request_body)` writes each answer; `asked` keeps the request bodies."""

    daemon_threads = True

    def __init__(self, behave: Behave) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behave = behave
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Liar

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(json.loads(body))
        self.server.behave(self, body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def reply(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200) -> None:
    """A whole, honest HTTP answer."""
    handler.send_response(status)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def result(handler: BaseHTTPRequestHandler, request: bytes, value: Any) -> None:
    """A whole, honest JSON-RPC answer; the chain id is always anvil's."""
    asked = json.loads(request)
    value = hex(ANVIL_CHAIN) if asked["method"] == "eth_chainId" else value
    reply(handler, json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": value}).encode())


@pytest.fixture
def liar() -> Iterator[Callable[[Behave], Liar]]:
    started: list[Liar] = []

    def start(behave: Behave) -> Liar:
        server = Liar(behave)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def anvil() -> Iterator[str]:
    """URL of an empty chain of this module's own."""
    with Anvil() as process:
        yield process.url


@pytest.fixture
def node(anvil: str) -> Iterator[Node]:
    node = Node([anvil], ANVIL_CHAIN)
    yield node
    node.close()


@pytest.fixture(scope="session")
def lens() -> Lens:
    artefact = json.loads((ROOT / "keeper/abi/KeeperLens.json").read_text())
    return Lens(Address("0x" + "4b" * 20), bytes.fromhex(artefact["deployedBytecode"][2:]))
