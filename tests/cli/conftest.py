"""A newcomer's desk: a fork of the world, a folder with the keeper.toml written for it, and the real command line."""

import json
import os
import shutil
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from keeper import cli
from keeper.world import RunningWorld, market, playground, rpc
from keeper.world.roles import WORLD_KEEPER_ADDRESS


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on stderr; a failure when there is another number of them."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


@dataclass(slots=True)
class Desk:
    folder: Path
    running: RunningWorld
    capture: pytest.CaptureFixture[str]

    @property
    def config(self) -> Path:
        return self.folder / "keeper.toml"

    def edit(self, *changes: tuple[str, str]) -> None:
        """Replaces texts of the configuration, each of which must be there."""
        text = self.config.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        self.config.write_text(text)

    def run(self, *words: str) -> Said:
        self.capture.readouterr()
        code = cli.main(["--config", str(self.config), *words])
        out, err = self.capture.readouterr()
        return Said(code, out, err)

    def run_live(self, *words: str, passphrase: str = playground.PASSPHRASE) -> Said:
        """`run --once --live`, the passphrase through a pipe."""
        reading, writing = os.pipe()
        os.write(writing, passphrase.encode() + b"\n")
        os.close(writing)
        return self.run("run", "--once", "--live", "--passphrase-fd", str(reading), *words)

    def nonce(self) -> int:
        return int(rpc.request(self.running.url, "eth_getTransactionCount", WORLD_KEEPER_ADDRESS, "latest"), 16)

    def head(self) -> int:
        return int(rpc.request(self.running.url, "eth_blockNumber"), 16)


@pytest.fixture(scope="module")
def written(fork: RunningWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files for the module's fork; a keystore takes a second to encrypt."""
    folder = tmp_path_factory.mktemp("written")
    playground.write(fork, folder)
    return folder


@pytest.fixture
def desk(fork: RunningWorld, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """A fresh copy of the files; what a test does to the chain is undone after it."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    before = rpc.request(fork.url, "evm_snapshot")
    yield Desk(tmp_path, fork, capsys)
    rpc.request(fork.url, "evm_revert", before)


@pytest.fixture
def fallen(desk: Desk) -> Desk:
    """The same after a fall of the market that takes both vaults out of their bands."""
    market.mine(desk.running, 600)
    market.refresh_feeds(desk.running)
    market.move(desk.running, {"WETH": 2_450.0, "WBTC": 52_000.0})
    market.refresh_feeds(desk.running)
    return desk


Change = Callable[[dict[str, Any]], dict[str, Any] | bytes | None]


class Proxy(ThreadingHTTPServer):
    """In front of a node: `change` may answer a request in its place, with a result or an error."""

    daemon_threads = True

    def __init__(self, url: str, change: Change) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.change = url, change

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = json.loads(body)
        changed = self.server.change(asked)
        if changed is None:
            request = urllib.request.Request(self.server.behind, body, {"content-type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as response:
                answer = response.read()
        elif isinstance(changed, bytes):
            answer = changed
        else:
            answer = json.dumps({"jsonrpc": "2.0", "id": asked["id"], **changed}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(server: Proxy) -> Iterator[Proxy]:
    """The proxy at work, until the block ends."""
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def proxy(fork: RunningWorld) -> Iterator[Callable[[Change], str]]:
    """Starts a proxy before the module's fork and gives its URL."""
    with ExitStack() as started:
        yield lambda change: started.enter_context(serving(Proxy(fork.url, change))).url
