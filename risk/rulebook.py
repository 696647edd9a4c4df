"""The rules that staff wrote, ready to be asked: kept in memory, and a change followed by every process within
seconds."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from risk.engine import Action, Rule
from risk.kept import Kept
from risk.language import Program, paths_in
from risk.models import RuleVersion

READ_SECONDS = 2.0
EVERYBODY = None
ASKED = (RuleVersion.State.LIVE, RuleVersion.State.SHADOW)
Book = Mapping[tuple[int | None, bool], Sequence[Rule]]


@dataclass(frozen=True, slots=True)
class Written:
    """See `risk.engine.Rule`."""

    rule: str
    version: int
    name: str
    action: Action
    live: bool
    reads: frozenset[str]
    program: Program

    def matches(self, facts: Mapping[str, Any]) -> bool:
        return self.program.matches(facts)


def rules(merchant_id: int, livemode: bool) -> Sequence[Rule]:
    """Those of everybody and the merchant's own; live ones, and those in shadow."""
    book = _book(_database()).get()
    return [*book.get((EVERYBODY, livemode), ()), *book.get((merchant_id, livemode), ())]


def forget() -> None:
    """This process reads everything anew."""
    _book.cache_clear()


def written(version: RuleVersion) -> Written:
    rule = version.rule
    return Written(
        rule=rule.public_id,
        version=version.number,
        name=rule.name,
        action=version.action,  # type: ignore[arg-type]
        live=version.state == RuleVersion.State.LIVE,
        reads=frozenset(paths_in(version.expression)),
        program=Program(version.expression),
    )


def _database() -> str:
    """A process that is pointed to another database must not know the first one's."""
    return str(connection.settings_dict["NAME"])


@functools.cache
def _book(database: str) -> Kept[Book]:
    return Kept(_read_rules, seconds=READ_SECONDS)


def _read_rules() -> Book:
    book: dict[tuple[int | None, bool], list[Rule]] = {}
    for version in (
        RuleVersion.objects.filter(state__in=ASKED).select_related("rule").order_by("rule_id", "number")
    ):
        book.setdefault((version.rule.merchant_id, version.rule.livemode), []).append(written(version))
    return book
