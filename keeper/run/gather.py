"""A node in, the past that it still tells out: feeds' rounds, then hours of trades, gas and rates, the newest first.

Rounds are read at the head and need no archive.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from keeper.chain.node import Node, RpcError
from keeper.errors import BadInput, Halt, Retry
from keeper.journal import Scan
from keeper.model import Failed, Feed, Head, Round
from keeper.protocols import chainlink
from keeper.run.bind import Bound
from keeper.run.hours import HOUR_S, HOURS, Gathered, asked, read_hours
from keeper.units import Address, PriceX36, Timestamp

ROUNDS_AT_ONCE = 500
"""Reads of past rounds in one call: through a proxy each costs some 15,000 gas."""
CHUNK_H = 24


@dataclass(frozen=True, slots=True)
class Wanted:
    """How far back: rounds to `rounds_since`; hours from `hours_since`, but those that `scans` says were read."""

    rounds_since: Timestamp
    hours_since: Timestamp
    scans: dict[str, Scan]
    budget_s: float


def gather(node: Node, bound: Bound, wanted: Wanted) -> Gathered:
    """Everything the node still tells of what is wanted, the newest first, until the budget is spent.

    Where the node stops answering, what was found until then, and why.
    """
    deadline, found = time.monotonic() + wanted.budget_s, Gathered()
    try:
        head = node.head()
        for feed in bound.feeds:
            if time.monotonic() < deadline:
                found.scans.append(_rounds(node, bound, head, feed, wanted, found.rounds))
        before = wanted.scans.get(HOURS)
        for start, end in _spans(head.timestamp, wanted.hours_since, before):
            scan = read_hours(node, bound, head, (start, end), deadline, found)
            before = scan if before is None else _joined(before, scan)
            found.scans = [*(s for s in found.scans if s.source != HOURS), before]
            if scan.note or time.monotonic() >= deadline:
                break
    except (BadInput, Halt, Retry, RpcError) as error:
        found.trouble = str(error)
    return found


def _rounds(node: Node, bound: Bound, head: Head, feed: Feed, wanted: Wanted, out: list[Round]) -> Scan:
    """Every round behind the latest that was not read before; phases of a proxy included."""
    source = f"rounds {feed.aggregator}"
    before = wanted.scans.get(source)
    latest, decimals = asked(node, bound, head, chainlink.reads(feed.aggregator))
    if isinstance(latest, Failed) or isinstance(decimals, Failed):
        return before or Scan(source, head.timestamp, 0, "the feed cannot be read")
    newest, oldest, note = latest[0], head.timestamp, ""
    skip = range(0) if before is None else range(before.until + 1)
    for batch in _walk(node, bound, head, feed.aggregator, newest):
        known = [n for n in batch if n not in skip]
        reads = [chainlink.past_round(feed.aggregator, n) for n in known]
        answers = [a for a in asked(node, bound, head, reads) if not isinstance(a, Failed) and a[2] > 0]
        out += [_round(feed, number, answer, at, decimals) for number, answer, at in answers]
        oldest = Timestamp(min([oldest, *(a[2] for a in answers)]))
        if len(known) < len(batch) and before is not None:  # what was read before begins here
            if before.since <= wanted.rounds_since or before.note:
                return replace(before, until=newest)
            skip = range(0)
        if oldest <= wanted.rounds_since:
            break
    else:
        note = "its first round" if oldest < head.timestamp else "it tells no past rounds"
    return Scan(source, oldest, newest, note)


def _walk(node: Node, bound: Bound, head: Head, proxy: Address, newest: int) -> Iterator[list[int]]:
    """Round ids from `newest` down, a batch at a time, through the phases of a proxy."""
    phase, number = newest >> 64, newest & (2**64 - 1)
    while True:
        while number > 0:
            lowest = max(number - ROUNDS_AT_ONCE, 0)
            yield [(phase << 64) | n for n in range(number, lowest, -1)]
            number = lowest
        phase -= 1
        if phase < 1:
            return
        (aggregator,) = asked(node, bound, head, [chainlink.phase(proxy, phase)])
        if isinstance(aggregator, Failed):
            return
        (last,) = asked(node, bound, head, [chainlink.latest_round(aggregator)])
        if isinstance(last, Failed):
            return
        number = last & (2**64 - 1)


def _round(feed: Feed, number: int, answer: int, updated_at: int, decimals: int) -> Round:
    problem = "" if feed.min_answer < answer < feed.max_answer else "out of its bounds"
    return Round(feed.token, feed.aggregator, number, answer, decimals, Timestamp(updated_at), PriceX36(0), problem)


def _spans(now: int, since: int, before: Scan | None) -> Iterator[tuple[int, int]]:
    """Spans of whole hours to read, (from, to], at most CHUNK_H long, the newest first, without those read before."""
    last, first = now // HOUR_S * HOUR_S, -(-since // HOUR_S) * HOUR_S
    if before is None:
        gaps = [(first, last)]
    else:
        gaps = [(max(first, before.until), last), (first, min(before.since, last) if not before.note else first)]
    for start, end in gaps:
        while end > start:
            yield max(start, end - CHUNK_H * HOUR_S), end
            end -= CHUNK_H * HOUR_S


def _joined(before: Scan, scan: Scan) -> Scan:
    """Both together; what lies apart from what was read before begins anew."""
    if scan.until < before.since or scan.since > before.until:
        return scan
    since = Timestamp(min(before.since, scan.since))
    return Scan(HOURS, since, max(before.until, scan.until), scan.note or before.note)
