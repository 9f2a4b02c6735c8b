"""From the syntax tree of one Solidity file to every mutant of it: one small change, that a test must see."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Node = dict[str, Any]
Mode = Literal["entry", "statement", "expression", "alone"]

BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
NEGATION = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "**": "*"}
LOGIC = ("&&", "||")
ROUNDING = {"Ceil": "Floor", "Floor": "Ceil"}
COMMUTATIVE = {"min", "max", "mulDiv"}  # mulDiv: its first two
PASSED_OVER = (
    "InlineAssembly",
    "ImportDirective",
    "StructuredDocumentation",
    "ElementaryTypeName",
    "VariableDeclaration",
)
DEFAULTS = {"bool": "false", "uint256": "0"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """Bytes [start, end) of `file` read `old` and become `new`.

    mode: how it can stand beside the others in one text. An expression and a statement are chosen when they are
    reached; an entry stands before a function's first statement; what stands alone needs a compilation of its own.
    """

    file: str
    function: str
    operator: str
    mode: Mode
    start: int
    end: int
    old: str
    new: str
    twin: int = 0  # counts mutants that would otherwise have the same name

    @property
    def name(self) -> str:
        """Stable while the code around it moves."""
        twin = f" ({self.twin + 1})" if self.twin else ""
        return f"{self.function}: {self.operator}: {_one_line(self.old)} → {_one_line(self.new)}{twin}"


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text or "nothing"


def mutants_of(trees: Mapping[str, Node], source: bytes, file: str) -> list[Mutant]:
    """Every mutant of a file, in the order of the text. `trees` are solc's by file, this one of exactly this source."""
    found = sorted(
        _Walk(source, file, trees).all(trees[file]), key=lambda mutant: (mutant.start, mutant.end, mutant.new)
    )
    seen: dict[str, int] = {}
    named = []
    for mutant in found:
        twin = seen[mutant.name] = seen.get(mutant.name, -1) + 1
        named.append(replace(mutant, twin=twin))
    return named


class _Walk:
    def __init__(self, source: bytes, file: str, trees: Mapping[str, Node]) -> None:
        self.source, self.file, self.function = source, file, ""
        functions = [node for tree in trees.values() for node in _nodes(tree, "FunctionDefinition")]
        self.own = {node["id"] for tree in trees.values() for node in _nodes(tree, "ModifierDefinition")}
        self.entries = [node for node in functions if "functionSelector" in node]

    def all(self, node: Any, parent: Node | None = None) -> Iterator[Mutant]:
        """Of the node and of what is below it, in a function or a modifier."""
        if isinstance(node, list):
            for child in node:
                yield from self.all(child, parent)
        if not isinstance(node, dict):
            return
        kind = node.get("nodeType", "")
        if kind in PASSED_OVER:
            return
        outer = self.function
        if kind in ("FunctionDefinition", "ModifierDefinition"):
            self.function = node["name"] or node.get("kind", "")
        yield from getattr(self, f"_{kind}", _nothing)(node, parent or {})
        if not _is_constant(node):
            for key, child in node.items():
                if key not in ("leftHandSide", "typeName", "modifierName", "parameters", "returnParameters", "name"):
                    yield from self.all(child, node if "nodeType" in node else parent)
        self.function = outer

    def text(self, node: Node) -> str:
        start, end = _range(node)
        return self.source[start:end].decode()

    def make(self, node: Node, operator: str, new: str, mode: Mode = "expression") -> Mutant:
        start, end = _range(node)
        if mode == "statement":
            end = self.source.index(b";", end) + 1
        return self._at(start, end, operator, new, mode)

    def _at(self, start: int, end: int, operator: str, new: str, mode: Mode) -> Mutant:
        old = self.source[start:end].decode()
        return Mutant(self.file, self.function, operator, mode, start, end, old, new)

    # functions

    def _FunctionDefinition(self, node: Node, _: Node) -> Iterator[Mutant]:
        for modifier in node["modifiers"]:
            seen_there = "functionSelector" in node and modifier["modifierName"]["referencedDeclaration"] in self.own
            if modifier.get("kind") == "modifierInvocation" and not seen_there:
                yield self.make(modifier, "deleted modifier", "", "alone")
        if not node.get("body") or node["kind"] != "function":
            return
        answer = _default_answer(node["returnParameters"]["parameters"])
        if answer is not None:
            inside = _range(node["body"])[0] + 1
            yield self._at(inside, inside, "early return", answer, "entry")

    def _ModifierDefinition(self, node: Node, _: Node) -> Iterator[Mutant]:
        """Deleted from one function after the other: there it would need a compilation of its own."""
        for entry in self.entries:
            if node["id"] not in [modifier["modifierName"]["referencedDeclaration"] for modifier in entry["modifiers"]]:
                continue
            for statement in _nodes(node["body"], "ExpressionStatement"):
                kept = f"if (msg.sig != 0x{entry['functionSelector']}) {self.text(statement)};"
                yield self.make(statement, f"deleted modifier of {entry['name']}", kept, "statement")

    # statements

    def _ExpressionStatement(self, node: Node, parent: Node) -> Iterator[Mutant]:
        if parent.get("loopExpression") is node:
            return
        yield self.make(node, "deleted statement", "", "statement")
        inner = node["expression"]
        if inner["nodeType"] == "Assignment" and inner["operator"] in ("+=", "-="):
            left, right = self.text(inner["leftHandSide"]), self.text(inner["rightHandSide"])
            other = "-=" if inner["operator"] == "+=" else "+="
            yield self.make(node, "arithmetic", f"{left} {other} {right};", "statement")

    def _EmitStatement(self, node: Node, _: Node) -> Iterator[Mutant]:
        yield self.make(node, "deleted event", "", "statement")

    def _RevertStatement(self, node: Node, parent: Node) -> Iterator[Mutant]:
        if parent.get("nodeType") != "IfStatement":
            yield self.make(node, "deleted revert", "", "statement")

    def _IfStatement(self, node: Node, _: Node) -> Iterator[Mutant]:
        yield self.make(node["condition"], "never", "false")

    # expressions

    def _BinaryOperation(self, node: Node, parent: Node) -> Iterator[Mutant]:
        operator = node["operator"]
        if _is_constant(node):
            return
        left, right = self.text(node["leftExpression"]), self.text(node["rightExpression"])
        if operator in BOUNDARY:
            yield self.make(node, "boundary", f"{left} {BOUNDARY[operator]} {right}")
        if operator in NEGATION and parent.get("nodeType") != "IfStatement":  # there, `never` is the subtler one
            yield self.make(node, "negation", f"{left} {NEGATION[operator]} {right}")
        if operator in ARITHMETIC:
            yield self.make(node, "arithmetic", f"{left} {ARITHMETIC[operator]} {right}")
        if operator in LOGIC:
            yield self.make(node, "logic", left)
            yield self.make(node, "logic", right)

    def _UnaryOperation(self, node: Node, _: Node) -> Iterator[Mutant]:
        if node["operator"] in ("!", "-", "~") and not _is_constant(node):
            yield self.make(node, "negation", self.text(node["subExpression"]))

    def _Conditional(self, node: Node, _: Node) -> Iterator[Mutant]:
        condition, yes, no = (self.text(node[key]) for key in ("condition", "trueExpression", "falseExpression"))
        yield self.make(node, "negation", f"{condition} ? {no} : {yes}")

    def _Literal(self, node: Node, parent: Node) -> Iterator[Mutant]:
        value = node.get("typeDescriptions", {}).get("typeString", "").removeprefix("int_const ")
        converted = parent.get("kind") == "typeConversion" and not parent["typeDescriptions"]["typeString"].startswith(
            ("uint", "int")
        )
        if node["kind"] != "number" or not value.isdigit() or converted:
            return
        cast = _cast_beside(node, parent)
        for number in (int(value) + 1, int(value) - 1):
            if number < 0 or cast.startswith("bytes"):
                continue
            new = f"{cast}({number})" if cast else str(number)
            if not cast.startswith("int"):
                yield self.make(node, "literal", new)
                continue
            # A signed number and a plain one have no type in common, but what is said of either has.
            start, end = (at - _range(parent)[0] for at in _range(node))
            whole = self.source[slice(*_range(parent))]
            yield self.make(parent, "literal", (whole[:start] + new.encode() + whole[end:]).decode())

    def _Identifier(self, node: Node, _: Node) -> Iterator[Mutant]:
        kind = node["typeDescriptions"]["typeString"]
        if node["name"].isupper() and kind.startswith(("uint", "int")):  # a constant, wherever declared
            for step in ("+", "-"):
                yield self.make(node, "constant", f"{node['name']} {step} 1")

    def _MemberAccess(self, node: Node, _: Node) -> Iterator[Mutant]:
        if node["memberName"] in ROUNDING:
            yield self.make(node, "rounding", f"Math.Rounding.{ROUNDING[node['memberName']]}")

    def _FunctionCall(self, node: Node, parent: Node) -> Iterator[Mutant]:
        if node["kind"] == "typeConversion" or parent.get("nodeType") in ("EmitStatement", "RevertStatement"):
            return
        callee, arguments = self.text(node["expression"]), [self.text(argument) for argument in node["arguments"]]
        name = node["expression"].get("memberName", "")
        if name == "mulDiv" and len(arguments) == 3:
            yield self.make(node, "rounding", f"{callee}({', '.join(arguments)}, Math.Rounding.Ceil)")
        if name in ("min", "max"):
            other = callee.replace("min", "MAX").replace("max", "min").replace("MAX", "max")
            yield self.make(node, "min and max", f"{other}({', '.join(arguments)})")
        first = 1 if name == "mulDiv" else len(arguments) if name in COMMUTATIVE else 0
        for i in range(first, len(arguments) - 1):
            one, two = (node["arguments"][at]["typeDescriptions"]["typeString"] for at in (i, i + 1))
            if one != two or node["names"] or arguments[i] == arguments[i + 1]:
                continue
            swapped = ", ".join([*arguments[:i], arguments[i + 1], arguments[i], *arguments[i + 2 :]])
            if parent.get("nodeType") == "ExpressionStatement":  # it may have no value to choose from
                yield self.make(node, "swapped arguments", f"{callee}({swapped});", "statement")
            elif parent.get("nodeType") != "TryStatement":  # of these the arguments change alone
                yield self.make(node, "swapped arguments", f"{callee}({swapped})")


def _nothing(_: Node, __: Node) -> Iterator[Mutant]:
    return iter(())


def _nodes(node: Any, kind: str) -> Iterator[Node]:
    """The node and what is below it, of this type."""
    if isinstance(node, dict):
        if node.get("nodeType") == kind:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _nodes(child, kind)


def _range(node: Node) -> tuple[int, int]:
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


def _is_constant(node: Node) -> bool:
    """Numbers alone: solc computes them, and the result has no type that a choice could have."""
    return str((node.get("typeDescriptions") or {}).get("typeString")).startswith("int_const")


def _cast_beside(node: Node, parent: Node) -> str:
    """The type that a literal takes from the operation it stands in; without it `10 ** x` would be of eight bits."""
    if parent.get("nodeType") != "BinaryOperation":
        return ""
    if parent["operator"] in ("<<", ">>", "**") and parent["rightExpression"] is node:
        return ""
    common: str = (parent.get("commonType") or parent["typeDescriptions"])["typeString"]
    return common if common.startswith(("uint", "int", "bytes")) and "_" not in common else ""


def _default_answer(parameters: list[Node]) -> str | None:
    names = [parameter["name"] for parameter in parameters]
    if not names:
        return "return;"
    if all(names):
        return f"return ({', '.join(names)});"
    kinds = [parameter["typeDescriptions"]["typeString"] for parameter in parameters]
    if all(kind in DEFAULTS for kind in kinds):
        return f"return ({', '.join(DEFAULTS[kind] for kind in kinds)});"
    return None
