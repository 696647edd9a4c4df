"""The page at which a cardholder pays. What is typed into the card's fields goes to the vault; here comes the payment
method that it was made into."""

import re
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from core.amount_text import amount_text
from core.errors import InvalidRequest, ServiceUnavailable
from core.hosted import INTEGRITY, SCRIPT, origin_of
from core.tickets import issue_ticket
from idempotency.errors import KeyInUse
from idempotency.keys import Answer
from payments import queries
from payments.addresses import checkout_address
from payments.checkout_words import DEFAULT, declined, language_of, words
from payments.errors import SessionNotOpen, UnexpectedState
from payments.models import Charge, CheckoutSession, PaymentIntent
from payments.services.checkout import has_tried_enough, is_over, pay_session
from payments.views.emails import email_of

METHOD = re.compile(r"pm_\w{1,60}", re.ASCII)
# What merchants write into success_url for the session's id, as at Stripe.
ID_GOES_HERE = "{CHECKOUT_SESSION_ID}"
# How the page stands → its heading and text in the words, and the response's status.
ENDS = {
    "paid": ("paid", "paid_text", 200),
    "processing": ("processing", "processing_text", 200),
    "action": ("action", "action_text", 200),
    "over": ("over", "over_text", 410),
    "too_many": ("too_many", "too_many_text", 410),
    "unknown": ("unknown", "unknown_text", 404),
}


@require_safe
def show(request: HttpRequest, public_id: str) -> HttpResponse:
    """The form to pay by; or how things stand, however often it is loaded anew."""
    session = queries.session_at(public_id)
    if session is None:
        return _end(request, "unknown", None)
    intent = session.payment_intent
    match PaymentIntent.State(intent.state):
        case PaymentIntent.State.SUCCEEDED | PaymentIntent.State.REQUIRES_CAPTURE:
            if session.success_url:
                return _on_to(session.success_url.replace(ID_GOES_HERE, session.public_id))
            return _end(request, "paid", session)
        case PaymentIntent.State.PROCESSING:
            return _end(request, "processing", session)
        case PaymentIntent.State.REQUIRES_ACTION:
            charge = queries.latest_charge(intent)
            return _end(request, "action", session, bank=charge.redirect_url if charge else "")
    if is_over(session):
        return _end(request, "over", session)
    if has_tried_enough(session):
        return _end(request, "too_many", session)
    return _form(request, session, queries.latest_charge(intent))


@csrf_exempt  # there is no cookie to ride on: whoever has the address may pay, with a card of their own
@require_POST
def pay(request: HttpRequest, public_id: str) -> HttpResponse:
    """Where to go next, or why the card was not taken."""
    session = queries.session_at(public_id)
    method = request.POST.get("payment_method", "")
    if session is None or not METHOD.fullmatch(method):
        return _json({"error": words(DEFAULT, merchant="", amount="")["unknown_text"]}, status=404)
    language, here = _language(request, session), checkout_address(session.public_id)
    said = _words(language, session)
    try:
        email = email_of("email", request.POST.get("email"))
        answer = pay_session(session, method, email=email, request_id=request.request_id)  # type: ignore[attr-defined]
    except (SessionNotOpen, UnexpectedState, KeyInUse):
        # It was paid, is being paid, or is over: the page tells.
        return _json({"go": here})
    except InvalidRequest as error:
        return _json({"error": said["failed"], "code": error.wire_code}, status=error.status)
    except ServiceUnavailable:
        return _json({"error": said["busy"]}, status=503)
    return _answered(answer, here, language)


def _answered(answer: Answer, here: str, language: str) -> HttpResponse:
    body: dict[str, Any] = msgspec.json.decode(answer.body)
    if answer.status == 402:
        error = body["error"]
        shown = {"error": declined(language, error.get("decline_code", ""), error.get("code", ""))}
        return _json(shown, status=402, final=answer.final)
    action = (body.get("next_action") or {}).get("redirect_to_url") or {}
    if answer.status == 200 and body["status"] == "requires_action" and action.get("url"):
        return _json({"go": action["url"]}, final=answer.final)
    return _json({"go": here}, final=answer.final)


def _json(shown: dict[str, Any], *, status: int = 200, final: bool = False) -> HttpResponse:
    response = JsonResponse(shown, status=status)
    response["Cache-Control"] = "no-store"
    if final:
        response["Stripe-Should-Retry"] = "false"
    return response


def _on_to(address: str) -> HttpResponse:
    """A page that loads itself anew is its own referrer, and a redirect hands that on unless it says otherwise."""
    response = HttpResponseRedirect(address)
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


def _form(request: HttpRequest, session: CheckoutSession, charge: Charge | None) -> HttpResponse:
    language = _language(request, session)
    failed = charge is not None and charge.state == Charge.State.FAILED
    ticket = issue_ticket(
        settings.VAULT_SHARED_SECRET,
        session.merchant.public_id,
        livemode=session.livemode,
        until=int(session.expires_at.timestamp()),
    )
    said = _words(language, session)
    holds = session.payment_intent.capture_method == "manual"
    context = {
        "ticket": ticket,
        "script": settings.VAULT_PUBLIC_URL.rstrip("/") + SCRIPT,
        "integrity": INTEGRITY,
        "error": declined(language, charge.decline_code, charge.failure_code) if failed and charge else "",
        "items": [item | {"amount": _amount(session, item, language)} for item in session.items],
        "button": said["hold"] if holds else said["pay"],
        "email": session.customer_email or session.payment_intent.receipt_email,
    }
    return _page(request, "payments/checkout.html", session, language, context)


def _end(request: HttpRequest, name: str, session: CheckoutSession | None, *, bank: str = "") -> HttpResponse:
    language = _language(request, session)
    heading, text, status = ENDS[name]
    said = _words(language, session)
    context = {"name": name, "heading": said[heading], "text": said[text], "bank": bank}
    return _page(request, "payments/checkout_end.html", session, language, context, status=status)


def _page(
    request: HttpRequest,
    template: str,
    session: CheckoutSession | None,
    language: str,
    context: dict[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    shared = {"session": session, "language": language, "t": _words(language, session)}
    if session is not None:
        shared["amount"] = amount_text(session.amount_minor, session.currency, language)
    response = render(request, template, shared | context, status=status)
    vault = origin_of(settings.VAULT_PUBLIC_URL)
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self' {vault}; style-src 'self'; connect-src 'self'; frame-src {vault}; "
        "img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    response["Cache-Control"] = "no-store"
    # The address is a way to pay: nobody is told of it.
    response["Referrer-Policy"] = "no-referrer"
    return response


def _words(language: str, session: CheckoutSession | None) -> dict[str, str]:
    if session is None:
        return words(language, merchant="", amount="")
    amount = amount_text(session.amount_minor, session.currency, language)
    return words(language, merchant=session.merchant.name, amount=amount)


def _amount(session: CheckoutSession, item: dict[str, Any], language: str) -> str:
    return amount_text(item["unit_minor"] * item["quantity"], session.currency, language)


def _language(request: HttpRequest, session: CheckoutSession | None) -> str:
    accepted = parse_accept_lang_header(request.META.get("HTTP_ACCEPT_LANGUAGE", "")[:200])
    return language_of(session.locale if session else "", (tag for tag, _ in accepted))
