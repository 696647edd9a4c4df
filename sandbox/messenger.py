"""Sends the notifications that wait in the outbox, signed, and again until they were taken or ten tries failed."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

import aiohttp

from sandbox.alarm import Alarm
from sandbox.notifications import Notification, signature
from sandbox.outbox import Outbox, Sent

log = logging.getLogger("sandbox")

HEADER = "Sandbox-Signature"
TRY_SECONDS = 10.0
# An answer that waits for its notification: its own caller must not lose patience meanwhile.
URGENT_SECONDS = 5.0
# A receiver that is slow holds up so many, and the bank's own callers not at all.
MOST_AT_ONCE = 64


class Messenger:
    """Without a `url` nothing is told to anybody, and nothing is written down."""

    def __init__(self, outbox: Outbox, *, url: str | None, secret: str) -> None:
        self.outbox = outbox
        self._url = url
        self._secret = secret
        self._alarm = Alarm()
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    def announce(self, type_: str, reference: str) -> None:
        """Call it inside the transaction of what it tells of, and `send_new` after that."""
        if self._url:
            self.outbox.add(type_, reference)

    def start_new(self) -> list[asyncio.Task[None]]:
        """Sees to it that what was announced is sent; what is on its way at once because an answer waits for it."""
        urgent = [self._start(notification, URGENT_SECONDS) for notification in self.outbox.take_urgent()]
        self._alarm.ring()
        return urgent

    async def send_new(self) -> None:
        """The same, and waits for what the answer has to wait for: for one try of it."""
        if urgent := self.start_new():
            await asyncio.wait(urgent)

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Sends while it is open; what is under way at its end will be sent once more at the next start."""
        # A new connection for each: one that the receiver had closed meanwhile would cost a try.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        loop = asyncio.create_task(self._alarm.keep(self._start_due, self.outbox.next_due))
        try:
            yield
        finally:
            tasks = [loop, *self._under_way.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._session.close()

    def _start_due(self) -> None:
        # Those under way are still among the due ones.
        for notification in self.outbox.due(MOST_AT_ONCE):
            if notification.sequence not in self._under_way and len(self._under_way) < MOST_AT_ONCE:
                self._start(notification, TRY_SECONDS)

    def _start(self, notification: Notification, seconds: float) -> asyncio.Task[None]:
        task = asyncio.create_task(self._send(notification, seconds))
        self._under_way[notification.sequence] = task
        return task

    async def _send(self, notification: Notification, seconds: float) -> None:
        try:
            sent = await self._try(notification, seconds)
            self.outbox.note(notification, sent)
            log.info("notify %s %s %s", notification.reference, notification.type, sent.result)
        finally:
            del self._under_way[notification.sequence]
            self._alarm.ring()

    async def _try(self, notification: Notification, seconds: float) -> Sent:
        assert self._session is not None
        assert self._url is not None
        body = notification.body()
        headers = {
            "Content-Type": "application/json",
            HEADER: signature(self._secret, body, int(time.time())),
        }
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                return Sent(200 <= answer.status < 300, str(answer.status))
        except (aiohttp.ClientError, TimeoutError) as error:
            return Sent(False, type(error).__name__)
