"""Policies in keeper.toml: each kind becomes its value, what is left open stays its default, all faults are told."""

import dataclasses
import tomllib

import pytest

from keeper.config import mandate, parse, template
from keeper.config.template import Draft, VaultDraft
from keeper.model import (
    Calendar,
    Chunks,
    Continuous,
    DynamicBand,
    Gates,
    HealthGoal,
    Mandate,
    Periodic,
    Policy,
    Preventative,
    Threshold,
)
from keeper.units import Bps, Wei
from tests.test_config import BLACKOUT, ENVIRON, FILE, GOOD, USDC, WETH, A, B, C, faults, settings

AT = ('horizon = "6h"\n', 'horizon = "6h"\nLINES\n')


def told(lines: str) -> Mandate:
    config = settings(BLACKOUT, (AT[0], AT[1].replace("LINES", lines)))
    return mandate(config.named("core"), config, [WETH, USDC])


@pytest.mark.parametrize(
    ("lines", "policy"),
    [
        ("", Threshold()),
        ('kind = "threshold"\nsettle = "edge"', Threshold("edge")),
        ('kind = "calendar"\nevery = "7d"', Calendar(604_800)),
        ('kind = "calendar"\nevery = "1h"\nsettle = "cheapest"', Calendar(3_600, "cheapest")),
        ('kind = "periodic"\nevery = "90m"', Periodic(5_400)),
        ('kind = "continuous"', Continuous()),
        ('kind = "dynamic"', DynamicBand()),
        ('kind = "preventative"', Preventative()),
        ('kind = "preventative"\nact_above = 0.5\nstop_below = 0.2\nstress = 3.0', Preventative(0.5, 0.2, 3.0)),
        ('kind = "preventative"\nact_above = 0.1', Preventative(0.1, 0.05)),
    ],
)
def test_each_kind_is_its_value(lines: str, policy: Policy) -> None:
    assert told(lines).policy == policy


def test_gates_and_chunks() -> None:
    assert told("").gates == Gates()
    assert told("").chunks == Chunks()
    found = told(
        'release = 0.25\nmin_gain = 5.0\npayback = "7d"\ngas_below_gwei = 20.5\ngas_wait = "2h"\ngas_unless = 0.4\n'
        'max_chunks = 4\nrefill = "15m"\nconfirmations = 3'
    )
    assert found.gates == Gates(0.25, 5.0, 604_800, Wei(20_500_000_000), 7_200, 0.4)
    assert found.chunks == Chunks(4, 900, 3)


def test_a_health_factor_may_follow_volatility() -> None:
    config = settings(BLACKOUT, ("high = 2.2", 'high = 2.2, tolerance = 0.001, react = "5m"'))
    goal = mandate(config.named("carry"), config, [WETH, USDC]).goal
    assert isinstance(goal, HealthGoal)
    assert (goal.tolerance, goal.react_s) == (0.001, 300)


def test_a_blackout_may_let_rescues_pass() -> None:
    config = settings(BLACKOUT, ('reason = "vote"', 'reason = "vote", rescues = true'))
    assert [w.rescues for w in mandate(config.named("core"), config, [WETH, USDC]).blackouts] == [True]


@pytest.mark.parametrize(
    ("lines", "sentences"),
    [
        ('kind = "prevent"', ['kind: found "prevent", expected', 'did you mean "preventative"?']),
        ('every = "1d"', ['every: is of a policy of kind "calendar" or "periodic", this one is "threshold"; remove']),
        ('kind = "calendar"', ['every: missing: a policy of kind "calendar" needs it; add it, such as "24h"']),
        ('kind = "calendar"\nevery = "soon"', ['every: found "soon", expected a duration']),
        ('kind = "preventative"\nstop_below = 0.4', ["stop_below: found 0.4, expected less than act_above, 0.3"]),
        ('kind = "preventative"\nact_above = 1.0', ["act_above: found 1.0, expected less than 1"]),
        ('kind = "preventative"\nstress = 0.5', ["stress: found 0.5, expected greater than or equal to 1"]),
        ('gas_wait = "2h"', ["gas_wait: has no effect without gas_below_gwei; add that or remove this"]),
        ("max_chunks = 0", ["max_chunks: found 0, expected greater than or equal to 1"]),
        ("release = 1.0", ["release: found 1.0, expected less than 1"]),
    ],
)
def test_a_fault_is_a_sentence(lines: str, sentences: list[str]) -> None:
    (line,) = faults(BLACKOUT, (AT[0], AT[1].replace("LINES", lines)))
    for sentence in sentences:
        assert sentence in line


def test_every_fault_of_a_policy_is_told_at_once() -> None:
    lines = 'kind = "calendar"\nact_above = 0.4\nstress = 0.1\ngas_unless = 2.0\nmax_chunks = 0\nrelaese = 0.1'
    found = "\n".join(faults(BLACKOUT, (AT[0], AT[1].replace("LINES", lines))))
    for key in ("every", "act_above", "stress", "gas_unless", "max_chunks", "relaese"):
        assert f"vault[core].policy.{key}: " in found
    assert 'did you mean "release"?' in found


def test_what_the_template_offers_is_accepted() -> None:
    """Each commented way, uncommented, is a setting that the file may have."""
    vaults = (
        VaultDraft("core", B, "basket", ("WETH", "USDC"), (("WETH", Bps(6_000)), ("USDC", Bps(4_000))), Bps(250)),
        VaultDraft("carry", C, "leverage", ("WETH", "USDC"), health=(1.5, 1.8, 2.2)),
    )
    text = template.text(Draft(1, ("URL",), A, 3_600, C, "key.json", vaults))
    said = dict.fromkeys(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    offered = [line for line in said if " = " in line]
    assert sum("tolerance" in line for line in offered) == 1
    kinds = [line for line in offered if line.startswith("kind")]
    assert len(kinds) == 3
    for kind in kinds:
        own = {"preventative": ("act", "stop", "stress"), "calendar": ("every",), "dynamic": ()}
        name = tomllib.loads(kind)["kind"]
        others = [k for n, keys in own.items() if n != name for k in keys]
        chosen = [line for line in offered if not line.startswith(("kind", "keystore", "health", "l1_data", *others))]
        lines = "\n".join((kind, *chosen))
        parse(GOOD.replace(*BLACKOUT).replace("blackouts", "# b").replace(AT[0], AT[0] + lines + "\n"), FILE, ENVIRON)


def test_the_template_offers_a_range_of_a_free_width() -> None:
    """Of a half-width that a quarter of has more decimals than a width may have."""
    drafted = template.text(
        Draft(
            1,
            ("URL",),
            A,
            3_600,
            C,
            "key.json",
            (VaultDraft("wide", B, "range", ("USDC", "WETH"), half_width=Bps(1_051)),),
        )
    )
    (free,) = (line for line in drafted.splitlines() if "narrowest" in line)
    kept = [line for line in drafted.splitlines() if not line.startswith("range = ") and "WETH = 0" not in line]
    found = parse("\n".join(kept).replace(free, free.removeprefix("# ")), FILE, ENVIRON)
    width = found.vaults[0].range
    assert width is not None
    assert (width.narrowest, width.widest) == (0.0262, 0.1051)


@pytest.mark.parametrize("base", ["USDC", "WETH", "PEPE"])
def test_what_the_template_offers_of_amounts_fits_its_base_asset(base: str) -> None:
    """A most that is under the least of a leg would let nothing be traded."""
    vault = VaultDraft("core", B, "basket", (base, "WBTC"), venues=((A, "pool"),))
    lines = template.text(Draft(1, ("URL",), A, 3_600, C, "key.json", (vault,))).splitlines()
    said = tomllib.loads(next(line for line in lines if line.startswith("min_trade")))
    most = tomllib.loads(next(line for line in lines if line.startswith("# venue_limits")).removeprefix("# "))
    assert most["venue_limits"][A] >= 1_000 * said["min_trade"] > -1


def test_every_policy_says_how_far_to_go_back() -> None:
    for kind in (Threshold, Calendar, Periodic, Continuous, DynamicBand, Preventative):
        assert "settle" in {field.name for field in dataclasses.fields(kind)}
