"""A running world and a live keeper in, each moment of the market's fall with what the keeper did out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keeper.run import Keeper, Report
from keeper.units import Timestamp
from keeper.world import market
from keeper.world.demo.scenario import Step
from keeper.world.world import RunningWorld


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of the market and the keeper's reports on every vault after it."""

    number: int
    timestamp: Timestamp
    usd: dict[str, float]
    reports: tuple[Report, ...]


def play(running: RunningWorld, keeper: Keeper, steps: Sequence[Step]) -> Iterator[Moment]:
    """Move the market by feed rounds, real swaps and the price of gas, let the keeper tick, yield what came of it."""
    for number, step in enumerate(steps, 1):
        market.mine(running, step.seconds)
        market.refresh_feeds(running)
        market.move(running, step.usd)
        if step.noise_usd:
            _trade(running, step)
        if step.gwei is not None:
            market.mine(running, base_fee=round(step.gwei * 10**9))
        reports = keeper.tick(live=True)
        yield Moment(number, reports[0].snapshot.head.timestamp, step.usd, reports)


def _trade(running: RunningWorld, step: Step) -> None:
    """Somebody else's swap, in the deepest pool, so that pools are not exactly at the oracle's price."""
    pool = running.world.pool("WETH", "USDC", 500)
    if step.noise_usd > 0.0:
        market.swap(running, "USDC", "WETH", int(step.noise_usd * 10**6), pool)
    else:
        market.swap(running, "WETH", "USDC", int(-step.noise_usd / step.usd["WETH"] * 10**18), pool)
