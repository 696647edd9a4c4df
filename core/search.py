"""Searches as Stripe's: a query becomes a condition on a table by what each of its fields is, and is answered page by
page, newest first. A merchant's own rows are given to it; it widens nothing."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.core import signing
from django.db.models import F, Func, Model, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import IContains, IExact, IsNull

from core.errors import InvalidRequest
from core.listing import MAX_UNIX_SECONDS, Limit
from core.params import Params
from core.search_query import SHOWN_OF_QUERY, Clause, Query, parse

__all__ = [
    "Choice",
    "Lookup",
    "Metadata",
    "Number",
    "SearchParams",
    "Text",
    "Timestamp",
    "parse",
    "search_page",
    "to_q",
]

M = TypeVar("M", bound=Model)

# Stripe's limit: the shortest text that `~` looks for.
MIN_SUBSTRING = 3
# Beyond this a count would read for long, and tell nobody anything.
MAX_COUNTED = 10_000
# What fits in a bigint for certain.
MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Text:
    """A column of text where "" means none. Exact matches ignore case, except for ids (`folds=False`)."""

    column: str
    folds: bool = True


@dataclass(frozen=True, slots=True)
class Number:
    """A column of integers: amounts in the smallest unit."""

    column: str


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A column of moments, asked for in whole Unix seconds, as the wire shows them."""

    column: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A closed set of the wire's words, each with the rows that it stands for."""

    words: Mapping[str, Q]


@dataclass(frozen=True, slots=True)
class Metadata:
    """A column of JSON whose keys and values are text."""

    column: str


Lookup = Text | Number | Timestamp | Choice | Metadata


class SearchParams(Params):
    """What every search takes."""

    query: str
    limit: Limit = 10
    page: str | None = None


def search_page(
    rows: QuerySet[M],
    asked: SearchParams,
    *,
    url: str,
    render: Callable[[list[M]], list[dict[str, Any]]],
) -> dict[str, Any]:
    """One page of `rows`: one merchant's in one mode, narrowed by the query already. Rows have a `public_id`."""
    rest = rows
    if asked.page is not None:
        rest = rows.filter(pk__lt=_last_of_page(rows, asked, url))
    found = list(rest.order_by("-pk")[: asked.limit + 1])
    page, has_more = found[: asked.limit], len(found) > asked.limit
    answer = {
        "object": "search_result",
        "url": url,
        "has_more": has_more,
        "next_page": _cursor(page[-1], asked, url) if has_more else None,
        "data": render(page),
    }
    if "total_count" in asked.expand:
        answer["total_count"] = rows.order_by()[:MAX_COUNTED].count()
    return answer


def to_q(query: Query, fields: Mapping[str, Lookup]) -> Q:
    """The condition that a query is on a table whose fields are called `fields` on the wire.

    Columns belong to the row itself or to one that it refers to. InvalidRequest for another field, an operator
    or a value that a field doesn't know.
    """
    conditions = [_condition(clause, fields) for clause in query.clauses]
    whole = conditions[0]
    for condition in conditions[1:]:
        whole = whole | condition if query.alternatives else whole & condition
    return whole


def _condition(clause: Clause, fields: Mapping[str, Lookup]) -> Q:
    lookup = fields.get(clause.field)
    if lookup is None:
        raise _refused(clause, f"is no field to search by. There are {_listed(fields)}")
    if isinstance(lookup, Metadata) != (clause.key is not None):
        wanted = f"needs a key: {clause.field}['key']" if clause.key is None else "has no keys"
        raise _refused(clause, wanted)
    match lookup:
        case Text():
            condition = _of_text(clause, lookup)
        case Number(column):
            condition = _of_number(clause, column)
        case Timestamp(column):
            condition = _of_moment(clause, column)
        case Choice(words):
            condition = _of_choice(clause, words)
        case Metadata(column):
            condition = _of_metadata(clause, column)
    return ~condition if clause.negated else condition


def _of_text(clause: Clause, lookup: Text) -> Q:
    substring = _is_substring(clause)
    if not clause.value:
        return Q(**{lookup.column: ""}) | Q(**{f"{lookup.column}__isnull": True})
    if substring:
        return Q(**{f"{lookup.column}__icontains": clause.value})
    return Q(**{lookup.column + ("__iexact" if lookup.folds else ""): clause.value})


def _of_number(clause: Clause, column: str) -> Q:
    comparison = _comparison(clause)
    if clause.value is None:
        return Q(**{f"{column}__isnull": True})
    return Q(**{column + comparison: _whole(clause, clause.value)})


def _of_moment(clause: Clause, column: str) -> Q:
    """A second is as long as a second: at most N reaches to the end of it."""
    comparison = _comparison(clause)
    if clause.value is None:
        return Q(**{f"{column}__isnull": True})
    seconds = _whole(clause, clause.value)
    if not 0 <= seconds < MAX_UNIX_SECONDS:
        raise _refused(clause, f"is a Unix timestamp in seconds; got {seconds}")
    this, following = (datetime.fromtimestamp(each, UTC) for each in (seconds, seconds + 1))
    match comparison:
        case "__gt":
            return Q(**{f"{column}__gte": following})
        case "__lte":
            return Q(**{f"{column}__lt": following})
        case "__gte" | "__lt":
            return Q(**{f"{column}{comparison}": this})
        case _:
            return Q(**{f"{column}__gte": this, f"{column}__lt": following})


def _of_choice(clause: Clause, words: Mapping[str, Q]) -> Q:
    if clause.operator != ":" or clause.value is None:
        raise _refused(clause, f"is one of {_listed(words)}, asked for with :")
    chosen = words.get(clause.value.lower())
    if chosen is None:
        raise _refused(clause, f"is one of {_listed(words)}; got '{clause.value[:SHOWN_OF_QUERY]}'")
    return chosen


def _of_metadata(clause: Clause, column: str) -> Q:
    # Not Django's own key lookups: those take a key of digits for a place in an array.
    kept = Func(F(column), Value(clause.key), function="jsonb_extract_path_text", output_field=TextField())
    looked_up = IContains if _is_substring(clause) else IExact
    if clause.value is None:
        return Q(IsNull(kept, True))
    text = Coalesce(
        kept, Value("", output_field=TextField())
    )  # or the negation would leave out the rows without the key
    return Q(looked_up(text, clause.value))


def _is_substring(clause: Clause) -> bool:
    """Whether text is asked for by a part of it; InvalidRequest for what text can't be asked."""
    if clause.operator == ":":
        return False
    if clause.operator != "~":
        raise _refused(clause, f"is text and can't be compared with {clause.operator}")
    if clause.value is None or len(clause.value) < MIN_SUBSTRING:
        raise _refused(clause, f"needs at least {MIN_SUBSTRING} characters after ~")
    return True


def _comparison(clause: Clause) -> str:
    """Django's word for a numeric operator."""
    if clause.operator == "~" or (clause.value is None and clause.operator != ":"):
        raise _refused(clause, f"is a number and can't be asked for with {clause.operator}")
    return {":": "", ">": "__gt", ">=": "__gte", "<": "__lt", "<=": "__lte"}[clause.operator]


def _whole(clause: Clause, value: str) -> int:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MAX_DIGITS:
        raise _refused(clause, f"is a whole number; got '{value[:SHOWN_OF_QUERY]}'")
    return int(value)


def _refused(clause: Clause, why: str) -> InvalidRequest:
    return InvalidRequest(f"At character {clause.at} of the query: {clause.name} {why}.", param="query")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _cursor(last: Model, asked: SearchParams, url: str) -> str:
    """Where a page ended, for the same query only. It tells the row's public id and nothing else."""
    return signing.dumps([getattr(last, "public_id"), _asked_for(asked, url)], salt=__name__)  # noqa: B009


def _last_of_page(rows: QuerySet[M], asked: SearchParams, url: str) -> int:
    try:
        public_id, asked_for = signing.loads(asked.page or "", salt=__name__)
    except (signing.BadSignature, ValueError):
        public_id, asked_for = "", ""
    # Among all rows: the one that ended the page may have changed and not be found any more.
    ended = rows.model._default_manager.filter(public_id=public_id).values_list("pk", flat=True).first()
    if ended is None or asked_for != _asked_for(asked, url):
        raise InvalidRequest(
            "Invalid page: pass the next_page of an earlier answer to the same query.", param="page"
        )
    return int(ended)


def _asked_for(asked: SearchParams, url: str) -> str:
    return hashlib.sha256(f"{url} {asked.query}".encode()).hexdigest()[:16]
