"""Cursor-paged lists in Stripe's shape, newest first, without ever counting the rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from django.db.models import Model, Q, QuerySet

from core.errors import InvalidRequest, ResourceMissing
from core.params import Params

M = TypeVar("M", bound=Model)

Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]
# Seconds that PostgreSQL can hold as a timestamp and people may mean: up to the year 9999.
MAX_UNIX_SECONDS = 253_402_300_799


class Range(msgspec.Struct, forbid_unknown_fields=True):
    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None


class ListParams(Params):
    """What every list takes; an endpoint adds its filters."""

    limit: Limit = 10
    starting_after: str | None = None
    ending_before: str | None = None
    created: int | Range | None = None


def list_page(
    own: QuerySet[M],
    params: ListParams,
    *,
    url: str,
    kind: str,
    render: Callable[[list[M]], list[dict[str, Any]]],
    where: dict[str, Any] | None = None,
    order: str = "pk",
) -> dict[str, Any]:
    """One page of `own`, the rows of one merchant in one mode, narrowed by `where`, as the SDKs page through it.
    Rows with the same `order` stand by their ids."""
    rows = in_range(own.filter(**(where or {})), "created_at", params.created, param="created")
    backward = params.ending_before is not None and params.starting_after is None
    if params.starting_after:
        rows = rows.filter(
            _beyond("lt", order, _cursor(own, params.starting_after, kind, "starting_after", order))
        )
    if params.ending_before:
        rows = rows.filter(
            _beyond("gt", order, _cursor(own, params.ending_before, kind, "ending_before", order))
        )
    sign = "" if backward else "-"
    found = list(rows.order_by(sign + order, sign + "pk")[: params.limit + 1])
    page = found[: params.limit]
    if backward:
        page.reverse()
    return {
        "object": "list",
        "url": url,
        "has_more": len(found) > params.limit,
        "data": render(page),
    }


def _cursor(own: QuerySet[M], public_id: str, kind: str, param: str, order: str) -> tuple[int, int]:
    place = own.filter(public_id=public_id).values_list(order, "pk").first()
    if place is None:
        raise ResourceMissing(kind, public_id, param=param)
    at, pk = place
    return int(at), int(pk)


def _beyond(side: str, order: str, place: tuple[int, int]) -> Q:
    """What comes after the place, on its `side`."""
    at, pk = place
    if order == "pk":
        return Q(**{f"pk__{side}": pk})
    # The first condition says no more than the others, but is one that an index can begin with.
    return Q(**{f"{order}__{side}e": at}) & (Q(**{f"{order}__{side}": at}) | Q(**{f"pk__{side}": pk}))


def in_range(rows: QuerySet[M], column: str, asked: int | Range | None, *, param: str) -> QuerySet[M]:
    """The rows whose moment is asked for. Moments are shown in whole seconds: a number is that second."""
    if asked is None:
        return rows
    if isinstance(asked, int):
        asked = Range(gte=asked, lte=asked)
    # From each bound to the first moment that counts, or counts no more.
    for side, seconds in (
        ("gte", None if asked.gt is None else asked.gt + 1),
        ("gte", asked.gte),
        ("lt", asked.lt),
        ("lt", None if asked.lte is None else asked.lte + 1),
    ):
        if seconds is not None:
            rows = rows.filter(**{f"{column}__{side}": _moment(seconds, param)})
    return rows


def _moment(unix_seconds: int, param: str) -> datetime:
    if not 0 <= unix_seconds <= MAX_UNIX_SECONDS:
        raise InvalidRequest(f"Invalid timestamp: {unix_seconds}", param=param)
    return datetime.fromtimestamp(unix_seconds, UTC)
