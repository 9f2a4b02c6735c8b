"""Calldata and returned words, against eth_abi as the independent encoder."""

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from keeper import errors
from keeper.model import Failed, Question, Read
from keeper.protocols import lens, wire
from keeper.units import Address

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: Address("0x" + raw.hex()))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_word_of_another_length_is_refused(size):
    with pytest.raises(ValueError, match=f"expected 32 bytes, found {size}"):
        wire.uint(bytes(size))


def test_a_word_with_more_than_an_address_is_refused():
    with pytest.raises(ValueError, match="expected an address"):
        wire.address(b"\1" + bytes(31))


def test_a_failed_read_is_named_by_who_was_asked():
    answers = [1, Failed("it reverted with no data")]
    with pytest.raises(errors.Retry, match="the pair could not be read: it reverted with no data"):
        wire.answered(answers, "the pair")
    with pytest.raises(errors.BadInput, match="0x00 does not answer as a pair does"):
        wire.recognised(answers, Address("0x00"), "a pair")
    assert wire.answered([1, 0, None], "the pair") == [1, 0, None]


@given(st.lists(st.integers(0, 4)))
def test_joined_questions_each_get_their_own_answers(sizes):
    read = Read(Address("0x" + "11" * 20), b"", bytes)
    whole = wire.joined([Question((read,) * size, tuple) for size in sizes])
    answers = iter(wire.joined([whole]).build(range(sum(sizes)))[0])
    assert len(whole.reads) == sum(sizes)
    assert [len(answer) for answer in whole.build(range(sum(sizes)))] == sizes
    assert [value for answer in answers for value in answer] == list(range(sum(sizes)))


@given(addresses, st.integers(-(2**15), 2**15 - 1), st.integers(0, 2**256 - 1))
def test_calldata_is_what_the_abi_says(account, word, amount):
    signature = "f(address,int16,uint256)"
    expected = keccak(text=signature)[:4] + encode(["address", "int16", "uint256"], [account, word, amount])
    assert wire.calldata(signature, account, word, amount) == expected


@given(st.lists(st.integers(0, 2**256 - 1), min_size=1, max_size=8))
def test_words_come_back(values):
    assert wire.words(encode(["uint256"] * len(values), values), len(values)) == tuple(values)


@given(st.integers(-(2**255), 2**255 - 1))
def test_signed_words_come_back(value):
    assert wire.signed(wire.uint(encode(["int256"], [value]))) == value


@given(addresses)
def test_addresses_come_back(account):
    assert wire.address(encode(["address"], [account])) == account


@given(st.dictionaries(st.integers(-887_272, 887_272), st.integers(-(2**127), 2**127 - 1)))
def test_packed_ticks_come_back(nets):
    ticks = tuple(sorted(nets.items()))
    packed = b"".join(t.to_bytes(3, "big", signed=True) + n.to_bytes(16, "big", signed=True) for t, n in ticks)
    assert lens.decode_ticks(encode(["bytes"], [packed])) == ticks


@pytest.mark.parametrize(
    ("packed", "complaint"), [(bytes(18), "expected 19 bytes a tick"), (bytes(38), "expected ticks in ascending order")]
)
def test_packed_ticks_that_are_not_whole_or_not_in_order_are_refused(packed, complaint):
    with pytest.raises(ValueError, match=complaint):
        lens.decode_ticks(encode(["bytes"], [packed]))


def test_no_bytes_are_no_ticks():
    with pytest.raises(ValueError, match="expected packed ticks, found 0 bytes"):
        lens.decode_ticks(b"")
