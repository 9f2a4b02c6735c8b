"""A recorded tick in, the report that was made of it out; needs no node."""

from keeper.errors import BadInput
from keeper.journal import Journal, Tick
from keeper.model import Approved, Decision, History, Mandate, Outcome, Reason, Refused
from keeper.run.report import Report


def recall(journal: Journal, number: int) -> tuple[Tick, Report]:
    """Tick `number` as it was reported, with what has become of its intent since. Raises BadInput when there is none.

    The rehearsal itself is not kept; that it refused, and why, is.
    """
    tick = journal.ticks.get(number)
    if tick is None:
        raise BadInput(f"the journal {journal.name} has no tick {number}; `keeper journal` lists them")
    history = journal.blobs.load(History, tick.history)
    mandate = journal.blobs.load(Mandate, tick.mandate)
    decision = journal.blobs.load(Decision, tick.decision)
    stopped = tick.verdict == "refused" and isinstance(decision.verdict, Approved)
    return tick, Report(
        tick_id=number,
        name=mandate.name,
        mandate=mandate,
        snapshot=history.snapshot,
        decision=decision,
        cleared=Refused((Reason("rehearsal", tick.reason),)) if stopped else None,
        outcome=outcome_of(journal, tick),
        differences=(),
        timings=tick.timings,
    )


def outcome_of(journal: Journal, tick: Tick) -> Outcome | None:
    """What has become of the intent that a tick opened; None when it opened none, or only rehearsed.

    Ticks that plan the same thing at the same epoch name the same intent; whichever sent it was the last of them.
    """
    if tick.intent_id is None or journal.ticks.last_of(tick.intent_id) != tick.id:
        return None
    return journal.intents.outcome(tick.intent_id)
