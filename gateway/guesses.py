"""Stops guessing at passwords and codes. A try is written down as a wrong one before it is looked at, so that a
thousand at once are not worth more than a thousand in a row. It is in PostgreSQL: losing Redis opens nothing."""

from datetime import timedelta

from django.utils import timezone

from core.redaction import redact
from gateway.models import SignInAttempt

WINDOW = timedelta(minutes=15)
# A person mistypes a few times. From one address, a whole office may be mistyping; and a name is not shut by
# somebody at one other address, only by many.
MAX_OF_ONE_AT_ONE_ADDRESS = 5
MAX_AT_ONE_ADDRESS = 30
MAX_OF_ONE = 20
KEPT = timedelta(days=1)
TOO_MANY = "Too many wrong tries. Wait a quarter of an hour, or ask an administrator."


def admit(username: str, address: str | None) -> SignInAttempt | None:
    """A try that may be looked at; None where there were too many wrong ones."""
    # Some type a card number, or a key, into whatever field they see.
    username = redact(username)[: SignInAttempt._meta.get_field("username").max_length]
    attempt = SignInAttempt.objects.create(username=username, address=address)
    wrong = SignInAttempt.objects.filter(right=False, at__gte=timezone.now() - WINDOW)
    own, here = wrong.filter(username=username), wrong.filter(address=address)
    if (
        own.filter(address=address).count() > MAX_OF_ONE_AT_ONE_ADDRESS
        or here.count() > MAX_AT_ONE_ADDRESS
        or own.count() > MAX_OF_ONE
    ):
        # Not a try: else whoever goes on trying would never be let in again.
        attempt.delete()
        return None
    return attempt


def was_right(attempt: SignInAttempt) -> None:
    """The try was no guess. What was wrong before it still counts: a right password buys no guesses at the code."""
    SignInAttempt.objects.filter(pk=attempt.pk).update(right=True)
    SignInAttempt.objects.filter(at__lt=timezone.now() - KEPT).delete()
