"""Anvil starts where it is told, says why when it does not, and never outlives its keeper."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keeper.chain import anvil
from keeper.errors import BadInput, Halt
from keeper.world import rpc


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_node_answers_and_is_gone_after() -> None:
    with anvil.Anvil("--chain-id", "4242") as node:
        assert rpc.request(node.url, "eth_chainId") == hex(4242)
        pid = node.pid
        assert alive(pid)
    assert not alive(pid)
    with pytest.raises(Halt, match="not running"):
        _ = node.pid


def test_a_forks_url_is_not_on_its_command_line_nor_in_its_errors() -> None:
    with anvil.Anvil() as parent:
        secret = f"{parent.url}/?apikey=SECRETKEY"
        with anvil.fork(secret) as forked:
            command = subprocess.run(["ps", "-o", "args=", "-p", str(forked.pid)], capture_output=True, text=True)
            assert "anvil" in command.stdout
            assert "SECRETKEY" not in command.stdout
    with pytest.raises(Halt) as caught, anvil.fork("http://127.0.0.1:1/?apikey=SECRETKEY"):
        pass
    assert "SECRETKEY" not in str(caught.value)


def test_a_fork_begins_with_its_parent_and_goes_its_own_way() -> None:
    with anvil.Anvil() as parent:
        rpc.request(parent.url, "anvil_mine", hex(3))
        with anvil.fork(parent.url) as latest, anvil.fork(parent.url, 1) as earlier:
            assert rpc.request(latest.url, "eth_blockNumber") == "0x3"
            assert rpc.request(earlier.url, "eth_blockNumber") == "0x1"
            rpc.request(latest.url, "evm_mine")
            assert rpc.request(parent.url, "eth_blockNumber") == "0x3"


def test_wrong_arguments_are_told_in_anvils_words() -> None:
    with pytest.raises(Halt, match="unexpected argument '--nonsense'"), anvil.Anvil("--nonsense"):
        pass


def test_a_port_in_use_is_told_and_not_waited_for() -> None:
    with anvil.Anvil() as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(BadInput, match="in use"), anvil.Anvil(port=port):
            pass


def test_a_machine_without_anvil_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("KEEPER_ANVIL", raising=False)
    monkeypatch.setattr(anvil, "node_modules", list)
    with pytest.raises(Halt, match="npm ci"):
        anvil.find_anvil()


def test_anvil_on_the_path_is_taken_when_it_is_new_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npm = anvil.find_anvil()
    fake = tmp_path / "anvil"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for version, expected in (("1.3.9", npm), ("1.4.0", fake), ("2.0.1", fake), ("no number", npm)):
        fake.write_text(f"#!/bin/sh\necho 'anvil Version: {version}'\n")
        fake.chmod(0o755)
        assert anvil.find_anvil() == expected, version


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_anvil_outlives_its_keeper(end: signal.Signals) -> None:
    program = (
        "import sys, time; from keeper.chain.anvil import Anvil\n"
        "with Anvil() as node: print(node.pid, flush=True); time.sleep(60)"
    )
    keeper = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert keeper.stdout is not None
    pid = int(keeper.stdout.readline())
    assert alive(pid)
    keeper.send_signal(end)
    keeper.wait()
    keeper.stdout.close()
    for _ in range(500):
        if not alive(pid):
            break
        signal.sigtimedwait([], 0.02)
    assert not alive(pid)
