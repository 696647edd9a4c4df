"""Receipts that come back: shown with the reason, whatever else is in the mailbox."""

from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.ids import new_id
from merchants.auth import Caller
from receipts.bounces import Bounce, read_bounce
from receipts.models import Receipt
from receipts.services.bounces import take_bounces
from receipts.services.settings import send_again
from tests.receipts.conftest import MailServer
from tests.receipts.test_receipts import pay, send, state_of

pytestmark = pytest.mark.usefixtures("books", "bank")

REASON = "550 5.1.1 <customer@example.com>: Recipient address rejected: no such user"


def report(original: Message, *, action: str = "failed", headers_only: bool = False) -> bytes:
    """As mail servers write it."""
    status = f"Final-Recipient: rfc822; customer@example.com\nAction: {action}\nStatus: 5.1.1\n"
    parts = [
        "Content-Type: text/plain\n\nI'm sorry to have to inform you that your message could not be delivered.\n",
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mail.example.com\n\n"
        f"{status}Diagnostic-Code: smtp; 550 5.1.1 <customer@example.com>:\n    Recipient address rejected:\n"
        "    no such user\n",
    ]
    if headers_only:
        headers = "".join(f"{name}: {value}\n" for name, value in original.items())
        parts.append(f"Content-Type: text/rfc822-headers\n\n{headers}")
    else:
        parts.append(f"Content-Type: message/rfc822\n\n{original.as_string()}")
    body = "".join(f"--border\n{part}\n" for part in parts)
    top = 'Content-Type: multipart/report; report-type=delivery-status; boundary="border"'
    return f"From: MAILER-DAEMON@mail.example.com\nSubject: Undelivered\n{top}\n\n{body}--border--\n".encode()


@pytest.fixture
def mailbox(tmp_path: Path, settings: Any) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    settings.BOUNCES_MAILDIR = str(tmp_path)
    return tmp_path


@pytest.mark.parametrize("headers_only", [False, True])
def test_a_receipt_that_comes_back_is_shown_as_bounced_and_can_be_sent_again(
    caller: Caller, mail: MailServer, mailbox: Path, headers_only: bool
) -> None:
    charge = pay(caller)
    send()
    bounce = report(mail.received[0], headers_only=headers_only)
    (mailbox / "new" / "1.a.mail").write_bytes(bounce)
    assert take_bounces() == 1
    assert state_of(charge) == ("bounced", REASON)
    console = Client()
    console.force_login(User.objects.create_superuser(new_id("user")))
    assert "no such user" in console.get("/admin/receipts/receipt/?state__exact=bounced").content.decode()
    assert [file.name for file in (mailbox / "cur").iterdir()] == ["1.a.mail:2,S"]
    assert not list((mailbox / "new").iterdir())
    (mailbox / "new" / "2.a.mail").write_bytes(bounce)
    assert take_bounces() == 0, "once"
    assert send_again(Receipt.objects.filter(object_id=charge).values_list("pk", flat=True)) == 1
    assert send() == 1
    assert state_of(charge) == ("sent", "")


def test_other_mail_changes_nothing_and_stays(caller: Caller, mail: MailServer, mailbox: Path) -> None:
    charge = pay(caller)
    send()
    answer = EmailMessage()
    answer["In-Reply-To"] = mail.received[0]["Message-ID"]
    answer.set_content("Thank you! failed 550")
    stranger = EmailMessage()
    stranger["Message-ID"] = "<rcpt_0123@pay.example.com>"
    stranger.set_content("hello")
    mails = {
        "answer": bytes(answer),
        "delayed": report(mail.received[0], action="delayed"),
        "of another letter": report(stranger),
        "rubbish": b"\xff\x00 Content-Type: multipart/report\n\n--",
        "cut off": report(mail.received[0])[:420],
        "empty": b"",
    }
    for name, raw in mails.items():
        (mailbox / "new" / name).write_bytes(raw)
    assert take_bounces() == 0
    assert state_of(charge) == ("sent", "")
    assert len(list((mailbox / "cur").iterdir())) == len(mails)


def test_a_report_that_names_no_reason_has_a_status() -> None:
    letter = EmailMessage()
    letter["Message-ID"] = "<rcpt_1@pay.example.com>"
    letter.set_content("x")
    short = report(letter).replace(b"Diagnostic-Code", b"X-Nothing")
    assert read_bounce(short) == Bounce("rcpt_1", "5.1.1")


def test_a_mailbox_that_is_none_is_said_and_costs_nothing(
    mailbox: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.BOUNCES_MAILDIR = str(mailbox / "nowhere")
    assert take_bounces() == 0
    assert "is no Maildir" in caplog.text
    settings.BOUNCES_MAILDIR = ""
    assert take_bounces() == 0
