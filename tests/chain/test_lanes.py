"""A rescue does not wait: it passes housekeeping at a node with geth's rule for replacements, and outbids dear gas."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from keeper.chain.cancel import make_way
from keeper.chain.confirm import confirm
from keeper.chain.node import Node
from keeper.chain.reconcile import reconcile
from keeper.chain.submit import next_nonce
from keeper.errors import Halt, Retry
from keeper.journal import Journal, open_journal
from keeper.model import MAX_OPEN, Allowed, Attempt, Head, Intents, Outcome
from keeper.units import Address, Gas, Hash, Timestamp, Wei

from .acting import (
    ANVIL_CHAIN,
    CAP,
    EPOCH,
    INTENT,
    LANES,
    SIGNER,
    TARGET,
    URGENT_CAP,
    Behave,
    Chain,
    between,
    cleared_plan,
    send,
)
from .conftest import Liar, reply

RESCUE = Hash("0x" + "cd" * 32)


@dataclass
class Geth:
    """Geth's legacypool in front of anvil, which takes a replacement for one more wei.

    A transaction at a pending nonce is taken only when both its fees are 10 % higher (list.go, Add).
    """

    chain: Chain
    pending: dict[int, tuple[int, int]] = field(default_factory=dict)
    refused: int = 0

    def edit(self, request: dict[str, Any], handler: BaseHTTPRequestHandler, ask: Callable[[], bytes]) -> None:
        if request["method"] == "eth_sendRawTransaction":
            made = TypedTransaction.from_bytes(HexBytes(request["params"][0])).as_dict()
            nonce, fees = made["nonce"], (made["maxFeePerGas"], made["maxPriorityFeePerGas"])
            held = self.pending.get(nonce)
            replaces = nonce >= self.chain.spent and held is not None and held != fees
            if replaces and any(new * 100 < old * 110 for old, new in zip(held or fees, fees, strict=True)):
                self.refused += 1
                error = {"code": -32000, "message": "replacement transaction underpriced"}
                reply(handler, json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode())
                return
            self.pending[nonce] = fees
        reply(handler, ask())


@pytest.fixture
def geth(chain: Chain, liar: Callable[[Behave], Liar]) -> Iterator[tuple[Node, Geth]]:
    rules = Geth(chain)
    node = Node([liar(between(chain, rules.edit)).url], ANVIL_CHAIN)
    yield node, rules
    node.close()


def settle(node: Node, intents: Intents, head: Head, allowed: Allowed = "everything") -> tuple[Outcome, ...]:
    return reconcile(node, intents, SIGNER, SIGNER.address, head, LANES, allowed)


def at(head: Head, seconds: int, **changes: Any) -> Head:
    return replace(head, timestamp=Timestamp(head.timestamp + seconds), **changes)


# refused


def test_housekeeping_waits_for_a_rescue_and_for_its_like(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head, RESCUE, urgent=True), head)
    with pytest.raises(Retry, match=rf"intent {RESCUE} with nonce 0 is unresolved: nothing new is signed before"):
        send(chain.node, journal.intents, cleared_plan(head), head)


def test_a_vault_is_not_rescued_twice_at_once(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head, RESCUE, urgent=True), head)
    with pytest.raises(Retry, match=rf"intent {RESCUE} with nonce 0 is unresolved"):
        send(chain.node, journal.intents, cleared_plan(head, Hash("0x" + "ef" * 32), urgent=True), head)


def test_a_rescue_waits_while_the_base_fee_alone_is_over_its_cap(chain: Chain, journal: Journal) -> None:
    head = replace(chain.node.head(), base_fee=Wei(URGENT_CAP + 1))
    send(chain.node, journal.intents, cleared_plan(chain.node.head()), chain.node.head())
    with pytest.raises(Retry, match=r"the urgent lane allows 300 in all: nothing was signed"):
        send(chain.node, journal.intents, cleared_plan(head, RESCUE, urgent=True), head)
    assert [a.kind for a in journal.intents.attempts(INTENT)] == ["act"], "and nothing is cancelled for nothing"


def test_the_journal_itself_refuses_what_must_wait(chain: Chain, journal: Journal) -> None:
    """The last fence: submit asks too, and a second process could not have been seen by it."""
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    housekeeping = journal.intents.intent(INTENT)
    assert housekeeping is not None

    def opened(number: int, **changes: Any) -> None:
        intent = replace(housekeeping, intent_id=Hash(f"0x{number:064x}"), nonce=number, state="signed", **changes)
        attempt = Attempt(Hash(f"0x{number + 100:064x}"), intent.intent_id, "act", b"x", Wei(1), Wei(1), Gas(21_000))
        journal.intents.open(intent, attempt)

    with pytest.raises(Halt, match="of the same key is unresolved"):
        opened(1)
    with pytest.raises(Halt, match="of the same key is unresolved"):
        opened(1, urgent=True)  # nobody has cancelled the housekeeping
    make_way(chain.node, journal.intents, SIGNER, head, LANES.urgent)
    with pytest.raises(Halt, match="of the same key is unresolved"):
        opened(1)
    opened(1, urgent=True)
    with pytest.raises(Halt, match="of the same key is unresolved"):
        opened(2, urgent=True)  # of the same vault
    others = [Address(f"0x{n:040x}") for n in range(1, MAX_OPEN)]
    for number, vault in enumerate(others[:-1], 2):
        opened(number, urgent=True, vault=vault)
    with pytest.raises(Halt, match="of the same key is unresolved"):
        opened(MAX_OPEN, urgent=True, vault=others[-1])


# passed


def test_a_rescue_passes_open_housekeeping_at_once(chain: Chain, journal: Journal, geth: tuple[Node, Geth]) -> None:
    node, rules = geth
    head = chain.node.head()
    send(node, journal.intents, cleared_plan(head), head)
    outcome = send(node, journal.intents, cleared_plan(head, RESCUE, urgent=True), head)
    assert outcome.status == "sent"
    act, cancel = journal.intents.attempts(INTENT)
    (rescue,) = journal.intents.attempts(RESCUE)
    assert (act.kind, cancel.kind, rescue.kind) == ("act", "cancel", "act")
    assert all(new * 100 >= old * 110 for old, new in ((act.max_fee, cancel.max_fee), (act.tip, cancel.tip)))
    assert [i.nonce for i in journal.intents.unsettled(ANVIL_CHAIN, SIGNER.address)] == [0, 1]
    chain.mine()
    assert [o.status for o in settle(node, journal.intents, chain.node.head())] == ["cancelled", "done"]
    assert (chain.executions, chain.spent, rules.refused) == (1, 2, 0)
    assert next_nonce(node, journal.intents, SIGNER.address) == 2


def test_housekeeping_that_was_mined_after_all_blocks_nothing(chain: Chain, journal: Journal) -> None:
    """Whichever of the two is mined at the nonce: the rescue behind it is for another vault, or fails by its epoch."""
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    (act,) = journal.intents.attempts(INTENT)
    send(chain.node, journal.intents, cleared_plan(head, RESCUE, EPOCH + 1, urgent=True), head)
    (rescue,) = journal.intents.attempts(RESCUE)
    chain.do("anvil_dropAllTransactions")
    for attempt in (act, rescue):
        chain.do("eth_sendRawTransaction", "0x" + attempt.raw.hex())
    chain.mine()
    assert [o.status for o in settle(chain.node, journal.intents, chain.node.head())] == ["done", "done"]
    assert (chain.executions, chain.spent) == (2, 2)


def test_rescues_of_several_vaults_stand_in_line(chain: Chain, journal: Journal) -> None:
    head, second = chain.node.head(), Address("0x" + "7b" * 20)
    send(chain.node, journal.intents, cleared_plan(head, RESCUE, urgent=True), head)
    assert next_nonce(chain.node, journal.intents, SIGNER.address, second) == 1
    with pytest.raises(Retry, match="is unresolved"):
        next_nonce(chain.node, journal.intents, SIGNER.address, TARGET)


@pytest.mark.parametrize("mined", [False, True], ids=["in the pool", "mined meanwhile"])
def test_a_crash_between_the_cancellation_and_the_rescue_loses_neither(
    chain: Chain, tmp_path: Any, geth: tuple[Node, Geth], mined: bool
) -> None:
    node, rules = geth
    head, file = chain.node.head(), str(tmp_path / "keeper.db")
    with open_journal(file) as journal:
        send(node, journal.intents, cleared_plan(head), head)
        make_way(node, journal.intents, SIGNER, head, LANES.urgent)
    if mined:
        chain.mine()
    with open_journal(file) as journal:
        settle(node, journal.intents, chain.node.head())
        now = chain.node.head()
        send(node, journal.intents, cleared_plan(now, RESCUE, urgent=True), now)
        chain.mine()
        settle(node, journal.intents, chain.node.head())
        assert confirm(node, journal.intents, RESCUE).status == "done"
        assert confirm(node, journal.intents, INTENT).status == "cancelled"
    assert (chain.executions, chain.spent, rules.refused) == (1, 2, 0)


# dear gas (F-28, F-29)


def test_a_rescue_is_bidden_up_twice_as_soon(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head, RESCUE, urgent=True), head)
    settle(chain.node, journal.intents, at(head, 23))
    assert len(journal.intents.attempts(RESCUE)) == 1
    settle(chain.node, journal.intents, at(head, 24))
    assert len(journal.intents.attempts(RESCUE)) == 2


def test_when_gas_grows_fiftyfold_the_rescue_lands_and_housekeeping_waits(
    chain: Chain, journal: Journal, geth: tuple[Node, Geth]
) -> None:
    """F-28: the base fee grows to 50 times in blocks of 12 s, 12.5 % each, as fast as EIP-1559 lets it."""
    node, rules = geth
    start = chain.node.head()
    fee, blocks = 4 * 10**9, 0
    chain.do("anvil_setNextBlockBaseFeePerGas", hex(fee))
    head = chain.mine()
    send(node, journal.intents, cleared_plan(head, wait=600), head)
    while fee < 200 * 10**9:  # in full blocks: nothing of ours gets in
        fee, blocks = fee * 9 // 8, blocks + 1
        head = at(start, 12 * blocks, base_fee=Wei(fee))
        settle(node, journal.intents, head)
        assert all(a.max_fee <= CAP for a in journal.intents.attempts(INTENT))
    last = journal.intents.attempts(INTENT)[-1]
    assert last.kind == "act"
    assert last.max_fee < fee, "housekeeping waits, at most at its cap"
    send(node, journal.intents, cleared_plan(head, RESCUE, wait=600, urgent=True), head)
    chain.do("anvil_setNextBlockBaseFeePerGas", hex(fee * 9 // 8))
    mined = chain.mine()
    assert mined.base_fee > CAP
    done = confirm(node, journal.intents, RESCUE)
    assert done.status == "done"
    assert (done.block, done.gas_price or 0) <= (mined.number, URGENT_CAP)
    assert rules.refused == 0


def test_at_its_cap_a_rescue_holds_and_is_sent_again_unchanged(chain: Chain, journal: Journal) -> None:
    """F-29: no lower gas limit, no new nonce, no bid over the cap."""
    head = replace(chain.node.head(), base_fee=Wei(URGENT_CAP - 1))
    send(chain.node, journal.intents, cleared_plan(head, RESCUE, urgent=True), head)
    (first,) = journal.intents.attempts(RESCUE)
    assert (first.max_fee, first.tip) == (URGENT_CAP, 1)
    settle(chain.node, journal.intents, at(head, 100, base_fee=Wei(URGENT_CAP * 2)))
    (again,) = journal.intents.attempts(RESCUE)
    assert (again.raw, again.gas, again.sends) == (first.raw, first.gas, 2)


def test_what_a_rescue_stands_behind_is_bidden_up_in_its_lane(
    chain: Chain, journal: Journal, geth: tuple[Node, Geth]
) -> None:
    node, rules = geth
    head = chain.node.head()
    send(node, journal.intents, cleared_plan(head), head)
    send(node, journal.intents, cleared_plan(head, RESCUE, urgent=True), head)
    later = at(head, 24, base_fee=Wei(140 * 10**9))
    settle(node, journal.intents, later)
    for name in (INTENT, RESCUE):
        last = journal.intents.attempts(name)[-1]
        assert CAP < 280 * 10**9 <= last.max_fee <= URGENT_CAP
    assert journal.intents.attempts(INTENT)[-1].kind == "cancel"
    assert rules.refused == 0


# the stop file (K-38)


def test_when_only_rescues_are_allowed_housekeeping_is_cancelled_and_a_rescue_goes_on(
    chain: Chain, journal: Journal
) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    send(chain.node, journal.intents, cleared_plan(head, RESCUE, urgent=True), head)
    settle(chain.node, journal.intents, head, "rescues")
    assert journal.intents.attempts(INTENT)[-1].kind == "cancel"
    assert [a.kind for a in journal.intents.attempts(RESCUE)] == ["act"]
    settle(chain.node, journal.intents, head, "nothing")
    assert [a.kind for a in journal.intents.attempts(RESCUE)] == ["act", "cancel"]
    chain.mine()
    assert {o.status for o in settle(chain.node, journal.intents, chain.node.head())} == {"cancelled"}
    assert chain.executions == 0
