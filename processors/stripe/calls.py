"""Calls to Stripe that more than one question needs. All of them may raise stripe.StripeError."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import stripe

from processors.protocol import AuthorizationRequest
from processors.stripe.answers import UNEXPECTED_STATE
from processors.stripe.wire import Garbled

OUR_REFERENCE = "tollgate_reference"
# The charge says what the bank checked.
CHARGE = ["latest_charge"]
# Stripe gives at most this many at a time.
PAGE = 100
# Up to 22 letters on a statement, of which the account's own prefix may take 10, and a separator 2.
MAX_SUFFIX = 10
FORBIDDEN_IN_SUFFIX = str.maketrans("", "", "<>\\'\"*")


def create_intent(sdk: stripe.StripeClient, request: AuthorizationRequest, method: str) -> dict[str, Any]:
    """Pays, or holds, with a payment method."""
    order: stripe.params.PaymentIntentCreateParams = {
        "amount": request.amount_minor,
        "currency": request.currency,
        "confirm": True,
        "capture_method": "automatic" if request.capture else "manual",
        "payment_method": method,
        "allowed_payment_method_types": ["card"],
        "metadata": {OUR_REFERENCE: request.reference},
        "expand": CHARGE,
    }
    if request.three_d_secure:
        order["payment_method_options"] = {"card": {"request_three_d_secure": "any"}}
    if request.return_url:
        order["return_url"] = request.return_url
    else:
        # Without a way back the cardholder can not be sent to a challenge.
        order["error_on_requires_action"] = True
    suffix = request.descriptor.translate(FORBIDDEN_IN_SUFFIX)[:MAX_SUFFIX].strip()
    if any(letter.isalpha() for letter in suffix):
        order["statement_descriptor_suffix"] = suffix
    return data(sdk.v1.payment_intents.create(order, {"idempotency_key": request.reference}))


def create_burnt_intent(sdk: stripe.StripeClient, reference: str) -> dict[str, Any]:
    """Takes the reference's idempotency key for an intent that nobody will ever pay. IdempotencyError where the
    reference was there first."""
    order: stripe.params.PaymentIntentCreateParams = {
        "amount": 100,
        "currency": "usd",
        "confirm": False,
        "allowed_payment_method_types": ["card"],
        "metadata": {OUR_REFERENCE: reference},
    }
    return data(sdk.v1.payment_intents.create(order, {"idempotency_key": reference}))


def intent(sdk: stripe.StripeClient, intent_id: str) -> dict[str, Any]:
    return data(sdk.v1.payment_intents.retrieve(intent_id, {"expand": CHARGE}))


def intents_of(sdk: stripe.StripeClient, reference: str) -> list[dict[str, Any]]:
    """Those with our reference, as they are now: the search, which lags, only says which they are."""
    found = sdk.v1.payment_intents.search({"query": f"metadata['{OUR_REFERENCE}']:'{reference}'"})
    return [intent(sdk, str(hit.get("id"))) for hit in listed(found)]


def changed_or_as_it_is(
    sdk: stripe.StripeClient, intent_id: str, change: Callable[[], stripe.PaymentIntent]
) -> dict[str, Any]:
    """The intent after its change; or as it stands, where its state forbids the change: perhaps because it was
    made before, under an idempotency key that Stripe has forgotten since."""
    try:
        return data(change())
    except stripe.InvalidRequestError as error:
        if error.code != UNEXPECTED_STATE:
            raise
        return intent(sdk, intent_id)


def refunds_of(sdk: stripe.StripeClient, intent_id: str) -> Iterator[dict[str, Any]]:
    """All of one payment. This list does not lag."""
    wanted: stripe.params.RefundListParams = {"payment_intent": intent_id, "limit": PAGE}
    while True:
        page = sdk.v1.refunds.list(wanted)
        refunds = listed(page)
        yield from refunds
        if not refunds or not data(page).get("has_more"):
            return
        wanted["starting_after"] = str(refunds[-1].get("id"))


def recent_refunds(sdk: stripe.StripeClient) -> Iterator[dict[str, Any]]:
    """The newest of all payments; then those that failed within the last month, which are few."""
    yield from listed(sdk.v1.refunds.list({"limit": PAGE}))
    for event in listed(sdk.v1.events.list({"type": "refund.failed", "limit": PAGE})):
        match event:
            case {"data": {"object": dict(refund)}}:
                yield refund


def reference_of(found: Mapping[str, Any]) -> str:
    """Our reference on an intent, charge or refund; empty on what is not ours."""
    match found:
        case {"metadata": {"tollgate_reference": str(reference)}}:
            return reference
        case _:
            return ""


def listed(found: object) -> list[dict[str, Any]]:
    match data(found):
        case {"data": list(rows)}:
            return [row for row in rows if isinstance(row, dict)]
        case _:
            raise Garbled("no list where one was asked for")


def data(found: object) -> dict[str, Any]:
    if not isinstance(found, stripe.StripeObject):
        raise Garbled("no object where one was asked for")
    return found.to_dict()
