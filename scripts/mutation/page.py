"""The results of a group of mutants as its part of docs/mutants.md, the reasons of alive.toml beside those alive."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mutation.project import FEW, MANY, ROOT
from mutation.trial import Result
from mutation.weakenings import Weakening

PAGE = ROOT / "docs" / "mutants.md"
REASONS = Path(__file__).with_name("alive.toml")
HEADING = """# Mutants

Made by `scripts/mutate {groups} --write`: each contract below changed in one small place after the other (a comparison
moved by one or turned round, an operator or a rounding exchanged, a check or a statement or an event or a modifier
deleted, an argument swapped, a number one more or less, a function that returns at once), and the first test that sees
it. Fuzz tests run {few} times here, and {many} times on what is still alive. A mutant that no test sees is named, with
the reason why it is no change that matters. Assembly is not changed, nor what a public constant's getter answers.
"""


def _reasons() -> dict[str, dict[str, str]]:
    """By file below contracts/, by the mutant's name."""
    return tomllib.loads(REASONS.read_text())


def _short(path: str) -> str:
    return path.removeprefix("contracts/")


def unexplained(results: Sequence[Result], whole: bool) -> list[str]:
    """Mutants alive without a reason; and, when the results are whole, reasons without such a mutant."""
    reasons = _reasons()
    alive = {(_short(result.mutant.file), result.mutant.name) for result in results if result.killed is None}
    given = {
        (file, name) for file in {_short(result.mutant.file) for result in results} for name in reasons.get(file, {})
    }
    bad = [f"alive without a reason: {file}: {name}" for file, name in sorted(alive - given)]
    if whole:
        bad += [f"a reason for none alive: {file}: {name}" for file, name in sorted(given - alive)]
    return bad


def write(group: str, tests: Sequence[str], results: Sequence[Result]) -> None:
    """Puts the group's part in the place of the one before, or at the end."""
    parts = PAGE.read_text().split("\n## ")[1:] if PAGE.exists() else []
    parts = [part.strip("\n") for part in parts if not part.startswith(f"{group}\n")]
    parts.append(f"{group}\n\n" + _part(tests, results).strip("\n"))
    groups = " ".join(sorted(part.partition("\n")[0] for part in parts))
    heading = HEADING.format(groups=groups, few=FEW, many=MANY)
    PAGE.write_text("\n## ".join([heading, *(f"{part}\n" for part in sorted(parts))]))


def _part(tests: Sequence[str], results: Sequence[Result]) -> str:
    lines = [f"Against `{'`, `'.join(tests)}`.", "", "| file | mutants | killed | alive | killed first by |"]
    lines.append("| --- | ---: | ---: | ---: | --- |")
    files = sorted({result.mutant.file for result in results})
    for file in files:
        here = [result for result in results if result.mutant.file == file]
        killers = Counter(result.killed.suite for result in here if result.killed)
        said = ", ".join(f"{suite} {count}" for suite, count in killers.most_common())
        dead = sum(killers.values())
        lines.append(f"| `{_short(file)}` | {len(here)} | {dead} | {len(here) - dead} | {said} |")
    reasons = _reasons()
    alive = [result for result in results if result.killed is None]
    if alive:
        lines += ["", "| alive | mutant | reason |", "| --- | --- | --- |"]
    for result in alive:
        file, name = _short(result.mutant.file), result.mutant.name
        reason = reasons.get(file, {}).get(name, "**none**")
        lines.append(f"| `{file}` | `{name.replace('|', chr(92) + '|')}` | {reason} |")
    return "\n".join(lines)


INCIDENTS = ROOT / "docs" / "incidents.md"
INCIDENTS_HEADING = """# Incidents

What failed elsewhere, tried on our contracts. Each test passes on them, and fails once they are weakened the way the
right-hand column says: `scripts/weaken` shows it, and wrote this page when all of them had failed. The weakenings are
scripts/mutation/weakenings.toml.

| incident | test | fails when |
| --- | --- | --- |
"""


def write_incidents(weakenings: Sequence[Weakening]) -> None:
    """The table of all incidents, after every weakening was seen."""
    rows = [
        f"| {one.incident} | `{Path(one.tests).name.split('.')[0]}.{one.test}` | {one.name} |" for one in weakenings
    ]
    INCIDENTS.write_text(INCIDENTS_HEADING + "\n".join(rows) + "\n")
