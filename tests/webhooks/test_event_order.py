"""Events have a number among those of their object, and lists of them never pass one by."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import stripe
from django.db import connection, transaction

from merchants.models import Merchant
from tests.support.servers import GATEWAY, Servers, migrate
from tests.webhooks.conftest import Shop
from webhooks.models import Event, EventClock
from webhooks.services.relay import relay

pytestmark = pytest.mark.usefixtures("books")


def numbers(shop: Shop, object_id: str) -> list[int]:
    mine = Event.objects.filter(merchant=shop.merchant, object_id=object_id)
    return list(mine.order_by("pk").values_list("sequence", flat=True))


def test_events_are_numbered_per_object(shop: Shop) -> None:
    for object_id in ("ch_a", "ch_b", "ch_a", "ch_a", "ch_b"):
        shop.event(object_id=object_id)
    assert numbers(shop, "ch_a") == [1, 2, 3]
    assert numbers(shop, "ch_b") == [1, 2]


def test_a_change_that_fails_uses_no_number_up(shop: Shop) -> None:
    shop.event(object_id="ch_c")
    with pytest.raises(RuntimeError), transaction.atomic():
        shop.event(object_id="ch_c")
        raise RuntimeError("the change fails")
    shop.event(object_id="ch_c")
    assert numbers(shop, "ch_c") == [1, 2]


def test_changes_of_one_object_at_once_are_numbered_in_the_order_of_their_locks(shop: Shop) -> None:
    def work() -> None:
        try:
            for _ in range(25):
                with transaction.atomic():
                    # Stands for the object: whoever changes it holds its lock.
                    Merchant.objects.select_for_update(no_key=True).get(pk=shop.merchant.pk)
                    shop.event(object_id="ch_busy")
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(shop, "ch_busy") == list(range(1, 101))


def test_postgresql_gives_the_number_whoever_writes(books: Any, shop: Shop) -> None:
    insert = """
        INSERT INTO webhooks_event (public_id, merchant_id, livemode, type, object_id, data, sequence, position)
        VALUES ('evt_attack', %s, false, 'charge.updated', 'ch_attack', '{}', 17, 0)
        RETURNING sequence, position"""
    with books.superuser() as raw:
        row = raw.execute(insert, [shop.merchant.pk]).fetchone()
        assert row is not None and row[0] == 1 and row[1] > 0
        for attack in ("DELETE FROM webhooks_event_clock", "TRUNCATE webhooks_event_clock"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                raw.execute(attack)


@contextmanager
def change(books: Any) -> Iterator[psycopg.Connection]:
    """A database transaction of somebody else's that has begun to write."""
    with psycopg.connect(books.servers.application_url(books.name)) as other:
        other.execute("SELECT pg_current_xact_id()")
        yield other


def record(other: psycopg.Connection, shop: Shop, public_id: str) -> None:
    other.execute(
        """INSERT INTO webhooks_event (public_id, merchant_id, livemode, type, object_id, data)
           VALUES (%s, %s, false, 'charge.updated', %s, '{}')""",
        [public_id, shop.merchant.pk, f"ch_of_{public_id}"],
    )


def listed(client: stripe.StripeClient, **params: Any) -> list[str]:
    return [event.id for event in client.v1.events.list(params).data]  # type: ignore[arg-type]


def test_a_list_never_passes_an_event_by_that_commits_late(
    books: Any, client: stripe.StripeClient, shop: Shop
) -> None:
    first = shop.event(object_id="ch_1").public_id
    with change(books) as other:
        record(other, shop, "evt_late")
        early = shop.event(object_id="ch_2").public_id
        assert listed(client, ending_before=first) == [], "something may still come before it"
        assert client.v1.events.retrieve(early).id == early, "who knows its id sees it at once"
        other.commit()
    assert listed(client, ending_before=first) == [early, "evt_late"]
    assert listed(client, starting_after=early) == ["evt_late", first]


def test_nor_one_whose_lower_id_belongs_to_a_later_transaction(
    books: Any, client: stripe.StripeClient, shop: Shop
) -> None:
    """The order of ids is not the order of transactions, and only the latter has a watermark."""
    with change(books) as earlier, change(books) as later:
        record(later, shop, "evt_low_id")
        record(earlier, shop, "evt_high_id")
        earlier.commit()
        assert listed(client) == ["evt_high_id"]
        later.commit()
    low, high = Event.objects.get(public_id="evt_low_id"), Event.objects.get(public_id="evt_high_id")
    assert low.pk < high.pk and low.position > high.position
    assert listed(client, ending_before="evt_high_id") == ["evt_low_id"]


def test_after_a_restore_into_another_cluster_events_go_on_behind_those_that_are_there(
    books: Any, client: stripe.StripeClient, shop: Shop
) -> None:
    with books.superuser() as raw:
        raw.execute("UPDATE webhooks_event_clock SET system_identifier = 1, starts_at = 1000000000")
        restored = shop.event(object_id="ch_restored")
        # As it was before the restore: the old cluster had counted further.
        raw.execute("UPDATE webhooks_event_clock SET starts_at = 0")
    relay()
    restored.refresh_from_db()
    assert EventClock.objects.get().starts_at >= restored.position
    after = shop.event(object_id="ch_restored")
    after.refresh_from_db()
    assert after.position > restored.position
    assert listed(client) == [after.public_id, restored.public_id]


def test_events_of_the_last_release_are_numbered_by_the_upgrade(
    servers: Servers, shop: Shop, books: Any
) -> None:
    name = "events_of_the_last_release"
    servers.new_database(name)
    environment = servers.gateway_environment(name) | {"DATABASE_URL": servers.owner_url(name)}
    try:
        migrate(["manage.py"], environment, GATEWAY.application, "webhooks", "0004")
        with servers.superuser(name) as raw:
            raw.execute(
                """INSERT INTO webhooks_event (public_id, merchant_id, livemode, type, object_id, data)
                   SELECT 'evt_' || n, 1, false, 'charge.updated',
                          'ch_' || mod(n, 2), '{}' FROM generate_series(1, 5) n"""
            )
        migrate(["manage.py"], environment, GATEWAY.application)
        with servers.superuser(name) as raw:
            rows = raw.execute(
                "SELECT object_id, sequence, position FROM webhooks_event ORDER BY id"
            ).fetchall()
            assert rows == [("ch_1", 1, 0), ("ch_0", 1, 0), ("ch_1", 2, 0), ("ch_0", 2, 0), ("ch_1", 3, 0)]
            with pytest.raises(psycopg.errors.RestrictViolation):
                raw.execute("UPDATE webhooks_event SET sequence = 1")
    finally:
        servers.drop_database(name)
