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
    rows = _created(own.filter(**(where or {})), params.created)
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


def _created(rows: QuerySet[M], created: int | Range | None) -> QuerySet[M]:
    if created is None:
        return rows
    if isinstance(created, int):
        # `created` is shown in whole seconds: that second.
        return rows.filter(created_at__gte=_moment(created), created_at__lt=_moment(created + 1))
    if created.gt is not None:
        rows = rows.filter(created_at__gte=_moment(created.gt + 1))
    if created.gte is not None:
        rows = rows.filter(created_at__gte=_moment(created.gte))
    if created.lt is not None:
        rows = rows.filter(created_at__lt=_moment(created.lt))
    if created.lte is not None:
        rows = rows.filter(created_at__lt=_moment(created.lte + 1))
    return rows


def _moment(unix_seconds: int) -> datetime:
    if not 0 <= unix_seconds <= MAX_UNIX_SECONDS:
        raise InvalidRequest(f"Invalid timestamp: {unix_seconds}", param="created")
    return datetime.fromtimestamp(unix_seconds, UTC)
