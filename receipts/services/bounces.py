"""Takes in the mail that comes back. A mail server, or a program that fetches mail, puts it into a Maildir."""

import logging
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from core.redaction import redact
from receipts.bounces import Bounce, read_bounce
from receipts.models import Receipt

BATCH = 200
# A report begins with what we read, and may bring the whole letter with it; ours are short.
MOST_BYTES = 1_000_000
ERROR_CHARACTERS = 500

log = logging.getLogger("tollgate.receipts")


def take_bounces() -> int:
    """How many receipts bounced. What was looked at is moved to `cur`, as read; nothing is thrown away. Any number
    may run at once, and a message that is read twice changes nothing more."""
    if not settings.BOUNCES_MAILDIR:
        return 0
    new, read = Path(settings.BOUNCES_MAILDIR, "new"), Path(settings.BOUNCES_MAILDIR, "cur")
    if not (new.is_dir() and read.is_dir()):
        log.error("BOUNCES_MAILDIR is no Maildir: %s has no folders new and cur", settings.BOUNCES_MAILDIR)
        return 0
    taken = 0
    for file in sorted(new.iterdir())[:BATCH]:
        with suppress(FileNotFoundError):  # another task was quicker
            with file.open("rb") as message:
                bounce = read_bounce(message.read(MOST_BYTES))
            taken += bounce is not None and _note(bounce)
            file.rename(read / f"{file.name}:2,S")
    return taken


def _note(bounce: Bounce) -> bool:
    reason = redact(bounce.reason)[:ERROR_CHARACTERS]
    sent = Receipt.objects.filter(public_id=bounce.receipt, state=Receipt.State.SENT)
    if noted := bool(sent.update(state=Receipt.State.BOUNCED, last_error=reason)):
        log.warning("%s came back: %s", bounce.receipt, reason)
    return noted
