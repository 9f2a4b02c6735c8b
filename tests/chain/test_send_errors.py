"""Every client's words for a refused transaction mean what they say; unknown words mean nothing certain."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.chain.node import Node, RpcError, word
from keeper.chain.send_errors import _TABLE, Meaning, meaning
from keeper.chain.signer import world_key
from keeper.model import Transaction
from keeper.units import Gas, Hash, Wei

SIGNER = world_key("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80", lambda: True)


@pytest.mark.parametrize(("expected", "part"), [(expected, part) for expected, parts in _TABLE for part in parts])
def test_every_row_is_reached(expected: Meaning, part: str) -> None:
    assert part == part.lower()
    for message in (part, part.upper(), f"call failed: {part}, and some numbers: 12"):
        assert meaning(message) == expected


# Whole messages, as clients are known to state them.
SAID: list[tuple[str, Meaning]] = [
    ("already known", "known"),
    ("known transaction: 0x7f657507aee0511e36d2d1972a6b22e917cc89f92b6c12c4dbd57eaabb236960", "known"),
    ("Known transaction", "known"),
    ("INTERNAL_ERROR: existing tx with same hash", "known"),
    ("Transaction with the same hash was already imported.", "known"),
    ("nonce too low: next nonce 5, tx nonce 4", "nonce low"),
    ("OldNonce, Current nonce: 22, nonce of rejected tx: 17", "nonce low"),
    ("Transaction nonce is too low. Try incrementing the nonce.", "nonce low"),
    ("nonce too high: address 0x336394A3219e71D9d9bd18201d34E95C1Bb7122C, tx: 8089 state: 8090", "nonce high"),
    ("NonceGap, Future nonce. Expected nonce: 10", "nonce high"),
    ("replacement transaction underpriced", "replacement"),
    ("replacement transaction underpriced: new tx gas fee cap 10 <= 20 queued", "replacement"),
    (
        "Transaction gas price 100wei is too low. There is another transaction with same nonce in the queue.",
        "replacement",
    ),
    ("transaction underpriced: tip needed 1, tip permitted 0", "underpriced"),
    ("FeeTooLow, MaxFeePerGas too low. MaxFeePerGas: 50, BaseFee: 100", "underpriced"),
    ("max fee per gas less than block base fee: address 0x01, maxFeePerGas: 1, baseFee: 7", "underpriced"),
    ("insufficient funds for gas * price + value: address 0x01 have 1 want 2", "funds"),
    ("Upfront cost exceeds account balance", "funds"),
    ("intrinsic gas too low: gas 20000, minimum needed 21000", "refused"),
    ("tx fee (1.10 ether) exceeds the configured cap (1.00 ether)", "refused"),
    ("invalid sender", "refused"),
    ("upstream connect error", "ambiguous"),
    ("", "ambiguous"),
]


@pytest.mark.parametrize(("message", "expected"), SAID)
def test_whole_messages(message: str, expected: Meaning) -> None:
    assert meaning(message) == expected


@given(st.text(alphabet="qxyz 0123456789", max_size=60))
def test_unknown_words_are_ambiguous(words: str) -> None:
    assert meaning(words) == "ambiguous"


PLAIN = Transaction(31337, 0, SIGNER.address, Wei(0), b"", Gas(25_000), Wei(3 * 10**9), Wei(10**9))


@pytest.fixture(scope="module")
def busy(anvil: str) -> Node:
    """Nonce 0 is mined, nonce 1 pending."""
    node = Node([anvil], 31337)
    node.call("evm_setAutomine", [False], lambda _answer: None)
    _send(node, PLAIN)
    node.call("evm_mine", [], lambda _answer: None)
    _send(node, replace(PLAIN, nonce=1))
    return node


def _send(node: Node, transaction: Transaction) -> Hash:
    raw, _ = SIGNER.sign(transaction)
    return node.send("eth_sendRawTransaction", ["0x" + raw.hex()], word)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"nonce": 1}, "known"),
        ({"nonce": 1, "data": b"\x01"}, "replacement"),
        ({"nonce": 0}, "nonce low"),
        ({"nonce": 2, "gas": Gas(20_000)}, "refused"),
        ({"nonce": 2, "gas": Gas(10**9)}, "refused"),
        ({"nonce": 2, "max_fee": Wei(1), "tip": Wei(0)}, "underpriced"),
        ({"nonce": 2, "tip": Wei(4 * 10**9)}, "refused"),
        ({"nonce": 2, "chain_id": 1}, "refused"),
        ({"nonce": 2, "value": Wei(10**30)}, "funds"),
    ],
)
def test_what_a_real_node_says(busy: Node, change: dict[str, int], expected: Meaning) -> None:
    with pytest.raises(RpcError) as caught:
        _send(busy, replace(PLAIN, **change))  # type: ignore[arg-type]
    assert meaning(caught.value.message) == expected
