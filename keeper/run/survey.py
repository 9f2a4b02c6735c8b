"""A node and the addresses of vaults in, a draft of their configuration out."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from keeper import abi, registry
from keeper.chain.http import Endpoint
from keeper.chain.node import Node, quantity
from keeper.chain.observe import Lens, ask, has_code
from keeper.config.template import Draft, VaultDraft
from keeper.errors import BadInput, Retry
from keeper.model import Question, Read, Token, Vault
from keeper.protocols import erc20, lens, wire
from keeper.units import BPS, WAD, Address, Bps
from keeper.vaults import facts as vault_facts
from keeper.vaults.basket import BasketVault
from keeper.vaults.facts import VaultFacts
from keeper.vaults.leverage import LeverageVault
from keeper.vaults.range_vault import RangeVault

MAINNET_ETH_USD = Address("0x5f4ec3df9cbd43714fe2740f5e3616155c5b8419")
"""Chainlink's ETH / USD on Ethereum; its heartbeat is an hour."""
WRAPPED_NATIVE = "WETH"
NOBODY = Address("0x" + 40 * "0")
FLOOR_DISTANCES = (1.2, 1.45, 1.8)
"""Low, target and high health factor suggested, in units of the vault's floor."""

Ask = Callable[[Sequence[Question[Any]]], list[Any]]


def connect(url: str, timeout: float = 10.0) -> Node:
    """The node at `url`, on whatever chain it says it is. Raises Retry when it does not answer."""
    endpoint = Endpoint(url)
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
    try:
        chain_id = quantity(json.loads(endpoint.post(asked, timeout))["result"])
    except (ValueError, KeyError, TypeError) as error:
        raise Retry(f"{endpoint.name} does not answer as an Ethereum node does; check the URL") from error
    finally:
        endpoint.close()
    return Node([url], chain_id, timeout)


def survey(
    node: Node, rpc: Sequence[str], vaults: Sequence[Address], keeper: Address | None, keystore: str = ""
) -> Draft:
    """Read each vault and draft a mandate well inside its limits.

    Raises BadInput when one is no vault, or Retry when the node does not answer.
    """
    head = node.head()
    reader = Lens(lens.LENS, abi.load("KeeperLens").runtime)

    def answered(questions: Sequence[Question[Any]]) -> list[Any]:
        return ask(node, questions, head.hash, reader)

    for vault in vaults:
        if not has_code(node, vault, head.hash):
            raise BadInput(
                f"vault {vault} has no code on chain {node.chain_id} at block {head.number}: "
                "check the address and the chain"
            )
    found = answered([vault_facts.facts(vault) for vault in vaults])
    native, notes = _native_feed(answered, found, node.chain_id)
    drafts: list[VaultDraft] = []
    for facts in found:
        drafts.append(_draft(answered, facts, keeper or NOBODY, {one.name for one in drafts}))
    if keeper is None:
        notes.append("Write the address that holds the keeper role at key.address.")
    return Draft(node.chain_id, tuple(rpc), *native, keeper or NOBODY, keystore, tuple(drafts), tuple(notes))


def example(rpc: str) -> Draft:
    """What to write where no chain was named: Ethereum, and a vault to fill in."""
    notes = ("Fill in the addresses, or let `keeper init --vault ADDRESS --rpc-env NAME` read them from the chain.",)
    weights = (("USDC", Bps(4_000)), ("WETH", Bps(6_000)))
    vault = VaultDraft("core", NOBODY, "basket", ("USDC", "WETH"), weights, Bps(300))
    return Draft(1, (rpc,), MAINNET_ETH_USD, 3_600, NOBODY, "", (vault,), notes)


def _native_feed(answered: Ask, found: Sequence[VaultFacts], chain_id: int) -> tuple[tuple[Address, int], list[str]]:
    """The gas token's feed: the vaults' own feed of wrapped ether, else the one known on Ethereum."""
    for facts in found:
        tokens = answered([erc20.facts(token) for token in facts.tokens])
        for feed, token in zip(answered([vault_facts.feeds(facts.address, facts.tokens)])[0], tokens, strict=True):
            if token.symbol == WRAPPED_NATIVE:
                return (feed.aggregator, feed.heartbeat_s), []
    if chain_id == 1:
        return (MAINNET_ETH_USD, 3_600), []
    return (NOBODY, 3_600), ["Write the feed of the gas token at chain.native_feed: no vault has one for WETH."]


def _draft(answered: Ask, facts: VaultFacts, keeper: Address, taken: set[str]) -> VaultDraft:
    if facts.kind not in registry.VAULTS:
        known = ", ".join(sorted(registry.VAULTS))
        raise BadInput(f"vault {facts.address} is of kind {facts.kind!r}, this keeper knows {known}: update the keeper")
    adapter = registry.VAULTS[facts.kind]
    if adapter.extra is not None:
        (extra,) = answered([adapter.extra(facts.address)])
        facts = VaultFacts(facts.address, facts.kind, facts.tokens, facts.venues, extra)
    tokens: list[Token] = answered([erc20.facts(token) for token in facts.tokens])
    vault: Vault = answered([adapter.observe(facts, tokens, keeper)])[0]
    name = next(n for n in (facts.kind, *(f"{facts.kind}-{i}" for i in range(2, 100))) if n not in taken)
    draft = VaultDraft(
        name=name,
        address=facts.address,
        kind=facts.kind,
        symbols=tuple(t.symbol for t in tokens),
        max_loss=vault.limits.max_loss,
        venues=_venues(answered, facts),
    )
    return _with_goal(answered, draft, vault)


def _with_goal(answered: Ask, draft: VaultDraft, vault: Vault) -> VaultDraft:
    """The draft with a goal inside the vault's own: its weights and half its drift band, or above its floor."""
    if isinstance(vault, BasketVault):
        weights = tuple((token.symbol, weight) for token, weight in zip(vault.tokens, vault.weights, strict=True))
        (band,) = answered([_one(Read(vault.address, wire.calldata("driftBandBps()"), wire.uint))])
        # Drift counts both what is over its target and what is under it.
        return replace(draft, weights=weights, band=Bps(max(1, min(band // 2, BPS // 10))))
    if isinstance(vault, LeverageVault):
        low, target, high = (round(vault.floor / WAD * times, 2) for times in FLOOR_DISTANCES)
        ceiling = vault.ceiling / WAD
        return replace(draft, health=(low, min(target, (low + ceiling) / 2), min(high, ceiling)))
    if isinstance(vault, RangeVault):
        return replace(draft, half_width=_half_width(vault))
    raise TypeError(f"a goal for a vault of kind {vault.kind!r} is not drafted yet")


def _half_width(vault: RangeVault) -> Bps:
    """The present range's, or the middle of what the curator allows; in bps, rounded down and still allowed."""
    present = vault.range.tick_upper - vault.range.tick_lower
    wide = present if vault.range.liquidity else math.isqrt(vault.width[0] * vault.width[1])
    return Bps(max(1, int(math.expm1(wide / 2 * math.log(1.0001)) * BPS)))


def _venues(answered: Ask, facts: VaultFacts) -> tuple[tuple[Address, str], ...]:
    pools = answered([registry.VENUES[adapter].facts(pool) for adapter, pool in facts.venues])
    seen = answered(
        [registry.VENUES[adapter].observe(pool) for (adapter, _), pool in zip(facts.venues, pools, strict=True)]
    )
    tokens = {t: None for venue in seen for t in venue.tokens}
    symbols = {t.address: t.symbol for t in answered([erc20.facts(token) for token in tokens])}
    return tuple(
        (
            venue.pool,
            f"{'/'.join(symbols[t] for t in venue.tokens)} {registry.VENUES[venue.adapter].name} {venue.fee:.2%}",
        )
        for venue in seen
    )


def _one(read: Read) -> Question[Any]:
    def build(answers: Sequence[Any]) -> Any:
        return wire.recognised(answers, read.target, "a basket")[0]

    return Question((read,), build)
