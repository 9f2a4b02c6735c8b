"""Tokens read from bytecode: what is no token is named, what is one is called as it calls itself."""

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from keeper import errors
from keeper.model import Failed, Token
from keeper.protocols import erc20
from keeper.units import Address, address

ADMIN = Address("0x00000000000000000000000000000000000000ad")


def test_an_account_without_code_is_named(make_chain):
    with pytest.raises(errors.BadInput, match=r"0x0+ad does not answer as an ERC-20 token .*: check the address"):
        make_chain().ask(erc20.facts(ADMIN))


def test_more_decimals_than_a_price_can_carry_are_refused(make_chain):
    chain = make_chain()
    with pytest.raises(errors.BadInput, match="expected at most 36 decimals, found 37"):
        chain.ask(erc20.facts(address(chain.token(37))))


@pytest.mark.parametrize("text", ["", "\x1b[31mETH", "A" * 25, "two\nlines"])
def test_a_symbol_that_would_write_on_a_terminal_is_no_symbol(text):
    with pytest.raises(ValueError, match="expected"):
        erc20.decode_symbol(encode(["string"], [text]))


def test_a_token_without_a_symbol_is_called_by_its_address():
    build = erc20.facts(ADMIN).build
    assert build([Failed("it reverted"), 18, 0]) == Token(ADMIN, "0x000000", 18)


def test_a_symbol_of_the_old_kind_is_read():
    assert erc20.decode_symbol(b"MKR" + bytes(29)) == "MKR"


@given(st.text(min_size=1, max_size=24).filter(str.isprintable))
def test_a_symbol_is_read_as_written(text):
    assert erc20.decode_symbol(encode(["string"], [text])) == text


@pytest.mark.parametrize("decimals", [0, 6, 8, 18, 36])
def test_a_token_is_read_with_its_balances(make_chain, decimals):
    chain = make_chain()
    token = address(chain.token(decimals, "WBTC"))
    chain.send(token, "mint(address,uint256)", ADMIN, 123)
    assert chain.ask(erc20.facts(token)) == Token(token, "WBTC", decimals)
    read = erc20.balance_of(token, ADMIN)
    assert read.decode(chain.raw(read.target, read.calldata)) == 123
