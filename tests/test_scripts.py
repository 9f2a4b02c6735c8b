"""A failing Solidity test turns `scripts/test` red: npm's launcher of forge would hide it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

contract ArithmeticTest {{
    function test_sum() external pure {{
        require(1 + 1 == {sum});
    }}
}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one test contract that shares this one's scripts, toolchain and settings."""
    for name in ("scripts", "node_modules", "foundry.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "contracts").mkdir()
    (tmp_path / "tests/solidity").mkdir(parents=True)
    return tmp_path


def _stage(project: Path, total: int) -> subprocess.CompletedProcess[str]:
    (project / "tests/solidity/Arithmetic.t.sol").write_text(SOURCE.format(sum=total))
    return subprocess.run([project / "scripts/test", "solidity"], capture_output=True, text=True, check=False)


def test_a_failing_solidity_test_is_red(project: Path):
    done = _stage(project, 3)
    assert done.returncode != 0
    assert "1 failed" in done.stdout


def test_a_passing_solidity_test_is_green(project: Path):
    done = _stage(project, 2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_an_unknown_stage_is_refused():
    done = subprocess.run([ROOT / "scripts/test", "solidty"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Stages: lint types" in done.stderr


def test_every_weakening_fits_the_contracts_and_names_a_test():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/weaken", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_file_without_a_syntax_tree_is_named(tmp_path: Path):
    """With a forge that builds nothing."""
    for name in ("scripts", "contracts", "tests/solidity"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "foundry.toml", tmp_path)
    done = subprocess.run(
        [sys.executable, tmp_path / "scripts/mutate", "guard", "--list"],
        env=os.environ | {"KEEPER_FORGE": str(shutil.which("true"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "mutate: forge built no syntax tree of contracts/guard/Charter.sol; it said: nothing\n"
