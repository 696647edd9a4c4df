"""The API's webhook endpoints."""

from typing import Annotated, Any

import msgspec
from django.http import HttpResponse
from msgspec import UNSET, UnsetType
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidRequest, ResourceMissing
from core.listing import ListParams, list_page
from core.params import Params
from idempotency.middleware import answer_response
from idempotency.services import answer_once
from merchants.api import MerchantView
from webhooks import queries, serializers
from webhooks.services.endpoints import create_endpoint, delete_endpoint, roll_secret, update_endpoint
from webhooks.views.base import Pattern, key_of, refuse_expand

Text = Annotated[str, msgspec.Meta(max_length=5_000)]
# More names than there are events are a mistake or worse.
Patterns = Annotated[list[Pattern], msgspec.Meta(max_length=500)]


class EndpointCreateParams(Params):
    url: str
    enabled_events: Patterns
    api_version: Text | None = None
    connect: bool = False
    description: Text | None = None
    metadata: dict[str, str] | None = None
    ordered: bool = False


class EndpointUpdateParams(Params):
    url: str | UnsetType = UNSET
    enabled_events: Patterns | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    ordered: bool | UnsetType = UNSET


class RollSecretParams(Params):
    expires_in: int = 24 * 3_600


class WebhookEndpointsView(MerchantView):
    resource = "webhook_endpoints"

    def post(self, request: Request) -> HttpResponse:
        given = self.read(request, EndpointCreateParams)
        refuse_expand(given)
        if given.connect:
            raise InvalidRequest("There are no connected accounts to send events of.", param="connect")

        def work() -> dict[str, Any]:
            endpoint = create_endpoint(
                merchant_id=self.caller.merchant_id,
                livemode=self.caller.livemode,
                url=given.url,
                enabled_events=given.enabled_events,
                api_version=given.api_version,
                description=given.description,
                metadata=given.metadata,
                ordered=given.ordered,
            )
            return {**serializers.webhook_endpoint(endpoint), "secret": endpoint.secret}

        return answer_response(answer_once(key_of(request), work))

    def get(self, request: Request) -> Response:
        given = self.read(request, ListParams)
        refuse_expand(given)
        page = list_page(
            queries.endpoints(self.caller.merchant_id, livemode=self.caller.livemode),
            given,
            url="/v1/webhook_endpoints",
            kind="webhook endpoint",
            render=lambda endpoints: [serializers.webhook_endpoint(endpoint) for endpoint in endpoints],
        )
        return Response(page)


class WebhookEndpointView(MerchantView):
    resource = "webhook_endpoints"

    def get(self, request: Request, public_id: str) -> Response:
        refuse_expand(self.read(request, Params))
        own = queries.endpoints(self.caller.merchant_id, livemode=self.caller.livemode)
        endpoint = own.filter(public_id=public_id).first()
        if endpoint is None:
            raise ResourceMissing("webhook endpoint", public_id, in_path=True)
        return Response(serializers.webhook_endpoint(endpoint))

    def post(self, request: Request, public_id: str) -> HttpResponse:
        given = self.read(request, EndpointUpdateParams)
        refuse_expand(given)

        def work() -> dict[str, Any]:
            endpoint = update_endpoint(
                merchant_id=self.caller.merchant_id,
                livemode=self.caller.livemode,
                public_id=public_id,
                url=given.url,
                enabled_events=given.enabled_events,
                disabled=given.disabled,
                description=given.description,
                metadata=given.metadata,
                ordered=given.ordered,
            )
            return serializers.webhook_endpoint(endpoint)

        return answer_response(answer_once(key_of(request), work))

    def delete(self, request: Request, public_id: str) -> Response:
        endpoint = delete_endpoint(
            merchant_id=self.caller.merchant_id, livemode=self.caller.livemode, public_id=public_id
        )
        return Response(serializers.deleted_webhook_endpoint(endpoint))


class RollSecretView(MerchantView):
    """Ours: Stripe's dashboard does this."""

    resource = "webhook_endpoints"

    def post(self, request: Request, public_id: str) -> HttpResponse:
        given = self.read(request, RollSecretParams)
        refuse_expand(given)

        def work() -> dict[str, Any]:
            endpoint = roll_secret(
                merchant_id=self.caller.merchant_id,
                livemode=self.caller.livemode,
                public_id=public_id,
                overlap_seconds=given.expires_in,
            )
            return {**serializers.webhook_endpoint(endpoint), "secret": endpoint.secret}

        return answer_response(answer_once(key_of(request), work))
