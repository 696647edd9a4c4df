"""Payment intents."""

from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidRequest
from core.listing import ListParams, list_page
from core.params import check_metadata, limited, one_of
from core.search import (
    Choice,
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
from payments.metadata import merged
from payments.models import PaymentIntent
from payments.services.cancel import cancel_intent
from payments.services.capture import capture_intent
from payments.services.confirm import Confirmation, confirm_intent, create_and_confirm
from payments.services.intents import NewIntent, create_intent, update_intent
from payments.views.base import IntentView, PaymentView
from payments.views.emails import email_of
from payments.views.intent_params import (
    CancelParams,
    CaptureParams,
    ConfirmParams,
    CreateParams,
    RetrieveParams,
    UpdateParams,
    capture_method_of,
    card_of,
    changes_of,
    check_return,
    options_of,
    url_of,
)
from payments.views.orders import order_of

CANCELLATION_REASONS = frozenset({"abandoned", "duplicate", "fraudulent", "requested_by_customer"})
SEARCHED: dict[str, Lookup] = {
    "amount": Number("amount_minor"),
    "created": Timestamp("created_at"),
    "currency": Text("currency"),
    "metadata": Metadata("metadata"),
    "status": Choice({state: Q(state=state) for state in PaymentIntent.State.values}),
}


class PaymentIntents(PaymentView):
    kind = "payment_intent"
    resource = "payment_intents"

    def post(self, request: Request) -> HttpResponse:
        asked = self.read(request, CreateParams)
        source, shown = card_of(asked)
        if asked.confirmation_method not in (None, "automatic"):
            raise InvalidRequest(
                f"Invalid confirmation_method: {asked.confirmation_method[:40]}. Intents are confirmed automatically "
                "here once their cardholder has answered a challenge.",
                param="confirmation_method",
            )
        wanted = NewIntent(
            amount_minor=asked.amount,
            currency=asked.currency.lower(),
            source=source,
            payment_method=shown,
            capture_method=capture_method_of(asked.capture_method) or "automatic_async",
            order_reference=order_of(self.caller, asked.order_reference, asked.metadata),
            return_url=url_of(asked.return_url),
            description=limited("description", asked.description, 1000),
            metadata=check_metadata(asked.metadata),
            receipt_email=email_of("receipt_email", asked.receipt_email),
            statement_descriptor=limited("statement_descriptor", asked.statement_descriptor, 22),
            statement_descriptor_suffix=limited(
                "statement_descriptor_suffix", asked.statement_descriptor_suffix, 22
            ),
            shipping=asked.shipping,
            options=options_of(asked),
        )
        if not asked.confirm:
            return answer_response(create_intent(caller=self.caller, asked=wanted, key=self.key(request)))
        if source:
            check_return(wanted.options, wanted.return_url)
        return answer_response(
            create_and_confirm(caller=self.caller, asked=wanted, key=required_key(request._request))
        )

    def get(self, request: Request) -> Response:
        asked = self.read(request, ListParams)
        own = queries.payment_intents(self.caller)
        return Response(
            list_page(own, asked, url="/v1/payment_intents", kind="payment_intent", render=show_intents)
        )


class PaymentIntentDetail(IntentView):
    def get(self, request: Request, public_id: str) -> Response:
        asked = self.read(request, RetrieveParams)
        found = queries.payment_intent(self.caller, public_id)
        self.check_owner(found, asked.client_secret)
        return Response(show_intents([found])[0])

    def post(self, request: Request, public_id: str) -> HttpResponse:
        self.secret_key_only()
        asked = self.read(request, UpdateParams)
        given = self.given(request)
        changes = changes_of(asked, given)
        if "metadata" in given:
            kept = queries.payment_intent(self.caller, public_id).metadata
            changes["metadata"] = merged(kept, asked.metadata, clear=given["metadata"] == "")
        if reference := order_of(self.caller, asked.order_reference, asked.metadata):
            changes["order_reference"] = reference
        return answer_response(
            update_intent(caller=self.caller, intent=public_id, changes=changes, key=self.key(request))
        )


class PaymentIntentConfirm(IntentView):
    def post(self, request: Request, public_id: str) -> HttpResponse:
        asked = self.read(request, ConfirmParams)
        found = queries.payment_intent(self.caller, public_id)
        self.check_owner(found, asked.client_secret)
        source, shown = card_of(asked)
        given = self.given(request)
        may_set = CONFIRM_COLUMNS if self.caller.secret else BROWSER_COLUMNS
        columns = {name: value for name, value in changes_of(asked, given).items() if name in may_set}
        options = options_of(asked)
        if source or found.source:
            check_return(found.options | options, columns.get("return_url", found.return_url))
        key = required_key(request._request) if self.caller.secret else None
        return answer_response(
            confirm_intent(
                caller=self.caller,
                intent=public_id,
                asked=Confirmation(source, shown, columns, options, ip=self.browser_address(request)),
                key=key,
                request_id=request._request.request_id,  # type: ignore[attr-defined]
            )
        )


BROWSER_COLUMNS = frozenset({"return_url", "receipt_email", "shipping"})
# Whether money is held or taken is the merchant's own decision.
CONFIRM_COLUMNS = BROWSER_COLUMNS | {"capture_method"}


class PaymentIntentCapture(PaymentView):
    kind = "payment_intent"
    resource = "payment_intents"

    def post(self, request: Request, public_id: str) -> HttpResponse:
        asked = self.read(request, CaptureParams)
        if asked.final_capture is False:
            raise InvalidRequest(
                "An authorization is captured once here; what is left of it is released.",
                param="final_capture",
            )
        return answer_response(
            capture_intent(
                caller=self.caller,
                intent=public_id,
                amount_minor=asked.amount_to_capture,
                key=required_key(request._request),
            )
        )


class PaymentIntentCancel(PaymentView):
    kind = "payment_intent"
    resource = "payment_intents"

    def post(self, request: Request, public_id: str) -> HttpResponse:
        asked = self.read(request, CancelParams)
        reason = one_of("cancellation_reason", asked.cancellation_reason, CANCELLATION_REASONS)
        return answer_response(
            cancel_intent(
                caller=self.caller, intent=public_id, reason=reason, key=required_key(request._request)
            )
        )


class PaymentIntentSearch(PaymentView):
    kind = "payment_intent"
    resource = "payment_intents"

    def get(self, request: Request) -> Response:
        asked = self.read(request, SearchParams)
        found = queries.payment_intents(self.caller).filter(to_q(parse(asked.query), SEARCHED))
        return Response(search_page(found, asked, url="/v1/payment_intents/search", render=show_intents))


def show_intents(rows: list[PaymentIntent]) -> list[dict[str, Any]]:
    charges = queries.latest_charges(row.pk for row in rows)
    return [serializers.payment_intent(row, latest_charge=charges.get(row.pk)) for row in rows]
