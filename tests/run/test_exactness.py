"""The exact replay against the node's own rehearsal: equal to the wei, whatever the market did, for both vaults.

`guard.clear` compares every amount; a plan that is approved and then not cleared is a difference between the two.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.model import Approved, Cleared, LeverageMove, RangeMove
from keeper.run import Keeper, Report, open_keeper
from keeper.world import RunningWorld, calls, market
from tests.run.settings import config

SEED = 11


@pytest.fixture
def keeper(fork: RunningWorld, tmp_path: Path) -> Iterator[Keeper]:
    with open_keeper(config(fork, tmp_path)) as opened:
        yield opened


def moves() -> list[dict[str, float]]:
    """Prices round the world's own: falls and rallies that take one vault or both out of their bands."""
    draw = random.Random(SEED)
    levels = (2_480, 2_440, 2_400, 3_900, 3_750, 2_700, 3_300, 2_460, 4_100, 2_420)
    return [{"WETH": level + draw.uniform(-20, 20), "WBTC": 60_000 * draw.uniform(0.9, 1.15)} for level in levels]


def test_every_approved_plan_is_cleared(keeper: Keeper, fork: RunningWorld) -> None:
    approved: list[Report] = []
    for usd in moves():
        market.mine(fork, 600)
        market.refresh_feeds(fork)
        market.move(fork, usd)
        snapshot = keeper.observe()
        for name in ("core", "lever", "range"):
            report = keeper.decide(name, snapshot)
            if isinstance(report.decision.verdict, Approved):
                assert isinstance(report.cleared, Cleared), report.cleared
                approved.append(report)
    moved = [r.decision.verdict.plan.move for r in approved if isinstance(r.decision.verdict, Approved)]
    assert sum(move is None for move in moved) >= 3
    assert sum(isinstance(move, RangeMove) for move in moved) >= 8
    assert any(isinstance(move, LeverageMove) and move.lever for move in moved)
    assert any(isinstance(move, LeverageMove) and not move.lever for move in moved)


def test_a_rescue_that_needs_a_flash_loan_is_exact_too(fork: RunningWorld, tmp_path: Path) -> None:
    vault, user = fork.world.vault("leverage").address, fork.world.account("user")
    shares = calls.view(fork.url, vault, "balanceOf(address)", "(uint256)", user)
    market.transact(
        fork,
        "user",
        vault,
        "redeemInKind(uint256,address,address,uint256[])",
        shares * 99 // 100,
        user,
        user,
        [0, 0],
    )
    market.mine(fork, 86_400)
    market.refresh_feeds(fork)
    market.move(fork, {"WETH": 2_150.0, "WBTC": 60_000.0})
    with open_keeper(config(fork, tmp_path, settle="target")) as keeper:
        report = keeper.decide("lever")
    verdict = report.decision.verdict
    assert isinstance(verdict, Approved), verdict
    assert verdict.plan.move is not None
    assert verdict.plan.move.flash
    assert not verdict.plan.move.lever
    assert isinstance(report.cleared, Cleared), report.cleared
