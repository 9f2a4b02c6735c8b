"""How fast the machine is while something is measured: the same loop of Python's, timed beside it.

A machine that others share is up to twice as slow for minutes at a time, and no figure says by itself which it was.
"""

import statistics
import time

ADDITIONS = 200_000


class Pace:
    """Times the loop each time it is asked to, and says what that took."""

    def __init__(self) -> None:
        self._took: list[float] = []

    def look(self) -> None:
        began, total = time.perf_counter(), 0
        for number in range(ADDITIONS):
            total += number
        self._took.append((time.perf_counter() - began) * 1e3)

    def told(self) -> str:
        ordered = sorted(self._took)
        return (
            f"Beside it {ADDITIONS:,} additions in Python took {statistics.median(ordered):.1f} ms at the median, "
            f"{ordered[0]:.1f} at the fastest and {ordered[-1 - len(ordered) // 10]:.1f} at the ninth tenth."
        )
