"""A copy of the contracts that may be changed, with some of the tests: one compilation, then a run for each mutant."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mutation import driver
from mutation.driver import PATH as DRIVER
from mutation.driver import Suite

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "cache" / "mutation"
# Runs of a fuzz test: most mutants are seen by few, and one that is not gets the many.
FEW, MANY = 16, 64
SECONDS = 3_600  # of a run; a mutant that never ends is stopped by its gas, and not by the clock
# Unoptimised is five times faster to compile, and its size is no matter here. Tests take their contracts from the
# artefacts, so that a changed contract does not make them compile again.
SETTINGS = {
    "FOUNDRY_OPTIMIZER": "false",
    "FOUNDRY_CODE_SIZE_LIMIT": "10000000",
    "FOUNDRY_DYNAMIC_TEST_LINKING": "true",
    "FOUNDRY_LINT_ON_BUILD": "false",
    "FOUNDRY_FUZZ_SEED": "0x1",
}


class BuildFailed(Exception):
    """`errors` are solc's: path, start, end and message of each."""

    def __init__(self, errors: list[tuple[str, int, int, str]]) -> None:
        super().__init__("\n".join(f"{path}: {message}" for path, _, _, message in errors))
        self.errors = errors


class NoTree(Exception):
    """forge built no syntax tree of a file: there is nothing to change."""


@dataclass(frozen=True, slots=True)
class Killed:
    """The first test that failed."""

    suite: str
    test: str


class Project:
    """The folder cache/mutation/NAME: contracts, the tests that match `patterns`, and what these import."""

    def __init__(self, name: str, patterns: Sequence[str], jobs: int = 1) -> None:
        self.folder, self.jobs = PLACE / name, jobs
        self.left_out: set[str] | None = None  # tests that fail without a mutant in a world made before; not known yet
        (self.folder).mkdir(parents=True, exist_ok=True)
        for link in ("node_modules", "scripts"):
            if not (self.folder / link).is_symlink():
                (self.folder / link).symlink_to(ROOT / link)
        tests = [path for pattern in patterns for path in sorted((ROOT / "tests/solidity").glob(pattern))]
        if not tests:
            raise FileNotFoundError(f"no test below tests/solidity matches {', '.join(patterns)}")
        self.files = {path.relative_to(ROOT): path.read_bytes() for path in _closure(tests)}
        self.files[Path("foundry.toml")] = (ROOT / "foundry.toml").read_bytes()

    def source(self, path: str) -> bytes:
        """As it was when the project was made: the tree may move on meanwhile."""
        return self.files[Path(path)]

    def write(self, changed: Mapping[str, bytes]) -> None:
        """The files as they are, but for these; paths below the root."""
        wanted = self.files | {Path(path): text for path, text in changed.items()}
        for folder in ("contracts", "tests"):
            for path in sorted((self.folder / folder).rglob("*.sol")):
                if path.relative_to(self.folder) not in wanted:
                    path.unlink()
        for path, text in wanted.items():
            target = self.folder / path
            if not target.exists() or target.read_bytes() != text:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(text)

    def trees(self, files: Sequence[str]) -> dict[str, Any]:
        """solc's syntax tree of each file, by its path. Raises NoTree."""
        trees = self.folder / "trees"
        shutil.rmtree(trees, ignore_errors=True)
        done = self._forge("build", "--ast", "--force", "--out", "trees", "--cache-path", "trees/cache", *files)
        found = {}
        for built in trees.glob("*/*.json"):
            tree = json.loads(built.read_text()).get("ast")
            if tree:
                found[tree["absolutePath"]] = tree
        for file in files:
            if file not in found:
                said = done.stderr.strip().splitlines() or ["nothing"]
                raise NoTree(f"forge built no syntax tree of {file}; it said: {said[-1]}")
        return found

    def build(self) -> None:
        """Raises BuildFailed."""
        done = self._forge("build", "--json")
        errors = []
        for error in json.loads(done.stdout).get("errors", []):
            if error["severity"] == "error":
                at = error.get("sourceLocation") or {"file": "", "start": -1, "end": -1}
                errors.append((at["file"], at["start"], at["end"], error["message"]))
        if errors:
            raise BuildFailed(errors)

    def suites(self) -> list[Suite]:
        """The test contracts of the project, as they were built last."""
        names = {path.name for path in self.files if path.name.endswith(".t.sol")}
        found = []
        for built in sorted((self.folder / "out").glob("*.t.sol/*Test.json")):
            methods = json.loads(built.read_text())["methodIdentifiers"]
            if built.parent.name in names and any(signature.startswith("test") for signature in methods):
                found.append(Suite(f"{built.parent.name}:{built.stem}", methods))
        return found

    def drive(self, numbers: Sequence[int], anew: bool) -> dict[int, Killed]:
        """The mutants that one run of all tests already sees, in a world made before, or in one made anew for each."""
        if self.left_out is None:
            self.left_out = set()
            while reason := self._drive((), False).get(0):
                self.left_out.add(reason)
        return {number: Killed(*_split(reason)) for number, reason in self._drive(numbers, anew).items()}

    def _drive(self, numbers: Sequence[int], anew: bool) -> dict[int, str]:
        """The first test that fails with each mutant, and with none: that is 0."""
        left_out = self.left_out or set()
        (self.folder / DRIVER).write_text(driver.source(self.suites(), numbers, left_out, anew))
        # All tests in one: its gas is theirs together, each of which is bounded in the driver.
        done = self._forge("test", "-j", str(self.jobs), "--fuzz-runs", "1", "--gas-limit", str(2**60))
        (self.folder / DRIVER).unlink()
        failures = driver.failures(done.stdout)
        if "test_m0()" not in done.stdout or failures.get(0) in left_out or (numbers and 0 in failures):
            raise RuntimeError(f"the driver does not run:\n{done.stdout[-3_000:]}{done.stderr[-2_000:]}")
        return failures

    def test(self, number: int = 0) -> Killed | None:
        """Runs the tests with this mutant chosen."""
        return self.test_once(FEW, number) or self.test_once(MANY, number)

    def test_once(self, runs: int, number: int = 0, only: str = "") -> Killed | None:
        """The first test that fails; fuzz tests run so many times. `only`: the one test of this name."""
        chosen = ["--block-prevrandao", f"0x{number:064x}", "--fuzz-runs", str(runs)]
        chosen += ["--match-test", rf"^{only}\("] if only else []
        done = self._forge("test", "--fail-fast", "-j", str(self.jobs), *chosen)
        if done.returncode == 0 and not re.search(r"[1-9]\d* tests? passed", done.stdout):
            raise RuntimeError(f"no test ran: {' '.join(chosen)}\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
        if done.returncode == 0:
            return None
        suite = ""
        for line in done.stdout.splitlines():
            if at := re.match(r"Ran \d+ tests? for .*?(\w+)\.t\.sol:", line):
                suite = at[1]
            if test := re.match(r"\[FAIL.*\] (\w+)\(", line):
                return Killed(suite, test[1])
        raise RuntimeError(f"forge failed, but no test did:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")

    def campaign(self, test: str, seed: int) -> str | None:
        """The id of the sentence that an invariant test says is broken, None if it is green."""
        shutil.rmtree(self.folder / "cache/invariant", ignore_errors=True)  # what failed before is not tried again
        settings = {"FOUNDRY_FUZZ_SEED": hex(seed), "FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0"}
        done = self._forge("test", "--match-test", rf"^{test}\(", settings=settings)
        if broken := re.search(r"\[FAIL: (?:.*: )?([A-Z]+-\d+) ", done.stdout):
            return broken[1]
        if done.returncode or "1 passed" not in done.stdout:
            raise RuntimeError(f"{test} does not run:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
        return None

    def _forge(
        self, *arguments: str, settings: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "scripts/forge", *arguments],
            cwd=self.folder,
            env=os.environ | SETTINGS | dict(settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )


def _split(reason: str) -> tuple[str, str]:
    suite, dot, test = reason.partition(".")
    return (suite.removesuffix("Test"), test) if dot else ("?", reason)


def _closure(tests: Iterable[Path]) -> set[Path]:
    """The tests and all files of the project that they import, through any number of others."""
    found: set[Path] = set()
    left = list(tests)
    while left:
        path = left.pop()
        if path in found:
            continue
        found.add(path)
        left += [(path.parent / name).resolve() for name in re.findall(r'from "(\.[^"]+)"', path.read_text())]
    return found
