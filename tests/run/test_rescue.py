"""A levered vault in danger is rescued at once: by its keeper whatever stands in the way, and as predicted to the wei.

A fork of the world with real Uniswap and Aave, in which most holders have left in kind: what is owed is then small for
the pools, a market of about 30 bp.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keeper.chain import signer
from keeper.chain.submit import submit
from keeper.config import Config, parse
from keeper.model import Approved, Cleared, LeverageMove, Refused
from keeper.run import Keeper, Report, open_keeper
from keeper.run.act import Acting, _manifest
from keeper.units import BPS, WAD, Address
from keeper.world import WORLD_KEEPER_ADDRESS, WORLD_KEEPER_KEY, RunningWorld, artefacts, calls, market, rpc, vaults
from keeper.world import fork as fork_world
from keeper.world.batch import Batch
from keeper.world.vaults import COOLDOWN, LIMITS
from tests.run.settings import config, text

GWEI = 10**9
DANGER = {"WETH": 1_765.0}
"""A health factor of 1.058: under the urgent level of 1.15, over the ripcord's of 1.05."""
GRACE_S = 3_600
"""Sequencer.GRACE: after a sequencer came back."""
LEFT = 95
"""Per cent of the shares that leave first."""


def leave(running: RunningWorld, per_cent: int) -> None:
    vault, user = running.world.vault("leverage").address, running.world.account("user")
    shares = calls.view(running.url, vault, "balanceOf(address)", "(uint256)", user)
    function = "redeemInKind(uint256,address,address,uint256[])"
    market.transact(running, "user", vault, function, shares * per_cent // 100, user, user, [0, 0])


@pytest.fixture(scope="module")
def small(fork: RunningWorld) -> RunningWorld:
    leave(fork, LEFT)
    market.mine(fork, 86_400)
    market.refresh_feeds(fork)
    return fork


@pytest.fixture
def danger(small: RunningWorld) -> Iterator[RunningWorld]:
    state = rpc.request(small.url, "evm_snapshot")
    market.move(small, DANGER)
    yield small
    rpc.request(small.url, "evm_revert", state)


@pytest.fixture
def keeper(danger: RunningWorld, tmp_path: Path) -> Iterator[Keeper]:
    with open_keeper(config(danger, tmp_path), signer.world_key(WORLD_KEEPER_KEY, lambda: True)) as opened:
        yield opened


def health(running: RunningWorld) -> float:
    vault = running.world.vault("leverage").address
    return int(calls.view(running.url, vault, "healthFactor()", "(uint256)")) / WAD


def levered(reports: tuple[Report, ...]) -> Report:
    assert reports[0].name == "lever", "rescues come first"
    return reports[0]


def require_rescued(running: RunningWorld, report: Report) -> None:
    verdict = report.decision.verdict
    assert isinstance(verdict, Approved), verdict
    assert isinstance(verdict.plan.move, LeverageMove)
    assert verdict.plan.move.urgent
    assert report.outcome is not None, report.cleared
    assert report.outcome.status == "done", report.outcome
    assert report.differences == ()
    assert health(running) == pytest.approx(1.8, abs=1e-4)


def test_what_was_deposited_and_lies_idle_is_supplied_before_anything_is_sold(
    small: RunningWorld, tmp_path: Path
) -> None:
    state = rpc.request(small.url, "evm_snapshot")
    try:
        vault, user = small.world.vault("leverage").address, small.world.account("user")
        market.transact(small, "user", vault, "deposit(uint256,address)", 20 * WAD, user, gas=3_000_000)
        market.mine(small, 3_600)
        market.refresh_feeds(small)
        market.move(small, {"WETH": 2_170.0})
        before = health(small)
        with open_keeper(config(small, tmp_path), signer.world_key(WORLD_KEEPER_KEY, lambda: True)) as keeper:
            report = levered(keeper.tick(live=True))
        assert isinstance(report.decision.verdict, Approved), report.decision
        plan = report.decision.verdict.plan
        assert plan.reason.startswith("supply what is idle: health factor to ")
        assert (plan.legs, plan.urgent) == ((), False)
        assert report.outcome is not None
        assert (report.outcome.status, report.differences) == ("done", ())
        assert health(small) > before + 0.1
        assert report.outcome.nav_after == pytest.approx(report.outcome.nav_before, abs=2)
    finally:
        rpc.request(small.url, "evm_revert", state)


def test_one_action_brings_it_back_to_target_as_predicted(keeper: Keeper, danger: RunningWorld) -> None:
    assert health(danger) == pytest.approx(1.058, abs=0.005)
    report = levered(keeper.tick(live=True))
    require_rescued(danger, report)
    verdict = report.decision.verdict
    assert isinstance(verdict, Approved)
    lost = verdict.prediction.nav_before - verdict.prediction.nav_after
    assert 20 < lost / verdict.prediction.repaid_raw * BPS < 45, "the market of the issue, about 30 bp"
    sold = sum(f.amount_in for f in verdict.prediction.fills) / verdict.prediction.nav_before
    assert sold > 1.5, "more than a cap of 30 bp of net asset value, or of a quarter of gross assets, lets through"


# what does not block it


def tighten(running: RunningWorld, **changes: int) -> None:
    """The curator narrows limits, which is instant."""
    names = ("loss", "gain", "daily_loss", "deviation", "turnover", "daily_turnover", "cooldown")
    limits = tuple(changes.get(name, value) for name, value in zip(names, LIMITS, strict=True))
    guard = calls.view(running.url, running.world.vault("leverage").address, "guard()", "(address)")
    function = "setLimits((uint16,uint16,uint16,uint16,uint16,uint16,uint32))"
    market.transact(running, "curator", guard, function, limits)


@pytest.mark.parametrize(
    "limits",
    [{"turnover": 1, "daily_turnover": 1}, {"loss": 1}, {"daily_loss": 1}, {"deviation": 1}],
    ids=lambda limits: " and ".join(limits),
)
def test_no_limit_of_housekeeping_blocks_it(small: RunningWorld, tmp_path: Path, limits: dict[str, int]) -> None:
    state = rpc.request(small.url, "evm_snapshot")
    tighten(small, **limits)
    market.move(small, DANGER)
    one = config(small, tmp_path)
    tight = one.model_copy(
        update={
            "vault": tuple(
                v.model_copy(update={"policy": v.policy.model_copy(update={"max_loss_bps": 1})}) for v in one.vault
            )
        }
    )
    with open_keeper(tight, signer.world_key(WORLD_KEEPER_KEY, lambda: True)) as keeper:
        require_rescued(small, levered(keeper.tick(live=True)))
    rpc.request(small.url, "evm_revert", state)


def test_a_running_cooldown_does_not_block_it(small: RunningWorld, tmp_path: Path) -> None:
    state = rpc.request(small.url, "evm_snapshot")
    market.move(small, {"WETH": 2_430.0})
    with open_keeper(config(small, tmp_path), signer.world_key(WORLD_KEEPER_KEY, lambda: True)) as keeper:
        first = levered(keeper.tick(live=True))
        assert first.outcome is not None
        acted_at = market.now(small)
        assert isinstance(first.decision.verdict, Approved)
        assert not first.decision.verdict.plan.urgent
        while health(small) > 1.1:
            market.move(
                small, {"WETH": 0.9 * float(keeper.observe().round(small.world.token("WETH").address).answer) / 1e8}
            )
        assert market.now(small) < acted_at + COOLDOWN
        require_rescued(small, levered(keeper.tick(live=True)))
        assert market.now(small) < acted_at + COOLDOWN
    rpc.request(small.url, "evm_revert", state)


def test_gas_over_housekeepings_cap_does_not_block_it(keeper: Keeper, danger: RunningWorld) -> None:
    market.set_base_fee(danger, 150 * GWEI)
    rpc.request(danger.url, "evm_mine")
    reports = keeper.tick(live=True)
    require_rescued(danger, levered(reports))
    for other in reports[1:]:
        assert isinstance(other.decision.verdict, Refused), other.decision.verdict
        assert "K-13" in {reason.id for reason in other.decision.verdict.reasons}


SEQUENCED = """
[[vault]]
name = "sequenced"
address = "{}"
kind = "leverage"
health = {{ low = 1.5, target = 1.8, high = 2.2 }}
policy = {{ settle = "target", volatility = {{ USDC = 0.01 }} }}
"""


def on_a_rollup(running: RunningWorld, monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[Address, Config]:
    """A sequencer's uptime feed, and a levered vault of its own that asks it, alone in a configuration."""
    batch = Batch(running.url)
    up = calls.arguments("(string,uint8,int256)", "L2 Sequencer Uptime", 0, 0)
    admin = running.world.account("admin")
    feed = batch.deploy("uptime feed", admin, artefacts.creation_code("WorldFeed") + up)
    batch.flush()
    market.mine(running, 2 * GRACE_S)
    market.refresh_feeds(running)
    monkeypatch.setattr(vaults, "NO_SEQUENCER", feed)
    vault = vaults.open_leverage(running)
    chain = text(running).split("[[vault]]")[0]
    return feed, parse(chain + SEQUENCED.format(vault.address), folder / "keeper.toml", {})


@pytest.mark.parametrize("down", [True, False], ids=["down", "just back"])
def test_a_sequencer_does_not_block_it(
    small: RunningWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, down: bool
) -> None:
    """The contract gives no value meanwhile; what takes debt away passes, and nothing else does."""
    state = rpc.request(small.url, "evm_snapshot")
    feed, one = on_a_rollup(small, monkeypatch, tmp_path)
    with open_keeper(one, signer.world_key(WORLD_KEEPER_KEY, lambda: True)) as keeper:
        vault = keeper.mandate("sequenced").vault
        market.move(small, {"WETH": 1_770.0})
        market.transact(small, "admin", feed, "pushRound(int256)", 1)
        if not down:
            market.transact(small, "admin", feed, "pushRound(int256)", 0)
        (report,) = keeper.tick(live=True)
        assert report.snapshot.vault(vault).reported_nav is None
        assert isinstance(report.decision.verdict, Approved), report.decision.verdict
        assert report.outcome is not None, report.cleared
        assert report.outcome.status == "done"
        assert report.differences == ()
        market.move(small, {"WETH": 3_000.0})
        (report,) = keeper.tick(live=True)
        assert isinstance(report.decision.verdict, Refused), report.decision.verdict
        (reason,) = report.decision.verdict.reasons
        assert reason.id == "K-26"
        assert "sequencer is down or came back within the hour" in reason.sentence
    rpc.request(small.url, "evm_revert", state)


@contextmanager
def blocks(running: RunningWorld) -> Iterator[None]:
    """A block a second, as others mine them, in place of one for each transaction."""
    rpc.request(running.url, "evm_setAutomine", False)
    stop = threading.Event()

    def mine() -> None:
        while not stop.wait(1.0):
            rpc.request(running.url, "evm_mine")

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        yield
    finally:
        stop.set()
        miner.join()
        rpc.request(running.url, "anvil_dropAllTransactions")
        rpc.request(running.url, "evm_setAutomine", True)


def housekeep(keeper: Keeper) -> None:
    """Sends the basket's plan, and does not wait for it."""
    report = keeper.decide("core")
    assert isinstance(report.cleared, Cleared), report.cleared
    who = Acting(keeper.node, keeper.journal, keeper.bound, keeper.signer or pytest.fail("no signer"))
    manifest = _manifest(keeper.bound, report.snapshot, report.mandate, report.cleared)
    submit(
        who.node, who.journal.intents, who.signer, report.cleared, manifest, report.snapshot.head, report.mandate.lanes
    )


def test_what_was_mined_and_failed_is_told_in_the_contracts_words(keeper: Keeper, danger: RunningWorld) -> None:
    rpc.request(danger.url, "evm_setAutomine", False)
    housekeep(keeper)
    guard = calls.view(danger.url, danger.world.vault("basket").address, "guard()", "(address)")
    pause = {"from": danger.world.account("sentinel"), "to": guard, "data": "0x" + calls.encode("pause()").hex()}
    rpc.request(
        danger.url,
        "eth_sendTransaction",
        pause | {"maxPriorityFeePerGas": hex(50 * GWEI), "maxFeePerGas": hex(99 * GWEI)},
    )
    rpc.request(danger.url, "evm_mine")
    rpc.request(danger.url, "evm_mine")
    rpc.request(danger.url, "evm_setAutomine", True)
    (outcome,) = keeper.reconcile()
    assert outcome.status == "reverted"
    assert outcome.reason == "it reverted after what came before it in its block: VaultPaused: vault paused"


def test_an_open_housekeeping_intent_does_not_block_it(keeper: Keeper, danger: RunningWorld) -> None:
    rpc.request(danger.url, "evm_setAutomine", False)
    housekeep(keeper)
    market.set_base_fee(danger, 90 * GWEI)  # far over what the housekeeping bids: it stays in the pool
    rpc.request(danger.url, "evm_mine")
    with blocks(danger):
        require_rescued(danger, levered(keeper.tick(live=True)))
        intents = keeper.journal.intents
        housekeeping, rescue = sorted(
            intents.unsettled(danger.world.chain_id, WORLD_KEEPER_ADDRESS), key=lambda i: i.nonce
        )
        assert not housekeeping.urgent
        assert rescue.urgent
        assert [a.kind for a in intents.attempts(housekeeping.intent_id)] == ["act", "cancel"]
        assert {o.status for o in keeper.reconcile()} == {"cancelled", "done"}


def test_housekeeping_that_is_followed_gives_way_when_the_market_falls(small: RunningWorld, tmp_path: Path) -> None:
    """It waits for its block when the fall comes: the same tick looks again, and rescues past it."""
    state = rpc.request(small.url, "evm_snapshot")
    market.move(small, {"WETH": 2_600.0, "WBTC": 50_000.0})

    def fall() -> None:
        while rpc.request(small.url, "txpool_status")["pending"] == "0x0":
            time.sleep(0.05)
        rpc.request(small.url, "anvil_dropAllTransactions")  # as a pool does that is full
        rpc.request(small.url, "evm_setAutomine", True)
        market.move(small, DANGER)

    rpc.request(small.url, "evm_setAutomine", False)
    other = threading.Thread(target=fall, daemon=True)
    other.start()
    with open_keeper(
        config(small, tmp_path, settle="target"), signer.world_key(WORLD_KEEPER_KEY, lambda: True)
    ) as keeper:
        reports = keeper.tick(live=True)
        other.join()
        looked = [one.name for one in reports]
        assert looked[0] == "lever", "nothing was wrong with it at first"
        assert looked[1] in ("core", "range")
        assert reports[1].outcome is not None
        assert reports[1].outcome.status == "sent"
        assert looked[2] == "lever"
        rescue = reports[2]
        if isinstance(rescue.decision.verdict, Refused):  # seen in the block between the oracle's fall and the pools'
            assert {reason.id for reason in rescue.decision.verdict.reasons} == {"C-10"}
            rescue = levered(keeper.tick(live=True))
        require_rescued(small, rescue)
        intents = keeper.journal.intents.unsettled(small.world.chain_id, WORLD_KEEPER_ADDRESS)
        assert [[a.kind for a in keeper.journal.intents.attempts(i.intent_id)] for i in intents] == [
            ["act", "cancel"],
            ["act"],
        ]
    rpc.request(small.url, "evm_revert", state)


def test_a_purse_too_small_for_housekeeping_still_pays_for_it(keeper: Keeper, danger: RunningWorld) -> None:
    rpc.request(danger.url, "anvil_setBalance", WORLD_KEEPER_ADDRESS, hex(10**17))
    require_rescued(danger, levered(keeper.tick(live=True)))


def test_the_stop_file_lets_it_through_unless_it_says_everything(keeper: Keeper, danger: RunningWorld) -> None:
    assert all(r.outcome is None for r in keeper.tick(live=True, allowed="nothing"))
    reports = keeper.tick(live=True, allowed="rescues")
    require_rescued(danger, levered(reports))
    assert all(r.outcome is None for r in reports[1:])


# what a rescue may cost


def test_in_a_thin_market_it_goes_as_far_as_it_may_and_on_in_the_next_block(
    world: RunningWorld, tmp_path: Path
) -> None:
    """The world's whole vault in the world's pools: back to target at once would cost twice what a rescue may lose."""
    with fork_world(world) as fork:
        market.mine(fork, 600)
        market.refresh_feeds(fork)
        market.move(fork, {"WETH": 1_900.0})
        with open_keeper(config(fork, tmp_path), signer.world_key(WORLD_KEEPER_KEY, lambda: True)) as keeper:
            before, blocks_used = health(fork), 0
            while health(fork) < 1.15 and blocks_used < 5:
                report = levered(keeper.tick(live=True))
                assert report.outcome is not None, report.decision.verdict
                assert (report.outcome.status, report.differences) == ("done", ())
                verdict = report.decision.verdict
                assert isinstance(verdict, Approved)
                lost = verdict.prediction.nav_before - verdict.prediction.nav_after
                assert 0.5 * 150 < lost / verdict.prediction.repaid_raw * BPS <= 0.8 * 150 + 0.01
                assert "% of the way" in verdict.plan.reason
                assert health(fork) > before + 0.05
                before, blocks_used = health(fork), blocks_used + 1
                market.move(fork, {"WETH": 1_900.0})  # arbitrage fills the pools again
            assert before > 1.15


def test_it_is_not_urgent_above_its_level(small: RunningWorld, tmp_path: Path) -> None:
    state = rpc.request(small.url, "evm_snapshot")
    market.move(small, {"WETH": 2_000.0})  # 1.2
    with open_keeper(config(small, tmp_path)) as keeper:
        report = keeper.decide("lever")
    verdict = report.decision.verdict
    assert isinstance(verdict, Approved), verdict
    assert not verdict.plan.urgent
    rpc.request(small.url, "evm_revert", state)
