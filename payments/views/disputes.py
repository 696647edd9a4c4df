"""Disputes."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ParameterUnknown
from core.listing import ListParams, list_page
from core.params import Params
from idempotency.middleware import answer_response
from payments import queries, serializers
from payments.attempts import Actor
from payments.evidence import FILES, TEXTS
from payments.models import Dispute
from payments.services import answer_dispute
from payments.views.base import PaymentView

EVIDENCE = frozenset((*TEXTS, *FILES))


class DisputeUpdateParams(Params):
    evidence: dict[str, str] | None = None
    metadata: dict[str, str] | None = None
    submit: bool | None = None


class DisputeListParams(ListParams):
    charge: str | None = None
    payment_intent: str | None = None


class Disputes(PaymentView):
    kind = "dispute"
    resource = "disputes"

    def get(self, request: Request) -> Response:
        asked = self.read(request, DisputeListParams)
        where = {}
        if asked.charge:
            where["charge__public_id"] = asked.charge
        if asked.payment_intent:
            where["payment_intent__public_id"] = asked.payment_intent
        own = queries.disputes(self.caller)
        return Response(
            list_page(own, asked, url="/v1/disputes", kind="dispute", render=show_disputes, where=where)
        )


class DisputeDetail(PaymentView):
    kind = "dispute"
    resource = "disputes"

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        return Response(show_disputes([queries.dispute(self.caller, public_id)])[0])

    def post(self, request: Request, public_id: str) -> HttpResponse:
        asked = self.read(request, DisputeUpdateParams)
        row = queries.dispute(self.caller, public_id)
        said = answer_dispute.Response(
            evidence=_checked(asked.evidence),
            metadata=asked.metadata,
            clear_metadata=self.given(request).get("metadata") == "",
            submit=bool(asked.submit),
        )
        return answer_response(
            answer_dispute.respond(row.pk, said, self.actor(request), key=self.key(request))
        )

    def actor(self, request: Request) -> Actor:
        key = self.key(request)
        return Actor(self.caller.key_name, key.request_id if key else "")


class DisputeClose(DisputeDetail):
    def post(self, request: Request, public_id: str) -> HttpResponse:
        self.read(request, Params)
        row = queries.dispute(self.caller, public_id)
        return answer_response(answer_dispute.accept(row.pk, self.actor(request), key=self.key(request)))


def show_disputes(rows: list[Dispute]) -> list[dict[str, Any]]:
    balances = queries.balances_of_disputes(rows)
    return [serializers.dispute(row, balances[row.pk]) for row in rows]


def _checked(evidence: dict[str, str] | None) -> dict[str, str]:
    """The texts that were sent; an empty one takes a text away."""
    for name in evidence or {}:
        if name not in EVIDENCE:
            raise ParameterUnknown(f"evidence[{name[:60]}]")
    return evidence or {}
