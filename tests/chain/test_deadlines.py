"""What is due is done at its time, the earliest first, and never after its block."""

import time
from threading import Event

from keeper.chain.deadlines import Deadlines

SOON_S, LATER_S, FOREVER_S = 0.05, 0.1, 30.0


def _at(seconds: float) -> float:
    return time.monotonic() + seconds


def test_what_is_due_is_done_while_the_block_runs() -> None:
    deadlines, done = Deadlines(), Event()
    with deadlines.unless_over(_at(SOON_S), done.set):
        assert done.wait(FOREVER_S)


def test_an_earlier_one_does_not_wait_for_a_later_one() -> None:
    deadlines, late, early = Deadlines(), Event(), Event()
    with (
        deadlines.unless_over(_at(FOREVER_S), late.set),
        deadlines.unless_over(_at(SOON_S), early.set),
    ):
        assert early.wait(FOREVER_S)
        assert not late.is_set()


def test_one_that_fails_does_not_end_the_others() -> None:
    deadlines, before, after = Deadlines(), Event(), Event()

    def fails() -> None:
        before.set()
        raise ValueError

    with deadlines.unless_over(_at(LATER_S), after.set), deadlines.unless_over(_at(SOON_S), fails):
        assert before.wait(FOREVER_S)
        assert after.wait(FOREVER_S)


def test_what_is_over_is_never_done() -> None:
    deadlines, called_off, after = Deadlines(), Event(), Event()
    with deadlines.unless_over(_at(SOON_S), called_off.set):
        pass
    with deadlines.unless_over(_at(LATER_S), after.set):
        assert after.wait(FOREVER_S)
    assert not called_off.is_set()
