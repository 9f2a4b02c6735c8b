"""The kernel's entries in, the same entries compiled out, where numba is installed; loaded on demand and kept.

Loading takes a second or two from the disk cache, which one decision over a few pools does not repay: such a decision
runs the same source interpreted, with the same result to the last bit.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from keeper.plan.routing import kernel

WORTH_COMPILING = 256
"""Pools from which on the compiled kernel is loaded without being asked for."""
_PARTS = (
    kernel.find_step,
    kernel.respond,
    kernel.direction,
    kernel.slope,
    kernel.cut_step,
    kernel.newton,
    kernel.span,
    kernel.reached,
    kernel.trade,
    kernel.buy,
    kernel.sell,
    kernel.settle,
    kernel.append,
)


class Entries(NamedTuple):
    """What is called from outside the kernel."""

    solve: Callable[..., None]
    shift: Callable[..., int]
    trade: Callable[..., None]


INTERPRETED = Entries(kernel.solve, kernel.shift, kernel.trade)


@functools.cache
def compiled() -> Entries:
    """The compiled entries; the interpreted ones where numba is missing or told not to compile."""
    try:
        import numba  # deferred: see above
        from numba.extending import register_jitable
    except ImportError:
        return INTERPRETED
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return INTERPRETED
    for part in _PARTS:
        register_jitable(part)
    njit: Any = numba.njit(cache=True)
    return Entries(*(njit(entry) for entry in INTERPRETED))


def entries(pools: int) -> Entries:
    """Compiled when that is worth it for `pools` pools, or has been done already."""
    if pools >= WORTH_COMPILING or compiled.cache_info().currsize:
        return compiled()
    return INTERPRETED
