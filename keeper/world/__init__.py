"""The local world: real Uniswap and Aave on a local chain, for the demo, the tests and anyone who wants to try.

with keeper.world.start() as running:
    market.push_price(running, "WETH", 2_900.0)
    print(running.url, running.world.pool("WETH", "USDC", 500).address)
"""

from keeper.world import market
from keeper.world.roles import WORLD_KEEPER_ADDRESS, WORLD_KEEPER_KEY
from keeper.world.running import fork, start
from keeper.world.world import CHAIN_ID, GENESIS_HASH, Feed, Pool, RunningWorld, World, is_world

__all__ = [
    "CHAIN_ID",
    "GENESIS_HASH",
    "WORLD_KEEPER_ADDRESS",
    "WORLD_KEEPER_KEY",
    "Feed",
    "Pool",
    "RunningWorld",
    "World",
    "fork",
    "is_world",
    "market",
    "start",
]
