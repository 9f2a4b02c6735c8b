"""Builds the whole local world on a fresh node: everything deployed, filled and priced, told as one World."""

from dataclasses import replace

from keeper.units import SECONDS_PER_DAY, Address
from keeper.world import artefacts, market, rpc
from keeper.world.aave import open_market
from keeper.world.batch import Batch
from keeper.world.roles import ROLES
from keeper.world.tokens import approve, deploy_feeds, deploy_tokens, fund
from keeper.world.uniswap import deploy_v2, deploy_v3, open_pools
from keeper.world.vaults import open_basket, open_leverage, open_range
from keeper.world.world import BLOCK_SECONDS, CHAIN_ID, GENESIS_HASH, RunningWorld, World

MULTICALL = Address("0xca11bde05977b3631167028862be2a173976ca11")
"""Multicall3's address on every chain that has it."""

KEEPER_ETHER = 10 * 10**18
"""Wei the keeper starts with: some thousand actions, and few enough to run out in a test."""


def build(url: str) -> World:
    """Deploys everything on the node at `url`, which holds nothing but its genesis block. Blocks are 12 s apart."""
    rpc.request(url, "anvil_setBlockTimestampInterval", BLOCK_SECONDS)
    batch = Batch(url)
    tokens = deploy_tokens(batch)
    feeds = deploy_feeds(batch)
    weth = tokens[0].address
    v2, v3 = deploy_v2(batch, weth), deploy_v3(batch, weth)
    fund(batch, tokens)
    for role in ("trader", "arbitrageur", "user"):
        approve(batch, role, tokens, (v2.router, v3.router))
    pools = open_pools(batch, tokens, v2, v3)
    batch.flush()
    aave = open_market(batch, tokens, feeds)
    _put_multicall(url)
    world = World(
        chain_id=CHAIN_ID,
        genesis_hash=GENESIS_HASH,
        multicall=MULTICALL,
        tokens=tokens,
        feeds=feeds,
        uniswap_v2=v2,
        uniswap_v3=v3,
        pools=pools,
        aave=aave,
        accounts=tuple(ROLES.items()),
    )
    running = RunningWorld(url, world)
    vaults = (open_basket(running), open_leverage(running), open_range(running))
    _rest(running)
    return replace(world, vaults=vaults)


def _rest(running: RunningWorld) -> None:
    """Lets a day pass, so that the vaults' budgets are full again, and takes back what opening them moved."""
    market.mine(running, SECONDS_PER_DAY)
    market.refresh_feeds(running)
    for pool in running.world.pools:
        market.arbitrage(running, pool)
    rpc.request(running.url, "anvil_setBalance", running.world.account("keeper"), hex(KEEPER_ETHER))


def _put_multicall(url: str) -> None:
    """Its deployer's nonce cannot be had here, so its constructor runs in a call and the result is put in place."""
    runtime = rpc.request(url, "eth_call", {"data": "0x" + artefacts.multicall_creation_code().hex()}, "latest")
    rpc.request(url, "anvil_setCode", MULTICALL, runtime)
