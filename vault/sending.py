"""One HTTP call to a processor, made at most once, and an honest word on what became of it: answered,
provably not sent, or unknown."""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)

# As many as a process has threads, so that no connection is thrown away after one call.
MAX_CONNECTIONS = 256
CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 1_000_000
CHUNK_BYTES = 65_536


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
_pool = urllib3.PoolManager(num_pools=32, maxsize=MAX_CONNECTIONS, block=False, retries=False)


def send(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes, timeout_seconds: float
) -> Outcome:
    """One request within `timeout_seconds` in all. Redirects are answers, not orders."""
    deadline = time.monotonic() + timeout_seconds
    timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, timeout_seconds), total=timeout_seconds)
    try:
        response = _pool.request(
            method,
            url,
            body=body,
            headers=dict(headers),
            timeout=timeout,
            redirect=False,
            preload_content=False,
        )
    except (NewConnectionError, NameResolutionError, ConnectTimeoutError) as error:
        # Raised while connecting, before the request's first byte.
        return NotSent(
            f"No connection to {urlsplit(url).netloc} ({type(error).__name__}).", "connection_failed"
        )
    except SSLError as error:
        if isinstance(error.args[0], ssl.SSLCertVerificationError):
            # The handshake ends here; the request would have come after it.
            return NotSent(f"{urlsplit(url).netloc} has no valid certificate.", "connection_failed")
        return Unknown("The encrypted connection failed.")
    except HTTPError as error:
        return Unknown(f"No answer ({type(error).__name__}).")
    try:
        content = _read(response, deadline)
        status = response.status
    except (HTTPError, OSError) as error:
        response.close()
        return Unknown(f"The answer broke off ({type(error).__name__}).")
    if content is None:
        response.close()
        return Unknown("The answer was too long or took too long.")
    response.release_conn()
    answer = _json(content)
    if answer is None and 200 <= status < 300:
        # Perhaps cut short by something on the way: a success that can't be read says nothing.
        return Unknown(f"The answer (HTTP {status}) was not JSON.")
    return Answered(status, answer)


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes | None:
    """The whole content, or None beyond the limits: urllib3's timeout starts anew with each piece."""
    content = bytearray()
    while piece := response.read1(CHUNK_BYTES):
        content += piece
        if len(content) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
            return None
    return bytes(content)


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
