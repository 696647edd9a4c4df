"""A day at the bank with an error of each kind at known places, and the day after it: what is found, what is
booked, and what is left when it has been worked off."""

import io
from datetime import timedelta
from typing import Any

import pytest

from ledger.queries import balance, currency_totals
from payments.models import Operation
from reconciliation import kinds
from reconciliation.models import Break, Match, ReportFile
from reconciliation.services import breaks
from reconciliation.services.importing import Imported, import_report
from reconciliation.terms import terms_of
from tests.reconciliation.conftest import Desk
from tests.support.client import Client

PAYMENTS = 120
# What the bank is told to do, and what must be found of it.
ERRORS = {
    "missing_line": "missing_there",
    "late_line": "timing",
    "extra_line": "missing_here",
    "duplicate_line": "duplicate",
    "other_amount": "amount",
    "other_currency": "currency",
    "other_fee": "fee",
    "other_status": "status",
    "orphan_refund": "orphan_refund",
    "orphan_dispute": "orphan_dispute",
}


def take_in(desk: Desk, content: bytes) -> Imported:
    return import_report(io.BytesIO(content), terms=desk.terms, name="day.csv", actor="test")


def clearing(currency: str) -> int:
    return balance("processor:sandbox:clearing", currency, False)


@pytest.fixture(scope="module")
def day(desk: Desk, api: Client) -> dict[str, Any]:
    """The payments, the errors by reference, and the day's file."""
    charges = [api.charge(amount=1_000 + 37 * number).json()["id"] for number in range(PAYMENTS)]
    refunds = [
        api.post("/v1/refunds", {"charge": charge, "amount": 300}).json()["id"] for charge in charges[-20:]
    ]
    injected = {desk.err(charge, error): error for charge, error in zip(charges[::3], ERRORS, strict=False)}
    injected[desk.err(refunds[0], "missing_line")] = "missing_line"
    injected[desk.err(refunds[1], "other_amount")] = "other_amount"
    return {"injected": injected, "file": desk.close(desk.today), "lines": len(charges) + len(refunds)}


def test_every_error_is_found_with_its_type_and_none_is_invented(desk: Desk, day: dict[str, Any]) -> None:
    imported = take_in(desk, day["file"])
    assert imported.new and imported.file.state == ReportFile.State.POSTED
    found = {one.subject: one for one in Break.objects.all()}
    by_reference: dict[str, list[str]] = {}
    for one in found.values():
        reference = one.reference.removesuffix("_nobodys")
        if one.line_id is None:
            public_ids = Operation.objects.filter(state="succeeded", charge__isnull=False)
            reference = next(
                each.public_id
                for each in public_ids
                if each.charge
                and one.reference
                in (
                    each.refund.balance_transaction if each.refund else each.charge.balance_transaction,
                    each.public_id,
                )
            )
        by_reference.setdefault(reference, []).append(one.kind)
    # On its own day nothing is overdue yet: what is missing may still come.
    expected = {
        reference: ["timing" if ERRORS[error] == "missing_there" else ERRORS[error]]
        for reference, error in day["injected"].items()
    }
    assert by_reference == expected


def test_a_file_that_comes_again_changes_nothing(desk: Desk, day: dict[str, Any]) -> None:
    before = (Break.objects.count(), Match.objects.count(), clearing("usd"))
    assert not take_in(desk, day["file"]).new
    assert (Break.objects.count(), Match.objects.count(), clearing("usd")) == before


def test_what_was_reported_is_booked_whole(desk: Desk, day: dict[str, Any]) -> None:
    assert all(total.balance == 0 for total in currency_totals())
    waiting = sum(one.suspense_minor for one in Break.objects.filter(state="open", currency="usd"))
    assert balance("suspense:sandbox", "usd", False) == waiting != 0


def test_a_duplicate_word_for_word_needs_no_person(day: dict[str, Any]) -> None:
    found = Break.objects.get(kind="duplicate")
    assert (found.state, found.proposed_by, found.resolution) == ("resolved", kinds.RULES, "settle")
    assert "Rule" in found.reason


def test_the_next_day_brings_what_was_late_and_shows_what_is_missing(desk: Desk, day: dict[str, Any]) -> None:
    take_in(desk, desk.close(desk.today + timedelta(days=1)))
    late = next(reference for reference, error in day["injected"].items() if error == "late_line")
    came = Break.objects.get(state="resolved", kind="timing")
    assert Match.objects.get(line__reference=late).result == "matched"
    assert came.reason.startswith("Rule: its line came")
    missing = [error for error in day["injected"].values() if error == "missing_line"]
    assert Break.objects.filter(kind="missing_there", state="open").count() == len(missing)
    assert not Break.objects.filter(kind="timing").exclude(state="resolved").exists()


def test_once_all_is_worked_off_clearing_is_what_the_bank_still_owes(desk: Desk, day: dict[str, Any]) -> None:
    for one in Break.objects.exclude(state="resolved"):
        # What is missing stays owed, the fee is borne, and everything else is counted against what is owed.
        resolution = {"missing_there": kinds.NOTHING, "fee": kinds.WRITE_OFF}.get(one.kind, kinds.SETTLE)
        breaks.propose(one.pk, resolution=resolution, reason="Claimed from the bank.", actor="maria")
        breaks.approve(one.pk, actor="peter")
        breaks.resolve(one.pk, actor="maria")
    assert not Break.objects.exclude(state="resolved").exists()
    assert all(total.balance == 0 for total in currency_totals())
    owed = desk.owed()
    assert {currency: clearing(currency) for currency in ("usd", "eur")} == owed
    assert all(balance("suspense:sandbox", currency, False) == 0 for currency in ("usd", "eur"))


def test_the_bank_statement_clears_what_was_in_transit(desk: Desk, day: dict[str, Any]) -> None:
    in_transit = balance("processor:sandbox:in_transit", "usd", False)
    assert in_transit
    for on in (desk.today, desk.today + timedelta(days=1)):
        statement = io.BytesIO(desk.statement(on))
        import_report(statement, terms=terms_of("bank"), name="statement.xml", actor="test")
    for currency in ("usd", "eur"):
        assert balance("processor:sandbox:in_transit", currency, False) == 0
    assert balance("bank:main", "usd", False) == in_transit
    assert not Break.objects.filter(source="bank").exists()
