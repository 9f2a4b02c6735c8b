"""The node's own rehearsal, the fork's and the real transaction all say the same, and only the last one moves."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from keeper.chain.fork import on_fork
from keeper.chain.node import Node, fields, quantity, word
from keeper.chain.observe import Lens
from keeper.chain.rehearse import Rehearsal, rehearse
from keeper.chain.simulate_v1 import METHOD, Unsupported, simulate
from keeper.errors import Retry
from keeper.model import Failed, Head, Question, Read
from keeper.units import Address, Hash, Timestamp

from .conftest import ANVIL_CHAIN, Behave, Liar, reply, result

SENDER = Address("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266")  # anvil's first account
LOGGER = Address("0x" + "10" * 20)
"""Adds 1 to slot 0, stores the time in slot 1 and logs the calldata; called by someone else it returns both slots."""
NUMBER = Address("0x" + "20" * 20)
REVERTS = Address("0x" + "ee" * 20)
CODE = {
    # caller == SENDER ? (sstore(0, sload(0)+1); sstore(1, timestamp); log1(calldata, caller)) : return slots 0 and 1
    LOGGER: "0x73f39fd6e51aad88f6f4ce6ab8827279cfffb922663314602e57"
    + "5f545f5260015460205260405ff3"
    + "00" * 6
    # 0x2e
    + "5b5f546001015f5542600155365f5f3733365fa100",
    NUMBER: "0x435f5260205ff3",  # returns block.number
    REVERTS: "0x365f5f37365ffd",
}
STATE = Question(
    (Read(LOGGER, b"", lambda out: (int.from_bytes(out[:32], "big"), int.from_bytes(out[32:], "big"))),), tuple
)


def _ignore(answer: Any) -> None:
    """The parse of an answer nobody looks at."""


@pytest.fixture(scope="module")
def head(anvil: str) -> Head:
    node = Node([anvil], 31337)
    for target, code in CODE.items():
        node.call("anvil_setCode", [target, code], _ignore)
    node.call("evm_setAutomine", [False], _ignore)
    node.call("anvil_mine", ["0x3"], _ignore)
    return node.head()


def _both(node: Node, head: Head, lens: Lens, target: Address, calldata: bytes, *reads: Question[Any]) -> Rehearsal:
    at = Timestamp(head.timestamp + 77)
    said = simulate(node, head, SENDER, target, calldata, reads, at, lens)
    assert said == on_fork(node, head, SENDER, target, calldata, reads, at, lens)
    return said


def test_node_and_fork_agree_with_each_other_and_with_the_chain(node: Node, head: Head, lens: Lens) -> None:
    calldata = bytes(range(40))
    said = _both(node, head, lens, LOGGER, calldata, STATE, STATE)
    assert said.ok
    assert said.answers == (((1, head.timestamp + 77),),) * 2
    assert [(log.address, log.topics, log.data) for log in said.logs] == [
        (LOGGER, (Hash("0x" + "00" * 12 + SENDER[2:]),), calldata)
    ]
    assert node.head() == head, "a rehearsal moves nothing"
    assert node.call("eth_getStorageAt", [LOGGER, "0x0", "latest"], quantity) == 0

    snapshot = node.call("evm_snapshot", [], quantity)
    transaction = {"from": SENDER, "to": LOGGER, "input": "0x" + calldata.hex(), "gas": "0x100000"}
    sent = node.send("eth_sendTransaction", [transaction], word)
    node.call("evm_mine", [hex(head.timestamp + 77)], _ignore)
    receipt = node.call("eth_getTransactionReceipt", [sent], fields)
    assert quantity(receipt["gasUsed"]) == said.gas
    assert node.call("eth_getStorageAt", [LOGGER, "0x1", "latest"], quantity) == head.timestamp + 77
    node.call("evm_revert", [hex(snapshot)], _ignore)


def test_it_happens_in_the_next_block(node: Node, head: Head, lens: Lens) -> None:
    number = Question((Read(NUMBER, b"", lambda out: int.from_bytes(out, "big")),), tuple)
    assert _both(node, head, lens, LOGGER, b"", number).answers == ((head.number + 1,),)


def test_a_revert_keeps_its_data_and_the_reads_their_answers(node: Node, head: Head, lens: Lens) -> None:
    revert = bytes.fromhex("deadbeef") + bytes(32)
    failing = Question((Read(REVERTS, b"\x01", bytes), *STATE.reads), tuple)
    said = _both(node, head, lens, REVERTS, revert, failing)
    assert not said.ok
    assert said.revert_data == revert
    assert said.logs == ()
    assert said.answers == ((Failed(f"{REVERTS} reverted with 0x01"), (0, 0)),)


def test_it_starts_from_the_block_asked_for(node: Node, head: Head, lens: Lens) -> None:
    snapshot = node.call("evm_snapshot", [], quantity)
    node.send("eth_sendTransaction", [{"from": SENDER, "to": LOGGER, "gas": "0x100000"}], word)
    node.call("evm_mine", [], _ignore)
    assert node.head().number == head.number + 1
    said = _both(node, head, lens, LOGGER, b"", STATE)
    assert said.answers == (((1, head.timestamp + 77),),)
    node.call("evm_revert", [hex(snapshot)], _ignore)


def test_without_eth_simulatev1_it_forks_and_does_not_ask_again(
    node: Node, head: Head, lens: Lens, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Timestamp(head.timestamp + 5)
    expected = rehearse(node, head, SENDER, LOGGER, b"x", [STATE], at, lens)
    assert METHOD not in node.missing
    monkeypatch.setattr("keeper.chain.simulate_v1.METHOD", "eth_simulateV0")  # which no node knows
    for _ in range(2):
        assert rehearse(node, head, SENDER, LOGGER, b"x", [STATE], at, lens) == expected
    assert [timing.method for timing in node.take_timings()].count("eth_simulateV0") == 1


def test_a_block_that_is_gone_is_a_retry(node: Node, head: Head, lens: Lens) -> None:
    gone = Head(head.number, Hash("0x" + "11" * 32), head.timestamp, head.base_fee)
    for way in (simulate, on_fork):
        with pytest.raises(Retry, match="read a newer head"):
            way(node, gone, SENDER, LOGGER, b"", [STATE], Timestamp(head.timestamp + 1), lens)


def test_a_time_that_has_passed_is_refused(node: Node, head: Head, lens: Lens) -> None:
    with pytest.raises(ValueError, match="after the head's timestamp"):
        rehearse(node, head, SENDER, LOGGER, b"", [], head.timestamp, lens)


GOOD = {"status": "0x1", "gasUsed": "0x5208", "returnData": "0x", "logs": []}
FAILED = {"status": "0x0", "gasUsed": "0x5208", "returnData": "0x", "logs": []}


def _told(liar: Callable[[Behave], Liar], answer: Any) -> Node:
    return Node([liar(lambda handler, request: result(handler, request, answer)).url], ANVIL_CHAIN)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "expected one simulated block, found 0"),
        ([{"calls": [GOOD]}] * 2, "expected one simulated block, found 2"),
        ([{"calls": [GOOD]}], "expected 2 simulated calls, found 1"),
        ([{"calls": [GOOD] * 3}], "expected 2 simulated calls, found 3"),
        ([{}], "expected an array"),
        ([{"calls": [GOOD, {**GOOD, "gasUsed": None}]}], "expected a number"),
        ([{"calls": [GOOD, FAILED]}], "could not read after the rehearsed transaction"),
        ([{"calls": [GOOD, GOOD]}], "malformed answer to eth_simulateV1: expected 1 results"),
    ],
)
def test_a_nodes_nonsense_is_a_retry(
    liar: Callable[[Behave], Liar], head: Head, lens: Lens, answer: Any, words: str
) -> None:
    with pytest.raises(Retry, match=words):
        simulate(_told(liar, answer), head, SENDER, LOGGER, b"", [STATE], Timestamp(head.timestamp + 1), lens)


@pytest.mark.parametrize(
    ("error", "expected"),
    [({"data": "0xdead"}, b"\xde\xad"), ({"data": None}, b""), ({"data": "reverted"}, b""), (None, b"")],
)
def test_revert_data_may_stand_beside_the_error(
    liar: Callable[[Behave], Liar], head: Head, lens: Lens, error: Any, expected: bytes
) -> None:
    answer = [{"calls": [{**FAILED, "error": error}]}]
    said = simulate(_told(liar, answer), head, SENDER, LOGGER, b"", [], Timestamp(head.timestamp + 1), lens)
    assert (said.ok, said.revert_data) == (False, expected)


@pytest.mark.parametrize(
    ("code", "message"), [(-32601, "no"), (-32000, "the method eth_simulateV1 does not exist/is not available")]
)
def test_a_node_without_it_says_so_in_many_words(
    liar: Callable[[Behave], Liar], head: Head, lens: Lens, code: int, message: str
) -> None:
    def behave(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        asked = json.loads(request)
        if asked["method"] == "eth_chainId":
            result(handler, request, None)
        else:
            error = {"code": code, "message": message}
            reply(handler, json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}).encode())

    node = Node([liar(behave).url], ANVIL_CHAIN)
    for _ in range(2):
        with pytest.raises(Unsupported):
            simulate(node, head, SENDER, LOGGER, b"", [], Timestamp(head.timestamp + 1), lens)
    assert METHOD in node.missing
