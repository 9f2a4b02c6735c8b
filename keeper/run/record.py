"""A thought in, its tick in the journal out; and a recorded tick back as the arguments it was decided from."""

import time
from collections.abc import Sequence
from dataclasses import replace

from keeper.codec import MODEL, Codec
from keeper.errors import BadInput
from keeper.guard import describe
from keeper.journal import Journal, Tick
from keeper.model import (
    UNRESOLVED,
    Beliefs,
    Decision,
    History,
    Hold,
    Intent,
    LevelSeries,
    Mandate,
    Refused,
    Round,
    State,
)
from keeper.registry import CLASSES
from keeper.run.report import Replay
from keeper.run.tick import Thought, decided
from keeper.units import Address, Hash, Timestamp

CODEC = Codec(MODEL | CLASSES)


def write_values(journal: Journal, thought: Thought) -> dict[str, Hash]:
    """Store every value that the tick needs to be made again, by name; of values stored before, only their hashes."""
    values = {
        "history": thought.history,
        "state": thought.state,
        "beliefs": thought.beliefs,
        "mandate": thought.mandate,
        "decision": thought.decision,
        "next_state": thought.decision.state,
    }
    with journal.together():
        return {name: journal.blobs.store(value) for name, value in values.items()}


def write_past(journal: Journal, chain_id: int, rounds: Sequence[Round], levels: Sequence[LevelSeries]) -> None:
    """Store what a block added to the past."""
    with journal.together():
        journal.past.add_rounds(chain_id, rounds)
        for one in levels:
            journal.past.add_levels(chain_id, one)


def write(journal: Journal, thought: Thought, timings: tuple[tuple[str, float], ...]) -> int:
    """Record the tick and every value it needs to be made again; its id."""
    snapshot, kept = thought.history.snapshot, write_values(journal, thought)
    verdict, reason, intent = summary(thought)
    return journal.ticks.add(
        Tick(
            recorded_at=Timestamp(int(time.time())),
            chain_id=snapshot.chain_id,
            vault=thought.mandate.vault,
            block=snapshot.head.number,
            block_hash=snapshot.head.hash,
            timestamp=snapshot.head.timestamp,
            seed=thought.seed,
            verdict=verdict,
            reason=reason,
            intent_id=intent,
            timings=timings,
            history=kept["history"],
            state=kept["state"],
            beliefs=kept["beliefs"],
            mandate=kept["mandate"],
            decision=kept["decision"],
            next_state=kept["next_state"],
        )
    )


def summary(thought: Thought) -> tuple[str, str, Hash | None]:
    """Verdict, reason and intent id, as the journal lists them."""
    verdict, cleared = thought.decision.verdict, thought.cleared
    why = thought.decision.why
    if isinstance(verdict, Hold):
        return "hold", why or verdict.plan.reason, None
    if isinstance(verdict, Refused):
        return "refused", describe(verdict.reasons), None
    if isinstance(cleared, Refused):
        return "refused", describe(cleared.reasons), None
    return "act", f"{why}; chosen: {verdict.plan.reason}" if why else verdict.plan.reason, verdict.order.intent_id


def states(journal: Journal | None, chain_id: int, vaults: Sequence[Address], sender: Address) -> dict[Address, State]:
    """By vault, its memory after its last recorded tick, with the intents that are open now; asked for all at once."""
    if journal is None:
        return {vault: State(vault) for vault in vaults}
    last = journal.ticks.next_states(chain_id, vaults)
    unsettled = journal.intents.unsettled(chain_id, sender)
    remembered = (journal.blobs.load(State, last[vault]) if vault in last else State(vault) for vault in vaults)
    return {state.vault: _with_open(state, unsettled) for state in remembered}


def replay(journal: Journal, number: int) -> Replay:
    """Decide again from what tick `number` recorded. Raises BadInput when there is none."""
    tick = journal.ticks.get(number)
    if tick is None:
        raise BadInput(f"the journal {journal.name} has no tick {number}; `keeper journal` lists them")
    load = journal.blobs.load
    again = decided(
        load(History, tick.history),
        load(State, tick.state),
        load(Beliefs, tick.beliefs),
        load(Mandate, tick.mandate),
        tick.seed,
    )
    return Replay(number, load(Decision, tick.decision), again)


def _with_open(remembered: State, unsettled: Sequence[Intent]) -> State:
    mine = [i for i in unsettled if i.vault == remembered.vault and i.state in UNRESOLVED]
    return replace(
        remembered,
        open_intents=tuple(i.intent_id for i in mine if not i.urgent),
        open_rescues=tuple(i.intent_id for i in mine if i.urgent),
    )
