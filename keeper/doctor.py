"""A configuration's path and the environment in, everything that was examined out; nothing is changed."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keeper import abi
from keeper.chain.anvil import find_anvil
from keeper.chain.node import Node, RpcError
from keeper.chain.observe import Lens, ask
from keeper.chain.signer import open_keystore
from keeper.config import Config, load
from keeper.errors import BadInput, Halt, Refusal, Retry
from keeper.journal import open_journal
from keeper.model import Feed, Head, HealthGoal, Mandate, Rescue, Round, Snapshot
from keeper.protocols import chainlink, lens
from keeper.run import purse as purses
from keeper.run import stop
from keeper.run.bind import NATIVE, Bound, bind
from keeper.run.record import CODEC
from keeper.run.snapshot import take
from keeper.units import WAD
from keeper.world import is_world

GWEI = 10**9
HISTORY_BLOCKS = 2
"""K-26: how far back a node must still know the state."""
MAX_HEAD_AGE_S = 36
"""Three slots (K-28)."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    status: Literal["ok", "warn", "fail"]
    sentence: str


class _Reached(Exception):
    """The keystore would now be opened: everything before its passphrase is well."""


def examine(path: Path, environ: Mapping[str, str]) -> tuple[Check, ...]:
    """All that can be examined, in order; what depends on a fault is left out."""
    try:
        config = load(path, environ)
    except BadInput as error:
        return tuple(Check("configuration", "fail", line) for line in str(error).splitlines())
    vaults = ", ".join(f"{v.name} ({v.kind})" for v in config.vaults)
    found = [Check("configuration", "ok", f"{path} names {vaults}")]
    node = Node(config.chain.urls, config.chain.id, config.chain.timeout_s)
    try:
        found += _providers(config)
        if all(one.status != "fail" for one in found):
            found += _chain(config, node)
    except (BadInput, Halt, Refusal, Retry, RpcError) as error:
        found.append(Check("chain", "fail", str(error)))
    finally:
        node.close()
    return (*found, *_files(config))


def _providers(config: Config) -> Iterator[Check]:
    for number, url in enumerate(config.chain.urls, 1):
        name = f"provider {number}"
        node = Node([url], config.chain.id, config.chain.timeout_s)
        try:
            node.check_chain_id()
            head = node.head()
            yield Check(name, "ok", f"{node.name} is on chain {config.chain.id}, at block {head.number}")
            yield _age(name, node, head)
            yield _history(name, node, head, config)
        except (BadInput, Retry, RpcError) as error:
            yield Check(name, "fail", str(error))
        finally:
            node.close()
    if len(config.chain.urls) == 1:
        yield Check("providers", "warn", "there is only one: nothing else confirms what it says")


def _age(name: str, node: Node, head: Head) -> Check:
    genesis = node.block_at(0)
    if genesis is not None and is_world(node.chain_id, genesis.hash):
        return Check(name, "ok", "it is the local world, where the chain is the clock")
    age = time.time() - head.timestamp
    if abs(age) <= MAX_HEAD_AGE_S:
        return Check(name, "ok", f"its head is {age:.0f} s old")
    return Check(
        name,
        "fail",
        f"its head is {age:,.0f} s old, expected at most {MAX_HEAD_AGE_S} s: it has stopped, or a clock is off",
    )


def _history(name: str, node: Node, head: Head, config: Config) -> Check:
    """Whether calls with overrides, pinned to a block's hash, are answered; a little behind the head too."""
    _pinned(node, head, config)
    number = max(0, head.number - HISTORY_BLOCKS)
    try:
        past = node.block_at(number)
        if past is not None:
            _pinned(node, past, config)
            return Check(name, "ok", f"it answers overridden calls at a block's hash, {HISTORY_BLOCKS} blocks back too")
    except (BadInput, Retry):
        pass
    return Check(name, "warn", f"it answers at its head only, not {HISTORY_BLOCKS} blocks back: ticks may be lost")


def _pinned(node: Node, block: Head, config: Config) -> None:
    """Reads the gas token's feed at `block`. Raises BadInput when the node cannot be asked so."""
    feed = config.chain.native_feed
    native = chainlink.observe(Feed(NATIVE, feed.aggregator, feed.heartbeat_s, 0, 2**191), 18, block.timestamp)
    ask(node, [native], block.hash, Lens(lens.LENS, abi.load("KeeperLens").runtime))


def _chain(config: Config, node: Node) -> Iterator[Check]:
    bound = bind(node, config)
    snapshot = take(node, bound, node.head())
    yield _round("gas token's feed", snapshot.native, snapshot)
    for mandate in bound.mandates:
        yield from _vault(mandate, snapshot, bound)
    yield from _gas_prices(config, snapshot)
    yield _balance(config, node, bound)


def _vault(mandate: Mandate, snapshot: Snapshot, bound: Bound) -> Iterator[Check]:
    name, vault = f"vault {mandate.name}", snapshot.vault(mandate.vault)
    symbols = ", ".join(token.symbol for token in vault.tokens)
    yield Check(name, "ok", f"{vault.address} ({vault.kind}) holds {symbols}; it allows {len(vault.venues)} pools")
    faults = vault.faults(mandate)
    for fault in faults:
        yield Check(name, "fail", fault.sentence.removeprefix(f"{mandate.name}: "))
    if not faults:
        yield Check(name, "ok", "its mandate is within its limits on chain")
    if vault.rescue is not None and isinstance(mandate.goal, HealthGoal):
        yield Check(name, "ok", _tiers(vault.rescue, mandate.goal))
    if not vault.keeper_allowed:
        yield Check(name, "fail", f"{bound.keeper} does not hold its keeper role; the owner grants it")
    if vault.guard.paused:
        yield Check(name, "warn", "it is paused: nothing can be done until its sentinel or owner resumes it")
    if vault.total_supply == 0:
        yield Check(name, "fail", "it is empty: it has no shares; deposit first")
    priced = [snapshot.round(token.address) for token in vault.tokens]
    for token, latest in zip(vault.tokens, priced, strict=True):
        yield _round(f"feed {token.symbol}", latest, snapshot)
    if not any(latest.problem for latest in priced):
        yield _valuation(name, mandate, snapshot)


def _tiers(rescue: Rescue, goal: HealthGoal) -> str:
    """Its three tiers; that they are in this order is one of the mandate's faults where they are not."""
    return (
        f"it is held over a health factor of {goal.low / WAD:.3f}; below {rescue.urgent / WAD:.3f} it is rescued at "
        f"once, for at most {rescue.most_loss} bps of the debt repaid; below {rescue.ripcord / WAD:.3f} by anyone"
    )


def _valuation(name: str, mandate: Mandate, snapshot: Snapshot) -> Check:
    vault = snapshot.vault(mandate.vault)
    computed = vault.nav(snapshot, snapshot.head.timestamp)
    if computed != vault.reported_nav:
        return Check(
            name, "fail", f"its net asset value is {vault.reported_nav}, the keeper computes {computed} (K-26)"
        )
    return Check(name, "ok", "the keeper values it as its contract does, to the last unit")


def _round(name: str, latest: Round, snapshot: Snapshot) -> Check:
    if latest.problem:
        return Check(name, "fail", latest.problem)
    price = latest.answer / 10**latest.decimals
    return Check(name, "ok", f"answers {price:,.4f}, {snapshot.head.timestamp - latest.updated_at} s old")


def _gas_prices(config: Config, snapshot: Snapshot) -> Iterator[Check]:
    for lane in (config.lanes.normal, config.lanes.urgent):
        now, allowed = snapshot.head.base_fee + lane.tip, lane.max_gas_price
        sentence = f"{now / GWEI:,.2f} gwei with the tip, at most {allowed / GWEI:,.2f} may be paid"
        whose = "for rescues" if lane.name == "urgent" else "for all else"
        yield Check("gas price", "ok" if now <= allowed else "warn", f"{whose}: {sentence}")
    if snapshot.data_price:
        said = f"calldata costs {snapshot.data_price / GWEI:,.4g} gwei a byte besides, as the rollup says"
        stated = config.gas.l1_data_gwei_per_byte
        yield Check("gas price", "ok", said if stated is None else f"{said}; {stated:,.4g} is stated and counted")


def _balance(config: Config, node: Node, bound: Bound) -> Check:
    """Counted at the highest price the configuration allows: in rescues where there can be any."""
    owner = config.key.address
    purse = purses.look(node, owner, config.lanes.urgent)
    if purses.needed(bound.mandates):
        status: Literal["ok", "warn", "fail"] = "fail" if purse.rescues < purses.RESERVED else "warn"
        return Check("balance", status if purse.warning else "ok", purse.warning or purse.sentence)
    balance = purse.balance
    actions = balance // (purses.RESCUE_GAS * config.lanes.normal.max_gas_price)
    sentence = (
        f"{owner} holds {balance / 10**18:,.4f} of the gas token, enough for {actions:,} actions at the highest price"
    )
    if actions == 0:
        return Check("balance", "fail", f"{sentence}; fund it")
    return Check("balance", "warn" if actions < purses.FEW else "ok", sentence)


def _files(config: Config) -> Iterator[Check]:
    yield _keystore(config)
    yield _journal(config)
    if (allowed := stop.allowed(config.run.stop_file)) != "everything":
        yield Check("stop file", "warn", f"{config.run.stop_file} exists: {stop.SENTENCES[allowed]}")
    try:
        find_anvil()
        yield Check("anvil", "ok", "it is there for dry runs")
    except Halt as error:
        yield Check("anvil", "warn", f"{error} (only dry runs need it)")


def _keystore(config: Config) -> Check:
    def reached() -> str:
        raise _Reached

    keystore = config.key.keystore
    if keystore is None:
        return Check("key", "warn", "no keystore is named: the keeper can rehearse, and not act")
    try:
        open_keystore(keystore, reached, config.key.address)
    except _Reached:
        return Check("key", "ok", f"{keystore.name} is private, and for {config.key.address}")
    except BadInput as error:
        return Check("key", "fail", str(error))
    raise AssertionError("a keystore was opened without its passphrase")


def _journal(config: Config) -> Check:
    try:
        with open_journal(config.journal_url, CODEC, writer=False) as journal:
            ticks = journal.ticks.latest(1)
            return Check("journal", "ok", f"it holds ticks up to {ticks[0].id}" if ticks else "it is empty")
    except BadInput:
        return Check("journal", "ok", "there is none yet; the first run makes it")
    except Halt as error:
        return Check("journal", "fail", str(error))
