"""Frozen values to canonical JSON and back, by tag; the hash of that text names the value.

A dataclass becomes `{"$": tag, field: …}`, a tuple a list, bytes 0x and hex digits. Integers stay exact at any size,
floats keep every bit, and nan and infinities are refused. Both directions follow the declared types of the fields, so
what was written by one version is either read back equal or refused with the path to what does not fit.
"""

import dataclasses
import hashlib
import inspect
import json
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Literal, TypeVar, Union

from keeper import model
from keeper.units import Amount, Hash

T = TypeVar("T")

_TAG = "$"
_Step = Callable[[Any], Any]
"""Turns one node of a value or of a JSON tree into the other; raises Misfit."""
StandIn = Callable[[Any, _Step], Any]
"""What is to stand in a tree for a value, given also what would encode it."""


class Misfit(ValueError):
    """A value that is not of its declared type, with the path to it."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path.lstrip('.') or 'value'}: {sentence}")
        self.path = path
        self.sentence = sentence

    def under(self, step: str) -> "Misfit":
        """The same, seen from one level further out."""
        return Misfit(step + self.path, self.sentence)


class Codec:
    """Encodes and decodes values of `classes` (tag to dataclass) and of every dataclass their fields declare."""

    def __init__(self, classes: Mapping[str, type], stand_in: StandIn | None = None) -> None:
        """Raises TypeError for a field type that JSON cannot hold, and when two classes share a tag.

        `stand_in` is asked for each value of a field that is declared as a protocol: a pool, a market, a vault.
        """
        self.classes = _with_fields(classes)
        self._stand_in = stand_in
        self._tags = {kind: tag for tag, kind in self.classes.items()}
        self._known: dict[Any, tuple[_Step, _Step]] = {}
        self._required = {kind: _required(kind) for kind in self.classes.values()}
        self._fields: dict[type, dict[str, tuple[_Step, _Step]]] = {}
        for kind in self.classes.values():
            self._fields[kind] = {name: self._steps(hint) for name, hint in _declared(kind).items()}

    def encode(self, value: object, kind: Any = None) -> Any:
        """`value` as a JSON tree of dicts, lists and plain values. Raises ValueError when it is not of `kind`.

        `kind` is any type of `decode`; without it, the value's own class.
        """
        return self._steps(type(value) if kind is None else kind)[0](value)

    def decode(self, kind: type[T], tree: Any) -> T:
        """The value of `kind` in a JSON tree. Raises ValueError with the path to what does not fit."""
        value: T = self._steps(kind)[1](tree)
        return value

    def dumps(self, value: object, kind: Any = None) -> bytes:
        """Canonical JSON: sorted keys, no white space, ASCII."""
        return canonical(self.encode(value, kind))

    def loads(self, kind: type[T], text: bytes) -> T:
        """The value of `kind` that `dumps` wrote. Raises ValueError."""
        return self.decode(kind, json.loads(text, parse_constant=_refuse_constant))

    def content_hash(self, value: object, kind: Any = None) -> Hash:
        """SHA-256 of the canonical JSON."""
        return text_hash(self.dumps(value, kind))

    def _steps(self, hint: Any) -> tuple[_Step, _Step]:
        """Encoder and decoder of one declared type."""
        hint = _bare(hint)
        if hint not in self._known:
            self._known[hint] = self._made(hint)
        return self._known[hint]

    def _made(self, hint: Any) -> tuple[_Step, _Step]:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint in _PLAIN:
            return _PLAIN[hint]
        if hint is Any or _is_protocol(hint):
            encode, decode = self._tagged(self._implementing(hint), _name(hint))
            stand_in = self._stand_in
            return (encode if stand_in is None else lambda value: stand_in(value, encode)), decode
        if dataclasses.is_dataclass(hint) and hint in self._tags:
            return self._tagged({self._tags[hint]}, _name(hint))
        if origin is tuple:
            return self._sequence(arguments)
        if origin is Literal:
            return _literal(arguments)
        if origin in (Union, types.UnionType):
            return _union([self._steps(argument) for argument in arguments], _name(hint))
        raise TypeError(f"a field of type {hint!r} cannot be written as JSON")

    def _implementing(self, hint: Any) -> set[str]:
        """Tags of the classes that have every public member of the protocol `hint`; of all classes for Any."""
        if hint is Any:
            return set(self.classes)
        members = [name for name in dir(hint) if not name.startswith("_")]
        return {
            tag
            for tag, kind in self.classes.items()
            if all(hasattr(kind, name) or name in _declared(kind) for name in members)
        }

    def _tagged(self, tags: set[str], expected: str) -> tuple[_Step, _Step]:
        allowed = {self.classes[tag] for tag in tags}

        def encode(value: Any) -> Any:
            kind = type(value)
            if kind not in allowed:
                raise Misfit("", f"expected {expected}, found {kind.__name__}")
            tree: dict[str, Any] = {_TAG: self._tags[kind]}
            for name, (encode_field, _) in self._fields[kind].items():
                try:
                    tree[name] = encode_field(getattr(value, name))
                except Misfit as error:
                    raise error.under(f".{name}") from None
            return tree

        def decode(tree: Any) -> Any:
            if not isinstance(tree, dict) or tree.get(_TAG) not in tags:
                found = tree.get(_TAG) if isinstance(tree, dict) else tree
                raise Misfit("", f"expected {expected}, found {_shown(found)}")
            return self._built(self.classes[tree[_TAG]], tree)

        return encode, decode

    def _built(self, kind: type, tree: dict[str, Any]) -> Any:
        steps = self._fields[kind]
        values: dict[str, Any] = {}
        for name, node in tree.items():
            if name == _TAG:
                continue
            if name not in steps:
                raise Misfit(f".{name}", f"{kind.__name__} has no such field")
            try:
                values[name] = steps[name][1](node)
            except Misfit as error:
                raise error.under(f".{name}") from None
        for name in self._required[kind]:
            if name not in values:
                raise Misfit(f".{name}", f"{kind.__name__} needs this field")
        return kind(**values)

    def _sequence(self, arguments: tuple[Any, ...]) -> tuple[_Step, _Step]:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            encode_one, decode_one = self._steps(arguments[0])
            plain = {int: int, str: str, bool: bool}.get(_bare(arguments[0]))
            return _each(encode_one, tuple, list, plain), _each(decode_one, list, tuple, plain)
        steps = [self._steps(argument) for argument in arguments]
        return _one_each([s[0] for s in steps], tuple, list), _one_each([s[1] for s in steps], list, tuple)


def canonical(tree: Any) -> bytes:
    """A JSON tree as its one canonical text. Raises ValueError for nan and infinities."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def text_hash(text: bytes) -> Hash:
    """SHA-256 of a canonical text."""
    return Hash("0x" + hashlib.sha256(text).hexdigest())


def _each(step: _Step, taken: Any, made: Callable[[Iterable[Any]], Any], plain: type | None) -> _Step:
    """Applies `step` to every element; a run of plain values (ticks, amounts) is checked at the speed of C."""

    def run(nodes: Any) -> Any:
        if type(nodes) is not taken:
            raise Misfit("", f"expected a {taken.__name__}, found {_shown(nodes)}")
        if plain is not None and set(map(type, nodes)) <= {plain}:
            return made(nodes)
        done: list[Any] = []
        try:
            for node in nodes:
                done.append(step(node))
        except Misfit as error:
            raise error.under(f"[{len(done)}]") from None
        return made(done)

    return run


def _one_each(steps: list[_Step], taken: Any, made: Callable[[Iterable[Any]], Any]) -> _Step:
    def run(nodes: Any) -> Any:
        if type(nodes) is not taken or len(nodes) != len(steps):
            raise Misfit("", f"expected a {taken.__name__} of {len(steps)}, found {_shown(nodes)}")
        done: list[Any] = []
        try:
            for step, node in zip(steps, nodes, strict=True):
                done.append(step(node))
        except Misfit as error:
            raise error.under(f"[{len(done)}]") from None
        return made(done)

    return run


def _literal(allowed: tuple[Any, ...]) -> tuple[_Step, _Step]:
    def step(value: Any) -> Any:
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise Misfit("", f"expected one of {', '.join(map(repr, allowed))}, found {_shown(value)}")
        return value

    return step, step


def _union(members: list[tuple[_Step, _Step]], expected: str) -> tuple[_Step, _Step]:
    def first(steps: list[_Step]) -> _Step:
        def run(value: Any) -> Any:
            deepest: Misfit | None = None
            for step in steps:
                try:
                    return step(value)
                except Misfit as error:
                    if deepest is None or len(error.path) > len(deepest.path):
                        deepest = error
            assert deepest is not None
            if deepest.path:  # one member fitted but for something inside it
                raise deepest
            raise Misfit("", f"expected {expected}, found {_shown(value)}")

        return run

    return first([member[0] for member in members]), first([member[1] for member in members])


def _plain(kind: type) -> tuple[_Step, _Step]:
    def step(value: Any) -> Any:
        if type(value) is not kind:
            raise Misfit("", f"expected {kind.__name__}, found {_shown(value)}")
        return value

    return step, step


def _float(value: Any) -> float:
    """A finite float; an int where a float is declared is that float, as everywhere in Python."""
    if type(value) is int:
        try:
            value = float(value)
        except OverflowError:
            raise Misfit("", f"expected float, found an int of {value.bit_length()} bits") from None
    if not isinstance(value, float):
        raise Misfit("", f"expected float, found {_shown(value)}")
    if not math.isfinite(value):
        raise Misfit("", f"expected a finite float, found {value}")
    return float(value)


def _hex(value: Any) -> str:
    if type(value) is not bytes:
        raise Misfit("", f"expected bytes, found {_shown(value)}")
    return "0x" + value.hex()


def _unhex(node: Any) -> bytes:
    try:
        if type(node) is str and node.startswith("0x") and not any(map(str.isspace, node)):
            return bytes.fromhex(node[2:])
    except ValueError:
        pass
    raise Misfit("", f"expected bytes as 0x and hex digits, found {_shown(node)}")


_PLAIN: dict[Any, tuple[_Step, _Step]] = {
    int: _plain(int),
    str: _plain(str),
    bool: _plain(bool),
    type(None): _plain(type(None)),
    float: (_float, _float),
    bytes: (_hex, _unhex),
}


def _bare(hint: Any) -> Any:
    """A NewType's own type, all the way down; None's class for None."""
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    return type(None) if hint is None else hint


@cache
def _declared(kind: Any) -> dict[str, Any]:
    """A dataclass's fields and their types, in order."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _required(kind: Any) -> list[str]:
    missing = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(kind) if f.default is missing and f.default_factory is missing]


def _with_fields(classes: Mapping[str, type]) -> dict[str, type]:
    """`classes` and every dataclass that their fields declare, under its own name."""
    found = dict(classes)
    waiting = list(classes.values())
    while waiting:
        for hint in _parts(_declared(waiting.pop()).values()):
            if hint in found.values():
                continue
            if hint.__name__ in found:
                raise TypeError(f"two classes are called {hint.__name__}: give one of them a tag of its own")
            found[hint.__name__] = hint
            waiting.append(hint)
    return found


def _parts(hints: Iterable[Any]) -> Iterable[type]:
    """Every dataclass named anywhere in `hints`."""
    for hint in map(_bare, hints):
        if dataclasses.is_dataclass(hint):
            yield typing.cast(type, hint)
        elif typing.get_origin(hint) is not Literal:
            yield from _parts(typing.get_args(hint))


def _is_protocol(hint: Any) -> bool:
    return inspect.isclass(hint) and bool(getattr(hint, "_is_protocol", False))


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", None) or str(hint).replace("keeper.model.", "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _model_classes() -> dict[str, type]:
    """The values of `model` that may be kept.

    Not questions, which hold functions, nor Cleared, which only the guard may make, nor what a venue is lowered to.
    """
    named = [getattr(model, name) for name in model.__all__]
    values = [kind for kind in named if inspect.isclass(kind) and dataclasses.is_dataclass(kind)]
    others = (model.Read, model.Question, model.Cleared, model.Lowered, model.Stretches)
    return {kind.__name__: kind for kind in values if kind not in others}


MODEL = _model_classes() | {"Amount": Amount}
"""Tag to class of every value in `model`."""
