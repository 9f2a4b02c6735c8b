"""The block that `scripts/bench decision` measures: every kind of vault is planned for, over one shared market."""

import sys
from pathlib import Path

import pytest

from keeper.decide import decide
from keeper.model import MAX_LEGS, Approved

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts" / "benchmarks"))
from decision_parts.scene import BELIEFS, Block, block, next_block


@pytest.fixture(scope="module")
def fleet() -> Block:
    return block(5, 60)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_every_kind_of_vault_acts(fleet: Block, share: float) -> None:
    one = next_block(fleet, share)
    kinds = set()
    for state, mandate in one.watched:
        found = decide(one.history, state, BELIEFS, mandate, 0)
        assert isinstance(found.verdict, Approved), found
        assert 0 < len(found.verdict.plan.legs) <= MAX_LEGS
        kinds.add(mandate.kind)
        assert decide(one.history, state, BELIEFS, mandate, 0) == found, "what is remembered changes nothing"
    assert kinds == {"basket", "leverage", "range"}
