"""Charges."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.listing import ListParams, list_page
from core.params import Params, check_metadata, limited
from core.search import (
    Lookup,
    Metadata,
    Number,
    SearchParams,
    Text,
    Timestamp,
    parse,
    search_page,
    to_q,
)
from idempotency.middleware import answer_response, required_key
from payments import queries, serializers
from payments.errors import CardDataRefused
from payments.models import Charge
from payments.services.capture import capture_charge
from payments.services.charge import NewCharge, create_charge
from payments.services.describe import Words, describe_charge
from payments.views.base import PaymentView
from payments.views.emails import email_of
from payments.views.orders import order_of
from payments.views.radar import RadarOptions, device_in
from payments.views.refunds import show_refunds

SEARCHED: dict[str, Lookup] = {
    "amount": Number("amount_minor"),
    "created": Timestamp("created_at"),
    "currency": Text("currency"),
    "metadata": Metadata("metadata"),
    "payment_method_details.card.brand": Text("card_brand"),
    "payment_method_details.card.fingerprint": Text("card_fingerprint", folds=False),
    "payment_method_details.card.last4": Text("card_last4"),
}


class ChargeParams(Params):
    amount: int
    currency: str
    source: str | dict[str, Any]
    capture: bool | None = None
    description: str | None = None
    metadata: dict[str, str] | None = None
    receipt_email: str | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    order_reference: str | None = None
    radar_options: RadarOptions | None = None


class CaptureParams(Params):
    amount: int | None = None


class DescriptionParams(Params):
    description: str | None = None
    metadata: dict[str, str] | None = None
    receipt_email: str | None = None


class ChargeListParams(ListParams):
    payment_intent: str | None = None


class Charges(PaymentView):
    kind = "charge"
    resource = "charges"

    def post(self, request: Request) -> HttpResponse:
        asked = self.read(request, ChargeParams)
        if not isinstance(asked.source, str):
            raise CardDataRefused("source")
        return answer_response(
            create_charge(
                caller=self.caller,
                key=required_key(request._request),
                asked=NewCharge(
                    amount_minor=asked.amount,
                    currency=asked.currency.lower(),
                    source=asked.source,
                    capture=asked.capture is not False,
                    description=limited("description", asked.description, 1000),
                    metadata=check_metadata(asked.metadata),
                    device=device_in(asked.radar_options),
                    order_reference=order_of(self.caller, asked.order_reference, asked.metadata),
                    receipt_email=email_of("receipt_email", asked.receipt_email),
                    statement_descriptor=limited("statement_descriptor", asked.statement_descriptor, 22),
                    statement_descriptor_suffix=limited(
                        "statement_descriptor_suffix", asked.statement_descriptor_suffix, 22
                    ),
                ),
            )
        )

    def get(self, request: Request) -> Response:
        asked = self.read(request, ChargeListParams)
        own = queries.charges(self.caller)
        where = {"payment_intent__public_id": asked.payment_intent} if asked.payment_intent else {}
        return Response(
            list_page(own, asked, url="/v1/charges", kind="charge", render=show_charges, where=where)
        )


class ChargeDetail(PaymentView):
    kind = "charge"
    resource = "charges"

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        found = queries.charge(self.caller, public_id, in_path=True)
        return Response(show_charges([found])[0])

    def post(self, request: Request, public_id: str) -> HttpResponse:
        asked = self.read(request, DescriptionParams)
        given = self.given(request)
        texts = {}
        if "description" in given:
            texts["description"] = limited("description", asked.description, 1000)
        if "receipt_email" in given:
            texts["receipt_email"] = email_of("receipt_email", asked.receipt_email)
        words = Words(texts, asked.metadata, clear_metadata=given.get("metadata") == "")
        return answer_response(
            describe_charge(caller=self.caller, charge=public_id, words=words, key=self.key(request))
        )


class ChargeCapture(PaymentView):
    kind = "charge"
    resource = "charges"

    def post(self, request: Request, public_id: str) -> HttpResponse:
        asked = self.read(request, CaptureParams)
        key = required_key(request._request)
        return answer_response(
            capture_charge(caller=self.caller, charge=public_id, amount_minor=asked.amount, key=key)
        )


class ChargeRefunds(PaymentView):
    """`GET /v1/charges/{id}/refunds`, the list that a charge's own `refunds` points to."""

    kind = "refund"
    resource = "refunds"

    def get(self, request: Request, public_id: str) -> Response:
        asked = self.read(request, ListParams)
        charge = queries.charge(self.caller, public_id, in_path=True)
        own = queries.refunds(self.caller).filter(charge=charge)
        url = f"/v1/charges/{public_id}/refunds"
        return Response(list_page(own, asked, url=url, kind="refund", render=show_refunds))


class ChargeSearch(PaymentView):
    kind = "charge"
    resource = "charges"

    def get(self, request: Request) -> Response:
        asked = self.read(request, SearchParams)
        found = queries.charges(self.caller).filter(to_q(parse(asked.query), SEARCHED))
        return Response(search_page(found, asked, url="/v1/charges/search", render=show_charges))


def show_charges(rows: list[Charge]) -> list[dict[str, Any]]:
    refunded = queries.refunded_by_charge(row.pk for row in rows)
    return [serializers.charge(row, refunded_minor=refunded.get(row.pk, 0)) for row in rows]
