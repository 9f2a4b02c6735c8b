"""A running world in, a folder to try every command in out; and a market that goes on by itself."""

import json
import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eth_account import Account

from keeper.chain.node import Node
from keeper.config import template
from keeper.errors import BadInput
from keeper.run.survey import survey
from keeper.world import market
from keeper.world.content import SPECS
from keeper.world.roles import WORLD_KEEPER_ADDRESS, WORLD_KEEPER_KEY
from keeper.world.world import CHAIN_ID, RunningWorld

PASSPHRASE = "world"
"""Of the keystore written here. No secret: the key itself is published."""
KEYSTORE = "world-keeper-key.json"
REFRESH_BLOCKS = 100
"""Feeds answer anew after so many blocks of 12 s, before the quickest heartbeat of an hour is over."""
WOBBLING = ("WETH", "WBTC")


@dataclass(frozen=True, slots=True)
class Files:
    config: Path
    keystore: Path


def configure(running: RunningWorld, folder: Path, kinds: Sequence[str] = ()) -> Path:
    """A keeper.toml for the vaults of some kinds, or all, replacing what an earlier world left there.

    Raises BadInput when the folder cannot be written, or holds a keeper.toml of another chain.
    """
    path = folder / "keeper.toml"
    if path.exists() and f"\nid = {CHAIN_ID}\n" not in path.read_text(encoding="utf-8"):
        raise BadInput(f"{path} is of another chain: name another folder")
    node = Node([running.url], CHAIN_ID)
    vaults = [vault.address for vault in running.world.vaults if not kinds or vault.kind in kinds]
    try:
        draft = replace(survey(node, [running.url], vaults, WORLD_KEEPER_ADDRESS, KEYSTORE), max_head_age_s=0)
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(template.text(draft), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{folder} cannot be written: {error}") from error
    finally:
        node.close()
    return path


def write(running: RunningWorld, folder: Path) -> Files:
    """As `configure`, for all vaults, with the keeper's keystore beside it. Raises BadInput."""
    files = Files(configure(running, folder), folder / KEYSTORE)
    try:
        files.keystore.unlink(missing_ok=True)
        stored = json.dumps(Account.encrypt(bytes.fromhex(WORLD_KEEPER_KEY[2:]), PASSPHRASE))
        with os.fdopen(os.open(files.keystore, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(stored)
    except OSError as error:
        raise BadInput(f"{folder} cannot be written: {error}") from error
    return files


def live(running: RunningWorld, every_s: float, wobble: float, seed: int = 1) -> None:
    """Mines a block every `every_s` seconds until interrupted; `wobble` is each block's log volatility."""
    draw = random.Random(seed)
    usd = {symbol: float(SPECS[symbol].usd) for symbol in WOBBLING}
    block = 0
    while True:
        time.sleep(every_s)
        block += 1
        if wobble > 0.0:
            usd = {symbol: price * math.exp(draw.gauss(0.0, wobble)) for symbol, price in usd.items()}
            market.move(running, usd)
        else:
            market.mine(running)
        if block % REFRESH_BLOCKS == 0:
            market.refresh_feeds(running)
