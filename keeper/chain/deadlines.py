"""A time and a block in, something done at that time unless the block is over: by one thread for all of them.

A thread a question, as `threading.Timer` has it, takes longer to start than the question takes to put.
"""

import heapq
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from threading import Condition, Thread


@dataclass(order=True, slots=True)
class _Due:
    """`act` is None once it was called off, or is done."""

    at: float
    number: int
    act: Callable[[], None] | None = field(compare=False)


class Deadlines:
    """What is to be done at a time of the monotonic clock. Safe to share between threads."""

    def __init__(self) -> None:
        self._waiting: list[_Due] = []
        self._numbers = count()
        self._changed = Condition()
        self._thread: Thread | None = None

    @contextmanager
    def unless_over(self, at: float, act: Callable[[], None]) -> Iterator[None]:
        """Does `act`, which must be quick, at the time `at` if the block has not ended by then; after it never."""
        due = _Due(at, next(self._numbers), act)
        with self._changed:
            heapq.heappush(self._waiting, due)
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif self._waiting[0] is due:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                due.act = None

    def _run(self) -> None:
        with self._changed:
            while True:
                while self._waiting and (self._waiting[0].act is None or self._waiting[0].at <= time.monotonic()):
                    due = heapq.heappop(self._waiting)
                    if due.act is not None:
                        with suppress(Exception):  # the others' times hold whatever one does
                            due.act()
                self._changed.wait(self._waiting[0].at - time.monotonic() if self._waiting else None)
