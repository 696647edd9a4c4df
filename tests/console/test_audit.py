"""Who did, saw and changed what, and from where: written with the change, and never changed itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.contrib.auth.models import Group, User
from django.test import Client as Browser
from psycopg.errors import InsufficientPrivilege, RestrictViolation

from controls.models import AuditEntry
from core.ids import random_text
from merchants.models import ApiKey
from merchants.services import NewMerchant
from payments.models import Charge
from tests.console.conftest import person
from tests.console.desk import Desk
from tests.console.world import World
from tests.support.client import Client

PASSWORD = "a-password-for-these-tests"


def told(username: str) -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(username=username).order_by("pk")
    return list(entries.values_list("kind", "summary"))


def test_who_comes_in_and_who_is_refused_is_written_down_with_the_address(looking: World) -> None:
    user = User.objects.create_user(f"maria-{random_text(6)}", password=PASSWORD, is_staff=True)
    desk = Desk(looking.url, user.username)
    for password in ("wrong", PASSWORD):
        fields = {"username": user.username, "password": password, "next": "/admin/"}
        desk.post("/admin/login/?next=/admin/", fields)
    assert told(user.username) == [
        ("refused", "A sign-in was refused."),
        ("signed_in", "Gave the right password."),
    ]
    assert {entry.address for entry in AuditEntry.objects.filter(username=user.username)} == {"127.0.0.1"}


def test_a_new_role_is_written_down_with_what_it_is_now(looking: World) -> None:
    root = person(everything=True)
    browser = Browser()
    browser.force_login(root)
    clerk = User.objects.create_user(f"clerk-{random_text(6)}", is_staff=True)
    form = {
        "username": clerk.username,
        "is_active": "on",
        "is_staff": "on",
        "groups": [Group.objects.get(name="finance").pk],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    assert browser.post(f"/admin/auth/user/{clerk.pk}/change/", form).status_code == 302
    entry = AuditEntry.objects.get(username=root.username, object_name=clerk.username)
    assert entry.kind == "changed" and entry.request_id.startswith("req_")
    assert entry.summary.endswith("Now staff, active, with finance.")


def test_a_refund_is_written_down(looking: World, api: Client) -> None:
    charge = Charge.objects.get(public_id=api.charge(amount=5_000).json()["id"])
    desk = Desk.of(looking.url, person("view_charge", "add_refund"))
    path = f"/admin/payments/charge/{charge.pk}/refund/"
    desk.post(path, {**desk.form(path), "amount": "10.00", "reason": "duplicate", "confirmed": "on"})
    entry = AuditEntry.objects.get(username=desk.username, model="payments.charge")
    assert (entry.object_name, entry.summary) == (charge.public_id, "Asks for a refund of 10.00 USD.")


@contextmanager
def audit_that_can_not_be_written(raw: psycopg.Connection) -> Iterator[None]:
    raw.execute("ALTER TABLE controls_audit ADD CONSTRAINT shut CHECK (false) NOT VALID")
    try:
        yield
    finally:
        raw.execute("ALTER TABLE controls_audit DROP CONSTRAINT shut")


def test_what_can_not_be_written_down_does_not_happen(
    looking: World, admin: Browser, shop: NewMerchant
) -> None:
    key = ApiKey.objects.filter(merchant=shop.merchant).latest("pk")
    path = f"/admin/merchants/merchant/{shop.merchant.pk}/keys/{key.pk}/revoke/"
    admin.raise_request_exception = False
    with looking.servers.superuser(looking.database) as raw, audit_that_can_not_be_written(raw):
        assert admin.post(path).status_code == 500
        key.refresh_from_db()
        assert key.usable
    assert admin.post(path).status_code == 302
    key.refresh_from_db()
    assert not key.usable


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE controls_audit SET username = 'nobody'",
        "DELETE FROM controls_audit",
        "TRUNCATE controls_audit",
    ],
)
def test_what_was_written_down_stays_whoever_attacks(looking: World, admin: Browser, attack: str) -> None:
    assert AuditEntry.objects.exists()
    with looking.servers.superuser(looking.database) as raw, pytest.raises(RestrictViolation):
        raw.execute(attack)
    with (
        psycopg.connect(looking.servers.application_url(looking.database)) as own,
        pytest.raises(InsufficientPrivilege),
    ):
        own.execute(attack)


def test_the_page_finds_a_person_and_an_object_by_their_whole_name(
    looking: World, admin: Browser, shop: NewMerchant
) -> None:
    path = f"/admin/merchants/merchant/{shop.merchant.pk}/orders/"
    admin.post(path, {"key": "order_id"})
    page = admin.get("/admin/controls/auditentry/", {"q": shop.merchant.name}).content.decode()
    assert "Orders are named by metadata" in page
    assert (
        "Orders are named by metadata"
        not in admin.get("/admin/controls/auditentry/", {"q": "nobody"}).content.decode()
    )
