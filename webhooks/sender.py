"""Sends one webhook: a POST with a hard time limit, and what came of it. Knows no database."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from aiohttp.abc import AbstractResolver

from core.redaction import redact
from webhooks.addresses import socket_factory
from webhooks.schedule import retry_after_seconds

# For everything from DNS to the answer's first bytes. Receivers are told to answer first and work later.
TIMEOUT_SECONDS = 10.0
KEEP_ANSWER_BYTES = 1_024
USER_AGENT = "Tollgate/1.0 (webhooks)"


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt came to. `status` is None where no answer arrived, `error` empty on success."""

    status: int | None
    error: str
    answer: str
    duration_ms: int
    # How long the receiver wants to be left alone.
    retry_after_seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        return not self.error


def new_session(
    *, allow_private: bool, connections: int, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """Connections are made to allowed addresses only. Nothing one receiver sets reaches another. `resolver` is the
    system's unless another one is given."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections,
            resolver=resolver,
            socket_factory=socket_factory(allow_private=allow_private),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        # Of the answer only its beginning is kept, as it came: nobody unpacks a bomb here.
        auto_decompress=False,
        headers={
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json; charset=utf-8",
        },
    )


async def send(
    session: aiohttp.ClientSession, *, url: str, body: bytes, headers: Mapping[str, str]
) -> Result:
    """One attempt. 2xx within the time limit is success; a redirect is a failure, and not followed."""
    started = time.monotonic()
    status, error, answer, pause = None, "", b"", 0.0
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            status = response.status
            error = _refusal(status)
            if error:
                pause = retry_after_seconds(response.headers.get("Retry-After"), now=datetime.now(UTC))
            answer = await _beginning(response.content)
    except TimeoutError:
        # A 2xx whose body dawdles has been said all the same.
        error = error if status else f"no answer within {TIMEOUT_SECONDS:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as failure:
        error = error if status else f"{type(failure).__name__}: {failure}"
    kept = _clean(answer.decode(errors="replace"))
    return Result(status, _clean(error), kept, _since(started), pause)


def _refusal(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"answered {status}; redirects are not followed"
    return f"answered {status}"


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    kept = b""
    while len(kept) < KEEP_ANSWER_BYTES:
        chunk = await content.read(KEEP_ANSWER_BYTES - len(kept))
        if not chunk:
            break
        kept += chunk
    return kept


def _clean(text: str) -> str:
    """For PostgreSQL, which takes neither NUL nor halves of characters, and for readers, who see no card
    and no key."""
    return redact(text.replace("\x00", "�").encode(errors="replace").decode())[:KEEP_ANSWER_BYTES]


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1_000)
