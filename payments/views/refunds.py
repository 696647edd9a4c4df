"""Refunds."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.listing import ListParams, list_page
from core.params import Params, check_metadata, one_of
from idempotency.middleware import answer_response, required_key
from payments import queries, serializers
from payments.models import Refund
from payments.services.describe import Words, describe_refund
from payments.services.refund import NewRefund, create_refund
from payments.views.base import PaymentView

REFUND_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})


class RefundParams(Params):
    charge: str | None = None
    payment_intent: str | None = None
    amount: int | None = None
    reason: str | None = None
    metadata: dict[str, str] | None = None


class RefundUpdateParams(Params):
    metadata: dict[str, str] | None = None


class RefundListParams(ListParams):
    charge: str | None = None
    payment_intent: str | None = None


class Refunds(PaymentView):
    kind = "refund"
    resource = "refunds"

    def post(self, request: Request) -> HttpResponse:
        asked = self.read(request, RefundParams)
        return answer_response(
            create_refund(
                caller=self.caller,
                key=required_key(request._request),
                asked=NewRefund(
                    charge=asked.charge or "",
                    payment_intent=asked.payment_intent or "",
                    amount_minor=asked.amount,
                    reason=one_of("reason", asked.reason, REFUND_REASONS),
                    metadata=check_metadata(asked.metadata),
                ),
            )
        )

    def get(self, request: Request) -> Response:
        asked = self.read(request, RefundListParams)
        where = {}
        if asked.charge:
            where["charge__public_id"] = asked.charge
        if asked.payment_intent:
            where["payment_intent__public_id"] = asked.payment_intent
        own = queries.refunds(self.caller)
        return Response(
            list_page(own, asked, url="/v1/refunds", kind="refund", render=show_refunds, where=where)
        )


class RefundDetail(PaymentView):
    kind = "refund"
    resource = "refunds"

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        return Response(serializers.refund(queries.refund(self.caller, public_id)))

    def post(self, request: Request, public_id: str) -> HttpResponse:
        asked = self.read(request, RefundUpdateParams)
        words = Words(metadata=asked.metadata, clear_metadata=self.given(request).get("metadata") == "")
        return answer_response(
            describe_refund(caller=self.caller, refund=public_id, words=words, key=self.key(request))
        )


def show_refunds(rows: list[Refund]) -> list[dict[str, Any]]:
    return [serializers.refund(row) for row in rows]
