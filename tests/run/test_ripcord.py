"""With the keeper dead anyone de-levers a vault in danger: a stranger's key, within the chunk, for a bounded reward."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from keeper.chain import signer
from keeper.chain.signer import Signer
from keeper.errors import BadInput, Halt
from keeper.run import Keeper, open_keeper
from keeper.units import BPS, WAD, Address
from keeper.world import WORLD_KEEPER_ADDRESS, WORLD_KEEPER_KEY, RunningWorld, calls, market, rpc
from keeper.world.vaults import HEALTH_LIMITS
from tests.run.settings import config
from tests.run.test_rescue import health, leave

RIPCORD, CHUNK, REWARD = HEALTH_LIMITS[3], HEALTH_LIMITS[5], HEALTH_LIMITS[6]
EMERGENCY = {"WETH": 1_720.0}
"""A health factor of 1.03."""
STRANGER = Account.from_key("0x" + "5a" * 32)


@pytest.fixture(scope="module")
def small(fork: RunningWorld) -> RunningWorld:
    leave(fork, 95)
    market.mine(fork, 86_400)
    market.refresh_feeds(fork)
    rpc.request(fork.url, "anvil_setBalance", STRANGER.address, hex(10**18))
    return fork


@pytest.fixture
def emergency(small: RunningWorld) -> Iterator[RunningWorld]:
    """The keeper dead: its key has lost the role, and no transaction of it is ever sent."""
    state = rpc.request(small.url, "evm_snapshot")
    vault = small.world.vault("leverage").address
    guard = calls.view(small.url, vault, "guard()", "(address)")
    market.transact(small, "sentinel", guard, "removeKeeper(address)", WORLD_KEEPER_ADDRESS)
    market.move(small, EMERGENCY)
    yield small
    rpc.request(small.url, "evm_revert", state)


@pytest.fixture
def looker(emergency: RunningWorld, tmp_path: Path) -> Iterator[Keeper]:
    """Somebody's keeper, without a key."""
    with open_keeper(config(emergency, tmp_path)) as opened:
        yield opened


@pytest.fixture
def stranger(tmp_path: Path) -> Signer:
    return keystore(tmp_path / "stranger.json")


def keystore(path: Path) -> Signer:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(json.dumps(Account.encrypt(STRANGER.key, "known", kdf="pbkdf2", iterations=2)))
    return signer.open_keystore(path, lambda: "known", signer.claimed(path))


def debt(running: RunningWorld) -> int:
    vault = running.world.vault("leverage").address
    return int(calls.view(running.url, vault, "position()", "(uint256,uint256)")[1])


# refused


def test_above_its_level_nobody_can_pull_it(small: RunningWorld, tmp_path: Path) -> None:
    with open_keeper(config(small, tmp_path)) as looker:
        report = looker.ripcord("lever", Address(STRANGER.address.lower()))
    assert [r.id for r in report.reasons] == ["C-15"]
    assert "anyone may pull the ripcord below 1.0500" in report.reasons[0].sentence


def test_a_vault_without_debt_has_none(looker: Keeper) -> None:
    (reason,) = looker.ripcord("core", Address(STRANGER.address.lower())).reasons
    assert "owes nothing and has no ripcord" in reason.sentence


def test_the_keepers_own_key_is_refused(looker: Keeper) -> None:
    report = looker.ripcord("lever", WORLD_KEEPER_ADDRESS)
    assert report.reasons == ()
    with pytest.raises(BadInput, match="the keeper's own key rescues by itself"):
        looker.pull_ripcord(report, signer.world_key(WORLD_KEEPER_KEY, lambda: True))


def test_what_is_paid_to_another_than_was_rehearsed_is_not_signed(looker: Keeper, stranger: Signer) -> None:
    report = looker.ripcord("lever", WORLD_KEEPER_ADDRESS)
    with pytest.raises(Halt, match=r"K-34\.reward: the transaction pays its reward to"):
        looker.pull_ripcord(report, stranger)


def test_a_stranger_who_cannot_pay_for_gas_is_told(looker: Keeper, stranger: Signer, emergency: RunningWorld) -> None:
    report = looker.ripcord("lever", stranger.address)
    rpc.request(emergency.url, "anvil_setBalance", stranger.address, "0x1")
    with pytest.raises(BadInput, match="fund it, or use another key"):
        looker.pull_ripcord(report, stranger)


# pulled


def test_a_stranger_brings_it_out_of_danger_as_predicted_and_is_paid(
    looker: Keeper, stranger: Signer, emergency: RunningWorld
) -> None:
    before, owed = health(emergency), debt(emergency)
    assert before < RIPCORD / WAD
    report = looker.ripcord("lever", stranger.address)
    assert report.reasons == ()
    assert report.pull is not None
    done = looker.pull_ripcord(report, stranger)
    assert done.differences == ()
    assert done.tx_hash is not None
    assert health(emergency) > before + 0.05
    repaid = owed - debt(emergency)
    assert 0.9 * CHUNK / BPS < repaid / owed <= CHUNK / BPS
    reward = market.balance(emergency, "WETH", stranger.address)
    assert reward == report.pull.pulled.reward_raw
    assert reward / report.pull.pulled.prediction.repaid_raw == pytest.approx(REWARD / BPS, rel=1e-6)


def test_it_can_be_pulled_of_a_paused_vault(looker: Keeper, stranger: Signer, emergency: RunningWorld) -> None:
    guard = calls.view(emergency.url, emergency.world.vault("leverage").address, "guard()", "(address)")
    market.transact(emergency, "sentinel", guard, "pause()")
    before = health(emergency)
    done = looker.pull_ripcord(looker.ripcord("lever", stranger.address), stranger)
    assert done.differences == ()
    assert health(emergency) > before


def test_pulled_again_and_again_it_ends_above_the_level(
    looker: Keeper, stranger: Signer, emergency: RunningWorld
) -> None:
    market.move(emergency, {"WETH": 1_690.0})
    pulls = 0
    while health(emergency) < RIPCORD / WAD:
        assert looker.pull_ripcord(looker.ripcord("lever", stranger.address), stranger).differences == ()
        market.move(emergency, {"WETH": 1_690.0})
        pulls += 1
        assert pulls < 5
    assert [r.id for r in looker.ripcord("lever", stranger.address).reasons] == ["C-15"]


def test_whoever_is_second_is_told(looker: Keeper, stranger: Signer, emergency: RunningWorld) -> None:
    report = looker.ripcord("lever", stranger.address)
    looker.pull_ripcord(report, stranger)
    late = looker.pull_ripcord(report, stranger)
    assert late.differences == ("it reverted: somebody else may have been quicker",)
