"""What PostgreSQL refuses, whoever asks."""

from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, RestrictViolation, UniqueViolation

from tests.webhooks.conftest import Shop, send
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, Event
from webhooks.services.relay import relay

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def raw(books: Any) -> Any:
    with books.superuser() as connection:
        yield connection


@pytest.fixture
def delivery(shop: Shop, receiver: Receiver) -> Delivery:
    shop.endpoint(receiver.url)
    event = shop.event()
    send()
    return Delivery.objects.get(event=event)


@pytest.mark.parametrize("table", ["webhooks_event", "webhooks_delivery_attempt"])
@pytest.mark.parametrize(
    "attack", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"], ids=lambda sql: sql[:6]
)
def test_events_and_attempts_are_append_only(
    raw: psycopg.Connection, delivery: Delivery, table: str, attack: str
) -> None:
    with pytest.raises(RestrictViolation):
        raw.execute(attack.format(table))


@pytest.mark.parametrize("table", ["webhooks_delivery", "webhooks_endpoint"])
def test_deliveries_and_endpoints_stay(raw: psycopg.Connection, delivery: Delivery, table: str) -> None:
    for attack in ("DELETE FROM {}", "TRUNCATE {} CASCADE"):
        with pytest.raises(RestrictViolation):
            raw.execute(attack.format(table))


@pytest.mark.parametrize("state", ["pending", "given_up"])
def test_a_delivery_never_moves_backward(raw: psycopg.Connection, delivery: Delivery, state: str) -> None:
    with pytest.raises(CheckViolation):
        raw.execute(
            "UPDATE webhooks_delivery SET state = %s, next_attempt_at = now() WHERE id = %s",
            [state, delivery.pk],
        )


def test_a_delivery_is_born_pending_and_once(raw: psycopg.Connection, delivery: Delivery, shop: Shop) -> None:
    insert = "INSERT INTO webhooks_delivery (event_id, endpoint_id, state) VALUES (%s, %s, %s)"
    with pytest.raises(CheckViolation):
        raw.execute(insert, [shop.event().pk, delivery.endpoint_id, "succeeded"])
    with pytest.raises(UniqueViolation):
        raw.execute(insert, [delivery.event_id, delivery.endpoint_id, "pending"])


def test_a_pending_delivery_always_has_a_due_time(raw: psycopg.Connection, shop: Shop) -> None:
    shop.endpoint("http://127.0.0.1:9/")
    shop.event()
    relay()
    with pytest.raises(CheckViolation):
        raw.execute("UPDATE webhooks_delivery SET next_attempt_at = NULL WHERE state = 'pending'")


def test_an_event_never_reaches_another_merchant_or_mode(
    raw: psycopg.Connection, delivery: Delivery, shop: Shop
) -> None:
    live: Event = shop.event(livemode=True)
    with pytest.raises(CheckViolation, match="different merchants or modes"):
        raw.execute(
            "INSERT INTO webhooks_delivery (event_id, endpoint_id) VALUES (%s, %s)",
            [live.pk, delivery.endpoint_id],
        )


def test_a_deleted_endpoint_stays_deleted_and_live_ones_use_https(
    raw: psycopg.Connection, delivery: Delivery
) -> None:
    where = [delivery.endpoint_id]
    raw.execute("UPDATE webhooks_endpoint SET state = 'deleted' WHERE id = %s", where)
    with pytest.raises(CheckViolation):
        raw.execute("UPDATE webhooks_endpoint SET state = 'enabled' WHERE id = %s", where)
    with pytest.raises(RestrictViolation):
        raw.execute("UPDATE webhooks_endpoint SET livemode = true WHERE id = %s", where)
    with pytest.raises(CheckViolation, match="live_webhooks_use_https"):
        raw.execute(
            "INSERT INTO webhooks_endpoint (public_id, merchant_id, livemode, url, enabled_events, secret,"
            " state, metadata) SELECT 'we_x', merchant_id, true, url, enabled_events, secret, 'enabled', '{}'"
            " FROM webhooks_endpoint WHERE id = %s",
            where,
        )


def test_a_secret_that_was_replaced_does_not_sign_for_ever(
    raw: psycopg.Connection, delivery: Delivery
) -> None:
    with pytest.raises(CheckViolation, match="rolled_secrets_end"):
        raw.execute(
            "UPDATE webhooks_endpoint SET previous_secret = 'whsec_x' WHERE id = %s", [delivery.endpoint_id]
        )
