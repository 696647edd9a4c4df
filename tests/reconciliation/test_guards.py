"""What PostgreSQL refuses whoever asks, and what the services say first."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from psycopg.errors import CheckViolation, IntegrityConstraintViolation, RestrictViolation

from controls import approvals
from controls.errors import SamePerson
from controls.models import Approval, Threshold
from core.ids import new_id, random_text
from ledger.models import LedgerTransaction
from reconciliation import kinds
from reconciliation.errors import BreakBusy, ResolutionUnfit, SecondPersonNeeded
from reconciliation.models import Break, BreakEntry, Upload
from reconciliation.services import approved_break, breaks
from tests.conftest import Books
from tests.ledger.bookings import at_once

REFUSED = (CheckViolation, IntegrityConstraintViolation, RestrictViolation)


def found(at_risk_minor: int = 500, suspense_minor: int = -500) -> Break:
    subject = new_id("test")
    breaks.open_breaks(
        [
            breaks.Found(
                kind="missing_here",
                subject=subject,
                source="sandbox",
                livemode=False,
                currency="usd",
                at_risk_minor=at_risk_minor,
                suspense_minor=suspense_minor,
                reference="op_1",
                since=datetime.now(UTC),
                text="Found.",
            )
        ]
    )
    return Break.objects.get(subject=subject)


@pytest.fixture
def raw(books: Books) -> psycopg.Connection:
    return books.superuser()


def test_a_large_difference_takes_two_people(books: Books, raw: psycopg.Connection) -> None:
    large = breaks.propose(found(200_000).pk, resolution=kinds.SETTLE, reason="Ours.", actor="maria")
    with pytest.raises(SecondPersonNeeded, match="somebody other than maria"):
        breaks.approve(large.pk, actor="maria")
    with pytest.raises(CheckViolation, match="large_breaks_take_two_people"):
        raw.execute(
            "UPDATE reconciliation_break SET state = 'approved', approved_by = 'maria' WHERE id = %s",
            [large.pk],
        )
    with pytest.raises(REFUSED):
        raw.execute("UPDATE reconciliation_break SET needs_second_person = false WHERE id = %s", [large.pk])
    with pytest.raises(CheckViolation, match="what was said of it stays"):
        raw.execute("UPDATE reconciliation_break SET proposed_by = 'peter' WHERE id = %s", [large.pk])
    assert breaks.approve(large.pk, actor="peter").state == "approved"


def test_a_small_one_takes_one_person_and_is_booked_once(books: Books) -> None:
    one = found()
    breaks.propose(one.pk, resolution=kinds.WRITE_OFF, reason="A gift.", actor="maria")
    breaks.approve(one.pk, actor="maria")
    results = at_once(4, lambda number: breaks.resolve(one.pk, actor="maria"))
    assert sum(isinstance(result, Break) for result in results) == 1
    assert {type(result) for result in results} == {Break, BreakBusy}
    assert LedgerTransaction.objects.filter(reference=f"break:{one.public_id}:write_off").count() == 1
    told = BreakEntry.objects.filter(about=one).order_by("pk").values_list("kind", flat=True)
    assert list(told) == ["opened", "proposed", "approved", "resolved"]


def test_breaks_go_forward_only_are_told_and_stay(books: Books, raw: psycopg.Connection) -> None:
    one = found()
    for attack in (
        "UPDATE reconciliation_break SET state = 'resolved', resolved_by = 'x', resolved_at = now(),"
        " proposed_by = 'x', approved_by = 'y', resolution = 'settle', reason = 'z' WHERE id = %s",
        # A step without a word of it in the history.
        "UPDATE reconciliation_break SET state = 'proposed', proposed_by = 'x', resolution = 'settle',"
        " reason = 'z' WHERE id = %s",
        "UPDATE reconciliation_break SET at_risk_minor = 1 WHERE id = %s",
        "UPDATE reconciliation_break SET kind = 'fee' WHERE id = %s",
        "DELETE FROM reconciliation_break WHERE id = %s",
        "DELETE FROM reconciliation_breakentry WHERE about_id = %s",
        "UPDATE reconciliation_breakentry SET text = '' WHERE about_id = %s",
    ):
        with pytest.raises(REFUSED):
            raw.execute(attack, [one.pk])


def test_what_waits_in_suspense_must_be_booked(books: Books) -> None:
    with pytest.raises(ResolutionUnfit, match="it must be booked"):
        breaks.propose(found().pk, resolution=kinds.NOTHING, reason="Well.", actor="maria")
    with pytest.raises(ResolutionUnfit, match="Nothing of"):
        breaks.propose(found(suspense_minor=0).pk, resolution=kinds.SETTLE, reason="Well.", actor="maria")
    with pytest.raises(ResolutionUnfit, match="needs a reason"):
        breaks.propose(found().pk, resolution=kinds.SETTLE, reason=" ", actor="maria")


def test_a_difference_is_found_once(books: Books) -> None:
    one = found()
    again = breaks.Found(
        kind="missing_here",
        subject=one.subject,
        source="sandbox",
        livemode=False,
        currency="usd",
        at_risk_minor=1,
        reference="",
        since=one.since,
        text="Again.",
    )
    assert breaks.open_breaks([again]) == 0


def test_a_large_one_waits_among_the_approvals_and_is_booked_when_another_person_approves(
    books: Books,
) -> None:
    maria, peter = (User.objects.create_user(random_text(8)) for _ in range(2))
    large = approved_break.propose(found(200_000).pk, resolution=kinds.SETTLE, reason="Ours.", maker=maria)
    waiting = Approval.objects.get(subject=large.public_id)
    assert (waiting.action, waiting.amount_minor) == ("resolve_break", 200_000)
    with pytest.raises(SamePerson):
        approved_break.approve(large.pk, checker=maria)
    resolved = approved_break.approve(large.pk, checker=peter)
    assert (resolved.state, resolved.approved_by) == ("resolved", peter.username)
    assert Approval.objects.get(pk=waiting.pk).state == "done"
    small = approved_break.propose(found().pk, resolution=kinds.SETTLE, reason="Ours.", maker=maria)
    assert not Approval.objects.filter(subject=small.public_id).exists()


def test_what_was_refused_is_proposed_anew_and_what_waits_is_not(
    books: Books, raw: psycopg.Connection
) -> None:
    maria, peter = (User.objects.create_user(random_text(8)) for _ in range(2))
    one = approved_break.propose(found(200_000).pk, resolution=kinds.SETTLE, reason="Ours.", maker=maria)
    anew = (
        "UPDATE reconciliation_break SET reason = 'x', resolution = 'write_off', proposals = proposals + 1"
        " WHERE id = %s"
    )
    with pytest.raises(BreakBusy, match="waits among the approvals"):
        approved_break.propose(one.pk, resolution=kinds.WRITE_OFF, reason="No.", maker=peter)
    with pytest.raises(CheckViolation, match="what was said of it stays"):
        raw.execute(anew, [one.pk])
    refused = approvals.decide(
        Approval.objects.get(subject=one.public_id).pk, "refused", checker=peter, note="Ask first."
    )
    with pytest.raises(BreakBusy, match="is refused: it must be proposed anew"):
        approved_break.approve(one.pk, checker=peter)
    approve = "UPDATE reconciliation_break SET state = 'approved', approved_by = 'x' WHERE id = %s"
    for attack in (approve, anew, "UPDATE reconciliation_break SET proposals = 7 WHERE id = %s"):
        with pytest.raises(CheckViolation):
            raw.execute(attack, [one.pk])
    results = at_once(
        3,
        lambda number: approved_break.propose(
            one.pk, resolution=kinds.WRITE_OFF, reason=f"It is lost, {number}.", maker=maria
        ),
    )
    assert sorted(type(result).__name__ for result in results) == ["Break", "BreakBusy", "BreakBusy"]
    resolved = approved_break.approve(one.pk, checker=peter)
    assert (resolved.state, resolved.resolution, resolved.proposals) == ("resolved", "write_off", 2)
    told = BreakEntry.objects.filter(about=one).order_by("pk").values_list("kind", "text")
    assert [kind for kind, _ in told] == [
        *("opened", "proposed", "refused", "proposed", "approved", "resolved"),
    ]
    assert told[1][1] == "Ours." and told[2][1] == "Ask first." == refused.decision


def test_an_upload_stays_as_it_was_handed_in(books: Books, raw: psycopg.Connection) -> None:
    named = {"source": "sandbox", "livemode": False, "sha256": random_text(64), "uploaded_by": "maria"}
    one = Upload.objects.create(**named, name="a.csv", content=b"some", size=4)
    for attack in (
        "UPDATE reconciliation_upload SET content = 'else' WHERE id = %s",
        "UPDATE reconciliation_upload SET state = 'refused' WHERE id = %s",
        "UPDATE reconciliation_upload SET uploaded_by = 'peter' WHERE id = %s",
        "DELETE FROM reconciliation_upload WHERE id = %s",
    ):
        with pytest.raises(REFUSED):
            raw.execute(attack, [one.pk])
    with pytest.raises(IntegrityError, match="upload_is_taken_in_once"):
        Upload.objects.create(**named, name="b.csv", content=b"some", size=4)
    with pytest.raises(IntegrityError, match="upload_has_its_size"):
        Upload.objects.create(**named | {"sha256": "2"}, name="b.csv", content=b"some", size=5)
    raw.execute("UPDATE reconciliation_upload SET state = 'refused', refusal = 'No.' WHERE id = %s", [one.pk])
    with pytest.raises(CheckViolation, match="can not move from refused to waiting"):
        raw.execute(
            "UPDATE reconciliation_upload SET state = 'waiting', refusal = '' WHERE id = %s", [one.pk]
        )


def test_the_threshold_is_the_one_that_staff_have_set(books: Books) -> None:
    assert found(100_001).needs_second_person and not found(100_000).needs_second_person
    threshold = Threshold.objects.create(action="resolve_break", currency="usd", amount_minor=499)
    assert found(500).needs_second_person and not found(499).needs_second_person
    threshold.delete()
