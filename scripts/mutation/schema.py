"""One text for all mutants of a file: each is there, and the block's `prevrandao` says which one is meant; 0 is none.

A mutant costs a compilation of some seconds and a run of about one. Compiled together they cost the run alone, and
forge sets `prevrandao` from its command line. `SWITCH` is the contract source that every such text imports.
"""

from collections.abc import Mapping, Sequence

from mutation.mutants import Mutant

SWITCH_PATH = "contracts/Mutation.sol"
SWITCH = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

function chosen(uint256 id) view returns (bool) {
    return block.prevrandao == id;
}

/// @dev Pure as far as the compiler knows: a mutant may stand in a pure function.
function mutant(uint256 id) pure returns (bool) {
    function(uint256) view returns (bool) reads = chosen;
    function(uint256) pure returns (bool) tells;
    assembly {
        tells := reads
    }
    return tells(id);
}
"""
IMPORT = f'import {{mutant}} from "{SWITCH_PATH}";'

Place = tuple[int, int, int]  # start, end, and 0 for what encloses another of the same range


def schema(source: bytes, mutants: Mapping[int, Mutant]) -> tuple[bytes, list[tuple[int, int, int]]]:
    """The text with every mutant, by its number above 0, and where each one's own words stand: (start, end, number)."""
    places: dict[Place, list[int]] = {}
    for number, mutant in mutants.items():
        order = {"statement": 0, "entry": 1, "expression": 2}[mutant.mode]
        places.setdefault((mutant.start, mutant.end, order), []).append(number)
    writer = _Writer(source, mutants, places)
    pragma = source.index(b";", source.index(b"pragma solidity")) + 1
    writer.put(source[:pragma] + b"\n" + IMPORT.encode())
    writer.write(pragma, len(source), sorted(places, key=lambda place: (place[0], -place[1], place[2])))
    return bytes(writer.text), writer.words


class _Writer:
    def __init__(self, source: bytes, mutants: Mapping[int, Mutant], places: Mapping[Place, list[int]]) -> None:
        self.source, self.mutants, self.places = source, mutants, places
        self.text = bytearray()
        self.words: list[tuple[int, int, int]] = []

    def put(self, text: bytes) -> None:
        self.text += text

    def write(self, start: int, end: int, inside: Sequence[Place]) -> None:
        """The source from start to end, with the choices at the places inside, outermost first."""
        at = start
        while inside:
            place, rest = inside[0], inside[1:]
            below = [other for other in rest if other[1] <= place[1]] if place[0] < place[1] else []
            self.put(self.source[at : place[0]])
            self._choose(place, below)
            at, inside = place[1], [other for other in rest if other not in below]
        self.put(self.source[at:end])

    def _choose(self, place: Place, below: Sequence[Place]) -> None:
        start, end, _ = place
        mode = self.mutants[self.places[place][0]].mode
        if mode == "expression":
            self.put(b"(")
        for number in self.places[place]:
            before, after = {
                "expression": (f"mutant({number}) ? (", ") : "),
                "statement": (f"if (mutant({number})) {{ ", " } else "),
                "entry": (f" if (mutant({number})) {{ ", " }"),
            }[mode]
            self.put(before.encode())
            begin = len(self.text)
            self.put(self.mutants[number].new.encode())
            self.words.append((begin, len(self.text), number))
            self.put(after.encode())
        if mode == "statement":
            self.put(b"{ ")
        if mode != "entry":
            self.write(start, end, below)
        self.put({"expression": b")", "statement": b" }", "entry": b""}[mode])
