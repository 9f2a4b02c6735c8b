"""One vault at one block: decide, rehearse, clear."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from keeper import guard
from keeper.chain.node import Node
from keeper.decide import decide
from keeper.model import Approved, Beliefs, Cleared, Decision, History, Mandate, Reason, Refused, State
from keeper.run.bind import Bound
from keeper.run.rehearsal import predict_on_node


@dataclass(slots=True)
class Stopwatch:
    """Seconds each stage took, in the order they first ran."""

    laps: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def lap(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.laps[stage] = self.laps.get(stage, 0.0) + time.perf_counter() - start

    def copy(self) -> "Stopwatch":
        return Stopwatch(dict(self.laps))

    @property
    def timings(self) -> tuple[tuple[str, float], ...]:
        return tuple(self.laps.items())


@dataclass(frozen=True, slots=True)
class Thought:
    """A decision with every argument it was made from, and what the rehearsal said of it."""

    history: History
    state: State
    beliefs: Beliefs
    mandate: Mandate
    seed: int
    decision: Decision
    cleared: Cleared | Refused | None


def decided(history: History, state: State, beliefs: Beliefs, mandate: Mandate, seed: int) -> Decision:
    """`decide`, with an arithmetic surprise in one vault as a refusal: it must not end the keeper of the others."""
    try:
        return decide(history, state, beliefs, mandate, seed)
    except (ArithmeticError, LookupError, ValueError) as error:
        sentence = f"{mandate.name}: the decision failed with {type(error).__name__}: {error}; tell the developers"
        return Decision(Refused((Reason("K-31", sentence),)), state, None, None)


def think(
    node: Node,
    bound: Bound,
    history: History,
    state: State,
    beliefs: Beliefs,
    mandate: Mandate,
    seed: int,
    watch: Stopwatch,
    beside: Callable[[Thought], None] = lambda thought: None,
) -> Thought:
    """Decide for one vault and, when a plan is approved, rehearse it on the node and compare. Nothing is signed.

    `beside` is told of an approved plan while its rehearsal is under way: to do then what has to be done besides.
    """
    with watch.lap("decide"):
        decision = decided(history, state, beliefs, mandate, seed)
    thought = Thought(history, state, beliefs, mandate, seed, decision, None)
    if isinstance(decision.verdict, Approved):
        with watch.lap("rehearse"), ThreadPoolExecutor(1, "rehearsal") as pool:
            rehearsed = pool.submit(predict_on_node, node, bound, history.snapshot, decision.verdict)
            beside(thought)
            return replace(thought, cleared=guard.clear(decision.verdict, rehearsed.result()))
    return thought
