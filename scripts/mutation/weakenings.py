"""Contracts weakened on purpose, by name: what is changed, and which test must then fail."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation.project import MANY, BuildFailed, Project

FILE = Path(__file__).with_name("weakenings.toml")


@dataclass(frozen=True, slots=True)
class Edit:
    """`file` says `old` exactly once, and then `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Weakening:
    """`test` in `tests` must fail once the edits are made; `incident` is what they repeat."""

    name: str
    incident: str
    tests: str
    test: str
    edits: tuple[Edit, ...]


def weakenings() -> list[Weakening]:
    """All of them, in the order of the file."""
    found = []
    for name, table in tomllib.loads(FILE.read_text()).items():
        edits = tuple(Edit(f"contracts/{file}", old, new) for file, old, new in table["edits"])
        found.append(Weakening(name, table["incident"], table["tests"], table["test"], edits))
    return found


def weakened(sources: dict[str, str], edits: Sequence[Edit]) -> dict[str, str]:
    """The changed files, by path; `sources` is their text. Raises ValueError when an edit fits no longer."""
    changed: dict[str, str] = {}
    for edit in edits:
        text = changed.get(edit.file, sources[edit.file])
        if text.count(edit.old) != 1:
            raise ValueError(f"{edit.file} says {text.count(edit.old)} times, and not once: {edit.old!r}")
        changed[edit.file] = text.replace(edit.old, edit.new)
    return changed


def faults(chosen: Sequence[Weakening], root: Path) -> list[str]:
    """Edits that fit no longer and tests that are not there, a sentence each."""
    found = []
    for one in chosen:
        try:
            weakened({edit.file: (root / edit.file).read_text() for edit in one.edits}, one.edits)
        except ValueError as error:
            found.append(f"{one.name}: {error}")
        if f"function {one.test}(" not in (root / "tests/solidity" / one.tests).read_text():
            found.append(f"{one.name}: tests/solidity/{one.tests} has no {one.test}")
    return found


def failed(project: Project, weakening: Weakening) -> str | None:
    """The name of the test that fails on the weakened contracts, None if none does. Raises ValueError."""
    sources = {edit.file: project.source(edit.file).decode() for edit in weakening.edits}
    project.write({file: text.encode() for file, text in weakened(sources, weakening.edits).items()})
    try:
        project.build()
    except BuildFailed as error:
        raise ValueError(f"{weakening.name} does not compile:\n{error}") from error
    alone = project.test_once(runs=MANY, only=weakening.test)
    return alone.test if alone else None
