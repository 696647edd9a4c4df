"""Payouts."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.listing import ListParams, Range, in_range, list_page
from core.params import Params, check_metadata, limited, one_of
from idempotency.middleware import answer_response, required_key
from payments import queries, serializers
from payments.models import Payout
from payments.services.payout import (
    NewPayout,
    cancel_payout,
    create_payout,
    describe_payout,
    reverse_payout,
)
from payments.views.base import PaymentView

STATES = frozenset(Payout.State.values)


class PayoutParams(Params):
    amount: int
    currency: str
    destination: str | None = None
    description: str | None = None
    statement_descriptor: str | None = None
    metadata: dict[str, str] | None = None
    method: str | None = None
    source_type: str | None = None


class PayoutUpdateParams(Params):
    metadata: dict[str, str] | None = None


class PayoutListParams(ListParams):
    status: str | None = None
    destination: str | None = None
    arrival_date: int | Range | None = None


class Payouts(PaymentView):
    kind = "payout"
    resource = "payouts"

    def post(self, request: Request) -> HttpResponse:
        asked = self.read(request, PayoutParams)
        one_of("method", asked.method, frozenset({"standard"}))
        one_of("source_type", asked.source_type, frozenset({"card"}))
        return answer_response(
            create_payout(
                caller=self.caller,
                key=required_key(request._request),
                asked=NewPayout(
                    amount_minor=asked.amount,
                    currency=asked.currency.lower(),
                    destination=asked.destination or "",
                    description=limited("description", asked.description, 500),
                    statement_descriptor=limited("statement_descriptor", asked.statement_descriptor, 22),
                    metadata=check_metadata(asked.metadata),
                ),
            )
        )

    def get(self, request: Request) -> Response:
        asked = self.read(request, PayoutListParams)
        where: dict[str, Any] = {}
        if asked.status:
            where["state"] = one_of("status", asked.status, STATES)
        if asked.destination:
            where["bank_account__public_id"] = asked.destination
        own = in_range(queries.payouts(self.caller), "arrival_on", asked.arrival_date, param="arrival_date")
        return Response(list_page(own, asked, url="/v1/payouts", kind="payout", render=_shown, where=where))


class PayoutDetail(PaymentView):
    kind = "payout"
    resource = "payouts"

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        return Response(serializers.payout(queries.payout(self.caller, public_id)))

    def post(self, request: Request, public_id: str) -> HttpResponse:
        asked = self.read(request, PayoutUpdateParams)
        return answer_response(
            describe_payout(
                caller=self.caller,
                payout=public_id,
                metadata=asked.metadata,
                clear=self.given(request).get("metadata") == "",
                key=self.key(request),
            )
        )


class PayoutCancel(PaymentView):
    kind = "payout"
    resource = "payouts"

    def post(self, request: Request, public_id: str) -> HttpResponse:
        self.read(request, Params)
        key = required_key(request._request)
        return answer_response(cancel_payout(caller=self.caller, payout=public_id, key=key))


class PayoutReverse(PaymentView):
    kind = "payout"
    resource = "payouts"

    def post(self, request: Request, public_id: str) -> HttpResponse:
        self.read(request, PayoutUpdateParams)
        return answer_response(reverse_payout(caller=self.caller, payout=public_id))


def _shown(rows: list[Payout]) -> list[dict[str, Any]]:
    return [serializers.payout(row) for row in rows]
