"""What a repeated key gets, at every POST of the API, whatever Redis is, forgets, pretends or delays."""

import json
import time
import uuid
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from django.utils import timezone

from core.forms import parse_form
from idempotency.keys import fingerprint
from idempotency.models import Claim
from merchants.services import NewMerchant, create_merchant
from tests.console.world import World
from tests.idempotency.conftest import DELAY_SECONDS, RedisAside
from tests.idempotency.routes import KNOWN, NEVER_DONE, PASSED_TO_THE_VAULT, routes, somewhere
from tests.support.client import Client, Reply

ROUTES = [route for route in routes() if route not in PASSED_TO_THE_VAULT]
JSON = "application/json"


def new_key() -> str:
    return str(uuid.uuid4())


def check_replay(again: Reply, first: Reply) -> None:
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"]
    assert again.headers["Stripe-Should-Retry"] == "false"


def test_each_route_that_takes_a_post_is_asked_here() -> None:
    assert {*KNOWN, NEVER_DONE} == set(ROUTES), "say in KNOWN how it is asked"


@pytest.mark.parametrize("route", KNOWN)
def test_the_first_answer_is_given_again_in_whatever_form_the_request_comes(
    condition: RedisAside, api: Client, route: str
) -> None:
    path, fields = KNOWN[route](api)
    key, form = new_key(), urlencode(fields)
    first = api.send("POST", path, form.encode(), idempotency_key=key)
    assert first.status == 200, first.body
    assert "Idempotent-Replayed" not in first.headers
    assert first.headers["Original-Request"] == first.headers["Request-Id"]
    turned = "&".join(
        f"{quote(name, safe='[]')}={quote(str(value))}" for name, value in reversed(fields.items())
    )
    for body, content_type in (
        (form.encode(), None),
        (turned.encode(), None),
        (json.dumps(parse_form(form)).encode(), JSON),
        (form.encode(), None),
    ):
        condition.between()
        more = {"content_type": content_type} if content_type else {}
        check_replay(api.send("POST", path, body, idempotency_key=key, **more), first)
    other = api.post(path, fields | {"metadata[other]": "1"}, idempotency_key=key)
    assert (other.status, other.json()["error"]["type"]) == (400, "idempotency_error")


@pytest.mark.parametrize("route", ROUTES)
def test_a_kept_answer_is_replayed_to_its_own_request_only(
    condition: RedisAside, api: Client, shop: NewMerchant, route: str
) -> None:
    """At each route of the URLs, a new one too: whatever was kept first, a 402 as well."""
    path, key = somewhere(route), new_key()
    body = '{"error":{"type":"card_error","message":"Your card was declined."}}'
    now = timezone.now()
    Claim.objects.create(
        merchant=shop.merchant,
        livemode=False,
        key=key,
        fingerprint=fingerprint(path, {"expand": ["a"], "n": "1"}),
        lease_until=now,
        request_id="req_first",
        status=402,
        body=body,
        answered_at=now,
    )
    for form in (b"expand[]=a&n=1", b"n=1&expand%5B0%5D=a", b"expand[0]=a&n=1"):
        condition.between()
        again = api.send("POST", path, form, idempotency_key=key)
        assert (again.status, again.body.decode()) == (402, body)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.headers["Original-Request"] == "req_first"
    for elsewhere, form in ((path, b"n=2&expand[]=a"), (path + "x", b"expand[]=a&n=1")):
        refused = api.send("POST", elsewhere, form, idempotency_key=key)
        if refused.status != 404 or "<" in route:
            assert (refused.status, refused.json()["error"]["type"]) == (400, "idempotency_error")


@pytest.mark.parametrize("route", ROUTES)
def test_a_running_request_is_not_run_again(
    condition: RedisAside, api: Client, shop: NewMerchant, route: str
) -> None:
    path, key = somewhere(route), new_key()
    Claim.objects.create(
        merchant=shop.merchant,
        livemode=False,
        key=key,
        fingerprint=fingerprint(path, {}),
        owner="another-machine/pid:[1]/1/1",
        lease_until=timezone.now() + timedelta(minutes=1),
        request_id="req_first",
    )
    running = api.send("POST", path, b"", idempotency_key=key)
    assert (running.status, running.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert running.headers["Stripe-Should-Retry"] == "true"


@pytest.mark.parametrize("route", ROUTES)
def test_a_key_has_255_characters_at_most(condition: RedisAside, api: Client, route: str) -> None:
    refused = api.send("POST", somewhere(route), b"", idempotency_key="k" * 256)
    assert refused.status == 400
    assert "at most 255 characters; this one has 256" in refused.json()["error"]["message"]


def test_a_key_belongs_to_one_merchant_and_one_mode(
    condition: RedisAside, looking: World, api: Client, shop: NewMerchant
) -> None:
    key, fields = new_key(), {"amount": 2_000, "currency": "usd"}
    others = [shop.keys["sk_live"], create_merchant("Other").keys["sk_test"]]
    made = set()
    for each in (api, *(Client(looking.url, other) for other in others)):
        condition.between()
        made.add(each.post("/v1/payment_intents", fields, idempotency_key=key).json()["id"])
    assert len(made) == 3


def test_a_decline_is_kept_and_a_request_that_made_no_sense_is_not(
    condition: RedisAside, api: Client
) -> None:
    key, other = new_key(), new_key()
    first = api.charge(idempotency_key=key, source="tok_visa_chargeDeclined")
    condition.between()
    again = api.charge(idempotency_key=key, source="tok_visa_chargeDeclined")
    assert first.status == 402
    check_replay(again, first)
    assert api.charge(idempotency_key=other, amount="a lot").status == 400
    condition.between()
    assert api.charge(idempotency_key=other).status == 200


def test_a_refusal_by_how_things_stand_is_a_result(condition: RedisAside, api: Client) -> None:
    """The merchant was told no: a queue that delivers the request once more may not turn it into a yes."""
    held = api.charge(capture="false").json()["id"]
    key, path = new_key(), f"/v1/charges/{held}/capture"
    first = api.post(path, {"amount": 20_000}, idempotency_key=key)
    assert (first.status, first.headers["Stripe-Should-Retry"]) == (400, "false")
    condition.between()
    check_replay(api.post(path, {"amount": 20_000}, idempotency_key=key), first)


def test_redis_holds_no_request_for_seconds(condition: RedisAside, api: Client) -> None:
    """One asks it and gives up soon; the others do without."""
    api.charge()
    took = []
    for _ in range(20):
        key = new_key()
        for _ in range(3):
            began = time.monotonic()
            api.post("/v1/payment_intents", {"amount": 2_000, "currency": "usd"}, idempotency_key=key)
            took.append(time.monotonic() - began)
    assert sorted(took)[len(took) // 2] < DELAY_SECONDS
