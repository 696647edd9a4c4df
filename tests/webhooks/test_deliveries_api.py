"""The merchant's own view of what became of their events."""

from typing import Any

import pytest
from django.test import Client

from core.ids import new_id
from tests.webhooks.conftest import Shop, send, time_passes
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.usefixtures("books")


def get(shop: Shop, path: str, *, key: str = "sk_test", **asked: Any) -> Any:
    headers = {"Authorization": f"Bearer {shop.keys[key]}"}
    return Client().get(f"/v1/webhook_endpoints/{path}", asked, headers=headers).json()


def test_each_delivery_is_shown_with_its_attempts(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    receiver.status, receiver.answer = 500, b"out of paper"
    event = shop.event()
    send()
    (failing,) = get(shop, f"{endpoint.public_id}/deliveries")["data"]
    assert (failing["status"], failing["event"], failing["type"]) == (
        "pending",
        event.public_id,
        "charge.succeeded",
    )
    assert failing["next_attempt"] >= failing["created"]
    receiver.status = 200
    time_passes()
    send()
    shown = get(shop, f"{endpoint.public_id}/deliveries/{event.public_id}")
    assert (shown["status"], shown["next_attempt"], shown["endpoint"]) == (
        "succeeded",
        None,
        endpoint.public_id,
    )
    first, second = shown["attempts"]
    assert (first["number"], first["status_code"], first["error"], first["answer"]) == (
        1,
        500,
        "answered 500",
        "out of paper",
    )
    assert (second["number"], second["status_code"], second["error"]) == (2, 200, None)
    assert second["created"] >= first["created"] and second["duration_ms"] >= 0


def test_deliveries_are_filtered_and_paged_through(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    events = [shop.event(type).public_id for type in ("charge.succeeded", "charge.updated", "refund.created")]
    send()
    receiver.status = 500
    waiting = shop.event("charge.updated").public_id
    send()
    path = f"{endpoint.public_id}/deliveries"

    def found(**asked: Any) -> list[str]:
        return [one["id"] for one in get(shop, path, **asked)["data"]]

    assert found() == [waiting, *reversed(events)]
    assert found(status="pending") == [waiting]
    assert found(type="charge.*") == [waiting, events[1], events[0]]
    assert found(type="charge.updated", status="succeeded") == [events[1]]
    page = get(shop, path, limit=2)
    assert (page["has_more"], page["url"]) == (True, f"/v1/webhook_endpoints/{path}")
    assert found(limit=2, starting_after=page["data"][-1]["id"]) == [events[1], events[0]]
    assert get(shop, path, status="lost")["error"]["param"] == "status"
    assert get(shop, path, starting_after="evt_none")["error"]["code"] == "resource_missing"


def test_health_says_how_an_endpoint_takes_what_it_is_sent(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    for receiver.status in (200, 200, 500):
        shop.event()
        send()
    health = get(shop, f"{endpoint.public_id}/health")
    assert (health["tried"], health["succeeded"], health["waiting"], health["given_up"]) == (3, 2, 1, 0)
    assert health["failing_since"] >= health["last_success"] > 0
    assert health["oldest_waiting"] > 0


def test_nobody_sees_deliveries_of_others(shop: Shop, receiver: Receiver) -> None:
    endpoint = shop.endpoint(receiver.url)
    event = shop.event().public_id
    send()
    for path in ("deliveries", f"deliveries/{event}", "health"):
        for public_id, key in ((endpoint.public_id, "sk_live"), (new_id("we"), "sk_test")):
            assert get(shop, f"{public_id}/{path}", key=key)["error"]["code"] == "resource_missing"
    missing = get(shop, f"{endpoint.public_id}/deliveries/{new_id('evt')}")
    assert missing["error"]["code"] == "resource_missing"
