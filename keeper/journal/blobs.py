"""Values to rows by the hash of their content, and back; a value that several others contain is stored once."""

import json
import re
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, exists, insert, select

from keeper.codec import Codec, canonical, text_hash
from keeper.errors import Halt
from keeper.journal import schema
from keeper.journal.database import Database
from keeper.units import Hash

T = TypeVar("T")

PART_BYTES = 1_000
"""A value inside another, this long or longer as JSON, is stored on its own: an unchanged pool costs nothing."""
_LEVEL = 1
"""Of compression: a block of a hundred pools is 3 % larger than at the usual 6, and a third sooner done."""
_MAX_BYTES = 200_000_000
_REFERENCE = "#"
_SMALL, _SMALL_KEPT, _LARGE_KEPT = 50_000, 256, 2
"""Bytes of a small value, and how many of either size are remembered as stored; held, so that their ids stay theirs."""
_AT_ONCE = 500
"""Hashes asked for in one statement."""
_Known = tuple[object, Any, Hash]
_Part = tuple[bytes, set[Hash]]
"""A row's text, and the rows that it refers to."""
_LASTING_KEPT = 1_024
"""Values of which is remembered how they are written."""
_LASTING = re.compile(rb'\{"#":"(0x[0-9a-f]{64})"\}')
"""A reference in a canonical text: within a string its quotes would be escaped."""


@dataclass(frozen=True, slots=True)
class _Lasting:
    """A value that outlives a block, as it is written: in another's tree, its rows, and its text in full."""

    value: object
    node: Any
    made: dict[Hash, _Part]
    text: bytes


class Blobs:
    """The stored values."""

    def __init__(self, database: Database, codec: Codec) -> None:
        self._database = database
        self._codec = Codec(codec.classes, self._lasting)
        self._written: OrderedDict[int, _Lasting] = OrderedDict()
        self._texts: dict[Hash, _Lasting] = {}
        self._small: OrderedDict[int, _Known] = OrderedDict()
        self._large: OrderedDict[int, _Known] = OrderedDict()

    def store(self, value: object, kind: Any = None) -> Hash:
        """Stores a value (of `kind`, else its own class) and returns its content hash. Raises Halt.

        Values are frozen, so the same object again needs no work: a tick stores its block once, not once a vault.
        """
        known = self._small.get(id(value)) or self._large.get(id(value))
        if known is not None and known[0] is value and known[1] is kind:
            return known[2]
        tree = self._codec.encode(value, kind)
        if _is_reference(tree):
            raise TypeError("a value is stored as its own class, not as a protocol that it implements")
        text = self._whole_text(tree)
        key = text_hash(text)
        with self._database.writing() as connection:
            if not _has(connection, key):
                self._put(connection, key, tree)
        self._forget_oldest()
        kept, most = (self._small, _SMALL_KEPT) if len(text) <= _SMALL else (self._large, _LARGE_KEPT)
        kept[id(value)] = value, kind, key
        if len(kept) > most:
            kept.popitem(last=False)
        return key

    def load(self, kind: type[T], key: Hash) -> T:
        """The value of `kind` stored under `key`. Raises Halt when it is missing or is not what was stored."""
        with self._database.reading() as connection:
            tree = self._get(connection, key)
        if text_hash(canonical(tree)) != key:
            raise self._damaged(key, "its content does not match its hash")
        try:
            return self._codec.decode(kind, tree)
        except ValueError as error:
            raise Halt(f"the journal's record {key} cannot be read by this version: {error}") from error

    def forget(self) -> None:
        """Look on the disk again for what is stored: a transaction that stored some of it may have failed."""
        self._small.clear()
        self._large.clear()

    def sweep(self, connection: Connection) -> int:
        """Deletes values that no tick, no other value and no table of VALUE_TABLES refers to; how many."""
        used_by_ticks = [exists().where(schema.ticks.c[name] == schema.blobs.c.hash) for name in schema.TICK_BLOBS]
        used = (*used_by_ticks, *(exists().where(t.c.value == schema.blobs.c.hash) for t in schema.VALUE_TABLES))
        used_by_blobs = exists().where(schema.blob_parts.c.part == schema.blobs.c.hash)
        self.forget()
        gone = 0
        while True:
            orphans = delete(schema.blobs).where(~used_by_blobs, *(~one for one in used))
            found = connection.execute(orphans).rowcount
            gone += found
            if not found:
                return gone

    def _put(self, connection: Connection, key: Hash, tree: Any) -> None:
        """Stores the value, and those parts of it that are not stored yet, in as few statements as that takes."""
        made: dict[Hash, _Part] = {}
        parts: set[Hash] = set()
        if _is_value(tree):  # itself it is stored whole, under its own hash
            rest: Any = {name: self._split(node, parts, made) for name, node in tree.items()}
        else:
            rest = self._split(tree, parts, made)
        made[key] = canonical(rest), parts
        known = _stored(connection, list(made))
        new = {name: part for name, part in made.items() if name not in known}
        rows = [{"hash": name, "payload": zlib.compress(text, _LEVEL)} for name, (text, _) in new.items()]
        connection.execute(insert(schema.blobs), rows)
        links = [{"blob": name, "part": part} for name, (_, inner) in new.items() for part in sorted(inner)]
        if links:
            connection.execute(insert(schema.blob_parts), links)

    def _lasting(self, value: object, encode: Callable[[Any], Any]) -> Any:
        """What stands for `value` in a tree: a reference to its row, where it is long enough for one of its own.

        The same object is encoded once: of a hundred pools a few are others than a block before.
        """
        known = self._written.get(id(value))
        if known is None or known.value is not value:
            tree, made = encode(value), dict[Hash, _Part]()
            node = self._split(tree, set(), made)
            if _is_reference(node):
                known = _Lasting(value, node, made, self._whole_text(tree))
            else:  # short itself, whatever it holds: split anew within whatever holds it
                known = _Lasting(value, tree, {}, b"")
            self._written[id(value)] = known
        self._written.move_to_end(id(value))
        if known.text:  # an equal value's may have been forgotten with it
            self._texts[known.node[_REFERENCE]] = known
        return known.node

    def _whole_text(self, tree: Any) -> bytes:
        """The canonical text of a tree with what its references to lasting values stand for in their places."""
        return _LASTING.sub(lambda found: self._texts[Hash(found[1].decode())].text, canonical(tree))

    def _split(self, node: Any, parts: set[Hash], made: dict[Hash, _Part]) -> Any:
        """`node` with every large value inside it replaced by a reference to a row of its own.

        Those it refers to itself are collected in `parts`, all rows in `made`.
        """
        if isinstance(node, list):
            return [self._split(one, parts, made) for one in node] if _holds_values(node) else node
        if not _is_value(node):
            return node
        if _is_reference(node):
            parts.add(node[_REFERENCE])
            made.update(self._texts[node[_REFERENCE]].made)
            return node
        inner: set[Hash] = set()
        rest = {name: self._split(below, inner, made) for name, below in node.items()}
        text = canonical(rest)
        if len(text) < PART_BYTES:
            parts |= inner
            return rest
        key = text_hash(text)
        made[key] = text, inner
        parts.add(key)
        return {_REFERENCE: key}

    def _forget_oldest(self) -> None:
        """Of what is written, all but the latest: never while a tree refers to it."""
        while len(self._written) > _LASTING_KEPT:
            _, gone = self._written.popitem(last=False)
            if gone.text and self._texts.get(gone.node[_REFERENCE]) is gone:
                del self._texts[gone.node[_REFERENCE]]

    def _get(self, connection: Connection, key: Hash) -> Any:
        row = connection.execute(select(schema.blobs.c.payload).where(schema.blobs.c.hash == key)).first()
        if row is None:
            raise self._damaged(key, "it is missing")
        try:
            inflater = zlib.decompressobj()
            tree = json.loads(inflater.decompress(row.payload, _MAX_BYTES))
        except (zlib.error, ValueError) as error:
            raise self._damaged(key, str(error)) from error
        return self._whole(connection, tree)

    def _whole(self, connection: Connection, node: Any) -> Any:
        if isinstance(node, list):
            return [self._whole(connection, one) for one in node] if _holds_values(node) else node
        if not isinstance(node, dict):
            return node
        if _is_reference(node):
            return self._get(connection, node[_REFERENCE])
        return {name: self._whole(connection, below) for name, below in node.items()}

    def _damaged(self, key: Hash, found: str) -> Halt:
        return Halt(f"the journal {self._database.name} is damaged at record {key}: {found}; restore a copy of it")


def _has(connection: Connection, key: Hash) -> bool:
    return connection.execute(select(schema.blobs.c.hash).where(schema.blobs.c.hash == key)).first() is not None


def _stored(connection: Connection, keys: list[Hash]) -> set[Hash]:
    """Those of `keys` that are stored already."""
    found: set[Hash] = set()
    for at in range(0, len(keys), _AT_ONCE):
        asked = schema.blobs.c.hash.in_(keys[at : at + _AT_ONCE])
        found.update(connection.execute(select(schema.blobs.c.hash).where(asked)).scalars())
    return found


def _is_value(node: Any) -> bool:
    return isinstance(node, dict)


def _is_reference(node: Any) -> bool:
    return isinstance(node, dict) and node.keys() == {_REFERENCE}


def _is_list(node: Any) -> bool:
    return isinstance(node, list)


def _holds_values(nodes: list[Any]) -> bool:
    """Whether a list contains dataclasses, at any depth; numbers, and rows of them, are passed over whole."""
    kinds = set(map(type, nodes))
    return dict in kinds or (list in kinds and any(map(_holds_values, filter(_is_list, nodes))))
