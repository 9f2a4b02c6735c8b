"""keeper.toml: what is accepted, every fault at once and by name, secrets that stay hidden, mandates as stated."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.config import Config, load, mandate, parse, template
from keeper.config.template import Draft, VaultDraft
from keeper.errors import BadInput
from keeper.model import HealthGoal, Lane, RangeGoal, Token, WeightGoal
from keeper.units import Address, Bps, Wad, Wei
from keeper.world import WORLD_KEEPER_ADDRESS, WORLD_KEEPER_KEY

A, B, C = (Address("0x" + 40 * digit) for digit in "abc")
WETH, USDC = Token(A, "WETH", 18), Token(B, "USDC", 6)
FILE = Path("/somewhere/keeper.toml")
ENVIRON = {"URL": "https://user:hunter2@node.example/v3/s3cr3t?key=s3cr3t"}

GOOD = f"""
[chain]
id = 1
rpc = ["URL"]
native_feed = {{ aggregator = "{A}", heartbeat_s = 3600 }}

[key]
address = "{C}"

[[vault]]
name = "core"
address = "{B}"
kind = "basket"
weights = {{ WETH = 0.6, USDC = 0.4 }}
band = 0.03

[vault.policy]
horizon = "6h"
max_loss_bps = 20
volatility = {{ WETH = 0.7 }}
venues = ["{C}"]
blackouts = [{{ start = 2026-01-01T00:00:00Z, end = 2026-01-01T01:00:00+01:00, reason = "vote" }}]

[[vault]]
name = "carry"
address = "{C}"
kind = "leverage"
health = {{ low = 1.5, target = 1.8, high = 2.2 }}
"""


def settings(*changes: tuple[str, str], text: str = GOOD) -> Config:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse(text, FILE, ENVIRON)


def faults(*changes: tuple[str, str]) -> list[str]:
    with pytest.raises(BadInput) as caught:
        settings(*changes)
    return str(caught.value).splitlines()


BLACKOUT = ("2026-01-01T01:00:00+01:00", "2026-01-01T02:00:00Z")


def test_a_whole_file():
    config = settings(BLACKOUT)
    assert config.chain.urls == (ENVIRON["URL"],)
    assert [vault.name for vault in config.vaults] == ["core", "carry"]
    assert config.journal_url == "sqlite:////somewhere/.keeper/journal.sqlite"
    assert config.run.stop_file == Path("/somewhere/.keeper/STOP")
    assert config.lanes.normal.max_gas_price == 60 * 10**9
    assert config.named("carry").kind == "leverage"


def test_gas_has_two_lanes():
    lanes = settings(BLACKOUT, ("[key]", "[gas]\nmax_gas_price_gwei = 80\nresubmit_urgent_s = 12\n[key]")).lanes
    assert lanes.normal == Lane("normal", Wei(80 * 10**9), Wei(10**9), 48)
    assert lanes.urgent == Lane("urgent", Wei(300 * 10**9), Wei(3 * 10**9), 12)


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ("max_gas_price_gwei = 267", "found max_gas_price_urgent_gwei = 300, expected at least 300.375"),
        ("priority_fee_gwei = 4", "found priority_fee_urgent_gwei = 3, expected at least 4"),
    ],
)
def test_a_rescue_can_replace_housekeeping_that_bids_its_most(stated: str, found: str):
    (fault,) = faults(BLACKOUT, ("[key]", f"[gas]\n{stated}\n[key]"))
    assert found in fault
    assert "a rescue must be able to replace housekeeping" in fault


def test_paths_start_at_the_file_or_at_home():
    journal, stop = (
        ("[key]", '[journal]\nurl = "sqlite:///~/j.sqlite"\n[key]'),
        ("[[vault]]", '[run]\nstop_file = "S"\n[[vault]]'),
    )
    config = settings(BLACKOUT, journal, stop)
    assert config.journal_url == f"sqlite:///{Path.home()}/j.sqlite"
    assert config.run.stop_file == Path("/somewhere/S")


def test_mandates_say_what_the_file_says():
    config = settings(BLACKOUT)
    basket = mandate(config.named("core"), config, [WETH, USDC])
    assert basket.goal == WeightGoal(((A, Bps(6_000)), (B, Bps(4_000))), Bps(300))
    assert (basket.horizon_s, basket.max_loss, basket.venues) == (21_600, 20, (C,))
    assert basket.volatility_priors == ((A, 0.7),)
    assert [(w.start, w.end, w.reason) for w in basket.blackouts] == [(1_767_225_600, 1_767_232_800, "vote")]
    carry = mandate(config.named("carry"), config, [WETH, USDC])
    assert carry.goal == HealthGoal(Wad(15 * 10**17), Wad(18 * 10**17), Wad(22 * 10**17))


RANGED = ('kind = "leverage"\nhealth = { low = 1.5, target = 1.8, high = 2.2 }', 'kind = "range"\nrange = { VALUES }')


@pytest.mark.parametrize(
    ("values", "goal"),
    [
        ("half_width = 0.1, trigger = 0.8, idle = 0.2", RangeGoal(Bps(1_000), Bps(8_000), Bps(2_000))),
        ("half_width = 0.05", RangeGoal(Bps(500), Bps(9_000), Bps(1_000))),
    ],
)
def test_a_range_is_a_width_and_when_to_act(values: str, goal: RangeGoal):
    config = settings(BLACKOUT, (RANGED[0], RANGED[1].replace("VALUES", values)))
    assert mandate(config.named("carry"), config, [WETH, USDC]).goal == goal


def test_a_range_vault_takes_no_other_goal():
    assert '"range" is missing' in faults(BLACKOUT, ('kind = "leverage"', 'kind = "range"'))[0]
    assert "for another kind" in faults(BLACKOUT, ('kind = "leverage"', 'kind = "range"'))[0]


def test_without_weights_the_chains_hold():
    config = settings(BLACKOUT, ("weights = { WETH = 0.6, USDC = 0.4 }\n", ""))
    stated = ((A, Bps(7_000)), (B, Bps(3_000)))
    assert mandate(config.named("core"), config, [WETH, USDC], stated).goal == WeightGoal(stated, Bps(300))
    with pytest.raises(BadInput, match=r"vault\[core\].weights: missing"):
        mandate(config.named("core"), config, [WETH, USDC])


def test_a_symbol_that_two_tokens_have_is_no_name():
    config = settings(BLACKOUT)
    with pytest.raises(BadInput, match="2 tokens are called 'WETH'; write the address instead"):
        mandate(config.named("core"), config, [WETH, USDC, Token(C, "WETH", 18)])


@given(st.integers(1, 9_999))
def test_weights_are_exact_in_bps(weight: int):
    config = settings(
        BLACKOUT, ("WETH = 0.6, USDC = 0.4", f"WETH = {weight / 10_000!r}, USDC = {1 - weight / 10_000:.4f}")
    )
    goal = mandate(config.named("core"), config, [WETH, USDC]).goal
    assert isinstance(goal, WeightGoal)
    assert dict(goal.weights) == {A: weight, B: 10_000 - weight}


@given(st.decimals("1.01", "9", places=6))
def test_health_factors_are_exact_in_wad(low: object):
    config = settings(BLACKOUT, ("low = 1.5, target = 1.8, high = 2.2", f"low = {low}, target = 10.5, high = 11.0"))
    goal = mandate(config.named("carry"), config, [WETH, USDC]).goal
    assert isinstance(goal, HealthGoal)
    assert goal.low == int(str(low).replace(".", "")) * 10 ** (18 - len(str(low).partition(".")[2]))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("id = 1", 'id = "1"'), 'chain.id: found "1", expected a valid integer'),
        (("id = 1", "idd = 1"), 'chain.idd: unknown key; did you mean "id"?'),
        (("[key]", "[keys]"), 'keys: unknown key; did you mean "key"?'),
        (('rpc = ["URL"]', 'rpc = ["NO"]'), "chain.rpc: the environment variable NO is not set; export NO=..."),
        (('rpc = ["URL"]', "rpc = []"), "chain.rpc: cannot be used: expected a list of names"),
        (('rpc = ["URL"]', 'rpc = ["https://node.example/s3cr3t"]'), "chain.rpc: a URL may stand here only for this"),
        (
            ('rpc = ["URL"]', 'rpc = ["ws://127.0.0.1"]'),
            "chain.rpc: a URL cannot be used: expected http:// or https://",
        ),
        (('rpc = ["URL"]', 'rpc = ["URL"]\nquorum = 2'), "chain: found a quorum of 2 over 1 providers"),
        (("heartbeat_s = 3600", "heartbeat_s = 0"), "chain.native_feed.heartbeat_s: found 0, expected greater than 0"),
        ((f'address = "{C}"\n\n', 'address = "0x12"\n\n'), 'key.address: found "0x12", expected an address'),
        (
            ("[key]", '[journal]\nurl = "mysql://u:hunter2@h"\n[key]'),
            "journal.url: cannot be used: expected sqlite:///",
        ),
        (("0.6", "0.5"), "vault[core].weights: found weights that sum to 0.9, expected 1"),
        (("0.6", "0.59995"), "vault[core].weights.WETH: found 0.59995, expected a fraction of at most four decimals"),
        (("0.6", "nan"), "vault[core].weights.WETH: found nan"),
        (("0.6", "-0.6"), "vault[core].weights.WETH: found -0.6, expected greater than 0"),
        (("band = 0.03\n", ""), "vault[core]: found a vault of kind 'basket': \"band\" is missing"),
        (("band = 0.03", "bnad = 0.03"), 'vault[core].bnad: unknown key; did you mean "band"?'),
        (
            ('kind = "leverage"', 'kind = "levrage"'),
            'vault[carry].kind: found "levrage", expected "basket", "leverage" or "range"',
        ),
        (
            ("target = 1.8", "target = 1.4"),
            "vault[carry].health: found low 1.5, target 1.4, high 2.2; expected 1 < low",
        ),
        (('horizon = "6h"', "horizon = 6"), 'vault[core].policy.horizon: found 6, expected a duration such as "24h"'),
        (("max_loss_bps = 20", "max_loss_bps = 0"), "vault[core].policy.max_loss_bps: found 0, expected greater than"),
        (("WETH = 0.7", "WETH = 70.0"), "vault[core].policy.volatility.WETH: found 70.0, expected less than or equal"),
        (
            (f'venues = ["{C}"]', "venues = []"),
            "vault[core].policy.venues: found no pool, expected at least one; leave",
        ),
        (('name = "carry"', 'name = "core"'), "vault: found two vaults with the name core, expected each once"),
        (('name = "carry"', 'name = "a b"'), 'vault[a b].name: found "a b", expected letters, digits'),
        (
            ("00:00:00Z", "00:00:00"),
            "vault[core].policy.blackouts[1].start: found 2026-01-01T00:00:00, expected a time",
        ),
        (("[chain]", "path = 1\n[chain]"), "path: unknown key"),
    ],
)
def test_a_fault_is_named_with_its_key(change: tuple[str, str], line: str):
    told = faults(*([] if "blackouts" in line else [BLACKOUT]), change)
    assert any(one.startswith(f"keeper.toml: {line}") for one in told), told
    assert not any(secret in one for one in told for secret in ("hunter2", "s3cr3t"))


def test_a_blackout_that_ends_before_it_begins():
    assert "found an end" in faults()[0]


def test_all_faults_are_told_at_once():
    assert len(faults(BLACKOUT, ("0.6", "0.5"), ("id = 1", "id = 0"), ("target = 1.8", "target = 1.4"))) == 3


def test_secrets_do_not_show():
    config = settings(BLACKOUT)
    for shown in (repr(config), str(config), config.model_dump_json(), repr(config.chain)):
        assert "hunter2" not in shown
        assert "s3cr3t" not in shown


def test_a_private_key_is_refused_wherever_it_stands():
    for change in (("[key]", f"# {WORLD_KEEPER_KEY}\n[key]"), ('name = "core"', f'name = "{WORLD_KEEPER_KEY[2:]}"')):
        (told,) = faults(BLACKOUT, change)
        assert re.search(r"line \d+ holds 64 hex digits", told)
        assert WORLD_KEEPER_KEY[2:12] not in told


def test_the_keepers_own_key_in_the_environment_is_refused():
    text = GOOD.replace(f'address = "{C}"\n\n[[', f'address = "{WORLD_KEEPER_ADDRESS}"\n\n[[').replace(*BLACKOUT)
    with pytest.raises(BadInput, match="the environment variable LEAK holds the keeper's private key"):
        parse(text, FILE, ENVIRON | {"LEAK": WORLD_KEEPER_KEY})
    parse(text, FILE, ENVIRON | {"TOKEN": 64 * "1", "ZERO": 64 * "0"})


@pytest.mark.parametrize("text", ["[chain", "a = 1\na = 2", "\x00"])
def test_no_toml(text: str):
    with pytest.raises(BadInput, match=r"keeper.toml: not valid TOML: .*\(at "):
        parse(text, FILE, ENVIRON)


def test_no_file(tmp_path: Path):
    with pytest.raises(BadInput, match="there is no such file; `keeper init` writes one"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(BadInput, match="cannot be read"):
        load(tmp_path, {})


@given(st.text(min_size=1, max_size=12), st.integers(1, 9_999))
def test_the_template_is_toml_whatever_a_token_calls_itself(symbol: str, weight: int):
    """Symbols come from contracts, which may answer any text."""
    weights = ((symbol, Bps(weight)), ("USDC", Bps(10_000 - weight)))
    vaults = (
        VaultDraft("core", B, "basket", (symbol, "USDC"), weights if symbol != "USDC" else (), Bps(250)),
        VaultDraft("carry", C, "leverage", (symbol, "USDC"), health=(1.5, 1.8, 2.2), venues=((A, "x/y\n[chain]"),)),
    )
    text = template.text(Draft(1, ("URL",), A, 3_600, C, "key.json", vaults))
    tree = tomllib.loads(text)
    config = parse(text, FILE, ENVIRON)
    assert tree["chain"]["id"] == 1
    assert config.vaults[1].health is not None
    if symbol != "USDC":
        assert (config.vaults[0].weights or {})[symbol] == weight / 10_000
