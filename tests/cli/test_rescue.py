"""What the pages say of a vault in danger, and the ripcord as anybody pulls it from the command line."""

import os

import pytest

from keeper.world import market, rpc
from tests.cli.conftest import Desk
from tests.cli.test_verbs import fits, unwrapped
from tests.run.test_rescue import health, leave
from tests.run.test_ripcord import STRANGER, keystore


@pytest.fixture
def danger(desk: Desk) -> Desk:
    """Most holders have left, and WETH has fallen to a health factor of 1.09."""
    leave(desk.running, 95)
    market.mine(desk.running, 600)
    market.refresh_feeds(desk.running)
    market.move(desk.running, {"WETH": 1_820.0})
    return desk


@pytest.fixture
def emergency(danger: Desk) -> Desk:
    market.move(danger.running, {"WETH": 1_720.0})
    return danger


def test_the_pages_show_the_tier_its_trigger_and_its_bucket(danger: Desk):
    status, check, plan = (danger.run(*words) for words in (["status"], ["check"], ["plan", "leverage"]))
    assert fits(status), status.out
    assert "at once below 1.150, which it is; by anyone below 1.050; to lose 150 bps of the debt repaid" in unwrapped(
        status.out
    )
    assert "below 1.150 it is rescued at once, for at most 150 bps of the debt repaid; below 1.050 by anyone" in (
        unwrapped(check.out)
    )
    page = unwrapped(plan.out)
    assert fits(plan), plan.out
    assert "urgent below 1.150 neither cooldown nor turnover binds" in page
    assert "bps of that, at most 150" in page
    assert "rescued: health factor to" in page
    assert "agrees to the wei" in page


def test_a_mandate_that_reaches_into_the_urgent_tier_is_refused(desk: Desk):
    toml = (desk.folder / "keeper.toml").read_text()
    stated = toml[toml.index("health = {") : toml.index("}", toml.index("health = {")) + 1]
    desk.edit((stated, "health = { low = 1.1, target = 1.81, high = 2.25 }"))
    said = desk.run("check")
    assert said.code == 2
    assert "low health factor 1.1000 is outside the vault's own band (limit 1.2500)" in unwrapped(said.out)


def test_the_ripcord_cannot_be_pulled_too_early(danger: Desk):
    said = danger.run("ripcord", "leverage")
    assert said.code == 3
    assert "anyone may pull the ripcord below 1.0500" in unwrapped(said.out)
    assert "refused" in said.out


def test_the_ripcord_is_rehearsed_by_default(emergency: Desk):
    before = emergency.head()
    said = emergency.run("ripcord", "leverage")
    page = unwrapped(said.out)
    assert said.code == 0
    assert fits(said), said.out
    assert "can be pulled" in page
    assert "by anyone below a health factor of 1.050, 25% of the debt at a time, for 50 bps of what is repaid" in page
    assert "agrees to the wei" in page
    assert "for whoever pulls it" in page
    assert "nothing was signed without --live" in page
    assert emergency.head() == before


def test_a_stranger_pulls_it(emergency: Desk):
    running = emergency.running
    rpc.request(running.url, "anvil_setBalance", STRANGER.address, hex(10**18))
    keystore(emergency.folder / "stranger.json")
    reading, writing = os.pipe()
    os.write(writing, b"known\n")
    os.close(writing)
    before = health(running)
    file = str(emergency.folder / "stranger.json")
    said = emergency.run("ripcord", "leverage", "--live", "--keystore", file, "--passphrase-fd", str(reading))
    assert said.code == 0, said
    assert "as predicted, to the wei" in unwrapped(said.out)
    assert health(running) > before + 0.05
    assert market.balance(running, "WETH", STRANGER.address.lower()) > 0


def test_live_without_a_key_is_refused(emergency: Desk):
    said = emergency.run("ripcord", "leverage", "--live")
    assert said.code == 2
    assert "name a keystore file with --keystore" in said.line
    said = emergency.run("ripcord", "leverage", "--live", "--keystore", str(emergency.folder / "world-keeper-key.json"))
    assert said.code == 2
