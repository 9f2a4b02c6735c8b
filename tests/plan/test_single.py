"""The best single pool beside a plan that uses several: found by asking each, told in parts, and by no decision."""

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from keeper.beside import with_single_pool
from keeper.cli.render_report import candidate_table
from keeper.decide import decide
from keeper.model import Approved, Candidate, Decision, History, Mandate, Plan, Snapshot, State, Threshold, Venue
from keeper.plan.market import opener
from keeper.plan.single import _forbidden
from keeper.protocols.uniswap_v2 import UniswapV2Pair
from keeper.units import BPS, Address
from keeper.vaults.range_vault import RangeVault
from tests import levered, scene
from tests.plan import test_limits_range, test_range
from tests.scene import USDC, WBTC, WETH

TARGET: dict[str, Any] = {"policy": Threshold("target")}
PARTS = ("fees", "impact", "basis", "gas", "l1_data", "lvr", "risk", "touch")


def pair(number: int, dollars: float, token: Any = WETH) -> UniswapV2Pair:
    amounts = (round(dollars * 1e6), round(dollars / scene.USD[token] * 10**token.decimals))
    return UniswapV2Pair(Address(f"0x{number:040x}"), (USDC.address, token.address), amounts)


def basket(wbtc: float = 10.0) -> tuple[Snapshot, Mandate]:
    """Too much ether for too few dollars; ten bitcoin are what the targets ask for."""
    pools: tuple[Venue, ...] = (pair(0x101, 30e6), pair(0x102, 12e6), pair(0x103, 30e6, WBTC))
    held = scene.basket(weth=300.0, wbtc=wbtc, usdc=500_000.0, venues=tuple(p.pool for p in pools))
    return replace(scene.snapshot(held), venues=pools), scene.mandate(**TARGET)


def position(health: float, **rules: Any) -> tuple[Snapshot, Mandate]:
    return levered.position(health, depth=1e8), levered.mandate(**(TARGET | rules))


def ranged() -> tuple[Snapshot, Mandate]:
    return test_limits_range.case(3, "venues").snapshot, test_range.mandate(**TARGET)


def adding() -> tuple[Snapshot, Mandate]:
    """The vault's own liquidity is at the price, and is no pool's while the plan is carried out."""
    made = test_range.scene(3_010.0, holdings=(260_000 * 10**6, 0), venues=test_limits_range.POOLS)
    other = test_limits_range.case(3, "venues").snapshot.venues[1]
    base, ether = made.vaults[0].tokens
    other = replace(other, tokens=(base.address, ether.address), reserves=(50_000_000 * 10**6, 16_661 * 10**18))  # type: ignore[type-var]
    return replace(made, venues=(*made.venues, other)), test_range.mandate(**TARGET)


CASES = {
    "basket": basket,
    "levered, down": lambda: position(1.4),
    "levered, down by a flash loan": lambda: position(1.17),
    "levered, up": lambda: position(2.4),
    "range": ranged,
    "range, what is idle": adding,
}


def approved(snapshot: Snapshot, mandate: Mandate) -> tuple[Decision, Approved]:
    found = decide(History(snapshot, ()), State(mandate.vault), scene.beliefs(), mandate, 0)
    assert isinstance(found.verdict, Approved), found.verdict
    return found, found.verdict


def single(snapshot: Snapshot, mandate: Mandate) -> tuple[Candidate, Approved]:
    """What is shown besides what was weighed, and the verdict that was decided."""
    decision, verdict = approved(snapshot, mandate)
    shown = with_single_pool(snapshot, mandate, decision).verdict
    assert isinstance(shown, Approved)
    assert shown.plan.candidates[:-1] == verdict.plan.candidates
    assert replace(shown, plan=replace(shown.plan, candidates=())) == replace(
        verdict, plan=replace(verdict.plan, candidates=())
    )
    return shown.plan.candidates[-1], verdict


def alone(snapshot: Snapshot, mandate: Mandate, verdict: Approved) -> dict[Address, float]:
    """By pool, what the vault would have less at the oracle's prices through it alone than by the plan, raw base."""
    vault, fills = snapshot.vault(mandate.vault), verdict.prediction.fills
    base = snapshot.round(vault.tokens[0].address).price_x36
    worth = {r.token: r.price_x36 / base for r in snapshot.rounds}
    net = {t.address: sum(f.amount_out for f in fills if f.token_out == t.address) for t in vault.tokens}
    for fill in fills:
        net[fill.token_in] -= fill.amount_in
    sold = min(net, key=lambda t: net[t] * worth[t])
    each = (snapshot.head.base_fee + mandate.lanes.normal.tip) * snapshot.native.price_x36 / base
    least = {}
    for venue in snapshot.venues:
        if isinstance(vault, RangeVault) and venue.pool == vault.pool:
            venue = vault.problem(snapshot, mandate).venue
        if sold not in venue.tokens:
            continue
        fill = venue.quote(sold, -net[sold])
        got = net[fill.token_out] - fill.amount_out
        used = sum(snapshot.venue(f.pool).gas for f in fills)
        least[venue.pool] = got * worth[fill.token_out] + (venue.gas - used) * each
    return least


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_cheapest_of_all_asked_one_by_one(name: str) -> None:
    snapshot, mandate = CASES[name]()
    found, verdict = single(snapshot, mandate)
    more = alone(snapshot, mandate, verdict)
    pool = min(more, key=lambda p: more[p])
    assert found.name == f"best single pool {pool}"
    assert found.cost.total - verdict.plan.cost.total == pytest.approx(more[pool], rel=1e-6)
    assert more[pool] > 0.0, "the plan over several is cheaper"
    nav = verdict.prediction.nav_before
    assert found.note == f"costs {more[pool] / nav * BPS:.2f} bp more"
    parts = {p: getattr(found.cost, p) for p in PARTS}
    plan = {p: getattr(verdict.plan.cost, p) for p in PARTS}
    assert parts["gas"] < plan["gas"]
    assert parts["impact"] > plan["impact"]
    assert [parts[p] for p in ("lvr", "risk", "touch")] == [plan[p] for p in ("lvr", "risk", "touch")]


def test_nothing_is_shown_where_one_pool_is_used_or_none_can_do_it() -> None:
    for snapshot, mandate in (position(1.4, venues=(scene.WETH_USDC,)), basket(wbtc=12.0)):
        decision, verdict = approved(snapshot, mandate)
        assert with_single_pool(snapshot, mandate, decision) == decision
    assert len(verdict.plan.legs) > 1, "two tokens are sold, no pool takes both"


def test_a_hold_is_shown_as_it_is() -> None:
    snapshot, mandate = position(1.8)
    decision = decide(History(snapshot, ()), State(mandate.vault), scene.beliefs(), mandate, 0)
    assert with_single_pool(snapshot, mandate, decision) is decision


def test_it_says_what_else_would_be_in_its_way() -> None:
    caps = tuple((p, 80 * 10**18) for p in (scene.WETH_USDC, levered.OTHER_POOL))
    assert single(*position(1.4, venue_limits=caps))[0].note.endswith("bp more; over its venue_limits")
    note = single(levered.position(1.45, depth=2e7), levered.mandate(**TARGET, max_turnover=1_200))[0].note
    assert "off the oracle's price, at most 300 may be" in note


def test_the_page_shows_it_short_and_with_its_reason() -> None:
    snapshot, mandate = position(1.4)
    decision, _ = approved(snapshot, mandate)
    plan = with_single_pool(snapshot, mandate, decision).verdict.plan
    assert isinstance(plan, Plan)
    console = Console(width=160, record=True)
    console.print(candidate_table(plan, WETH, 10**21))
    text = console.export_text()
    row = next(line for line in text.splitlines() if "best single pool" in line)
    assert "0x0101…0101 · costs " in row
    assert "▸" not in row
    assert sum("▸" in line for line in text.splitlines()) == 1
    assert "do nothing" in text


def test_a_pool_that_is_too_far_off_already_is_said_to_be() -> None:
    """The contract looks before the first leg too: a trade that brings the price back does not help."""
    off = levered.position(1.45)
    seen = replace(off, venues=levered.pools(3_000.0 * 1.004, 40e6))
    pool = seen.venues[0]
    market = opener(seen, [v.pool for v in seen.venues], WETH.address, 10**9, 10, max_deviation=30)()
    fill = pool.quote(WETH.address, 20 * 10**18)
    assert _forbidden(market, fill) == ["it is 39.8 bp off the oracle's price, at most 30 may be"]
