"""A trade that moves its pools in, in how many parts to make it, and when the next is due, out."""

from dataclasses import dataclass, replace

from keeper.model import Chunks, Plan, Progress, State
from keeper.plan.policy.words import duration
from keeper.units import Address

_BACK = 0.5
"""A pool has come back when it is no further from the oracle's price than half of what a part was to leave."""
_PATIENCE = 2
"""Waited for at most so many times as long as it took before."""
_UNMOVED = 1e-5
_MOST = 0.5


def count(plan: Plan, chunks: Chunks, horizon_s: int, spacing_s: int) -> int:
    """The number of parts n that costs least: impact/n + n·gas + (n - 1)/2·spacing·what a second of waiting costs.

    Impact grows with the square of a part, so n parts into pools that come back between them pay an nth of it. Where
    impact is not most of the execution, one.
    """
    if plan.cost.impact < _MOST * plan.cost.execution:
        return 1
    left = plan.cost.risk + plan.cost.lvr + plan.cost.touch
    waiting = max(0.0, plan.waiting.total - left) / horizon_s * spacing_s

    def cost(n: int) -> float:
        return plan.cost.impact / n + n * (plan.cost.gas + plan.cost.l1_data) + (n - 1) / 2.0 * waiting

    return min(range(1, chunks.most + 1), key=cost)


def spacing(chunks: Chunks, state: State, cooldown_s: int, slot_s: int) -> int:
    """Seconds between two parts: the largest of cooldown, confirmation depth, and refill as measured or else stated."""
    return max(cooldown_s, chunks.confirmations * slot_s, state.refill_s or chunks.refill_s)


@dataclass(frozen=True, slots=True)
class Pause:
    """What is remembered next of a schedule, and why its next part must wait; `why` is empty when it need not."""

    state: State
    why: str


def pause(state: State, epoch: int, since_s: int, spacing_s: int, off: tuple[tuple[Address, float], ...]) -> Pause:
    """Follow a schedule: `since_s` after the vault's last action, its `epoch` now, pools `off` the oracle's price.

    A part has been made when the epoch moved on: what was only planned does not count. The rest is decided anew then.
    """
    progress = state.progress
    if progress is None or epoch <= progress.epoch:
        return Pause(state, "")
    now_off = dict(off)
    back = all(abs(now_off.get(pool, 0.0)) <= _BACK * abs(left) for pool, left in progress.left)
    if back and progress.left:
        known = state.refill_s
        measured = since_s if known is None else (known + since_s) // 2
        state = replace(state, refill_s=max(1, measured), progress=replace(progress, left=()))
    done = progress.done + 1
    if since_s >= spacing_s and (back or since_s >= _PATIENCE * spacing_s):
        return Pause(state, "")
    named = f"part {done} of about {progress.parts} is done"
    if since_s < spacing_s:
        return Pause(state, f"{named}; the next is decided in {duration(spacing_s - since_s)}, when its pools are back")
    return Pause(state, f"{named}; the next waits for its pools, still more than half as far off as it left them")


def begun(state: State, epoch: int, parts: int, left: tuple[tuple[Address, float], ...]) -> Progress | None:
    """The schedule once a part is planned at `epoch` with `parts` still to make, itself included; None when whole."""
    before = state.progress
    done = 0
    if before is not None:
        done = before.done + (1 if epoch > before.epoch else 0)
    if parts == 1 and done == 0:
        return None
    return Progress(done, done + parts, epoch, tuple((pool, off) for pool, off in left if abs(off) > _UNMOVED))
