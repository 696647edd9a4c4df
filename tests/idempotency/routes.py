"""Every route under /v1 that takes a POST, as the URLs say; and for those that are known here, how it is asked."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from core.ids import new_id, random_text
from merchants.models import ApiKey, Merchant
from merchants.services import hash_key
from payments.attempts import Actor
from payments.models import Charge
from payments.services.bank_accounts import name_bank_account
from payments.services.disputes import book_report
from processors.protocol import DisputeReport
from tests.support.bank import Bank
from tests.support.client import Client

Fields = dict[str, Any]
PASSED_TO_THE_VAULT = ("/v1/tokens", "/v1/payment_methods")
CARD = {"payment_method": "pm_card_visa", "return_url": "https://shop.example.com/paid"}


def routes() -> list[str]:
    return sorted(_routes(get_resolver().url_patterns, "/"))


def _routes(patterns: list[Any], before: str) -> Iterator[str]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith("/v1/"):
            view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
            if hasattr(view, "post"):
                yield path


def somewhere(route: str) -> str:
    """A path of the route at which there is nothing."""
    return re.sub(r"<[^>]*>", lambda _: new_id("xx"), route)


def charge(api: Client, **more: Any) -> str:
    return str(api.charge(**more).json()["id"])


def intent(api: Client, **more: Any) -> str:
    fields = {"amount": 2_000, "currency": "usd"} | more
    return str(api.post("/v1/payment_intents", fields).json()["id"])


def held(api: Client) -> str:
    return intent(api, confirm="true", capture_method="manual", **CARD)


def refund(api: Client) -> str:
    return str(api.post("/v1/refunds", {"charge": charge(api), "amount": 100}).json()["id"])


def earned(api: Client) -> str:
    """Something that is available at once, and an account for it."""
    name_bank_account(
        Merchant.objects.get(pk=ApiKey.objects.get(hash=hash_key(api.key)).merchant_id),
        livemode=False,
        currency="usd",
        holder="A shop",
        country="US",
        account_number="000123456789",
    )
    return charge(api, source="tok_bypassPending")


def payout(api: Client) -> str:
    earned(api)
    return str(api.post("/v1/payouts", {"amount": 100, "currency": "usd"}).json()["id"])


def dispute(api: Client) -> str:
    """Opened at the bank, and heard of here: nobody works off notifications in this gateway."""
    paid = Charge.objects.get(public_id=charge(api))
    opened = Bank(BANK_URLS[api.url]).open_dispute(paid.operations.get().public_id)
    report = DisputeReport(
        opened["id"], "needs_response", opened["amount"], "usd", opened["reason"], opened["due_by"]
    )
    return book_report(paid.pk, report, Actor("notification:sandbox")).public_id


# The bank of each gateway, by the gateway's address.
BANK_URLS: dict[str, str] = {}


def session(api: Client) -> str:
    return str(api.post("/v1/checkout/sessions", SESSION).json()["id"])


def review(api: Client) -> str:
    return str(api.charge(source="tok_riskLevelElevated").json()["review"])


def value_list(api: Client) -> str:
    return str(api.post("/v1/radar/value_lists", value_list_fields()).json()["id"])


def value_list_fields() -> Fields:
    return {"alias": f"l{random_text(16).lower()}", "name": "Regulars", "item_type": "email"}


def endpoint(api: Client) -> str:
    return str(api.post("/v1/webhook_endpoints", ENDPOINT).json()["id"])


SESSION = {
    "mode": "payment",
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": 1_000,
    "line_items[0][price_data][product_data][name]": "A tent",
    "line_items[0][quantity]": 2,
}
ENDPOINT = {"url": "https://93.184.215.14/hooks", "enabled_events[0]": "charge.failed"}
# Each makes what it needs, and says where to send what.
KNOWN: dict[str, Callable[[Client], tuple[str, Fields]]] = {
    "/v1/charges": lambda api: (
        "/v1/charges",
        {"amount": 1_000, "currency": "usd", "source": "tok_visa", "metadata[b]": "2", "metadata[a]": "1"},
    ),
    "/v1/charges/<str:public_id>": lambda api: (
        f"/v1/charges/{charge(api)}",
        {"description": "Order ä", "metadata[a]": "1"},
    ),
    "/v1/charges/<str:public_id>/capture": lambda api: (
        f"/v1/charges/{charge(api, capture='false')}/capture",
        {"amount": 600},
    ),
    "/v1/checkout/sessions": lambda api: ("/v1/checkout/sessions", SESSION),
    "/v1/checkout/sessions/<str:public_id>/expire": lambda api: (
        f"/v1/checkout/sessions/{session(api)}/expire",
        {},
    ),
    "/v1/payment_intents": lambda api: (
        "/v1/payment_intents",
        {"amount": 1_000, "currency": "usd", "confirm": "true", **CARD},
    ),
    "/v1/payment_intents/<str:public_id>": lambda api: (
        f"/v1/payment_intents/{intent(api)}",
        {"description": "Order 7", "metadata[a]": "1"},
    ),
    "/v1/payment_intents/<str:public_id>/confirm": lambda api: (
        f"/v1/payment_intents/{intent(api)}/confirm",
        CARD,
    ),
    "/v1/payment_intents/<str:public_id>/capture": lambda api: (
        f"/v1/payment_intents/{held(api)}/capture",
        {"amount_to_capture": 600},
    ),
    "/v1/payment_intents/<str:public_id>/cancel": lambda api: (
        f"/v1/payment_intents/{held(api)}/cancel",
        {"cancellation_reason": "abandoned"},
    ),
    "/v1/radar/value_lists": lambda api: ("/v1/radar/value_lists", value_list_fields()),
    "/v1/radar/value_lists/<str:public_id>": lambda api: (
        f"/v1/radar/value_lists/{value_list(api)}",
        {"name": "Friends", "metadata[a]": "1"},
    ),
    "/v1/radar/value_list_items": lambda api: (
        "/v1/radar/value_list_items",
        {"value_list": value_list(api), "value": "jenny@example.com"},
    ),
    "/v1/reviews/<str:public_id>/approve": lambda api: (f"/v1/reviews/{review(api)}/approve", {}),
    "/v1/refunds": lambda api: ("/v1/refunds", {"charge": charge(api), "amount": 600, "metadata[a]": "1"}),
    "/v1/refunds/<str:public_id>": lambda api: (f"/v1/refunds/{refund(api)}", {"metadata[a]": "1"}),
    "/v1/webhook_endpoints": lambda api: ("/v1/webhook_endpoints", ENDPOINT),
    "/v1/webhook_endpoints/<str:public_id>": lambda api: (
        f"/v1/webhook_endpoints/{endpoint(api)}",
        {"description": "Orders"},
    ),
    "/v1/webhook_endpoints/<str:public_id>/roll_secret": lambda api: (
        f"/v1/webhook_endpoints/{endpoint(api)}/roll_secret",
        {"expires_in": 60},
    ),
    "/v1/payouts": lambda api: (
        "/v1/payouts",
        {"amount": 100, "currency": "usd", "metadata[from]": earned(api)},
    ),
    "/v1/payouts/<str:public_id>": lambda api: (f"/v1/payouts/{payout(api)}", {"metadata[a]": "1"}),
    "/v1/payouts/<str:public_id>/cancel": lambda api: (f"/v1/payouts/{payout(api)}/cancel", {}),
    "/v1/disputes/<str:public_id>": lambda api: (
        f"/v1/disputes/{dispute(api)}",
        {"evidence[customer_name]": "Ada", "evidence[uncategorized_text]": "x", "submit": "true"},
    ),
    "/v1/disputes/<str:public_id>/close": lambda api: (f"/v1/disputes/{dispute(api)}/close", {}),
}
# It is refused whatever it is asked.
NEVER_DONE = "/v1/payouts/<str:public_id>/reverse"
