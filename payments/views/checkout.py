"""Checkout sessions: pages of ours at which a cardholder pays once."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidRequest, ParameterMissing
from core.listing import ListParams, list_page
from core.params import Params, check_metadata, limited, one_of
from idempotency.middleware import answer_response
from merchants.auth import Caller
from payments import queries, serializers
from payments.checkout_words import LANGUAGES
from payments.models import CheckoutSession
from payments.services.checkout import NewSession, create_session, expire_session
from payments.services.intents import NewIntent
from payments.views.base import PaymentView
from payments.views.emails import email_of
from payments.views.intent_params import capture_method_of, url_of
from payments.views.orders import order_of

MOST_ITEMS = 100
MOST_OF_ONE = 10_000
# As at Stripe: half an hour to a day.
SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=24)
# What a client's clock may be off.
LEEWAY = timedelta(minutes=1)


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class ProductData(Strict):
    name: str
    description: str | None = None


class PriceData(Strict):
    currency: str
    unit_amount: Annotated[int, msgspec.Meta(ge=0)]
    product_data: ProductData


class LineItem(Strict):
    price_data: PriceData
    quantity: Annotated[int, msgspec.Meta(ge=1, le=MOST_OF_ONE)]


class IntentData(Strict):
    capture_method: str | None = None
    description: str | None = None
    metadata: dict[str, str] | None = None
    receipt_email: str | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None


class CreateParams(Params):
    mode: str | None = None
    line_items: list[LineItem] | None = None
    success_url: str | None = None
    cancel_url: str | None = None
    client_reference_id: str | None = None
    customer_email: str | None = None
    expires_at: int | None = None
    locale: str | None = None
    metadata: dict[str, str] | None = None
    order_reference: str | None = None
    payment_intent_data: IntentData | None = None
    payment_method_types: list[Literal["card"]] | None = None
    ui_mode: Literal["hosted", "hosted_page"] | None = None


class SessionListParams(ListParams):
    payment_intent: str | None = None
    status: str | None = None


class CheckoutSessions(PaymentView):
    kind = "checkout.session"
    resource = "checkout_sessions"

    def post(self, request: Request) -> HttpResponse:
        asked = self.read(request, CreateParams)
        if one_of("mode", asked.mode, {"payment"}) == "":
            raise ParameterMissing("mode")
        items = _items(asked.line_items)
        locale = one_of("locale", asked.locale, {"auto", *LANGUAGES})
        wanted = NewSession(
            intent=_intent(self.caller, asked, items),
            items=items,
            expires_at=_expiry(asked.expires_at),
            success_url=url_of(asked.success_url, param="success_url"),
            cancel_url=url_of(asked.cancel_url, param="cancel_url"),
            customer_email=email_of("customer_email", asked.customer_email),
            client_reference_id=limited("client_reference_id", asked.client_reference_id, 200),
            locale="" if locale == "auto" else locale,
            metadata=check_metadata(asked.metadata),
        )
        return answer_response(create_session(caller=self.caller, asked=wanted, key=self.key(request)))

    def get(self, request: Request) -> Response:
        asked = self.read(request, SessionListParams)
        where = {"payment_intent__public_id": asked.payment_intent} if asked.payment_intent else {}
        if asked.status:
            where["state"] = one_of("status", asked.status, {"open", "complete", "expired"})
        own = queries.checkout_sessions(self.caller)
        url = "/v1/checkout/sessions"
        return Response(list_page(own, asked, url=url, kind="checkout.session", render=_shown, where=where))


class CheckoutSessionDetail(PaymentView):
    kind = "checkout.session"
    resource = "checkout_sessions"

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        return Response(serializers.checkout_session(queries.checkout_session(self.caller, public_id)))


class CheckoutSessionExpire(PaymentView):
    kind = "checkout.session"
    resource = "checkout_sessions"

    def post(self, request: Request, public_id: str) -> HttpResponse:
        self.read(request, Params)
        return answer_response(expire_session(caller=self.caller, session=public_id, key=self.key(request)))


def _shown(rows: list[CheckoutSession]) -> list[dict[str, Any]]:
    return [serializers.checkout_session(row) for row in rows]


def _items(asked: list[LineItem] | None) -> list[dict[str, Any]]:
    """What is sold, as it is kept. InvalidRequest for nothing, for too much, and for two currencies."""
    if not asked:
        raise ParameterMissing("line_items")
    if len(asked) > MOST_ITEMS:
        raise InvalidRequest(
            f"A session has at most {MOST_ITEMS} items; {len(asked)} were given.", param="line_items"
        )
    if len(currencies := {item.price_data.currency.lower() for item in asked}) > 1:
        raise InvalidRequest(
            f"All items of a session are in one currency; these are in {', '.join(sorted(currencies))}.",
            param="line_items",
        )
    return [
        {
            "name": limited(f"line_items[{number}][price_data][product_data][name]", product.name, 200),
            "description": limited(
                f"line_items[{number}][price_data][product_data][description]", product.description, 500
            ),
            "unit_minor": item.price_data.unit_amount,
            "quantity": item.quantity,
        }
        for number, item in enumerate(asked)
        for product in [item.price_data.product_data]
    ]


def _intent(caller: Caller, asked: CreateParams, items: list[dict[str, Any]]) -> NewIntent:
    assert asked.line_items is not None
    said = asked.payment_intent_data or IntentData()
    receipt_email = email_of("payment_intent_data[receipt_email]", said.receipt_email)
    return NewIntent(
        amount_minor=sum(item["unit_minor"] * item["quantity"] for item in items),
        currency=asked.line_items[0].price_data.currency.lower(),
        capture_method=capture_method_of(said.capture_method) or "automatic_async",
        order_reference=order_of(caller, asked.order_reference, said.metadata or asked.metadata),
        description=limited("payment_intent_data[description]", said.description, 1000),
        metadata=check_metadata(said.metadata),
        receipt_email=receipt_email or email_of("customer_email", asked.customer_email),
        statement_descriptor=limited(
            "payment_intent_data[statement_descriptor]", said.statement_descriptor, 22
        ),
        statement_descriptor_suffix=limited(
            "payment_intent_data[statement_descriptor_suffix]", said.statement_descriptor_suffix, 22
        ),
        options={"automatic_payment_methods": {"enabled": True, "allow_redirects": "always"}},
    )


def _expiry(asked: int | None) -> datetime:
    now = timezone.now()
    if asked is None:
        return now + LONGEST
    earliest, latest = now + SHORTEST - LEEWAY, now + LONGEST + LEEWAY
    if not earliest.timestamp() <= asked <= latest.timestamp():
        raise InvalidRequest(
            f"A session lasts from 30 minutes to 24 hours: expires_at can't be {asked}.", param="expires_at"
        )
    return datetime.fromtimestamp(asked, UTC)
