"""Makes the receipts that events ask for, and sends those that are due: claimed under a lease, sent with no database
connection held, marked afterwards. A crash in between sends one again, under the same Message-ID."""

import logging
import smtplib
import time
from datetime import datetime

from django.core.mail import get_connection
from django.utils import timezone

from controls.services import raise_alert
from core.db import in_transaction, load_statement, release_connection, run_statement
from core.faults import fault_point
from core.redaction import redact
from receipts.letter import Letter, write
from receipts.models import Receipt
from webhooks.schedule import GIVE_UP_AFTER, next_attempt

BATCH = 5
# Events of a merchant that one statement looks at, many times more than one transaction has.
MOST_EVENTS = 2_000
BUDGET_SECONDS = 20.0
# A batch in which every mail server call takes its whole time (EMAIL_TIMEOUT).
LEASE_SECONDS = 300.0
ERROR_CHARACTERS = 500

MAKE = load_statement("make.sql")
CLAIM = load_statement("claim.sql")
after_send = fault_point("receipts.after_send")
log = logging.getLogger("tollgate.receipts")


def make_receipts() -> int:
    """How many were made. Any number may run at once."""
    return int(run_statement(MAKE, {"most": MOST_EVENTS})[0].receipts)


def send_receipts(*, budget_seconds: float = BUDGET_SECONDS) -> int:
    """Sends until nothing is due or the time is up; how many the mail server took. Any number may run at once."""
    end = time.monotonic() + budget_seconds
    sent = 0
    while time.monotonic() < end:
        claimed = run_statement(CLAIM, {"batch": BATCH, "lease_seconds": LEASE_SECONDS})
        if not claimed:
            break
        rows = Receipt.objects.select_related("merchant", "charge").filter(pk__in=[row.id for row in claimed])
        letters = [(receipt, write(receipt)) for receipt in rows]
        release_connection()
        for receipt, letter in letters:
            sent += _send(receipt, letter)
    return sent


def _send(receipt: Receipt, letter: Letter) -> bool:
    try:
        get_connection().send_messages([letter.message()])
    except smtplib.SMTPRecipientsRefused as refusal:
        # One letter has one recipient.
        code, text = next(iter(refusal.recipients.values()))
        _failed(receipt, _said(code, text), permanent=code >= 500)
    except smtplib.SMTPDataError as refusal:
        _failed(receipt, _said(refusal.smtp_code, refusal.smtp_error), permanent=refusal.smtp_code >= 500)
    except ValueError as refusal:
        # An address or a name that no header can carry.
        _failed(receipt, str(refusal), permanent=True)
    except (smtplib.SMTPException, OSError) as trouble:
        # The server or our account with it: no fault of the address, so it is tried again.
        _failed(receipt, f"{type(trouble).__name__}: {trouble}", permanent=False)
    else:
        after_send()
        _sent(receipt)
        return True
    return False


def _sent(receipt: Receipt) -> None:
    Receipt.objects.filter(pk=receipt.pk, state=Receipt.State.PENDING).update(
        state=Receipt.State.SENT,
        sent_at=timezone.now(),
        next_attempt_at=None,
        lease_until=None,
        last_error="",
    )
    release_connection()


@in_transaction
def _note_failure(receipt: Receipt, error: str, again: datetime | None, give_up_at: datetime) -> None:
    ended = again is None
    Receipt.objects.filter(pk=receipt.pk, state=Receipt.State.PENDING).update(
        state=Receipt.State.FAILED if ended else Receipt.State.PENDING,
        failures=receipt.failures + 1,
        next_attempt_at=again,
        give_up_at=give_up_at,
        lease_until=None,
        last_error=error,
    )


def _failed(receipt: Receipt, error: str, *, permanent: bool) -> None:
    now = timezone.now()
    give_up_at = receipt.give_up_at or now + GIVE_UP_AFTER
    again = next_attempt(failures=receipt.failures + 1, now=now, give_up_at=give_up_at)
    error = redact(error)[:ERROR_CHARACTERS]
    log.warning("%s was not sent: %s", receipt, error)
    _note_failure(receipt, error, None if permanent else again, give_up_at)
    if again is None and not permanent:
        _tell_staff(receipt, error)
    release_connection()


@in_transaction
def _tell_staff(receipt: Receipt, error: str) -> None:
    raise_alert(
        kind="receipts_given_up",
        subject="email",
        message=f"{receipt} could not be sent for three days: {error}",
        livemode=receipt.livemode,
        merchant_id=receipt.merchant_id,
    )


def _said(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {words}"
