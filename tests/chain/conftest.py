"""A bare anvil for the module, a server that answers whatever a test wants, and the lens."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from keeper.chain.anvil import Anvil
from keeper.chain.node import Node, quantity
from keeper.chain.observe import Lens
from keeper.journal import Journal, open_journal
from keeper.units import Address

from .acting import ANVIL_CHAIN, EPOCH, TARGET, Behave, Chain

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.fixture(scope="module")
def code() -> str:
    """Target's runtime code; its constructor's storage is set by hand."""
    source = (ROOT / "tests/chain/Target.sol").read_text()
    asked = {
        "language": "Solidity",
        "sources": {"Target.sol": {"content": source}},
        "settings": {"outputSelection": {"*": {"*": ["evm.deployedBytecode.object"]}}, "evmVersion": "cancun"},
    }
    done = subprocess.run(
        [ROOT / "scripts/solc", "--standard-json"], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    built = json.loads(done.stdout[done.stdout.index("{") :])
    return "0x" + built["contracts"]["Target.sol"]["Target"]["evm"]["deployedBytecode"]["object"]


@pytest.fixture(scope="module")
def process() -> Iterator[Anvil]:
    with Anvil("--no-mining", "--slots-in-an-epoch", "1") as process:
        yield process


@pytest.fixture
def chain(process: Anvil, code: str) -> Iterator[Chain]:
    """As new for each test."""
    node = Node([process.url], ANVIL_CHAIN)
    chain = Chain(process.url, node)
    snapshot = node.call("evm_snapshot", [], quantity)
    chain.do("anvil_setCode", TARGET, code)
    chain.do("anvil_setStorageAt", TARGET, "0x0", f"0x{EPOCH:064x}")
    chain.do("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    chain.mine()
    yield chain
    chain.do("anvil_dropAllTransactions")
    chain.do("evm_revert", hex(snapshot))
    node.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(str(tmp_path / "keeper.db")) as journal:
        yield journal
