"""What every section of the track record shares: its span, its seed, and how a table and a skill are written."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from keeper.forecast import contest as contests
from keeper.forecast import scores

START = int(datetime(2021, 1, 1, tzinfo=UTC).timestamp())
SEED = 5
BLOCK_H = 168
"""A week: longer than every horizon, and about as long as a storm."""
CHAMPION = contests.RANGED

Lines = Iterator[str]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Lines:
    yield "| " + " | ".join(head) + " |"
    yield "| --- |" + " ---: |" * (len(head) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def span(skill: scores.Skill, digits: int = 3) -> str:
    return f"{skill.value:+.{digits}f} [{skill.low:+.{digits}f}, {skill.high:+.{digits}f}]"
