"""Holders leave in kind with the keeper's key burnt, the vault's feeds dead and the vault paused (C-16)."""

from collections.abc import Iterator

import pytest

from keeper.errors import Halt
from keeper.world import WORLD_KEEPER_ADDRESS, RunningWorld, calls, market, rpc

KINDS = ("basket", "leverage", "range")
RECEIVER = "0x" + "9e" * 20
PART = 7
"""A seventh of the user's shares leaves."""


@pytest.fixture
def abandoned(fork: RunningWorld) -> Iterator[RunningWorld]:
    """Nobody keeps anything: no vault has a keeper, each is paused, and no round is younger than a day."""
    state = rpc.request(fork.url, "evm_snapshot")
    for kind in KINDS:
        guard = calls.view(fork.url, fork.world.vault(kind).address, "guard()", "(address)")
        market.transact(fork, "sentinel", guard, "removeKeeper(address)", WORLD_KEEPER_ADDRESS)
        market.transact(fork, "sentinel", guard, "pause()")
    market.mine(fork, 2 * 86_400)
    for kind in KINDS:
        with pytest.raises(Halt):  # not even what it is worth can be said
            calls.view(fork.url, fork.world.vault(kind).address, "nav()", "(uint256)")
    yield fork
    rpc.request(fork.url, "evm_revert", state)


def leave(running: RunningWorld, kind: str, receiver: str) -> tuple[int, int]:
    """A part of the user's shares for `receiver`; shares burnt, and how many there were in all."""
    vault, user = running.world.vault(kind).address, running.world.account("user")
    shares = calls.view(running.url, vault, "balanceOf(address)", "(uint256)", user) // PART
    supply = calls.view(running.url, vault, "totalSupply()", "(uint256)")
    count = len(calls.view(running.url, vault, "tokens()", "(address[])"))
    function = "redeemInKind(uint256,address,address,uint256[])"
    market.transact(running, "user", vault, function, shares, receiver, user, [0] * count)
    return shares, supply


@pytest.mark.parametrize("kind", ["basket", "leverage"])
def test_a_holder_leaves_an_abandoned_vault_with_their_part(abandoned: RunningWorld, kind: str) -> None:
    running, vault = abandoned, abandoned.world.vault(kind).address
    symbols = ("USDC", "WETH", "WBTC") if kind == "basket" else ("WETH", "USDC")
    before = dict(zip(symbols, calls.view(running.url, vault, "holdings()", "(uint256[])"), strict=True))
    if kind == "leverage":
        before["WETH"] += calls.view(running.url, vault, "position()", "(uint256,uint256)")[0]
    health = _health(running) if kind == "leverage" else 0
    shares, supply = leave(running, kind, RECEIVER)
    for symbol in symbols:
        received, part = market.balance(running, symbol, RECEIVER), before[symbol] * shares // supply
        assert received == pytest.approx(part, rel=1e-7, abs=3)  # interest of the block it is mined in
    assert calls.view(running.url, vault, "totalSupply()", "(uint256)") == supply - shares
    if kind == "leverage":
        assert _health(running) >= health * (1 - 1e-7), "what stays is no weaker, but for that interest (C-33)"


def test_a_holder_leaves_an_abandoned_range_with_their_part(abandoned: RunningWorld) -> None:
    vault = abandoned.world.vault("range").address
    before = calls.view(abandoned.url, vault, "range()", "(int24,int24,uint128)")[2]
    shares, supply = leave(abandoned, "range", RECEIVER)
    after = calls.view(abandoned.url, vault, "range()", "(int24,int24,uint128)")[2]
    assert before - after == before * shares // supply
    assert all(market.balance(abandoned, symbol, RECEIVER) > 0 for symbol in ("WETH", "USDC"))


@pytest.mark.parametrize("kind", ["basket", "range"])
def test_a_feed_that_reverts_is_not_asked(abandoned: RunningWorld, kind: str) -> None:
    for symbol in ("WETH", "USDC"):
        market.set_feed_down(abandoned, symbol, True)
    leave(abandoned, kind, RECEIVER)
    assert market.balance(abandoned, "WETH", RECEIVER) > 0


def test_with_the_lending_markets_own_oracle_dead_only_a_full_repayment_leaves(abandoned: RunningWorld) -> None:
    market.set_feed_down(abandoned, "WETH", True)
    with pytest.raises(Halt):
        leave(abandoned, "leverage", RECEIVER)
    vault, user = abandoned.world.vault("leverage").address, abandoned.world.account("user")
    shares = calls.view(abandoned.url, vault, "balanceOf(address)", "(uint256)", user)
    assert shares == calls.view(abandoned.url, vault, "totalSupply()", "(uint256)"), "the world's only holder"
    function = "redeemInKind(uint256,address,address,uint256[])"
    market.transact(abandoned, "user", vault, function, shares, user, user, [0, 0])
    assert calls.view(abandoned.url, vault, "position()", "(uint256,uint256)")[1] == 0


def _health(running: RunningWorld) -> int:
    return int(calls.view(running.url, running.world.vault("leverage").address, "healthFactor()", "(uint256)"))
