"""A configuration of the world's three vaults, as a user would write it."""

from pathlib import Path

from keeper.config import Config, parse
from keeper.world import WORLD_KEEPER_ADDRESS, RunningWorld


def text(running: RunningWorld, *, settle: str = "cheapest", rpc: str = "", band: float = 0.03) -> str:
    world = running.world
    return f"""
[chain]
id = {world.chain_id}
rpc = ["{rpc or running.url}"]
max_head_age_s = 0
native_feed = {{ aggregator = "{world.feed("ETH").address}", heartbeat_s = 3600 }}

[key]
address = "{WORLD_KEEPER_ADDRESS}"

[[vault]]
name = "core"
address = "{world.vault("basket").address}"
kind = "basket"
band = {band}
policy = {{ settle = "{settle}", volatility = {{ USDC = 0.01 }} }}

[[vault]]
name = "lever"
address = "{world.vault("leverage").address}"
kind = "leverage"
health = {{ low = 1.5, target = 1.8, high = 2.2 }}
policy = {{ settle = "{settle}", volatility = {{ USDC = 0.01 }} }}

[[vault]]
name = "range"
address = "{world.vault("range").address}"
kind = "range"
range = {{ half_width = 0.1 }}
policy = {{ settle = "{settle}", volatility = {{ USDC = 0.01 }} }}
"""


def config(running: RunningWorld, folder: Path, **changes: object) -> Config:
    return parse(text(running, **changes), folder / "keeper.toml", {})  # type: ignore[arg-type]
