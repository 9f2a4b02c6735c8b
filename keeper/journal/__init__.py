"""The durable record: values by content hash, ticks, intents, the past and forecasts; SQLite, or PostgreSQL by URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from keeper.codec import MODEL, Codec
from keeper.journal.blobs import Blobs
from keeper.journal.database import Database
from keeper.journal.forecasts import Believed, Counts, Forecasts, Issued
from keeper.journal.intents import IntentTable
from keeper.journal.past import FILE, POOL, Held, Past, Scan
from keeper.journal.ticks import Tick, Ticks

__all__ = ["FILE", "POOL", "Believed", "Counts", "Held", "Issued", "Journal", "Scan", "Tick", "open_journal"]


class Journal:
    """An open journal, as a context manager. One process writes it at a time; any number read."""

    def __init__(self, database: Database, codec: Codec) -> None:
        self._database = database
        self.name = database.name
        self.blobs = Blobs(database, codec)
        self.ticks = Ticks(database, self.blobs)
        self.intents = IntentTable(database, codec)
        self.past = Past(database)
        self.forecasts = Forecasts(database, self.blobs, codec)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What this thread writes in the block is on disk once it ends, all of it or nothing. Reads see none of it."""
        try:
            with self._database.writing():
                yield
        except BaseException:
            self.blobs.forget()
            raise


def open_journal(url: str, codec: Codec | None = None, *, writer: bool = True) -> Journal:
    """The journal at `url`, a file's path or an SQLAlchemy URL; created when a writer finds none.

    `codec` must know the class of every value that is stored or loaded; without one it knows the model's. Raises
    BadInput when there is nothing to read or another keeper writes it, Halt when it cannot be relied on.
    """
    return Journal(Database(url, writer), codec or Codec(MODEL))
