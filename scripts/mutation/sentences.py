"""Contracts weakened on purpose until a sentence of Law.sol is untrue: which one a campaign then says was broken."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation.project import ROOT, Project
from mutation.weakenings import Edit, weakened

FILE = Path(__file__).with_name("sentences.toml")
LAW = ROOT / "tests/solidity/invariants/Law.sol"
PAGE = ROOT / "docs" / "sentences.md"
TESTS = ("invariants/*.t.sol", "thefts/StolenKeys.t.sol")
SEEDS, GREEN = 12, 2  # seeds to try, and how many of them may find nothing
HEADING = """# What breaks each sentence

The sentences of tests/solidity/invariants/Law.sol, and how the contracts were weakened until a campaign said of each
that it was broken: by its id, on forge's default runs, within twelve seeds. `scripts/weaken --law --write` shows it and
wrote this page; the weakenings are scripts/mutation/sentences.toml. A sentence without one has not been seen to fail.

| sentence | fails when | in |
| --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Breach:
    """Once the edits are made `test` in `tests`, below tests/solidity/, must fail with the sentence of this id."""

    name: str
    sentence: str
    tests: str
    test: str
    edits: tuple[Edit, ...]


def breaches() -> list[Breach]:
    """All of them, in the order of the file."""
    found = []
    for name, table in tomllib.loads(FILE.read_text()).items():
        tests, test = table["test"].split("::")
        edits = tuple(Edit(f"contracts/{file}", old, new) for file, old, new in table["edits"])
        found.append(Breach(name, table["sentence"], tests, test, edits))
    return found


def sentences() -> dict[str, str]:
    """The text of every sentence, by its id, in the order of Law.sol."""
    return dict(re.findall(r'"([A-Z]+-\d+) ([^"]+)"', LAW.read_text()))


def faults(chosen: Sequence[Breach]) -> list[str]:
    """Edits that fit no longer, sentences and campaigns that are not there, a line each."""
    found, law = [], sentences()
    for one in chosen:
        try:
            weakened({edit.file: (ROOT / edit.file).read_text() for edit in one.edits}, one.edits)
        except ValueError as error:
            found.append(f"{one.name}: {error}")
        if one.sentence not in law:
            found.append(f"{one.name}: Law.sol has no {one.sentence}")
        if f"function {one.test}(" not in (ROOT / "tests/solidity" / one.tests).read_text():
            found.append(f"{one.name}: tests/solidity/{one.tests} has no {one.test}")
    return found


def project(jobs: int) -> Project:
    """The contracts and all campaigns."""
    return Project("law", TESTS, jobs)


def broken(project: Project, breach: Breach) -> list[str]:
    """The sentences that the campaign says are broken, one a seed, until it is the one: the last is, if any is.

    Raises BuildFailed.
    """
    sources = {edit.file: project.source(edit.file).decode() for edit in breach.edits}
    project.write({file: text.encode() for file, text in weakened(sources, breach.edits).items()})
    project.build()
    said: list[str] = []
    for seed in range(1, SEEDS + 1):
        said.append(project.campaign(breach.test, seed) or "none")
        if said[-1] == breach.sentence or said.count("none") == GREEN:
            break
    return said


def write(seen: Mapping[str, Breach]) -> None:
    """Puts the rows of what was seen, by name, beside those that the page has of other weakenings there still are."""
    known = {one.name: one for one in breaches()}
    before = re.findall(r"\| ([\w-]+) \| `\w+` \|$", PAGE.read_text(), re.MULTILINE) if PAGE.exists() else []
    chosen = {name: known[name] for name in before if name in known} | dict(seen)
    rows = []
    for sentence, text in sentences().items():
        here = [one for one in chosen.values() if one.sentence == sentence]
        rows += [f"| {sentence} {text} | {one.name} | `{one.test}` |" for one in here]
        rows += [] if here else [f"| {sentence} {text} | | |"]
    PAGE.write_text(HEADING + "\n".join(rows) + "\n")
