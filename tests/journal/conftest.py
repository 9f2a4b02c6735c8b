"""A journal that every test of it begins with, and what is put into it."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from keeper.codec import MODEL, Codec
from keeper.journal import Journal, open_journal, schema
from keeper.model import Attempt, Intent
from keeper.protocols.uniswap_v3 import UniswapV3Pool
from keeper.units import Address, Gas, Hash, Ppm, Timestamp, Wei

A, B = (Address("0x" + digit * 40) for digit in "ab")
POOLS = tuple[UniswapV3Pool, ...]
CODEC = Codec(MODEL | {"v3": UniswapV3Pool})


def hash_of(number: int) -> Hash:
    return Hash(f"0x{number:064x}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keeper.db"


@pytest.fixture
def journal(file: Path) -> Iterator[Journal]:
    with open_journal(str(file), CODEC) as journal:
        yield journal


def rows(journal: Journal, table: str) -> int:
    with journal._database.reading() as connection:
        return connection.execute(select(func.count()).select_from(schema.metadata.tables[table])).scalar_one()


def pool(seed: int) -> UniswapV3Pool:
    noise = random.Random(seed)
    ticks = tuple((60 * i, noise.randrange(-(2**100), 2**100)) for i in range(200))
    return UniswapV3Pool(A, (A, B), Ppm(3000), 60, 2**96, 0, 10**18, -3, 3, ticks)


def intent_of(nonce: int = 0, name: int | None = None, sender: Address = A) -> Intent:
    return Intent(
        intent_id=hash_of(name if name is not None else nonce + 1),
        chain_id=1,
        sender=sender,
        nonce=nonce,
        vault=B,
        expected_epoch=3,
        deadline=Timestamp(600),
        calldata=b"\x01\x02",
        max_gas_price=Wei(10**11),
        created_at=Timestamp(5),
    )


def attempt_of(intent: Intent, name: int = 100) -> Attempt:
    return Attempt(hash_of(name + intent.nonce), intent.intent_id, "act", b"\x02raw", Wei(2**62), Wei(1), Gas(21_000))
