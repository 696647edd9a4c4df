"""Fetches a report, which may be large: onto a disk, never into memory, and in a bounded time per read."""

from collections.abc import Mapping
from typing import IO

import urllib3

from processors.protocol import NoReport

TIMEOUT = urllib3.Timeout(connect=3, read=60)
CHUNK_BYTES = 1 << 20
# A million lines are some 150 MB.
MOST_BYTES = 1 << 30

http = urllib3.PoolManager(retries=False, timeout=TIMEOUT)


def download(url: str, headers: Mapping[str, str], into: IO[bytes], *, of: str) -> None:
    """NoReport, in words that begin with whose it is, for anything but a whole answer."""
    try:
        answer = http.request("GET", url, headers=headers, preload_content=False, redirect=False)
        if answer.status != 200:
            raise NoReport(f"{of} answered {answer.status} when asked for its report.")
        for chunk in answer.stream(CHUNK_BYTES):
            into.write(chunk)
            if into.tell() > MOST_BYTES:
                raise NoReport(f"The report of {of} is beyond {MOST_BYTES} bytes.")
    except urllib3.exceptions.HTTPError as error:
        raise NoReport(f"{of} did not give its report: {type(error).__name__}.") from error
