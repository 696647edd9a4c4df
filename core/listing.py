"""Cursor-paged lists in Stripe's shape, newest first, without ever counting the rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from django.db.models import Model, QuerySet

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
) -> dict[str, Any]:
    """One page of `own`, the rows of one merchant in one mode, narrowed by `where`, as the SDKs page through it."""
    rows = _created(own.filter(**(where or {})), params.created)
    backward = params.ending_before is not None and params.starting_after is None
    if params.starting_after:
        rows = rows.filter(pk__lt=_cursor(own, params.starting_after, kind, "starting_after"))
    if params.ending_before:
        rows = rows.filter(pk__gt=_cursor(own, params.ending_before, kind, "ending_before"))
    found = list(rows.order_by("pk" if backward else "-pk")[: params.limit + 1])
    page = found[: params.limit]
    if backward:
        page.reverse()
    return {
        "object": "list",
        "url": url,
        "has_more": len(found) > params.limit,
        "data": render(page),
    }


def _cursor(own: QuerySet[M], public_id: str, kind: str, param: str) -> int:
    pk = own.filter(public_id=public_id).values_list("pk", flat=True).first()
    if pk is None:
        raise ResourceMissing(kind, public_id, param=param)
    return int(pk)


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
