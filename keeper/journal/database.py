"""A URL in, a database that commits durably and alone out; every way it can fail is one sentence."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import local
from typing import IO, Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from keeper.errors import BadInput, Halt, Retry
from keeper.journal import schema

BUSY_SECONDS = 5
"""How long a commit waits for another process that holds the file."""


class Database:
    """The journal's database. `name` is its file, or its URL without the password."""

    def __init__(self, url: str, writer: bool) -> None:
        """Opens `url`, an SQLAlchemy URL or a file's path; a writer creates it and locks every other writer out.

        Raises BadInput when the URL is not one, when there is nothing to read, or when another keeper writes it; Halt
        when it is damaged, read-only or of another version.
        """
        self.writer = writer
        parsed = _parsed(url)
        self._file = Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
        self.name = str(self._file) if self._file is not None else parsed.render_as_string(hide_password=True)
        self._lock: IO[str] | None = None
        self._held: Connection | None = None
        self._here = local()
        """The transaction that this thread writes in."""
        if self._file is not None:
            self._prepare(self._file)
        try:
            self.engine = _engine(parsed)
            self._open()
        except BaseException:
            self._unlock()
            raise

    def close(self) -> None:
        self._unlock()
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state and changes nothing."""
        with self._failures(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on disk once the block ends, or not at all. IntegrityError passes through.

        Within another one of the same thread it is a part of that one.
        """
        if not self.writer:
            raise Halt(f"the journal {self.name} was opened to be read; only a running keeper writes it")
        around: Connection | None = getattr(self._here, "connection", None)
        if around is not None:
            yield around
            return
        options = {"keeper_immediate": True}
        with (
            self._failures(),
            self.engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            self._here.connection = connection
            try:
                yield connection
            finally:
                self._here.connection = None

    def _prepare(self, file: Path) -> None:
        if not self.writer:
            if not file.is_file():
                raise BadInput(f"found no journal at {file}: run the keeper once, or correct the journal's path")
            return
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = (file.parent / f"{file.name}.lock").open("a+")
        except OSError as error:
            raise Halt(f"the journal's folder {file.parent} cannot be written: {_reason(error)}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise BadInput(
                f"another keeper (process {owner}) writes the journal {file}: stop it, or give this one its own"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _open(self) -> None:
        with self._failures():
            if not self.writer:
                with self.engine.connect() as connection:
                    begun = connection.dialect.has_table(connection, schema.meta.name)
                if not begun:  # whoever was to write it was killed before its first table
                    raise BadInput(f"found no journal in {self.name}: it is empty; run the keeper once")
                self._check_version()
                return
            if self._file is not None:
                self._check_pages()
            elif self.engine.dialect.name == "postgresql":
                self._claim()
            with self.engine.begin() as connection:
                schema.metadata.create_all(connection)
                if connection.execute(select(schema.meta.c.value)).first() is None:
                    connection.execute(insert(schema.meta).values(key="schema", value=schema.VERSION))
            self._upgrade()
            self._check_version()

    def _check_pages(self) -> None:
        with self.engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise Halt(_DAMAGED.format(name=self.name, found=found))

    def _upgrade(self) -> None:
        """Brings an earlier layout up to this one, a step at a time."""
        layout = schema.meta.c.key == "schema"
        with self.engine.begin() as connection:
            while step := schema.UPGRADES.get(
                str(connection.execute(select(schema.meta.c.value).where(layout)).scalar())
            ):
                following, statements = step
                for statement in statements:
                    connection.exec_driver_sql(statement)
                connection.execute(update(schema.meta).where(layout).values(value=following))

    def _check_version(self) -> None:
        with self.engine.connect() as connection:
            found = connection.execute(select(schema.meta.c.value).where(schema.meta.c.key == "schema")).scalar()
        if found != schema.VERSION:
            raise Halt(
                f"the journal {self.name} has layout {found}, this keeper writes {schema.VERSION}: "
                "use the keeper that wrote it, or another journal"
            )

    def _claim(self) -> None:
        """PostgreSQL's own lock in place of the file's, held by a connection for as long as the journal is open."""
        self._held = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not self._held.exec_driver_sql("SELECT pg_try_advisory_lock(7214936750)").scalar():
            raise BadInput(f"another keeper writes the journal {self.name}: stop it, or give this one its own")

    def _unlock(self) -> None:
        if self._held is not None:
            self._held.invalidate()  # back in the pool it would keep the lock
            self._held.close()
            self._held = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise self._explained(str(error.orig)) from error
        except SQLAlchemyError as error:
            raise Halt(f"the journal {self.name} failed: {error}") from error

    def _explained(self, said: str) -> Halt | Retry:
        said = " ".join(said.split())
        words = said.lower()
        if "locked" in words or "connect" in words:
            return Retry(f"the journal {self.name} is busy or away ({said}); try again")
        if "disk is full" in words or "no space" in words:
            return Halt(f"the journal {self.name} has no room left ({said}): free some disk, then start again")
        if "readonly" in words or "read-only" in words or "unable to open" in words:
            return Halt(f"the journal {self.name} cannot be written ({said}): make it writable, then start again")
        return Halt(_DAMAGED.format(name=self.name, found=said))


_DAMAGED = (
    "the journal {name} is damaged ({found}): restore a copy of it, or, once no transaction of this key is pending, "
    "move it away and start again"
)


def _parsed(url: str) -> URL:
    try:
        return make_url(url if "://" in url else f"sqlite:///{url}")
    except ArgumentError as error:
        raise BadInput("the journal's URL is not one: expected a file's path or dialect://user@host/name") from error


def _engine(url: URL) -> Engine:
    try:
        engine = create_engine(url)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadInput(f"the journal's URL needs a database driver that is not installed: {error}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    """Transactions are ours to begin; a commit is on the disk when it returns (WAL alone would not say so)."""
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("keeper_immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
