"""One round trip between a decision and its signature, and no signature when any answer of the round is missing."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from keeper.chain import signer
from keeper.config import parse
from keeper.errors import BadInput, Retry
from keeper.run import Keeper, open_keeper
from keeper.world import WORLD_KEEPER_ADDRESS, WORLD_KEEPER_KEY, RunningWorld, rpc
from tests.chain.conftest import Liar, reply
from tests.run.settings import text

Change = Callable[[dict[str, Any]], dict[str, Any] | None]
Edit = Callable[[str, dict[str, Any]], dict[str, Any] | None]
"""Method and honest answer in, what is answered out; None hangs up."""
TIMEOUT_S = 6.0
NONE_SIGNED = "1 of the providers agree on block"


@pytest.fixture
def between(fallen: RunningWorld, tmp_path: Path) -> Iterator[Callable[..., Keeper]]:
    """A live keeper between two providers of the fork, each of which edits what it answers; both must agree."""
    servers: list[Liar] = []
    keepers: list[Keeper] = []

    def provider(edit: Edit) -> str:
        def behave(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            request = urllib.request.Request(fallen.url, body, {"content-type": "application/json"})
            with urllib.request.urlopen(request) as response:
                edited = edit(json.loads(body)["method"], json.loads(response.read()))
            if edited is None:
                handler.close_connection = True
            else:
                reply(handler, json.dumps(edited).encode())

        servers.append(Liar(behave))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return servers[-1].url

    def start(first: Edit, second: Edit, written: Callable[[str], str] = lambda text: text) -> Keeper:
        urls = f'rpc = ["{provider(first)}", "{provider(second)}"]\nquorum = 2\ntimeout_s = {TIMEOUT_S}'
        settings = written(text(fallen).replace(f'rpc = ["{fallen.url}"]', urls))
        key = signer.world_key(WORLD_KEEPER_KEY, lambda: True)
        keepers.append(open_keeper(parse(settings, tmp_path / "keeper.toml", {}), key))
        return keepers[-1]

    yield start
    for keeper in keepers:
        keeper.close()
    for server in servers:
        server.shutdown()
        server.server_close()


def honest(method: str, answer: dict[str, Any]) -> dict[str, Any]:
    return answer


def of(wanted: str, change: Change) -> Edit:
    return lambda method, answer: change(answer) if method == wanted else answer


def dead(method: str, answer: dict[str, Any]) -> None:
    """Hangs up."""


def slow(answer: dict[str, Any]) -> dict[str, Any]:
    time.sleep(TIMEOUT_S + 1)
    return answer


def flipped(answer: dict[str, Any]) -> dict[str, Any]:
    """The last word of what was read is another one: a lie about one value."""
    said = answer["result"]
    return answer | {"result": said[:-1] + ("1" if said[-1] == "0" else "0")}


def block(**changes: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda answer: answer | {"result": answer["result"] | changes}


def unlevered(settings: str) -> str:
    return "[[vault]]".join(part for part in settings.split("[[vault]]") if 'kind = "leverage"' not in part)


def nothing_left(answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"result": "0x0"}


def failed(code: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda answer: {"jsonrpc": "2.0", "id": answer["id"], "error": {"code": code, "message": "it broke"}}


def signed(keeper: Keeper, running: RunningWorld) -> int:
    """Intents that the journal knows, and transactions that the chain does."""
    known = keeper.journal.intents.unsettled(running.world.chain_id, WORLD_KEEPER_ADDRESS)
    spent = int(rpc.request(running.url, "eth_getTransactionCount", WORLD_KEEPER_ADDRESS, "pending"), 16)
    return len(known) + spent


def refused(keeper: Keeper, running: RunningWorld, kind: type[Exception], sentence: str) -> None:
    before = signed(keeper, running)
    with pytest.raises(kind, match=sentence):
        keeper.tick(live=True)
    assert signed(keeper, running) == before


@pytest.mark.parametrize(
    "second",
    [
        of("eth_call", flipped),
        of("eth_getBlockByNumber", block(hash="0x" + "11" * 32)),
        of("eth_getBlockByNumber", block(number=hex(10**6))),
        of("eth_call", failed(-32000)),
        of("eth_getBlockByNumber", lambda answer: answer | {"result": None}),
        dead,
        of("eth_call", slow),
    ],
    ids=["another value", "another block", "far ahead", "an error", "no block", "dead", "slow"],
)
def test_nothing_is_signed_without_the_second_provider(
    between: Callable[..., Keeper], fallen: RunningWorld, second: Edit
) -> None:
    refused(between(honest, second), fallen, Retry, NONE_SIGNED)


def test_what_rests_is_recorded_though_what_acts_after_it_fails(
    between: Callable[..., Keeper], fallen: RunningWorld
) -> None:
    keeper = between(honest, of("eth_call", flipped), lambda settings: settings.replace("low = 1.5", "low = 1.05"))
    refused(keeper, fallen, Retry, NONE_SIGNED)
    resting, acting = keeper.journal.ticks.latest(10)
    assert acting.verdict == "act"
    assert resting.vault == keeper.mandate("lever").vault


def test_what_rests_is_recorded_after_what_acts(between: Callable[..., Keeper]) -> None:
    """Later in the journal, and before the tick is over."""
    keeper = between(honest, honest, lambda settings: settings.replace("low = 1.5", "low = 1.05"))
    lever, first, *_ = keeper.tick(live=True)
    assert lever.outcome is None
    assert first.outcome is not None
    assert first.tick_id is not None
    assert lever.tick_id == first.tick_id + 1


def test_both_honest_it_acts(between: Callable[..., Keeper]) -> None:
    report = between(honest, honest).tick(live=True)[0]
    assert report.outcome is not None
    assert report.outcome.status == "done"


def test_a_provider_that_was_read_does_not_vouch_for_itself(
    between: Callable[..., Keeper], fallen: RunningWorld
) -> None:
    """It lies when it is read, and leaves the rehearsal to the second one, whichever is in use after that."""
    keeper = between(of("eth_simulateV1", failed(-32603)), of("eth_call", flipped))
    refused(keeper, fallen, Retry, NONE_SIGNED)


@pytest.mark.parametrize("late", ["eth_simulateV1", "eth_call", "eth_getTransactionCount", "eth_getBalance"])
def test_of_several_failures_the_same_one_is_told_whichever_comes_first(
    between: Callable[..., Keeper], fallen: RunningWorld, late: str
) -> None:
    """A rehearsal that fails comes before the witnesses, and they before what the account lacks."""

    def all_of(changes: dict[str, Change]) -> Edit:
        def edit(method: str, answer: dict[str, Any]) -> dict[str, Any] | None:
            if method == late:
                time.sleep(0.3)
            return changes[method](answer) if method in changes else answer

        return edit

    broken = all_of({"eth_getBalance": nothing_left, "eth_simulateV1": failed(-32000)})
    refused(between(broken, all_of({"eth_call": flipped})), fallen, Retry, "eth_simulateV1 with error -32000")


def test_an_account_that_cannot_pay_is_told_after_the_witnesses(
    between: Callable[..., Keeper], fallen: RunningWorld
) -> None:
    """Without a levered vault, for which gas is saved: that refuses the plan before the witnesses count."""
    poor = of("eth_getBalance", nothing_left)
    refused(between(poor, of("eth_call", flipped), unlevered), fallen, Retry, NONE_SIGNED)


def test_an_account_that_cannot_pay_signs_nothing(between: Callable[..., Keeper], fallen: RunningWorld) -> None:
    refused(between(of("eth_getBalance", nothing_left), honest, unlevered), fallen, BadInput, "fund it")


ROUND = {
    ("first", "eth_simulateV1"),
    ("first", "eth_getTransactionCount"),
    ("first", "eth_getBalance"),
    ("second", "eth_getTransactionCount"),
    ("second", "eth_getBlockByNumber"),
    ("second", "eth_call"),
}


def test_everything_is_asked_before_anything_is_answered(between: Callable[..., Keeper]) -> None:
    """Each provider keeps its answers of the round back until every question of the round has come in."""
    arrived: set[tuple[str, str]] = set()
    waited_in_vain: list[tuple[str, str]] = []
    complete = threading.Event()

    def keeping_back(name: str) -> Edit:
        def edit(method: str, answer: dict[str, Any]) -> dict[str, Any]:
            if (name, method) in ROUND and not complete.is_set():
                arrived.add((name, method))
                if arrived == ROUND:
                    complete.set()
                elif not complete.wait(TIMEOUT_S / 2):
                    waited_in_vain.append((name, method))
            return answer

        return edit

    report = between(keeping_back("first"), keeping_back("second")).tick(live=True)[0]
    assert waited_in_vain == [], f"only {sorted(arrived)} came in"
    assert report.outcome is not None
    assert report.outcome.status == "done"
