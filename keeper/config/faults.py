"""A validation error in, one line out: key path, what was found, what was expected, what may have been meant."""

import difflib
import re
import types
import typing
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from keeper.config.settings import Config


def sentence(error: ErrorDetails, tree: dict[str, Any]) -> str:
    """One error of validating `tree`, as `key path: found ..., expected ...`."""
    path, kind = _path(error["loc"], tree), error["type"]
    context = error.get("ctx", {})
    found = f"found {_shown(error['input'])}"
    if kind == "extra_forbidden":
        return f"{path}: unknown key{meant(str(error['loc'][-1]), _keys(error['loc'][:-1]))}"
    if kind == "missing":
        return f"{path}: missing; add it"
    if kind == "value_error":  # our own words, which say themselves what was found where it may be shown
        words = str(context["error"])
        return f"{path}: {found}, {words}" if words.startswith("expected") else f"{path}: {words}"
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", '"')
        options = re.findall(r'"(\w+)"', allowed)
        return f"{path}: {found}, expected {allowed}{meant(str(error['input']), options)}"
    if kind == "string_pattern_mismatch":
        return f"{path}: {found}, expected letters, digits, _ and -, at most 32"
    if kind == "timezone_aware":
        return f"{path}: {found}, expected a time with its zone, such as 2026-01-31T18:00:00Z"
    expected = (error["msg"][:1].lower() + error["msg"][1:]).removeprefix("input should be ")
    return f"{path}: {found}, expected {expected}"


def meant(word: str, known: Sequence[str]) -> str:
    """`; did you mean "..."?` when one of `known` is close to `word`, else nothing."""
    close = difflib.get_close_matches(word.lower(), [one.lower() for one in known], n=1, cutoff=0.6)
    names = [one for one in known if close and one.lower() == close[0]]
    return f'; did you mean "{names[0]}"?' if names else ""


def _path(loc: Sequence[int | str], tree: dict[str, Any]) -> str:
    """`vault[core].weights.WETH`: list items by their name where they have one, else counted from 1."""
    text = ""
    at: Any = tree
    for step in loc:
        at = _inside(at, step)
        if isinstance(step, int):
            name = at.get("name") if isinstance(at, dict) else None
            text += f"[{name if isinstance(name, str) else step + 1}]"
        else:
            text += f".{step}"
    return text.lstrip(".")


def _inside(tree: Any, step: int | str) -> Any:
    if isinstance(tree, dict):
        return tree.get(step)
    return tree[step] if isinstance(tree, list) and isinstance(step, int) and step < len(tree) else None


def _keys(loc: Sequence[int | str]) -> list[str]:
    """The keys that the section at `loc` may have."""
    section: type[BaseModel] = Config
    for step in loc:
        if isinstance(step, str) and step in section.model_fields:
            section = next(_sections(section.model_fields[step].annotation), section)
    return [name for name in section.model_fields if name != "path"]


def _sections(hint: Any) -> Iterator[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    elif typing.get_origin(hint) in (tuple, Annotated, typing.Union, types.UnionType):
        for part in typing.get_args(hint):
            yield from _sections(part)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
