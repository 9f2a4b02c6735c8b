"""Every command as a newcomer uses it, on a real chain: what it says, its exit code, and what it does not do."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keeper.chain.anvil import Anvil
from keeper.cli.app import WIDTH
from keeper.cli.render_report import PARTS
from keeper.config import load
from keeper.world import market, rpc
from keeper.world.roles import WORLD_KEEPER_ADDRESS
from tests.cli.conftest import Desk, Said

VERBS = ("check", "status", "plan", "shock", "dry-run", "run --once --timings", "journal", "journal 1")
PAGES = tuple(line.split() for line in VERBS)


def unwrapped(page: str) -> str:
    return " ".join(page.split())


def fits(said: Said) -> bool:
    return all(len(line.rstrip()) <= WIDTH for line in said.out.splitlines())


def test_in_a_calm_market_it_holds(desk: Desk):
    for words in PAGES:
        said = desk.run(*words)
        assert said.code == 0, said
        assert said.err == ""
        assert fits(said), said.out
    assert desk.run("plan").out.count("hold") == 3
    assert "is inside its band" in unwrapped(desk.run("plan").out)


def test_after_a_fall_it_explains_what_it_would_do(fallen: Desk):
    said = fallen.run("plan", "leverage")
    page = unwrapped(said.out)
    assert said.code == 0
    assert fits(said), said.out
    assert "leverage leverage" in page
    assert "would act" in page
    assert "is outside its band" in page
    assert "do nothing" in page
    assert "agrees to the wei" in page
    assert "WETH →" in page
    assert "basket basket" not in page


def test_a_plan_over_several_pools_is_shown_beside_the_best_single_one(fallen: Desk):
    page = unwrapped(fallen.run("plan", "leverage").out)
    assert "best single pool 0x" in page
    (tree,) = json.loads(fallen.run("plan", "leverage", "--json").out)
    plan = tree["decision"]["verdict"]["plan"]
    assert len({leg["pool"] for leg in plan["legs"]}) > 1
    found = plan["candidates"][-1]
    assert found["name"].startswith("best single pool 0x")
    more = sum(found["cost"][part] - plan["cost"][part] for part in PARTS)
    assert found["note"] == f"costs {more / tree['nav_raw'] * 1e4:.2f} bp more"
    assert more > 0.0
    fallen.run("run", "--once")
    assert "best single pool" not in fallen.run("journal", "1", "--json").out, "a tick has no time for it"


def test_shocks_and_what_would_be_done_in_time(desk: Desk):
    page = unwrapped(desk.run("shock", "leverage").out)
    assert "prices -30 % HF 1.7" in page
    assert "in time" in page
    assert "basket" not in page
    trees = json.loads(desk.run("shock", "--json").out)
    assert {tree["vault"] for tree in trees} == {"basket", "leverage", "range"}
    assert {tree["shock"] for tree in trees} >= {"-10", "-50", "depeg", "rates", "gas", "crash"}
    carry = {tree["shock"]: tree for tree in trees if tree["vault"] == "leverage"}
    health = [carry[f"-{fall}"]["hit"]["quantities"][0]["value"] for fall in (10, 20, 30, 40, 50)]
    assert health == sorted(health, reverse=True)
    assert carry["-20"]["actions"] >= 1
    assert carry["-50"]["in_time"] == 0.0
    assert carry["-50"]["loss_raw"] > 0.0


def test_a_deferral_is_told_wherever_one_would_look(fallen: Desk):
    """The basket waits for cheap gas, and says for how long; the levered vault, under its band, does not."""
    fallen.edit(("# gas_below_gwei = 20 ", "gas_below_gwei = 1.5 "), ('settle = "cheapest"', 'settle = "target"'))
    assert fallen.run("run", "--once").code == 0
    waits = "waiting at most 6 h for gas under 1.5 gwei, now 3"
    assert any(waits in unwrapped(fallen.run("journal", number).out) for number in "123")
    page = unwrapped(fallen.run("status", "basket").out)
    assert "policy threshold; to the target" in page
    assert "pending deferred until 2026-" in page
    assert waits in page
    assert "pending" not in fallen.run("status", "leverage").out
    assert "would act" in fallen.run("plan", "leverage").out


def test_plan_for_programs(fallen: Desk):
    said = fallen.run("plan", "--json")
    trees = {tree["vault"]: tree for tree in json.loads(said.out)}
    assert said.code == 0
    assert set(trees) == {"basket", "leverage", "range"}
    carry = trees["leverage"]
    assert carry["verdict"] == "would act"
    assert carry["address"] == fallen.running.world.vault("leverage").address
    assert carry["cost_bps"]["total"] == pytest.approx(
        sum(carry["cost_bps"][part] for part in ("fees", "impact", "basis", "gas", "l1_data", "lvr", "risk", "touch"))
    )
    assert carry["decision"]["verdict"]["calldata"].startswith("0x")


def test_looking_leaves_no_trace(fallen: Desk):
    before = fallen.head(), fallen.nonce()
    for words in (["check"], ["status"], ["plan"], ["dry-run"]):
        assert fallen.run(*words).code == 0
    assert not (fallen.folder / ".keeper").exists()
    assert (fallen.head(), fallen.nonce()) == before


def test_a_dry_run_shows_both_sides(fallen: Desk):
    page = unwrapped(fallen.run("dry-run", "leverage").out)
    assert "on a fork before after" in page
    assert "gas used" in page


def test_a_rehearsal_signs_nothing(fallen: Desk):
    said = fallen.run("run", "--once")
    assert said.code == 0
    assert "nothing is signed without --live" in said.out
    assert "outcome" not in said.out


def test_live_acts_once_and_remembers(fallen: Desk):
    before = fallen.nonce()
    said = fallen.run_live()
    page = unwrapped(said.out)
    assert said.code == 0, said
    assert page.count("acted: transaction 0x") >= 1
    assert "as predicted, to the wei" in page
    acted = fallen.nonce() - before
    assert acted == page.count("acted: transaction 0x")

    again = fallen.run_live()
    assert again.code in (0, 3)  # held, or refused by the vault's cooldown
    assert fallen.nonce() - before == acted

    listed = fallen.run("journal").out
    assert listed.count("done") == acted
    for line in listed.splitlines()[1:]:
        replayed = fallen.run("replay", line.split()[0])
        assert replayed.code == 0
        assert "the same again, bit for bit" in unwrapped(replayed.out)


def test_the_journal_says_why_it_did_not_trade(desk: Desk):
    desk.run("run", "--once")
    market.push_round(desk.running, "WBTC", 0)
    assert desk.run("run", "--once").code == 3
    listed = desk.run("journal", "--vault", "basket", "--limit", "1").out
    assert "refused" in listed
    assert "C-17" in listed
    assert "leverage" not in listed
    newest = json.loads(desk.run("journal", "--json", "--limit", "1").out)[0]
    told = desk.run("journal", str(newest["id"]))
    assert told.code == 0
    assert fits(told), told.out


def test_the_stop_file_stops_signatures(fallen: Desk):
    stop = fallen.folder / ".keeper/STOP"
    stop.parent.mkdir()
    stop.touch()
    before = fallen.nonce()
    said = fallen.run_live()
    assert said.code == 0
    assert "exists: nothing but rescues and cancellations is signed until it is removed" in unwrapped(said.out)
    assert fallen.nonce() == before
    stop.unlink()
    assert fallen.run_live().code == 0
    assert fallen.nonce() > before


def test_init_reads_a_vault_from_the_chain(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    world = desk.running.world
    desk.config.unlink()
    monkeypatch.setenv("NODE", desk.running.url)
    vaults = [word for vault in world.vaults for word in ("--vault", vault.address)]
    said = desk.run("init", "--rpc-env", "NODE", *vaults, "--keeper", WORLD_KEEPER_ADDRESS)
    assert said.code == 0, said
    config = load(desk.config, os.environ)
    basket, leverage, ranged = config.vaults
    assert (basket.kind, basket.weights) == ("basket", {"USDC": 0.3, "WETH": 0.4, "WBTC": 0.3})
    assert leverage.kind == "leverage"
    assert ranged.range is not None
    assert ranged.range.half_width == 0.1051
    assert config.chain.native_feed.aggregator == world.feed("WETH").address
    assert "Uniswap V3" in desk.config.read_text()
    assert desk.run("check").code == 0
    assert desk.run("plan").code == 0


def test_init_without_a_chain_writes_an_example(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    desk.config.unlink()
    assert desk.run("init").code == 0
    monkeypatch.setenv("KEEPER_RPC_URL", desk.running.url)
    said = desk.run("plan")
    assert said.code == 2
    assert "is on chain 31337, expected 1" in said.line


def test_init_overwrites_only_when_told(desk: Desk):
    text = desk.config.read_text()
    assert desk.run("init").code == 2
    assert desk.config.read_text() == text
    assert desk.run("init", "--force").code == 0
    assert desk.config.read_text() != text


def test_help_names_every_command_and_exit_code(desk: Desk):
    said = desk.run("--help")
    assert said.code == 0
    for word in ("init", "check", "status", "plan", "dry-run", "run", "journal", "replay", "demo", "world", "5 halted"):
        assert word in unwrapped(said.out)
    assert fits(said)


def test_an_unexpected_failure_is_one_line(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The details go to a private file, without keys and without a provider's token."""
    secret = "http://127.0.0.1/s3cr3t " + "ab" * 32

    def fail(*_: object) -> None:
        raise ZeroDivisionError(secret)

    monkeypatch.setattr("keeper.cli.look.config_of", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = desk.run("plan")
    assert said.code == 5
    assert "stopped by an unexpected ZeroDivisionError" in said.line
    (crash,) = tmp_path.glob("keeper-crash-*.txt")
    assert crash.stat().st_mode & 0o077 == 0
    text = crash.read_text()
    assert "ZeroDivisionError" in text
    assert "s3cr3t" not in text
    assert "ab" * 32 not in text


def keeper(*words: str, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "keeper", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]


def test_the_loop_ticks_at_new_blocks_and_stops_on_a_signal(desk: Desk):
    process = keeper("--config", str(desk.config), "run", "--poll", "0.1")
    assert process.stdout is not None
    assert "nothing is signed without --live" in process.stdout.readline()
    first = [process.stdout.readline() for _ in range(3)]
    assert all(str(desk.head()) in line and "hold" in line for line in first)
    market.mine(desk.running)
    second = [process.stdout.readline() for _ in range(3)]
    assert all(str(desk.head()) in line for line in second)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "stopping after this tick" in out
    assert err == ""


def test_the_loop_outlives_its_node(desk: Desk, tmp_path: Path):
    """The node goes away and comes back; nothing but a sentence is heard of it."""
    url = desk.running.url
    with Anvil("--fork-url", url, "--no-storage-caching", "--hardfork", "osaka") as node:
        desk.edit((url, node.url))
        process = keeper("--config", str(desk.config), "run", "--poll", "0.1")
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        port = node.url.rpartition(":")[2]
    said = process.stdout.readline()
    assert "trying again in" in said
    with Anvil("--fork-url", url, "--no-storage-caching", "--hardfork", "osaka", port=int(port)) as node:
        rpc.request(node.url, "evm_mine")
        while "hold" not in (said := process.stdout.readline()):
            assert "trying again in" in said
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
