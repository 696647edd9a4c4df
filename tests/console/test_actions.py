"""A person captures, voids, and ends what is in doubt: only where the state allows it, once per form, by the same
services as the API, with the reason in the timeline."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from django.utils import timezone

from controls import approvals
from controls.models import Approval
from payments.models import Charge, Operation, TimelineEntry
from tests.console.conftest import person
from tests.console.desk import Desk
from tests.console.world import World
from tests.support.bank import Bank
from tests.support.client import Client

WHY = "The customer called."
T = TypeVar("T", Charge, Operation)


@pytest.fixture
def clerk(looking: World) -> Desk:
    """Someone who may act on charges and on what is in doubt."""
    rights = [
        "view_charge",
        "change_charge",
        "add_refund",
        "view_operation",
        "change_operation",
        "view_approval",
    ]
    return Desk.of(looking.url, person(*rights))


@pytest.fixture
def held(api: Client) -> Charge:
    return Charge.objects.get(public_id=api.charge(amount=5_000, capture=False).json()["id"])


@pytest.fixture
def lost(api: Client, world: World) -> Iterator[Operation]:
    """A sale that the bank never answered; nobody waits for it any more."""
    bank = Bank(world.bank_url)
    bank.fault("no_answer", times=1)
    charge = api.charge(amount=7_000).json()["id"]
    bank.clear_faults()
    operation = Operation.objects.get(charge__public_id=charge)
    Operation.objects.filter(pk=operation.pk).update(deadline_at=timezone.now())
    yield operation
    bank.clear_faults()


def page_of(charge: Charge, way: str = "change") -> str:
    return f"/admin/payments/charge/{charge.pk}/{way}/"


def send(desk: Desk, path: str, **fields: str) -> str:
    return desk.post(path, {**desk.form(path), "reason": WHY, "confirmed": "on", **fields})


def fresh(row: T) -> T:
    found: T = type(row).objects.get(pk=row.pk)
    return found


def told(charge: Charge, kind: str) -> list[tuple[str, str]]:
    rows = TimelineEntry.objects.filter(charge=charge, kind=kind)
    return list(rows.values_list("actor", "reason"))


def test_part_of_what_is_held_is_captured_once_however_often_the_form_is_sent(
    clerk: Desk, held: Charge
) -> None:
    path = page_of(held, "capture")
    assert path in clerk.get(page_of(held))
    form = {**clerk.form(path), "amount": "30.00", "reason": WHY, "confirmed": "on"}
    assert "Captured 30.00 USD" in clerk.post(path, form)
    assert "Captured 30.00 USD" in clerk.post(path, form)
    held = fresh(held)
    assert (held.state, held.captured_minor) == ("captured", 3_000)
    assert held.operations.filter(kind="capture").count() == 1
    assert told(held, "capture.started") == [(f"staff:{clerk.username}", WHY)]
    page = clerk.get(page_of(held))
    assert path not in page and page_of(held, "void") not in page and page_of(held, "refund") in page
    assert WHY in page


@pytest.mark.parametrize("fields", [{"amount": "50.01"}, {"amount": "0"}, {"reason": ""}, {"confirmed": ""}])
def test_a_capture_that_can_not_be_leaves_all_as_it_is(
    clerk: Desk, held: Charge, fields: dict[str, str]
) -> None:
    page = send(clerk, page_of(held, "capture"), **{"amount": "10.00", **fields})
    assert "tg-error" in page or "tg-bad" in page
    held = fresh(held)
    assert held.state == "authorized"
    assert not held.operations.filter(kind="capture").exists()


def test_what_is_held_is_let_go_of_and_offers_nothing_more(clerk: Desk, held: Charge) -> None:
    path = page_of(held, "void")
    form = {**clerk.form(path), "reason": WHY, "confirmed": "on"}
    assert "the card holds nothing any more" in clerk.post(path, form)
    assert "the card holds nothing any more" in clerk.post(path, form)
    held = fresh(held)
    assert held.state == "voided"
    assert held.operations.filter(kind="void").count() == 1
    assert told(held, "void.started") == [(f"staff:{clerk.username}", WHY)]
    page = clerk.get(page_of(held))
    for way in ("capture", "void", "refund"):
        assert page_of(held, way) not in page
        assert "holds nothing" in clerk.get(page_of(held, way)) or way == "refund"


def test_a_payment_that_was_taken_offers_no_capture_and_a_failed_one_nothing(
    clerk: Desk, api: Client
) -> None:
    taken = Charge.objects.get(public_id=api.charge().json()["id"])
    api.charge(source="tok_chargeDeclined")
    failed = Charge.objects.filter(merchant=taken.merchant, state="failed").get()
    for charge, offered in ((taken, {"refund"}), (failed, set())):
        page = clerk.get(page_of(charge))
        assert {way for way in ("capture", "void", "refund") if page_of(charge, way) in page} == offered


def test_without_the_right_there_is_neither_button_nor_form(
    staff: Any, held: Charge, lost: Operation
) -> None:
    looker = staff("view_charge", "view_operation")
    assert lost.charge is not None
    for charge in (held, lost.charge):
        assert "tg-actions" not in looker.get(page_of(charge)).content.decode()
    for path in (page_of(held, "capture"), page_of(held, "void"), *ways(lost).values()):
        assert looker.get(path).status_code == looker.post(path).status_code == 403


def ways(operation: Operation) -> dict[str, str]:
    return {way: f"/admin/payments/operation/{operation.pk}/{way}/" for way in ("look", "decide")}


def test_the_processor_is_asked_now_and_its_word_ends_the_doubt(clerk: Desk, lost: Operation) -> None:
    assert lost.charge is not None
    page = clerk.get(page_of(lost.charge))
    assert "Unknown outcome" in page and all(path in page for path in ways(lost).values())
    for way in ("capture", "void", "refund"):
        assert page_of(lost.charge, way) not in page
    assert "The processor has answered" in clerk.post(ways(lost)["look"], {})
    lost = fresh(lost)
    assert lost.state == "succeeded" and lost.charge is not None
    assert (f"staff:{clerk.username}", "") in told(lost.charge, "charge.captured")
    assert "is known: succeeded" in clerk.post(ways(lost)["look"], {})


def test_a_processor_that_still_says_nothing_leaves_the_doubt(
    clerk: Desk, lost: Operation, world: World
) -> None:
    Bank(world.bank_url).fault("no_answer", times=5)
    assert "still does not tell" in clerk.post(ways(lost)["look"], {})
    lost = fresh(lost)
    assert lost.state == "unknown"


@pytest.mark.parametrize(
    ("said", "state", "charge_state"),
    [
        ({"happened": "yes", "processor_id": "auth_9"}, "succeeded", "captured"),
        ({"happened": "no"}, "not_done", "failed"),
    ],
)
def test_two_people_decide_what_the_processor_told_by_other_ways(
    clerk: Desk, lost: Operation, said: dict[str, str], state: str, charge_state: str
) -> None:
    assert lost.charge is not None
    page = send(clerk, ways(lost)["decide"], **said)
    assert "takes a second person" in page
    lost = fresh(lost)
    assert lost.state == "unknown"
    approval = Approval.objects.get(subject=lost.public_id)
    checker = person("change_approval")
    approvals.approve(approval.pk, checker=checker)
    approval.refresh_from_db()
    assert (approval.state, approval.result) == ("done", f"{lost.public_id}: {state}")
    lost = fresh(lost)
    assert lost.charge is not None
    assert (lost.state, lost.charge.state) == (state, charge_state)
    both = f"staff:{clerk.username}, approved by {checker.username}"
    assert told(lost.charge, "outcome.decided") == [(both, WHY)]
    assert json.dumps(lost.answer).count(WHY) == 1
    # Whoever decides later finds it decided.
    assert "There is nothing to decide" in clerk.get(clerk.knock("GET", ways(lost)["decide"])[1])


def test_what_was_done_needs_the_processors_id_and_a_call_under_way_is_left_alone(
    clerk: Desk, lost: Operation
) -> None:
    assert "has an id at the processor" in send(clerk, ways(lost)["decide"], happened="yes")
    form = clerk.form(ways(lost)["decide"])
    Operation.objects.filter(pk=lost.pk).update(deadline_at=timezone.now() + timedelta(minutes=1))
    assert "may still be answered" in clerk.post(ways(lost)["look"], {})
    assert lost.charge is not None
    assert "Unknown outcome" not in clerk.get(page_of(lost.charge))
    clerk.post(ways(lost)["decide"], {**form, "happened": "no", "reason": WHY, "confirmed": "on"})
    lost = fresh(lost)
    assert lost.state == "unknown"
