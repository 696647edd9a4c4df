"""What became of the events that an endpoint was sent. Ours: Stripe shows this in its dashboard."""

from typing import Any, Literal

from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ResourceMissing
from core.listing import ListParams, list_page
from core.params import Params
from merchants.api import MerchantView
from webhooks import queries, serializers
from webhooks.models import WebhookEndpoint
from webhooks.views.base import Pattern, refuse_expand


class DeliveryListParams(ListParams):
    status: Literal["pending", "succeeded", "given_up"] | None = None
    type: Pattern | None = None


class OwnEndpointView(MerchantView):
    resource = "webhook_endpoints"

    def endpoint(self, public_id: str) -> WebhookEndpoint:
        own = queries.endpoints(self.caller.merchant_id, livemode=self.caller.livemode)
        endpoint = own.filter(public_id=public_id).first()
        if endpoint is None:
            raise ResourceMissing("webhook endpoint", public_id, in_path=True)
        return endpoint


class DeliveriesView(OwnEndpointView):
    def get(self, request: Request, public_id: str) -> Response:
        given = self.read(request, DeliveryListParams)
        refuse_expand(given)
        where: dict[str, Any] = {}
        if given.status is not None:
            where["state"] = given.status
        if given.type is not None:
            of_type = queries.events_of_type(given.type)
            where |= {f"event__{name}": value for name, value in of_type.items()}
        page = list_page(
            queries.deliveries(self.endpoint(public_id)),
            given,
            url=f"/v1/webhook_endpoints/{public_id}/deliveries",
            kind="webhook delivery",
            render=lambda deliveries: [serializers.delivery(one) for one in deliveries],
            where=where,
        )
        return Response(page)


class DeliveryView(OwnEndpointView):
    """A delivery goes by its event's id, of which an endpoint has one."""

    def get(self, request: Request, public_id: str, event_id: str) -> Response:
        refuse_expand(self.read(request, Params))
        found = queries.deliveries(self.endpoint(public_id)).filter(event__public_id=event_id).first()
        if found is None:
            raise ResourceMissing("webhook delivery", event_id, in_path=True)
        return Response(serializers.delivery(found))


class HealthView(OwnEndpointView):
    def get(self, request: Request, public_id: str) -> Response:
        refuse_expand(self.read(request, Params))
        endpoint = self.endpoint(public_id)
        return Response(serializers.health(endpoint, queries.endpoint_health(endpoint)))
