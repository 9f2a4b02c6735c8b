"""A plan moves money once: sent, repeated, refused before signing, and by a node that loses answers."""

import json
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from keeper.chain.confirm import confirm
from keeper.chain.node import Node
from keeper.chain.submit import next_nonce, submit
from keeper.errors import BadInput, Halt, Retry
from keeper.journal import Journal
from keeper.model import Fill, Outcome, Transaction
from keeper.units import Gas, Hash, Wei

from .acting import (
    CAP,
    EPOCH,
    INTENT,
    LANES,
    POOL,
    SIGNER,
    TARGET,
    TIP,
    USD,
    Chain,
    between,
    cleared_plan,
    foreign,
    manifest_of,
    send,
    settle,
    state_of,
)
from .conftest import ANVIL_CHAIN, Behave, Liar, reply

# the straight way


def test_a_cleared_plan_is_sent_mined_confirmed_and_final(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    outcome = send(chain.node, journal.intents, cleared_plan(head), head)
    (attempt,) = journal.intents.attempts(INTENT)
    assert outcome == Outcome("sent", INTENT, attempt.tx_hash)
    assert confirm(chain.node, journal.intents, INTENT).status == "sent"
    assert state_of(journal) == "broadcast"

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
    assert state_of(journal) == "mined"
    for _ in range(3):
        chain.mine()
    assert settle(chain, journal.intents) == (done,)
    assert state_of(journal) == "final"
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
    assert state_of(journal) == "broadcast"
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
    foreign(chain, nonce=0)
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
        foreign(chain, nonce)
    chain.mine()
    assert next_nonce(chain.node, journal.intents, SIGNER.address) == 1, "a latest count is no floor"
    for _ in range(3):
        chain.mine()
    with pytest.raises(Halt, match="someone else holds the key"):
        next_nonce(chain.node, journal.intents, SIGNER.address)
