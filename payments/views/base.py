"""What the endpoints of payments have in common."""

import hmac
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import msgspec
from django.db import OperationalError
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidRequest, ResourceMissing, ServiceUnavailable
from core.identity import client_address
from core.listing import ListParams
from core.params import Params
from core.search import SearchParams
from idempotency.keys import Key
from merchants.answers import JSON
from merchants.api import MerchantView, SecretKeyRequired, parameters
from merchants.scopes import READ
from payments.expansion import check_paths, expand
from payments.models import PaymentIntent

P = TypeVar("P", bound=Params)


class PaymentView(MerchantView):
    """An endpoint that answers with objects of one kind, and expands in them what the client asks for."""

    kind: ClassVar[str]
    paths: Sequence[str] = ()

    def read(self, request: Request, shape: type[P]) -> P:
        asked = super().read(request, shape)
        paths = asked.expand
        if isinstance(asked, SearchParams):
            paths = [path for path in paths if path != "total_count"]
        shown = check_paths(self.kind, paths, listed=isinstance(asked, ListParams | SearchParams))
        for resource in sorted(shown):
            self.caller.require(resource, READ)
        self.paths = paths
        return asked

    def given(self, request: Request) -> dict[str, Any]:
        """The parameters as they came: only they tell an empty text, which unsets, from one left out."""
        return parameters(request._request)

    def key(self, request: Request) -> Key | None:
        """For what moves no money: a client may leave it out."""
        known: Key | None = request._request.idempotency_key  # type: ignore[attr-defined]
        return known

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What is kept under a key stays as it is; only what is shown grows."""
        if self.paths and response.status_code == 200:
            if isinstance(response, Response):
                response.data = self._expanded(response.data)
            else:
                response.content = msgspec.json.encode(self._expanded(msgspec.json.decode(response.content)))
        return super().finalize_response(request, response, *args, **kwargs)

    def _expanded(self, shown: dict[str, Any]) -> dict[str, Any]:
        """As far as the database answers: what was done was done, so it is shown with its ids at least."""
        try:
            return expand(shown, self.paths, self.caller)
        except (OperationalError, ServiceUnavailable):
            return shown


# What a cardholder's browser may know of an intent: as at Stripe, nothing of charges, fees and metadata.
SHOWN_TO_BROWSERS = frozenset(
    "id object amount automatic_payment_methods canceled_at cancellation_reason capture_method client_secret "
    "confirmation_method created currency description last_payment_error livemode next_action payment_method "
    "payment_method_types processing receipt_email setup_future_usage shipping source status".split()
)
# A page of any merchant may call: what it needs is public, and no cookie is ever looked at.
BROWSER_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version, "
    "X-Stripe-Client-User-Agent",
    "Access-Control-Expose-Headers": "Request-Id, Stripe-Should-Retry, Retry-After",
    "Access-Control-Max-Age": "600",
}


class IntentView(PaymentView):
    """An endpoint of an intent that a browser may use too: with a publishable key and the intent's own secret."""

    kind = "payment_intent"
    resource = "payment_intents"
    publishable_allowed = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # A browser asks first whether it may ask, and has no key at hand for that.
        if request.method != "OPTIONS":
            super().initial(request, *args, **kwargs)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return HttpResponse(status=204)

    def read(self, request: Request, shape: type[P]) -> P:
        asked = super().read(request, shape)
        if asked.expand and not self.caller.secret:
            raise InvalidRequest("A publishable key can expand nothing.", param="expand")
        return asked

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(self, "caller", None) is not None and not self.caller.secret:
            response = HttpResponse(
                msgspec.json.encode(_for_browsers(_content(response))),
                status=response.status_code,
                content_type=JSON,
            )
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in BROWSER_HEADERS.items():
            response[name] = value
        return response

    def check_owner(self, found: PaymentIntent, client_secret: str | None) -> None:
        """ResourceMissing, as for any other's intent, where the client secret is not this one's."""
        if self.caller.secret and client_secret is None:
            return
        known = found.client_secret
        if not known or not hmac.compare_digest(known.encode(), (client_secret or "").encode()):
            raise ResourceMissing("payment_intent", found.public_id, param="intent", in_path=True)

    def browser_address(self, request: Request) -> str:
        """Where the customer is; empty where their merchant's server calls."""
        return "" if self.caller.secret else client_address(request._request) or ""

    def secret_key_only(self) -> None:
        if not self.caller.secret:
            raise SecretKeyRequired


def _content(response: Any) -> Any:
    return response.data if isinstance(response, Response) else msgspec.json.decode(response.content)


def _for_browsers(shown: dict[str, Any]) -> dict[str, Any]:
    """The intent, or the one in an error, without what is the merchant's own."""
    if "error" in shown:
        error = {name: value for name, value in shown["error"].items() if name != "charge"}
        if "payment_intent" in error:
            error["payment_intent"] = _for_browsers(error["payment_intent"])
        return {"error": error}
    return {name: value for name, value in shown.items() if name in SHOWN_TO_BROWSERS}
