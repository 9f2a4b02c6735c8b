"""docs/safety.md: every promise has its row, and whatever a row or a link points at is there."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/safety.md").read_text()
SENTENCES = dict(
    re.findall(
        r'string internal constant (\w+) =\s*"([A-Z]+-\d+) ', (ROOT / "tests/solidity/invariants/Law.sol").read_text()
    )
)
"""Id of every sentence, by its constant."""
CAMPAIGNS = "".join(path.read_text() for path in (ROOT / "tests/solidity/invariants").glob("*.sol"))
ROWS = dict(re.findall(r"^\| (C-\d+) \| .* \| (.*) \|$", PAGE, re.MULTILINE))
NOT_APPLICABLE = {"C-19", "C-34"}


def missing(reference: str) -> str | None:
    """What is wrong with `file::name` or a sentence's id, in a word, if anything is."""
    if "::" not in reference:
        constants = [constant for constant, sentence in SENTENCES.items() if sentence == reference]
        asserted = [constant for constant in constants if re.search(rf"\bLaw\.{constant}\b", CAMPAIGNS)]
        return None if asserted else "no campaign asserts it"
    name, function = reference.split("::")
    path = ROOT / name
    if not name.startswith("tests/") or not path.is_file():
        return "no such file"
    keyword = "def" if path.suffix == ".py" else "function"
    return None if re.search(rf"^ *{keyword} {function}\(", path.read_text(), re.MULTILINE) else "no such function"


def test_every_promise_has_one_row_in_order() -> None:
    assert re.findall(r"^\| (C-\d+) ", PAGE, re.MULTILINE) == [f"C-{number}" for number in range(1, 43)]
    assert len(ROWS) == 42


@pytest.mark.parametrize("promise", ROWS)
def test_what_proves_a_promise_exists(promise: str) -> None:
    references = re.findall(r"`([^`]+)`", ROWS[promise])
    assert bool(references) != (promise in NOT_APPLICABLE)
    assert len(set(references)) == len(references)
    rotten = {reference: wrong for reference in references if (wrong := missing(reference))}
    assert not rotten


def test_a_reference_that_rots_is_seen() -> None:
    file = "tests/solidity/vaults/BasketRefusals.t.sol"
    assert missing(f"{file}::test_C6_refuses_TooMuchLoss") is None
    assert missing(f"{file}::test_C6_refuses_TooMuch") == "no such function"
    assert missing("tests/solidity/vaults/Basket.t.sol::test_C6_refuses_TooMuchLoss") == "no such file"
    assert missing("tests/test_safety_page.py::missing") is None
    assert missing("K-1") is None
    assert missing("K-99") == "no campaign asserts it"


def test_every_sentence_stands_in_the_rows_of_its_promises() -> None:
    """In the row of each promise that the sentence names; A-4 and a few others name none."""
    law = (ROOT / "tests/solidity/invariants/Law.sol").read_text()
    for sentence, promises in re.findall(r'"([A-Z]+-\d+) [^"]*\((C-\d+(?:, C-\d+)*)\)"', law):
        for promise in promises.split(", "):
            assert f"`{sentence}`" in ROWS[promise], f"{promise} does not cite {sentence}"


def test_the_page_of_what_breaks_a_sentence_is_of_this_law() -> None:
    """Every sentence stands there, and each weakening named is one of that sentence that can be replayed."""
    rows = re.findall(r"^\| ([A-Z]+-\d+) .*? \| ([\w-]*) ?\|", (ROOT / "docs/sentences.md").read_text(), re.MULTILINE)
    assert list(dict.fromkeys(sentence for sentence, _ in rows)) == list(SENTENCES.values())
    known = tomllib.loads((ROOT / "scripts/mutation/sentences.toml").read_text())
    assert all(known[name]["sentence"] == sentence for sentence, name in rows if name)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE))))
def test_links_resolve(link: str) -> None:
    assert (ROOT / "docs" / link).is_file()
