"""A node and a span of hours in, what traded, what gas cost and what loans paid in each of them out.

All from logs and headers, which nodes keep longer than states. Where one keeps them no further back, the note says so,
and the pools' own observations, which are read at the head, take the place of their trades.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from keeper import registry
from keeper.chain.logs import Log, logs
from keeper.chain.node import Node, RpcError, fields, items, quantity
from keeper.chain.observe import ask
from keeper.forecast.levels import GAS, borrow, supply
from keeper.journal import POOL, Journal, Scan
from keeper.model import Candles, Failed, Head, LevelSeries, Question, Read, Round, Series
from keeper.protocols import aave_v3_reading, chainlink, erc20, uniswap_v3, uniswap_v3_past
from keeper.run.bind import Bound
from keeper.units import Address, Hash, Timestamp

HOUR_S = 3_600
HOURS = "hours"
BEGINNING = "there the chain begins"
MOST_FEES = 1_024
"""Blocks that eth_feeHistory may be asked for at once."""
SAMPLED = 12
STILL = 0.03
"""A token within this share of one unit of the quote currency tells another's shape: a pool against it has candles."""
GWEI = 10**9
MOMENT_S = 60
"""An observed price is the mean tick of this long: an hour's mean would show two thirds of the variance."""
_TOO_MANY = ("more than", "limit", "range", "too many", "exceed", "too large", "response size")


@dataclass(slots=True)
class Gathered:
    """What was found, ready to be kept."""

    rounds: list[Round] = field(default_factory=list)
    series: list[tuple[Series, str]] = field(default_factory=list)
    candles: list[Candles] = field(default_factory=list)
    levels: list[LevelSeries] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    trouble: str = ""
    """Why it ended before the budget did; empty when it did not."""

    def sentence(self) -> str:
        """What was found, and what was not."""
        hours = next((s for s in self.scans if s.source == HOURS), None)
        reach = f"; hours from {_day(hours.since)} to {_day(hours.until)}" if hours is not None else ""
        notes = "; ".join(filter(None, [hours.note if hours is not None else "", self.trouble]))
        bars = sum(len(c.ends) for c in self.candles)
        return f"{len(self.rounds):,} rounds, {bars:,} candles{reach}" + (f"; {notes}" if notes else "")

    def keep(self, journal: Journal, chain_id: int) -> None:
        """Writes all of it into the journal."""
        past = journal.past
        past.add_rounds(chain_id, self.rounds)
        for series, source in self.series:
            past.add_prices(chain_id, series, source)
        for candles in self.candles:
            past.add_candles(chain_id, candles)
        for level in self.levels:
            past.add_levels(chain_id, level)
        for scan in self.scans:
            past.note_scan(chain_id, scan)


class Pruned(Exception):
    """What a node no longer has."""


class _Clock:
    """The last block at or before a time, by interpolation; headers are asked for once."""

    def __init__(self, node: Node, head: Head) -> None:
        self._node = node
        self._known: dict[int, int] = {head.number: head.timestamp}

    def block(self, at: int) -> int | None:
        """-1 before the first block of the chain; None when the node has no block that old any more."""
        low, high = self._bracket(at)
        if low == -1:
            return -1
        while low is not None and high is not None and high - low > 1:
            t_low, t_high = self._known[low], self._known[high]
            guess = low + int((at - t_low) / max(t_high - t_low, 1) * (high - low))
            middle = min(max(guess, low + 1), high - 1)
            if self._time(middle) is None:
                return None
            low, high = (middle, high) if self._known[middle] <= at else (low, middle)
        return low

    def _bracket(self, at: int) -> tuple[int | None, int | None]:
        """Known blocks at or before, and after, `at`."""
        below = [n for n, t in self._known.items() if t <= at]
        if not below:
            step, number = 512, min(self._known)
            while number > 0:
                number, step = max(number - step, 0), 4 * step
                found = self._time(number)
                if found is None:
                    return None, None
                if found <= at:
                    break
            if self._known.get(0, at) > at:
                return -1, 0  # before the chain began
            below = [n for n, t in self._known.items() if t <= at]
        above = [n for n, t in self._known.items() if t > at]
        return max(below, default=None), min(above, default=None)

    def _time(self, number: int) -> int | None:
        if number not in self._known:
            found = self._node.block_at(number)
            if found is None:
                return None
            self._known[number] = found.timestamp
        return self._known[number]


@dataclass(frozen=True, slots=True)
class _Pool:
    """A pool whose hours tell a token's: `inverse` when the token is its second; `scale` from raw to whole tokens."""

    adapter: int
    pool: Address
    token: Address
    inverse: bool
    scale: float


def read_hours(node: Node, bound: Bound, head: Head, span: tuple[int, int], deadline: float, out: Gathered) -> Scan:
    """Reads the hours of a span in order; the scan says how far it came and why not further."""
    start, end = span
    clock, pools = _Clock(node, head), _pools(node, bound, head)
    seen: dict[Address, list[tuple[int, float, float, float, float]]] = {p.pool: [] for p in pools}
    levels: dict[str, list[tuple[int, float, float]]] = {}
    note, read, missing = "", list[int](), list[int]()
    first = clock.block(start)
    if clock.block(end) == -1:
        return Scan(HOURS, Timestamp(end), end, BEGINNING)
    for hour in range(start + HOUR_S, end + 1, HOUR_S):
        last = clock.block(hour)
        try:
            if first is None or last is None:
                raise Pruned(f"the node has no blocks of {_day(hour)}")
            if last > first:
                _hour(node, bound, pools, (first + 1, last), hour, seen, levels)
            read.append(hour)
        except (Pruned, RpcError) as error:
            note = note or (str(error) if isinstance(error, Pruned) else f"no logs of {_day(hour)}: {error.message}")
            missing.append(hour)
        first = last
        if time.monotonic() >= deadline and hour < end:
            break
    if missing:
        out.series += _observed(node, bound, head, pools, missing)
    out.candles += [_candles(p, seen[p.pool]) for p in pools if seen[p.pool]]
    out.levels += [_levels(name, rows) for name, rows in levels.items()]
    since = read[0] - HOUR_S if read else end
    return Scan(HOURS, Timestamp(since), read[-1] if read else end, note)


def _hour(
    node: Node,
    bound: Bound,
    pools: Sequence[_Pool],
    blocks: tuple[int, int],
    hour: int,
    seen: dict[Address, list[tuple[int, float, float, float, float]]],
    levels: dict[str, list[tuple[int, float, float]]],
) -> None:
    for one in pools:
        adapter = registry.VENUES[one.adapter]
        prices = [adapter.price(log.data) for log in _logs(node, one.pool, [adapter.topic], blocks)]
        if prices:
            told = [one.scale * (1.0 / p if one.inverse else p) for p in prices]
            rows = seen[one.pool]
            opened = rows[-1][4] if rows and rows[-1][0] == hour - HOUR_S else told[0]
            rows.append((hour, opened, max(opened, *told), min(opened, *told), told[-1]))
    fees = _base_fees(node, blocks)
    if fees:
        levels.setdefault(GAS, []).append((hour, fees[-1] / GWEI, min(fees) / GWEI))
    for market in bound.markets:
        topic = aave_v3_reading.RESERVE_DATA_UPDATED
        for reserve in market.reserves:
            found = _logs(node, market.pool, [topic, Hash("0x" + 24 * "0" + reserve.asset[2:])], blocks)
            rates = [aave_v3_reading.updated_rates(log.data) for log in found]
            for name, column in ((supply(reserve.asset), 0), (borrow(reserve.asset), 1)):
                if rates:
                    values = [one[column] for one in rates]
                    levels.setdefault(name, []).append((hour, values[-1], min(values)))


def _pools(node: Node, bound: Bound, head: Head) -> list[_Pool]:
    """Of each token that moves, the pool that holds most of a still one."""
    prices = asked(node, bound, head, [chainlink.reads(f.aggregator)[0] for f in bound.feeds])
    decimals = asked(node, bound, head, [chainlink.reads(f.aggregator)[1] for f in bound.feeds])
    still = {
        f.token
        for f, told, places in zip(bound.feeds, prices, decimals, strict=True)
        if not isinstance(told, Failed) and not isinstance(places, Failed) and abs(told[1] / 10**places - 1.0) < STILL
    }
    pairs = [(adapter, facts, k) for adapter, facts in bound.venues for k in (0, 1)]
    pairs = [(a, f, k) for a, f, k in pairs if f.tokens[1 - k] in still and f.tokens[k] not in still]
    depths = asked(node, bound, head, [erc20.balance_of(f.tokens[1 - k], f.pool) for _, f, k in pairs])
    best: dict[Address, tuple[float, _Pool]] = {}
    for (adapter, facts, k), depth in zip(pairs, depths, strict=True):
        if isinstance(depth, Failed):
            continue
        token, counter = (bound.token(facts.tokens[side]) for side in (k, 1 - k))
        size = depth / 10**counter.decimals
        if token.address not in best or size > best[token.address][0]:
            scale = 10.0 ** (token.decimals - counter.decimals)
            best[token.address] = size, _Pool(adapter, facts.pool, token.address, k == 1, scale)
    return [pool for _, pool in best.values()]


def _observed(
    node: Node, bound: Bound, head: Head, pools: Sequence[_Pool], times: Sequence[int]
) -> list[tuple[Series, str]]:
    """Prices at `times` from the pools' own observations, as far as these reach; at the head, without an archive."""
    found = []
    for one in pools:
        if one.adapter != uniswap_v3.ADAPTER:
            continue
        oldest = _oldest(node, bound, head, one.pool)
        ago = [head.timestamp - t for t in times if oldest is not None and oldest <= t - MOMENT_S]
        if not ago:
            continue
        moments = [s for back in ago for s in (back + MOMENT_S, back)]
        (sums,) = asked(node, bound, head, [uniswap_v3_past.cumulatives(one.pool, moments)])
        if isinstance(sums, Failed):
            continue
        ticks = [(sums[k + 1] - sums[k]) / MOMENT_S for k in range(0, len(sums), 2)]
        sign = -1.0 if one.inverse else 1.0
        price = tuple(one.scale * math.exp(sign * tick * math.log(1.0001)) for tick in ticks)
        stamps = tuple(Timestamp(head.timestamp - back) for back in ago)
        found.append((Series(one.token, stamps, price), POOL + one.pool))
    return found


def _oldest(node: Node, bound: Bound, head: Head, pool: Address) -> int | None:
    (ring,) = asked(node, bound, head, [uniswap_v3_past.newest(pool)])
    if isinstance(ring, Failed):
        return None
    index, cardinality = ring
    both = [uniswap_v3_past.observation(pool, k) for k in ((index + 1) % cardinality, 0)]
    for answer in asked(node, bound, head, both):
        if not isinstance(answer, Failed) and answer[1]:
            return int(answer[0])
    return None


def _logs(node: Node, emitter: Address, topics: Sequence[Hash], blocks: tuple[int, int]) -> tuple[Log, ...]:
    """In the order of the chain; a node that returns too many at once is asked for half as much."""
    wanted = {"address": emitter, "topics": list(topics), "fromBlock": hex(blocks[0]), "toBlock": hex(blocks[1])}
    try:
        return node.call("eth_getLogs", [wanted], logs)
    except RpcError as error:
        if blocks[0] == blocks[1] or not any(word in error.message.lower() for word in _TOO_MANY):
            raise
        middle = (blocks[0] + blocks[1]) // 2
        return (
            *_logs(node, emitter, topics, (blocks[0], middle)),
            *_logs(node, emitter, topics, (middle + 1, blocks[1])),
        )


def _base_fees(node: Node, blocks: tuple[int, int]) -> list[int]:
    """The base fee of every block, in order; of a few headers, the last among them, where the node tells no more."""
    found: list[int] = []
    for first in range(blocks[0], blocks[1] + 1, MOST_FEES):
        count = min(MOST_FEES, blocks[1] + 1 - first)
        told = node.call("eth_feeHistory", [hex(count), hex(first + count - 1), []], _fees)
        if len(told) <= count:  # it ends with the block after the last
            step = max((blocks[1] - blocks[0]) // SAMPLED, 1)
            heads = (node.block_at(number) for number in range(blocks[1], blocks[0] - 1, -step))
            return [int(head.base_fee) for head in heads if head is not None][::-1]
        found += told[:count]
    return found


def _fees(value: Any) -> list[int]:
    return [quantity(one) for one in items(fields(value).get("baseFeePerGas"))]


def _candles(pool: _Pool, rows: Sequence[tuple[int, float, float, float, float]]) -> Candles:
    ends, opens, highs, lows, closes = zip(*rows, strict=True)
    return Candles(pool.token, pool.pool, tuple(map(Timestamp, ends)), opens, highs, lows, closes)


def _levels(name: str, rows: Sequence[tuple[int, float, float]]) -> LevelSeries:
    ends, values, lows = zip(*rows, strict=True)
    return LevelSeries(name, tuple(map(Timestamp, ends)), values, lows)


def _day(timestamp: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(timestamp))


def asked(node: Node, bound: Bound, head: Head, reads: Sequence[Read]) -> list[Any]:
    """The reads' decoded answers, or Failed, in order, in the block of `head`."""
    if not reads:
        return []
    (answers,) = ask(node, [Question(tuple(reads), list)], head.hash, bound.lens)
    return list(answers)
