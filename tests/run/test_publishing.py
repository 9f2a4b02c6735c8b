"""The L1 data fee: what a plan counts, against what an OP Stack rollup's own contracts take for its transaction."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import rlp
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper import guard
from keeper.chain.node import data
from keeper.config import parse
from keeper.model import Approved
from keeper.protocols.op_stack import GAS_PRICE_ORACLE
from keeper.run import Keeper, open_keeper
from keeper.run.round import agrees
from keeper.world import RunningWorld, rpc
from tests.run.settings import text

ARTEFACTS = Path(__file__).resolve().parents[2] / "node_modules/@eth-optimism/contracts-bedrock/forge-artifacts"
L1_BLOCK = "0x4200000000000000000000000000000000000015"
DEPOSITOR = "0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001"
GWEI = 10**9
SCALARS = (2_269, 1_055_762)
"""Of the L1's base fee and of its blobs', as Base has them since July 2024."""
L1_FEES = (20 * GWEI, 5 * GWEI)
UPGRADES = {"Bedrock": (), "Ecotone": ("setEcotone()",), "Fjord": ("setEcotone()", "setFjord()")}
CLOSE = 0.25
"""The fee depends on every byte, which a plan's cost does not know; measured: 6 to 19 %."""
NAMES = ("core", "lever", "range")


def rollup(running: RunningWorld, upgrade: str) -> None:
    """Puts the predeploys of an OP Stack chain where they belong, with the L1's fees as of a busy day."""
    for address, name in ((GAS_PRICE_ORACLE, "GasPriceOracle"), (L1_BLOCK, "L1Block")):
        built = json.loads((ARTEFACTS / f"{name}.sol/{name}.json").read_text())
        rpc.request(running.url, "anvil_setCode", address, built["deployedBytecode"]["object"])
    rpc.request(running.url, "anvil_setBalance", DEPOSITOR, hex(10**18))
    rpc.request(running.url, "anvil_impersonateAccount", DEPOSITOR)
    calls = [(GAS_PRICE_ORACLE, keccak(text=one)[:4]) for one in UPGRADES[upgrade]]
    if upgrade == "Bedrock":
        signature = "setL1BlockValues(uint64,uint64,uint256,bytes32,uint64,bytes32,uint256,uint256)"
        types = signature[signature.index("(") + 1 : -1].split(",")
        values = encode(types, [1, 1, L1_FEES[0], bytes(32), 0, bytes(32), 188, 684_000])
        calls.append((L1_BLOCK, keccak(text=signature)[:4] + values))
    else:
        packed = b"".join(n.to_bytes(size, "big") for n, size in zip((*SCALARS, 0, 1, 1), (4, 4, 8, 8, 8), strict=True))
        words = b"".join(n.to_bytes(32, "big") for n in (*L1_FEES, 0, 0))
        calls.append((L1_BLOCK, keccak(text="setL1BlockValuesEcotone()")[:4] + packed + words))
    sent = [{"from": DEPOSITOR, "to": to, "data": "0x" + told.hex(), "gas": hex(500_000)} for to, told in calls]
    hashes = [rpc.request(running.url, "eth_sendTransaction", one) for one in sent]
    rpc.request(running.url, "evm_mine")
    receipts = [rpc.request(running.url, "eth_getTransactionReceipt", one) for one in hashes]
    assert all(receipt["status"] == "0x1" for receipt in receipts), receipts


def taken(keeper: Keeper, approved: Approved) -> int:
    """Wei that the rollup's contract takes for the plan's transaction."""
    to, tip = bytes.fromhex(approved.vault[2:]), GWEI // 100
    unsigned = b"\x02" + rlp.encode(
        [keeper.node.chain_id, 812, tip, 3 * GWEI, guard.MAX_GAS, to, 0, approved.calldata, []]
    )
    asked = "0x" + (keccak(text="getL1Fee(bytes)")[:4] + encode(["bytes"], [unsigned])).hex()
    found = keeper.node.call("eth_call", [{"to": GAS_PRICE_ORACLE, "data": asked}, "latest"], data)
    return int.from_bytes(found, "big")


def opened(running: RunningWorld, folder: Path, gas: str = "") -> Keeper:
    return open_keeper(parse(f"{gas}\n{text(running)}", folder / "keeper.toml", {}))


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_what_a_plan_counts_is_what_the_rollup_takes_for_its_transaction(
    fallen: RunningWorld, tmp_path: Path, upgrade: str
) -> None:
    rollup(fallen, upgrade)
    with opened(fallen, tmp_path) as keeper:
        snapshot = keeper.observe()
        for name in NAMES:
            found = keeper.decide(name, snapshot).decision.verdict
            assert isinstance(found, Approved), found
            base = snapshot.round(snapshot.vault(found.vault).tokens[0].address).price_x36
            counted = found.plan.cost.l1_data * base / snapshot.native.price_x36
            assert counted == pytest.approx(taken(keeper, found), rel=CLOSE), name


def test_a_chain_without_such_a_fee_is_asked_once_and_counts_none(fallen: RunningWorld, tmp_path: Path) -> None:
    with opened(fallen, tmp_path) as keeper:
        snapshot = keeper.observe()
        assert not keeper.bound.publishes
        assert snapshot.data_price == 0.0
        found = keeper.decide("core", snapshot).decision.verdict
        assert isinstance(found, Approved)
        assert found.plan.cost.l1_data == 0.0


def test_a_stated_price_is_counted_instead(fallen: RunningWorld, tmp_path: Path) -> None:
    rollup(fallen, "Fjord")
    costs = []
    for gas in ("", "[gas]\nl1_data_gwei_per_byte = 0.0\n", "[gas]\nl1_data_gwei_per_byte = 500.0\n"):
        with opened(fallen, tmp_path, gas) as keeper:
            found = keeper.decide("core").decision.verdict
            assert isinstance(found, Approved)
            costs.append(found.plan.cost.l1_data)
    read, none, stated = costs
    assert none == 0.0 < read < stated


def test_a_fee_that_is_not_told_any_more_does_not_stop_the_keeper(fallen: RunningWorld, tmp_path: Path) -> None:
    rollup(fallen, "Fjord")
    with opened(fallen, tmp_path) as keeper:
        assert keeper.observe().data_price > 0.0
        rpc.request(fallen.url, "anvil_setCode", GAS_PRICE_ORACLE, "0x")
        assert keeper.observe().data_price == 0.0


def test_a_provider_that_tells_another_fee_is_no_witness(fallen: RunningWorld, tmp_path: Path) -> None:
    rollup(fallen, "Fjord")
    with opened(fallen, tmp_path) as keeper:
        snapshot = keeper.observe()
        assert agrees(keeper.node, keeper.bound, snapshot)
        assert not agrees(keeper.node, keeper.bound, replace(snapshot, data_price=2.0 * snapshot.data_price))
