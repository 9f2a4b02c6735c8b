"""C-40: every revert is an error with a name and what was found, and the keeper makes a sentence of each."""

import random
import re
from pathlib import Path

import pytest

from keeper import abi
from keeper.protocols import wire
from keeper.vaults import reverts
from keeper.world import RunningWorld, calls
from tests.contracts.asking import address_of, ask, drawn, error_name, functions

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for part in ("guard", "range", "vaults") for path in (ROOT / "contracts" / part).glob("*.sol"))
CONTRACTS = ("Guard", "BasketVault", "LeverageVault", "RangeVault")
TRIES = 15
SAMPLES = {"address": "0x" + "11" * 20, "bytes": b"", "bytes4": b"1234", "bytes32": b"1" * 32}
UNREASONABLE = 2**160
"""An amount from which on products may not fit a word: EIP-4626 lets a vault revert then, and the arithmetic panics."""
PULLING = ("deposit", "mint", "depositInKind", "redeemInKind")
"""What takes tokens from its caller: a token refuses in its own words."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_source_reverts_with_a_string_or_with_nothing(path: Path) -> None:
    code = re.sub(r"//[^\n]*", "", path.read_text())
    assert not re.findall(r"\brequire\s*\(|\bassert\s*\(|\brevert\s*\(\s*\"|\brevert\s*\(\s*\)|\brevert\s*;", code)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_keeper_explains_every_error_of_the_abi(contract: str) -> None:
    errors = [entry for entry in abi.load(contract).abi if entry["type"] == "error"]
    assert len(errors) > 20
    for entry in errors:
        kinds = [part["type"] for part in entry["inputs"]]
        signature = f"{entry['name']}({','.join(kinds)})"
        values = [SAMPLES.get(kind, 7) for kind in kinds]
        said = reverts.explain(calls.encode(signature, *values) if kinds else wire.selector(signature))
        assert said.startswith(f"{entry['name']}: "), said
        assert said.count("(") <= 1 + said.count("0x"), said
        for part in entry["inputs"]:
            assert re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", part["name"]).lower() in said, said


@pytest.mark.parametrize("contract", CONTRACTS)
def test_whatever_is_sent_the_answer_is_typed(world: RunningWorld, contract: str) -> None:
    draw = random.Random(contract)
    known = [world.world.account(role) for role in ("owner", "curator", "keeper", "sentinel", "user")]
    known += [world.world.token(symbol).address for symbol in ("USDC", "WETH")] + [address_of(world, contract)]
    known += [pool.address for pool in world.world.pools[:3]]
    untyped = set()
    for signature, kind in functions(contract).items():
        for _ in range(TRIES if kind not in ("view", "pure") else 3):
            call = drawn(signature, draw, known)
            data = ask(world, address_of(world, contract), draw.choice(known), call)
            if data is not None and not error_name(data)[0].isupper() and not _excused(signature, call, data):
                untyped.add(f"{signature}: {reverts.explain(data)}: 0x{call.hex()}")
    assert not untyped, "\n".join(sorted(untyped))


def _excused(signature: str, call: bytes, data: bytes) -> bool:
    if data[:4] == wire.selector("Panic(uint256)"):
        return any(int.from_bytes(call[at : at + 32], "big") >= UNREASONABLE for at in range(4, len(call), 32))
    return data[:4] == wire.selector("Error(string)") and signature.split("(")[0] in PULLING
