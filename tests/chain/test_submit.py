"""A plan moves money once: whatever is killed, lost, repeated, stuck or taken back on the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from keeper.chain.confirm import confirm
from keeper.chain.node import Node, word
from keeper.chain.reconcile import reconcile
from keeper.chain.submit import next_nonce, submit
from keeper.errors import BadInput, Halt, Retry
from keeper.journal import Journal, open_journal
from keeper.model import Cleared, Fill, Head, Outcome, Transaction
from keeper.units import Gas, Hash, Timestamp, Wei

from .acting import (
    BURN,
    CAP,
    EPOCH,
    INTENT,
    LANES,
    LIE,
    POOL,
    REVERT,
    SIGNER,
    SILENT,
    TARGET,
    TIP,
    USD,
    Chain,
    between,
    cleared_plan,
    manifest_of,
    send,
    settle,
)
from .conftest import ANVIL_CHAIN, ROOT, Behave, Liar, reply


def _state(journal: Journal, intent_id: Hash = INTENT) -> str:
    intent = journal.intents.intent(intent_id)
    assert intent is not None
    return intent.state


# the straight way


def test_a_cleared_plan_is_sent_mined_confirmed_and_final(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    outcome = send(chain.node, journal.intents, cleared_plan(head), head)
    (attempt,) = journal.intents.attempts(INTENT)
    assert outcome == Outcome("sent", INTENT, attempt.tx_hash)
    assert confirm(chain.node, journal.intents, INTENT).status == "sent"
    assert _state(journal) == "broadcast"

    block = chain.mine()
    done = confirm(chain.node, journal.intents, INTENT)
    receipt = chain.node.call("eth_getTransactionReceipt", [attempt.tx_hash], dict)
    assert done == Outcome(
        status="done",
        intent_id=INTENT,
        tx_hash=attempt.tx_hash,
        block=block.number,
        block_hash=block.hash,
        timestamp=block.timestamp,
        gas_used=Gas(int(receipt["gasUsed"], 16)),
        gas_price=Wei(int(receipt["effectiveGasPrice"], 16)),
        nav_before=1_000,
        nav_after=999,
        fills=(Fill(POOL, USD, TARGET, 2_000_000, 990, 0),),
    )
    assert chain.executions == 1
    assert (attempt.max_fee, attempt.tip) == (2 * head.base_fee + TIP, TIP)
    assert _state(journal) == "mined"
    for _ in range(3):
        chain.mine()
    assert settle(chain, journal.intents) == (done,)
    assert _state(journal) == "final"
    assert settle(chain, journal.intents) == ()
    assert confirm(chain.node, journal.intents, INTENT) == done


def test_submitting_the_same_plan_again_sends_nothing(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    cleared = cleared_plan(head)
    for status in ("sent", "sent"):
        assert send(chain.node, journal.intents, cleared, head).status == status
    chain.mine()
    assert send(chain.node, journal.intents, cleared, head).status == "done"
    assert len(journal.intents.attempts(INTENT)) == 1
    assert (chain.executions, chain.spent) == (1, 1)


def test_the_same_bytes_sent_twice_execute_once(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    for _ in range(2):
        (outcome,) = settle(chain, journal.intents)
        assert outcome.status == "sent"
    (attempt,) = journal.intents.attempts(INTENT)
    assert attempt.sends == 3
    chain.mine()
    assert settle(chain, journal.intents)[0].status == "done"
    assert (chain.executions, chain.spent) == (1, 1)


def test_what_was_never_recorded_cannot_be_confirmed(chain: Chain, journal: Journal) -> None:
    with pytest.raises(Halt, match=f"intent {INTENT} is not in the journal"):
        confirm(chain.node, journal.intents, INTENT)


def test_the_next_intent_takes_the_next_nonce(chain: Chain, journal: Journal) -> None:
    for i in range(3):
        head, name = chain.node.head(), Hash(f"0x{i:064x}")
        send(chain.node, journal.intents, cleared_plan(head, name, EPOCH + i), head)
        chain.mine()
        assert confirm(chain.node, journal.intents, name).status == "done"
    assert [intent.nonce for intent in journal.intents.latest()] == [2, 1, 0]
    assert chain.executions == 3


# killed


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
    program = "import sys; sys.path.insert(0, sys.argv[1]); import tests.chain.test_submit as t; t.child(*sys.argv[2:])"
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


# a node that loses answers


@pytest.mark.parametrize("arrived", [False, True], ids=["lost on the way there", "lost on the way back"])
@pytest.mark.parametrize("status", [None, 502])
def test_an_answer_that_is_lost_is_no_second_transaction(
    chain: Chain, journal: Journal, liar: Callable[[Behave], Liar], arrived: bool, status: int | None
) -> None:
    def edit(request: dict[str, Any], handler: BaseHTTPRequestHandler, ask: Callable[[], bytes]) -> None:
        if request["method"] != "eth_sendRawTransaction":
            reply(handler, ask())
            return
        if arrived:
            ask()
        if status is not None:
            reply(handler, b"", status)
        handler.close_connection = True

    head = chain.node.head()
    node = Node([liar(between(chain, edit)).url], ANVIL_CHAIN)
    outcome = send(node, journal.intents, cleared_plan(head), head)
    assert outcome.status == "unknown"
    assert outcome.reason.startswith("ambiguous: ")
    with pytest.raises(Retry, match="is unresolved: nothing new is signed before"):
        send(chain.node, journal.intents, cleared_plan(head, Hash("0x" + "cd" * 32)), head)
    assert settle(chain, journal.intents)[0].status == "sent"
    chain.mine()
    assert settle(chain, journal.intents)[0].status == "done"
    assert (chain.executions, chain.spent, len(journal.intents.attempts(INTENT))) == (1, 1, 1)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"transactionHash": "0x" + "11" * 32}, Retry),
        ({"status": None}, Retry),
        ({"status": "0x2"}, Retry),
        ({"gasUsed": "many"}, Retry),
        ({"logs": None}, Retry),
        ({"blockHash": "0x" + "11" * 32}, "unknown"),
        ({"blockNumber": "0x0"}, "unknown"),
        ({"blockHash": None}, "unknown"),
        ({"blockNumber": None}, "unknown"),
        ({"logs": []}, Halt),
    ],
)
def test_a_receipt_is_believed_only_whole_and_canonical(
    chain: Chain, journal: Journal, liar: Callable[[Behave], Liar], change: dict[str, Any], status: Any
) -> None:
    def edit(request: dict[str, Any], handler: BaseHTTPRequestHandler, ask: Callable[[], bytes]) -> None:
        answer = json.loads(ask())
        if request["method"] == "eth_getTransactionReceipt":
            answer["result"] |= change
        reply(handler, json.dumps(answer).encode())

    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    chain.mine()
    node = Node([liar(between(chain, edit)).url], ANVIL_CHAIN)
    if isinstance(status, str):
        assert confirm(node, journal.intents, INTENT).status == status
    else:
        with pytest.raises(status):
            confirm(node, journal.intents, INTENT)
    assert _state(journal) == "broadcast"
    assert confirm(chain.node, journal.intents, INTENT).status == "done"


# refused before signing


class _NoSigner:
    address = SIGNER.address

    def sign(self, transaction: Transaction) -> Any:
        pytest.fail(f"signed {transaction}")


def test_nothing_is_signed_that_the_policy_objects_to(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    cleared = cleared_plan(head)
    manifest = replace(manifest_of(cleared, head), epoch=4)
    with pytest.raises(
        Halt, match=r"nothing was signed.*K-34\.epoch: the transaction expects epoch 3, the vault is at 4"
    ):
        submit(chain.node, journal.intents, _NoSigner(), cleared, manifest, head, LANES)  # type: ignore[arg-type]
    assert journal.intents.latest() == ()


def test_gas_above_the_mandate_is_waited_for(chain: Chain, journal: Journal) -> None:
    head = replace(chain.node.head(), base_fee=CAP)
    with pytest.raises(Retry, match="gas costs 100 gwei and a tip of 1, the normal lane allows 100"):
        send(chain.node, journal.intents, cleared_plan(head), head, _NoSigner())  # type: ignore[arg-type]
    assert journal.intents.latest() == ()


def test_an_unfunded_key_is_named(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    needed = 300_000 * (2 * head.base_fee + TIP)
    chain.do("anvil_setBalance", SIGNER.address, hex(needed - 1))
    with pytest.raises(BadInput, match="fund it"):
        send(chain.node, journal.intents, cleared_plan(head), head, _NoSigner())  # type: ignore[arg-type]
    chain.do("anvil_setBalance", SIGNER.address, hex(10**13))
    with pytest.raises(BadInput, match=rf"account {SIGNER.address} holds 1e-05 of the gas token, .*: fund it"):
        send(chain.node, journal.intents, cleared_plan(head), head, _NoSigner())  # type: ignore[arg-type]
    assert journal.intents.latest() == ()


def test_a_key_that_can_just_pay_is_enough(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    chain.do("anvil_setBalance", SIGNER.address, hex(300_000 * (2 * head.base_fee + TIP)))
    assert send(chain.node, journal.intents, cleared_plan(head), head).status == "sent"


def test_a_first_use_adopts_the_chains_count_and_waits_for_what_is_pending(chain: Chain, journal: Journal) -> None:
    _foreign(chain, nonce=0)
    with pytest.raises(Retry, match=r"1 transactions .* are pending that the journal does not know"):
        next_nonce(chain.node, journal.intents, SIGNER.address)
    chain.mine()
    assert next_nonce(chain.node, journal.intents, SIGNER.address) == 1


def test_a_final_transaction_that_the_journal_does_not_know_halts_the_key(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    chain.mine()
    assert confirm(chain.node, journal.intents, INTENT).status == "done"
    assert next_nonce(chain.node, journal.intents, SIGNER.address) == 1, "the journal's, while nothing is final"
    for nonce in (1, 2):
        _foreign(chain, nonce)
    chain.mine()
    assert next_nonce(chain.node, journal.intents, SIGNER.address) == 1, "a latest count is no floor"
    for _ in range(3):
        chain.mine()
    with pytest.raises(Halt, match="someone else holds the key"):
        next_nonce(chain.node, journal.intents, SIGNER.address)


def _foreign(chain: Chain, nonce: int, tip: int = 10**9) -> None:
    """Someone else uses the key."""
    raw, _ = SIGNER.sign(Transaction(ANVIL_CHAIN, nonce, POOL, Wei(0), b"", Gas(21_000), Wei(50 * 10**9), Wei(tip)))
    chain.node.send("eth_sendRawTransaction", ["0x" + raw.hex()], word)


# what the chain says


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(REVERT, "it reverted: 0x" + keccak(text="Told()")[:4].hex()), (BURN, "it ran out of gas: used 300000")],
)
def test_a_mined_failure_closes_the_intent_and_says_why(chain: Chain, journal: Journal, mode: int, reason: str) -> None:
    head = chain.node.head()
    chain.tell(mode)
    chain.mine()
    send(chain.node, journal.intents, cleared_plan(head), head)
    chain.mine()
    outcome = confirm(chain.node, journal.intents, INTENT)
    assert outcome.status == "reverted"
    assert outcome.reason.startswith(reason)
    assert (outcome.nav_after, outcome.fills) == (None, ())
    assert _state(journal) == "reverted"
    assert (chain.executions, next_nonce(chain.node, journal.intents, SIGNER.address)) == (0, 1)


@pytest.mark.parametrize("mode", [SILENT, LIE])
def test_a_success_without_the_event_halts(chain: Chain, journal: Journal, mode: int) -> None:
    head = chain.node.head()
    chain.tell(mode)
    send(chain.node, journal.intents, cleared_plan(head), head)
    chain.mine()
    with pytest.raises(Halt, match=r"succeeded, but .* tells of intent .* at epochs \[\], expected \[4\]"):
        confirm(chain.node, journal.intents, INTENT)
    assert _state(journal) == "broadcast"


def test_a_block_taken_back_sends_the_same_bytes_again(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    (attempt,) = journal.intents.attempts(INTENT)
    chain.mine()
    first = confirm(chain.node, journal.intents, INTENT)
    chain.do("anvil_reorg", 1, [])
    chain.do("anvil_dropAllTransactions")
    assert chain.executions == 0
    (outcome,) = settle(chain, journal.intents)
    assert (outcome.status, outcome.tx_hash, _state(journal)) == ("sent", attempt.tx_hash, "broadcast")
    chain.mine()
    (again,) = settle(chain, journal.intents)
    assert again.status == "done"
    assert again.block_hash != first.block_hash
    assert journal.intents.outcome(INTENT) == again
    assert (chain.executions, chain.spent, len(journal.intents.attempts(INTENT))) == (1, 1, 1)


def test_mined_again_elsewhere_is_recorded_once(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    (attempt,) = journal.intents.attempts(INTENT)
    chain.mine()
    first = confirm(chain.node, journal.intents, INTENT)
    chain.do("anvil_reorg", 1, [])
    chain.node.send("eth_sendRawTransaction", ["0x" + attempt.raw.hex()], word)
    chain.mine()
    again = confirm(chain.node, journal.intents, INTENT)
    assert (again.status, again.block) == ("done", (first.block or 0) + 1)
    assert journal.intents.outcome(INTENT) == again
    assert _state(journal) == "mined"


def test_a_nonce_spent_by_someone_else_halts_once_it_is_final(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    chain.do("anvil_dropAllTransactions")
    _foreign(chain, nonce=0)
    chain.mine()
    assert "is spent and none of our transactions" in confirm(chain.node, journal.intents, INTENT).reason
    assert settle(chain, journal.intents)[0].reason.startswith("nonce low: ")
    for _ in range(3):
        chain.mine()
    with pytest.raises(Halt, match="someone else holds the key"):
        settle(chain, journal.intents)
    assert chain.executions == 0


# stuck


def _stuck(chain: Chain, seconds: int) -> Head:
    """Time passes in blocks too dear for us."""
    chain.price_out()
    head = chain.mine(chain.node.head().timestamp + seconds)
    chain.do("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    return head


def test_a_stuck_transaction_is_bidden_up_on_both_fields_and_executes_once(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    _stuck(chain, 47)
    calm = replace(chain.node.head(), base_fee=head.base_fee)
    (outcome,) = reconcile(chain.node, journal.intents, SIGNER, SIGNER.address, calm, LANES)
    assert len(journal.intents.attempts(INTENT)) == 1, "not before its time"
    late = replace(calm, timestamp=Timestamp(calm.timestamp + 1))
    (outcome,) = reconcile(chain.node, journal.intents, SIGNER, SIGNER.address, late, LANES)
    old, new = journal.intents.attempts(INTENT)
    assert (outcome.status, outcome.tx_hash) == ("sent", new.tx_hash)
    assert (new.max_fee, new.tip, new.gas) == (-(-old.max_fee * 9 // 8), -(-old.tip * 9 // 8), old.gas)
    chain.mine()
    (done,) = settle(chain, journal.intents)
    assert (done.status, done.tx_hash) == ("done", new.tx_hash)
    assert (chain.executions, chain.spent) == (1, 1)


def test_at_its_cap_the_same_bytes_are_sent_again(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    cleared = cleared_plan(head)
    cap = Wei(2 * head.base_fee + TIP)
    manifest = manifest_of(cleared, head)
    submit(
        chain.node,
        journal.intents,
        SIGNER,
        cleared,
        manifest,
        head,
        replace(LANES, normal=replace(LANES.normal, max_gas_price=cap)),
    )
    _stuck(chain, 60)
    settle(chain, journal.intents)
    (attempt,) = journal.intents.attempts(INTENT)
    assert attempt.sends == 2


def test_past_its_deadline_it_is_cancelled_and_never_executes(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    _stuck(chain, 301)
    calm = replace(chain.node.head(), base_fee=Wei(10**9))
    (outcome,) = reconcile(chain.node, journal.intents, SIGNER, SIGNER.address, calm, LANES)
    old, new = journal.intents.attempts(INTENT)
    assert (old.kind, new.kind, new.gas) == ("act", "cancel", 21_000)
    assert outcome.status == "sent"
    chain.mine()
    (done,) = settle(chain, journal.intents)
    assert (done.status, done.tx_hash) == ("cancelled", new.tx_hash)
    assert (_state(journal), chain.executions, chain.spent) == ("cancelled", 0, 1)
    assert next_nonce(chain.node, journal.intents, SIGNER.address) == 1


def test_a_cancellation_that_came_too_late_is_told_by_what_mined(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    late = replace(head, timestamp=Timestamp(head.timestamp + 301))
    (first,) = journal.intents.attempts(INTENT)
    reconcile(chain.node, journal.intents, SIGNER, SIGNER.address, late, LANES)
    chain.do("anvil_dropAllTransactions")
    chain.node.send("eth_sendRawTransaction", ["0x" + first.raw.hex()], word)
    chain.mine()
    (done,) = settle(chain, journal.intents)
    assert (done.status, done.tx_hash) == ("done", first.tx_hash)
    assert (chain.executions, len(journal.intents.attempts(INTENT))) == (1, 2)


def test_without_a_key_it_sends_again_and_signs_nothing(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    _stuck(chain, 301)
    settle(chain, journal.intents, signer=None)
    assert len(journal.intents.attempts(INTENT)) == 1
