"""The inbox: what processors notify us of is kept as it came, applied in its turn, and doubles nothing."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from controls.models import Alert
from core.db import release_connection, run_statement
from core.ids import random_text
from merchants.auth import Caller
from merchants.services import NewMerchant
from payments import routing
from payments.models import Charge, Dispute, Operation
from payments.services.charge import NewCharge, create_charge
from payments.services.notifications import (
    AHEAD,
    CLAIM_NOTIFICATIONS,
    LEASE_SECONDS,
    NOT_OURS,
    apply_notifications,
)
from processors.protocol import Approved, AuthorizationRequest
from tests.conftest import point_redis_at
from tests.payments.balances import balances
from tests.support.disputing import DisputingBank
from tests.support.scripted import ScriptedVault
from tests.support.servers import Servers
from webhooks.models import Event, Notification
from webhooks.services.inbox import apply_again

BODY = b'{"id": "%s", "reference": "%s", "kind": "%s",  "note":"\xc3\xa9\\u00e9"}'


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch, servers: Servers) -> Iterator[DisputingBank]:
    disputing = DisputingBank()
    adapters: dict[str, Any] = {"sandbox": disputing}
    monkeypatch.setattr(routing, "processor", adapters.__getitem__)
    monkeypatch.setattr(routing, "vault", ScriptedVault)
    point_redis_at(servers.valkey.url())
    yield disputing


def charge(caller: Caller, key: Any) -> Charge:
    answer = create_charge(caller=caller, asked=NewCharge(10_000, "usd", "tok_visa"), key=key(random_text(6)))
    return Charge.objects.get(public_id=json.loads(answer.body)["id"])


def notify(
    reference: str, *, kind: str = "refund.failed", body: bytes = b"", signed: str = "scripted"
) -> Any:
    """The answer, and the row if there is one."""
    name = random_text(8)
    content = body or BODY % (name.encode(), reference.encode(), kind.encode())
    reply = Client().post(
        "/notifications/sandbox", content, content_type="application/json", headers={"signature": signed}
    )
    row = Notification.objects.filter(notification_id=json.loads(content).get("id", "")).first()
    release_connection()
    return reply, row, content


def apply(row: Notification, times: int = 1) -> Notification:
    for _ in range(times):
        Notification.objects.filter(pk=row.pk, applied_at=None).update(next_attempt_at="2020-01-01T00:00Z")
        release_connection()
        apply_notifications()
    return Notification.objects.get(pk=row.pk)


def test_what_came_is_kept_byte_for_byte_and_once_and_never_changes(
    caller: Caller, bank: DisputingBank, key: Any
) -> None:
    paid = charge(caller, key)
    reference = paid.operations.get().public_id
    reply, row, content = notify(reference)
    assert (reply.status_code, bytes(row.body), row.redacted) == (200, content, False)
    again, _, _ = notify(reference, body=content)
    assert again.status_code == 200
    assert Notification.objects.filter(reference=reference).count() == 1
    assert apply(row).applied_at is not None
    for change in ("SET body = 'x'", "SET reference = 'x'", "SET received_at = now()"):
        with pytest.raises(DatabaseError), transaction.atomic():
            connection.cursor().execute(f"UPDATE webhooks_notification {change} WHERE id = %s", [row.pk])
    with pytest.raises(DatabaseError), transaction.atomic():
        connection.cursor().execute("DELETE FROM webhooks_notification WHERE id = %s", [row.pk])


def test_a_card_number_in_a_body_is_masked_and_the_rest_kept(bank: DisputingBank) -> None:
    body = b'{"id": "%s", "reference": "op_x", "pan": "4242 4242 4242 4242", "raw": "\xff"}'
    _, row, content = notify("", body=(body % random_text(8).encode()).replace(b"\xff", b"ok"))
    assert row.redacted
    assert bytes(row.body) == content.replace(b"4242 4242 4242 4242", "[card …4242]".encode())


def test_a_notification_before_our_own_phase_2_doubles_nothing(
    caller: Caller, bank: DisputingBank, key: Any
) -> None:
    """The bank's word is here, and applied, before its answer is."""

    def answer() -> Approved:
        _, request = bank.asked[-1]
        assert isinstance(request, AuthorizationRequest)
        yes = Approved(f"auth_{request.reference}", request.amount_minor)
        bank.done[request.reference] = yes
        bank.dispute(yes.processor_id)

        def tell() -> None:
            for kind in ("authorization.approved", "authorization.approved", "dispute.opened"):
                _, row, _ = notify(request.reference, kind=kind)
                assert apply(row).applied_at
            release_connection()

        told = threading.Thread(target=tell)
        told.start()
        told.join()
        return yes

    bank.script.append(answer)
    paid = charge(caller, key)
    assert paid.state == "captured"
    assert balances(caller) == {"pending": 9_680, "available": -11_500}
    assert Charge.objects.filter(payment_intent=paid.payment_intent_id).count() == 1
    assert Operation.objects.filter(charge=paid).count() == 1
    assert Dispute.objects.filter(charge=paid).count() == 1
    assert Event.objects.filter(object_id=paid.public_id, type="charge.succeeded").count() == 1


def test_one_that_is_ahead_of_its_payment_waits_for_its_turn(
    shop: NewMerchant, caller: Caller, bank: DisputingBank, key: Any
) -> None:
    """A dispute of money that our books do not have yet."""
    held = Charge.objects.get(
        public_id=json.loads(
            create_charge(
                caller=caller, asked=NewCharge(10_000, "usd", "tok_visa", capture=False), key=key("held")
            ).body
        )["id"]
    )
    bank.dispute(held.processor_id)
    _, row, _ = notify(held.operations.get().public_id, kind="dispute.opened")
    row = apply(row)
    assert (row.applied_at, row.problem) == (None, AHEAD)
    assert row.next_attempt_at is not None
    assert not Dispute.objects.filter(charge=held).exists()
    reply = Client().post(
        f"/v1/charges/{held.public_id}/capture",
        "",
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Bearer {shop.keys['sk_test']}", "Idempotency-Key": random_text(8)},
    )
    assert reply.status_code == 200, reply.content
    assert apply(row).problem == ""
    assert Dispute.objects.get(charge=held).state == "needs_response"


def test_what_a_worker_had_when_it_was_killed_is_soon_another_s(bank: DisputingBank) -> None:
    """However often it was tried before; a processor without an answer is asked more and more seldom."""
    _, row, _ = notify("op_nobody_knows")
    own = Notification.objects.filter(pk=row.pk)
    for tries in (3, 23, 24, 40):
        own.update(attempts=tries, next_attempt_at="2020-01-01T00:00Z")
        run_statement(CLAIM_NOTIFICATIONS, {"limit": 50, "lease_seconds": LEASE_SECONDS})
        due = own.get().next_attempt_at
        assert due is not None
        assert due - timezone.now() <= timedelta(seconds=LEASE_SECONDS)
    own.update(attempts=3)
    due = apply(row).next_attempt_at
    assert due is not None
    assert timedelta(minutes=50) < due - timezone.now() <= timedelta(hours=1)
    own.update(attempts=24)
    assert apply(row).next_attempt_at is None


def test_an_unknown_reference_waits_then_asks_for_a_person_and_is_applied_when_it_is_known(
    bank: DisputingBank,
) -> None:
    _, row, _ = notify("op_nobody_knows")
    row = apply(row, times=3)
    assert (row.problem, row.applied_at) == (NOT_OURS, None)
    alerts = Alert.objects.filter(kind="notification_not_applied", subject=f"sandbox:{row.notification_id}")
    assert not alerts.exists()
    row = apply(row)
    assert alerts.get().state == "open"
    assert row.next_attempt_at is not None
    assert apply_again([row.pk]) == 1
    again = Notification.objects.get(pk=row.pk)
    assert (again.attempts, again.problem) == (0, "")


def test_whoever_is_not_believed_is_soon_not_listened_to_and_shuts_nobody_out(
    bank: DisputingBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [notify("op_x", signed="forged")[0] for _ in range(21)]
    assert [reply.status_code for reply in answers] == [400] * 20 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert notify("op_x")[0].status_code == 200
    point_redis_at("redis://127.0.0.1:1/0")
    assert notify("op_x", signed="forged")[0].status_code == 429
    assert notify("op_x")[0].status_code == 200
