"""All mutants in one run of forge: a test for each, which calls the tests of every suite until one of them fails.

Starting forge, and making a world, costs more than most tests do. Here both happen once. A suite is then made while no
mutant is chosen, so that what only a constructor would show stays alive: that is for a world made anew to say.
"""

import random
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

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
        (bool ok, bytes memory answer) = suite.call{gas: 400_000_000}(data); // some mutants never end
        bytes memory outcome = abi.encode(ok, answer);
        assembly {
            revert(add(outcome, 0x20), mload(outcome))
        }
    }

    function _open(string memory artefact, string memory name, bool prepares) private {
        address suite = vm.deployCode(artefact);
        (bool ok,) = suite.call(abi.encodeWithSignature("setUp()"));
        require(ok || !prepares, name);
        suites.push(suite);
        starts.push(vm.getBlockTimestamp());
    }

    function _tryAnew(uint256 id) private {
        vm.prevrandao(bytes32(id));
        delete suites;
        delete starts;
        _openAll();
        _try(id);
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
    """A test contract: `artefact` as forge names it, and the selector of every function by its signature."""

    artefact: str
    methods: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.artefact.split(":")[1]


def source(suites: Sequence[Suite], numbers: Iterable[int], left_out: Collection[str], anew: bool) -> str:
    """The driver's text: `test_m0` tries no mutant and must pass. `left_out`: tests that do not run in here.

    anew: every mutant in a world of its own, which it may already keep from being made.
    """
    opened = [
        f'_open("{suite.artefact}", "{suite.name}.setUp", {str("setUp()" in suite.methods).lower()});'
        for suite in suites
    ]
    # The cheap ones first: those that draw nothing.
    called = sorted(
        (bool(types), at, f"{suite.name}.{test}", data)
        for at, suite in enumerate(suites)
        for test, types, data in _calls(suite)
    )
    cases = [f'cases.push(Case({at}, "{test}", hex"{data}"));' for _, at, test, data in called if test not in left_out]
    lines = ["    function _openAll() private {", *(f"        {line}" for line in opened), "    }", ""]
    lines += ["    function setUp() public {", *(f"        {line}" for line in ("_openAll();", *cases)), "    }", ""]
    tried = "_tryAnew" if anew else "_try"
    lines += [f"    function test_m{number}() external {{ {tried}({number}); }}" for number in (0, *numbers)]
    return HEAD + "\n".join(lines) + "\n}\n"


def failures(output: str) -> dict[int, str]:
    """From forge's words: what each failing mutant's test gave as its reason, `Suite.test` for most."""
    found = {}
    for reason, number in re.findall(r"^\[FAIL(?:: (.*?))?\] test_m(\d+)\(\)", output, re.MULTILINE):
        found[int(number)] = reason
    return found


def _calls(suite: Suite) -> Iterable[tuple[str, tuple[str, ...], str]]:
    """Every test with its types and its calldata, those with arguments several times, where they can be drawn."""
    for signature, selector in suite.methods.items():
        test, _, inside = signature.removesuffix(")").partition("(")
        types = tuple(re.findall(r"[a-z0-9]+(?:\[\d*\])?", inside))
        if not test.startswith("test"):
            continue
        for draw in range(DRAWS if types else 1):
            words = [_word(kind, random.Random(f"{signature} {draw} {at}")) for at, kind in enumerate(types)]
            if None not in words:
                yield test, types, selector + "".join(str(word) for word in words)


def _word(kind: str, draw: random.Random) -> str | None:
    """Hexadecimal digits of a value of a static type; tuples are their parts in a row. None for a dynamic one."""
    if array := re.fullmatch(r"(\w+)\[(\d+)\]", kind):
        return "".join(_word(array[1], draw) or "" for _ in range(int(array[2])))
    if kind == "bool":
        return f"{draw.randrange(2):064x}"
    sized = re.fullmatch(r"(u?int|bytes)(\d+)", "uint160" if kind == "address" else kind)
    if sized is None:
        return None
    size = int(sized[2])
    if sized[1] == "bytes":
        return draw.randbytes(size).hex().ljust(64, "0")
    if sized[1] == "int":
        return f"{draw.randrange(-(2 ** (size - 1)), 2 ** (size - 1)) % 2**256:064x}"
    return f"{draw.randrange(2 ** draw.randrange(1, size + 1)):064x}"
