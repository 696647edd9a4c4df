"""What happens at the edges: wordy processors, impatient clients, a database that goes away in between."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client

from core.errors import ServiceUnavailable
from merchants.auth import Caller
from merchants.services import NewMerchant
from payments import routing
from payments.errors import ProcessorGone
from payments.models import BalanceTransaction, Operation, Refund
from payments.services import finish
from payments.services.capture import capture_charge
from payments.services.charge import NewCharge, create_charge
from payments.services.refund import NewRefund, create_refund
from payments.services.resume import sweep_operations
from payments.views import base
from processors.protocol import Approved, Declined, Outcome, Unknown
from processors.vault import VaultUnavailable
from tests.conftest import Books
from tests.support.scripted import ScriptedBank

ASKED = NewCharge(10_000, "usd", "tok_visa")


def make_due(caller: Caller) -> None:
    now = datetime.now(UTC)
    own = Operation.objects.filter(merchant_id=caller.merchant_id, next_attempt_at__isnull=False)
    own.update(next_attempt_at=now - timedelta(seconds=1))


def test_one_often_asked_operation_does_not_stop_the_sweeper(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    bank.script += [Unknown("?"), Unknown("?")]
    for name in ("often", "other"):
        create_charge(caller=caller, asked=ASKED, key=key(name))
    often, other = Operation.objects.filter(merchant_id=caller.merchant_id).order_by("pk")
    Operation.objects.filter(pk=often.pk).update(attempts=32_767)
    make_due(caller)
    bank.lookups += [Unknown("still?")] * 2
    sweep_operations()
    assert Operation.objects.get(pk=other.pk).attempts == 1
    assert (
        json.loads(create_charge(caller=caller, asked=ASKED, key=key("often")).body)["status"] == "succeeded"
    )


@pytest.mark.parametrize(
    "outcome",
    [
        Declined("x" * 61),
        Declined("do\x00not"),
        Declined("generic_decline", raw={"text": "a\x00b \ud800", "card": "4242424242424242"}),
        Approved("a" * 500, 10_000),
        Approved("a", 10_000, authorization_code="x" * 41),
        Approved("a", 10_000, network_transaction_id="n" * 101),
    ],
    ids=["long decline", "NUL", "broken text", "long id", "long code", "long network id"],
)
def test_what_a_processor_says_is_always_booked(
    caller: Caller, bank: ScriptedBank, key: Any, outcome: Outcome
) -> None:
    bank.script.append(outcome)
    answer = create_charge(caller=caller, asked=ASKED, key=key("k"))
    operation = Operation.objects.get(merchant_id=caller.merchant_id)
    assert answer.final and not operation.is_open
    assert "4242424242424242" not in json.dumps(operation.answer)


def test_a_pool_that_is_empty_in_phase_2_claims_nothing_untrue(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.close()
    pool: Any = connection.pool  # type: ignore[attr-defined]
    held: list[Any] = []

    def approve_and_take_all() -> Outcome:
        held.extend(pool.getconn(timeout=5) for _ in range(pool.max_size))
        monkeypatch.setattr(pool, "timeout", 0.3)
        return Approved("auth_1", 10_000)

    bank.script.append(approve_and_take_all)
    try:
        with pytest.raises(ServiceUnavailable, match="same Idempotency-Key"):
            create_charge(caller=caller, asked=ASKED, key=key("k"))
    finally:
        for raw in held:
            pool.putconn(raw)
    bank.lookups.append(Approved("auth_1", 10_000))
    make_due(caller)
    sweep_operations()
    assert Operation.objects.get(merchant_id=caller.merchant_id).state == "succeeded"


def test_connections_that_died_are_replaced(
    books: Books, caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    """All of the pool's at once, as in a restart of PostgreSQL, while the bank works."""
    pool: Any = connection.pool  # type: ignore[attr-defined]

    def restart() -> Outcome:
        held = [pool.getconn() for _ in range(4)]
        for raw in held:
            pool.putconn(raw)
        with books.superuser() as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = 'tollgate_app' AND datname = current_database()"
            )
        time.sleep(0.2)
        return Approved("auth_1", 10_000)

    bank.script.append(restart)
    answer = create_charge(caller=caller, asked=ASKED, key=key("k"))
    assert json.loads(answer.body)["status"] == "succeeded"


def test_a_refund_becomes_available_with_its_sale(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the sale was captured long after it was authorized."""
    held = NewCharge(10_000, "usd", "tok_visa", capture=False)
    charge = json.loads(create_charge(caller=caller, asked=held, key=key("a")).body)["id"]

    class FiveDaysLater(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(days=5)

    monkeypatch.setattr(finish, "datetime", FiveDaysLater)
    capture_charge(caller=caller, charge=charge, amount_minor=None, key=key("c"))
    create_refund(caller=caller, asked=NewRefund(charge=charge), key=key("r"))
    days = BalanceTransaction.objects.filter(merchant_id=caller.merchant_id).values_list(
        "available_on", flat=True
    )
    assert len(days) == 2 and len(set(days)) == 1


def test_nothing_is_promised_for_a_processor_that_is_gone(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = json.loads(create_charge(caller=caller, asked=ASKED, key=key("c")).body)["id"]
    monkeypatch.setattr(settings, "PROCESSORS", {})
    with pytest.raises(ProcessorGone):
        create_refund(caller=caller, asked=NewRefund(charge=charge), key=key("r"))
    assert not Refund.objects.filter(merchant_id=caller.merchant_id).exists()


def test_a_finished_key_is_answered_while_the_vault_is_away(
    caller: Caller, bank: ScriptedBank, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = create_charge(caller=caller, asked=ASKED, key=key("k"))

    class Away:
        def token(self, *unused: object) -> None:
            raise VaultUnavailable

    monkeypatch.setattr(routing, "vault", Away)
    assert create_charge(caller=caller, asked=ASKED, key=key("k")).body == first.body
    with pytest.raises(VaultUnavailable):
        create_charge(caller=caller, asked=ASKED, key=key("new"))


def test_a_database_that_fails_behind_the_view_is_no_500(
    shop: NewMerchant, bank: ScriptedBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*unused: object) -> None:
        raise OperationalError("down")

    client = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {shop.keys['sk_test']}", "Idempotency-Key": "k"}
    form = "application/x-www-form-urlencoded"
    monkeypatch.setattr(base, "expand", down)
    body = "amount=1000&currency=usd&source=tok_visa&expand[]=balance_transaction"
    made = client.post("/v1/charges", body, content_type=form, headers=headers)
    assert (made.status_code, made.json()["balance_transaction"][:4]) == (200, "txn_")
    monkeypatch.setattr("idempotency.middleware.settle", down)
    refused = client.post(
        "/v1/refunds", "amount=x", content_type=form, headers=headers | {"Idempotency-Key": "z"}
    )
    assert refused.status_code == 503


def test_a_500_is_not_kept_and_a_repeat_finishes_the_work(shop: NewMerchant, bank: ScriptedBank) -> None:
    """The bank has taken the money when our own code fails."""

    def breaks() -> Outcome:
        raise ArithmeticError

    client = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {shop.keys['sk_test']}", "Idempotency-Key": "k"}

    def charge() -> Any:
        form = "application/x-www-form-urlencoded"
        body = "amount=1000&currency=usd&source=tok_visa"
        return client.post("/v1/charges", body, content_type=form, headers=headers)

    bank.script.append(breaks)
    bank.lookups.append(Approved("auth_1", 1_000))
    assert charge().status_code == 500
    finished, again = charge(), charge()
    assert (finished.status_code, finished.json()["status"]) == (200, "succeeded")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (finished.content, "true")
    assert Operation.objects.filter(merchant=shop.merchant).count() == 1


def test_one_sweep_at_a_time_leaves_threads_for_webhooks(
    caller: Caller, bank: ScriptedBank, key: Any
) -> None:
    swept: list[int] = []

    def sweep_again() -> Outcome:
        swept.append(sweep_operations())
        return Unknown("still?")

    bank.script.append(Unknown("?"))
    create_charge(caller=caller, asked=ASKED, key=key("k"))
    bank.script.append(sweep_again)
    make_due(caller)
    with suppress(Exception):
        sweep_operations()
    assert swept == [0]
