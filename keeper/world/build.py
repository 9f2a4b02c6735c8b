"""Builds the whole local world on a fresh node: everything deployed, filled and priced, told as one World."""

from keeper.units import Address
from keeper.world import artefacts, rpc
from keeper.world.aave import open_market
from keeper.world.batch import Batch
from keeper.world.roles import ROLES
from keeper.world.tokens import approve, deploy_feeds, deploy_tokens, fund
from keeper.world.uniswap import deploy_v2, deploy_v3, open_pools
from keeper.world.world import BLOCK_SECONDS, CHAIN_ID, GENESIS_HASH, World

MULTICALL = Address("0xca11bde05977b3631167028862be2a173976ca11")
"""Multicall3's address on every chain that has it."""


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
    return World(
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


def _put_multicall(url: str) -> None:
    """Its deployer's nonce cannot be had here, so its constructor runs in a call and the result is put in place."""
    runtime = rpc.request(url, "eth_call", {"data": "0x" + artefacts.multicall_creation_code().hex()}, "latest")
    rpc.request(url, "anvil_setCode", MULTICALL, runtime)
