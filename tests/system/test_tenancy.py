"""Nobody reads or changes what is another merchant's, or in the other mode: tried on every route of the API, as the
URLconf has them, so that a new route is covered by itself."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from core.ids import new_id, random_text
from merchants.api import MerchantView
from merchants.models import ApiKey
from merchants.scopes import RESOURCES, SCOPES, allows, level_of
from merchants.services import NewMerchant, create_merchant, hash_key, issue_key, revoke_key
from payments.services.bank_accounts import name_bank_account
from tests.support.client import Client, Reply
from tests.support.eventually import eventually
from tests.support.processes import System

NAMED = re.compile(r"<str:\w+>")
# Whoever comes without a key of the merchant's own.
NOBODY = ["", "sk_test_unknown", "sk_live_unknown", "rk_test_unknown"]
# Parameters by which a request names an object, and what kind of object.
REFERENCES = {
    "charge": "charges",
    "payment_intent": "payment_intents",
    "value_list": "value_lists",
    "starting_after": "",
    "ending_before": "",
}


@dataclass(frozen=True)
class Route:
    """An address of the API and what answers there."""

    template: str
    methods: tuple[str, ...]
    publishable_allowed: bool
    resource: str

    @property
    def collection(self) -> str:
        """What kind of object its path names: the first word, or the one after `radar` and `checkout`."""
        first, *others = self.template.split("/")[2:]
        return others[0] if first in ("radar", "checkout") else first

    def of(self, public_id: str) -> str:
        return NAMED.sub(public_id, self.template)


def routes() -> list[Route]:
    return sorted(_routes(get_resolver().url_patterns, "/"), key=lambda route: route.template)


def _routes(patterns: Any, before: str) -> Iterator[Route]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and here.startswith("/v1/"):
            view = getattr(pattern.callback, "cls", None)
            assert view is not None and issubclass(view, MerchantView), (
                f"{here} asks for no key: an address under /v1 is answered by a MerchantView"
            )
            methods = tuple(name for name in ("GET", "POST", "DELETE") if hasattr(view, name.lower()))
            yield Route(here, methods, view.publishable_allowed, view.resource)


ROUTES = routes()
OF_ONE = [route for route in ROUTES if NAMED.search(route.template)]
LISTS = [route for route in ROUTES if "GET" in route.methods and not NAMED.search(route.template)]


@pytest.fixture
def owner(system: System, shop: NewMerchant) -> Client:
    return Client(system.web.url, shop.keys["sk_test"])


@pytest.fixture
def strangers(system: System, shop: NewMerchant) -> list[Client]:
    """Another merchant in both modes, and by a restricted key that may everything; this one in the other mode."""
    other = create_merchant("Another shop")
    keys = [other.keys["sk_test"], other.keys["sk_live"], shop.keys["sk_live"]]
    keys.append(restricted(other, SCOPES))
    return [Client(system.web.url, key) for key in keys]


@pytest.fixture
def objects(owner: Client) -> dict[str, str]:
    """One object of each kind that the API has, all the owner's."""
    return {name: make(owner) for name, make in MAKERS.items()}


def restricted(of: NewMerchant, scopes: Iterable[str]) -> str:
    return issue_key(of.merchant, kind="restricted", livemode=False, scopes=scopes)[1]


def _charge(owner: Client) -> str:
    return str(owner.charge().json()["id"])


def _refund(owner: Client) -> str:
    return str(owner.post("/v1/refunds", {"charge": _charge(owner), "amount": 100}).json()["id"])


def _intent(owner: Client) -> str:
    fields = {"amount": 1_000, "currency": "usd", "capture_method": "manual", "confirm": "true"}
    card = {"payment_method": "pm_card_visa", "payment_method_types[]": "card"}
    return str(owner.post("/v1/payment_intents", fields | card).json()["id"])


def _token(owner: Client) -> str:
    card = {"card[number]": "4242424242424242", "card[exp_month]": 12, "card[exp_year]": 2040}
    return str(owner.post("/v1/tokens", card).json()["id"])


def _method(owner: Client) -> str:
    card = {"card[number]": "4242424242424242", "card[exp_month]": 12, "card[exp_year]": 2040}
    return str(owner.post("/v1/payment_methods", {"type": "card"} | card).json()["id"])


def _hook(owner: Client) -> str:
    hook = {"url": "http://127.0.0.1:9/hook", "enabled_events[]": "charge.expired"}
    return str(owner.post("/v1/webhook_endpoints", hook).json()["id"])


def _balance_transaction(owner: Client) -> str:
    return str(owner.charge().json()["balance_transaction"])


def _payout(owner: Client) -> str:
    name_bank_account(
        ApiKey.objects.get(hash=hash_key(owner.key)).merchant,
        livemode=False,
        currency="usd",
        holder="A shop",
        country="US",
        account_number="000123456789",
    )
    # More than what a dispute of the same shop takes away.
    owner.charge(source="tok_bypassPending", amount=100_000)
    return str(owner.post("/v1/payouts", {"amount": 100, "currency": "usd"}).json()["id"])


def _dispute(owner: Client) -> str:
    charge = owner.charge(source="tok_createDispute").json()["id"]
    listed = eventually(lambda: owner.get(f"/v1/disputes?charge={charge}").json()["data"])
    return str(listed[0]["id"])


def _review(owner: Client) -> str:
    return str(owner.charge(source="tok_riskLevelElevated").json()["review"])


def _value_list(owner: Client) -> str:
    asked = {"alias": f"l{random_text(12).lower()}", "name": "Mine", "item_type": "email"}
    return str(owner.post("/v1/radar/value_lists", asked).json()["id"])


def _value_list_item(owner: Client) -> str:
    asked = {"value_list": _value_list(owner), "value": "jenny@example.com"}
    return str(owner.post("/v1/radar/value_list_items", asked).json()["id"])


def _event(owner: Client) -> str:
    _charge(owner)
    return str(owner.get("/v1/events?limit=1").json()["data"][0]["id"])


def _session(owner: Client) -> str:
    item = "line_items[0][price_data]"
    priced = {
        f"{item}[currency]": "usd",
        f"{item}[unit_amount]": 1_000,
        f"{item}[product_data][name]": "Tent",
    }
    fields = {"mode": "payment", "line_items[0][quantity]": 1} | priced
    return str(owner.post("/v1/checkout/sessions", fields).json()["id"])


# A route that names a kind of object which is not here fails, and says so.
MAKERS: dict[str, Callable[[Client], str]] = {
    "charges": _charge,
    "refunds": _refund,
    "payment_intents": _intent,
    "tokens": _token,
    "payment_methods": _method,
    "webhook_endpoints": _hook,
    "events": _event,
    "payouts": _payout,
    "balance_transactions": _balance_transaction,
    "disputes": _dispute,
    "reviews": _review,
    "value_lists": _value_list,
    "value_list_items": _value_list_item,
    "sessions": _session,
    # Under `history`, the old name of the same.
    "balance": _balance_transaction,
}


def never_was(public_id: str) -> str:
    """An id of the same kind that nobody ever had."""
    return new_id(public_id.split("_")[0])


def asked(client: Client, method: str, path: str) -> Reply:
    return client.get(path) if method == "GET" else client.send(method, path, b"")


def said(reply: Reply, public_id: str) -> tuple[int, str]:
    """What a stranger learns, but for the id that they asked for themselves."""
    text = reply.body.decode().replace(public_id, "ID")
    return reply.status, re.sub(r"req_\w+", "REQUEST", text)


def test_each_route_names_a_kind_of_object_that_is_tried_here() -> None:
    unknown = {route.collection for route in OF_ONE} - set(MAKERS)
    assert not unknown, f"say in MAKERS how to make one: {sorted(unknown)}"
    assert len(OF_ONE) >= 10


@pytest.mark.parametrize("route", OF_ONE, ids=lambda route: route.template)
def test_what_is_another_s_looks_as_if_it_had_never_been(
    route: Route, owner: Client, strangers: list[Client]
) -> None:
    public_id = MAKERS[route.collection](owner)
    nothing = never_was(public_id)
    shown = f"/v1/{route.collection}/{public_id}"
    before = owner.get(shown).json()
    for stranger in strangers:
        for method in route.methods:
            reply = asked(stranger, method, route.of(public_id))
            assert reply.status in (400, 404), (method, reply)
            assert said(reply, public_id) == said(asked(stranger, method, route.of(nothing)), nothing)
    assert owner.get(shown).json() == before


@pytest.mark.parametrize("name", REFERENCES)
def test_a_parameter_that_names_another_s_object_names_nothing(
    name: str, owner: Client, strangers: list[Client]
) -> None:
    """In lists as in what is made of one: refunds of another's charge, pages after another's row."""
    tried = 0
    for route in LISTS:
        collection = REFERENCES[name] or route.collection
        if collection not in MAKERS:
            continue
        public_id = MAKERS[collection](owner)
        nothing = never_was(public_id)
        for stranger in strangers:
            listed = stranger.get(f"{route.template}?{name}={public_id}")
            assert said(listed, public_id) == said(
                stranger.get(f"{route.template}?{name}={nothing}"), nothing
            )
            if "POST" in route.methods:
                made = stranger.post(route.template, {name: public_id})
                assert made.status in (400, 404), (route, made)
                assert said(made, public_id) == said(stranger.post(route.template, {name: nothing}), nothing)
            tried += 1
    assert tried


def test_a_list_shows_nothing_of_anybody_else(objects: dict[str, str], strangers: list[Client]) -> None:
    for route in LISTS:
        search = "?query=amount>0" if route.template.endswith("/search") else ""
        for stranger in strangers:
            reply = stranger.get(f"{route.template}{search}")
            assert reply.status == 200, (route, reply)
            shown = reply.body.decode()
            assert not [public_id for public_id in objects.values() if public_id in shown], route


def test_without_a_key_of_one_s_own_there_is_nothing_at_all(system: System, objects: dict[str, str]) -> None:
    for route in ROUTES:
        path = route.of(objects[route.collection]) if route in OF_ONE else route.template
        for key, method in product(NOBODY, route.methods):
            reply = asked(Client(system.web.url, key), method, path)
            said_no = (reply.status, reply.json()["error"]["type"])
            assert said_no == (401, "invalid_request_error"), (method, path, key, reply)


def test_a_publishable_key_opens_only_what_browsers_need(
    system: System, shop: NewMerchant, objects: dict[str, str]
) -> None:
    """Where it is allowed it still wants the intent's secret."""
    browser = Client(system.web.url, shop.keys["pk_test"])
    for route in ROUTES:
        path = route.of(objects[route.collection]) if route in OF_ONE else route.template
        for method in route.methods:
            reply = asked(browser, method, path)
            if route.publishable_allowed:
                assert reply.status in (400, 401, 404), (method, path, reply)
            else:
                said_no = (reply.status, reply.json()["error"]["code"])
                assert said_no == (401, "secret_key_required"), (method, path, reply)
            assert b"client_secret" not in reply.body


def test_each_route_says_what_a_restricted_key_must_be_allowed() -> None:
    silent = [route.template for route in ROUTES if route.resource not in RESOURCES]
    assert not silent, f"name the `resource` of these views, one of {', '.join(RESOURCES)}: {silent}"


def test_a_restricted_key_opens_what_it_may_and_nothing_else(
    system: System, shop: NewMerchant, owner: Client
) -> None:
    """Every route with every method, by a key that may everything but this, and by one that may this alone."""
    nothing = never_was("ch_1")
    for scope in SCOPES:
        resource, level = scope.split(":")
        but_this = [other for other in SCOPES if not allows([other], resource, level)]
        lacking = Client(system.web.url, restricted(shop, but_this))
        holding = Client(system.web.url, restricted(shop, [scope]))
        tried = [
            (method, route.of(nothing))
            for route in ROUTES
            for method in route.methods
            if (route.resource, level_of(method)) == (resource, level)
        ]
        for method, path in tried:
            refused = asked(lacking, method, path)
            assert (refused.status, refused.json()["error"]["type"]) == (403, "invalid_request_error"), path
            assert scope in refused.json()["error"]["message"]
            assert asked(holding, method, path).status in (200, 400, 404), (method, path)


def test_a_restricted_key_gets_nothing_that_a_secret_key_was_answered(
    system: System, shop: NewMerchant, owner: Client
) -> None:
    """The same request under the same key, as often as it takes for its answer to be remembered."""
    for _ in range(3):
        assert owner.charge(idempotency_key="order-1").status == 200
    lacking = Client(system.web.url, restricted(shop, ["charges:read", "refunds:write"]))
    holding = Client(system.web.url, restricted(shop, ["charges:write"]))
    assert lacking.charge(idempotency_key="order-1").status == 403
    replayed = holding.charge(idempotency_key="order-1")
    assert replayed.json()["id"] == owner.charge(idempotency_key="order-1").json()["id"]


def test_a_revoked_key_is_refused_by_the_process_that_remembered_it(
    system: System, shop: NewMerchant
) -> None:
    text = restricted(shop, ["charges:read"])
    client = Client(system.web.url, text)
    assert client.get("/v1/charges").status == 200
    revoke_key(ApiKey.objects.get(hash=hash_key(text)))
    assert eventually(lambda: client.get("/v1/charges").status == 401)
