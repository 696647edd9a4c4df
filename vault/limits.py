"""How often cards are given to the vault, by address and by key. While the vault's Redis does not answer none are
taken: a limit that an outage lifts is none."""

import redis
from django.conf import settings
from django.http import HttpRequest

from core.identity import client_address
from core.limits import SCRIPT, Bucket, LimitUnavailable, check, names, numbers
from vault.auth import Caller
from vault.store import store


def admit_browser(request: HttpRequest) -> None:
    """Counts a call by its address, before its key is looked up: guessing at keys is no way around. RateLimited,
    LimitUnavailable."""
    _take("cards", client_address(request) or "unknown")


def admit_key(caller: Caller) -> None:
    """The same by the merchant and mode that the key is for."""
    _take("cards_of_key", f"{caller.merchant}:{int(caller.livemode)}")


def _take(name: str, whose: str) -> None:
    buckets = [Bucket(name, whose, settings.RATE_LIMITS[name])]
    try:
        answer = store().register_script(SCRIPT)(keys=names(buckets), args=numbers(buckets))
    except redis.RedisError as error:
        raise LimitUnavailable from error
    check(answer, buckets)
