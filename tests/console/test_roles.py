"""Every page and action of the console is tried by every role, over HTTP. What there is to try is asked of the
console itself; who may is in `doors.py`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from controls.approvals import Wish, ask_for_approval
from controls.models import Threshold
from controls.services import raise_alert
from core.ids import random_text
from gateway.roles import ROLES, make_roles
from merchants.models import ApiKey
from merchants.services import create_merchant
from payments.models import ProcessorHealth, RoutingRule
from payments.services.routing_rules import place_rule
from receipts.models import ReceiptSetting
from risk.services.rules import write_rule
from tests.console.desk import Desk
from tests.console.doors import ACTIONS, NOBODY, NOT_TRIED, who
from tests.console.screenshots import listen
from tests.console.world import World
from tests.support.client import Client
from webhooks.services.relay import relay

# Their pages ask who is there before they look for the row.
TRIED_WITHOUT_A_ROW = (
    *("payments_payout", "receipts_receipt", "ledger_ledgerseal"),
    *("reconciliation_break", "reconciliation_reportfile", "reconciliation_upload"),
    "webhooks_notification",
    *("payments_dispute", "payments_bankaccount", "payments_terms", "risk_review", "risk_scoremodel"),
)
UNKNOWN = "{} are in no role's table: say in tests/console/doors.py who may, and in gateway/roles.py why."


@dataclass(frozen=True)
class Door:
    """One address of the console: its name, the namespace that it is in, and the names of its parameters."""

    name: str
    space: str
    parameters: tuple[str, ...]


def doors(patterns: Any = None) -> Iterator[Door]:
    """Every named address under /admin/. Those without a name only lead on to one that has."""
    known = get_resolver().url_patterns if patterns is None else patterns
    for pattern in known:
        if patterns is None and not str(pattern.pattern).startswith("admin/"):
            continue
        if isinstance(pattern, URLResolver):
            yield from doors(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name and pattern.name not in NOT_TRIED:
            inside = "" if patterns is None else "admin:"
            yield Door(pattern.name, inside, tuple(pattern.pattern.regex.groupindex))


def actions() -> Iterator[tuple[str, str]]:
    request = HttpRequest()
    request.user = User(is_superuser=True, is_active=True)
    for model, page in admin.site._registry.items():
        for action in page.get_actions(request):
            yield f"{model._meta.app_label}_{model._meta.model_name}", action


def tables() -> list[str]:
    return [f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry]


@pytest.fixture(scope="module")
def rows(looking: World) -> Iterator[dict[str, Any]]:
    """At least one row in every table that has pages."""
    shop = create_merchant(f"Shop {random_text(6)}")
    ReceiptSetting.objects.create(merchant=shop.merchant)
    listen(shop, "http://127.0.0.1:9/hooks")
    api = Client(looking.url, shop.keys["sk_test"])
    charge = api.charge(amount=5_000).json()["id"]
    api.post("/v1/refunds", {"charge": charge, "amount": 100})
    relay()
    raise_alert(kind="bound_exceeded", subject=charge, message="More was refunded than captured.")
    wish = Wish(
        action="refund",
        subject=charge,
        summary="Refund it.",
        livemode=False,
        merchant_id=shop.merchant.pk,
        currency="usd",
        amount_minor=100,
    )
    ask_for_approval(
        wish, key=random_text(20), maker=User.objects.create_user(random_text(9)), reason="Tried."
    )
    Threshold.objects.create(action="tried", currency="usd", amount_minor=1)
    _health, made_health = ProcessorHealth.objects.get_or_create(processor="sandbox")
    targets = [{"processor": "sandbox", "percent": 100}]
    place_rule(RoutingRule(livemode=False, name="Tried", targets=targets), position=1)
    write_rule(
        name="Tried",
        livemode=False,
        merchant=None,
        expression="payment.amount > 1",
        action="block",
        actor="otto",
        reason="Tried.",
    )
    User.objects.create_user(f"tried-{random_text(6)}", is_staff=True)
    found = {}
    for table in tables():
        model = apps.get_model(table.replace("_", ".", 1))
        found[table] = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
        if found[table] is None and table in TRIED_WITHOUT_A_ROW:
            found[table] = 0
        assert found[table] is not None, f"{table} has no row to try its pages with: make one here."
    found["merchants_merchant"] = shop.merchant.pk
    found["webhooks_endpoint"] = found["webhooks_webhookendpoint"]
    yield found
    if made_health:
        # Other tests count the processors of this console.
        ProcessorHealth.objects.filter(processor="sandbox").delete()


@pytest.fixture(scope="module")
def people(looking: World) -> dict[str, Desk]:
    """One person of each role, at the running console."""
    desks = {}
    for role in ROLES:
        user = User.objects.create_user(f"{role}-{random_text(6)}", is_staff=True)
        user.groups.set([Group.objects.get(name=role)])
        desks[role] = Desk.of(looking.url, user)
    return desks


def address(door: Door, rows: dict[str, Any]) -> str:
    table = next((name for name in rows if door.name.startswith(name)), "merchants_merchant")
    key = ApiKey.objects.filter(merchant=rows["merchants_merchant"]).values_list("pk", flat=True).first()
    known = {
        "app_label": "payments",
        "key_pk": key,
        "name": "sandbox",
        "kind": "csv",
        "mode": "live",
        "to": "live",
    }
    values = {name: known.get(name, rows[table]) for name in door.parameters}
    return reverse(f"{door.space}{door.name}", kwargs=values)


def shut(status: int, page: str) -> bool:
    return status == 403 or "/admin/login/" in page


def test_the_table_names_every_page_and_every_action() -> None:
    unknown = [door.name for door in doors() if who(door.name) is None]
    unknown += [f"{table}'s action {action}" for table, action in actions() if (table, action) not in ACTIONS]
    assert not unknown, UNKNOWN.format(unknown)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ROLES)
def test_a_page_opens_for_the_roles_of_the_table_and_no_other(
    people: dict[str, Desk], rows: dict[str, Any], role: str
) -> None:
    wrong = [said for door in doors() for said in knocked(people[role], role, door, address(door, rows))]
    assert not wrong, "\n".join(wrong)


def knocked(desk: Desk, role: str, door: Door, path: str) -> Iterator[str]:
    """What is wrong with the door, for this role."""
    open_to_role = role in (who(door.name) or NOBODY)
    status, page = desk.knock("GET", path)
    if status >= 500 or shut(status, page) == open_to_role:
        yield f"{role} at {door.name} ({path}): {status}, should be {'open' if open_to_role else 'shut'}"
    # A page that is only looked at may take or refuse a form, and changes nothing: that it stands is seen once.
    looked_at = door.name.endswith(("_changelist", "_change", "_history"))
    if open_to_role and looked_at and role != "admin":
        return
    status, page = desk.knock("POST", path)
    unbroken = status < 500 and (looked_at or not shut(status, page))
    if not (unbroken if open_to_role else status == 403):
        yield f"{role} posting to {door.name} ({path}): {status}"


@pytest.mark.parametrize("role", ROLES)
def test_an_action_works_for_the_roles_of_the_table_and_no_other(
    people: dict[str, Desk], rows: dict[str, Any], role: str
) -> None:
    wrong = []
    for table, action in actions():
        asked = {"action": action, "_selected_action": str(rows[table])}
        status, leads_to = people[role].knock("POST", reverse(f"admin:{table}_changelist"), asked)
        # Where no action may be used, the list is only shown again; where others may, it says that none was chosen.
        done = status == 302 and "No action selected" not in people[role].get(leads_to)
        if done != (role in ACTIONS[table, action]):
            wrong.append(f"{role} and {action} of {table}: {'done' if done else f'not done, {status}'}")
    assert not wrong, "\n".join(wrong)


def test_the_groups_hold_what_the_table_says_and_what_was_added_by_hand_is_gone_after_a_migration(
    looking: World,
) -> None:
    viewer = Group.objects.get(name="viewer")
    viewer.permissions.add(Permission.objects.get(codename="add_refund"))
    own = Group.objects.create(name=f"own-{random_text(4)}")
    own.permissions.add(Permission.objects.get(codename="add_refund"))
    make_roles()
    assert not viewer.permissions.exclude(codename__startswith="view_").exists()
    assert own.permissions.count() == 1


def test_an_admin_can_neither_become_a_superuser_nor_change_one(
    people: dict[str, Desk], looking: World
) -> None:
    desk = people["admin"]
    user = User.objects.get(username=desk.username)
    form = {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": "1",
    }
    desk.post(f"/admin/auth/user/{user.pk}/change/", form)
    user.refresh_from_db()
    assert not user.is_superuser
    assert [group.name for group in user.groups.all()] == ["admin"]
    root = User.objects.create_superuser(f"root-{random_text(6)}")
    for page in ("change", ""):
        path = f"/admin/auth/user/{root.pk}/{page or 'password'}/"
        assert desk.knock("POST", path, {"username": root.username})[0] == 403
