"""The API of charges and refunds: each view shows what it takes, and calls one service or query."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import msgspec
from django.db import OperationalError
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import ResourceMissing, ServiceUnavailable
from core.listing import ListParams, list_page
from core.params import Params, check_metadata, limited, one_of
from idempotency.middleware import answer_response, required_key
from merchants.api import MerchantView
from payments import queries, routing, serializers
from payments.errors import CardDataRefused
from payments.expansion import check_paths, expand
from payments.models import Charge, Refund
from payments.services.capture import capture_charge
from payments.services.charge import NewCharge, create_charge
from payments.services.refund import NewRefund, create_refund

P = TypeVar("P", bound=Params)

REFUND_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})


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


class CaptureParams(Params):
    amount: int | None = None


class ChargeListParams(ListParams):
    payment_intent: str | None = None


class RefundParams(Params):
    charge: str | None = None
    payment_intent: str | None = None
    amount: int | None = None
    reason: str | None = None
    metadata: dict[str, str] | None = None


class RefundListParams(ListParams):
    charge: str | None = None
    payment_intent: str | None = None


class PaymentView(MerchantView):
    """An endpoint that answers with objects of one kind, and expands in them what the client asks for."""

    kind: ClassVar[str]
    paths: Sequence[str] = ()

    def read(self, request: Request, shape: type[P]) -> P:
        asked = super().read(request, shape)
        check_paths(self.kind, asked.expand, listed=isinstance(asked, ListParams))
        self.paths = asked.expand
        return asked

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


class Charges(PaymentView):
    kind = "charge"

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
                    receipt_email=limited("receipt_email", asked.receipt_email, 320),
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

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        found = queries.charge(self.caller, public_id, in_path=True)
        return Response(show_charges([found])[0])


class ChargeCapture(PaymentView):
    kind = "charge"

    def post(self, request: Request, public_id: str) -> HttpResponse:
        asked = self.read(request, CaptureParams)
        key = required_key(request._request)
        return answer_response(
            capture_charge(caller=self.caller, charge=public_id, amount_minor=asked.amount, key=key)
        )


class ChargeRefunds(PaymentView):
    """`GET /v1/charges/{id}/refunds`, the list that a charge's own `refunds` points to."""

    kind = "refund"

    def get(self, request: Request, public_id: str) -> Response:
        asked = self.read(request, ListParams)
        charge = queries.charge(self.caller, public_id, in_path=True)
        own = queries.refunds(self.caller).filter(charge=charge)
        url = f"/v1/charges/{public_id}/refunds"
        return Response(list_page(own, asked, url=url, kind="refund", render=show_refunds))


class Refunds(PaymentView):
    kind = "refund"

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

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        return Response(serializers.refund(queries.refund(self.caller, public_id)))


class TokenDetail(PaymentView):
    """`GET /v1/tokens/{id}`; making one is the vault's alone."""

    kind = "token"

    def get(self, request: Request, public_id: str) -> Response:
        self.read(request, Params)
        found = routing.vault().token(public_id, self.caller.merchant_public_id, self.caller.livemode)
        if found is None or found.object["object"] != "token":
            raise ResourceMissing("token", public_id, in_path=True)
        return Response(found.object)


def show_charges(rows: list[Charge]) -> list[dict[str, Any]]:
    refunded = queries.refunded_by_charge(row.pk for row in rows)
    return [serializers.charge(row, refunded_minor=refunded.get(row.pk, 0)) for row in rows]


def show_refunds(rows: list[Refund]) -> list[dict[str, Any]]:
    return [serializers.refund(row) for row in rows]
