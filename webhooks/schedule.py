"""When a failed delivery is tried again. Pure."""

import random
from datetime import datetime, timedelta

# A restart of the receiver is over in seconds, a deployment in minutes, an outage in an hour: the first
# pauses fit those. After that somebody has to repair something: three times a day is often enough.
PAUSES_SECONDS = (5, 30, 120, 600, 3_600, 4 * 3_600, 8 * 3_600)
# Stripe's three days: a weekend and a day to notice. Counted from the first failure, not from the event, so
# that an outage of ours does not eat them up.
GIVE_UP_AFTER = timedelta(days=3)
# A fifth more or less, so that what failed together does not return together.
JITTER = 0.2

_random = random.SystemRandom()


def next_attempt(*, failures: int, now: datetime, give_up_at: datetime) -> datetime | None:
    """When to try again after that many failures; the last try is at `give_up_at` itself. None: no more."""
    if now >= give_up_at:
        return None
    pause = PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS)) - 1]
    return min(now + timedelta(seconds=pause * _random.uniform(1 - JITTER, 1 + JITTER)), give_up_at)
