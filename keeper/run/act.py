"""A cleared plan in; signed, sent, followed to its block, and compared with what was predicted for that block."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from keeper import guard, registry
from keeper.calldata_policy import Manifest, Pool
from keeper.chain.confirm import confirm
from keeper.chain.node import Node
from keeper.chain.observe import ask
from keeper.chain.reconcile import reconcile
from keeper.chain.signer import Signer
from keeper.chain.submit import submit
from keeper.errors import Retry
from keeper.journal import Journal
from keeper.model import Allowed, Cleared, Lanes, Mandate, Outcome, Prediction, Snapshot, Vault
from keeper.run.bind import Bound
from keeper.run.round import Round
from keeper.simulate import differences, simulate
from keeper.units import BPS, Bps, bps_up
from keeper.vaults.range_vault import RangeVault

CONFIRM_S = 90.0
"""How long a tick waits for its transaction to be mined; afterwards the next tick's reconciliation follows it."""
FIRST_LOOK_S = 0.05
LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts, through which node and journal."""

    node: Node
    journal: Journal
    bound: Bound
    signer: Signer


def act(
    who: Acting,
    snapshot: Snapshot,
    mandate: Mandate,
    cleared: Cleared,
    asked: Round,
    alarm: Callable[[], bool],
    meanwhile: Callable[[], None],
) -> tuple[Outcome, tuple[str, ...]]:
    """Submit and follow; the outcome, and where the chain did something else than predicted.

    `asked` is what was asked of the chain besides the rehearsal. An outcome of "sent" or "unknown" is open: nothing but
    a rescue is signed before `settle` has closed it.
    Housekeeping is followed until `alarm` says that a rescue is needed. `meanwhile` is called once it is sent; a Retry
    of it is passed over. Raises Retry when nothing was signed; Halt and BadInput as `chain.submit`.
    """
    asked.require_witnesses()
    manifest = _manifest(who.bound, snapshot, mandate, cleared)
    outcome = submit(
        who.node,
        who.journal.intents,
        who.signer,
        cleared,
        manifest,
        snapshot.head,
        mandate.lanes,
        asked.account,
    )
    with suppress(Retry):
        meanwhile()
    outcome = _follow(who, outcome, (lambda: False) if cleared.approved.plan.urgent else alarm)
    if outcome.status != "done":
        return outcome, ()
    return outcome, _compare(who, snapshot, cleared, outcome)


def settle(who: Acting, lanes: Lanes, allowed: Allowed) -> tuple[Outcome, ...]:
    """Learn what became of every intent that is not final, and send again, bid up or cancel what is still open.

    What is not `allowed` any more is cancelled.
    """
    return reconcile(who.node, who.journal.intents, who.signer, who.signer.address, who.node.head(), lanes, allowed)


def _follow(who: Acting, outcome: Outcome, alarm: Callable[[], bool]) -> Outcome:
    deadline, pause = time.monotonic() + CONFIRM_S, FIRST_LOOK_S
    while outcome.status in ("sent", "unknown") and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
        try:
            outcome = confirm(who.node, who.journal.intents, outcome.intent_id)
            if alarm():
                break
        except Retry:  # the transaction is out: only the chain can say more, and it is asked until the time is up
            continue
    return outcome


def _compare(who: Acting, snapshot: Snapshot, cleared: Cleared, outcome: Outcome) -> tuple[str, ...]:
    """Against the replay at the mined block's own time, and against the vault as that block left it."""
    approved = cleared.approved
    if outcome.timestamp is None or outcome.block_hash is None:
        return ("the block of the transaction is not known",)
    predicted = simulate(snapshot, approved.vault, approved.plan, outcome.timestamp)
    return (*differences(predicted, outcome), *_left_behind(who, predicted, approved.vault, outcome))


def _left_behind(who: Acting, predicted: Prediction, vault: str, outcome: Outcome) -> tuple[str, ...]:
    facts = next(v for v in who.bound.vaults if v.address == vault)
    asked = registry.VAULTS[facts.kind].observe(facts, [who.bound.token(t) for t in facts.tokens], who.bound.keeper)
    if outcome.block_hash is None:
        return ()
    try:
        (found,) = ask(who.node, [asked], outcome.block_hash, who.bound.lens)
    except Retry as error:
        return (f"the vault could not be read in the block of the transaction: {error}",)
    expected = tuple(a.raw for a in predicted.holdings)
    wrong = () if found.holdings == expected else (f"holdings: predicted {expected}, found {found.holdings}",)
    if isinstance(found, RangeVault) and found.range != predicted.range:
        return (*wrong, f"range: predicted {predicted.range}, found {found.range}")
    return wrong


def _least_nav(vault: Vault, mandate: Mandate, cleared: Cleared) -> int:
    """What an order must insist on, from the rehearsed valuation and the mandate: not from the order itself.

    A rescue insists on nothing: what it may lose is bounded on chain at the prices of its own block.
    """
    if cleared.approved.plan.urgent:
        return 0
    loss = bps_up(cleared.rehearsed.nav_before, min(mandate.max_loss, vault.limits.max_loss))
    return cleared.rehearsed.nav_before - loss


def pools_of(bound: Bound, vault: Vault, mandate: Mandate) -> tuple[Pool, ...]:
    """The pools that legs may use, as the calldata policy knows them."""
    return tuple(
        Pool(facts.pool, adapter, facts.tokens)
        for adapter, facts in bound.venues
        if facts.pool in vault.venues and (not mandate.venues or facts.pool in mandate.venues)
    )


def most_discount(snapshot: Snapshot, vault: Vault, mandate: Mandate, urgent: bool) -> Bps:
    """How far under the oracle's worth of what it sells a leg may demand."""
    deviation = guard.most_deviation(vault, urgent)
    dearest = max((v.fee for v in snapshot.venues), default=0.0)
    return Bps(deviation + guard.most_slippage(vault, mandate, urgent) + round(dearest * BPS))


def _manifest(bound: Bound, snapshot: Snapshot, mandate: Mandate, cleared: Cleared) -> Manifest:
    vault, order = snapshot.vault(mandate.vault), cleared.approved.order
    urgent = cleared.approved.plan.urgent
    return Manifest(
        chain_id=snapshot.chain_id,
        vault=vault.address,
        kind=vault.kind,
        intent_id=order.intent_id,
        epoch=vault.guard.epoch,
        now=snapshot.head.timestamp,
        min_nav_after=_least_nav(vault, mandate, cleared),
        pools=pools_of(bound, vault, mandate),
        prices=tuple((r.token, r.price_x36) for r in snapshot.rounds),
        max_discount=most_discount(snapshot, vault, mandate, urgent),
        max_fee=mandate.lanes.of(urgent).max_gas_price,
        max_gas=guard.MAX_GAS,
        urgent=urgent and vault.urgent(snapshot),
    )
