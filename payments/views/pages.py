"""The page that cardholders come back to from their bank."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.limits import RateLimited
from merchants.limits import admit_stranger
from payments.addresses import intent_of
from payments.models import PaymentIntent
from payments.services.challenge import answer_challenge

# What a merchant's page is told, as Stripe tells it.
STATUS = {
    PaymentIntent.State.SUCCEEDED: "succeeded",
    PaymentIntent.State.REQUIRES_CAPTURE: "succeeded",
    PaymentIntent.State.PROCESSING: "pending",
    PaymentIntent.State.REQUIRES_ACTION: "pending",
}


@require_safe
def came_back(request: HttpRequest, signed: str) -> HttpResponse:
    """Goes on with the payment and sends the cardholder to their merchant; to a page of ours where that has none."""
    try:
        admit_stranger(request, "browser")
    except RateLimited as limited:
        page = render(request, "payments/return.html", {"status": "later"}, status=limited.status)
        page["Retry-After"] = str(limited.retry_after_seconds)
        return page
    known = intent_of(signed)
    intent = answer_challenge(known) if known else None
    if intent is None:
        return render(request, "payments/return.html", {"status": "unknown"}, status=404)
    status = STATUS.get(PaymentIntent.State(intent.state), "failed")
    if intent.return_url:
        return HttpResponseRedirect(_told(intent, status))
    return render(request, "payments/return.html", {"status": status, "intent": intent})


def _told(intent: PaymentIntent, status: str) -> str:
    parts = urlsplit(intent.return_url)
    told = urlencode(
        {
            "payment_intent": intent.public_id,
            "payment_intent_client_secret": intent.client_secret,
            "redirect_status": status,
        }
    )
    return urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))
