"""The world's vaults are at work: invested, levered, inside their limits, with every budget full."""

from typing import Any

import pytest

from keeper.errors import Halt
from keeper.units import BPS
from keeper.world import RunningWorld, calls, market, rpc
from keeper.world.vaults import (
    BASKET_USD,
    BASKET_WEIGHTS,
    COOLDOWN,
    HEALTH_FACTOR,
    HEALTH_LIMITS,
    LIMITS,
)

NAMES = ["basket", "leverage", "range"]


def ask(running: RunningWorld, name: str, function: str, returns: str) -> Any:
    return calls.view(running.url, running.world.vault(name).address, function, returns)


@pytest.mark.parametrize("name", NAMES)
def test_a_vault_knows_its_kind_its_people_and_its_limits(world: RunningWorld, name: str) -> None:
    vault, account = world.world.vault(name), world.world.account
    assert ask(world, name, "kind()", "(bytes32)") == vault.kind.encode().ljust(32, b"\0")
    assert ask(world, name, "owner()", "(address)") == account("owner")
    assert ask(world, name, "curator()", "(address)") == account("curator")
    for function, role in (("isKeeper(address)", "keeper"), ("isSentinel(address)", "sentinel")):
        assert calls.view(world.url, vault.address, function, "(bool)", account(role))
        assert not calls.view(world.url, vault.address, function, "(bool)", account("user"))
    assert ask(world, name, "limits()", "((uint16,uint16,uint16,uint16,uint16,uint16,uint32))") == LIMITS


@pytest.mark.parametrize("name", NAMES)
def test_a_vault_may_use_every_pool_of_its_tokens_and_no_other(world: RunningWorld, name: str) -> None:
    symbols = {"basket": {"USDC", "WETH", "WBTC"}, "leverage": {"WETH", "USDC"}, "range": {"WETH", "USDC"}}[name]
    expected = {pool.address for pool in world.world.pools if {pool.token0, pool.token1} <= symbols}
    venues = ask(world, name, "venues()", "((uint8,address)[])")
    assert {pool for _, pool in venues} == expected
    for adapter, pool in venues:
        kind = next(each.kind for each in world.world.pools if each.address == pool)
        assert adapter == {"uniswap_v2": 1, "uniswap_v3": 2}[kind]


@pytest.mark.parametrize("name", NAMES)
def test_the_first_action_finds_no_cooldown_and_full_budgets(world: RunningWorld, name: str) -> None:
    nav = ask(world, name, "nav()", "(uint256)")
    guard = ask(world, name, "guardState()", "(uint64,bool,uint64,uint256,uint256)")
    _, paused, last_action_at, loss_budget, turnover_budget = guard
    assert not paused
    assert last_action_at + COOLDOWN < market.now(world)
    assert loss_budget == pytest.approx(nav * LIMITS[2] / BPS, rel=1e-3)
    assert turnover_budget >= nav * LIMITS[5] // BPS * 0.999


def test_the_basket_is_worth_two_million_at_its_weights(world: RunningWorld) -> None:
    nav = ask(world, "basket", "nav()", "(uint256)")
    holdings = ask(world, "basket", "holdings()", "(uint256[])")
    assert nav == pytest.approx(BASKET_USD * 10**6, rel=0.01)
    for (symbol, weight), held in zip(BASKET_WEIGHTS.items(), holdings, strict=True):
        price = calls.view(world.url, world.world.feed(symbol).address, "latestAnswer()", "(int256)") / 10**8
        value = held / 10 ** world.world.token(symbol).decimals * price
        assert value / (nav / 10**6) == pytest.approx(weight / BPS, abs=0.001)
        assert held == market.balance(world, symbol, world.world.vault("basket").address)


def test_the_leverage_vault_owes_what_its_health_factor_says(world: RunningWorld) -> None:
    health = ask(world, "leverage", "healthFactor()", "(uint256)")
    assert health / 10**18 == pytest.approx(float(HEALTH_FACTOR), abs=0.01)
    limits = ask(world, "leverage", "healthLimits()", "((uint64,uint64,uint64,uint64,uint16,uint16,uint16))")
    assert limits == HEALTH_LIMITS
    position = ask(world, "leverage", "position()", "(uint256,uint256)")
    collateral, debt = position
    # 3,000 USD a WETH and a threshold of 83 %, by hand
    assert collateral * 3_000 * 83 // 100 / (debt * 10**12) == pytest.approx(health / 10**18, rel=1e-4)
    nav = ask(world, "leverage", "nav()", "(uint256)")
    assert nav == pytest.approx(500 * 10**18, rel=0.005)


def test_the_keeper_can_pay_for_gas(world: RunningWorld) -> None:
    balance = int(rpc.request(world.url, "eth_getBalance", world.world.account("keeper"), "latest"), 16)
    assert 10**18 < balance <= 10 * 10**18


@pytest.mark.parametrize("name", NAMES)
def test_a_stale_feed_stops_a_vault_and_a_fresh_round_wakes_it(fork: RunningWorld, name: str) -> None:
    market.mine(fork, seconds=2 * 3_600)
    with pytest.raises(Halt):
        ask(fork, name, "nav()", "(uint256)")
    market.refresh_feeds(fork)
    nav = ask(fork, name, "nav()", "(uint256)")
    assert nav > 0
