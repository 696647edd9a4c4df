"""A merchant of its own for each test, and short words for what webhook tests do."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import stripe
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.utils import timezone

from merchants.models import Merchant
from merchants.services import create_merchant
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, Event, OutboxEntry, WebhookEndpoint
from webhooks.services import record_event
from webhooks.services.deliver import deliver_due
from webhooks.services.endpoints import create_endpoint
from webhooks.services.relay import relay


@dataclass(frozen=True)
class Shop:
    """A merchant and what happens to them."""

    merchant: Merchant
    keys: dict[str, str]

    def endpoint(self, url: str, *patterns: str, livemode: bool = False) -> WebhookEndpoint:
        return create_endpoint(
            merchant_id=self.merchant.pk,
            livemode=livemode,
            url=url,
            enabled_events=patterns or ["*"],
            api_version=None,
            description=None,
            metadata=None,
        )

    def event(self, type: str = "charge.succeeded", *, livemode: bool = False, **more: Any) -> Event:
        with transaction.atomic():
            return record_event(
                merchant_id=self.merchant.pk,
                livemode=livemode,
                type=type,
                object_id=more.pop("object_id", "ch_1"),
                data=more.pop("data", {"id": "ch_1", "object": "charge", "amount": 1_000}),
                **more,
            )

    def deliveries(self) -> dict[str, str]:
        """State by url."""
        return dict(
            Delivery.objects.filter(event__merchant=self.merchant).values_list("endpoint__url", "state")
        )


@pytest.fixture
def shop(books: Any) -> Iterator[Shop]:
    made = create_merchant("A shop")
    yield Shop(made.merchant, made.keys)
    # What a test leaves undone would be done by the next one.
    Delivery.objects.filter(state="pending").update(state="given_up", next_attempt_at=None)
    OutboxEntry.objects.all().delete()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def send() -> None:
    """What the worker does each second."""
    relay()
    deliver_due()


def time_passes() -> None:
    """Until every next attempt is due and every lease is over."""
    now = timezone.now()
    Delivery.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=now, lease_until=None)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture(scope="module")
def api_url(books: Any) -> Iterator[str]:
    """The API over HTTP, as an SDK reaches it."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(api_url: str, shop: Shop) -> stripe.StripeClient:
    return stripe.StripeClient(shop.keys["sk_test"], base_addresses={"api": api_url}, max_network_retries=0)
