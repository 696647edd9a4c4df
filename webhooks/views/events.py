"""The API's events."""

from typing import Annotated, Any

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidRequest, ResourceMissing
from core.listing import ListParams, list_page
from core.params import Params
from merchants.api import MerchantView
from webhooks import queries, serializers
from webhooks.models import Event
from webhooks.views.base import Pattern, refuse_expand

MAX_TYPES = 20


class EventListParams(ListParams):
    type: Pattern | None = None
    types: Annotated[list[Pattern], msgspec.Meta(max_length=MAX_TYPES)] | None = None
    delivery_success: bool | None = None


class EventsView(MerchantView):
    resource = "events"

    def get(self, request: Request) -> Response:
        given = self.read(request, EventListParams)
        refuse_expand(given)
        page = list_page(
            queries.events(self.caller.merchant_id, livemode=self.caller.livemode),
            given,
            url="/v1/events",
            kind="event",
            render=_shown,
            # The latest wait until nothing can come before them any more: no cursor passes an event by.
            where={"position__lt": queries.Watermark(), **_narrowing(given)},
            order="position",
        )
        return Response(page)


class EventView(MerchantView):
    resource = "events"

    def get(self, request: Request, public_id: str) -> Response:
        refuse_expand(self.read(request, Params))
        own = queries.events(self.caller.merchant_id, livemode=self.caller.livemode)
        event = own.filter(public_id=public_id).first()
        if event is None:
            raise ResourceMissing("event", public_id, in_path=True)
        return Response(_shown([event])[0])


def _shown(events: list[Event]) -> list[dict[str, Any]]:
    pending = queries.pending_webhooks(events)
    return [serializers.event(*one) for one in zip(events, pending, strict=True)]


def _narrowing(given: EventListParams) -> dict[str, Any]:
    where: dict[str, Any] = {}
    if given.type is not None and given.types is not None:
        raise InvalidRequest("You may only pass one of type and types.", param="types")
    if given.types is not None:
        where["type__in"] = given.types
    elif given.type is not None:
        where.update(queries.events_of_type(given.type))
    if given.delivery_success is not None:
        where["undelivered"] = not given.delivery_success
    return where
