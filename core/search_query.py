"""Stripe's search query language, `status:'succeeded' AND -metadata['shop']:'7'`, read into clauses. What the fields
are and which rows they find is `core.search`'s part."""

import re
from dataclasses import dataclass
from typing import Literal, cast

from core.errors import InvalidRequest

Operator = Literal[":", "~", ">", "<", ">=", "<="]

# Stripe's limit.
MAX_CLAUSES = 10
# Ten clauses with values as long as metadata may hold fit in.
MAX_QUERY = 10_000
SHOWN_OF_QUERY = 20

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"(and|or)\b(?!\s*[:~<>\[])", re.IGNORECASE)
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_OPERATOR = re.compile(r">=|<=|[:~<>]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?![^\s)])", re.ASCII)
_NULL = re.compile(r"null(?![^\s)])", re.IGNORECASE)
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<text>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)""", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Clause:
    """`-metadata['key']:'value'`. `value` is None for null; `at` is where the clause begins, from 1."""

    field: str
    operator: Operator
    value: str | None
    key: str | None = None
    negated: bool = False
    at: int = 1

    @property
    def name(self) -> str:
        return self.field if self.key is None else f"{self.field}['{self.key}']"


@dataclass(frozen=True, slots=True)
class Query:
    """Every clause must hold, or (`alternatives`) one of them."""

    clauses: tuple[Clause, ...]
    alternatives: bool = False


def parse(text: str) -> Query:
    """The query's clauses. An InvalidRequest names the place of what can't be read."""
    return _Reader(text).query()


class _Reader:
    """Goes over the text once, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def query(self) -> Query:
        if len(self.text) > MAX_QUERY:
            raise InvalidRequest(f"The query is longer than {MAX_QUERY} characters.", param="query")
        self._take(_SPACE)
        if self._ended():
            raise InvalidRequest("The query is empty. Write for example: status:'succeeded'", param="query")
        clauses, joins = [self._clause()], set()
        while not self._ended():
            at = self.at
            joins.add(self._join())
            if len(joins) > 1:
                raise self._error("AND and OR can't be mixed in one query", at)
            if len(clauses) == MAX_CLAUSES:
                raise self._error(f"a query has at most {MAX_CLAUSES} clauses", self.at)
            clauses.append(self._clause())
        return Query(tuple(clauses), alternatives=joins == {"or"})

    def _join(self) -> str:
        """Clauses that only a space divides must all hold."""
        word = self._take(_WORD)
        self._take(_SPACE)
        if word is not None and self._ended():
            raise self._error(f"a clause is missing after {word[0].upper()}", self.at)
        return "and" if word is None else word[0].lower()

    def _clause(self) -> Clause:
        at = self.at
        if self.text[at] in "()":
            raise self._error("parentheses are not supported", at)
        negated = self.text[at] == "-"
        self.at += negated
        field = self._take(_FIELD)
        if field is None:
            raise self._error("the name of a field was expected", self.at)
        key = self._key()
        self._take(_SPACE)
        operator = self._take(_OPERATOR)
        if operator is None:
            raise self._error(f"one of : ~ > < >= <= was expected after {field[0]}", self.at)
        self._take(_SPACE)
        value = self._value()
        end = self.at
        self._take(_SPACE)
        if self.at == end and not self._ended():
            raise self._error("a space was expected", end)
        return Clause(field[0], cast(Operator, operator[0]), value, key, negated, at + 1)

    def _key(self) -> str | None:
        if not self.text.startswith("[", self.at):
            return None
        self.at += 1
        key = self._take(_QUOTED)
        if key is None or not self.text.startswith("]", self.at):
            raise self._error("a key in quotes and brackets was expected, such as metadata['key']", self.at)
        self.at += 1
        return _ESCAPED.sub(r"\1", key["text"])

    def _value(self) -> str | None:
        if self._take(_NULL):
            return None
        if quoted := self._take(_QUOTED):
            return _ESCAPED.sub(r"\1", quoted["text"])
        if number := self._take(_NUMBER):
            return number[0]
        if self._ended():
            raise self._error("a value was expected", self.at)
        if self.text[self.at] in "\"'":
            raise self._error("the quote is never closed", self.at)
        raise self._error("a number, null, or text in quotes was expected", self.at)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def _ended(self) -> bool:
        return self.at >= len(self.text)

    def _error(self, what: str, at: int) -> InvalidRequest:
        seen = self.text[at : at + SHOWN_OF_QUERY]
        where = f"at character {at + 1}, before {seen!r}" if seen else "at its end"
        return InvalidRequest(f"The query can't be read {where}: {what}.", param="query")
