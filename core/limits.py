"""How much is taken from one caller: a bucket that empties evenly (GCRA, as ATM networks have it), counted in Redis
by one script for every process, on Redis's clock. Knows neither Django nor a client of Redis."""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1

from core.errors import ServiceUnavailable, TollgateError

SPANS = {"s": 1, "m": 60, "h": 3600}
WRITTEN = re.compile(r"([1-9][0-9]{0,8})/([smh])")
MICROSECONDS = 1_000_000
# The names and numbers of refusals, which nothing but Redis's end takes back.
REFUSED = "limits:refused"

# KEYS: a bucket each, then REFUSED. ARGV, three to a bucket: microseconds that one call takes to be forgotten, those
# that a full bucket takes, and the limit's name. Answers how many microseconds are missing, and in which bucket; with
# nothing missing each bucket has one more.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local filled = {}
local missing, where = 0, 0
for i = 1, #KEYS - 1 do
  local kept = tonumber(redis.call('GET', KEYS[i])) or 0
  filled[i] = math.max(kept, now) + ARGV[3 * i - 2]
  local over = filled[i] - now - ARGV[3 * i - 1]
  if over > missing then missing, where = over, i end
end
if where > 0 then
  redis.call('HINCRBY', KEYS[#KEYS], ARGV[3 * where], 1)
  return {math.ceil(missing), where}
end
for i = 1, #KEYS - 1 do
  redis.call('SET', KEYS[i], string.format('%.0f', filled[i]), 'PX', math.ceil((filled[i] - now) / 1000))
end
return {0, 0}
"""
DIGEST = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Limit:
    """So many at once, and so many in any span of that length after that."""

    most: int
    span: str

    def __str__(self) -> str:
        return f"{self.most}/{self.span}"

    @property
    def full_us(self) -> int:
        return SPANS[self.span] * MICROSECONDS

    @property
    def one_us(self) -> float:
        return self.full_us / self.most


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is counted: the limit's name, and whose it is."""

    name: str
    whose: str
    limit: Limit


class RateLimited(TollgateError):
    """Too many. Nothing was done, so the same request may come again."""

    status = 429
    type = "invalid_request_error"
    code = "rate_limit"
    retry = True

    def __init__(self, bucket: Bucket, missing_us: int) -> None:
        super().__init__(
            f"Too many requests: at most {bucket.limit.most} in {_WORDS[bucket.limit.span]} are taken "
            f"({_COUNTED.get(bucket.name, bucket.name)}). Nothing was done; try again in a moment."
        )
        self.retry_after_seconds = max(1, math.ceil(missing_us / MICROSECONDS))


class LimitUnavailable(ServiceUnavailable):
    """Nobody counts at the moment; then what must not be tried without limit is not done."""

    def __init__(self) -> None:
        super().__init__("Card details are not taken at the moment. Nothing was done; try again.")


_WORDS = {"s": "a second", "m": "a minute", "h": "an hour"}
_COUNTED = {
    "key": "with one API key",
    "browser": "from one address with a publishable key",
    "wrong_keys": "from one address with keys that are none",
    "cards": "from one address with cards",
    "cards_of_key": "with cards and one API key",
}


def read_limit(name: str, default: str) -> Limit:
    """The limit from the variable, such as `100/s`, `30/m` or `500/h`. Anything else is refused at start."""
    text = os.environ.get(name) or default
    written = WRITTEN.fullmatch(text)
    if written is None:
        raise SystemExit(
            f"{name} is a number per second, minute or hour such as 100/s or 30/m, not {text!r}."
        )
    return Limit(int(written[1]), written[2])


def names(buckets: Sequence[Bucket]) -> list[str]:
    """The script's KEYS."""
    return [*(f"limit:{bucket.name}:{bucket.whose}" for bucket in buckets), REFUSED]


def numbers(buckets: Sequence[Bucket]) -> list[str]:
    """The script's ARGV."""
    return [
        text
        for bucket in buckets
        for text in (f"{bucket.limit.one_us:.3f}", str(bucket.limit.full_us), bucket.name)
    ]


def check(answer: Sequence[int], buckets: Sequence[Bucket]) -> None:
    """RateLimited, where the script's answer says so."""
    missing_us, where = answer
    if where:
        raise RateLimited(buckets[where - 1], missing_us)
