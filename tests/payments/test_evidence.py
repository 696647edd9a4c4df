"""Evidence, deadlines and disputes that nobody told of."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from controls.models import Alert
from core.db import release_connection
from merchants.auth import Caller
from payments.errors import DisputeRefused
from payments.evidence import MOST_FILE_BYTES, NewFile
from payments.models import Charge, Dispute, EvidenceFile, Terms, TimelineEntry
from payments.services.answer_dispute import Response, respond
from payments.services.find_disputes import find_disputes
from payments.services.remind_of_disputes import remind_of_disputes
from processors.protocol import DisputeReport
from tests.payments.balances import balances
from tests.payments.test_disputes import STAFF, bank, charge, disputed, learn
from tests.support.disputing import DisputingBank

__all__ = ["bank", "charge"]

PDF = NewFile("slip.pdf", b"%PDF-1.4 a slip")
TOO_LARGE = NewFile("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * MOST_FILE_BYTES)


def test_files_are_kept_with_the_evidence_and_go_out_with_it(bank: DisputingBank, charge: Charge) -> None:
    dispute = disputed(bank, charge)
    said = Response({"customer_name": "Ada"}, files={"receipt": PDF}, reason="She signed for it")
    respond(dispute.pk, said, STAFF)
    file = EvidenceFile.objects.get(dispute=dispute)
    assert (file.content_type, file.size, file.actor) == ("application/pdf", len(PDF.content), "staff:ada")
    told = TimelineEntry.objects.filter(dispute=dispute, kind="dispute.evidence").get()
    assert told.reason == "She signed for it: customer_name, receipt"
    respond(dispute.pk, Response(submit=True), STAFF)
    (_, order) = bank.orders[-1]
    assert dict(order.evidence) == {"customer_name": "Ada"}
    assert {name: (sent.name, sent.content) for name, sent in order.files.items()} == {
        "receipt": ("slip.pdf", PDF.content)
    }
    for change in ("UPDATE payments_evidencefile SET name = 'x'", "DELETE FROM payments_evidencefile"):
        with pytest.raises(DatabaseError), transaction.atomic():
            connection.cursor().execute(change)


@pytest.mark.parametrize(
    ("said", "param"),
    [
        (Response(files={"receipt": NewFile("slip.pdf", b"MZ a program")}), "evidence[receipt]"),
        (Response(files={"receipt": TOO_LARGE}), "evidence[receipt]"),
        (Response({"uncategorized_text": "paid with 4242 4242 4242 4242"}), "evidence[uncategorized_text]"),
        (Response({"receipt": "file_of_somebody_else"}), "evidence[receipt]"),
    ],
    ids=["a program", "too large", "a card number", "another's file"],
)
def test_what_is_no_evidence_is_refused_by_name_and_nothing_is_kept(
    bank: DisputingBank, charge: Charge, said: Response, param: str
) -> None:
    dispute = disputed(bank, charge)
    with pytest.raises(DisputeRefused) as raised:
        respond(dispute.pk, said, STAFF)
    assert raised.value.param == param
    assert Dispute.objects.get(pk=dispute.pk).evidence == {}
    assert not EvidenceFile.objects.filter(dispute=dispute).exists()


def test_all_files_together_have_a_limit_and_parcels_have_long_numbers(
    bank: DisputingBank, charge: Charge
) -> None:
    dispute = disputed(bank, charge)
    half = NewFile("a.jpg", b"\xff\xd8\xff" + b"x" * (MOST_FILE_BYTES // 2))
    respond(
        dispute.pk, Response({"shipping_tracking_number": "4242424242424242"}, files={"receipt": half}), STAFF
    )
    with pytest.raises(DisputeRefused):
        respond(dispute.pk, Response(files={"customer_communication": half}), STAFF)
    # The same field once more replaces what was there.
    respond(dispute.pk, Response(files={"receipt": half}), STAFF)
    assert EvidenceFile.objects.filter(dispute=dispute).count() == 2


def test_reminders_come_three_times_each_once_and_end_with_the_answer(
    bank: DisputingBank, charge: Charge
) -> None:
    dispute = disputed(bank, charge)
    alerts = Alert.objects.filter(kind="dispute_deadline", subject=dispute.public_id)

    def remind(**left: float) -> int:
        Dispute.objects.filter(pk=dispute.pk).update(due_by=timezone.now() + timedelta(**left))
        release_connection()
        with ThreadPoolExecutor(3) as pool:
            done = sum(pool.map(lambda _: _reminded(), range(3)))
        return done + remind_of_disputes()

    assert [remind(days=8), remind(days=6.5), remind(days=5), remind(days=2.5), remind(hours=20)] == [
        0,
        1,
        0,
        1,
        1,
    ]
    alert = alerts.get()
    assert (alert.times, alert.data["days"]) == (3, 1)
    assert remind(hours=-1) == 0
    learn(bank, dispute, "under_review")
    ended = alerts.get()
    assert (ended.state, ended.resolved_reason) == ("resolved", "The dispute is now under review.")


def _reminded() -> int:
    try:
        return remind_of_disputes()
    finally:
        release_connection()


def test_a_dispute_that_nobody_told_of_is_found(
    caller: Caller, bank: DisputingBank, charge: Charge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "PROCESSORS", {"sandbox": {"livemode": False}})
    report = bank.dispute(charge.processor_id)
    bank.silent = True
    assert find_disputes() == 0
    bank.silent = False
    assert (find_disputes(), find_disputes()) == (1, 0)
    dispute = Dispute.objects.get(processor_id=report.processor_id)
    assert balances(caller)["available"] == -11_500
    bank.set(report.processor_id, "lost")
    assert find_disputes() == 1
    assert Dispute.objects.get(pk=dispute.pk).state == "lost"


def test_a_dispute_of_nothing_known_asks_for_a_person(
    bank: DisputingBank, charge: Charge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "PROCESSORS", {"sandbox": {"livemode": False}})
    bank.reports = {"auth_op_nobody": [DisputeReport("dsp_lost", "needs_response", 5, "usd", "general")]}
    assert find_disputes() == 0
    assert Alert.objects.get(kind="dispute_of_nothing_known").subject == "sandbox:dsp_lost"


def test_a_merchant_may_pay_another_fee(caller: Caller, bank: DisputingBank, charge: Charge) -> None:
    call_command("dispute_fee", caller.merchant_public_id, "usd", "2500", stdout=StringIO())
    call_command("dispute_fee", caller.merchant_public_id, "EUR", "2000", stdout=StringIO())
    assert disputed(bank, charge).fee_minor == 2_500
    assert balances(caller)["available"] == -12_500
    assert Terms.objects.get(merchant=caller.merchant_id).dispute_fees == {"usd": 2_500, "eur": 2_000}
    for refused in (["acct_no", "usd", "1"], [caller.merchant_public_id, "xxx", "1"]):
        with pytest.raises(CommandError):
            call_command("dispute_fee", *refused)
    for wrong in ({"usd": -1}, {"usd": "x"}, {"usd": 1.5}, [1]):
        with pytest.raises(DatabaseError), transaction.atomic():
            Terms.objects.filter(merchant_id=caller.merchant_id).update(dispute_fees=wrong)
