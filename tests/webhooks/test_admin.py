"""The console shows events, endpoints and deliveries, changes none of them, and can send again."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from controls.models import AuditEntry
from core.ids import random_text
from tests.webhooks.conftest import Shop, send
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery

pytestmark = pytest.mark.usefixtures("books")


def logged_in(*permissions: str, superuser: bool = False) -> Client:
    user = User.objects.create_user(random_text(10), is_staff=True, is_superuser=superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def delivery(shop: Shop, receiver: Receiver) -> Delivery:
    receiver.answer = b"order 17 noted"
    shop.endpoint(receiver.url)
    event = shop.event()
    send()
    return Delivery.objects.get(event=event)


def test_everything_can_be_looked_at_and_nothing_edited(delivery: Delivery) -> None:
    console = logged_in(superuser=True)
    endpoint = delivery.endpoint
    pages = {
        "event": (delivery.event_id, delivery.event.public_id),
        "webhookendpoint": (endpoint.pk, endpoint.url),
        "delivery": (delivery.pk, "order 17 noted"),
    }
    for name, (pk, text) in pages.items():
        assert console.get(reverse(f"admin:webhooks_{name}_changelist")).status_code == 200
        page = console.get(reverse(f"admin:webhooks_{name}_change", args=[pk]))
        assert page.status_code == 200
        assert text in page.content.decode()
        assert endpoint.secret not in page.content.decode()
        assert 'name="_save"' not in page.content.decode()
        assert console.get(reverse(f"admin:webhooks_{name}_add")).status_code == 403
        assert console.post(reverse(f"admin:webhooks_{name}_delete", args=[pk])).status_code == 403


def test_they_are_found_and_filtered(delivery: Delivery) -> None:
    console = logged_in(superuser=True)
    for name, query in (
        ("event", f"q={delivery.event.public_id}&livemode__exact=0"),
        ("delivery", "q=ch_1&state__exact=succeeded&event__livemode__exact=0"),
        ("webhookendpoint", f"q={delivery.endpoint.public_id}&state__exact=enabled"),
    ):
        page = console.get(reverse(f"admin:webhooks_{name}_changelist") + "?" + query)
        assert page.status_code == 200 and len(page.context["cl"].result_list) >= 1


def resend_by_console(console: Client, delivery: Delivery) -> None:
    page = console.post(
        reverse("admin:webhooks_delivery_changelist"),
        {"action": "resend", "_selected_action": [delivery.pk]},
        follow=True,
    )
    assert page.status_code == 200


def test_a_delivery_is_sent_again_by_those_who_may(delivery: Delivery, receiver: Receiver) -> None:
    resend_by_console(logged_in("view_delivery"), delivery)
    send()
    assert len(receiver.received) == 1
    resend_by_console(logged_in("view_delivery", "change_delivery"), delivery)
    send()
    assert len(receiver.received) == 2
    delivery.refresh_from_db()
    assert delivery.attempts == 2
    assert AuditEntry.objects.get(object_name=str(delivery)[:200]).summary.startswith(
        "Sent 1 deliveries again"
    )
