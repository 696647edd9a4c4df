"""Receipts by email: from committed events, where merchants want them, once each, whatever the mail server says."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from psycopg.errors import CheckViolation, RestrictViolation, UniqueViolation

from core.amount_text import amount_text
from core.ids import new_id
from idempotency.keys import Key
from merchants.auth import Caller
from merchants.services import NewMerchant
from payments.services.capture import capture_charge
from payments.services.charge import NewCharge, create_charge
from payments.services.refund import NewRefund, create_refund
from receipts.models import Receipt, ReceiptSetting
from receipts.services import send as sending
from receipts.services.send import make_receipts, send_receipts
from receipts.services.settings import send_again, want_receipts
from tests.conftest import Books
from tests.receipts.conftest import MailServer

pytestmark = pytest.mark.usefixtures("books", "bank")

EMAIL = "customer@example.com"


def _key(caller: Caller) -> Key:
    text = new_id("key")
    return Key(caller.merchant_id, caller.livemode, text, "f", f"req_{text}")


def _id(answer: Any) -> str:
    return str(msgspec.json.decode(answer.body)["id"])


def pay(caller: Caller, **more: Any) -> str:
    asked: dict[str, Any] = {
        "amount_minor": 123_450,
        "currency": "eur",
        "source": "tok_visa",
        "receipt_email": EMAIL,
        "description": "Two chairs",
    } | more
    return _id(create_charge(caller=caller, key=_key(caller), asked=NewCharge(**asked)))


def send() -> int:
    """What beat does."""
    make_receipts()
    return send_receipts()


def again_now() -> None:
    Receipt.objects.filter(state="pending").update(next_attempt_at=timezone.now(), lease_until=None)


def state_of(charge: str) -> tuple[str, str]:
    receipt = Receipt.objects.get(object_id=charge)
    return receipt.state, receipt.last_error


def test_a_payment_is_confirmed_once_without_its_card_number(caller: Caller, mail: MailServer) -> None:
    charge = pay(caller)
    assert send() == 1
    assert send() == 0
    (letter,) = mail.received
    assert mail.recipients == [EMAIL]
    assert letter["Subject"] == "Your receipt from Corner Shop"
    assert letter["From"] == "Corner Shop <receipts@pay.example.com>"
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_content()
    for said in ("€1,234.50", "Visa •••• 4242", "Two chairs", charge, "TEST MODE"):
        assert said in text
    assert state_of(charge) == ("sent", "")


def test_a_hold_is_confirmed_when_it_is_captured(caller: Caller, mail: MailServer) -> None:
    charge = pay(caller, capture=False)
    assert send() == 0
    capture_charge(caller=caller, charge=charge, amount_minor=50_000, key=_key(caller))
    assert send() == 1
    assert "€500.00" in mail.received[0].get_content()


def test_each_refund_is_told_in_the_merchants_language(
    caller: Caller, shop: NewMerchant, mail: MailServer
) -> None:
    want_receipts(shop.merchant.pk, enabled=True, language="de", test_mode=True)
    charge = pay(caller)
    for amount_minor in (1_000, 2_050):
        create_refund(
            caller=caller, key=_key(caller), asked=NewRefund(charge=charge, amount_minor=amount_minor)
        )
    assert send() == 3
    texts: dict[str, list[str]] = {letter["Subject"]: [] for letter in mail.received}
    for letter in mail.received:
        texts[letter["Subject"]].append(letter.get_content().replace("\xa0", " "))
    assert "1.234,50 €" in texts["Ihr Zahlungsbeleg von Corner Shop"][0]
    refunds = "".join(texts["Ihre Erstattung von Corner Shop"])
    assert "10,00 €" in refunds
    assert "20,50 €" in refunds


def test_nobody_gets_what_nobody_wants(caller: Caller, shop: NewMerchant, mail: MailServer) -> None:
    pay(caller, receipt_email="")
    want_receipts(shop.merchant.pk, enabled=True, language="en", test_mode=False)
    pay(caller)
    want_receipts(shop.merchant.pk, enabled=False, language="en", test_mode=True)
    pay(caller)
    # What was paid while they were off stays without one.
    want_receipts(shop.merchant.pk, enabled=True, language="en", test_mode=True)
    wanted = pay(caller)
    assert send() == 1
    assert wanted in mail.received[0].get_content()


def test_much_to_catch_up_with_is_taken_in_parts(
    caller: Caller, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_EVENTS", 3)
    charges = {pay(caller) for _ in range(7)}
    assert make_receipts() == 3
    assert [make_receipts() for _ in range(3)] == [2, 2, 0]
    assert set(Receipt.objects.filter(object_id__in=charges).values_list("object_id", flat=True)) == charges


def test_an_address_that_is_refused_is_a_failed_receipt_with_the_reason(
    caller: Caller, mail: MailServer
) -> None:
    mail.recipient_answer = "550 5.1.1 no such user"
    charge = pay(caller)
    assert send() == 0
    assert state_of(charge) == ("failed", "550 5.1.1 no such user")
    again_now()
    assert send() == 0
    mail.recipient_answer = ""
    assert send_again(Receipt.objects.filter(object_id=charge).values_list("pk", flat=True)) == 1
    assert send() == 1


def test_what_is_deferred_is_tried_again_later(caller: Caller, mail: MailServer) -> None:
    mail.recipient_answer = "450 4.2.1 try again later"
    charge = pay(caller)
    assert send() == 0
    assert state_of(charge) == ("pending", "450 4.2.1 try again later")
    assert send() == 0, "not before its time"
    mail.recipient_answer = ""
    again_now()
    assert send() == 1
    assert state_of(charge) == ("sent", "")


def test_mail_that_is_refused_for_what_it_says_is_given_up(caller: Caller, mail: MailServer) -> None:
    mail.data_answer = "554 5.7.1 looks like spam"
    charge = pay(caller)
    send()
    assert state_of(charge) == ("failed", "554 5.7.1 looks like spam")


def test_a_line_that_breaks_after_the_letter_repeats_it_under_the_same_id(
    caller: Caller, mail: MailServer
) -> None:
    mail.drops_after_data = 1
    charge = pay(caller)
    assert send() == 0
    assert state_of(charge)[0] == "pending"
    again_now()
    assert send() == 1
    first, second = mail.received
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content() == second.get_content()


def test_a_sender_that_is_killed_after_the_letter_repeats_it_under_the_same_id(
    caller: Caller, mail: MailServer, books: Books, settings: Any, tmp_path: Path
) -> None:
    """At least once, then: the server has the letter, and nobody lives who could note it."""
    charge = pay(caller)
    make_receipts()
    (tmp_path / "receipts.after_send").write_text("kill")
    surroundings = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "FAULTS_DIR": str(tmp_path),
        "EMAIL_HOST": settings.EMAIL_HOST,
        "EMAIL_PORT": str(settings.EMAIL_PORT),
        "EMAIL_FROM": settings.DEFAULT_FROM_EMAIL,
    }
    sender = (
        "import django; django.setup()\nfrom receipts.services.send import send_receipts\nsend_receipts()"
    )
    killed = subprocess.run(
        [sys.executable, "-c", sender],
        cwd=settings.BASE_DIR,
        env=os.environ | books.environment() | surroundings,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert state_of(charge) == ("pending", "")
    assert send() == 0, "the dead sender's lease holds"
    again_now()
    assert send() == 1
    assert send() == 0
    first, second = mail.received
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content() == second.get_content()
    assert state_of(charge) == ("sent", "")


def test_a_server_that_is_away_costs_time_only(caller: Caller, mail: MailServer, settings: Any) -> None:
    there, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    charge = pay(caller)
    assert send() == 0
    assert state_of(charge)[0] == "pending"
    settings.EMAIL_PORT = there
    again_now()
    assert send() == 1


def test_development_writes_receipts_into_files(caller: Caller, settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    charge = pay(caller)
    assert send() == 1
    (file,) = tmp_path.iterdir()
    assert charge in file.read_text()


@pytest.mark.parametrize(
    ("amount_minor", "currency", "language", "text"),
    [
        (123_450, "usd", "en", "$1,234.50"),
        (123_450, "usd", "de", "1.234,50\xa0$"),
        (1_234, "jpy", "en", "¥1,234"),
        (1_234_567, "bhd", "de", "1.234,567\xa0BHD"),
        # Counted in hundredths, whatever is printed on notes.
        (1_234, "isk", "de", "12,34\xa0ISK"),
    ],
)
def test_amounts_are_written_as_the_language_writes_them(
    amount_minor: int, currency: str, language: str, text: str
) -> None:
    assert amount_text(amount_minor, currency, language) == text


def test_postgresql_holds_one_receipt_per_object(caller: Caller, mail: MailServer, books: Books) -> None:
    charge = pay(caller)
    send()
    with books.superuser() as raw:
        columns = "merchant_id, livemode, kind, object_id, charge_id, email, language, amount_minor, currency"
        with pytest.raises(UniqueViolation):
            raw.execute(
                f"INSERT INTO receipts_receipt (public_id, {columns}) SELECT 'rcpt_2', {columns} "
                "FROM receipts_receipt WHERE object_id = %s",
                [charge],
            )
        with pytest.raises(CheckViolation):
            raw.execute("UPDATE receipts_receipt SET state = 'pending' WHERE object_id = %s", [charge])
        with pytest.raises(RestrictViolation):
            raw.execute("DELETE FROM receipts_receipt WHERE object_id = %s", [charge])


def test_staff_turn_receipts_on_and_see_what_came_back(
    caller: Caller, shop: NewMerchant, mail: MailServer
) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser(new_id("user")))
    setting = ReceiptSetting.objects.get(merchant=shop.merchant)
    form = {"language": "de", "enabled": "on"}
    answer = client.post(f"/admin/receipts/receiptsetting/{setting.pk}/change/", form)
    assert answer.status_code == 302
    setting.refresh_from_db()
    assert (setting.language, setting.test_mode) == ("de", False)
    want_receipts(shop.merchant.pk, enabled=True, language="en", test_mode=True)
    mail.recipient_answer = "550 5.1.1 no such user"
    charge = pay(caller)
    send()
    page = client.get("/admin/receipts/receipt/").content.decode()
    assert "no such user" in page
    assert charge in page
    receipt = Receipt.objects.get(object_id=charge)
    assert client.get(f"/admin/receipts/receipt/{receipt.pk}/change/").status_code == 200
    mail.recipient_answer = ""
    client.post("/admin/receipts/receipt/", {"action": "send_again", "_selected_action": [receipt.pk]})
    assert send() == 1
