"""The import table, the outside world of pure modules, who may clear a plan, the licences, and what no file may say.

Each rule is a function over text, so that the test of a rule is a text that breaks it.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "keeper"

DATA = {"units", "errors", "model"}
ADAPTERS = {"protocols", "vaults"}
PURE_STAGES = {"beside", "costs", "decide", "forecast", "guard", "paying", "ripcord", "shock", "simulate"}

IMPORTS: dict[str, set[str]] = {
    "units": set(),
    "errors": set(),
    "abi": set(),
    "model": {"units", "errors"},
    "costs": DATA,
    "protocols": DATA | {"costs", "abi"},
    "vaults": DATA | {"costs", "abi", "protocols"},
    "registry": DATA | ADAPTERS,
    "codec": DATA | {"registry"},
    "simulate": DATA | {"costs"},
    "guard": DATA | {"costs"},
    "forecast": DATA | {"costs"},
    "plan": DATA | {"costs"},
    "decide": DATA | {"costs", "forecast", "plan", "simulate", "guard"},
    "ripcord": DATA | {"guard", "plan", "vaults"},
    "shock": DATA | {"costs", "decide", "guard"},
    "beside": DATA | {"guard", "plan"},
    "paying": DATA | {"decide", "plan", "shock"},
    "calldata_policy": DATA,
    "backtest": DATA | ADAPTERS | {"costs", "codec", "registry", "forecast", "decide"},
    "config": DATA | {"codec"},
    "journal": DATA | {"codec"},
    "chain": DATA | {"calldata_policy"},
    "run": DATA
    | ADAPTERS
    | PURE_STAGES
    | {"abi", "calldata_policy", "chain", "codec", "config", "journal", "registry"},
    "world": DATA | ADAPTERS | {"abi", "chain", "config", "costs", "forecast", "run"},
    "doctor": DATA | ADAPTERS | {"abi", "chain", "config", "journal", "run", "world"},
    "service": DATA | {"chain", "config", "run", "world"},
    "web": DATA | {"codec", "journal"},
    "cli": DATA
    | {"chain", "codec", "config", "doctor", "guard", "journal", "registry", "run", "service", "shock", "world"},
    "__init__": DATA | {"chain", "config", "journal", "run"},
    "__main__": {"cli"},
}
"""What each top-level module may import from the project. A module that is not here fails: growth is a decision."""

PURE = {
    "abc", "bisect", "collections", "dataclasses", "decimal", "enum", "fractions", "functools", "hashlib", "heapq",
    "inspect", "itertools", "json", "math", "operator", "re", "string", "struct", "types", "typing",
}  # fmt: skip
"""The standard library without files, sockets, processes, clocks and chance."""

NUMERIC = {"numpy", "scipy", "numba", "sklearn", "arch", "random"}
HASHING = {"eth_abi", "eth_utils"}

OUTSIDE: dict[str, set[str]] = {
    "units": PURE,
    "errors": PURE,
    "model": PURE,
    "costs": PURE,
    "protocols": PURE | HASHING,
    "vaults": PURE | HASHING,
    "registry": PURE,
    "codec": PURE | {"pydantic"},
    "simulate": PURE,
    "guard": PURE,
    "forecast": PURE | NUMERIC,
    "plan": PURE | NUMERIC,
    "decide": PURE,
    "ripcord": PURE,
    "shock": PURE,
    "beside": PURE,
    "paying": PURE,
    "calldata_policy": PURE | {"eth_abi"},
    "abi": PURE | {"importlib"},
}
"""What the pure modules may import from elsewhere; every module that is not here may import anything."""

IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}
CLOCKS = {"now", "today", "utcnow", "time", "monotonic", "perf_counter", "time_ns", "getenv", "urandom"}
DRAWS = {"Random", "default_rng", "RandomState", "SeedSequence"}
"""Sources of numbers that are allowed when they are given a seed."""


def modules() -> Iterator[tuple[str, Path]]:
    """Every Python file of the package with the top-level module it belongs to."""
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file.relative_to(PACKAGE).with_suffix("").parts[0], file


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, those inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "." * node.level + (node.module or "")
        elif isinstance(node, ast.ImportFrom) and node.module == "keeper":
            yield from ((node.lineno, f"keeper.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call) and _called(node) == "import_module":
            yield from ((node.lineno, a.value) for a in node.args[:1] if isinstance(a, ast.Constant))


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", None) or getattr(call.func, "attr", "")


def import_faults(module: str, source: str) -> list[str]:
    """Imports that the tables do not allow to `module`."""
    if module not in IMPORTS:
        return [f"keeper.{module} is not in the import table of this test and of ARCHITECTURE.md: add it to both"]
    faults = []
    for line, name in imported(ast.parse(source)):
        top, _, rest = name.partition(".")
        if not top:
            faults.append(f"line {line}: relative import {name}: write the full name")
        elif top == "keeper":
            found = rest.partition(".")[0] or "__init__"
            if found != module and found not in IMPORTS[module]:
                faults.append(f"line {line}: {module} may not import keeper.{found}")
        elif module in OUTSIDE and top not in OUTSIDE[module]:
            faults.append(f"line {line}: {module} may not import {top}")
    return faults


def purity_faults(source: str) -> list[str]:
    """Calls that touch files, terminals, clocks or unseeded chance."""
    faults = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name, owned = _called(node), isinstance(node.func, ast.Attribute)
        if (name in IMPURE_CALLS and not owned) or (name in CLOCKS and owned):
            faults.append(f"line {node.lineno}: calls {name}")
        elif name in DRAWS and not (node.args or node.keywords):
            faults.append(f"line {node.lineno}: calls {name} without a seed")
        elif name not in DRAWS and owned and ast.unparse(node.func).rpartition(".")[0] in ("random", "np.random"):
            faults.append(f"line {node.lineno}: calls {ast.unparse(node.func)}, which nobody seeded")
    return faults


def clearing_faults(module: str, source: str) -> list[str]:
    """Constructions of Cleared outside guard: `submit` takes nothing else, so whoever makes one may sign."""
    calls = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and _called(n) == "Cleared")
    return [f"line {call.lineno}: only guard makes a Cleared" for call in calls if module != "guard"]


def test_every_import_is_in_the_table():
    faults = [
        f"{file.relative_to(ROOT)} {f}" for module, file in modules() for f in import_faults(module, file.read_text())
    ]
    assert not faults, "\n".join(faults)


def test_pure_modules_touch_nothing():
    pure = ((module, file) for module, file in modules() if module in OUTSIDE and module != "abi")
    faults = [f"{file.relative_to(ROOT)} {fault}" for _, file in pure for fault in purity_faults(file.read_text())]
    assert not faults, "\n".join(faults)


def test_only_guard_clears():
    faults = [f"{file.relative_to(ROOT)} {f}" for m, file in modules() for f in clearing_faults(m, file.read_text())]
    assert not faults, "\n".join(faults)
    assert "Cleared(" in (PACKAGE / "guard.py").read_text()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("stranger", ""),
        ("units", "import keeper.model"),
        ("model", "from keeper import costs"),
        ("plan", "from keeper.protocols.uniswap_v3 import quote"),
        ("decide", "def f():\n    from keeper.chain import node"),
        ("backtest", "import keeper.chain.node"),
        ("chain", "from keeper.plan import route"),
        ("guard", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from keeper.run import Keeper"),
        ("guard", "from .model import Plan"),
        ("cli", "from importlib import import_module\nimport_module('keeper.plan')"),
        ("model", "import keeper"),
        ("simulate", "import web3"),
        ("costs", "import time"),
        ("protocols", "import pydantic"),
        ("decide", "def f():\n    import os"),
    ],
)
def test_a_stray_import_is_refused(module: str, source: str):
    assert import_faults(module, source)


def test_a_listed_import_passes():
    assert (
        import_faults("vaults", "import math\nfrom keeper.protocols import wire\nfrom eth_abi.abi import encode") == []
    )
    assert import_faults("chain", "import socket, web3\nfrom keeper.chain.http import Endpoint") == []


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "print(1)",
        "from datetime import datetime\ndatetime.now()",
        "import time\ntime.time()",
        "import random\nrandom.random()",
        "import random\nrandom.Random()",
        "import numpy as np\nnp.random.normal()",
        "import numpy as np\nnp.random.default_rng()",
    ],
)
def test_an_impure_call_is_refused(source: str):
    assert purity_faults(source)


def test_a_seeded_draw_passes():
    assert purity_faults("import random\nrandom.Random(7).random()\nopener(1)\nvenue.open(2)") == []


def test_a_cleared_made_elsewhere_is_refused():
    assert clearing_faults("run", "model.Cleared(a, b, c)")
    assert clearing_faults("plan", "Cleared(a, b, c)")
    assert clearing_faults("guard", "Cleared(a, b, c)") == []


# --- licences --------------------------------------------------------------------------------------------------------

PERMITTED = {"MIT", "Apache-2.0"}
REMAPPINGS = (
    ("@openzeppelin/", ROOT / "node_modules/@openzeppelin"),
    ("forge-std/", ROOT / "node_modules/@uniswap/v4-core/lib/forge-std/src"),
)
_IMPORT = re.compile(r"""^\s*import\s+(?:[^;"']*?\bfrom\s+)?["']([^"']+)["']""", re.MULTILINE)
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([^\n*]+?)\s*$", re.MULTILINE)


def resolve(importer: Path, name: str) -> Path:
    """The file that an import names."""
    if name.startswith("."):
        return (importer.parent / name).resolve()
    for prefix, folder in REMAPPINGS:
        if name.startswith(prefix):
            return (folder / name.removeprefix(prefix)).resolve()
    return ROOT / name if (ROOT / name).exists() else ROOT / "node_modules" / name


def spdx_fault(source: str, ours: bool) -> str:
    """Why a file's licence line is not acceptable; one of several alternatives (`OR`) is enough."""
    found = _SPDX.findall(source)
    if len(found) != 1:
        return f"{len(found)} SPDX lines, expected one"
    if ours:
        return "" if found[0] == "MIT" else f"{found[0]}, our own files are MIT"
    return (
        ""
        if PERMITTED & set(re.split(r"\s+OR\s+", found[0].strip("()")))
        else f"{found[0]}, expected MIT or Apache-2.0"
    )


def reached(start: list[Path]) -> set[Path]:
    """`start` and every file that they import, directly or not."""
    found, waiting = set(start), list(start)
    while waiting:
        file = waiting.pop()
        for name in _IMPORT.findall(file.read_text()):
            target = resolve(file, name)
            assert target.is_file(), f"{file.relative_to(ROOT)} imports {name}, which is nowhere"
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def test_every_solidity_file_reached_is_mit_or_apache():
    ours = sorted((ROOT / "contracts").rglob("*.sol")) + sorted((ROOT / "tests/solidity").rglob("*.sol"))
    faults = []
    for file in sorted(reached(ours)):
        if fault := spdx_fault(file.read_text(), ours=file in ours):
            faults.append(f"{file.relative_to(ROOT)}: {fault}")
    assert ours
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("licence", ["GPL-2.0-or-later", "BUSL-1.1", "AGPL-3.0", "UNLICENSED", "MIT AND GPL-3.0"])
def test_another_licence_is_refused(licence: str):
    assert spdx_fault(f"// SPDX-License-Identifier: {licence}\n", ours=False)
    assert spdx_fault("// SPDX-License-Identifier: Apache-2.0\n", ours=True)
    assert spdx_fault("pragma solidity ^0.8.20;", ours=False)
    assert spdx_fault("// SPDX-License-Identifier: MIT OR GPL-3.0\n", ours=False) == ""


def test_an_import_over_several_lines_is_seen():
    assert _IMPORT.findall('import {\n  A,\n  B\n} from "@x/y.sol";\nimport "z.sol";\nimport * as C from "c.sol";') == [
        "@x/y.sol",
        "z.sol",
        "c.sol",
    ]


# --- what no tracked file may say ------------------------------------------------------------------------------------

HOSTS = re.compile(r"registry\.(?:[n]pmjs|[y]arnpkg)\.|\b[p]ypi\.(?:org|python)|[p]ythonhosted\.|index\.[c]rates\.")
MACHINE_PATH = re.compile(r"(?<![\w.~/*-])/(?:work|root|home|Users)/\w")


def hygiene_faults(name: str, text: str) -> list[str]:
    """Registry hosts and absolute paths of somebody's machine; lock files may name no URL at all."""
    patterns = [HOSTS, MACHINE_PATH]
    if name == "package-lock.json":
        patterns.append(re.compile(r'"resolved"'))
    if name == "requirements.lock":
        patterns.append(re.compile(r"https?:|--(?:extra-)?index-url|--find-links"))
    return [
        f"{name}:{text.count(chr(10), 0, found.start()) + 1}: {found.group()}"
        for pattern in patterns
        for found in pattern.finditer(text)
    ]


def tracked() -> list[Path]:
    """The files that are in version control, or all that would be where there is no git."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return [ROOT / name for name in done.stdout.split("\0") if name]
    ignored = {".venv", "node_modules", "out", "cache", ".git"}
    return [f for f in ROOT.rglob("*") if f.is_file() and not ignored & set(f.relative_to(ROOT).parts)]


def test_no_file_names_a_machine_or_a_registry():
    faults = []
    for file in tracked():
        if not file.is_file() or file == Path(__file__):
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        faults += hygiene_faults(str(file.relative_to(ROOT)), text)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "see /" + "home/ann/keeper"),
        ("a.py", '"/' + 'root/x"'),
        ("a.toml", "index = https://" + "pypi." + "org/simple"),
        ("package-lock.json", '"resolved": "x"'),
        ("requirements.lock", "--index-url x"),
    ],
)
def test_a_machine_or_a_registry_is_refused(name: str, text: str):
    assert hygiene_faults(name, text)
