"""Slither's findings and the table that explains them in; what is unexplained, and what explains nothing, out."""

import json
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

Key = tuple[str, str]
"""A detector and where it spoke: Contract.function, or Contract.function.variable."""


def findings(report: dict[str, Any]) -> set[Key]:
    return {(one["check"], _where(one["elements"][0])) for one in report["results"].get("detectors", [])}


def _where(element: dict[str, Any]) -> str:
    parent = element.get("type_specific_fields", {}).get("parent")
    name = str(element["name"])
    return f"{_where(parent)}.{name}" if parent and parent["type"] in ("contract", "function") else name


def explained(table: str) -> list[Key]:
    """Rows `| detector | where | why |` of a Markdown table; `*` in where stands for anything."""
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in table.splitlines() if line[:1] == "|"]
    return [(row[0], row[1]) for row in rows[2:] if len(row) == 3 and row[2]]


def main(report: Path, table: Path) -> int:
    answer = json.loads(report.read_text())
    if not answer["success"]:
        print(f"slither failed: {answer['error']}")
        return 1
    found, known = findings(answer), explained(table.read_text())
    matched = {key for key in found if any(key[0] == check and fnmatch(key[1], where) for check, where in known)}
    idle = [key for key in known if not any(key[0] == check and fnmatch(where, key[1]) for check, where in found)]
    for check, where in sorted(found - matched):
        print(f"unexplained: {check} in {where}; mend it, or explain it in {table}")
    for check, where in idle:
        print(f"explains nothing any more: {check} in {where}; take the row out of {table}")
    print(f"{len(found)} findings, high or medium; {len(found - matched)} unexplained, {len(idle)} idle explanations")
    return 1 if found - matched or idle else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
