"""Payment intents."""

from typing import Any, Literal

import msgspec
from django.db.models import Q
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidRequest
from core.listing import ListParams, list_page
from core.params import Params, check_metadata, limited, one_of
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
from payments.errors import CardDataRefused
from payments.metadata import merged
from payments.models import PaymentIntent
from payments.services.cancel import cancel_intent
from payments.services.capture import capture_intent
from payments.services.confirm import Confirmation, confirm_intent, create_and_confirm
from payments.services.intents import NewIntent, create_intent, update_intent
from payments.views.base import IntentView, PaymentView
from payments.views.orders import order_of

CANCELLATION_REASONS = frozenset({"abandoned", "duplicate", "fraudulent", "requested_by_customer"})
SEARCHED: dict[str, Lookup] = {
    "amount": Number("amount_minor"),
    "created": Timestamp("created_at"),
    "currency": Text("currency"),
    "metadata": Metadata("metadata"),
    "status": Choice({state: Q(state=state) for state in PaymentIntent.State.values}),
}


class AutomaticMethods(msgspec.Struct, forbid_unknown_fields=True):
    enabled: bool
    allow_redirects: Literal["always", "never"] = "always"


class MethodData(msgspec.Struct):
    type: str
    card: dict[str, Any] | None = None


class WordsParams(Params):
    """What may be said of an intent when it is made, changed or confirmed."""

    payment_method: str | None = None
    payment_method_data: MethodData | None = None
    payment_method_options: dict[str, Any] | None = None
    capture_method: str | None = None
    setup_future_usage: Literal["off_session", "on_session"] | None = None
    return_url: str | None = None
    receipt_email: str | None = None
    shipping: dict[str, Any] | None = None


class ConfirmParams(WordsParams):
    client_secret: str | None = None
    error_on_requires_action: bool | None = None
    off_session: bool | Literal["one_off", "recurring"] | None = None
    mandate_data: dict[str, Any] | None = None
    use_stripe_sdk: bool | None = None


class TermsParams(WordsParams):
    description: str | None = None
    metadata: dict[str, str] | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    # The API's present name, and the one that it had.
    allowed_payment_method_types: list[str] | None = None
    payment_method_types: list[str] | None = None
    order_reference: str | None = None


class UpdateParams(TermsParams):
    amount: int | None = None
    currency: str | None = None


class CreateParams(TermsParams, kw_only=True):
    amount: int
    currency: str
    automatic_payment_methods: AutomaticMethods | None = None
    confirm: bool = False
    confirmation_method: str | None = None
    error_on_requires_action: bool | None = None
    off_session: bool | Literal["one_off", "recurring"] | None = None
    mandate_data: dict[str, Any] | None = None
    use_stripe_sdk: bool | None = None


class CaptureParams(Params):
    amount_to_capture: int | None = None
    final_capture: bool | None = None
    metadata: dict[str, str] | None = None


class CancelParams(Params):
    cancellation_reason: str | None = None


class RetrieveParams(Params):
    client_secret: str | None = None


class PaymentIntents(PaymentView):
    kind = "payment_intent"

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
            capture_method=_capture_method(asked.capture_method) or "automatic_async",
            order_reference=order_of(self.caller, asked.order_reference, asked.metadata),
            return_url=_url(asked.return_url),
            description=limited("description", asked.description, 1000),
            metadata=check_metadata(asked.metadata),
            receipt_email=limited("receipt_email", asked.receipt_email, 320),
            statement_descriptor=limited("statement_descriptor", asked.statement_descriptor, 22),
            statement_descriptor_suffix=limited(
                "statement_descriptor_suffix", asked.statement_descriptor_suffix, 22
            ),
            shipping=asked.shipping,
            options=_options(asked),
        )
        if not asked.confirm:
            return answer_response(create_intent(caller=self.caller, asked=wanted, key=self.key(request)))
        if source:
            _check_return(wanted.options, wanted.return_url)
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
        changes = _changes(asked, given)
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
        columns = {name: value for name, value in _changes(asked, given).items() if name in CONFIRM_COLUMNS}
        options = _options(asked)
        if source or found.source:
            _check_return(found.options | options, columns.get("return_url", found.return_url))
        key = required_key(request._request) if self.caller.secret else None
        return answer_response(
            confirm_intent(
                caller=self.caller,
                intent=public_id,
                asked=Confirmation(source, shown, columns, options),
                key=key,
                request_id=request._request.request_id,  # type: ignore[attr-defined]
            )
        )


CONFIRM_COLUMNS = frozenset({"capture_method", "return_url", "receipt_email", "shipping"})


class PaymentIntentCapture(PaymentView):
    kind = "payment_intent"

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

    def get(self, request: Request) -> Response:
        asked = self.read(request, SearchParams)
        found = queries.payment_intents(self.caller).filter(to_q(parse(asked.query), SEARCHED))
        return Response(search_page(found, asked, url="/v1/payment_intents/search", render=show_intents))


def show_intents(rows: list[PaymentIntent]) -> list[dict[str, Any]]:
    charges = queries.latest_charges(row.pk for row in rows)
    return [serializers.payment_intent(row, latest_charge=charges.get(row.pk)) for row in rows]


def card_of(asked: WordsParams) -> tuple[str, str]:
    """What the vault knows the card by, and the id to show for it where that is another one."""
    data = asked.payment_method_data
    if data is None:
        return asked.payment_method or "", ""
    if data.type != "card" or data.card is None or set(data.card) != {"token"}:
        raise CardDataRefused("payment_method_data[card][token]")
    return str(data.card["token"]), ""


def _changes(asked: WordsParams, given: dict[str, Any]) -> dict[str, Any]:
    """The columns that an update names, with what they are to be."""
    changes: dict[str, Any] = {}
    for name, length in TEXTS.items():
        if name in given:
            changes[name] = limited(name, getattr(asked, name), length)
    if "return_url" in given:
        changes["return_url"] = _url(asked.return_url)
    if "shipping" in given:
        changes["shipping"] = asked.shipping
    if asked.capture_method:
        changes["capture_method"] = _capture_method(asked.capture_method)
    if "payment_method" in given or asked.payment_method_data is not None:
        changes["source"] = card_of(asked)[0]
    if isinstance(asked, UpdateParams):
        if asked.amount is not None:
            changes["amount_minor"] = asked.amount
        if asked.currency is not None:
            changes["currency"] = asked.currency.lower()
    return changes


# Texts that an update may set, with what the columns hold.
TEXTS = {
    "description": 1000,
    "receipt_email": 320,
    "statement_descriptor": 22,
    "statement_descriptor_suffix": 22,
}


def _options(asked: Any) -> dict[str, Any]:
    """What is shown as it came, and how a challenge is to be met. Cards are all there is to pay with."""
    options: dict[str, Any] = {}
    types = None
    for name in ("allowed_payment_method_types", "payment_method_types"):
        if (types := getattr(asked, name, None)) is not None:
            if set(types) != {"card"}:
                raise InvalidRequest(
                    f"Invalid {name}: {', '.join(types)[:100]}. Cards are all there is.", param=name
                )
            options["allowed_payment_method_types"] = types
            break
    methods = getattr(asked, "automatic_payment_methods", None)
    if methods is not None:
        options["automatic_payment_methods"] = msgspec.to_builtins(methods)
    elif types is None and isinstance(asked, CreateParams):
        options["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "always"}
    if asked.setup_future_usage:
        options["setup_future_usage"] = asked.setup_future_usage
    if hasattr(asked, "off_session"):
        options["error_on_requires_action"] = bool(asked.error_on_requires_action or asked.off_session)
    return options


def _check_return(options: dict[str, Any], return_url: str) -> None:
    """Whoever may be sent away must be able to come back."""
    methods = options.get("automatic_payment_methods")
    if return_url or not methods or not methods["enabled"] or methods["allow_redirects"] == "never":
        return
    if options.get("error_on_requires_action"):
        return
    raise InvalidRequest(
        "This PaymentIntent may send the cardholder to their bank: pass a return_url to come back to, or create it "
        "with automatic_payment_methods[allow_redirects]=never or allowed_payment_method_types[]=card.",
        param="return_url",
        code="parameter_missing",
    )


def _capture_method(asked: str | None) -> str:
    return one_of("capture_method", asked, frozenset({"automatic", "automatic_async", "manual"}))


def _url(asked: str | None) -> str:
    url = limited("return_url", asked, 2000)
    if url and not url.startswith(("https://", "http://")):
        raise InvalidRequest(f"Invalid URL: {url[:100]}", param="return_url", code="url_invalid")
    return url
