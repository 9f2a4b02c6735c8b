"""The kernel compiled, interpreted, and without numba: the same result to the last bit."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keeper.plan.routing import compiled as compiling
from keeper.plan.routing import gas, network, prune
from keeper.plan.routing import solve as solving
from keeper.plan.routing.compiled import INTERPRETED, compiled
from keeper.plan.routing.solve import settle, solve

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("pools", "tokens"), [(3, 2), (20, 6), (120, 50)])
def test_compiled_and_interpreted_agree_to_the_last_bit(
    make_instance: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, pools: int, tokens: int
) -> None:
    instance = make_instance(7, pools, tokens)
    assert compiled() is not INTERPRETED, "numba is installed here"
    results = []
    for entries in (compiled(), INTERPRETED):
        for module in (solving, gas, network):
            monkeypatch.setattr(module, "entries", lambda _, found=entries: found)
        flows = solve(instance.network, instance.demand, 0)
        rest, prices = settle(instance.network)
        paying = replace(instance.network, fixed=np.full(pools, 1e-3 * flows.worth))
        few = gas.solve_with_gas(paying, instance.demand, 0, 16)
        results.append([*flows.__getstate__(), rest.steps, prices, *few.__getstate__()])  # type: ignore[attr-defined]
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


def test_a_changed_part_is_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiling._stamped(prune.choose).__qualname__
    assert before == compiling._stamped(prune.choose).__qualname__
    monkeypatch.setattr(prune, "_TRIALS", 4)
    assert before != compiling._stamped(prune.choose).__qualname__, "a number that the compiler takes for a constant"


def test_a_few_pools_do_not_load_the_compiler() -> None:
    answer = _run(
        "import sys; from keeper.plan.routing.compiled import INTERPRETED, entries; "
        "print(entries(10) is INTERPRETED, 'numba' in sys.modules)"
    )
    assert answer == "True False"


def test_without_numba_many_pools_are_interpreted() -> None:
    answer = _run(
        "import sys; sys.modules['numba'] = None; "
        "from keeper.plan.routing.compiled import INTERPRETED, entries; "
        "print(entries(10_000) is INTERPRETED)"
    )
    assert answer == "True"


def test_many_pools_load_it() -> None:
    assert compiling.entries(compiling.WORTH_COMPILING) is compiled()


def _run(code: str) -> str:
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return found.stdout.strip()
