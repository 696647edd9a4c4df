"""What rules are written in: a part of CEL over the facts, checked for names and types before it is saved. Pure."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import cel

from risk.facts import FIELDS, LISTS, UNKNOWN, Field
from risk.syntax import Binary, Call, Fact, Literal, Misread, Node, Several, Unary, facts_in, read

BY_PATH: Mapping[str, Field] = {one.path: one for one in FIELDS}
KINDS = {int: "int", str: "string", bool: "bool"}
NAMES = {"int": "a number", "string": "a text", "bool": "yes or no"}
ON_TEXT = {"startsWith": "bool", "endsWith": "bool", "contains": "bool", "size": "int"}
# Where the facts are written in one way only, a text written otherwise would never match.
SMALL = {"payment.currency", "card.brand", "card.funding", "customer.email", "customer.email_domain"}
CAPITAL = {"card.country", "customer.ip_country"}
# The request itself says these.
ALWAYS_KNOWN = {"payment.amount", "payment.hour"}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that can be evaluated. `reads` are the facts that it asks for, `parts` those conditions that must
    all hold, as they are written; `notes` what whoever wrote it may not have thought of."""

    expression: str
    reads: tuple[str, ...]
    parts: tuple[str, ...]
    notes: tuple[str, ...]


class Program:
    """An expression, ready to be asked. Safe to share between threads."""

    __slots__ = ("_program", "_variables", "expression")

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._program = cel.compile(expression)
        self._variables = tuple(self._program.variables())

    def matches(self, facts: Mapping[str, Any]) -> bool:
        """LookupError for a fact that is not there, ArithmeticError for a number that grows too large, TypeError for
        an answer that is no yes or no."""
        # Only what it reads: every value that is handed over is converted.
        answer = self._program.execute({name: facts[name] for name in self._variables})
        if answer is not True and answer is not False:
            raise TypeError(f"the answer is {answer!r}, neither yes nor no")
        return answer


def check(expression: str, *, lists: Collection[str]) -> Checked:
    """Misread, with the place, where names, types or the way it is written are wrong. `lists` are the keys of the
    lists that there are."""
    tree = read(expression)
    checker = _Checker(lists)
    kind = checker.kind(tree)
    if kind != "bool":
        raise Misread(
            f"A rule says yes or no; this is {NAMES[kind]}. Compare it with something.",
            tree.at,
            tree.end - tree.at,
        )
    if not checker.reads:
        raise Misread("A rule asks for at least one fact.", tree.at, tree.end - tree.at)
    try:
        cel.compile(expression)
    except ValueError as error:  # the library's own reading is the one that counts
        raise Misread(f"It can't be compiled: {error}", 0, len(expression)) from error
    parts = tuple(expression[part.at : part.end] for part in _conditions(tree))
    return Checked(expression, tuple(checker.reads), parts, tuple(checker.notes()))


def conditions(expression: str) -> tuple[str, ...]:
    """What must all hold, as it is written; the whole of what this version would not read."""
    try:
        return tuple(_text_of(part, expression) for part in _conditions(read(expression)))
    except Misread:
        return (expression,)


def paths_in(expression: str) -> list[str]:
    """The facts that it asks for; none for what this version would not read."""
    try:
        return list(facts_in(read(expression)))
    except Misread:
        return []


def _conditions(tree: Node) -> list[Node]:
    if isinstance(tree, Binary) and tree.sign == "&&":
        return [*_conditions(tree.left), *_conditions(tree.right)]
    return [tree]


def _text_of(node: Node, expression: str) -> str:
    return expression[node.at : node.end]


@dataclass
class _Checker:
    lists: Collection[str]
    reads: dict[str, None] = field(default_factory=dict)
    # Facts that are compared so that "not known" would match, and those for which it is excluded.
    low: dict[str, None] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def kind(self, node: Node) -> str:
        match node:
            case Literal():
                return KINDS[type(node.value)]
            case Fact():
                return self.fact(node)
            case Call():
                return self.call(node)
            case Unary():
                self.expect(node.of, "bool" if node.sign == "!" else "int", f"'{node.sign}'")
                return "bool" if node.sign == "!" else "int"
            case Binary():
                return self.binary(node)
            case Several():
                raise _wrong(node, "A list can only stand behind 'in'.")
            case _:
                raise AssertionError(node)

    def fact(self, node: Fact) -> str:
        group, _, name = node.path.partition(".")
        if group == LISTS and name in self.lists:
            self.reads[node.path] = None
            return "bool"
        known = BY_PATH.get(node.path)
        if known is None:
            raise _wrong(node, f"There is no fact '{node.path}'.{self._meant(node.path)}")
        self.reads[node.path] = None
        return known.type

    def _meant(self, path: str) -> str:
        every = [*BY_PATH, *(f"{LISTS}.{key}" for key in self.lists)]
        last = path.rpartition(".")[2]
        near = difflib.get_close_matches(path, every, n=1, cutoff=0.7)
        near = near or [one for one in every if one.rpartition(".")[2] == last][:1]
        return f" Did you mean {near[0]}?" if near else " The facts that there are stand beside."

    def call(self, node: Call) -> str:
        if node.name not in ON_TEXT:
            raise _wrong(node, f"'{node.name}' is not part of rules. There are {', '.join(ON_TEXT)}.")
        self.expect(node.on, "string", f"'{node.name}'")
        wanted = 0 if node.name == "size" else 1
        if len(node.arguments) != wanted:
            raise _wrong(node, f"'{node.name}' takes {'one text' if wanted else 'nothing'} in brackets.")
        for argument in node.arguments:
            self.expect(argument, "string", f"'{node.name}'")
            self.written_alike(node.on, argument)
        return ON_TEXT[node.name]

    def binary(self, node: Binary) -> str:
        match node.sign:
            case "&&" | "||":
                self.expect(node.left, "bool", f"'{node.sign}'")
                self.expect(node.right, "bool", f"'{node.sign}'")
                return "bool"
            case "==" | "!=":
                kind = self.kind(node.left)
                self.expect(node.right, kind, f"'{node.sign}' with {NAMES[kind]} before it")
                self.written_alike(node.left, node.right)
                self.written_alike(node.right, node.left)
                self.compared(node)
                return "bool"
            case "<" | "<=" | ">" | ">=":
                self.expect(node.left, "int", f"'{node.sign}'")
                self.expect(node.right, "int", f"'{node.sign}'")
                self.compared(node)
                return "bool"
            case "in":
                return self.inside(node)
            case _:
                return self.sum(node)

    def sum(self, node: Binary) -> str:
        self.expect(node.left, "int", f"'{node.sign}'")
        self.expect(node.right, "int", f"'{node.sign}'")
        if node.sign in "/%" and not (isinstance(node.right, Literal) and node.right.value):
            raise _wrong(node.right, "Divide only by a number that you write down, and not by 0.")
        return "int"

    def inside(self, node: Binary) -> str:
        kind = self.kind(node.left)
        if not isinstance(node.right, Several) or not node.right.items:
            raise _wrong(node.right, "After 'in' stands a list, such as ['DE', 'AT'].")
        for item in node.right.items:
            negative = isinstance(item, Unary) and item.sign == "-" and isinstance(item.of, Literal)
            if not (isinstance(item, Literal) or negative):
                raise _wrong(item, "A list holds numbers or texts that you write down.")
            self.expect(item, kind, f"a list behind {NAMES[kind]}")
            self.written_alike(node.left, item)
        return "bool"

    def expect(self, node: Node, wanted: str, where: str) -> None:
        found = self.kind(node)
        if found == wanted:
            return
        hint = ""
        if (
            isinstance(node, Literal)
            and wanted == "int"
            and found == "string"
            and str(node.value).isdecimal()
        ):
            hint = " Write it without quotation marks."
        raise _wrong(
            node, f"{where[:1].upper()}{where[1:]} wants {NAMES[wanted]}; this is {NAMES[found]}.{hint}"
        )

    def written_alike(self, fact: Node, text: Node) -> None:
        if not (isinstance(fact, Fact) and isinstance(text, Literal) and isinstance(text.value, str)):
            return
        value = text.value
        if fact.path in SMALL and value != value.lower():
            raise _wrong(text, f"{fact.path} is always in small letters: write '{value.lower()}'.")
        if fact.path in CAPITAL and value != value.upper():
            raise _wrong(text, f"{fact.path} is always in capital letters: write '{value.upper()}'.")

    def compared(self, node: Binary) -> None:
        """Remembers what a number that is not known would do to this comparison."""
        for fact, sign, other in (
            (node.left, node.sign, node.right),
            (node.right, MIRRORED[node.sign], node.left),
        ):
            number = _number(other)
            if not isinstance(fact, Fact) or number is None or not _may_be_unknown(fact.path):
                continue
            if (sign, number) in ((">=", 0), (">", UNKNOWN), ("!=", UNKNOWN)):
                self.known.add(fact.path)
            elif (sign == "<" and number > UNKNOWN) or (sign in ("<=", "!=") and number > UNKNOWN):
                self.low[fact.path] = None

    def notes(self) -> list[str]:
        return [
            f"{path} is {UNKNOWN} where it is not known: such payments match too. To leave them out add {path} >= 0."
            for path in self.low
            if path not in self.known
        ]


def _number(node: Node) -> int | None:
    if isinstance(node, Literal) and type(node.value) is int:
        return node.value
    if isinstance(node, Unary) and node.sign == "-" and (inner := _number(node.of)) is not None:
        return -inner
    return None


def _may_be_unknown(path: str) -> bool:
    known = BY_PATH.get(path)
    return known is not None and known.neutral == UNKNOWN and path not in ALWAYS_KNOWN


def _wrong(node: Node, message: str) -> Misread:
    return Misread(message, node.at, node.end - node.at)
