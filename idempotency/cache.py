"""Answers that were asked for again, in Redis: the second replay and all that follow. Whatever Redis says or fails
to say, PostgreSQL is asked next."""

import hmac
import time

import msgspec
from django.conf import settings

from core.redis_line import packed, redis_line
from idempotency.keys import Answer, Key

KEEP_SECONDS = 24 * 3600
# Of an HMAC-SHA256, in front of what is kept.
SEAL_BYTES = 32


class Kept(msgspec.Struct, array_like=True):
    """`until`, in Unix seconds, is our own word on how long it counts: a copy of Redis that is restored later may
    hold what PostgreSQL has forgotten, and answered anew, since."""

    fingerprint: str
    status: int
    body: str
    original_request: str
    until: float


_decode = msgspec.msgpack.Decoder(Kept).decode
_encode = msgspec.msgpack.Encoder().encode


def question(key: Key) -> bytes:
    """What Redis is asked for the key's answer."""
    return packed(b"GET", key.cache_name.encode())


def answer_in(key: Key, raw: object) -> Answer | None:
    """The kept answer to this very request, if that is what Redis said."""
    kept = _opened(key, raw) if isinstance(raw, bytes) else None
    if kept is None or kept.fingerprint != key.fingerprint or kept.until < time.time():
        return None
    return Answer(kept.status, kept.body, replayed=True, original_request=kept.original_request)


def remember(key: Key, answer: Answer) -> None:
    """Puts a final answer that PostgreSQL has replayed into Redis too."""
    until = time.time() + KEEP_SECONDS
    kept = Kept(key.fingerprint, answer.status, answer.body, answer.original_request, until)
    redis_line().put(key.cache_name, _sealed(key, _encode(kept)), seconds=KEEP_SECONDS)


def _sealed(key: Key, kept: bytes) -> bytes:
    return _seal(key, kept) + kept


def _opened(key: Key, raw: bytes) -> Kept | None:
    """What was sealed for this very key by a gateway with our secret. Another gateway's Redis, or somebody's pen in
    ours, has no say."""
    seal, kept = raw[:SEAL_BYTES], raw[SEAL_BYTES:]
    return _decode(kept) if hmac.compare_digest(seal, _seal(key, kept)) else None


def _seal(key: Key, kept: bytes) -> bytes:
    return hmac.digest(settings.SECRET_KEY.encode(), b"answer\0" + key.cache_name.encode() + kept, "sha256")
