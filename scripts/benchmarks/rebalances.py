"""Rebalances of the world's basket as they are mined, against the routes that others would take for the same sale.

Every instance is the local world again, after a fall or a rally and trades by others: the keeper's plan is mined, then,
from the same block, the same amounts by the best single pool a pair, by an even split over a pair's pools, and by the
best path of two hops. What each lost, the vault's loss at oracle prices and its gas together, is in basis points of the
value sold; gas at what the keeper pays for it, the base fee and its tip.
"""

import argparse
import math
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from keeper.chain.logs import executed, logs
from keeper.config import Config, parse
from keeper.errors import Unquotable
from keeper.model import Approved, Fill, Leg, Plan, Snapshot, Venue
from keeper.run import Keeper, open_keeper
from keeper.units import SECONDS_PER_DAY, Address, Timestamp
from keeper.world import WORLD_KEEPER_ADDRESS, RunningWorld, market, rpc, start

INSTANCES = 500
SEED = 4
WORSE = 0.01
"""Basis points of the value sold: a loss under it is a matter of what gas was estimated."""
GAS_LIMIT = 4_000_000
ROUNDS = 8
"""The shares of a sale that buy in the right proportions depend on what they buy; each round shrinks the error."""
TRADES = (0, 3)
LARGEST_TRADE_USD = 150_000
USD = {"USDC": 1.0, "WETH": 3_000.0, "WBTC": 60_000.0}
WIDTHS = {"WETH": 0.15, "WBTC": 0.12}
"""Of a fall or a rally, in logs."""
SEASONING_USD = 2_000

Sale = tuple[Address, Address, int]
"""Token sold, token bought, raw amount sold."""
Route = Callable[["Pools", Sale], list[Fill]]


class Pools:
    """The pools as the trades before have left them."""

    def __init__(self, venues: tuple[Venue, ...]) -> None:
        self.venues = {v.pool: v for v in venues}

    def between(self, a: Address, b: Address) -> list[Venue]:
        return [v for v in self.venues.values() if set(v.tokens) == {a, b}]

    def take(self, fill: Fill) -> Fill:
        self.venues[fill.pool] = self.venues[fill.pool].after(fill.token_in, fill.amount_in)
        return fill

    def tokens(self) -> set[Address]:
        return {t for v in self.venues.values() for t in v.tokens}


def single(pools: Pools, sale: Sale) -> list[Fill]:
    """All of it through the pool of the two tokens that pays most."""
    sold, bought, amount = sale
    return [pools.take(max((v.quote(sold, amount) for v in pools.between(sold, bought)), key=lambda f: f.amount_out))]


def even(pools: Pools, sale: Sale) -> list[Fill]:
    """The same amount through every pool of the two tokens."""
    sold, bought, amount = sale
    venues = pools.between(sold, bought)
    parts = [amount // len(venues)] * (len(venues) - 1)
    parts.append(amount - sum(parts))
    return [pools.take(v.quote(sold, part)) for v, part in zip(venues, parts, strict=True)]


def two_hops(pools: Pools, sale: Sale) -> list[Fill]:
    """All of it over a third token, through the two pools that together pay most."""
    sold, bought, amount = sale
    found = []
    for middle in pools.tokens() - {sold, bought}:
        for first, second in product(pools.between(sold, middle), pools.between(middle, bought)):
            one = first.quote(sold, amount)
            found.append((one, second.quote(middle, one.amount_out)))
    return [pools.take(f) for f in max(found, key=lambda pair: pair[1].amount_out)]


ROUTES: dict[str, Route] = {"best single pool": single, "even split": even, "best two hops": two_hops}


@dataclass(frozen=True, slots=True)
class Mined:
    """Loss at oracle prices and gas, both in basis points of the value sold; infinite where the vault refused."""

    loss: float
    gas: float

    @property
    def total(self) -> float:
        return self.loss + self.gas


@dataclass(frozen=True, slots=True)
class Errand:
    """What a plan does on balance: amounts to sell, and the value of each token bought, in the quote currency."""

    sells: dict[Address, int]
    bought: dict[Address, int]


def errand(snapshot: Snapshot, fills: tuple[Fill, ...]) -> Errand:
    net: dict[Address, int] = {}
    for fill in fills:
        net[fill.token_in] = net.get(fill.token_in, 0) - fill.amount_in
        net[fill.token_out] = net.get(fill.token_out, 0) + fill.amount_out
    return Errand(
        {t: -n for t, n in net.items() if n < 0},
        {t: n * snapshot.round(t).price_x36 for t, n in net.items() if n > 0},
    )


def legs(snapshot: Snapshot, route: Route, wanted: Errand) -> tuple[Leg, ...]:
    """Another route's legs for the same errand: the same amounts sold, and what is bought in the same proportions."""
    shares = {t: value / sum(wanted.bought.values()) for t, value in wanted.bought.items()}
    fills: list[Fill] = []
    for _ in range(ROUNDS):
        pools = Pools(tuple(snapshot.venue(p) for p in snapshot.vaults[0].venues))
        fills = [fill for sale in _sales(wanted, shares) for fill in route(pools, sale)]
        got = errand(snapshot, tuple(fills)).bought
        scaled = {t: share * wanted.bought[t] / max(1, got.get(t, 0)) for t, share in shares.items()}
        shares = {t: share / sum(scaled.values()) for t, share in scaled.items()}
    return tuple(Leg(snapshot.venue(f.pool).adapter, f.pool, f.token_in, f.amount_in, 0) for f in fills)


def _sales(wanted: Errand, shares: dict[Address, float]) -> list[Sale]:
    """Every sold token's amount in `shares` of the tokens bought, to the last unit."""
    found: list[Sale] = []
    for token, amount in wanted.sells.items():
        parts = [int(amount * share) for share in shares.values()]
        parts[-1] += amount - sum(parts)
        found += [(token, to, part) for to, part in zip(shares, parts, strict=True) if part > 0]
    return found


def send(running: RunningWorld, snapshot: Snapshot, calldata: bytes, tip: int) -> dict[str, Any]:
    """The receipt of the keeper's transaction on top of the snapshot's block; `tip` in wei a unit of gas."""
    sent = {
        "from": running.world.account("keeper"),
        "to": snapshot.vaults[0].address,
        "data": "0x" + calldata.hex(),
        "gas": hex(GAS_LIMIT),
        "maxFeePerGas": hex(2 * snapshot.head.base_fee + tip),
        "maxPriorityFeePerGas": hex(tip),
    }
    rpc.request(running.url, "evm_setAutomine", False)
    market.set_base_fee(running, snapshot.head.base_fee)
    tx_hash = rpc.request(running.url, "eth_sendTransaction", sent)
    rpc.request(running.url, "evm_mine")
    rpc.request(running.url, "evm_setAutomine", True)
    receipt: dict[str, Any] = rpc.request(running.url, "eth_getTransactionReceipt", tx_hash)
    return receipt


def mine(running: RunningWorld, snapshot: Snapshot, calldata: bytes, sold: float, tip: int) -> Mined:
    """Send the keeper's transaction, and forget it again."""
    vault, before = snapshot.vaults[0], rpc.request(running.url, "evm_snapshot")
    receipt = send(running, snapshot, calldata, tip)
    rpc.request(running.url, "evm_revert", before)
    if int(receipt["status"], 16) != 1:
        return Mined(math.inf, 0.0)
    (event,) = executed(logs(receipt["logs"]), vault.address)
    gas = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16) * snapshot.native.price_x36
    base = snapshot.round(vault.tokens[0].address).price_x36
    return Mined((event.nav_before - event.nav_after) / sold * 1e4, gas / base / sold * 1e4)


def instances(running: RunningWorld, keeper: Keeper, count: int, seed: int) -> Iterator[dict[str, Mined]]:
    """What the keeper's plan and each other route lost, for `count` moves of the market that call for a plan."""
    draw, tip = random.Random(seed), keeper.mandate("basket").lanes.of(False).tip
    season(running, keeper, tip)
    done = 0
    while done < count:
        before = rpc.request(running.url, "evm_snapshot")
        disturb(running, draw)
        snapshot = keeper.observe()
        verdict = keeper.decide("basket", snapshot).decision.verdict
        if isinstance(verdict, Approved) and verdict.prediction.fills:
            yield compare(running, snapshot, verdict, tip)
            done += 1
        rpc.request(running.url, "evm_revert", before)


def season(running: RunningWorld, keeper: Keeper, tip: int) -> None:
    """Every pool has traded both ways, and the vault has acted a day ago, as on a chain that is no minute old.

    What is written for the first time costs 17,000 gas a word more, of which no estimate is meant to know.
    """
    for _ in range(2):
        market.mine(running, 600)
        market.refresh_feeds(running)
        for pool in (p for p in running.world.pools if {p.token0, p.token1} <= USD.keys()):
            for sold, bought in ((pool.token0, pool.token1), (pool.token1, pool.token0)):
                whole = SEASONING_USD / USD[sold]
                market.swap(running, sold, bought, int(whole * 10 ** running.world.token(sold).decimals), pool)
    market.move(running, USD | {"WETH": 0.87 * USD["WETH"], "WBTC": 1.1 * USD["WBTC"]})
    snapshot = keeper.observe()
    first = keeper.decide("basket", snapshot).decision.verdict
    assert isinstance(first, Approved), first
    assert int(send(running, snapshot, first.calldata, tip)["status"], 16) == 1
    market.mine(running, SECONDS_PER_DAY)
    market.refresh_feeds(running)
    market.move(running, USD)


def disturb(running: RunningWorld, draw: random.Random) -> None:
    """Prices somewhere else, all pools there, and then some trades by others."""
    market.mine(running, 600)
    market.refresh_feeds(running)
    usd = USD | {token: USD[token] * math.exp(draw.gauss(0, wide)) for token, wide in WIDTHS.items()}
    market.move(running, usd)
    for _ in range(draw.randint(*TRADES)):
        pool = draw.choice([p for p in running.world.pools if {p.token0, p.token1} <= usd.keys()])
        sold, bought = draw.sample((pool.token0, pool.token1), 2)
        whole = draw.uniform(1_000, LARGEST_TRADE_USD) / usd[sold]
        market.swap(running, sold, bought, int(whole * 10 ** running.world.token(sold).decimals), pool)


def compare(running: RunningWorld, snapshot: Snapshot, approved: Approved, tip: int) -> dict[str, Mined]:
    vault = snapshot.vaults[0]
    base = snapshot.round(vault.tokens[0].address).price_x36
    wanted = errand(snapshot, approved.prediction.fills)
    sold = sum(amount * snapshot.round(token).price_x36 / base for token, amount in wanted.sells.items())
    found = {"keeper": mine(running, snapshot, approved.calldata, sold, tip)}
    for name, route in ROUTES.items():
        try:
            plan = Plan(legs(snapshot, route, wanted), None, approved.plan.cost, approved.plan.waiting, name)
        except Unquotable:
            found[name] = Mined(math.inf, 0.0)
            continue
        order = vault.order(snapshot, plan, Timestamp(snapshot.head.timestamp + 300), 0)
        found[name] = mine(running, snapshot, vault.encode(order, plan), sold, tip)
    return found


def config(running: RunningWorld, folder: Path) -> Config:
    """The basket alone, always back to its target."""
    text = f"""
[chain]
id = {running.world.chain_id}
rpc = ["{running.url}"]
max_head_age_s = 0
native_feed = {{ aggregator = "{running.world.feed("ETH").address}", heartbeat_s = 3600 }}
[key]
address = "{WORLD_KEEPER_ADDRESS}"
[[vault]]
name = "basket"
address = "{running.world.vault("basket").address}"
kind = "basket"
band = 0.005
policy = {{ settle = "target", volatility = {{ USDC = 0.01 }} }}
"""
    return parse(text, folder / "keeper.toml", {})


def table(found: list[dict[str, Mined]], seed: int) -> bool:
    """Print what the keeper saved against each other route; whether it was never worse than any."""
    lost = [one["keeper"] for one in found]
    print("# Rebalances, mined\n")
    print(
        f"{len(found)} rebalances of the local world's basket (USDC, WETH, WBTC; 2 million dollars; six Uniswap V2 and "
        f"V3 pools), each from its own market, by `scripts/bench rebalances --seed {seed}`. Basis points of the value "
        "sold, the vault's loss at oracle prices and gas at 3 gwei together; positive is what the plan saved.\n"
    )
    print(
        f"The keeper's own: loss {statistics.mean(m.loss for m in lost):.2f}, "
        f"gas {statistics.mean(m.gas for m in lost):.2f} on average.\n"
    )
    print("| against | refused by the vault | worse than it | least saved | 5 % | median | mean | 95 % | most |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    never = True
    for name in ROUTES:
        saved = sorted(one[name].total - one["keeper"].total for one in found if math.isfinite(one[name].total))
        worse = sum(s < -WORSE for s in saved)
        never = never and worse == 0 and all(math.isfinite(one["keeper"].total) for one in found)
        at = [saved[0], saved[len(saved) // 20], statistics.median(saved), statistics.mean(saved)]
        at += [saved[-1 - len(saved) // 20], saved[-1]]
        print(f"| {name} | {len(found) - len(saved)} | {worse} | " + " | ".join(f"{s:.2f}" for s in at) + " |")
    return never


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=INSTANCES)
    options.add_argument("--seed", type=int, default=SEED)
    asked = options.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        start() as running,
        open_keeper(config(running, Path(folder))) as keeper,
    ):
        found = list(instances(running, keeper, asked.count, asked.seed))
    if table(found, asked.seed):
        return 0
    print("\nmissed: some rebalance was worse than another route, or was refused")
    return 1


if __name__ == "__main__":
    sys.exit(main())
