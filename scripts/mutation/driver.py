"""All mutants in one run of forge: a test for each, which calls the tests of every suite until one of them fails.

Starting forge, and making a world, costs more than most tests do. Here both happen once. A suite is made while no
mutant is chosen, so that what only a constructor would show stays alive: that is for a run of its own to say.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

PATH = "tests/solidity/Mutants.t.sol"
DRAWS = 3  # sets of arguments for a fuzz test

HEAD = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {Test} from "forge-std/Test.sol";

contract MutantsTest is Test {
    struct Case { uint256 suite; string name; bytes data; }

    address[] private suites;
    uint256[] private starts;
    Case[] private cases;

    function attempt(address suite, bytes calldata data) external {
        (bool ok, bytes memory answer) = suite.call(data);
        bytes memory outcome = abi.encode(ok, answer);
        assembly {
            revert(add(outcome, 0x20), mload(outcome))
        }
    }

    function _try(uint256 id) private {
        vm.prevrandao(bytes32(id));
        for (uint256 i; i < cases.length; ++i) {
            Case memory one = cases[i];
            vm.warp(starts[one.suite]);
            vm.clearMockedCalls();
            (, bytes memory outcome) = address(this).call(abi.encodeCall(this.attempt, (suites[one.suite], one.data)));
            (bool ok, bytes memory answer) = abi.decode(outcome, (bool, bytes));
            bool assumed = answer.length >= 15 && bytes15(answer) == bytes15("FOUNDRY::ASSUME");
            if (!ok && !assumed) revert(one.name);
        }
    }

"""


@dataclass(frozen=True, slots=True)
class Suite:
    """A test contract: `artefact` as forge names it, and its ABI."""

    artefact: str
    abi: tuple[dict[str, Any], ...]


def source(suites: Sequence[Suite], numbers: Iterable[int], left_out: Mapping[str, object]) -> str:
    """The driver's text: `test_m0` tries no mutant and must pass. `left_out`: tests that do not run in here."""
    lines = ["    function setUp() public {"]
    bodies = []
    for at, suite in enumerate(suites):
        name = suite.artefact.split(":")[1]
        lines.append(f"        _open{at}();")
        body = [
            f"    function _open{at}() private {{",
            f'        address suite = vm.deployCode("{suite.artefact}");',
            '        (bool ok,) = suite.call(abi.encodeWithSignature("setUp()"));',
            f'        require(ok, "{name}.setUp");' if _has_set_up(suite) else "        ok;",
            "        suites.push(suite);",
            "        starts.push(vm.getBlockTimestamp());",
            *(
                f'        cases.push(Case({at}, "{name}.{test}", hex"{data.hex()}"));'
                for test, data in _calls(suite)
                if f"{name}.{test}" not in left_out
            ),
            "    }",
            "",
        ]
        bodies += body
    lines += ["    }", "", *bodies]
    lines += [f"    function test_m{number}() external {{ _try({number}); }}" for number in (0, *numbers)]
    return HEAD + "\n".join(lines) + "\n}\n"


def failures(output: str) -> dict[int, str]:
    """From forge's words: what each failing mutant's test gave as its reason, `Suite.test` for most."""
    found = {}
    for reason, number in re.findall(r"^\[FAIL(?:: (.*?))?\] test_m(\d+)\(\)", output, re.MULTILINE):
        found[int(number)] = reason
    return found


def _has_set_up(suite: Suite) -> bool:
    return any(entry.get("name") == "setUp" for entry in suite.abi)


def _calls(suite: Suite) -> list[tuple[str, bytes]]:
    """Every test with its calldata, the cheap ones first: those without arguments."""
    tests = [entry for entry in suite.abi if entry["type"] == "function" and entry["name"].startswith("test")]
    plain = [(entry["name"], keccak(text=f"{entry['name']}()")[:4]) for entry in tests if not entry["inputs"]]
    drawn = [
        (
            entry["name"],
            keccak(text=f"{entry['name']}({','.join(kinds)})")[:4] + _words(kinds, f"{entry['name']}{draw}"),
        )
        for entry in tests
        if (kinds := [_kind(part) for part in entry["inputs"]])
        for draw in range(DRAWS)
    ]
    return plain + drawn


def _kind(part: dict[str, Any]) -> str:
    if not part["type"].startswith("tuple"):
        return str(part["type"])
    return f"({','.join(_kind(component) for component in part['components'])}){part['type'].removeprefix('tuple')}"


def _words(kinds: Sequence[str], seed: str) -> bytes:
    draw = random.Random(seed)
    return encode(kinds, [_value(kind, draw) for kind in kinds])


def _value(kind: str, draw: random.Random) -> Any:
    if array := re.fullmatch(r"(.*)\[(\d*)\]", kind):
        return [_value(array[1], draw) for _ in range(int(array[2] or 3))]
    if kind.startswith("("):
        return tuple(_value(part, draw) for part in kind.strip("()").split(","))
    if kind == "bool":
        return draw.random() < 0.5
    if kind == "address":
        return f"0x{draw.randrange(1, 2**160):040x}"
    sized = re.fullmatch(r"(u?int|bytes)(\d+)", kind)
    if sized is None:
        raise ValueError(f"no argument is drawn for a {kind}")
    bits = int(sized[2])
    if sized[1] == "bytes":
        return draw.randbytes(bits)
    if sized[1] == "int":
        return draw.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1))
    return draw.randrange(2 ** draw.randrange(1, bits + 1))
