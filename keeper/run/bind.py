"""A configuration and a node in, everything that must be known before the first snapshot out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from keeper import abi, registry
from keeper.chain.node import Node
from keeper.chain.observe import Lens, ask, has_code
from keeper.config import Config, mandate
from keeper.errors import BadInput
from keeper.model import Feed, Head, Mandate, Question, Token
from keeper.protocols import aave_v3_reading, erc20, lens
from keeper.protocols.aave_v3_reading import AaveV3Facts
from keeper.run import publishing
from keeper.units import Address, Bps
from keeper.vaults import basket
from keeper.vaults import facts as vault_facts
from keeper.vaults.facts import VaultFacts

T = TypeVar("T")
NATIVE = Address("0x" + 40 * "0")


@dataclass(frozen=True, slots=True)
class Bound:
    """What was found on the chain and holds until a vault's configuration changes there.

    `venues` are (adapter, facts of that adapter), `markets` facts of lending markets, in no particular order.
    """

    keeper: Address
    lens: Lens
    vaults: tuple[VaultFacts, ...]
    tokens: tuple[Token, ...]
    feeds: tuple[Feed, ...]
    native: Feed
    venues: tuple[tuple[int, Any], ...]
    markets: tuple[AaveV3Facts, ...]
    mandates: tuple[Mandate, ...]
    publishes: bool
    """Whether the chain takes a fee for calldata beside gas, and says which."""

    def token(self, address: Address) -> Token:
        return next(t for t in self.tokens if t.address == address)

    def facts(self, vault: Address) -> VaultFacts:
        return next(v for v in self.vaults if v.address == vault)

    def about(self, vault: Address) -> "Bound":
        """What concerns one vault: its pools, its market, and the feeds of what it holds and they trade."""
        facts = self.facts(vault)
        pools = {pool for _, pool in facts.venues}
        venues = tuple((adapter, found) for adapter, found in self.venues if found.pool in pools)
        priced = _priced(facts, venues)
        return replace(
            self,
            vaults=(facts,),
            venues=venues,
            markets=tuple(m for m in self.markets if m.pool in facts.extra),
            feeds=tuple(f for f in self.feeds if f.token in priced),
        )


def bind(node: Node, config: Config) -> Bound:
    """Discover vaults, tokens, feeds, pools and markets at the latest block.

    Raises BadInput when the configuration and the chain do not fit, with what was found and what to do.
    """
    head = node.head()
    reader = _Reader(node, head, Lens(lens.LENS, abi.load("KeeperLens").runtime))
    named = [(f"vault {v.name}", v.address) for v in config.vaults]
    found = reader.each_of(named, [vault_facts.facts(v.address) for v in config.vaults])
    vaults = _with_extra(reader, found)
    for vault in vaults:
        _require_known(vault)
    venues = _venues(reader, vaults)
    priced = {v.address: _priced(v, venues) for v in vaults}
    traded = _distinct(t for held in priced.values() for t in held)
    tokens = reader.each_of([("token", t) for t in traded], [erc20.facts(t) for t in traded])
    feeds = _feeds(reader, priced)
    markets = _markets(reader, vaults)
    bound_vaults = tuple(vaults)
    by_address = {t.address: t for t in tokens}
    weights = _weights(reader, bound_vaults)
    mandates = tuple(
        mandate(settings, config, [by_address[t] for t in vault.tokens], weights.get(vault.address))
        for settings, vault in zip(config.vaults, bound_vaults, strict=True)
    )
    return Bound(
        keeper=config.key.address,
        lens=reader.lens,
        vaults=bound_vaults,
        tokens=tuple(tokens),
        feeds=feeds,
        native=Feed(NATIVE, config.chain.native_feed.aggregator, config.chain.native_feed.heartbeat_s, 0, 2**191),
        venues=venues,
        markets=markets,
        mandates=mandates,
        publishes=reader.each([publishing.observe()])[0] is not None,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    node: Node
    head: Head
    lens: Lens

    def each(self, questions: Iterable[Question[T]]) -> list[T]:
        asked = list(questions)
        return ask(self.node, asked, self.head.hash, self.lens) if asked else []

    def each_of(self, named: Sequence[tuple[str, Address]], questions: Sequence[Question[T]]) -> list[T]:
        """As `each`, of contracts by what they are to the operator: told where one of them is none at all."""
        try:
            return self.each(questions)
        except BadInput:
            _require_code(self.node, self.head, named)
            raise


def _distinct(items: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(items))


def _require_code(node: Node, head: Head, named: Sequence[tuple[str, Address]]) -> None:
    for name, address in named:
        if not has_code(node, address, head.hash):
            raise BadInput(
                f"{name}: {address} has no code on chain {node.chain_id} at block {head.number}: "
                "check the address and the chain"
            )


def _require_known(vault: VaultFacts) -> None:
    if vault.kind not in registry.VAULTS:
        known = ", ".join(sorted(registry.VAULTS))
        raise BadInput(f"vault {vault.address} is of kind {vault.kind!r}, this keeper knows {known}: update the keeper")
    for adapter, pool in vault.venues:
        if adapter not in registry.VENUES:
            known = ", ".join(f"{n} ({a.name})" for n, a in registry.VENUES.items())
            raise BadInput(f"venue {pool} of vault {vault.address} has adapter {adapter}, this keeper knows {known}")


def _with_extra(reader: _Reader, vaults: Sequence[VaultFacts]) -> list[VaultFacts]:
    """The vaults, and of some kinds what else must be known."""
    asked = {
        v.address: adapter.extra(v.address)
        for v in vaults
        if (adapter := registry.VAULTS.get(v.kind)) is not None and adapter.extra is not None
    }
    extra = dict(zip(asked, reader.each(asked.values()), strict=True))
    return [replace(v, extra=extra[v.address]) if v.address in extra else v for v in vaults]


def _venues(reader: _Reader, vaults: Sequence[VaultFacts]) -> tuple[tuple[int, Any], ...]:
    wanted = _distinct(pair for v in vaults for pair in v.venues)
    found = reader.each(registry.VENUES[adapter].facts(pool) for adapter, pool in wanted)
    return tuple((adapter, facts) for (adapter, _), facts in zip(wanted, found, strict=True))


def _markets(reader: _Reader, vaults: Sequence[VaultFacts]) -> tuple[AaveV3Facts, ...]:
    """Each lending pool once, with all the vaults that use it as its accounts."""
    pools = _distinct(v.extra[0] for v in vaults if v.extra)
    users = {pool: [v for v in vaults if pool in v.extra] for pool in pools}
    listings = reader.each(aave_v3_reading.listing(pool, [v.address for v in users[pool]]) for pool in pools)
    assets = (_distinct(t for v in users[pool] for t in v.tokens) for pool in pools)
    return tuple(reader.each(aave_v3_reading.facts(one, held) for one, held in zip(listings, assets, strict=True)))


def _priced(vault: VaultFacts, venues: Sequence[tuple[int, Any]]) -> tuple[Address, ...]:
    """Every token the vault holds or its pools trade: the ones it has feeds for."""
    pools = {pool for _, pool in vault.venues}
    traded = (t for _, facts in venues if facts.pool in pools for t in facts.tokens)
    return tuple(_distinct((*vault.tokens, *traded)))


def _feeds(reader: _Reader, priced: dict[Address, tuple[Address, ...]]) -> tuple[Feed, ...]:
    """One feed a token; vaults that disagree about a token's feed need a keeper each."""
    found = reader.each(vault_facts.feeds(vault, tokens) for vault, tokens in priced.items())
    feeds: dict[Address, Feed] = {}
    for vault, answers in zip(priced, found, strict=True):
        for feed in answers:
            if feeds.setdefault(feed.token, feed) != feed:
                raise BadInput(
                    f"vault {vault} prices {feed.token} by another feed, or within other bounds, than a vault before "
                    "it in the configuration: run one keeper for each"
                )
    return tuple(feeds.values())


def _weights(reader: _Reader, vaults: Sequence[VaultFacts]) -> dict[Address, tuple[tuple[Address, Bps], ...]]:
    """The target weights of the baskets among them."""
    baskets = [v for v in vaults if v.kind == basket.KIND]
    found = reader.each(basket.weights(v.address) for v in baskets)
    return {
        v.address: tuple((token, Bps(weight)) for token, weight in zip(v.tokens, weights, strict=True))
        for v, weights in zip(baskets, found, strict=True)
    }
