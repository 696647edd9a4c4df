"""The monitor: what is new is checked when it is sealed, what stays open is told, what heals resolves itself."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.utils import timezone

from controls.models import Alert
from ledger import monitor
from ledger.models import LedgerTransaction
from ledger.monitor import DOUBT, MISPLACED, UNBALANCED, UNSEALED, explained_by, look_after, seal_and_check
from ledger.queries import OpenItem
from ledger.services import reverse
from tests.ledger.bookings import hold, post

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(autouse=True)
def nobody_explains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "_explanations", [])


def forge(raw: psycopg.Connection, sql: str, *values: object) -> None:
    with raw.transaction():
        raw.execute("SET LOCAL session_replication_role = replica")
        raw.execute(sql, values)


def alerts(kind: str) -> list[Alert]:
    return list(Alert.objects.filter(kind=kind, state="open").order_by("pk"))


def doubts(merchant_id: int) -> list[Alert]:
    return [alert for alert in alerts(DOUBT) if alert.subject.startswith(f"merchant:{merchant_id}:")]


def old_hold(
    raw: psycopg.Connection, merchant_id: int, amount_minor: int, age: timedelta
) -> LedgerTransaction:
    booked = post(merchant_id, hold(merchant_id, amount_minor))
    forge(
        raw,
        "UPDATE ledger_transaction SET booked_at = %s, occurred_at = %s WHERE id = %s",
        *[timezone.now() - age] * 2,
        booked.pk,
    )
    return booked


def finish(booked: LedgerTransaction) -> None:
    reverse(booked, reference=booked.reference.replace(":start", ":finish"))
    seal_and_check()


def test_sound_postings_raise_nothing(merchant_id: int) -> None:
    post(merchant_id, hold(merchant_id))
    assert seal_and_check() >= 1
    assert look_after() == 0
    assert not Alert.objects.filter(state="open").exists()


def test_a_transaction_out_of_balance_is_an_alert_when_it_is_sealed(
    raw: psycopg.Connection, merchant_id: int
) -> None:
    booked = post(merchant_id, hold(merchant_id))
    forge(
        raw,
        "UPDATE ledger_entry SET amount_minor = 10001 WHERE transaction_id = %s AND amount_minor > 0",
        booked.pk,
    )
    seal_and_check()
    seal_and_check()
    (alert,) = alerts(UNBALANCED)
    assert alert.message == f"Transaction {booked.reference} is out of balance by 0.01 EUR."
    assert (alert.amount_minor, alert.merchant_id, alert.times) == (1, merchant_id, 1)


def test_an_entry_in_the_wrong_place_is_an_alert(raw: psycopg.Connection, merchant_id: int) -> None:
    booked = post(merchant_id, hold(merchant_id))
    forge(raw, "UPDATE ledger_transaction SET livemode = true WHERE id = %s", booked.pk)
    seal_and_check()
    found = [alert for alert in alerts(MISPLACED) if booked.reference in alert.message]
    assert len(found) == 2


def test_old_doubt_is_an_alert_that_names_the_oldest_cent_and_heals(
    raw: psycopg.Connection, merchant_id: int
) -> None:
    age = timedelta(hours=settings.LEDGER_DOUBT_HOURS)
    older, old = (old_hold(raw, merchant_id, amount, age * part) for amount, part in ((500, 3), (700, 2)))
    old_hold(raw, merchant_id, 900, age / 2)
    seal_and_check()
    look_after()
    look_after()
    (alert,) = doubts(merchant_id)
    assert "-12.00 EUR" in alert.message
    assert f"the oldest is {older.reference.split(':')[0]} with -5.00 EUR" in alert.message
    assert (alert.amount_minor, alert.times) == (-500, 2)
    finish(older)
    look_after()
    (alert,) = doubts(merchant_id)
    assert old.reference.split(":")[0] in alert.message
    finish(old)
    look_after()
    assert not doubts(merchant_id)
    alert.refresh_from_db()
    assert (alert.state, alert.resolved_by) == ("resolved", "monitor")


def test_what_nobody_works_on_is_an_alert_before_it_is_old(raw: psycopg.Connection, merchant_id: int) -> None:
    worked_on, forgotten = (old_hold(raw, merchant_id, amount, timedelta(hours=1)) for amount in (500, 700))
    seal_and_check()

    def explain(items: list[OpenItem]) -> set[str]:
        return {item.item for item in items} - {forgotten.reference.split(":")[0]}

    explained_by(explain)
    explained_by(explain)
    look_after()
    (alert,) = doubts(merchant_id)
    assert alert.data["oldest"] == forgotten.reference.split(":")[0]
    finish(forgotten)
    look_after()
    assert not doubts(merchant_id)
    finish(worked_on)


def test_a_transaction_that_stays_open_is_an_alert_since_nothing_after_it_is_sealed(
    books: Any, raw: psycopg.Connection, merchant_id: int
) -> None:
    seal_and_check()
    with books.application() as stuck, stuck.transaction():
        stuck.execute("SELECT pg_current_xact_id()")
        old_hold(raw, merchant_id, 5, timedelta(minutes=6))
        assert seal_and_check() == 0
        look_after()
        (alert,) = alerts(UNSEALED)
        assert "1 transactions are not sealed" in alert.message
    assert seal_and_check() == 1
    look_after()
    assert not alerts(UNSEALED)
