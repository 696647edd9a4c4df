"""The day of `make reconcile-day` in its short form: what is found, what is booked, and what is left when it has been
worked off."""

import pytest

from ledger.queries import balance, currency_totals
from reconciliation import kinds
from reconciliation.models import Break, Match, ReportFile
from tests.reconciliation.day import (
    Day,
    check_bank_account,
    check_settled,
    clearing,
    found,
    make_day,
    next_day,
    take_in,
    work_off,
)
from tests.reconciliation.desk import Desk
from tests.support.client import Client


@pytest.fixture(scope="module")
def day(desk: Desk, api: Client) -> Day:
    return make_day(desk, api, payments=160, each=1)


def test_every_error_is_found_with_its_type_and_none_is_invented(desk: Desk, day: Day) -> None:
    imported = take_in(desk, day.file)
    assert imported.new and imported.file.state == ReportFile.State.POSTED
    assert len(day.injected) == 17 and day.disputes == 4
    assert found() == day.expected()


def test_a_file_that_comes_again_changes_nothing(desk: Desk, day: Day) -> None:
    before = (Break.objects.count(), Match.objects.count(), clearing("usd"))
    assert not take_in(desk, day.file).new
    assert (Break.objects.count(), Match.objects.count(), clearing("usd")) == before


def test_what_was_reported_is_booked_whole(desk: Desk, day: Day) -> None:
    assert all(total.balance == 0 for total in currency_totals())
    waiting = sum(one.suspense_minor for one in Break.objects.filter(state="open", currency="usd"))
    assert balance("suspense:sandbox", "usd", False) == waiting != 0


def test_a_duplicate_word_for_word_needs_no_person(day: Day) -> None:
    duplicates = Break.objects.filter(kind="duplicate")
    states = set(duplicates.values_list("state", "proposed_by", "resolution"))
    assert states == {("resolved", kinds.RULES, "settle")}
    assert all("Rule" in one.reason for one in duplicates)


def test_the_next_day_brings_what_was_late_and_shows_what_is_missing(desk: Desk, day: Day) -> None:
    next_day(day)
    late = [reference for reference, error in day.injected.items() if error == "late_line"]
    came = Break.objects.filter(state="resolved", kind="timing")
    assert all(one.reason.startswith("Rule: its line came") for one in came)
    assert len(came) == len(late) == Match.objects.filter(line__reference__in=late, result="matched").count()
    missing = [error for error in day.injected.values() if error == "missing_line"]
    assert Break.objects.filter(kind="missing_there", state="open").count() == len(missing)
    assert not Break.objects.filter(kind="timing").exclude(state="resolved").exists()


def test_once_all_is_worked_off_clearing_is_what_the_bank_still_owes(desk: Desk, day: Day) -> None:
    assert work_off() > 10
    check_settled(day)


def test_the_bank_statement_clears_what_was_in_transit(desk: Desk, day: Day) -> None:
    check_bank_account(day)
