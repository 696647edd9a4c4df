"""One gateway of the fuzzer: a merchant on books of their own, two banks, and what clients, beat and time may do."""

import functools
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import dj_database_url
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.client import ClientHandler

from core.processes import me
from idempotency.keys import Key
from merchants.services import create_merchant
from payments import health, routing
from payments.addresses import return_address
from payments.attempts import Actor
from payments.errors import CallInProgress, ReviewClosed
from payments.services import breaker
from payments.services.answer_dispute import look_after_disputes
from payments.services.available import make_available
from payments.services.bank_accounts import name_bank_account
from payments.services.find_disputes import find_disputes
from payments.services.look_after import look_after_charges
from payments.services.look_after_payouts import look_after_payouts
from payments.services.notifications import apply_notifications
from payments.services.resume import sweep_operations
from payments.services.reviews import look_after_reviews, reject_review
from risk.models import Review
from tests.conftest import point_django_at, point_redis_at
from tests.fuzz.bank import Bank
from tests.fuzz.seen import Seen, look
from tests.fuzz.street import Street, fault_points
from tests.support.scripted import ScriptedVault
from tests.support.servers import Servers

FORM = "application/x-www-form-urlencoded"
NEVER_FAILS = 10**9


@dataclass
class Sent:
    """A request under a key, and every final answer to it."""

    path: str
    params: dict[str, str]
    key: str
    finals: set[tuple[int, str]] = field(default_factory=set)


class World:
    def __init__(self, servers: Servers, database: str) -> None:
        self.database = database
        self.street = Street()
        self.banks = [
            Bank("sandbox", self.street, takes_at_challenge=True),
            Bank("sandbox_two", self.street, takes_at_challenge=False),
        ]
        self.superuser = servers.superuser(database)
        self.redis = redis.Redis.from_url(servers.valkey.url())
        made = create_merchant("A shop")
        self.merchant = made.merchant
        self.bearer = f"Bearer {made.keys['sk_test']}"
        self.browser = f"Bearer {made.keys['pk_test']}"
        where = {"holder": "A shop", "country": "US", "account_number": "000123456789"}
        name_bank_account(made.merchant, livemode=False, currency="usd", **where)
        self.sent: list[Sent] = []
        self.told = 0
        # What was done, for whoever reads of a failure.
        self.story: list[str] = []
        self.seen: Seen | None = None

    def look(self) -> Seen:
        self.seen = look(self.superuser, self.banks, self.street.complaints, self.seen)
        return self.seen

    @property
    def now(self) -> Seen:
        """As it was after the last step."""
        return self.seen or self.look()

    # What clients do.

    def post(self, path: str, params: dict[str, Any]) -> None:
        self.send(self.write(path, params))

    def write(self, path: str, params: dict[str, Any]) -> Sent:
        """A request that is yet to be sent, under a key of its own."""
        named = {name: str(value) for name, value in params.items() if value is not None}
        sent = Sent(path, named, f"{self.database}/{len(self.sent)}")
        self.sent.append(sent)
        return sent

    def send(self, sent: Sent, **changes: str) -> tuple[int, str]:
        """The request, perhaps once more, perhaps with other parameters under the same key."""
        headers = {"Authorization": self.bearer, "Idempotency-Key": sent.key}
        body = urlencode(sent.params | changes)
        try:
            reply = _client().post(sent.path, body, content_type=FORM, headers=headers)
        except BaseException as error:
            self.note(f"POST {sent.path} {body} under {sent.key}: {type(error).__name__} {error}")
            raise
        finally:
            connection.close()
        status, text = reply.status_code, reply.content.decode()
        self.note(f"POST {sent.path} {body} under {sent.key}: {status} {_gist(text)}")
        assert status < 500, f"{status} to POST {sent.path}: {text}"
        if not changes and reply.headers.get("Original-Request"):
            sent.finals.add((status, text))
        return status, text

    def forget_in_redis(self, sent: Sent) -> None:
        key = Key(self.merchant.pk, False, sent.key, "", "")
        self.redis.delete(key.cache_name)

    def get(self, path: str) -> Any:
        try:
            reply = _client().get(path, headers={"Authorization": self.bearer})
        finally:
            connection.close()
        assert reply.status_code == 200, f"{reply.status_code} to GET {path}: {reply.content.decode()}"
        return reply.json()

    def browse(self, path: str, params: dict[str, str]) -> None:
        """A cardholder's browser: with the publishable key, and with none for what it does once."""
        try:
            reply = _client().post(
                path, urlencode(params), content_type=FORM, headers={"Authorization": self.browser}
            )
        finally:
            connection.close()
        text = reply.content.decode()
        self.note(f"a browser: POST {path}: {reply.status_code} {_gist(text)}")
        assert reply.status_code < 500, text

    def come_back(self, intent: str) -> None:
        """The cardholder's browser, from the bank to our page."""
        try:
            reply = _client().get(urlsplit(return_address(intent)).path)
        finally:
            connection.close()
        self.note(f"the cardholder of {intent} comes back: {reply.status_code}")
        assert reply.status_code in (200, 302), reply.content.decode()

    # What beat does.

    def sweep(self) -> None:
        self.superuser.execute(
            "UPDATE payments_operation SET next_attempt_at = now() - interval '1 s' "
            "WHERE next_attempt_at IS NOT NULL"
        )
        self.run(sweep_operations, "the sweeper")

    def look_after(self) -> None:
        self.superuser.execute(
            "UPDATE payments_charge SET next_look_at = now() - interval '1 s' WHERE next_look_at IS NOT NULL"
        )
        self.run(look_after_charges, "beat looks after charges")

    def end_reviews(self) -> None:
        self.superuser.execute("UPDATE risk_review SET next_look_at = now() WHERE next_look_at IS NOT NULL")
        self.run(look_after_reviews, "beat ends reviews")

    def reject(self, review: str) -> None:
        """As a person in the console does."""

        def decide() -> str:
            try:
                return reject_review(Review.objects.get(public_id=review), actor=Actor("fuzz")).body
            except (ReviewClosed, CallInProgress) as error:
                return error.message

        self.run(decide, f"a person rejects {review}")

    def look_after_disputes(self) -> None:
        self.superuser.execute(
            "UPDATE payments_dispute SET next_look_at = now() - interval '1 s' WHERE next_look_at IS NOT NULL"
        )
        self.run(look_after_disputes, "beat looks after disputes")

    def find_disputes(self) -> None:
        self.run(find_disputes, "beat looks for disputes")

    def look_after_payouts(self) -> None:
        self.superuser.execute(
            "UPDATE payments_payout SET next_look_at = now() WHERE next_look_at IS NOT NULL"
        )
        self.run(look_after_payouts, "beat looks after payouts")

    def make_available(self) -> None:
        self.run(make_available, "beat makes available")

    def apply_notifications(self) -> None:
        self.superuser.execute(
            "UPDATE webhooks_notification SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL"
        )
        self.run(apply_notifications, "beat applies notifications")

    def run(self, task: Callable[[], object], name: str) -> None:
        """Something of ours that no request asks for."""
        try:
            self.note(f"{name}: {task()}")
        finally:
            connection.close()

    # What banks do by themselves.

    def notify(self, bank: Bank, reference: str, *, times: int) -> None:
        self.told += 1
        disputed = any(report.reference == reference for report in bank.reports.values())
        kind = "dispute.updated" if disputed and self.told % 2 else "payment.updated"
        body = json.dumps({"id": f"ntf_{self.told}", "reference": reference, "kind": kind})
        for _ in range(times):
            reply = _client().post(
                f"/notifications/{bank.name}", body, content_type="application/json",
                headers={"signature": bank.name},
            )  # fmt: skip
            connection.close()
            assert reply.status_code == 200, reply.content.decode()
        self.note(f"{bank.name} notifies of {reference}, {times} times")

    # What time does, and death.

    def pass_time(self, passed: timedelta) -> None:
        """All that is waited for comes nearer. The guards keep these times: only a superuser can move them."""
        self.note(f"{passed} pass")
        with self.superuser.transaction():
            self.superuser.execute("SET LOCAL session_replication_role = replica")
            for table, (columns, where) in WAITING.items():
                moved = ", ".join(f"{column} = {column} - %(passed)s" for column in columns.split())
                self.superuser.execute(f"UPDATE {table} SET {moved} WHERE {where}", {"passed": passed})

    def bury(self) -> None:
        """Whatever this process held when it died is held by nobody now: no request runs any more."""
        self.note("the process is dead")
        boot_and_namespace = me().rsplit("/", 2)[0]
        self.superuser.execute(
            "UPDATE idempotency_claim SET owner = %s WHERE answered_at IS NULL AND owner = %s",
            [f"{boot_and_namespace}/4194304/1", me()],
        )

    def note(self, line: str) -> None:
        self.story.append(line)


# What lies ahead of each row, and so moves with time.
WAITING = {
    "payments_operation": ("created_at deadline_at next_attempt_at", "next_attempt_at IS NOT NULL"),
    "payments_charge": (
        "created_at action_until capture_before next_look_at",
        "state IN ('requires_action', 'authorized')",
    ),
    "risk_review": ("due_at next_look_at", "state = 'open'"),
    "payments_balancetransaction": ("available_on", "state = 'pending'"),
    "idempotency_claim": ("lease_until", "answered_at IS NULL"),
    "webhooks_notification": ("next_attempt_at", "next_attempt_at IS NOT NULL"),
}


# Each name once in a process: what it remembers of a database, it knows by its name.
_numbers = itertools.count(1)


class Worlds:
    """Makes one world after the other, each on a fresh copy of the migrated database."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    @contextmanager
    def open(self) -> Iterator[World]:
        name = f"fuzz_{next(_numbers)}"
        self._servers.new_database(name)
        before = dict(settings.DATABASES["default"])
        point_django_at(dj_database_url.parse(self._servers.application_url(name)))
        point_redis_at(self._servers.valkey.url())
        world = World(self._servers, name)
        try:
            with pytest.MonkeyPatch.context() as patch:
                _connect(world, patch)
                yield world
        finally:
            world.superuser.close()
            world.redis.close()
            point_django_at(before)
            self._servers.drop_database(name)


def _connect(world: World, patch: pytest.MonkeyPatch) -> None:
    """The gateway of this process, with the world's banks for processors."""
    adapters: dict[str, Any] = {bank.name: bank for bank in world.banks}
    patch.setattr(routing, "processor", adapters.__getitem__)
    patch.setattr(routing, "vault", ScriptedVault)
    patch.setattr(settings, "PROCESSORS", {name: {"livemode": False} for name in adapters})
    # Breakers open by the clock; here they only do as a step says.
    patch.setattr(breaker, "MIN_FAILURES", NEVER_FAILS)
    routing._rules.expire()
    health._breakers.expire()
    for point, (module, name) in fault_points().items():
        patch.setattr(module, name, lambda point=point: world.street.reach(point))


@functools.cache
def _handler() -> ClientHandler:
    """One for all clients: each builds the whole chain of middleware, which looks through all static files."""
    return ClientHandler(enforce_csrf_checks=False)


def _client() -> Client:
    client = Client()
    client.handler = _handler()
    return client


def _gist(text: str) -> str:
    """An answer in a few words."""
    try:
        said = json.loads(text)
    except ValueError:
        return text[:200]
    if "error" in said:
        return f"{said['error'].get('code', '')} {said['error']['message']}"
    return f"{said.get('id')} {said.get('status')}"
