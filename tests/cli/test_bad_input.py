"""Bad input gives one clear line and exit code 2, and nothing is sent: through the real command line, on a real chain.

Feeds are the exception: a command that plans refuses (3) with the guard's reason; `check` fails (2).
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_utils.crypto import keccak

from keeper.world import market, rpc
from keeper.world.roles import ROLES, WORLD_KEEPER_ADDRESS, WORLD_KEEPER_KEY
from tests.cli.conftest import Change, Desk

OTHER = ROLES["sentinel"]


@pytest.fixture(autouse=True)
def nothing_is_sent(desk: Desk) -> Iterator[None]:
    before = desk.nonce()
    yield
    assert desk.nonce() == before


def refused_everywhere(desk: Desk, *parts: str) -> None:
    """Reading, planning and running live say the same line, with exit code 2; `check` says it in its table."""
    for said in (desk.run("plan"), desk.run("run", "--once"), desk.run_live()):
        assert said.code == 2, said
        assert all(part in said.line for part in parts), said.line
    checked = desk.run("check")
    assert checked.code == 2
    assert "✗" in checked.out
    assert "Traceback" not in checked.out + checked.err


# --- the node ------------------------------------------------------------------------------------


def test_wrong_chain_id(desk: Desk):
    desk.edit(("id = 31337", "id = 1"))
    refused_everywhere(desk, "is on chain 31337, expected 1")


def test_dead_rpc(desk: Desk):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    desk.edit((desk.running.url, f"http://127.0.0.1:{port}"))
    refused_everywhere(desk, f"127.0.0.1:{port} could not be reached", "check the URL")


def test_slow_rpc(desk: Desk):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, nobody answers
        port = silent.getsockname()[1]
        desk.edit((desk.running.url, f"http://127.0.0.1:{port}"), ("timeout_s = 10", "timeout_s = 0.3"))
        refused_everywhere(desk, "did not answer within 0.3 s")


def test_rpc_without_history(desk: Desk, proxy: Callable[[Change], str]):
    def pruned(asked: dict[str, Any]) -> dict[str, Any] | None:
        if asked["method"] not in ("eth_call", "eth_getCode") or asked["params"][1] == "latest":
            return None
        return {"error": {"code": -32000, "message": "missing trie node 5f3c (path ) state 0x1 is not available"}}

    desk.edit((desk.running.url, proxy(pruned)))
    refused_everywhere(desk, "keeps no state for block", "use an archive node")


def test_rpc_that_is_no_node(desk: Desk, proxy: Callable[[Change], str]):
    desk.edit((desk.running.url, proxy(lambda _asked: {"result": "<html>"})))
    refused_everywhere(desk, "malformed answer to eth_chainId")


def test_rpc_whose_answer_never_closes_its_brackets(desk: Desk, proxy: Callable[[Change], str]):
    sys.setrecursionlimit(100_000)  # as importing py_ecc does
    desk.edit((desk.running.url, proxy(lambda _asked: b"[" * 300_000)))
    refused_everywhere(desk, "malformed answer to eth_chainId")


def test_rpc_variable_that_is_not_set(desk: Desk):
    desk.edit((desk.running.url, "KEEPER_NO_SUCH_URL"))
    refused_everywhere(desk, "chain.rpc", "KEEPER_NO_SUCH_URL is not set")


def test_the_providers_key_is_not_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEEPER_RPC_URL", "http://user:hunter2@127.0.0.1:9/v3/s3cr3t-token?key=s3cr3t")
    desk.edit((desk.running.url, "KEEPER_RPC_URL"))
    for words in (["plan"], ["check"], ["status"], ["run", "--once"]):
        said = desk.run(*words)
        assert said.code == 2
        assert "127.0.0.1:9" in said.out + said.err
        assert not any(secret in said.out + said.err for secret in ("hunter2", "s3cr3t"))


# --- the vault -----------------------------------------------------------------------------------


def test_missing_contract(desk: Desk):
    desk.edit((desk.running.world.vault("basket").address, OTHER))
    refused_everywhere(desk, f"vault basket: {OTHER} has no code on chain 31337", "check the address")


def test_contract_that_is_no_vault(desk: Desk):
    token = desk.running.world.token("USDC").address
    desk.edit((desk.running.world.vault("basket").address, token))
    refused_everywhere(desk, token, "does not answer as a keeper's vault")


def test_unknown_kind_in_the_file(desk: Desk):
    desk.edit(('kind = "basket"', 'kind = "baskt"'))
    refused_everywhere(desk, "vault[basket].kind", 'found "baskt"', 'did you mean "basket"?')


def test_unknown_kind_on_chain(desk: Desk):
    """The vault's own code, with the constant that kind() answers changed."""
    vault = desk.running.world.vault("basket").address
    code: str = rpc.request(desk.running.url, "eth_getCode", vault, "latest")
    pushed, wanted = (f"{int.from_bytes(kind) >> 2:x}" for kind in (b"basket", b"garnet"))  # solc shifts it back
    assert pushed in code
    rpc.request(desk.running.url, "anvil_setCode", vault, code.replace(pushed, wanted))
    refused_everywhere(desk, "is of kind 'garnet', this keeper knows basket, leverage")


def test_the_other_kind(desk: Desk):
    desk.edit(('kind = "basket"', 'kind = "leverage"'), ("weights = {", "# weights = {"), ("band = 0.025", BAND))
    for said in (desk.run("plan", "basket"), desk.run("run", "--once"), desk.run_live()):
        assert said.code == 2
        assert "the mandate says kind 'leverage', the vault is 'basket'" in unwrapped(said.out)
    assert desk.run("check").code == 2


BAND = "health = { low = 1.5, target = 1.8, high = 2.2 }  #"


def unwrapped(page: str) -> str:
    """A page as one line: what was wrapped at 100 columns is joined again."""
    return " ".join(page.split())


def test_empty_vault(desk: Desk):
    running, user = desk.running, desk.running.world.account("user")
    vault = running.world.vault("basket").address
    balance = "0x" + (keccak(text="balanceOf(address)")[:4] + bytes(12) + bytes.fromhex(user[2:])).hex()
    shares = int(rpc.request(running.url, "eth_call", {"to": vault, "data": balance}, "latest"), 16)
    no_minimum = [0, 0, 0]
    signature = "redeemInKind(uint256,address,address,uint256[])"
    market.transact(running, "user", vault, signature, shares, user, user, no_minimum, gas=5_000_000)
    desk.edit(('name = "basket"', 'name = "core"'))
    for said in (desk.run("plan", "core"), desk.run("run", "--once")):
        assert said.code == 2
        assert "the vault is empty: it has no shares; deposit first" in unwrapped(said.out)
    checked = desk.run("check")
    assert checked.code == 2
    assert "it is empty: it has no shares; deposit first" in unwrapped(checked.out)


def test_token_without_code(desk: Desk):
    token = desk.running.world.token("WBTC").address
    rpc.request(desk.running.url, "anvil_setCode", token, "0x")
    refused_everywhere(desk, f"token: {token} has no code")


# --- the configuration ---------------------------------------------------------------------------


def test_typo_in_a_key(desk: Desk):
    desk.edit(("max_loss_bps", "max_los_bps"))
    refused_everywhere(desk, "vault[basket].policy.max_los_bps: unknown key", 'did you mean "max_loss_bps"?')


def test_weights_that_do_not_sum(desk: Desk):
    desk.edit(("USDC = 0.3, WETH = 0.4, WBTC = 0.3", "USDC = 0.3, WETH = 0.4, WBTC = 0.2"))
    refused_everywhere(desk, "vault[basket].weights", "sum to 0.9, expected 1")


def test_weight_of_an_unknown_token(desk: Desk):
    desk.edit(("USDC = 0.3, WETH = 0.4, WBTC = 0.3", "USDC = 0.3, WEHT = 0.4, WBTC = 0.3"))
    refused_everywhere(desk, "vault[basket].weights: found 'WEHT', expected one of USDC, WETH, WBTC", '"WETH"?')


def test_several_faults_are_told_at_once(desk: Desk):
    desk.edit(("timeout_s", "timeout"), ("WBTC = 0.3", "WBTC = 0.2"), ('settle = "cheapest"', 'settle = "cheap"'))
    said = desk.run("plan")
    assert said.code == 2
    assert len(said.err.splitlines()) == 3
    assert all(line.startswith("keeper: keeper.toml: ") for line in said.err.splitlines())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("max_loss_bps = 30", "max_loss_bps = 31"), "max_loss_bps is 31, the vault allows 30"),
        (("WETH = 0.4, WBTC = 0.3", "WETH = 0.3, WBTC = 0.4"), "the chain is the authority"),
        (("low = 1.5", "low = 1.2"), "low health factor 1.2000 is outside the vault's own band (limit 1.2500)"),
        (("high = 2.25", "high = 3.1"), "high health factor 3.1000 is outside the vault's own band (limit 3.0000)"),
        (("# blackouts", f'venues = ["{OTHER}"]\n# blackouts'), f"venue {OTHER} is not on the vault's allow-list"),
    ],
)
def test_mandate_wider_than_the_vault(desk: Desk, change: tuple[str, str], sentence: str):
    desk.edit(change)
    for said in (desk.run("plan"), desk.run("run", "--once"), desk.run_live(), desk.run("check")):
        assert said.code == 2
        assert sentence in unwrapped(said.out)


def test_no_configuration(desk: Desk):
    desk.config.unlink()
    refused_everywhere(desk, "there is no such file", "keeper init")


def test_no_toml(desk: Desk):
    desk.config.write_text("[chain\n")
    refused_everywhere(desk, "not valid TOML", "line 1")


# --- the key -------------------------------------------------------------------------------------


def test_key_without_the_role(desk: Desk):
    desk.edit((WORLD_KEEPER_ADDRESS, OTHER), ("keystore =", "# keystore ="))
    for said in (desk.run("plan"), desk.run("run", "--once"), desk.run("check")):
        assert said.code == 2
        assert "keeper role" in unwrapped(said.out)


def test_keystore_of_another_key(desk: Desk):
    desk.edit((WORLD_KEEPER_ADDRESS, OTHER))
    said = desk.run_live()
    assert said.code == 2
    assert f"holds the key of {WORLD_KEEPER_ADDRESS}, expected {OTHER}" in said.line


def test_wrong_passphrase(desk: Desk):
    said = desk.run_live(passphrase="hunter2")
    assert said.code == 2
    assert "the passphrase does not open the keystore" in said.line
    assert "hunter2" not in said.line


def test_no_keystore(desk: Desk):
    desk.edit(("keystore =", "# keystore ="))
    said = desk.run_live()
    assert said.code == 2
    assert "--live needs a key" in said.line


def test_keystore_open_to_others(desk: Desk):
    (desk.folder / "world-keeper-key.json").chmod(0o644)
    said = desk.run_live()
    assert said.code == 2
    assert "expected 0600" in said.line
    assert desk.run("check").code == 2


def test_unfunded_key(fallen: Desk):
    rpc.request(fallen.running.url, "anvil_setBalance", WORLD_KEEPER_ADDRESS, "0x0")
    said = fallen.run_live()
    assert said.code == 2, said
    assert f"{WORLD_KEEPER_ADDRESS} holds 0.0000 of the gas token" in unwrapped(said.out)
    checked = fallen.run("check")
    assert checked.code == 2
    assert "fund it" in unwrapped(checked.out)


def test_a_raw_key_in_the_file(desk: Desk):
    desk.edit(('keystore = "world-keeper-key.json"', f'keystore = "{WORLD_KEEPER_KEY}"'))
    said = desk.run("plan")
    assert said.code == 2
    assert "look like a private key" in said.line
    assert WORLD_KEEPER_KEY[2:10] not in said.line


def test_the_key_in_the_environment(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_KEY", WORLD_KEEPER_KEY)
    said = desk.run("plan")
    assert said.code == 2
    assert "SOME_KEY holds the keeper's private key" in said.line
    assert WORLD_KEEPER_KEY[2:10] not in said.line


def test_everybodys_key_on_another_chain(desk: Desk, proxy: Callable[[Change], str]):
    """The world's published key signs nowhere else: here, behind a chain that says it has another genesis block."""

    def another(asked: dict[str, Any]) -> dict[str, Any] | None:
        if asked["method"] != "eth_getBlockByNumber" or asked["params"][0] != "0x0":
            return None
        block = rpc.request(desk.running.url, "eth_getBlockByNumber", "0x0", False)
        return {"result": block | {"hash": "0x" + 64 * "1"}}

    desk.edit((desk.running.url, proxy(another)))
    said = desk.run_live()
    assert said.code == 2
    assert "it signs on the local world only" in said.line


# --- the feeds: the guard refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda w: market.push_round(w, "WETH", 0), "the answer is 0, expected a positive one"),
        (lambda w: market.push_round(w, "WETH", -1), "the answer is -1, expected a positive one"),
        (lambda w: market.mine(w, 4_000), "s old, expected at most 3960 s"),
        (lambda w: market.set_feed_down(w, "WETH", True), "the feed cannot be read"),
    ],
    ids=["zero", "negative", "stale", "down"],
)
def test_bad_feed(desk: Desk, spoil: Callable[..., None], sentence: str):
    spoil(desk.running)
    for said in (desk.run("plan"), desk.run("run", "--once"), desk.run_live()):
        assert said.code == 3
        assert "C-17" in said.out
        assert sentence in unwrapped(said.out)
    checked = desk.run("check")
    assert checked.code == 2
    assert sentence in unwrapped(checked.out)


# --- the words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["plna"], "No such command 'plna'"),
        (["plan", "--jsn"], "No such option: --jsn"),
        (["plan", "nobody"], "found no vault 'nobody' in keeper.toml, expected one of basket, leverage"),
        (["replay", "one"], "Invalid value for 'TICK'"),
        (["replay", "1"], "found no journal"),
        (["journal"], "found no journal"),
        (["run", "--once", "--live", "--passphrase-fd", "99"], "file descriptor 99 gives no passphrase"),
        (["init"], "is there already: --force overwrites it"),
    ],
)
def test_bad_words(desk: Desk, words: list[str], part: str):
    said = desk.run(*words)
    assert said.code == 2
    assert part in said.line


def test_a_second_keeper_on_the_same_journal(desk: Desk):
    held = threading.Event()
    done = threading.Event()
    from keeper.journal import open_journal

    def hold() -> None:
        with open_journal(str(desk.folder / ".keeper/journal.sqlite")):
            held.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    try:
        said = desk.run("run", "--once")
    finally:
        done.set()
        holder.join()
    assert said.code == 2
    assert "another keeper" in said.line
