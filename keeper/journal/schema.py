"""The journal's tables. Integers that may exceed 63 bits (feed answers, round ids) are kept as decimal text."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from keeper.model import MOVES

VERSION = "2"
UPGRADES = {"1": ("2", ("ALTER TABLE intents ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE",))}
"""By layout, the next one and what leads to it."""

metadata = MetaData()

meta = Table("meta", metadata, Column("key", String(32), primary_key=True), Column("value", Text, nullable=False))

blobs = Table(
    "blobs",
    metadata,
    Column("hash", String(66), primary_key=True),
    Column("payload", LargeBinary, nullable=False),  # zlib of JSON, in which {"#": hash} stands for another blob
)

blob_parts = Table(
    "blob_parts",
    metadata,
    Column("blob", String(66), ForeignKey("blobs.hash", ondelete="CASCADE"), primary_key=True),
    Column("part", String(66), ForeignKey("blobs.hash"), primary_key=True, index=True),
)


def _blob(name: str) -> Column[str]:
    return Column(name, String(66), ForeignKey("blobs.hash"), nullable=False)


TICK_BLOBS = ("history", "state", "beliefs", "mandate", "decision", "next_state")

ticks = Table(
    "ticks",
    metadata,
    # SQLite counts rows by itself only where the key is declared INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("recorded_at", BigInteger, nullable=False),  # wall clock, seconds
    Column("chain_id", BigInteger, nullable=False),
    Column("vault", String(42), nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("block_hash", String(66), nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("seed", String(80), nullable=False),
    *(_blob(name) for name in TICK_BLOBS),
    Column("verdict", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("intent_id", String(66)),
    Column("timings", Text, nullable=False),  # JSON: [[stage, seconds], …]
    Index("ticks_by_vault", "chain_id", "vault", "id"),
)

prices = Table(
    "prices",
    metadata,
    Column("chain_id", BigInteger, primary_key=True),
    Column("token", String(42), primary_key=True),
    Column("feed", String(42), primary_key=True),
    Column("round_id", String(80), primary_key=True),
    Column("updated_at", BigInteger, nullable=False),
    Column("answer", String(80), nullable=False),
    Column("decimals", Integer, nullable=False),
    Index("prices_by_time", "chain_id", "token", "updated_at"),
)

_STATES = ", ".join(f"'{state}'" for state in MOVES)

intents = Table(
    "intents",
    metadata,
    Column("intent_id", String(66), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("sender", String(42), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("vault", String(42), nullable=False),
    Column("expected_epoch", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("calldata", LargeBinary, nullable=False),
    Column("max_gas_price", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("urgent", Boolean, nullable=False, default=False),
    Column("outcome", Text),  # canonical JSON of the latest Outcome
    UniqueConstraint("chain_id", "sender", "nonce", name="one_intent_a_nonce"),
    CheckConstraint(f"state IN ({_STATES})", name="known_state"),
    Index("intents_by_key", "chain_id", "sender", "state"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("tx_hash", String(66), primary_key=True),
    Column("intent_id", String(66), ForeignKey("intents.intent_id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("max_fee", BigInteger, nullable=False),
    Column("tip", BigInteger, nullable=False),
    Column("gas", BigInteger, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("sent_at", BigInteger),
    UniqueConstraint("intent_id", "number", name="attempts_in_order"),
)

moves = Table(
    "moves",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("intent_id", String(66), ForeignKey("intents.intent_id"), nullable=False, index=True),
    Column("seen", String(16)),
    Column("state", String(16), nullable=False),
)

candles = Table(
    "candles",
    metadata,
    Column("chain_id", BigInteger, primary_key=True),
    Column("token", String(42), primary_key=True),
    Column("source", String(80), primary_key=True),  # a pool's address, or a file's name
    Column("ends", BigInteger, primary_key=True),  # a multiple of an hour
    *(Column(name, Float, nullable=False) for name in ("opened", "high", "low", "closed")),
)

levels = Table(
    "levels",
    metadata,
    Column("chain_id", BigInteger, primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("ends", BigInteger, primary_key=True),  # a multiple of an hour
    Column("value", Float, nullable=False),
    Column("low", Float, nullable=False),
)

scans = Table(
    "scans",
    metadata,
    Column("chain_id", BigInteger, primary_key=True),
    Column("source", String(80), primary_key=True),  # what was asked: "rounds 0x…", "swaps 0x…", "rates 0x…", "gas"
    Column("since", BigInteger, nullable=False),  # what has been read reaches from here, a time …
    Column("until", String(80), nullable=False),  # … to here, a round's number or a time
    Column("note", Text, nullable=False),  # why it reaches no further back
)

beliefs = Table(
    "beliefs",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),  # wall clock, seconds
    Column("fitted_at", BigInteger, nullable=False),
    Column("fingerprint", String(66), nullable=False),  # of the data
    _blob("value"),  # its hash is the fingerprint of the models
    Column("note", Text, nullable=False),
    Index("beliefs_by_chain", "chain_id", "id"),
)

forecasts = Table(
    "forecasts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("vault", String(42), nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("model", String(80), nullable=False),
    _blob("value"),
    Column("outcome", String(8)),  # "known", "lost"; nothing while its horizon has not ended
    Column("resolved", Text),  # canonical JSON of a Resolved
    UniqueConstraint("chain_id", "vault", "issued_at", name="one_forecast_a_moment"),
    Index("forecasts_open", "chain_id", "outcome", "ends_at"),
)

watched = Table(
    "watched",
    metadata,
    Column("chain_id", BigInteger, primary_key=True),
    Column("vault", String(42), primary_key=True),
    Column("quantity", String(80), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("value", Float, nullable=False),
)

VALUE_TABLES = (beliefs, forecasts)
"""Tables whose column `value` names a stored value."""
