"""A plan moves money once: whatever is killed on the way."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keeper.chain.confirm import confirm
from keeper.chain.node import Node
from keeper.chain.reconcile import reconcile
from keeper.chain.submit import next_nonce
from keeper.journal import Journal, open_journal
from keeper.model import Cleared, Head

from .acting import (
    INTENT,
    LANES,
    SIGNER,
    Chain,
    cleared_plan,
    send,
    settle,
)
from .conftest import ANVIL_CHAIN, ROOT


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


@dataclass
class Killer:
    """Counts the calls over the edge of the keeper (journal, signer, node) and ends it at one of them."""

    at: int
    after: bool
    kill: Callable[[], None]
    count: int = 0

    def around(self, inner: Any, *names: str) -> Any:
        return _Edge(self, inner, names)


class _Edge:
    def __init__(self, killer: Killer, inner: Any, names: tuple[str, ...]) -> None:
        self._killer, self._inner, self._names = killer, inner, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._names:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            killer = self._killer
            killer.count += 1
            if killer.count == killer.at and not killer.after:
                killer.kill()
            number = killer.count
            try:
                return found(*args, **kwargs)
            finally:  # an error is an answer too
                if number == killer.at and killer.after:
                    killer.kill()

        return call


WRITES = ("open", "attempt", "sent", "move")


def _raise() -> None:
    raise Killed


def _edges(killer: Killer, node: Node, journal: Journal) -> tuple[Any, Any, Any]:
    return (
        killer.around(node, "call", "send", "block_at"),
        killer.around(journal.intents, *WRITES),
        killer.around(SIGNER, "sign"),
    )


def _count_edges(chain: Chain, file: Path, action: Callable[[Any, Any, Any], object]) -> int:
    killer = Killer(0, False, _raise)
    with open_journal(str(file)) as journal:
        action(*_edges(killer, chain.node, journal))
    return killer.count


EDGES_OF_SUBMIT = 9  # of the journal's writes, the signer and the node; the first test below says when it is not


def test_the_number_of_kill_points_is_right(chain: Chain, tmp_path: Path) -> None:
    head = chain.node.head()
    found = _count_edges(chain, tmp_path / "a.db", lambda n, i, s: send(n, i, cleared_plan(head), head, s))
    assert found == EDGES_OF_SUBMIT


@pytest.mark.parametrize("mined", [False, True], ids=["in the pool", "mined meanwhile"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, EDGES_OF_SUBMIT + 1))
def test_killed_anywhere_in_submit_it_executes_once(
    chain: Chain, tmp_path: Path, at: int, after: bool, mined: bool
) -> None:
    file, head = str(tmp_path / "keeper.db"), chain.node.head()
    cleared = cleared_plan(head)
    with open_journal(file) as journal:
        node, intents, signer = _edges(Killer(at, after, _raise), chain.node, journal)
        with pytest.raises(Killed):
            send(node, intents, cleared, head, signer)
    if mined:
        chain.mine()
    _restarted(chain, file, cleared, head)


def _restarted(chain: Chain, file: str, cleared: Cleared, head: Head) -> None:
    """A new process reconciles and then plans the same again: one execution, one nonce, nothing left open."""
    with open_journal(file) as journal:
        for outcome in settle(chain, journal.intents):
            assert outcome.status in ("sent", "done")
        send(chain.node, journal.intents, cleared, head)
        chain.mine()
        for outcome in settle(chain, journal.intents):
            assert outcome.status == "done"
        assert confirm(chain.node, journal.intents, INTENT).status == "done"
        assert (chain.executions, chain.spent) == (1, 1)
        assert [intent.state for intent in journal.intents.latest()] == ["mined"]
        assert next_nonce(chain.node, journal.intents, SIGNER.address) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("first", ["recorded only", "in the pool", "mined"])
def test_killed_anywhere_in_reconcile_it_executes_once(chain: Chain, tmp_path: Path, first: str, after: bool) -> None:
    """Kills reconcile at its first edge, restarts it and kills it at its second, and so on until it gets through."""
    file, head = str(tmp_path / "keeper.db"), chain.node.head()
    cleared = cleared_plan(head)
    with open_journal(file) as journal:
        node, intents, signer = _edges(Killer(0, False, _raise), chain.node, journal)
        if first == "recorded only":
            node = Killer(1, False, _raise).around(chain.node, "send")
            with pytest.raises(Killed):
                send(node, intents, cleared, head, signer)
        else:
            send(node, intents, cleared, head, signer)
    if first == "mined":
        chain.mine()
    for at in range(1, 100):
        with open_journal(file) as journal:
            killer = Killer(at, after, _raise)
            node, intents, signer = _edges(killer, chain.node, journal)
            try:
                reconcile(node, intents, signer, SIGNER.address, chain.node.head(), LANES)
            except Killed:
                continue
        assert at > 3, "it was killed at least three times on the way"
        break
    _restarted(chain, file, cleared, head)


NAMED = {
    "before the record": ("open", False),
    "before the send": ("open", True),
    "after the send": ("send", True),
    "at the end": ("sent", True),
}


@pytest.mark.parametrize("point", NAMED)
def test_a_real_kill_loses_nothing(chain: Chain, tmp_path: Path, point: str) -> None:
    file, head = tmp_path / "keeper.db", chain.node.head()
    program = "import sys; sys.path.insert(0, sys.argv[1]); import tests.chain.test_killed as t; t.child(*sys.argv[2:])"
    command = [sys.executable, "-c", program, str(ROOT), chain.url, str(file), point, repr(head.timestamp)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    _restarted(chain, str(file), cleared_plan(head), head)


def child(url: str, file: str, point: str, timestamp: str) -> None:
    """Submits in a process of its own, and is killed in earnest at the named point."""
    name, after = NAMED[point]
    killer = Killer(1, after, lambda: os.kill(os.getpid(), signal.SIGKILL))
    node, journal = Node([url], ANVIL_CHAIN), open_journal(file)
    head = node.head()
    assert head.timestamp == int(timestamp)
    intents = killer.around(journal.intents, name)
    send(killer.around(node, name), intents, cleared_plan(head), head)
