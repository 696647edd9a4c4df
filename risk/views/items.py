"""The API's items of value lists."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ResourceMissing
from core.listing import MAX_UNIX_SECONDS, ListParams, list_page
from core.params import Params
from idempotency.middleware import answer_response
from idempotency.services import answer_once
from risk import serializers
from risk.models import ValueListItem
from risk.services.lists import add_item, remove_item
from risk.views.base import ListView, refuse_expand

BY_API = "Asked for by the API."
Moment = Annotated[int, msgspec.Meta(ge=0, le=MAX_UNIX_SECONDS)]


class ItemParams(Params):
    value: Annotated[str, msgspec.Meta(max_length=320)]
    value_list: str
    # Ours, both.
    expires_at: Moment | None = None
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] = BY_API


class ItemListParams(ListParams):
    # Stripe wants one; without it all items of all lists are told.
    value_list: str | None = None
    value: str | None = None


class ValueListItems(ListView):
    def post(self, request: Request) -> HttpResponse:
        given = self.read(request, ItemParams)
        refuse_expand(given)
        row = self.one_list(given.value_list, param="value_list")
        expires_at = None if given.expires_at is None else datetime.fromtimestamp(given.expires_at, UTC)

        def work() -> dict[str, Any]:
            item = add_item(
                row.pk, value=given.value, reason=given.reason, added_by=self.by(), expires_at=expires_at
            )
            return serializers.value_list_item(item, row.public_id)

        return answer_response(answer_once(self.key(request), work))

    def get(self, request: Request) -> Response:
        given = self.read(request, ItemListParams)
        refuse_expand(given)
        where: dict[str, Any] = {}
        if given.value_list is not None:
            where["value_list"] = self.one_list(given.value_list, param="value_list").pk
        if given.value is not None:
            where["value__icontains"] = given.value
        page = list_page(
            self.items(),
            given,
            url="/v1/radar/value_list_items",
            kind="value list item",
            render=_shown,
            where=where,
        )
        return Response(page)


class ValueListItemDetail(ListView):
    def get(self, request: Request, public_id: str) -> Response:
        refuse_expand(self.read(request, Params))
        return Response(_shown([self._item(public_id)])[0])

    def delete(self, request: Request, public_id: str) -> Response:
        item = remove_item(self._item(public_id).pk, by=self.by(), reason=BY_API)
        return Response(serializers.deleted("value_list_item", item.public_id))

    def _item(self, public_id: str) -> ValueListItem:
        found = self.items().filter(public_id=public_id).first()
        if found is None:
            raise ResourceMissing("value list item", public_id, in_path=True)
        return found


def _shown(items: list[ValueListItem]) -> list[dict[str, Any]]:
    return [serializers.value_list_item(item, item.value_list.public_id) for item in items]
