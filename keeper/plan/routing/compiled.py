"""The kernel's entries in, the same entries compiled out, where numba is installed; loaded on demand and kept.

Loading takes a second or so from the disk cache, which one decision over a few pools does not repay: such a decision
runs the same source interpreted, with the same result to the last bit.
"""

import functools
import hashlib
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final, NamedTuple

from keeper.plan.routing import cheapest, kernel, prune, trades

WORTH_COMPILING = 256
"""Pools from which on the compiled kernel is loaded without being asked for."""
_ERRORS: Final = "numpy"
"""A division by zero gives infinity, as it does interpreted; looking out for it costs time."""


class Entries(NamedTuple):
    """What is called from outside the kernel."""

    solve: Callable[..., None]
    shift: Callable[..., int]
    trade: Callable[..., None]
    cheapest: Callable[..., None]


INTERPRETED = Entries(trades.solve, trades.shift, trades.trade, cheapest.cheapest)


@functools.cache
def compiled() -> Entries:
    """The compiled entries; the interpreted ones where numba is missing or told not to compile."""
    try:
        import numba  # deferred: see above
        from numba.extending import register_jitable
    except ImportError:
        return INTERPRETED
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]  # set when numba is loaded
        return INTERPRETED
    for part in _parts():
        register_jitable(error_model=_ERRORS)(part)
    njit: Any = numba.njit(cache=True, error_model=_ERRORS)
    return Entries(*(njit(_stamped(entry)) for entry in INTERPRETED))


def entries(pools: int) -> Entries:
    """Compiled when that is worth it for `pools` pools, or has been done already."""
    if pools >= WORTH_COMPILING or compiled.cache_info().currsize:
        return compiled()
    return INTERPRETED


def _parts() -> list[FunctionType]:
    """Every function of the kernel's modules, entries included: those are also called from inside."""
    found = {}
    for module in (kernel, trades, prune, cheapest):
        for one in vars(module).values():
            if isinstance(one, FunctionType) and one.__module__.startswith(__package__):
                found[one.__qualname__] = one
    return list(found.values())


def _stamped(entry: Callable[..., Any]) -> FunctionType:
    """The entry under a name that tells the kernel's whole code.

    The compiler's disk cache asks only whether the entry's own file has changed, not the files that it calls into.
    """
    digest = hashlib.sha256(_ERRORS.encode())
    for part in _parts():
        code = part.__code__
        constants = [part.__globals__.get(name) for name in code.co_names]
        numbers = [one for one in constants if isinstance(one, int | float)]
        digest.update(repr((part.__qualname__, code.co_code, code.co_consts, code.co_names, numbers)).encode())
    assert isinstance(entry, FunctionType)
    copy = FunctionType(entry.__code__, entry.__globals__, entry.__name__, entry.__defaults__, entry.__closure__)
    copy.__qualname__ = f"{entry.__qualname__}_{digest.hexdigest()[:16]}"
    copy.__module__ = entry.__module__
    return copy
