"""One HTTP call to a processor, made at most once, and an honest word on what became of it: answered,
provably not sent, or unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from core.http import Http, NoAnswer, NoConnection


@dataclass(frozen=True)
class Answered:
    """A complete answer. `body` is None when it was not JSON."""

    status: int
    body: Any = field(repr=False)


@dataclass(frozen=True)
class NotSent:
    """Not one byte of the request's body left this process."""

    reason: str
    code: str


@dataclass(frozen=True)
class Unknown:
    """It was, or may have been, sent, and no complete answer came."""

    reason: str


Outcome = Answered | NotSent | Unknown

# No retries, ever: a repeat is the gateway's decision, under the same reference.
_http = Http()


def send(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes, timeout_seconds: float
) -> Outcome:
    """One request within `timeout_seconds` in all. Redirects are answers, not orders."""
    try:
        answer = _http.call(method, url, headers=headers, body=body, timeout_seconds=timeout_seconds)
    except NoConnection as error:
        return NotSent(f"No connection to {urlsplit(url).netloc} ({error}).", "connection_failed")
    except NoAnswer as error:
        return Unknown(f"No answer ({error}).")
    content = _json(answer.content)
    if content is None and 200 <= answer.status < 300:
        # Perhaps cut short by something on the way: a success that can't be read says nothing.
        return Unknown(f"The answer (HTTP {answer.status}) was not JSON.")
    return Answered(answer.status, content)


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
