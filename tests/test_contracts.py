"""What the contracts' sources and ABIs promise as text: who calls what is listed, and nothing calls anywhere else."""

import json
import re
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper import abi
from keeper.vaults import reverts

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ROOT / "contracts"
ERC20 = {"approve", "transfer", "transferFrom"}
DOORS = {"deposit", "mint", "withdraw", "redeem", "redeemInKind"}
MANIFEST = {
    "Guard": {
        "nobody": {"bind", "acceptOwnership"},
        "owner": {"offerOwnership", "setCurator", "setSentinel", "unpause"},
        "curator": {"submit", "setLimits", "setHealthLimits"},
        "curator, a day later": {"abdicate", "addKeeper", "addVenue", "setFeed"},
        "sentinel": {"pause", "removeKeeper", "removeVenue", "revoke"},
        "vault": {"admit", "admitRipcord", "settle", "useUp", "weigh"},
    },
    "BasketVault": {
        "anyone": ERC20 | DOORS | {"depositInKind"},
        "keeper": {"rebalance"},
        "curator, a day later": {"setFees", "setWeights"},
        "the pool in flight": {"uniswapV3SwapCallback"},
    },
    "LeverageVault": {
        "anyone": ERC20 | DOORS | {"unpledge"},
        "anyone, in an emergency": {"pullRipcord"},
        "keeper": {"rebalance"},
        "curator, a day later": {"setFees"},
        "the pool in flight": {"executeOperation", "uniswapV3SwapCallback"},
    },
    "RangeVault": {
        "anyone": ERC20 | {"deposit", "redeemInKind"},
        "keeper": {"rebalance"},
        "curator, a day later": {"setWidth"},
        "the pool in flight": {"uniswapV3MintCallback", "uniswapV3SwapCallback"},
    },
}
"""C-1: every function that changes state, by who may call it. The cells are called one by one in the Solidity tests."""

LOW_LEVEL = {
    "guard/Prices.sol": ["aggregator.staticcall"],
    "guard/Sequencer.sol": ["feed.staticcall"],
    "lens/KeeperLens.sol": ["calls[i].target.staticcall", "staticcall"],
    "range/RangePosition.sol": ["address(POOL).call"],
    "vaults/GuardedVault.sol": ["staticcall"],
    "vaults/LeverageVault.sol": ["pool.call"],
}
"""C-2: every low-level call of the sources. Those that can change state go to an immutable address."""


@pytest.mark.parametrize("contract", sorted(MANIFEST))
def test_c1_every_function_that_changes_state_is_in_the_manifest(contract: str) -> None:
    found = {
        entry["name"]
        for entry in abi.load(contract).abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert found == set().union(*MANIFEST[contract].values())


def test_c2_low_level_calls_have_fixed_targets() -> None:
    found = {}
    for path, text in _sources():
        calls = re.findall(r"[\w.\[\]()]+\.(?:static)?call(?=\s*[({])|\b(?:static|delegate)?call(?=\(gas\(\))", text)
        if calls:
            found[path] = calls
    assert found == LOW_LEVEL
    assert "address public immutable override pool;" in (CONTRACTS / "vaults/LeverageVault.sol").read_text()
    assert "IRangePool internal immutable POOL;" in (CONTRACTS / "range/RangePosition.sol").read_text()


def test_c37_every_gas_figure_is_committed() -> None:
    """forge compares the figures that are there; here that none is missing, and none left over."""
    recorded: dict[str, set[str]] = {}
    for kind, name in re.findall(r'_record\("(\w+)", "([^"]+)"\)', (ROOT / "tests/solidity/Gas.t.sol").read_text()):
        recorded.setdefault(kind, set()).add(name)
    committed = {path.stem: set(json.loads(path.read_text())) for path in (ROOT / "snapshots").glob("*.json")}
    assert committed == recorded


def test_c38_nothing_can_be_upgraded_or_destroyed() -> None:
    for path, text in _sources():
        for word in ("delegatecall", "selfdestruct", "callcode", "create2", "tx.origin"):
            assert word not in text, f"{path} says {word}"


def test_c40_every_refusal_is_typed() -> None:
    for path, text in _sources():
        assert not re.search(r'\brequire\s*\([^;]*"|\brevert\s*\(\s*"|\brevert\s*\(\s*\)\s*;|\bassert\s*\(', text), path


def test_c40_every_error_of_the_abi_is_decoded_into_a_sentence() -> None:
    named = 0
    for contract in MANIFEST:
        for entry in abi.load(contract).abi:
            if entry["type"] != "error":
                continue
            kinds = [value["type"] for value in entry["inputs"]]
            data = _error(entry["name"], kinds)
            assert reverts.explain(data).startswith(entry["name"]), entry["name"]
            named += 1
    assert named > 100


def _error(name: str, kinds: list[str]) -> bytes:
    """Revert data of a custom error with values of no meaning."""
    values = [b"" if kind == "bytes" else _value(kind) for kind in kinds]
    return keccak(text=f"{name}({','.join(kinds)})")[:4] + encode(kinds, values)


def _value(kind: str) -> object:
    if kind == "address":
        return "0x" + 40 * "1"
    return b"\1" * int(kind[5:]) if kind.startswith("bytes") else 1


def _sources() -> list[tuple[str, str]]:
    """Path and text of every contract, comments left out."""
    found = []
    for path in sorted(CONTRACTS.rglob("*.sol")):
        text = re.sub(r"//[^\n]*", "", path.read_text())
        found.append((path.relative_to(CONTRACTS).as_posix(), text))
    return found
