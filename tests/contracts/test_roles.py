"""C-1: who may call what, asked of every function of every contract, against the manifest in roles.toml."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from keeper import abi
from keeper.world import RunningWorld
from tests.contracts.asking import address_of, ask, error_name, functions, zeros

MANIFEST: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("roles.toml").read_text())
ROLES = ("owner", "curator", "keeper", "sentinel", "user")
ROLE_ERRORS = {
    "NotOwner",
    "NotPendingOwner",
    "NotCurator",
    "NotKeeper",
    "NotSentinel",
    "NotVault",
    "AlreadyBound",
    "CallbackUnexpected",
}


@pytest.mark.parametrize("contract", MANIFEST)
def test_the_manifest_names_every_function_that_changes_state(contract: str) -> None:
    kinds = functions(contract)
    changing = {signature for signature, kind in kinds.items() if kind not in ("view", "pure")}
    assert changing == set(MANIFEST[contract])
    assert "payable" not in kinds.values()
    assert not [entry for entry in abi.load(contract).abi if entry["type"] in ("fallback", "receive")]


@pytest.mark.parametrize("contract", MANIFEST)
def test_every_cell(world: RunningWorld, contract: str) -> None:
    target = address_of(world, contract)
    for signature, row in MANIFEST[contract].items():
        for role in ROLES:
            data = ask(world, target, world.world.account(role), zeros(signature))
            found = None if data is None else error_name(data)
            cell = f"{contract}.{signature} as {role}: {found}"
            if row == "anyone":
                assert found not in ROLE_ERRORS, cell
            elif role not in row["may"]:
                assert found == row["refusal"], cell
            elif row.get("waits"):
                assert found == "NotSubmitted", cell
            else:
                assert found not in ROLE_ERRORS, cell


def test_the_keeper_enters_by_rebalance_alone() -> None:
    keepers = [
        (contract, signature)
        for contract, rows in MANIFEST.items()
        for signature, row in rows.items()
        if row != "anyone" and "keeper" in row["may"]
    ]
    assert [signature.split("(")[0] for _, signature in keepers] == ["rebalance"] * 3
    # C-2: a leg names a pool and amounts; nothing it takes is calldata for somebody else.
    assert not [signature for _, signature in keepers if "bytes," in signature or "bytes)" in signature]
