"""Anyone's hand on the ripcord: a block in, the pull rehearsed on the node out; and sent, followed and compared."""

from dataclasses import dataclass, replace

from keeper import guard, registry, ripcord
from keeper.calldata_policy import Manifest, examine
from keeper.chain.fees import offer
from keeper.chain.logs import RipcordPulled, ripcords
from keeper.chain.node import Node
from keeper.chain.once import prepared, send_once
from keeper.chain.rehearse import rehearse
from keeper.chain.send import refuse
from keeper.chain.signer import Signer
from keeper.errors import BadInput, Refusal, Unquotable
from keeper.model import Mandate, Reason, Refused, Snapshot
from keeper.protocols import aave_v3_reading
from keeper.ripcord import Pull
from keeper.run.act import most_discount, pools_of
from keeper.run.bind import Bound
from keeper.units import Address, Bps, Gas, Hash
from keeper.vaults.leverage import LeverageVault
from keeper.vaults.reverts import explain
from keeper.vaults.ripcord import pulled


@dataclass(frozen=True, slots=True)
class PullReport:
    """A pull of the ripcord at one block: planned, or refused for `reasons`; sent when `tx_hash` is not None.

    `gas` is what the rehearsal used. `differences` are where the chain did something else than predicted.
    """

    name: str
    mandate: Mandate
    snapshot: Snapshot
    pull: Pull | None
    reasons: tuple[Reason, ...]
    gas: Gas | None = None
    tx_hash: Hash | None = None
    differences: tuple[str, ...] = ()


def plan_pull(node: Node, bound: Bound, snapshot: Snapshot, mandate: Mandate, puller: Address) -> PullReport:
    """Plan and rehearse a pull by `puller`, who is paid for it. Signs nothing."""
    planned = ripcord.pull(snapshot, mandate, puller)
    if isinstance(planned, Refused):
        return PullReport(mandate.name, mandate, snapshot, None, planned.reasons)
    vault, when = _vault(snapshot, mandate), planned.pulled.prediction.timestamp
    facts = bound.facts(vault.address)
    reads = [registry.VAULTS[facts.kind].observe(facts, vault.tokens, bound.keeper)]
    markets = [aave_v3_reading.observe(m) for m in bound.markets if m.pool in facts.extra]
    done = rehearse(node, snapshot.head, puller, vault.address, planned.calldata, [*reads, *markets], when, bound.lens)
    if not done.ok:
        reason = Reason("K-33", f"{mandate.name}: the rehearsal reverted: {explain(done.revert_data)}")
        return PullReport(mandate.name, mandate, snapshot, planned, (reason,), done.gas)
    after, market = done.answers
    predicted = planned.pulled.prediction
    found = tuple(
        Reason("K-33", f"{mandate.name}: the rehearsal disagrees on {name}: predicted {ours}, found {theirs}")
        for name, ours, theirs in (
            ("event", _event(planned), ripcords(done.logs, vault.address)),
            ("holdings", tuple(a.raw for a in predicted.holdings), after.holdings),
            ("health factor", predicted.health_factor, market.health_factor(vault.address, when)),
        )
        if ours != theirs
    )
    return PullReport(mandate.name, mandate, snapshot, planned, found, done.gas)


def send_pull(node: Node, bound: Bound, signer: Signer, report: PullReport) -> PullReport:
    """Send a pull that was rehearsed, wait for its block, and compare with the replay at that block's time.

    Raises BadInput when the key is the keeper's own, or cannot pay; Halt when the calldata policy objects; Retry before
    and Unknown after it was sent.
    """
    if report.pull is None or report.reasons or report.gas is None:
        raise BadInput("there is no pull to send: " + guard.describe(report.reasons))
    if signer.address == bound.keeper:
        raise BadInput("the keeper's own key rescues by itself and its nonces are its journal's: use another key")
    vault, planned = _vault(report.snapshot, report.mandate), report.pull
    lane = report.mandate.lanes.urgent
    fees = offer(report.snapshot.head.base_fee, lane)
    gas = Gas(report.gas * guard.GAS_MARGIN // 100)
    transaction = prepared(node, signer.address, vault.address, planned.calldata, gas, fees)
    refuse(examine(transaction, _manifest(bound, report, vault, signer.address)))
    mined = send_once(node, signer, transaction)
    sent = replace(report, tx_hash=mined.attempt.tx_hash)
    if not mined.ok:
        return replace(sent, differences=("it reverted: somebody else may have been quicker",))
    try:
        again = replace(planned, pulled=pulled(vault, report.snapshot, planned.plan, mined.block.timestamp))
    except (Refusal, Unquotable) as error:
        return replace(sent, differences=(f"the replay at its block's time stops: {error}",))
    ours, theirs = _event(again), ripcords(mined.logs, vault.address)
    return sent if ours == theirs else replace(sent, differences=(f"predicted {ours}, found {theirs}",))


def _event(planned: Pull) -> tuple[RipcordPulled, ...]:
    prediction = planned.pulled.prediction
    return (
        RipcordPulled(prediction.repaid_raw, planned.pulled.reward_raw, prediction.nav_before, prediction.nav_after),
    )


def _vault(snapshot: Snapshot, mandate: Mandate) -> LeverageVault:
    vault = snapshot.vault(mandate.vault)
    assert isinstance(vault, LeverageVault)
    return vault


def _manifest(bound: Bound, report: PullReport, vault: LeverageVault, reward_to: Address) -> Manifest:
    snapshot, mandate = report.snapshot, report.mandate
    return Manifest(
        chain_id=snapshot.chain_id,
        vault=vault.address,
        kind="ripcord",
        intent_id=Hash("0x" + 64 * "0"),
        epoch=vault.guard.epoch,
        now=snapshot.head.timestamp,
        min_nav_after=0,
        pools=pools_of(bound, vault, mandate),
        prices=tuple((r.token, r.price_x36) for r in snapshot.rounds),
        max_discount=most_discount(snapshot, vault, mandate, urgent=True),
        max_fee=mandate.lanes.urgent.max_gas_price,
        max_gas=guard.MAX_GAS,
        urgent=True,
        reward=Bps(vault.rescue.reward),
        reward_to=reward_to,
    )
