"""A bound configuration and a block in, that block as a Snapshot out, in one round trip."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from keeper import registry
from keeper.chain.node import Node
from keeper.chain.observe import ask
from keeper.errors import Retry
from keeper.model import Head, Question, Snapshot
from keeper.protocols import aave_v3_reading, chainlink
from keeper.run import publishing
from keeper.run.bind import Bound
from keeper.units import Address

T = TypeVar("T")
NATIVE_DECIMALS = 18


def take(node: Node, bound: Bound, head: Head, before: Snapshot | None = None) -> Snapshot:
    """Read everything the vaults need at `head`, by its hash. Raises Retry or BadInput when the node cannot.

    Retry, too, where a chain that took a fee for calldata does not say any more which. What is as it was `before`,
    whatever that snapshot was of, is the very same object again: who keeps by identity what he made of it need not
    make it anew.
    """
    groups = questions(bound, head, before)
    answers = iter(ask(node, [q for group in groups for q in group], head.hash, bound.lens))
    vaults, venues, markets, rounds, (native,), published = (tuple(next(answers) for _ in group) for group in groups)
    if None in published:
        raise Retry(f"{node.name} does not say what calldata costs at block {head.number}; try again")
    if before is not None:
        vaults = _as_before(before.vaults, vaults, attrgetter("address"))
        venues = _as_before(before.venues, venues, attrgetter("pool"))
        markets = _as_before(before.markets, markets, attrgetter("pool"))
    return Snapshot(
        chain_id=node.chain_id,
        head=head,
        vaults=vaults,
        venues=venues,
        markets=markets,
        rounds=rounds,
        tokens=bound.tokens,
        native=native,
        data_price=sum(published, 0.0),
    )


def _as_before(old: Sequence[T], new: Sequence[T], name: Callable[[T], Address]) -> tuple[T, ...]:
    """`new`, each value that is as the `old` one of its name is as that object."""
    known = {name(one): one for one in old}
    return tuple(known[name(one)] if known.get(name(one)) == one else one for one in new)


def questions(bound: Bound, head: Head, before: Snapshot | None = None) -> tuple[list[Question[Any]], ...]:
    """Vaults, venues, markets, rounds, the gas token's round, and what calldata costs where that is asked.

    A snapshot `before` says how much there is to read of a pool.
    """
    was = {venue.pool: venue for venue in before.venues} if before is not None else {}
    vaults = [
        registry.VAULTS[v.kind].observe(v, [bound.token(t) for t in v.tokens], bound.keeper) for v in bound.vaults
    ]
    venues = [registry.VENUES[adapter].observe(facts, was.get(facts.pool)) for adapter, facts in bound.venues]
    markets = [aave_v3_reading.observe(facts) for facts in bound.markets]
    rounds = [chainlink.observe(f, bound.token(f.token).decimals, head.timestamp) for f in bound.feeds]
    native = chainlink.observe(bound.native, NATIVE_DECIMALS, head.timestamp)
    return vaults, venues, markets, rounds, [native], [publishing.observe()] if bound.publishes else []


def outdated(bound: Bound, before: Snapshot | None, now: Snapshot) -> bool:
    """Whether the chain may have changed what `bound` holds: a vault's epoch moved, or a pool left its read window."""
    moved = before is not None and any(
        old.guard.epoch != new.guard.epoch for old, new in zip(before.vaults, now.vaults, strict=True)
    )
    return moved or any(
        registry.VENUES[adapter].stale(facts, venue)
        for (adapter, facts), venue in zip(bound.venues, now.venues, strict=True)
    )
