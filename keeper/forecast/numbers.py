"""A fitted model in, its numbers by name out, and back: beliefs hold no objects."""

from dataclasses import fields
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from keeper.model import Fit


class _Model(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=_Model)


def to_fit(name: str, horizon_s: int, model: _Model) -> Fit:
    """Every field as a row of numbers."""
    rows = ((f.name, getattr(model, f.name)) for f in fields(model))
    return Fit(name, horizon_s, tuple((key, v if isinstance(v, tuple) else (v,)) for key, v in rows))


def from_fit(kind: type[T], fit: Fit) -> T:
    """The model that `to_fit` took apart. Raises KeyError when a number is missing."""
    held = dict(fit.numbers)
    hints = _hints(kind)
    return kind(**{name: held[name][0] if hint is float else held[name] for name, hint in hints})


@cache
def _hints(kind: type[_Model]) -> tuple[tuple[str, Any], ...]:
    return tuple((f.name, f.type) for f in fields(kind))
