"""How many stored cards of one merchant may be opened in a minute."""

import time

import redis
from django.conf import settings

from vault.errors import LimitUnavailable, TooManyDecryptions
from vault.store import store

SPAN_SECONDS = 60


def take_turn(merchant: str) -> None:
    """Counts one more. TooManyDecryptions beyond the limit; LimitUnavailable while Redis does not answer, for a limit
    that an outage lifts is none."""
    counted = f"decryptions:{merchant}:{int(time.time()) // SPAN_SECONDS}"
    try:
        with store().pipeline(transaction=False) as line:
            line.incr(counted)
            line.expire(counted, 2 * SPAN_SECONDS)
            number, _ = line.execute()
    except redis.RedisError as error:
        raise LimitUnavailable from error
    if number > settings.VAULT_DECRYPTIONS_PER_MINUTE:
        raise TooManyDecryptions
