"""A way to open a keeper in, ticks at every new block out, until a signal, a halt or the operator's stop file."""

import logging
import os
import random
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from keeper.chain.node import Node
from keeper.chain.signer import Signer
from keeper.config import Config
from keeper.errors import BadInput, Retry, Unknown
from keeper.model import Allowed
from keeper.run import Keeper, Report, open_keeper, stop
from keeper.units import Hash
from keeper.world import is_world
from keeper.world.roles import ROLES

BACKOFF_CAP_S = 15.0
"""K-30."""
JITTER = 0.2


def open_to_act(config: Config, signer: Signer | None) -> Keeper:
    """As `open_keeper`. Raises BadInput too when the key is one that everybody has and the chain is not the world."""
    keeper = open_keeper(config, signer)
    try:
        if signer is not None:
            require_private(keeper.node, signer)
    except BaseException:
        keeper.close()
        raise
    return keeper


def require_private(node: Node, signer: Signer) -> None:
    """Raises BadInput when the key is published and the chain is not the world."""
    if signer.address not in ROLES.values():
        return
    genesis = node.block_at(0)
    if genesis is None or not is_world(node.chain_id, genesis.hash):
        raise BadInput(
            f"the key of {signer.address} is published and everybody's: it signs on the local world only; "
            "use a key of your own"
        )


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told: `report` of every tick of a vault, `notice` of everything else, in a sentence."""

    report: Callable[[Report], None]
    notice: Callable[[str], None]


@dataclass(slots=True)
class Service:
    """One keeper over its lifetime; `cycle` runs in one thread, one at a time.

    `live` asks for signatures; while `stop_file` exists only some are given. `error` is what ended it.
    """

    open: Callable[[], Keeper]
    listener: Listener
    live: bool
    stop_file: Path
    poll_s: float
    clock: Callable[[], float] = time.monotonic
    draw: random.Random = field(default_factory=random.Random)
    keeper: Keeper | None = None
    error: BaseException | None = None
    _seen: Hash | None = None
    _failures: int = 0
    _not_before: float = 0.0
    _allowed: Allowed = "everything"
    _warned: str = ""
    _told: dict[Hash, str] = field(default_factory=dict)

    def cycle(self) -> None:
        """Look at the head; on a block not seen before, one tick. A world that failed is tried again later."""
        if self.clock() < self._not_before:
            return
        try:
            if self.keeper is None:
                self.keeper = self.open()
            head = self.keeper.node.head()
            if head.hash != self._seen:
                self._tick(self.keeper)
                self._seen = head.hash
            self._failures = 0
        except Retry as error:
            wait = self._back_off()
            self.listener.notice(f"{error}; trying again in {wait:.1f} s")
        except BadInput as error:
            if self.keeper is None:
                raise  # it never worked: the configuration and the chain do not fit
            wait = self._back_off()
            self.listener.notice(f"{error}; trying again in {wait:.1f} s")
        except Unknown as error:  # the intent is in the journal: the next cycle asks the chain again
            self.listener.notice(str(error))

    def close(self) -> None:
        if self.keeper is not None:
            self.keeper.close()

    def _tick(self, keeper: Keeper) -> None:
        allowed = self._allowed_now()
        if self.live:
            self._warn(keeper)
            for outcome in keeper.reconcile(allowed):
                if self._told.get(outcome.intent_id) != outcome.status:  # once, not until it is final
                    self._told[outcome.intent_id] = outcome.status
                    self.listener.notice(f"intent {outcome.intent_id}: {outcome.status} {outcome.reason}".rstrip())
        for report in keeper.tick(self.live, allowed):
            self.listener.report(report)
        keeper.study_aside()
        for said in keeper.notices():
            self.listener.notice(said)

    def _allowed_now(self) -> Allowed:
        """What the stop file allows; says so when that has changed."""
        allowed = stop.allowed(self.stop_file)
        if allowed != self._allowed:
            self._allowed = allowed
            there = "is gone" if allowed == "everything" else "exists"
            self.listener.notice(f"{self.stop_file} {there}: {stop.SENTENCES[allowed]}")
        return allowed

    def _warn(self, keeper: Keeper) -> None:
        """Says that the account pays too few rescues; again when the number has changed (K-39)."""
        purse = keeper.purse()
        warning = purse.warning if purse is not None else ""
        number = str(purse.rescues) if purse is not None and warning else ""
        if number != self._warned:
            self._warned = number
            self.listener.notice(warning or "the account pays enough rescues again")

    def _back_off(self) -> float:
        """Seconds until the next try: doubling from the poll interval, give or take a fifth, at most 15 s."""
        doubled = self.poll_s * 2.0 ** min(self._failures, 10)  # a float's power ends after a night of failures
        wait = min(BACKOFF_CAP_S, min(BACKOFF_CAP_S, doubled) * self.draw.uniform(1 - JITTER, 1 + JITTER))
        self._failures += 1
        self._not_before = self.clock() + wait
        return wait


def serve(service: Service) -> None:
    """Runs the service until SIGINT or SIGTERM, which let the current tick end, or until something ends it.

    Raises what ended it: Halt, BadInput, or whatever nobody expected.
    """
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
    )
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a poll that falls into a tick is no news
    reading, writing = os.pipe()

    def guarded() -> None:
        if service.error is None:
            try:
                service.cycle()
            except BaseException as error:  # noqa: BLE001 - carried to the thread that waits, and raised there
                service.error = error
                os.write(writing, b"x")

    with _signals(writing):
        # One job that repeats, at once and then on: the scheduler may trip over removing a finished one while it stops.
        scheduler.add_job(guarded, "interval", seconds=service.poll_s, next_run_time=datetime.now(UTC))
        scheduler.start()
        try:
            select.select([reading], [], [])
            if service.error is None:
                service.listener.notice("stopping after this tick")
        finally:
            scheduler.shutdown(wait=True)
            service.close()
    os.close(reading)
    os.close(writing)
    if service.error is not None:
        raise service.error


@contextmanager
def _signals(pipe: int) -> Iterator[None]:
    """SIGINT and SIGTERM write to `pipe`, from whichever thread the system hands them to, and do nothing else."""

    def noted(_number: int, _frame: FrameType | None) -> None:
        """The byte is already in the pipe: Python's own handler runs in the main thread alone, which sleeps."""

    os.set_blocking(pipe, False)
    waking = signal.set_wakeup_fd(pipe, warn_on_full_buffer=False)
    before = {number: signal.signal(number, noted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        signal.set_wakeup_fd(waking)
        for number, handler in before.items():
            signal.signal(number, handler)
