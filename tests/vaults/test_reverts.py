"""Whatever a call fails with is said in words: our own errors, the protocols' codes, and one inside the other."""

import json
import re
from pathlib import Path

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from keeper.protocols import wire
from keeper.vaults import foreign
from keeper.vaults.reverts import explain

ROOT = Path(__file__).resolve().parents[2]
AAVE_SOURCE = ROOT / "node_modules/@aave/core-v3/contracts/protocol/libraries/helpers/Errors.sol"
V3_POOL = ROOT / "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Pool.sol/UniswapV3Pool.json"


def text(words: str) -> bytes:
    return wire.selector("Error(string)") + encode(["string"], [words])


def wrapped(inside: bytes) -> bytes:
    return wire.selector("ExternalCallFailed(address,bytes)") + encode(["address", "bytes"], ["0x" + "11" * 20, inside])


def test_every_code_of_the_lending_pool_is_known_by_its_own_name() -> None:
    """Of the deployed release; later ones added codes, and then typed errors of the same names."""
    stated = re.findall(r"constant (\w+) = '(\d+)'", AAVE_SOURCE.read_text())
    assert len(stated) > 80
    for name, code in stated:
        assert foreign.AAVE[code] == "".join(part.capitalize() for part in name.split("_"))
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", foreign.AAVE[code]).lower()
        assert explain(text(code)) == f"reverted with '{code}' (Aave: {words})"
        assert explain(wire.selector(f"{foreign.AAVE[code]}()")).startswith(f"{foreign.AAVE[code]}: ")


def test_every_abbreviation_that_the_pools_bytecode_pushes_is_known() -> None:
    """The compiler pushes a short string and shifts it to the left of its word."""
    code = json.loads(V3_POOL.read_text())["deployedBytecode"]
    found = set()
    for length, shift in ((1, "f8"), (2, "f0"), (3, "e8")):
        for pushed in re.findall(rf"{0x5F + length:x}((?:[0-9a-f]{{2}}){{{length}}})60{shift}1b", code):
            word = bytes.fromhex(pushed)
            if word.isalnum():
                found.add(word.decode())
    assert len(found) > 10
    assert found <= set(foreign.UNISWAP_V3)
    assert explain(text("SPL")) == "reverted with 'SPL' (Uniswap: the price limit is on the wrong side of the price)"


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (text("35"), "(Aave: health factor lower than liquidation threshold)"),
        (wire.selector("ReserveFrozen()"), "ReserveFrozen: reserve frozen"),
        (text("UniswapV2: K"), "reverted with 'UniswapV2: K'"),
        (
            wire.selector("ERC20InsufficientBalance(address,uint256,uint256)")
            + encode(["address", "uint256", "uint256"], ["0x" + "22" * 20, 5, 9]),
            "balance 5, needed 9",
        ),
        (wrapped(text("SPL")), "the price limit is on the wrong side of the price"),
        (b"", "reverted without a reason"),
        (bytes.fromhex("deadbeef"), "the unknown error 0xdeadbeef"),
        (wire.selector("Panic(uint256)") + (17).to_bytes(32, "big"), "panicked with code 0x11"),
    ],
)
def test_what_a_vault_wraps_is_said_inside(inside: bytes, said: str) -> None:
    sentence = explain(wrapped(inside))
    assert sentence.startswith("ExternalCallFailed: external call failed (target 0x1111")
    assert said in sentence


@given(st.binary(max_size=200))
def test_no_data_is_too_odd_for_a_sentence(data: bytes) -> None:
    for known in (b"", wire.selector("Error(string)"), wire.selector("ExternalCallFailed(address,bytes)")):
        assert explain(known + data)
