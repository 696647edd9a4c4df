"""How many requests are taken of whom: by key, and of browsers and of whoever tries keys also by address. Charges and
reads go on while Redis is away; cards are not taken then, for those are what thieves try."""

import functools
from typing import Any

import redis
from django.conf import settings

from core.identity import client_address
from core.limits import DIGEST, REFUSED, SCRIPT, Bucket, Limit, LimitUnavailable, check, names, numbers
from core.redis_line import packed, redis_line
from merchants.auth import Caller


def admit(request: Any, *questions: bytes, closed: bool = False) -> list[Any] | None:
    """Counts the request once, and asks Redis the questions on the way; their answers, None where Redis is away.

    RateLimited. With `closed`, LimitUnavailable where nobody counts. Never inside a database transaction.
    """
    request.admitted = True
    return _take(_buckets(request), questions, closed=closed)


def admit_stranger(request: Any, name: str) -> None:
    """The same for a request without a key, by its address. RateLimited."""
    _take((_of_address(request, name),), ())


def count_wrong_key(request: Any) -> None:
    """RateLimited for an address that has tried too many keys that are none; then it is not told of this one."""
    admit_stranger(request, "wrong_keys")


def refusals() -> dict[str, int] | None:
    """How many were refused since Redis was started, by the limit's name; None where it does not say."""
    answers = redis_line().ask(packed(b"HGETALL", REFUSED.encode()))
    if not answers or not isinstance(answers[0], list):
        return None
    words = iter(answers[0])
    return {name.decode(): int(number) for name, number in zip(words, words, strict=True)}


def _buckets(request: Any) -> tuple[Bucket, ...]:
    caller: Caller = request.caller
    of_key = Bucket("key", str(caller.key_id), caller.limit or settings.RATE_LIMITS["key"])
    return (of_key,) if caller.secret else (of_key, _of_address(request, "browser"))


def _of_address(request: Any, name: str) -> Bucket:
    limit: Limit = settings.RATE_LIMITS[name]
    return Bucket(name, client_address(request) or "unknown", limit)


def _take(
    buckets: tuple[Bucket, ...], questions: tuple[bytes, ...], *, closed: bool = False
) -> list[Any] | None:
    line = redis_line()
    answers = line.ask(_command(b"EVALSHA", DIGEST, buckets), *questions, insist=closed)
    if answers and isinstance(answers[0], redis.exceptions.NoScriptError):
        # A Redis that was just started.
        answers = line.ask(_command(b"EVAL", SCRIPT, buckets), *questions, insist=closed)
    if answers is None or isinstance(answers[0], redis.ResponseError):
        if closed:
            raise LimitUnavailable
        return answers and answers[1:]
    check(answers[0], buckets)
    return answers[1:]


@functools.lru_cache(maxsize=4096)
def _command(verb: bytes, script: str, buckets: tuple[Bucket, ...]) -> bytes:
    keys = names(buckets)
    words = [script, str(len(keys)), *keys, *numbers(buckets)]
    return packed(verb, *(word.encode() for word in words))
