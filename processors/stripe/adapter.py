"""Stripe through the official SDK. The card's number goes there through the vault; all else refers to it by the
payment method that Stripe makes of it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import stripe

from core.http import Http
from core.money import CURRENCIES
from processors.protocol import (
    AuthorizationRequest,
    Capabilities,
    CaptureRequest,
    CompletionRequest,
    Declined,
    DisputeOrder,
    DisputeReport,
    NotFound,
    Notification,
    NotificationRefused,
    NotSent,
    Outcome,
    RefundRequest,
    Tombstoned,
    Unknown,
    VoidRequest,
)
from processors.signatures import check_age
from processors.stripe import answers, calls, disputes
from processors.stripe.wire import client
from processors.vault import Answered, ForwardRequest, VaultClient

# Not known there, or (Uganda's shilling) counted in hundredths there and as a whole here.
NOT_AT_STRIPE = frozenset({"iqd", "lyd", "ugx"})
# What takes no second call to end: it is over, or Stripe is at it.
OVER = ("succeeded", "canceled", "processing")
# In place of a payment method: the idempotency key belongs to another request.
KEY_USED = ""
CARD = {
    "number": "{{card.number}}",
    "exp_month": "{{card.exp_month}}",
    "exp_year": "{{card.exp_year}}",
    "cvc": "{{card.cvc}}",
}


class StripeProcessor:
    """See `processors.protocol.Processor`. Stripe may forget an idempotency key after a day: whatever can be sent
    again later than that is looked for first."""

    capabilities = Capabilities(currencies=CURRENCIES - NOT_AT_STRIPE)

    def __init__(
        self,
        *,
        name: str,
        vault: VaultClient,
        key: str,
        base_url: str = "https://api.stripe.com",
        notification_secret: str = "",
    ) -> None:
        self.name = name
        self._vault = vault
        self._key = key
        self._base_url = base_url.rstrip("/")
        self._notification_secret = notification_secret
        self._http = Http()

    def authorize(self, request: AuthorizationRequest, *, timeout_seconds: float) -> Outcome:
        ends_at = time.monotonic() + timeout_seconds
        method = self._payment_method(request, ends_at)
        if not isinstance(method, str):
            return method
        sdk = self._sdk(ends_at - time.monotonic())

        def pay() -> Outcome:
            try:
                return answers.of_intent(calls.create_intent(sdk, request, method))
            except stripe.IdempotencyError:
                # The reference was here before, with another payment method made of the same card.
                return _standing(map(answers.of_intent, calls.intents_of(sdk, request.reference)))

        return _said(pay, answers.of_error)

    def complete(self, request: CompletionRequest, *, timeout_seconds: float) -> Outcome:
        sdk = self._sdk(timeout_seconds)

        def complete() -> Outcome:
            intent = calls.intent(sdk, request.processor_id)
            if intent.get("status") == "requires_confirmation":
                confirmed = sdk.v1.payment_intents.confirm(
                    request.processor_id, {"expand": calls.CHARGE}, {"idempotency_key": request.reference}
                )
                intent = calls.data(confirmed)
            return answers.of_intent(intent)

        return _said(complete, answers.of_error)

    def capture(self, request: CaptureRequest, *, timeout_seconds: float) -> Outcome:
        sdk = self._sdk(timeout_seconds)

        def capture() -> stripe.PaymentIntent:
            return sdk.v1.payment_intents.capture(
                request.processor_id,
                {"amount_to_capture": request.amount_minor},
                {"idempotency_key": request.reference},
            )

        return _said(
            lambda: answers.of_captured(calls.changed_or_as_it_is(sdk, request.processor_id, capture)),
            answers.of_refused_step,
        )

    def void(self, request: VoidRequest, *, timeout_seconds: float) -> Outcome:
        sdk = self._sdk(timeout_seconds)

        def cancel() -> stripe.PaymentIntent:
            return sdk.v1.payment_intents.cancel(
                request.processor_id, None, {"idempotency_key": request.reference}
            )

        return _said(
            lambda: answers.of_canceled(calls.changed_or_as_it_is(sdk, request.processor_id, cancel)),
            answers.of_refused_step,
        )

    def refund(self, request: RefundRequest, *, timeout_seconds: float) -> Outcome:
        sdk = self._sdk(timeout_seconds)

        def refund() -> Outcome:
            for made in calls.refunds_of(sdk, request.processor_id):
                if calls.reference_of(made) == request.reference:
                    return answers.of_refund(made)
            created = sdk.v1.refunds.create(
                {
                    "payment_intent": request.processor_id,
                    "amount": request.amount_minor,
                    "metadata": {calls.OUR_REFERENCE: request.reference},
                },
                {"idempotency_key": request.reference},
            )
            return answers.of_refund(calls.data(created))

        return _said(refund, answers.of_refused_step)

    def look_up(self, reference: str, *, timeout_seconds: float) -> Outcome | NotFound:
        """Captures and voids are never found, since Stripe gives them no place for a reference: sent again, they
        answer what became of them."""
        sdk = self._sdk(timeout_seconds)
        try:
            if intents := calls.intents_of(sdk, reference):
                found = _standing(map(answers.of_intent, intents))
                # An intent that nobody paid and nobody canceled: sending again, or voiding, will tell.
                return NotFound() if isinstance(found, Unknown) else found
            for refund in calls.recent_refunds(sdk):
                if calls.reference_of(refund) == reference:
                    return answers.of_refund(refund)
        except stripe.StripeError as error:
            return answers.unsure(error)
        return NotFound()

    def void_by_reference(self, reference: str, *, timeout_seconds: float) -> Outcome:
        """Burns the idempotency key. Nothing that was sent with it can arrive after that, and what had arrived
        before is found and canceled."""
        sdk = self._sdk(timeout_seconds)

        def void() -> Outcome:
            intents = calls.intents_of(sdk, reference)
            if not intents:
                try:
                    intents = [calls.create_burnt_intent(sdk, reference)]
                except stripe.IdempotencyError:
                    intents = calls.intents_of(sdk, reference)
            return _standing(_ended(sdk, intent) for intent in intents)

        return _said(void, answers.unsure)

    def disputes(self, processor_id: str, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        return disputes.of_intent(self._sdk(timeout_seconds), processor_id)

    def look_up_dispute(self, dispute_id: str, *, timeout_seconds: float) -> DisputeReport | Unknown:
        return disputes.one(self._sdk(timeout_seconds), dispute_id)

    def recent_disputes(self, since: int, *, timeout_seconds: float) -> tuple[DisputeReport, ...] | Unknown:
        return disputes.since(self._sdk(timeout_seconds), since)

    def submit_evidence(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        return disputes.submit(self._sdk(timeout_seconds), order)

    def accept_dispute(
        self, order: DisputeOrder, *, timeout_seconds: float
    ) -> DisputeReport | Declined | Unknown:
        return disputes.accept(self._sdk(timeout_seconds), order)

    def read_notification(self, *, body: bytes, headers: Mapping[str, str], now: float) -> Notification:
        """The reference is empty where the event is about nothing of ours."""
        header = headers.get("stripe-signature", "")
        try:
            # Without a tolerance: the age is checked below, by our caller's clock.
            signed = stripe.Webhook.construct_event(body, header, self._notification_secret, tolerance=0)
            event = calls.data(signed)
        except (stripe.StripeError, ValueError, TypeError, AttributeError) as error:
            raise NotificationRefused(f"Not an event that Stripe signed: {error}") from error
        check_age(header, now=now)
        match event:
            case {"id": str(identity), "type": str(kind), "data": {"object": {"object": "dispute"} as about}}:
                # Its metadata are its own: it names its payment by Stripe's id alone.
                return Notification(identity, "", kind, dispute_id=str(about.get("id") or ""))
            case {"id": str(identity), "type": str(kind), "data": {"object": {} as about}}:
                return Notification(identity, calls.reference_of(about), kind)
            case _:
                raise NotificationRefused("The event has no id, type and object.")

    def _sdk(self, timeout_seconds: float) -> stripe.StripeClient:
        return client(self._http, key=self._key, base_url=self._base_url, timeout_seconds=timeout_seconds)

    def _payment_method(self, request: AuthorizationRequest, ends_at: float) -> str | Declined | NotSent:
        """The card as Stripe's payment method. This call takes no money, whatever becomes of it: NotSent, then."""
        made = self._make_method(request, f"{request.reference}-card", ends_at)
        if made != KEY_USED:
            return made
        # The reference was here before, with the security code, which is forgotten by now. What became of that
        # sending is told by its intent alone: a decline of the card is no answer any more.
        match self._make_method(request, f"{request.reference}-card-again", ends_at):
            case str(method) if method != KEY_USED:
                return method
            case NotSent() as outcome:
                return outcome
            case _:
                return NotSent("Stripe does not take the card in a second time.", answers.ORDER_REFUSED)

    def _make_method(
        self, request: AuthorizationRequest, key: str, ends_at: float
    ) -> str | Declined | NotSent:
        match self._vault.forward(self._card_order(request, key, ends_at - time.monotonic())):
            case Answered(200, {"id": str(method)}):
                return method
            case Answered(400, {"error": {"type": "idempotency_error"}}):
                return KEY_USED
            case Answered(status, body):
                return answers.of_card_refused(status, body)
            case NotSent() as outcome:
                return outcome
            case Unknown(reason):
                return NotSent(f"Stripe may not have taken the card in: {reason}")

    def _card_order(self, request: AuthorizationRequest, key: str, seconds: float) -> ForwardRequest:
        return ForwardRequest(
            token=request.token,
            merchant=request.merchant,
            livemode=request.livemode,
            reference=request.payment,
            method="POST",
            url=f"{self._base_url}/v1/payment_methods",
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Idempotency-Key": key,
                "Stripe-Version": stripe.api_version,
            },
            body={"type": "card", "card": CARD},
            timeout_seconds=seconds,
            # The payment itself comes after this call, and perhaps at another processor.
            keep_code=True,
        )


def _said(ask: Callable[[], Outcome], of_error: Callable[[stripe.StripeError], Outcome]) -> Outcome:
    try:
        return ask()
    except stripe.StripeError as error:
        return of_error(error)


def _standing(outcomes: Iterable[Outcome]) -> Outcome:
    """Of all that became of one reference, what still stands; Unknown where nothing is found: Stripe's search
    lags."""
    last: Outcome = Unknown("Stripe knows the reference, and does not find it yet.")
    for last in outcomes:
        if not isinstance(last, Tombstoned):
            return last
    return last


def _ended(sdk: stripe.StripeClient, intent: dict[str, Any]) -> Outcome:
    """Canceled if that is still possible; otherwise what became of it."""
    intent_id = intent.get("id")
    if intent.get("status") in OVER or not isinstance(intent_id, str):
        return answers.of_intent(intent)

    def cancel() -> stripe.PaymentIntent:
        return sdk.v1.payment_intents.cancel(intent_id, None, {"idempotency_key": f"{intent_id}-void"})

    return answers.of_intent(calls.changed_or_as_it_is(sdk, intent_id, cancel))
