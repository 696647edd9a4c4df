"""A refund above the threshold takes two people: at the running console, with second factors, and in a browser."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from controls.models import Approval, Threshold
from core.identity import PROVED_AT
from merchants.services import create_merchant
from payments.models import Charge, Refund, TimelineEntry
from tests.console.browser import needed_chromium, open_page
from tests.console.desk import Desk
from tests.console.test_second_factor import PASSWORD, age, code, enrol, secret, shown, stranger
from tests.console.world import World, start_world
from tests.support.client import Client
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def strict(servers: Servers, django_db_blocker: Any) -> Iterator[World]:
    """One person refunds up to 100.00 USD."""
    with ExitStack() as stack:
        world = start_world(stack, servers, "approvals", SECOND_FACTOR="required", TRUSTED_PROXIES="1")
        stack.enter_context(django_db_blocker.unblock())
        stack.enter_context(world.looked_at())
        Threshold.objects.create(action="refund", currency="usd", amount_minor=10_000)
        yield world


@pytest.fixture
def charge(strict: World) -> Charge:
    shop = create_merchant("Harbour Books")
    made = Client(strict.url, shop.keys["sk_test"]).charge(amount=50_000).json()
    return Charge.objects.get(public_id=made["id"])


@pytest.fixture
def maker(strict: World) -> Desk:
    return at_work(strict, "finance")


@pytest.fixture
def checker(strict: World) -> Desk:
    return at_work(strict, "approver")


def at_work(world: World, role: str) -> Desk:
    desk = stranger(world, role)
    enrol(desk)
    return desk


def ask(desk: Desk, charge: Charge, amount: str, **more: str) -> str:
    path = f"/admin/payments/charge/{charge.pk}/refund/"
    return desk.post(path, {**form(desk, charge), "amount": amount, **more})


def form(desk: Desk, charge: Charge) -> dict[str, str]:
    hidden = desk.form(f"/admin/payments/charge/{charge.pk}/refund/")
    return {**hidden, "reason": "duplicate", "note": "Paid twice on Monday.", "confirmed": "on"}


def decide(desk: Desk, approval: Approval, way: str = "approve", note: str = "I looked.") -> str:
    return desk.post(f"/admin/controls/approval/{approval.pk}/{way}/", {"note": note})


def approval_of(charge: Charge) -> Approval:
    return Approval.objects.get(subject=charge.public_id)


def test_up_to_the_threshold_one_person_refunds(maker: Desk, charge: Charge) -> None:
    assert "Refunded 100.00 USD" in ask(maker, charge, "100.00")
    assert not Approval.objects.filter(subject=charge.public_id).exists()


def test_above_it_nothing_moves_until_somebody_else_approves(
    maker: Desk, checker: Desk, charge: Charge
) -> None:
    page = ask(maker, charge, "100.01")
    assert "takes a second person" in page and "You asked for this" in page
    assert not Refund.objects.filter(charge=charge).exists()
    approval = approval_of(charge)
    page = decide(checker, approval)
    assert "Approved and done" in page and "100.01 USD" in page
    refund = Refund.objects.get(charge=charge)
    assert (refund.state, refund.amount_minor, refund.reason) == ("succeeded", 10_001, "duplicate")
    actors = set(TimelineEntry.objects.filter(refund=refund).values_list("actor", flat=True))
    assert actors == {f"staff:{maker.username}, approved by {checker.username}"}
    # Whoever decides again changes nothing.
    assert "is done already" in decide(checker, approval)
    assert Refund.objects.filter(charge=charge).count() == 1


def test_two_halves_are_as_much_as_the_whole(maker: Desk, charge: Charge) -> None:
    assert "Refunded 60.00 USD" in ask(maker, charge, "60.00")
    assert "takes a second person" in ask(maker, charge, "60.00")
    assert Refund.objects.filter(charge=charge).count() == 1


def test_a_form_that_is_sent_again_goes_the_way_it_went(maker: Desk, charge: Charge) -> None:
    path = f"/admin/payments/charge/{charge.pk}/refund/"
    small = {**form(maker, charge), "amount": "80.00"}
    big = {**form(maker, charge), "amount": "200.00"}
    for _ in range(2):
        assert "Refunded 80.00 USD" in maker.post(path, small)
        assert "takes a second person" in maker.post(path, big)
    assert Refund.objects.filter(charge=charge).count() == 1
    assert Approval.objects.filter(subject=charge.public_id).count() == 1


def test_what_is_refused_is_not_refunded(maker: Desk, checker: Desk, charge: Charge) -> None:
    ask(maker, charge, "300.00")
    approval = approval_of(charge)
    assert "This field is required" in decide(checker, approval, "refuse", "")
    assert "Nothing was done" in decide(checker, approval, "refuse", "The customer is wrong.")
    assert "The customer is wrong." in maker.get(f"/admin/controls/approval/{approval.pk}/change/")
    assert not Refund.objects.filter(charge=charge).exists()


def test_nobody_approves_their_own_even_who_may_approve(strict: World, charge: Charge) -> None:
    admin = at_work(strict, "admin")
    ask(admin, charge, "300.00")
    approval = approval_of(charge)
    assert "/approve/" not in admin.get(f"/admin/controls/approval/{approval.pk}/change/")
    assert "somebody else decides" in decide(admin, approval)
    assert not Refund.objects.filter(charge=charge).exists()


def test_whoever_may_not_decide_is_refused(maker: Desk, charge: Charge, strict: World) -> None:
    ask(maker, charge, "300.00")
    other = at_work(strict, "finance")
    path = f"/admin/controls/approval/{approval_of(charge).pk}/approve/"
    assert other.knock("POST", path, {"note": ""})[0] == 403


def test_deciding_wants_a_code_once_more(maker: Desk, checker: Desk, charge: Charge) -> None:
    ask(maker, charge, "300.00")
    approval = approval_of(charge)
    age(checker, **{PROVED_AT: 301})
    assert "Is it still you?" in decide(checker, approval)
    assert approval_of(charge).state == "open"
    path = f"/admin/controls/approval/{approval.pk}/approve/"
    assert "asks for it" in checker.post(f"/admin/confirm/?next={path}", {"code": code(checker)})
    assert "Approved and done" in decide(checker, approval)


def test_what_is_not_left_any_more_is_not_refunded_and_says_so(
    maker: Desk, checker: Desk, charge: Charge
) -> None:
    ask(maker, charge, "450.00")
    assert "Refunded 100.00 USD" in ask(maker, charge, "100.00")
    assert "it could not be done" in decide(checker, approval_of(charge))
    assert approval_of(charge).state == "failed"
    assert Refund.objects.get(charge=charge).amount_minor == 10_000


def test_a_threshold_is_set_in_the_currency_s_own_units(strict: World) -> None:
    admin = at_work(strict, "admin")
    add = "/admin/controls/threshold/add/"
    assert "At most 0 decimals" in admin.post(add, {"action": "refund", "currency": "jpy", "amount": "10.5"})
    admin.post(add, {"action": "refund", "currency": "jpy", "amount": "5000"})
    assert Threshold.objects.get(currency="jpy").amount_minor == 5_000
    assert re.search(r"5,?000 JPY", admin.get("/admin/controls/threshold/"))
    Threshold.objects.filter(currency="jpy").delete()


def test_what_has_no_amount_always_takes_two_once_it_has_a_threshold(strict: World) -> None:
    admin = at_work(strict, "admin")
    add = "/admin/controls/threshold/add/"
    for amount, currency in (("5", "eur"), ("5", ""), ("", "eur")):
        wrong = {"action": "live_key", "currency": currency, "amount": amount}
        assert "This has no amount" in admin.post(add, wrong)
    assert "This field is required" in admin.post(add, {"action": "refund", "currency": "", "amount": "5"})
    switched = {"action": "live_key", "currency": "", "amount": ""}
    assert "always two people" in admin.post(add, switched)
    assert "already exists" in admin.post(add, switched)
    Threshold.objects.filter(action="live_key").delete()


def test_a_threshold_that_would_do_nothing_is_not_offered(strict: World) -> None:
    page = at_work(strict, "admin").get("/admin/controls/threshold/add/")
    assert 'value="routing_rule"' in page and 'value="fee_plan"' not in page


@pytest.mark.browser
def test_in_a_browser_one_asks_and_another_approves_with_a_second_factor(
    strict: World, maker: Desk, checker: Desk, charge: Charge
) -> None:
    # Read before: no database is asked while the browser runs.
    apps = {desk.username: secret(desk) for desk in (maker, checker)}
    with open_page(needed_chromium()) as page:

        def come_in(desk: Desk) -> None:
            page.context.clear_cookies()
            page.goto(f"{strict.url}/admin/")
            page.fill("input[name=username]", desk.username)
            page.fill("input[name=password]", PASSWORD)
            page.click("#login-form button[type=submit]")
            page.fill("input[name=code]", shown(apps[desk.username]))
            page.click("#login-form button[type=submit]")
            page.wait_for_selector(".tg-home-bar")

        come_in(maker)
        page.goto(f"{strict.url}/admin/payments/charge/{charge.pk}/refund/")
        page.fill("input[name=amount]", "250.00")
        page.check("input[name=confirmed]")
        page.click("form[data-once] button[type=submit]")
        page.wait_for_selector("text=takes a second person")
        come_in(checker)
        page.click("nav >> text=Approvals")
        page.click(f"#result_list >> text={charge.public_id}")
        page.click(".tg-actions >> text=Approve")
        page.click("form[data-once] button[type=submit]")
        page.wait_for_selector("text=Approved and done")
    assert Refund.objects.get(charge=charge).amount_minor == 25_000
