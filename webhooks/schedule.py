"""When a failed delivery is tried again. Pure."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# A restart of the receiver is over in seconds, a deployment in minutes, an outage in an hour: the first
# pauses fit those. After that somebody has to repair something: three times a day is often enough.
PAUSES_SECONDS = (5, 30, 120, 600, 3_600, 4 * 3_600, 8 * 3_600)
# Stripe's three days: a weekend and a day to notice. Counted from the first failure, not from the event, so
# that an outage of ours does not eat them up.
GIVE_UP_AFTER = timedelta(days=3)
# A fifth more or less, so that what failed together does not return together.
JITTER = 0.2

# A receiver may ask for a longer pause than the schedule's, but not for more than its longest.
MAX_RETRY_AFTER_SECONDS = PAUSES_SECONDS[-1]

_random = random.SystemRandom()


def next_attempt(
    *, failures: int, now: datetime, give_up_at: datetime, retry_after_seconds: float = 0.0
) -> datetime | None:
    """When to try again after that many failures; the last try is at `give_up_at` itself. None: no more."""
    if now >= give_up_at:
        return None
    pause = PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS)) - 1] * _random.uniform(1 - JITTER, 1 + JITTER)
    pause = max(pause, min(retry_after_seconds, MAX_RETRY_AFTER_SECONDS))
    return min(now + timedelta(seconds=pause), give_up_at)


def retry_after_seconds(header: str | None, *, now: datetime) -> float:
    """What a `Retry-After` asks for, in seconds from now: a number of them, or a date. 0 where it says nothing
    that can be followed."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
