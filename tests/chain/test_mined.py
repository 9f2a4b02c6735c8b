"""A plan moves money once: whatever the chain says of it, stuck or taken back."""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from keeper.chain.confirm import confirm
from keeper.chain.node import word
from keeper.chain.reconcile import reconcile
from keeper.chain.submit import next_nonce, submit
from keeper.errors import Halt
from keeper.journal import Journal
from keeper.model import Head
from keeper.units import Timestamp, Wei

from .acting import (
    BURN,
    INTENT,
    LANES,
    LIE,
    REVERT,
    SIGNER,
    SILENT,
    TIP,
    Chain,
    cleared_plan,
    foreign,
    manifest_of,
    send,
    settle,
    state_of,
)

# what the chain says


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(REVERT, "it reverted: 0x" + keccak(text="Told()")[:4].hex()), (BURN, "it ran out of gas: used 300000")],
)
def test_a_mined_failure_closes_the_intent_and_says_why(chain: Chain, journal: Journal, mode: int, reason: str) -> None:
    head = chain.node.head()
    chain.tell(mode)
    chain.mine()
    send(chain.node, journal.intents, cleared_plan(head), head)
    chain.mine()
    outcome = confirm(chain.node, journal.intents, INTENT)
    assert outcome.status == "reverted"
    assert outcome.reason.startswith(reason)
    assert (outcome.nav_after, outcome.fills) == (None, ())
    assert state_of(journal) == "reverted"
    assert (chain.executions, next_nonce(chain.node, journal.intents, SIGNER.address)) == (0, 1)


@pytest.mark.parametrize("mode", [SILENT, LIE])
def test_a_success_without_the_event_halts(chain: Chain, journal: Journal, mode: int) -> None:
    head = chain.node.head()
    chain.tell(mode)
    send(chain.node, journal.intents, cleared_plan(head), head)
    chain.mine()
    with pytest.raises(Halt, match=r"succeeded, but .* tells of intent .* at epochs \[\], expected \[4\]"):
        confirm(chain.node, journal.intents, INTENT)
    assert state_of(journal) == "broadcast"


def test_a_block_taken_back_sends_the_same_bytes_again(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    (attempt,) = journal.intents.attempts(INTENT)
    chain.mine()
    first = confirm(chain.node, journal.intents, INTENT)
    chain.do("anvil_reorg", 1, [])
    chain.do("anvil_dropAllTransactions")
    assert chain.executions == 0
    (outcome,) = settle(chain, journal.intents)
    assert (outcome.status, outcome.tx_hash, state_of(journal)) == ("sent", attempt.tx_hash, "broadcast")
    chain.mine()
    (again,) = settle(chain, journal.intents)
    assert again.status == "done"
    assert again.block_hash != first.block_hash
    assert journal.intents.outcome(INTENT) == again
    assert (chain.executions, chain.spent, len(journal.intents.attempts(INTENT))) == (1, 1, 1)


def test_mined_again_elsewhere_is_recorded_once(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    (attempt,) = journal.intents.attempts(INTENT)
    chain.mine()
    first = confirm(chain.node, journal.intents, INTENT)
    chain.do("anvil_reorg", 1, [])
    chain.node.send("eth_sendRawTransaction", ["0x" + attempt.raw.hex()], word)
    chain.mine()
    again = confirm(chain.node, journal.intents, INTENT)
    assert (again.status, again.block) == ("done", (first.block or 0) + 1)
    assert journal.intents.outcome(INTENT) == again
    assert state_of(journal) == "mined"


def test_a_nonce_spent_by_someone_else_halts_once_it_is_final(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    chain.do("anvil_dropAllTransactions")
    foreign(chain, nonce=0)
    chain.mine()
    assert "is spent and none of our transactions" in confirm(chain.node, journal.intents, INTENT).reason
    assert settle(chain, journal.intents)[0].reason.startswith("nonce low: ")
    for _ in range(3):
        chain.mine()
    with pytest.raises(Halt, match="someone else holds the key"):
        settle(chain, journal.intents)
    assert chain.executions == 0


# stuck


def _stuck(chain: Chain, seconds: int) -> Head:
    """Time passes in blocks too dear for us."""
    chain.price_out()
    head = chain.mine(chain.node.head().timestamp + seconds)
    chain.do("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    return head


def test_a_stuck_transaction_is_bidden_up_on_both_fields_and_executes_once(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    _stuck(chain, 47)
    calm = replace(chain.node.head(), base_fee=head.base_fee)
    (outcome,) = reconcile(chain.node, journal.intents, SIGNER, SIGNER.address, calm, LANES)
    assert len(journal.intents.attempts(INTENT)) == 1, "not before its time"
    late = replace(calm, timestamp=Timestamp(calm.timestamp + 1))
    (outcome,) = reconcile(chain.node, journal.intents, SIGNER, SIGNER.address, late, LANES)
    old, new = journal.intents.attempts(INTENT)
    assert (outcome.status, outcome.tx_hash) == ("sent", new.tx_hash)
    assert (new.max_fee, new.tip, new.gas) == (-(-old.max_fee * 9 // 8), -(-old.tip * 9 // 8), old.gas)
    chain.mine()
    (done,) = settle(chain, journal.intents)
    assert (done.status, done.tx_hash) == ("done", new.tx_hash)
    assert (chain.executions, chain.spent) == (1, 1)


def test_at_its_cap_the_same_bytes_are_sent_again(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    cleared = cleared_plan(head)
    cap = Wei(2 * head.base_fee + TIP)
    manifest = manifest_of(cleared, head)
    submit(
        chain.node,
        journal.intents,
        SIGNER,
        cleared,
        manifest,
        head,
        replace(LANES, normal=replace(LANES.normal, max_gas_price=cap)),
    )
    _stuck(chain, 60)
    settle(chain, journal.intents)
    (attempt,) = journal.intents.attempts(INTENT)
    assert attempt.sends == 2


def test_past_its_deadline_it_is_cancelled_and_never_executes(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    _stuck(chain, 301)
    calm = replace(chain.node.head(), base_fee=Wei(10**9))
    (outcome,) = reconcile(chain.node, journal.intents, SIGNER, SIGNER.address, calm, LANES)
    old, new = journal.intents.attempts(INTENT)
    assert (old.kind, new.kind, new.gas) == ("act", "cancel", 21_000)
    assert outcome.status == "sent"
    chain.mine()
    (done,) = settle(chain, journal.intents)
    assert (done.status, done.tx_hash) == ("cancelled", new.tx_hash)
    assert (state_of(journal), chain.executions, chain.spent) == ("cancelled", 0, 1)
    assert next_nonce(chain.node, journal.intents, SIGNER.address) == 1


def test_a_cancellation_that_came_too_late_is_told_by_what_mined(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    late = replace(head, timestamp=Timestamp(head.timestamp + 301))
    (first,) = journal.intents.attempts(INTENT)
    reconcile(chain.node, journal.intents, SIGNER, SIGNER.address, late, LANES)
    chain.do("anvil_dropAllTransactions")
    chain.node.send("eth_sendRawTransaction", ["0x" + first.raw.hex()], word)
    chain.mine()
    (done,) = settle(chain, journal.intents)
    assert (done.status, done.tx_hash) == ("done", first.tx_hash)
    assert (chain.executions, len(journal.intents.attempts(INTENT))) == (1, 2)


def test_without_a_key_it_sends_again_and_signs_nothing(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    _stuck(chain, 301)
    settle(chain, journal.intents, signer=None)
    assert len(journal.intents.attempts(INTENT)) == 1
