"""From the mutants of some files to what became of each: killed, and by which test; or alive; or no Solidity at all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation.mutants import Mutant, mutants_of
from mutation.project import BuildFailed, Killed, Project
from mutation.schema import SWITCH, SWITCH_PATH, schema

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What the tests said of a mutant: None when none failed."""

    mutant: Mutant
    killed: Killed | None


def find(project: Project, files: Sequence[str]) -> list[Mutant]:
    """All mutants of these files, paths below the root."""
    project.write({})
    trees = project.trees(files)
    return [mutant for file in files for mutant in mutants_of(trees[file], project.source(file), file)]


def run(project: Project, mutants: Sequence[Mutant], tell: Tell) -> list[Result]:
    """Tries each mutant; those that do not compile are not in the result. Raises when the tests fail without any."""
    numbered = dict(enumerate(mutants, 1))
    together = {number: mutant for number, mutant in numbered.items() if mutant.mode != "alone"}
    together = _build(project, together, tell)
    failed = project.test()
    if failed:
        raise RuntimeError(f"the tests fail without a mutant: {failed.suite}.{failed.test}")
    results = []
    for number, mutant in together.items():
        results.append(_tell(Result(mutant, project.test(number)), tell))
    for number, mutant in numbered.items():
        if number in together:
            continue
        project.write({mutant.file: _alone(project.source(mutant.file), mutant)})
        try:
            project.build()
        except BuildFailed:
            continue
        results.append(_tell(Result(mutant, project.test()), tell))
    return results


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
