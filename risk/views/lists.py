"""The API's value lists."""

from typing import Any

from django.http import HttpResponse
from msgspec import UNSET, UnsetType
from rest_framework.request import Request
from rest_framework.response import Response

from core.listing import ListParams, list_page
from core.params import Params, check_metadata
from idempotency.middleware import answer_response
from idempotency.services import answer_once
from merchants.models import Merchant
from risk import serializers
from risk.models import ItemType, ValueList, ValueListItem
from risk.services.lists import create_list, delete_list, update_list
from risk.views.base import ListView, refuse_expand

# Of a list's items so many are shown with it; the others at its url.
SHOWN = 10


class CreateParams(Params):
    alias: str
    name: str
    item_type: str = ItemType.TEXT.value
    metadata: dict[str, str] | None = None


class UpdateParams(Params):
    alias: str | None = None
    name: str | None = None
    metadata: dict[str, str] | UnsetType | None = UNSET


class ListsParams(ListParams):
    alias: str | None = None
    contains: str | None = None


class ValueLists(ListView):
    def post(self, request: Request) -> HttpResponse:
        given = self.read(request, CreateParams)
        refuse_expand(given)
        metadata = check_metadata(given.metadata)

        def work() -> dict[str, Any]:
            made = create_list(
                merchant=Merchant.objects.get(pk=self.caller.merchant_id),
                livemode=self.caller.livemode,
                key=given.alias,
                name=given.name,
                item_type=given.item_type,
                created_by=self.by(),
                metadata=metadata,
            )
            return _shown(made)

        return answer_response(answer_once(self.key(request), work))

    def get(self, request: Request) -> Response:
        given = self.read(request, ListsParams)
        refuse_expand(given)
        where: dict[str, Any] = {}
        if given.alias is not None:
            where["key"] = given.alias
        if given.contains is not None:
            where["pk__in"] = self.items().filter(value=given.contains).values("value_list")
        page = list_page(
            self.lists(),
            given,
            url="/v1/radar/value_lists",
            kind="value list",
            render=lambda rows: [_shown(row) for row in rows],
            where=where,
        )
        return Response(page)


class ValueListDetail(ListView):
    def get(self, request: Request, public_id: str) -> Response:
        refuse_expand(self.read(request, Params))
        return Response(_shown(self.one_list(public_id)))

    def post(self, request: Request, public_id: str) -> HttpResponse:
        given = self.read(request, UpdateParams)
        refuse_expand(given)
        row = self.one_list(public_id)

        def work() -> dict[str, Any]:
            return _shown(update_list(row.pk, key=given.alias, name=given.name, metadata=given.metadata))

        return answer_response(answer_once(self.key(request), work))

    def delete(self, request: Request, public_id: str) -> Response:
        row = delete_list(self.one_list(public_id).pk)
        return Response(serializers.deleted("value_list", row.public_id))


def _shown(row: ValueList) -> dict[str, Any]:
    newest = row.items.filter(state=ValueListItem.State.ACTIVE).order_by("-pk")
    items = list(newest[: SHOWN + 1])
    return serializers.value_list(row, items[:SHOWN], more=len(items) > SHOWN)
