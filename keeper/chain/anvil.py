"""Finds foundry's anvil and runs it: arguments in, the URL of a node that answers out, and no process left behind."""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO

from keeper.errors import BadInput, Halt

MINIMUM_VERSION = (1, 4)
START_SECONDS = 60.0
STOP_SECONDS = 5.0

FORK_ALIAS = "keeper"
FORK_VARIABLE = "KEEPER_FORK_URL"
FORK_CONFIG = f'[rpc_endpoints]\n{FORK_ALIAS} = "${{{FORK_VARIABLE}}}"\n'

# The watcher reads a pipe that only this process holds open: when we are gone, even by SIGKILL, it reads the end of
# the file and kills the node.
WATCH = 'read _; kill -9 "$1"'


def find_anvil() -> Path:
    """The anvil to run: the one on PATH when it is at least 1.4, else npm's, else the file that KEEPER_ANVIL names.

    Raises Halt when there is none.
    """
    on_path = shutil.which("anvil")
    if on_path is not None and _version(Path(on_path)) >= MINIMUM_VERSION:
        return Path(on_path)
    # npm's launcher script hides the exit code, so the native binary of this platform is taken.
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    inside = Path("@foundry-rs") / f"anvil-{platform.system().lower()}-{machine}" / "bin" / "anvil"
    for root in node_modules():
        if os.access(root / inside, os.X_OK):
            return root / inside
    named = os.environ.get("KEEPER_ANVIL")
    if named is not None and os.access(named, os.X_OK):
        return Path(named)
    raise Halt(
        "found no anvil of version 1.4 or later on PATH, in node_modules or in KEEPER_ANVIL; "
        "run `npm ci` in the project, or install foundry with foundryup"
    )


def node_modules() -> list[Path]:
    """The `node_modules` folders that exist: the project's own, then the current directory's and its parents'."""
    roots = [Path(__file__).resolve().parents[2], Path.cwd(), *Path.cwd().parents]
    found = [root / "node_modules" for root in dict.fromkeys(roots)]
    return [folder for folder in found if folder.is_dir()]


def _version(anvil: Path) -> tuple[int, ...]:
    try:
        said = subprocess.run([anvil, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    return tuple(int(part) for part in match.groups()) if match else (0,)


class Anvil:
    """A running anvil, as a context manager; `url` is set once it answers.

    `args` are anvil's own flags. Port 0 takes a free one. Raises Halt, with anvil's own words, when it does not start.
    """

    url: str

    def __init__(self, *args: str, port: int = 0, executable: Path | None = None, fork_url: str | None = None) -> None:
        """`fork_url` reaches anvil through its environment: everyone on a machine can read a command line."""
        self._args = args
        self._fork_url = fork_url
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._port = port
        self._executable = executable
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None

    def __enter__(self) -> "Anvil":
        executable = self._executable or find_anvil()
        attempts = 5 if self._port == 0 else 1  # another process may take a free port before anvil does
        for attempt in range(1, attempts + 1):
            try:
                self._launch(executable, _free_port(self._port))
                return self
            except Halt as error:
                if attempt == attempts or "Address already in use" not in str(error):
                    raise
        raise AssertionError("the loop returns or raises")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The node's process id. Raises Halt when it is not running."""
        if self._process is None:
            raise Halt("anvil is not running; enter it with `with`")
        return self._process.pid

    def stop(self) -> None:
        """Ends the node and everything it started; waits until it is gone. Does nothing when it is not running."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:  # before the node: once the node is gone its pid may be another's
            watcher.kill()
            watcher.communicate()
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _launch(self, executable: Path, port: int) -> None:
        command = [str(executable.resolve()), "--quiet", "--port", str(port), *self._args]
        environment = dict(os.environ)
        if self._fork_url is not None:
            command += ["--fork-url", FORK_ALIAS]
            environment[FORK_VARIABLE] = self._fork_url
            self._folder = tempfile.TemporaryDirectory(prefix="keeper-fork-")
            Path(self._folder.name, "foundry.toml").write_text(FORK_CONFIG)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the node runs
        # Sessions of their own: Ctrl-C reaches us and not them, so that the order of stopping is ours.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            start_new_session=True,
            env=environment,
            cwd=None if self._folder is None else self._folder.name,
        )
        self._watcher = subprocess.Popen(
            ["sh", "-c", WATCH, "sh", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.url = f"http://127.0.0.1:{port}"
        try:
            self._wait(executable)
        except BaseException:  # Ctrl-C while waiting must not leave a node behind
            self.stop()
            raise

    def _wait(self, executable: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        pause = 0.005
        while time.monotonic() < deadline:
            answered = _answers(self.url)
            if self._process.poll() is not None:
                raise Halt(f"anvil ({executable}) stopped at once: {self._said()}")
            if answered:
                return
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        raise Halt(f"anvil ({executable}) did not answer within {START_SECONDS:.0f} s: {self._said()}")

    def _said(self) -> str:
        if self._stderr is None:
            return "nothing"
        self._stderr.seek(0)
        text = self._stderr.read().decode(errors="replace")
        if self._fork_url is not None:
            text = text.replace(self._fork_url, "the node's URL")
        return " ".join(text.split())[-600:] or "it gave no reason"


def fork(url: str, block: int | None = None, *args: str) -> Anvil:
    """A throw-away anvil that starts from `url`'s state (at `block`, else the latest) and never writes back to it.

    Nothing is cached on disk: a local chain's block numbers repeat with other contents.
    """
    at = () if block is None else ("--fork-block-number", str(block))
    return Anvil(*at, "--no-storage-caching", "--no-rate-limit", *args, fork_url=url)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port(wanted: int) -> int:
    """`wanted`, or any port for 0. Raises BadInput when it is taken: whoever has it would answer in anvil's place."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left by another node is free
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise BadInput(f"port {wanted} is in use; name another one, or 0 for a free one") from error
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return bool(json.load(response).get("result"))
    except (urllib.error.URLError, OSError, ValueError):
        return False
