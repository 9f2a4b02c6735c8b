"""What closes an intent, or opens the first one of a key, is never one provider's word alone."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from keeper.chain.confirm import confirm, finalize
from keeper.chain.node import Node
from keeper.chain.quorum import reached, witnesses
from keeper.chain.submit import next_nonce
from keeper.errors import Halt, Retry
from keeper.journal import Journal

from .acting import ANVIL_CHAIN, INTENT, SIGNER, Behave, Chain, between, cleared_plan, send
from .conftest import Liar, reply

Lies = dict[str, Callable[[Any], Any]]


@pytest.fixture
def behind(chain: Chain, liar: Callable[[Behave], Liar]) -> Iterator[Callable[..., Node]]:
    """A node of several providers of the chain, each of which changes some results; `{}` is honest."""
    made: list[Node] = []

    def provider(lies: Lies) -> str:
        def edit(request: dict[str, Any], handler: BaseHTTPRequestHandler, ask: Callable[[], bytes]) -> None:
            answer = json.loads(ask())
            if request["method"] in lies:
                answer["result"] = lies[request["method"]](answer.get("result"))
            reply(handler, json.dumps(answer).encode())

        return liar(between(chain, edit)).url

    def start(*providers: Lies, quorum: int = 2) -> Node:
        node = Node([provider(lies) for lies in providers], ANVIL_CHAIN, quorum=quorum)
        made.append(node)
        return node

    yield start
    for node in made:
        node.close()


def receipt(**changes: Any) -> Lies:
    return {"eth_getTransactionReceipt": lambda found: found and found | changes}


def nothing() -> Lies:
    return {"eth_getTransactionReceipt": lambda found: None}


def mined(chain: Chain, journal: Journal) -> None:
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    chain.mine()


@pytest.mark.parametrize("honest", [nothing(), receipt(status="0x1"), receipt(gasUsed="0x1"), receipt(logs=[])])
def test_a_receipt_that_one_provider_alone_tells_closes_nothing(
    chain: Chain, journal: Journal, behind: Callable[..., Node], honest: Lies
) -> None:
    """F-39: the first one lies that it failed."""
    mined(chain, journal)
    lying = behind(receipt(status="0x0"), honest)
    outcome = confirm(lying, journal.intents, INTENT)
    assert outcome.status == "sent"
    assert "too few providers tell of its receipt alike: a quorum of 2 is required" in outcome.reason
    assert confirm(behind({}, {}), journal.intents, INTENT).status == "done"


def test_one_liar_of_three_stands_in_nobodys_way(chain: Chain, journal: Journal, behind: Callable[..., Node]) -> None:
    mined(chain, journal)
    assert confirm(behind({}, receipt(status="0x0"), {}), journal.intents, INTENT).status == "done"


def test_a_receipt_that_the_provider_in_use_keeps_back_is_found(
    chain: Chain, journal: Journal, behind: Callable[..., Node]
) -> None:
    """Else a nonce that is spent and final without one would look like somebody else's doing."""
    mined(chain, journal)
    for _ in range(3):
        chain.mine()
    assert confirm(behind(nothing(), {}), journal.intents, INTENT).status == "sent"
    assert confirm(behind(nothing(), {}, {}), journal.intents, INTENT).status == "done"


def test_what_was_witnessed_once_is_not_undone_by_a_witness_that_is_away(
    chain: Chain, journal: Journal, behind: Callable[..., Node]
) -> None:
    mined(chain, journal)
    done = confirm(behind({}, {}), journal.intents, INTENT)
    assert confirm(behind({}, nothing()), journal.intents, INTENT) == done
    intent = journal.intents.intent(INTENT)
    assert intent is not None
    assert intent.state == "mined"


def test_a_nonce_that_one_provider_alone_calls_spent_halts_nothing(
    chain: Chain, journal: Journal, behind: Callable[..., Node]
) -> None:
    """F-19: an inflated count, as a relay answers after a failed private transaction."""
    head = chain.node.head()
    send(chain.node, journal.intents, cleared_plan(head), head)
    inflated: Lies = {"eth_getTransactionCount": lambda found: hex(10**9 + 1)}
    assert confirm(behind(inflated, {}, {}), journal.intents, INTENT).status == "sent"
    with pytest.raises(Halt, match="someone else holds the key"):
        confirm(behind(inflated, quorum=1), journal.intents, INTENT)


def test_a_keys_first_nonce_needs_a_quorum(chain: Chain, journal: Journal, behind: Callable[..., Node]) -> None:
    inflated: Lies = {"eth_getTransactionCount": lambda found: hex(7)}
    assert next_nonce(behind(inflated, {}, {}), journal.intents, SIGNER.address) == 0
    mute: Lies = {"eth_getTransactionCount": lambda found: "nonsense"}
    with pytest.raises(Retry, match="does not say how many transactions"):
        next_nonce(behind({}, mute), journal.intents, SIGNER.address)


def test_finality_that_one_provider_alone_claims_settles_nothing(
    chain: Chain, journal: Journal, behind: Callable[..., Node]
) -> None:
    mined(chain, journal)
    confirm(chain.node, journal.intents, INTENT)

    def early(found: Any) -> Any:
        return found | {"number": hex(10**6)}

    def settle(*providers: Lies) -> str:
        finalize(behind(*providers), journal.intents, journal.intents.unsettled(ANVIL_CHAIN, SIGNER.address))
        intent = journal.intents.intent(INTENT)
        assert intent is not None
        return intent.state

    assert settle({"eth_getBlockByNumber": early}, {}, {}) == "mined"
    for _ in range(3):
        chain.mine()
    assert settle({}, {}) == "final"


def test_a_quorum_counts_who_answers(behind: Callable[..., Node]) -> None:
    node = behind({}, {}, {})
    answers = dict(zip((node, *node.others()), (5, 9, None), strict=True))
    assert reached(node, lambda one: answers[one]) == 5
    assert witnesses(node, lambda one: answers[one] == 9) == 2
    answers[node] = None
    assert reached(node, lambda one: answers[one]) is None
