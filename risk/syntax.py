"""Reads a rule's expression: the part of CEL that rules are written in, as a tree whose every node knows its place.
Pure. What is outside of it is refused here, with its place: so nothing that loops or takes long is ever evaluated."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

MAX_LENGTH = 2_000
MAX_DEPTH = 40
MAX_NODES = 400
INT64 = 2**63 - 1

TOKEN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<sign>&&|\|\||==|!=|<=|>=|[-<>!+*/%().,\[\]])""",
    re.VERBOSE,
)
ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t"}
# How tightly they bind; CEL's own order.
BINDS = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(["==", "!=", "<", "<=", ">", ">=", "in"], 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
}
MEANT = {"&": "&&", "|": "||", "=": "=="}
WORDS = {"and": "&&", "or": "||", "not": "!"}


class Misread(Exception):
    """What is wrong with an expression, and where: the first character's place, from 0, and how many they are."""

    def __init__(self, message: str, at: int, length: int = 1) -> None:
        super().__init__(message)
        self.message, self.at, self.length = message, at, max(1, length)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the expression, from its first character to the one after its last."""

    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: int | str | bool


@dataclass(frozen=True, slots=True)
class Several(Node):
    """`[…]`, the right side of an `in`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fact(Node):
    """`card.country`, `score`."""

    path: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`customer.email.endsWith('.example')`."""

    on: Node
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    sign: str
    of: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    at: int


def read(expression: str) -> Node:
    """The tree of the whole expression. Misread where it is none of ours."""
    if len(expression) > MAX_LENGTH:
        raise Misread(
            f"A rule has at most {MAX_LENGTH} characters; this one has {len(expression)}.", MAX_LENGTH
        )
    reader = _Reader(expression, list(_tokens(expression)))
    if reader.now.kind == "end":
        raise Misread("Say when the rule matches, such as payment.amount > 10000.", 0)
    tree = reader.expression(0, depth=0)
    reader.expect_end()
    return tree


def facts_in(tree: Node) -> dict[str, None]:
    """The paths of the facts in it, each once, in their order."""
    match tree:
        case Fact():
            return {tree.path: None}
        case Several():
            below: tuple[Node, ...] = tree.items
        case Call():
            below = (tree.on, *tree.arguments)
        case Unary():
            below = (tree.of,)
        case Binary():
            below = (tree.left, tree.right)
        case _:
            below = ()
    return {path: None for one in below for path in facts_in(one)}


def _tokens(expression: str) -> Iterator[Token]:
    at = 0
    while at < len(expression):
        found = TOKEN.match(expression, at)
        if found is None:
            raise Misread(_stranger(expression[at]), at)
        if found.lastgroup != "blank":
            yield Token(str(found.lastgroup), found.group(), at)
        at = found.end()
    yield Token("end", "", len(expression))


def _stranger(sign: str) -> str:
    if sign in "'\"":
        return "This text does not end: it needs the same quotation mark once more."
    if sign in MEANT:
        return f"'{sign}' alone means nothing here. Did you mean '{MEANT[sign]}'?"
    if sign == "?":
        return "'a ? b : c' is not part of rules: say it with && and ||."
    return f"'{sign}' means nothing here."


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, expression: str, tokens: list[Token]) -> None:
        self.source = expression
        self.tokens = tokens
        self.place = 0
        self.nodes = 0

    @property
    def now(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.now
        self.place = min(self.place + 1, len(self.tokens) - 1)
        return token

    def expect(self, text: str, why: str) -> Token:
        if self.now.text != text or self.now.kind == "text":
            raise Misread(why, self.now.at, len(self.now.text))
        return self.take()

    def expect_end(self) -> None:
        token = self.now
        if token.kind == "end":
            return
        meant = WORDS.get(token.text.lower())
        hint = f" Did you mean '{meant}'?" if meant else " Is there a && or || missing before it?"
        raise Misread(f"'{token.text}' does not fit here.{hint}", token.at, len(token.text))

    def expression(self, binds: int, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise Misread(f"It is nested more than {MAX_DEPTH} deep.", self.now.at)
        left = self.unary(depth)
        while (strength := self._strength()) > binds:
            sign = self.take().text
            right = self.expression(strength, depth + 1)
            left = self.made(Binary(left.at, right.end, sign, left, right))
        return left

    def unary(self, depth: int) -> Node:
        token = self.now
        if token.kind == "sign" and token.text in ("!", "-"):
            if depth > MAX_DEPTH:
                raise Misread(f"It is nested more than {MAX_DEPTH} deep.", token.at)
            self.take()
            of = self.unary(depth + 1)
            return self.made(Unary(token.at, of.end, token.text, of))
        return self.called(self.primary(depth), depth)

    def primary(self, depth: int) -> Node:
        token = self.take()
        end = token.at + len(token.text)
        match token.kind:
            case "number":
                return self.made(Literal(token.at, end, _number(token)))
            case "text":
                return self.made(Literal(token.at, end, _text(token)))
            case "name" if token.text in ("true", "false"):
                return self.made(Literal(token.at, end, token.text == "true"))
            case "name":
                return self.fact(token)
            case "sign" if token.text == "(":
                inner = self.expression(0, depth + 1)
                return replace(inner, at=token.at, end=self.expect(")", "A ')' is missing.").at + 1)
            case "sign" if token.text == "[":
                return self.several(token, depth)
        missing = "Here something is missing" if token.kind == "end" else f"'{token.text}' does not fit here"
        raise Misread(f"{missing}: a fact, a number or a text in quotation marks.", token.at, len(token.text))

    def fact(self, first: Token) -> Node:
        """A path up to what is called on it."""
        if self.now.text == "(":
            raise Misread(
                f"{first.text}(…) is not part of rules.{_with_dot(first.text)}", first.at, len(first.text)
            )
        path, end = first.text, first.at + len(first.text)
        while self.now.text == "." and not self._is_call():
            self.take()
            name = self.take()
            if name.kind != "name":
                raise Misread(f"After '{path}.' a name is missing.", name.at, len(name.text))
            path, end = f"{path}.{name.text}", name.at + len(name.text)
        return self.made(Fact(first.at, end, path))

    def called(self, on: Node, depth: int) -> Node:
        while self.now.text == "." and self.now.kind == "sign":
            self.take()
            name = self.take()
            self.expect("(", f"'{name.text}' is no part of this. Is a '(' missing?")
            arguments = []
            while self.now.text != ")":
                arguments.append(self.expression(0, depth + 1))
                if self.now.text != ")":
                    self.expect(",", "A ')' is missing.")
            end = self.expect(")", "A ')' is missing.").at + 1
            on = self.made(Call(on.at, end, on, name.text, tuple(arguments)))
        return on

    def several(self, first: Token, depth: int) -> Node:
        items = []
        while self.now.text != "]":
            items.append(self.expression(3, depth + 1))
            if self.now.text != "]":
                self.expect(",", "A ']' is missing.")
        end = self.expect("]", "A ']' is missing.").at + 1
        return self.made(Several(first.at, end, tuple(items)))

    def made(self, node: Node) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise Misread(f"It has more than {MAX_NODES} parts: make two rules of it.", node.at)
        return node

    def _is_call(self) -> bool:
        return [token.text for token in self.tokens[self.place + 2 : self.place + 3]] == ["("]

    def _strength(self) -> int:
        return BINDS.get(self.now.text, 0) if self.now.kind in ("sign", "name") else 0


def _number(token: Token) -> int:
    if "." in token.text:
        raise Misread("Only whole numbers: amounts are in the smallest unit.", token.at, len(token.text))
    if len(token.text) > 19 or int(token.text) > INT64:
        raise Misread("This number is too large.", token.at, len(token.text))
    return int(token.text)


def _text(token: Token) -> str:
    def escaped(found: re.Match[str]) -> str:
        try:
            return ESCAPES[found.group(1)]
        except KeyError:
            raise Misread(
                f"'{found.group()}' means nothing in a text.", token.at + 1 + found.start(), 2
            ) from None

    return re.sub(r"\\(.)", escaped, token.text[1:-1])


def _with_dot(name: str) -> str:
    return " Write it behind the text, such as customer.email.size()." if name == "size" else ""
