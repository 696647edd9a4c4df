"""A refund by a person goes through the same service as the API's, once per form that was shown."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from merchants.services import NewMerchant
from payments.models import Charge, Operation, Refund, TimelineEntry
from tests.console.conftest import Staff
from tests.console.desk import Desk
from tests.console.world import World
from tests.support.bank import Bank
from tests.support.client import Client


@pytest.fixture
def charge(api: Client) -> Charge:
    return Charge.objects.get(public_id=api.charge(amount=5_000).json()["id"])


def path_of(charge: Charge) -> str:
    return f"/admin/payments/charge/{charge.pk}/refund/"


def filled(desk: Desk, charge: Charge, **fields: str) -> dict[str, str]:
    form = desk.form(path_of(charge))
    return {**form, "amount": "50.00", "reason": "duplicate", "confirmed": "on", **fields}


def test_what_is_left_is_given_back_and_the_person_is_named(desk: Desk, charge: Charge) -> None:
    page = desk.post(path_of(charge), filled(desk, charge, amount="12.50"))
    assert "Refunded 12.50 USD" in page
    assert "Left to refund</dt><dd>37.50 USD" in page
    refund = Refund.objects.get(charge=charge)
    assert (refund.state, refund.amount_minor, refund.reason) == ("succeeded", 1_250, "duplicate")
    entries = TimelineEntry.objects.filter(refund=refund).order_by("pk")
    assert [entry.kind for entry in entries] == ["refund.started", "refund.succeeded"]
    assert {entry.actor for entry in entries} == {f"staff:{desk.username}"}
    assert all(entry.request_id.startswith("req_") for entry in entries)
    assert f"{desk.username} (staff)" in page


def test_a_form_that_is_sent_again_makes_one_refund(desk: Desk, charge: Charge) -> None:
    form = filled(desk, charge, amount="10.00")
    first = desk.post(path_of(charge), form)
    again = desk.post(path_of(charge), form)
    assert "Refunded 10.00 USD" in first and "Refunded 10.00 USD" in again
    assert Refund.objects.filter(charge=charge).count() == 1


def test_a_form_that_is_sent_many_times_at_once_makes_one_refund(desk: Desk, charge: Charge) -> None:
    form = filled(desk, charge, amount="10.00")
    desks = [Desk(desk.url, desk.username, dict(desk.cookies)) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: one.post(path_of(charge), form), desks))
    refund = Refund.objects.get(charge=charge)
    assert refund.state == "succeeded"
    assert refund.amount_minor == 1_000


def at_once(desk: Desk, charge: Charge, forms: list[dict[str, str]]) -> list[str]:
    """What each of several windows shows, all of which send their form at the same moment."""
    gate = threading.Barrier(len(forms))

    def send(form: dict[str, str]) -> str:
        window = Desk(desk.url, desk.username, dict(desk.cookies))
        gate.wait()
        return window.post(path_of(charge), form)

    with ThreadPoolExecutor(len(forms)) as pool:
        return list(pool.map(send, forms))


def test_a_double_click_makes_one_refund(desk: Desk, charge: Charge, world: World) -> None:
    form = filled(desk, charge)
    for page in at_once(desk, charge, [form, form]):
        assert "Refunded 50.00 USD" in page or "This refund is being made right now" in page
    refund = Refund.objects.get(charge=charge)
    assert (refund.state, refund.amount_minor) == ("succeeded", 5_000)
    reference = Operation.objects.get(charge=charge, kind="refund").public_id
    assert Bank(world.bank_url).counts(reference)["refund"] == 1


def test_two_forms_of_more_than_half_make_one_refund_and_the_other_is_told_why(
    desk: Desk, charge: Charge
) -> None:
    forms = [filled(desk, charge, amount="30.00") for _ in range(2)]
    assert forms[0]["key"] != forms[1]["key"]
    refused, made = sorted(at_once(desk, charge, forms), key=lambda page: "Refunded 30.00 USD" in page)
    assert "Refunded 30.00 USD" in made
    assert "Refund amount (30.00 USD) is greater than unrefunded amount" in refused
    assert "(20.00 USD)" in refused
    assert Refund.objects.get(charge=charge).amount_minor == 3_000


def test_the_bank_refunds_once_for_a_form_sent_twice(desk: Desk, charge: Charge, world: World) -> None:
    form = filled(desk, charge)
    desk.post(path_of(charge), form)
    desk.post(path_of(charge), form)
    reference = Operation.objects.get(charge=charge, kind="refund").public_id
    assert Bank(world.bank_url).counts(reference)["refund"] == 1


def test_a_used_form_can_not_be_sent_with_another_amount(desk: Desk, charge: Charge) -> None:
    form = filled(desk, charge, amount="10.00")
    desk.post(path_of(charge), form)
    page = desk.post(path_of(charge), form | {"amount": "20.00"})
    assert "can only be used with the same parameters" in page
    assert Refund.objects.filter(charge=charge).count() == 1


@pytest.mark.parametrize("amount", ["50.01", "0", "-1", "1.234", "", "much"])
def test_an_amount_that_can_not_be_refunded_is_refused_with_the_form(
    desk: Desk, charge: Charge, amount: str
) -> None:
    page = desk.post(path_of(charge), filled(desk, charge, amount=amount))
    assert "tg-error" in page or "tg-note tg-bad" in page
    assert 'name="amount"' in page
    assert not Refund.objects.filter(charge=charge).exists()


def test_nothing_moves_without_the_confirmation(desk: Desk, charge: Charge) -> None:
    form = filled(desk, charge)
    del form["confirmed"]
    assert "This field is required" in desk.post(path_of(charge), form)
    assert not Refund.objects.filter(charge=charge).exists()


def test_a_currency_without_decimals_is_refunded_in_its_own_units(desk: Desk, api: Client) -> None:
    charge = Charge.objects.get(public_id=api.charge(amount=1_980, currency="jpy").json()["id"])
    assert 'value="1980"' in desk.get(path_of(charge))
    page = desk.post(path_of(charge), filled(desk, charge, amount="980"))
    assert "Refunded 980 JPY" in page
    assert Refund.objects.get(charge=charge).amount_minor == 980


def test_a_charge_with_nothing_left_offers_no_refund(desk: Desk, charge: Charge) -> None:
    desk.post(path_of(charge), filled(desk, charge))
    page = desk.get(path_of(charge))
    assert "Nothing is left to refund" in page
    assert path_of(charge) not in page


def test_a_refund_that_the_bank_leaves_open_is_shown_as_such(
    desk: Desk, charge: Charge, world: World
) -> None:
    bank = Bank(world.bank_url)
    bank.fault("no_answer", match={"kind": "refund"}, times=1)
    try:
        page = desk.post(path_of(charge), filled(desk, charge))
    finally:
        bank.clear_faults()
    assert "the processor has not confirmed it yet" in page
    assert Operation.objects.get(charge=charge, kind="refund").state == "unknown"


def test_only_those_who_may_refund_see_the_form(staff: Staff, charge: Charge, shop: NewMerchant) -> None:
    looker = staff("view_charge")
    assert looker.get(path_of(charge)).status_code == 403
    assert path_of(charge) not in looker.get(f"/admin/payments/charge/{charge.pk}/change/").content.decode()
    assert staff("add_refund").get(path_of(charge)).status_code == 403
    form = {"key": "console_" + "a" * 24, "amount": "1", "confirmed": "on"}
    assert looker.post(path_of(charge), form).status_code == 403
    assert not Refund.objects.filter(charge=charge).exists()
