"""A merchant keeps lists by the API, in Stripe's shapes, and sees none but their own."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe
from django.test import Client

from core.ids import new_id
from merchants.services import create_merchant
from risk import listed
from risk.models import ValueListItem
from tests.conftest import Books
from tests.risk.test_lists import put, shipped_list

Ask = Callable[..., Any]


@pytest.fixture
def ask(books: Books) -> Ask:
    listed.forget()
    key = create_merchant("A shop").keys["sk_test"]

    def asked(method: str, path: str, **fields: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": fields.pop("key", new_id("k"))}
        client: Any = Client()
        if method == "POST":
            form = "application/x-www-form-urlencoded"
            return client.post(f"/v1/radar/{path}", urlencode(fields), content_type=form, headers=headers)
        return getattr(client, method.lower())(f"/v1/radar/{path}", fields, headers=headers)

    return asked


def test_a_list_is_made_filled_read_and_deleted_as_an_sdk_does(ask: Ask) -> None:
    made = ask("POST", "value_lists", alias="vips", name="VIPs", item_type="email", **{"metadata[a]": "b"})
    assert made.status_code == 200, made.content
    shown = stripe.radar.ValueList.construct_from(made.json(), "k")
    assert (shown.object, shown.alias, shown.item_type) == ("radar.value_list", "vips", "email")
    assert shown.metadata["a"] == "b" and shown.list_items.data == []
    until = int(time.time()) + 3_600
    item = ask(
        "POST",
        "value_list_items",
        value_list=shown.id,
        value="Jenny@Example.com",
        expires_at=until,
        reason="Ours.",
    ).json()
    assert (item["object"], item["value"], item["expires_at"]) == (
        "radar.value_list_item",
        "Jenny@Example.com",
        until,
    )
    again = ask("POST", "value_list_items", value_list=shown.id, value="jenny+1@example.com")
    assert (again.status_code, again.json()["error"]["param"]) == (400, "value")
    listed_items = ask("GET", "value_list_items", value_list=shown.id, value="jenny").json()
    assert [one["id"] for one in listed_items["data"]] == [item["id"]]
    assert ask("GET", f"value_lists/{shown.id}").json()["list_items"]["data"] == [item]
    assert [one["id"] for one in ask("GET", "value_lists", contains="Jenny@Example.com").json()["data"]] == [
        shown.id
    ]
    changed = ask("POST", f"value_lists/{shown.id}", name="Very important", alias="very_vips").json()
    assert (changed["name"], changed["alias"], changed["metadata"]) == (
        "Very important",
        "very_vips",
        {"a": "b"},
    )
    gone = ask("DELETE", f"value_list_items/{item['id']}").json()
    assert gone == {"id": item["id"], "object": "radar.value_list_item", "deleted": True}
    assert ask("GET", f"value_list_items/{item['id']}").status_code == 404
    assert ValueListItem.objects.get(public_id=item["id"]).removed_by.startswith("API key sk_test_")
    assert ask("DELETE", f"value_lists/{shown.id}").json()["deleted"]
    assert ask("GET", "value_lists").json()["data"] == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"alias": "No Spaces", "name": "x"}, "alias"),
        ({"alias": "a", "name": " "}, "name"),
        ({"alias": "a", "name": "x", "item_type": "customer_id"}, "item_type"),
        ({"alias": "a"}, "name"),
    ],
)
def test_a_list_that_no_rule_could_ask_for_is_refused(ask: Ask, fields: dict[str, str], param: str) -> None:
    refused = ask("POST", "value_lists", **fields)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_a_repeated_request_adds_once_and_the_gateways_own_lists_are_nobody_s_to_see(ask: Ask) -> None:
    row = ask("POST", "value_lists", alias="twice", name="Twice").json()["id"]
    replies = [
        ask("POST", "value_list_items", value_list=row, value="x", key="the same").content for _ in range(2)
    ]
    assert replies[0] == replies[1]
    ours = shipped_list("blocked_emails", livemode=False)
    item = put(ours, "thief@example.com")
    assert ask("GET", f"value_lists/{ours.public_id}").status_code == 404
    assert ask("GET", f"value_list_items/{item.public_id}").status_code == 404
    assert item.public_id not in ask("GET", "value_list_items").content.decode()
    stolen = ask("POST", "value_list_items", value_list=ours.public_id, value="y@example.com")
    assert (stolen.status_code, stolen.json()["error"]["code"]) == (400, "resource_missing")
