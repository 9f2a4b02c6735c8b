"""An approved plan in, what the node says it would do out, as a Prediction of the same shape as the exact replay's."""

from keeper import registry
from keeper.chain.logs import executed, fills
from keeper.chain.node import Node
from keeper.chain.rehearse import Rehearsal, rehearse
from keeper.model import Approved, Fill, Prediction, Snapshot, Vault
from keeper.protocols import aave_v3_reading
from keeper.run.bind import Bound
from keeper.units import Amount, Timestamp
from keeper.vaults.leverage import LeverageVault
from keeper.vaults.range_vault import RangeVault
from keeper.vaults.reverts import explain


def predict_on_node(node: Node, bound: Bound, snapshot: Snapshot, approved: Approved) -> Prediction:
    """Rehearse at the block time of the approved prediction, on top of the snapshot's block.

    Raises Retry, BadInput or Halt as `chain.rehearse.rehearse` does.
    """
    facts = bound.facts(approved.vault)
    reads = [registry.VAULTS[facts.kind].observe(facts, [bound.token(t) for t in facts.tokens], bound.keeper)]
    markets = [aave_v3_reading.observe(m) for m in bound.markets if m.pool in facts.extra]
    when = approved.prediction.timestamp
    done = rehearse(
        node, snapshot.head, bound.keeper, approved.vault, approved.calldata, [*reads, *markets], when, bound.lens
    )
    return prediction(done, snapshot, approved, when)


def prediction(done: Rehearsal, snapshot: Snapshot, approved: Approved, when: Timestamp) -> Prediction:
    """What a rehearsal of `approved` at `when` says; its answers are the vault and its market, if it has one."""
    before = snapshot.vault(approved.vault)
    if not done.ok:
        return _reverted(explain(done.revert_data), when, done)
    events = [e for e in executed(done.logs, approved.vault) if e.intent_id == approved.order.intent_id]
    if len(events) != 1 or events[0].epoch != approved.order.expected_epoch + 1:
        return _reverted(
            f"the vault emitted {len(events)} IntentExecuted events for the intent, expected one", when, done
        )
    after, *markets = done.answers
    collateral = debt = 0
    health = None
    if markets:
        first, second = (t.address for t in before.tokens)
        collateral = markets[0].collateral(approved.vault, first, when)
        debt = markets[0].debt(approved.vault, second, when)
        health = markets[0].health_factor(approved.vault, when)
    return Prediction(
        source="node",
        timestamp=when,
        nav_before=events[0].nav_before,
        nav_after=events[0].nav_after,
        holdings=_holdings(after),
        collateral_raw=collateral,
        debt_raw=debt,
        health_factor=health,
        fills=fills(done.logs, approved.vault),
        gas=done.gas,
        range=after.range if isinstance(after, RangeVault) else None,
        repaid_raw=before.repaid(snapshot, debt, when) if isinstance(before, LeverageVault) else 0,
    )


def _reverted(sentence: str, when: Timestamp, done: Rehearsal) -> Prediction:
    no_fills: tuple[Fill, ...] = ()
    return Prediction("node", when, 0, 0, (), 0, 0, None, no_fills, done.gas, sentence)


def _holdings(vault: Vault) -> tuple[Amount, ...]:
    return tuple(Amount(t.address, h) for t, h in zip(vault.tokens, vault.holdings, strict=True))
