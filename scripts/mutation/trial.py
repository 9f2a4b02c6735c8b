"""From the mutants of some files to what became of each: killed, and by which test; or alive; or no Solidity at all."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation.mutants import Mutant, mutants_of
from mutation.project import BuildFailed, Killed, Project
from mutation.schema import SWITCH, SWITCH_PATH, schema

Tell = Callable[[str], None]
CHUNK = 100  # mutants in one run of the driver


@dataclass(frozen=True, slots=True)
class Result:
    """What the tests said of a mutant: None when none failed."""

    mutant: Mutant
    killed: Killed | None


def find(project: Project, files: Sequence[str]) -> list[Mutant]:
    """All mutants of these files, paths below the root."""
    project.write({})
    trees = project.trees(files)
    return [mutant for file in files for mutant in mutants_of(trees, project.source(file), file)]


def run(project: Project, mutants: Sequence[Mutant], tell: Tell) -> list[Result]:
    """Tries each mutant; those that do not compile are not in the result. Raises when the tests fail without any."""
    numbered = dict(enumerate(mutants, 1))
    together = {number: mutant for number, mutant in numbered.items() if mutant.mode != "alone"}
    together = _build(project, together, tell)
    failed = project.test()
    if failed:
        raise RuntimeError(f"the tests fail without a mutant: {failed.suite}.{failed.test}")
    known = _Killers(project)
    for anew in (False, True):
        left = [number for number, mutant in together.items() if not known.of(mutant)]
        for at in range(0, len(left), CHUNK):
            seen = project.drive(left[at : at + CHUNK], anew)
            for number, killed in seen.items():
                known.keep(together[number], killed)
            tell(f"{len(seen)} of {len(left[at : at + CHUNK])} seen at once{', each in a new world' if anew else ''}")
    results = []
    for number, mutant in together.items():
        results.append(_tell(Result(mutant, known.of(mutant) or known.keep(mutant, project.test(number))), tell))
    for number, mutant in numbered.items():
        if number in together:
            continue
        killed = known.of(mutant)
        if killed is None:
            project.write({mutant.file: _alone(project.source(mutant.file), mutant)})
            try:
                project.build()
            except BuildFailed:
                continue
            killed = known.keep(mutant, project.test())
        results.append(_tell(Result(mutant, killed), tell))
    return results


class _Killers:
    """Who killed which mutant of these very contracts: a run that was cut short goes on where it was.

    More tests kill no fewer mutants, so that only the contracts' text and the mutant's name are asked for.
    """

    def __init__(self, project: Project) -> None:
        contracts = sorted((str(path), text) for path, text in project.files.items() if path.parts[0] == "contracts")
        digest = hashlib.sha256(repr(contracts).encode()).hexdigest()
        self.path = project.folder / f"killers-{digest[:16]}.json"
        self.found: dict[str, list[str]] = json.loads(self.path.read_text()) if self.path.exists() else {}

    def of(self, mutant: Mutant) -> Killed | None:
        killer = self.found.get(f"{mutant.file}: {mutant.name}")
        return Killed(*killer) if killer else None

    def keep(self, mutant: Mutant, killed: Killed | None) -> Killed | None:
        if killed:
            self.found[f"{mutant.file}: {mutant.name}"] = [killed.suite, killed.test]
            self.path.write_text(json.dumps(self.found))
        return killed


def _build(project: Project, together: dict[int, Mutant], tell: Tell) -> dict[int, Mutant]:
    """Compiles them in one text a file; returns those that could be, the others are left to stand alone."""
    while True:
        texts = {}
        for file in {mutant.file for mutant in together.values()}:
            here = {number: mutant for number, mutant in together.items() if mutant.file == file}
            texts[file] = schema(project.source(file), here)
        project.write({file: text for file, (text, _) in texts.items()} | {SWITCH_PATH: SWITCH.encode()})
        try:
            project.build()
            return together
        except BuildFailed as failed:
            bad = {
                number
                for path, start, end, _ in failed.errors
                for begin, stop, number in (texts[path][1] if path in texts else ())
                if (start <= begin and stop <= end) or (begin <= start and end <= stop)
            }
            if not bad:
                raise
            tell(f"{len(bad)} mutants do not compile beside the others")
            together = {number: mutant for number, mutant in together.items() if number not in bad}


def _alone(source: bytes, mutant: Mutant) -> bytes:
    return source[: mutant.start] + mutant.new.encode() + source[mutant.end :]


def _tell(result: Result, tell: Tell) -> Result:
    by = f"{result.killed.suite}.{result.killed.test}" if result.killed else "ALIVE"
    tell(f"{Path(result.mutant.file).name} {result.mutant.name}: {by}")
    return result
