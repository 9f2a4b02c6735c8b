"""One pinned call answers every read as asking each alone would; what fails stays in its place."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.chain.node import Node, data
from keeper.chain.observe import (
    BATCH_GAS,
    CALL_GAS,
    MAX_CALLDATA_BYTES,
    MAX_READS,
    READ_SELECTOR,
    Lens,
    ask,
    batches,
    decode,
    encode,
    has_code,
)
from keeper.errors import BadInput, Halt, Retry
from keeper.model import READ_GAS, Failed, Question, Read
from keeper.units import Address, Hash

from .conftest import ANVIL_CHAIN, Behave, Liar, reply, result

ECHO = Address("0x" + "ec" * 20)
REVERTS = Address("0x" + "ee" * 20)
CLOCK = Address("0x" + "cc" * 20)
SPENDS = Address("0x" + "55" * 20)
CODE = {
    ECHO: "0x365f5f37365ff3",  # returns its calldata
    REVERTS: "0x365f5f37365ffd",  # reverts with its calldata
    CLOCK: "0x425f5260205ff3",  # returns block.timestamp
    SPENDS: "0x5f355b600190038060025760205ff3",  # counts down from its calldata, then returns a word
}
NOWHERE = Address("0x" + "99" * 20)

calls = st.lists(st.tuples(st.sampled_from([ECHO, REVERTS, NOWHERE]), st.binary(max_size=100)), max_size=30)


def _reads(asked: list[tuple[Address, bytes]]) -> tuple[Read, ...]:
    return tuple(Read(target, calldata, bytes) for target, calldata in asked)


@pytest.fixture(scope="module")
def block(anvil: str) -> Hash:
    node = Node([anvil], ANVIL_CHAIN)
    for target, code in CODE.items():
        node.call("anvil_setCode", [target, code], lambda answer: answer)
    node.call("anvil_mine", [], lambda answer: answer)
    return node.head().hash


@given(calls)
def test_calldata_is_what_the_abi_says(asked: list[tuple[Address, bytes]]) -> None:
    assert encode(_reads(asked)) == READ_SELECTOR + eth_abi.encode(["(address,bytes)[]"], [asked])


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=30))
def test_results_are_what_the_abi_says(results: list[tuple[bool, bytes]]) -> None:
    assert decode(eth_abi.encode(["(bool,bytes)[]"], [results]), len(results)) == results


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), min_size=1, max_size=4), st.data())
def test_damaged_results_are_refused_or_read_within_bounds(results: list[tuple[bool, bytes]], draw: Any) -> None:
    encoded = bytearray(eth_abi.encode(["(bool,bytes)[]"], [results]))
    at = draw.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= draw.draw(st.integers(1, 255))
    cut = bytes(encoded[: draw.draw(st.integers(0, len(encoded)))])
    try:
        decoded = decode(cut, len(results))
    except ValueError:
        return
    assert len(decoded) == len(results)


@given(st.lists(st.integers(0, MAX_CALLDATA_BYTES // 3), max_size=12))
def test_batches_keep_the_order_and_the_limits(sizes: list[int]) -> None:
    reads = _reads([(ECHO, bytes(size)) for size in sizes])
    split = list(batches(reads))
    assert [read for batch in split for read in batch] == list(reads)
    assert all(batch and len(encode(batch)) <= MAX_CALLDATA_BYTES + 100 for batch in split)
    if sum(sizes) + 200 * len(sizes) < MAX_CALLDATA_BYTES:
        assert len(split) <= 1


def test_the_limit_itself_still_goes_in_one_call() -> None:
    weight_of_an_empty_read = 5 * 32
    half = MAX_CALLDATA_BYTES // 2 - weight_of_an_empty_read
    for sizes, calls in (((half, half), 1), ((half, half + 1), 2), ((half, half, 0), 2), ((4 * half,), 1)):
        assert len(list(batches(_reads([(ECHO, bytes(size)) for size in sizes])))) == calls
    after_a_split = [half, half, half, half + 1]
    split = [len(batch) for batch in batches(_reads([(ECHO, bytes(size)) for size in after_a_split]))]
    assert split == [2, 1, 1], "each call starts counting anew"


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


# One result, ok, of two bytes.
ONE = [_word(32), _word(1), _word(32), _word(1), _word(64), _word(2), b"\xab\xcd" + bytes(30)]


def test_one_result_by_hand() -> None:
    assert decode(b"".join(ONE), 1) == [(True, b"\xab\xcd")]
    assert decode(b"".join([*ONE[:3], _word(0), *ONE[4:]]), 1) == [(False, b"\xab\xcd")]


@pytest.mark.parametrize(
    ("position", "word", "words"),
    [
        (1, _word(0), "expected 1 results"),
        (1, _word(2), "expected 1 results"),
        (2, _word(96), "result 0 lies outside"),
        (2, _word(65), "result 0 lies outside"),
        (2, _word(2**255), "result 0 lies outside"),
        (4, _word(96), "result 0 lies outside"),
        (5, _word(33), "result 0 ends outside"),
        (5, _word(2**255), "result 0 ends outside"),
    ],
)
def test_a_result_that_points_astray_is_refused(position: int, word: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode(b"".join([*ONE[:position], word, *ONE[position + 1 :]]), 1)


def test_a_cut_answer_is_refused() -> None:
    whole = b"".join(ONE)
    for length in range(len(whole) - 30):
        with pytest.raises(ValueError, match=r"expected 1 results|lies outside|ends outside"):
            decode(whole[:length], 1)
    with pytest.raises(ValueError, match="expected 3 results"):
        decode(_word(32) + _word(3) + bytes(64), 3)


def test_more_reads_than_one_call_takes_go_in_two() -> None:
    assert [len(batch) for batch in batches(_reads([(ECHO, b"")] * (MAX_READS + 1)))] == [MAX_READS, 1]


def test_every_read_answers_as_if_asked_alone(node: Node, block: Hash, lens: Lens) -> None:
    asked = [(target, bytes([n]) * n) for n in range(40) for target in (ECHO, REVERTS, NOWHERE)]
    node.check_chain_id()
    before = node.requests
    (answers,) = ask(node, [Question(_reads(asked), list)], block, lens)
    assert node.requests == before + 1
    assert answers[:3] == [b"", Failed(f"{REVERTS} reverted with no data"), b""]
    for (target, calldata), answer in zip(asked, answers, strict=True):
        if target == REVERTS:
            assert isinstance(answer, Failed)
        else:
            call = {"to": target, "data": "0x" + calldata.hex()}
            assert answer == node.call("eth_call", [call, "latest"], data)


TURN_GAS = 26
"""Of one turn of SPENDS."""


def _spending(gas: int, told: int | None = None) -> Read:
    """A read that needs about `gas`, and says that it needs `told`."""
    return Read(SPENDS, _word(gas // TURN_GAS), len, gas if told is None else told)


def test_reads_are_shared_out_by_the_gas_they_need(node: Node, block: Hash, lens: Lens) -> None:
    few = [Read(ECHO, bytes([n]), bytes) for n in range(50)]
    asked = [*few, _spending(11 * 10**6), _spending(12 * 10**6), _spending(13 * 10**6)]
    split = list(batches(asked))
    assert [len(batch) for batch in split] == [52, 1]
    assert max(sum(read.gas for read in batch) for batch in split) < BATCH_GAS
    node.check_chain_id()
    before = node.requests
    (answers,) = ask(node, [Question(tuple(asked), list)], block, lens)
    assert node.requests == before + 2
    assert answers == [*(bytes([n]) for n in range(50)), 32, 32, 32]


def test_reads_that_need_more_than_they_say_are_asked_again(node: Node, block: Hash, lens: Lens) -> None:
    heavy = [_spending(each * 10**6, READ_GAS + 1) for each in (20, 21, 22)]
    asked = [Read(ECHO, b"first", bytes), *heavy, Read(ECHO, b"last", bytes)]
    assert len(list(batches(asked))) == 1
    (answers,) = ask(node, [Question(tuple(asked), list)], block, lens)
    assert answers == [b"first", 32, 32, 32, b"last"]


def test_reads_of_a_node_that_gives_little_gas_are_halved_till_they_fit(
    liar: Callable[[Behave], Liar], anvil: str, block: Hash, lens: Lens
) -> None:
    """Of reads that say nothing of gas: a node's cap may be any."""
    honest = Node([anvil], ANVIL_CHAIN)

    def capped(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        asked = json.loads(request)
        if len(request) > 20_000:
            refused = {"code": -32000, "message": "out of gas"}
            reply(handler, json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": refused}).encode())
        else:
            result(handler, request, honest.call(asked["method"], asked["params"], lambda answer: answer))

    asked = _reads([(ECHO, bytes([n]) * 100) for n in range(60)])
    (answers,) = ask(Node([liar(capped).url], ANVIL_CHAIN), [Question(asked, list)], block, lens)
    assert answers == [bytes([n]) * 100 for n in range(60)]
    with pytest.raises(Retry, match="out of gas"):
        ask(_node_that(liar, {"code": -32000, "message": "out of gas"}), [Question(asked, list)], block, lens)


def test_parts_of_a_block_are_not_read_from_two_providers(
    liar: Callable[[Behave], Liar], anvil: str, block: Hash, lens: Lens
) -> None:
    """The first provider answers one of them, always; the second is asked for both, and is in use from then on."""
    honest, light, heavy = Node([anvil], ANVIL_CHAIN), _spending(10**6, BATCH_GAS), _spending(2 * 10**6, BATCH_GAS)
    seen: list[tuple[int, bytes]] = []

    def provider(number: int, fails: Read | None) -> Behave:
        def behave(handler: BaseHTTPRequestHandler, request: bytes) -> None:
            asked = json.loads(request)
            seen.extend((number, read.calldata) for read in (light, heavy) if read.calldata.hex() in request.decode())
            if fails is not None and fails.calldata.hex() in request.decode():
                handler.close_connection = True
            else:
                result(handler, request, honest.call(asked["method"], asked["params"], lambda answer: answer))

        return behave

    node = Node([liar(provider(0, heavy)).url, liar(provider(1, None)).url], ANVIL_CHAIN)
    assert ask(node, [Question((light, heavy), list)], block, lens) == [[32, 32]]
    assert {(1, light.calldata), (1, heavy.calldata)} <= set(seen)
    assert [provider.index for provider in node.providers()] == [1, 0]


def test_parts_of_another_chains_block_halt_as_any_question_does(anvil: str, block: Hash, lens: Lens) -> None:
    node, parts = Node([anvil], ANVIL_CHAIN + 1), (_spending(10**6, BATCH_GAS), _spending(2 * 10**6, BATCH_GAS))
    with pytest.raises(Retry, match="is on chain"):
        ask(node, [Question(parts, list)], block, lens)
    with pytest.raises(Halt, match="no provider is on chain"):
        ask(node, [Question(parts, list)], block, lens)


def test_what_no_call_has_the_gas_for_fails_alone(node: Node, block: Hash, lens: Lens) -> None:
    asked = (_spending(CALL_GAS + 10**6), _spending(10**6), Read(ECHO, b"last", bytes))
    (answers,) = ask(node, [Question(asked, list)], block, lens)
    assert answers == [Failed(f"{SPENDS} reverted with no data"), 32, b"last"]


def test_the_read_is_pinned_to_the_block(node: Node, block: Hash, lens: Lens) -> None:
    question = Question((Read(CLOCK, b"", lambda answer: int.from_bytes(answer, "big")),), lambda answers: answers[0])
    old = node.block(block)
    assert old is not None
    node.call("anvil_mine", ["0x1", "0x64"], lambda answer: answer)
    new = node.head()
    assert ask(node, [question], block, lens) == [old.timestamp]
    assert ask(node, [question], new.hash, lens) == [new.timestamp]
    assert old.timestamp < new.timestamp


def test_each_question_gets_its_own_answers_and_shared_reads_are_made_once(node: Node, block: Hash, lens: Lens) -> None:
    shared = Read(ECHO, b"shared", bytes)
    shouted = Read(ECHO, b"shared", bytes.upper)
    first = Question((shared, Read(ECHO, b"one", bytes)), tuple)
    second = Question((Read(ECHO, b"two", bytes), shouted), tuple)
    node.take_timings()
    assert ask(node, [first, second, first], block, lens) == [
        (b"shared", b"one"),
        (b"two", b"SHARED"),
        (b"shared", b"one"),
    ]
    assert ask(node, [], block, lens) == []


def test_a_decoder_that_refuses_becomes_failed(node: Node, block: Hash, lens: Lens) -> None:
    def refuse(answer: bytes) -> int:
        raise ValueError(f"expected 32 bytes, found {len(answer)}")

    question = Question((Read(ECHO, b"x", refuse), Read(ECHO, b"y", bytes)), tuple)
    ((failed, fine),) = ask(node, [question], block, lens)
    assert failed == Failed(f"{ECHO} returned what could not be decoded: expected 32 bytes, found 1")
    assert fine == b"y"


@pytest.mark.parametrize(
    ("revert", "words"),
    [
        (bytes.fromhex("08c379a0") + eth_abi.encode(["string"], ["too late"]), "'too late'"),
        (bytes.fromhex("4e487b71") + eth_abi.encode(["uint256"], [0x11]), "panic 0x11"),
        (bytes.fromhex("deadbeef"), "0xdeadbeef"),
        (bytes.fromhex("08c379a0") + bytes(32), "0x08c379a0" + "00" * 32),
        (bytes.fromhex("08c379a0") + bytes(64), "''"),
        (b"\xab" * 100, "0x" + "ab" * 68),
        (bytes.fromhex("08c379a0") + eth_abi.encode(["string"], ["x" * 300]), repr("x" * 200)),
    ],
)
def test_a_revert_is_worded(node: Node, block: Hash, lens: Lens, revert: bytes, words: str) -> None:
    ((failed,),) = ask(node, [Question((Read(REVERTS, revert, bytes),), tuple)], block, lens)
    assert failed == Failed(f"{REVERTS} reverted with {words}")


def test_a_block_the_node_does_not_have_is_a_retry(node: Node, lens: Lens) -> None:
    gone = Hash("0x" + "11" * 32)
    with pytest.raises(Retry, match=f"does not have block {gone}.*read a newer head"):
        ask(node, [Question(_reads([(ECHO, b"")]), tuple)], gone, lens)


def test_code_is_looked_for_in_the_block(node: Node, block: Hash) -> None:
    assert has_code(node, ECHO, block)
    assert not has_code(node, NOWHERE, block)
    with pytest.raises(Retry, match="read a newer head"):
        has_code(node, ECHO, Hash("0x" + "11" * 32))


def _node_that(liar: Callable[[Behave], Liar], error: dict[str, Any] | None) -> Node:
    """A provider that answers every question but its chain id with `error`, or with no bytes."""

    def behave(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        asked = json.loads(request)
        if error is None or asked["method"] == "eth_chainId":
            result(handler, request, "0x")
        else:
            reply(handler, json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}).encode())

    return Node([liar(behave).url], ANVIL_CHAIN)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (None, BadInput, "ignored the state override"),
        ({"code": -32602, "message": "too many arguments, want at most 2"}, BadInput, "want at most 2"),
        ({"code": -32000, "message": "missing trie node 0x12"}, BadInput, "keeps no state.*use an archive node"),
        ({"code": -32000, "message": "header for hash not found"}, Retry, "read a newer head"),
        ({"code": -32000, "message": "hash is not currently canonical"}, Retry, "read a newer head"),
        ({"code": -32000, "message": "execution timeout"}, Retry, "execution timeout"),
    ],
)
def test_a_node_that_cannot_read_so_is_named_in_one_sentence(
    liar: Callable[[Behave], Liar], block: Hash, lens: Lens, error: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        ask(_node_that(liar, error), [Question(_reads([(ECHO, b"")]), tuple)], block, lens)


def test_returned_nonsense_is_a_retry(liar: Callable[[Behave], Liar], block: Hash, lens: Lens) -> None:
    node = Node([liar(lambda handler, request: result(handler, request, "0x" + "00" * 64)).url], ANVIL_CHAIN)
    with pytest.raises(Retry, match="malformed answer to eth_call: expected 1 results, found 64 bytes"):
        ask(node, [Question(_reads([(ECHO, b"")]), tuple)], block, lens)
