"""Alerts: open once, counted up, resolved once and for a reason, kept for ever."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from psycopg.errors import CheckViolation, RestrictViolation, UniqueViolation

from controls.models import Alert
from controls.queries import open_alerts
from controls.services import raise_alert, resolve_alert
from core.ids import new_id
from merchants.services import create_merchant

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def subject() -> str:
    return new_id("op")


@pytest.fixture
def raw(books: Any) -> Iterator[psycopg.Connection]:
    with books.superuser() as connection:
        yield connection


def alert(subject: str, **more: Any) -> Alert:
    return raise_alert(**({"kind": "bound_exceeded", "subject": subject, "message": "Too much."} | more))


def resolve(subject: str, **more: Any) -> bool:
    said = {"kind": "bound_exceeded", "subject": subject, "actor": "maria", "reason": "It was ours."}
    return resolve_alert(**(said | more))


def staff(*permissions: str) -> Client:
    user = User.objects.create_user(new_id("user"), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_an_alert_says_what_it_was_told(subject: str) -> None:
    merchant = create_merchant("A shop").merchant
    made = alert(
        subject,
        livemode=True,
        merchant_id=merchant.pk,
        currency="eur",
        amount_minor=1_200,
        data={"charge": "ch_1"},
    )
    stored = Alert.objects.get(pk=made.pk)
    assert (stored.kind, stored.subject, stored.message) == ("bound_exceeded", subject, "Too much.")
    assert (stored.livemode, stored.merchant, stored.currency, stored.amount_minor) == (
        True,
        merchant,
        "eur",
        1_200,
    )
    assert (stored.data, stored.times, stored.state) == ({"charge": "ch_1"}, 1, "open")


def test_raised_again_it_counts_up_and_says_the_latest_words(subject: str) -> None:
    first = alert(subject, currency="eur", amount_minor=5)
    second = alert(subject, message="Even more.", currency="eur", amount_minor=7, data={"seen": "again"})
    assert second.pk == first.pk
    assert (second.times, second.message, second.amount_minor) == (2, "Even more.", 7)
    assert second.first_seen_at == first.first_seen_at
    assert second.last_seen_at > first.last_seen_at


def test_a_resolved_alert_that_is_raised_again_is_a_new_one(subject: str) -> None:
    first = alert(subject)
    assert resolve(subject)
    second = alert(subject)
    assert second.pk != first.pk
    assert second.times == 1


def test_it_is_resolved_once(subject: str) -> None:
    assert not resolve(subject)
    made = alert(subject)
    assert resolve(subject)
    assert not resolve(subject, actor="otto")
    made.refresh_from_db()
    assert (made.resolved_by, made.resolved_reason) == ("maria", "It was ours.")


def test_a_resolution_can_be_meant_for_one_alert_only(subject: str) -> None:
    seen = alert(subject)
    resolve(subject)
    successor = alert(subject)
    assert not resolve(subject, alert_id=seen.pk)
    assert resolve(subject, alert_id=successor.pk)


@pytest.mark.parametrize("missing", ["kind", "subject", "message"])
def test_an_alert_needs_its_words(subject: str, missing: str) -> None:
    with pytest.raises(ValueError, match="kind, subject and message"):
        alert(**({"subject": subject} | {missing: ""}))


@pytest.mark.parametrize("missing", ["actor", "reason"])
def test_a_resolution_needs_its_words(subject: str, missing: str) -> None:
    alert(subject)
    with pytest.raises(ValueError, match="for a reason"):
        resolve(subject, **{missing: " "})
    assert open_alerts(limit=1)[0].subject == subject


def test_it_is_part_of_the_callers_transaction(subject: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        alert(subject)
        raise IntegrityError
    assert not Alert.objects.filter(subject=subject).exists()


def test_threads_raise_one_alert_and_none_is_lost(subject: str) -> None:
    def work(number: int) -> int:
        try:
            return alert(subject).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(work, range(40)))
    assert len(made) == 1
    assert Alert.objects.get(subject=subject).times == 40


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM controls_alert WHERE subject = %(subject)s",
        "TRUNCATE controls_alert",
        "UPDATE controls_alert SET subject = subject || 'x' WHERE subject = %(subject)s",
        "UPDATE controls_alert SET first_seen_at = now() WHERE subject = %(subject)s",
        "UPDATE controls_alert SET times = 0 WHERE subject = %(subject)s",
        "UPDATE controls_alert SET last_seen_at = last_seen_at - interval '1 s' WHERE subject = %(subject)s",
        "UPDATE controls_alert SET state = 'resolved' WHERE subject = %(subject)s",
        "UPDATE controls_alert SET resolved_by = 'me' WHERE subject = %(subject)s",
    ],
)
def test_an_open_alert_can_not_be_hidden(raw: psycopg.Connection, subject: str, attack: str) -> None:
    alert(subject)
    with pytest.raises((RestrictViolation, CheckViolation)):
        raw.execute(attack, {"subject": subject})


@pytest.mark.parametrize("change", ["state = 'open'", "resolved_reason = 'x'", "times = 9", "message = 'x'"])
def test_a_resolved_alert_stays_as_it_is(raw: psycopg.Connection, subject: str, change: str) -> None:
    alert(subject)
    resolve(subject)
    with pytest.raises((RestrictViolation, CheckViolation)):
        raw.execute(f"UPDATE controls_alert SET {change} WHERE subject = %s", [subject])


def test_an_alert_is_not_born_resolved_nor_twice(raw: psycopg.Connection, subject: str) -> None:
    insert = """INSERT INTO controls_alert (kind, subject, message, state, resolved_at, resolved_by,
                                            resolved_reason) VALUES ('bound_exceeded', %s, 'x', """
    with pytest.raises(CheckViolation, match="born"):
        raw.execute(insert + "'resolved', now(), 'me', 'so')", [subject])
    alert(subject)
    with pytest.raises(UniqueViolation, match="one_open_alert_per_subject"):
        raw.execute(insert + "'open', NULL, '', '')", [subject])


def test_open_alerts_come_first_in_the_console(subject: str) -> None:
    old, waiting = alert(subject + "a"), alert(subject + "b")
    alert(subject + "a")
    resolve(old.subject)
    page = staff("view_alert").get("/admin/controls/alert/").content.decode()
    assert page.index(waiting.subject) < page.index(old.subject)
    only_open = staff("view_alert").get("/admin/controls/alert/?state__exact=open").content.decode()
    assert old.subject not in only_open


def test_staff_resolve_an_alert_with_a_reason(subject: str) -> None:
    made = alert(subject, currency="eur", amount_minor=1_200, livemode=False, data={"charge": "ch_1"})
    path = f"/admin/controls/alert/{made.pk}"
    clerk = staff("view_alert", "change_alert")
    page = clerk.get(f"{path}/change/").content.decode()
    assert "12.00 EUR" in page
    assert f"{path}/resolve/" in page
    assert clerk.get(f"{path}/resolve/").status_code == 200
    assert "This field is required" in clerk.post(f"{path}/resolve/", {"reason": " "}).content.decode()
    clerk.post(f"{path}/resolve/", {"reason": "The bank called."})
    made.refresh_from_db()
    assert (made.state, made.resolved_reason) == ("resolved", "The bank called.")
    assert made.resolved_by == User.objects.get(pk=clerk.session["_auth_user_id"]).username
    page = clerk.get(f"{path}/change/").content.decode()
    assert "The bank called." in page
    assert f"{path}/resolve/" not in page
    again = clerk.post(f"{path}/resolve/", {"reason": "Me too."}, follow=True).content.decode()
    assert "Somebody resolved it before" in again


def test_resolving_needs_the_permission(subject: str) -> None:
    made = alert(subject)
    viewer = staff("view_alert")
    assert "resolve/" not in viewer.get(f"/admin/controls/alert/{made.pk}/change/").content.decode()
    assert viewer.post(f"/admin/controls/alert/{made.pk}/resolve/", {"reason": "x"}).status_code == 403
    assert staff("change_alert").get(f"/admin/controls/alert/{made.pk}/resolve/").status_code == 200
    assert staff().get("/admin/controls/alert/").status_code == 403
