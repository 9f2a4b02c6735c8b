"""The track record's command: loud when there is nothing to measure, clear when it is misread."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "scripts/track-record"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_the_prices_it_skips_and_says_so(tmp_path: Path):
    project = tmp_path / "project"
    (project / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/track-record", project / "scripts")
    shutil.copytree(ROOT / "scripts/record_parts", project / "scripts/record_parts")
    done = run(project, "--write")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "SKIPPED: ../shared/data is absent" in done.stderr
    assert not (project / "docs").exists()


def test_an_unknown_horizon_is_refused():
    done = run(ROOT, "--only", "7")
    assert done.returncode == 2
    assert "scripts/track-record --only 24" in done.stderr


def test_the_committed_record_names_its_data_and_where_it_loses():
    page = (ROOT / "docs/track-record.md").read_text()
    assert "SHA-256" in page
    for hours in (24, 6, 1):
        assert f"## {hours} h: variance" in page
        assert f"## {hours} h: touches" in page
    assert "MISSED" not in page
    assert page.count("It does not win: ") >= 4
