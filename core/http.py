"""One HTTP call, made at most once and under one deadline, and an honest word on what became of it. Nothing is
ever sent twice here, and no redirect is followed."""

import functools
import http.client
import io
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from socket import socket
from typing import Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProtocolError, SSLError

from core import trail

MAX_HOSTS = 32
# Hundreds of threads of a process may have a call in flight; beyond this a connection serves one call.
MAX_CONNECTIONS = 256
# Nobody's host is that far away: a connection that takes longer is not going to come.
CONNECT_SECONDS = 3.0
# No answer that we ask for is near that long.
MAX_ANSWER_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that arrived whole. Header names in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


class NoConnection(Exception):
    """Not one byte of the request left this process."""


class NoAnswer(Exception):
    """The request may have arrived, and no whole answer came in time."""


class ConnectionBroken(NoAnswer):
    """The other side closed the connection: now, or long ago and unnoticed. A read may be repeated."""


class Http:
    """Keeps connections open between calls. Safe for many threads."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(
            num_pools=MAX_HOSTS, maxsize=MAX_CONNECTIONS, block=False, retries=False
        )
        self._pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_seconds: float,
    ) -> Answer:
        """The answer, whatever its status; NoConnection or NoAnswer. `timeout_seconds` is for the whole call. Who is
        called hears for which request of ours."""
        if request_id := trail.request_id():
            headers = {**headers, trail.HEADER: request_id}
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, timeout_seconds), total=timeout_seconds),
                redirect=False,
            )
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise NoConnection(type(error).__name__) from error
        except SSLError as error:
            if isinstance(error.args[0], ssl.SSLCertVerificationError):
                # The handshake ends here; the request would have come after it.
                raise NoConnection("no valid certificate") from error
            raise NoAnswer(type(error).__name__) from error
        except ProtocolError as error:
            raise ConnectionBroken(type(error).__name__) from error
        except HTTPError as error:
            raise NoAnswer(type(error).__name__) from error
        return Answer(response.status, response.headers, response.data)


class _TimedBytes(io.RawIOBase):
    """The bytes of one answer until its time, or our patience, is over. A socket's own timeout starts anew with
    each piece: a server that sends a byte now and then would hold the thread for as long as it likes."""

    def __init__(self, source: io.RawIOBase, connection: socket, ends_at: float) -> None:
        self._source = source
        self._connection = connection
        self._ends_at = ends_at
        self._bytes_left = MAX_ANSWER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._connection.settimeout(left)
        count = self._source.readinto(buffer)
        self._bytes_left -= count or 0
        if self._bytes_left < 0:
            raise OSError("the answer is too long")
        return count

    def close(self) -> None:
        self._source.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket, *arguments: Any, ends_at: float, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_TimedBytes(self.fp.detach(), sock, ends_at))


class _Timed(HTTPConnection):
    """Status, headers and content of an answer share what is left of the call's time."""

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        # By now urllib3 has put the rest of the total time here.
        ends_at = time.monotonic() + cast(float, self.timeout)
        self.response_class = functools.partial(_TimedResponse, ends_at=ends_at)  # type: ignore[assignment]
        return super().getresponse()


class _TimedSecure(_Timed, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Timed


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedSecure
