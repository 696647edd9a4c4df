"""Where callers are served: each call is counted and meets its faults here, around the desk's work."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.calls import CallCounter
from sandbox.desk import Desk, ReferenceReused
from sandbox.faults import FaultBook, Last4
from sandbox.fields import REFERENCE, InvalidRequest
from sandbox.orders import Order, read_tombstone

log = logging.getLogger("sandbox")

BEARER = "Bearer sandbox"
UNKNOWN_REFERENCE = {"error": "unknown_reference"}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: dict[str, Any]

    @property
    def word(self) -> str:
        """The one word that the log shows."""
        return str(self.body.get("status") or self.body.get("error"))


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked, and the work that answers it."""

    kind: str
    reference: str
    last4: Last4
    work: Callable[[], Reply]


class Window:
    def __init__(
        self,
        desk: Desk,
        faults: FaultBook,
        calls: CallCounter,
        *,
        send_notifications: Callable[[], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._faults = faults
        self._calls = calls
        self.send_notifications = send_notifications
        self._late_tasks: set[asyncio.Task[None]] = set()

    async def order(self, read: Callable[[object], Order], request: web.Request) -> web.StreamResponse:
        order = read(await authenticated_body(request))
        call = Call(
            order.kind, order.reference, lambda: self._desk.last4(order), lambda: self._perform(order)
        )
        return await self.serve(request, call)

    async def tombstone(self, request: web.Request) -> web.StreamResponse:
        reference = read_tombstone(await authenticated_body(request))
        call = Call(
            "tombstone", reference, lambda: self._desk.last4(reference), lambda: self._bury(reference)
        )
        return await self.serve(request, call)

    async def lookup(self, request: web.Request) -> web.StreamResponse:
        reference = request.match_info["reference"]
        if not REFERENCE.fullmatch(reference):
            raise InvalidRequest("reference is not a valid value")
        call = Call(
            "lookup", reference, lambda: self._desk.last4(reference), lambda: self._look_up(reference)
        )
        return await self.serve(request, call)

    async def serve(self, request: web.Request, call: Call) -> web.StreamResponse:
        _authenticate(request)
        self._calls.add(call.kind, call.reference)
        plan = self._faults.plan(call.kind, call.reference, call.last4)
        note = f" latency={plan.latency_seconds:.3f}s" if plan.latency_seconds else ""
        note += f" fault={plan.fault}" if plan.fault else ""
        if caller := request.headers.get("X-Request-Id"):
            note += f" request={caller[:60]!r}"
        match plan.fault:
            case "drop":
                log.info("%s %s cut, not done%s", call.kind, call.reference, note)
                return _cut(request)
            case "late_arrival":
                log.info(
                    "%s %s cut, arrives in %.3f s%s", call.kind, call.reference, plan.fault_seconds, note
                )
                self._arrive_late(call, plan.fault_seconds)
                return _cut(request)
            case "error_before":
                log.info("%s %s 500 not done%s", call.kind, call.reference, note)
                await asyncio.sleep(plan.latency_seconds)
                return _broken()
            # Of what it has done already, the bank can't say that it turned it away.
            case "refused" if not self._desk.knows(call.reference):
                log.info("%s %s 503 not done%s", call.kind, call.reference, note)
                await asyncio.sleep(plan.latency_seconds)
                return web.json_response({"error": "not_done"}, status=503)
        reply = await self._work(call, note)
        await asyncio.sleep(plan.latency_seconds)
        match plan.fault:
            case "no_answer":
                await asyncio.sleep(plan.fault_seconds)
                return _cut(request)
            case "drop_after":
                return _cut(request)
            case "error_after":
                return _broken()
            case "unknown_lookup":
                return web.json_response(UNKNOWN_REFERENCE, status=404)
        return web.json_response(reply.body, status=reply.status)

    async def _work(self, call: Call, note: str) -> Reply:
        reply = call.work()
        log.info("%s %s %d %s%s", call.kind, call.reference, reply.status, reply.word, note)
        await self.send_notifications()
        return reply

    def _arrive_late(self, call: Call, seconds: float) -> None:
        """The request is still on its way: nothing but the passing of time is to be seen of it."""

        async def arrive() -> None:
            await asyncio.sleep(seconds)
            await self._work(call, " late")

        task = asyncio.create_task(arrive())
        self._late_tasks.add(task)
        task.add_done_callback(self._late_tasks.discard)

    def _perform(self, order: Order) -> Reply:
        try:
            return Reply(200, self._desk.perform(order))
        except ReferenceReused:
            return Reply(409, {"error": "reference_reused"})

    def _bury(self, reference: str) -> Reply:
        word, operation = self._desk.bury(reference)
        body = {"reference": reference, "status": word}
        return Reply(200, body | {"operation": operation} if operation else body)

    def _look_up(self, reference: str) -> Reply:
        if operation := self._desk.operation(reference):
            return Reply(200, operation)
        return Reply(404, UNKNOWN_REFERENCE | {"tombstoned": self._desk.is_buried(reference)})


def _authenticate(request: web.Request) -> None:
    if request.headers.get("Authorization") != BEARER:
        raise web.HTTPUnauthorized


async def authenticated_body(request: web.Request) -> object:
    _authenticate(request)
    try:
        body: object = json.loads(await request.read())
    except ValueError as error:
        raise InvalidRequest("the body is not JSON") from error
    return body


def _cut(request: web.Request) -> web.Response:
    """Closes the connection with nothing said; what is returned reaches nobody."""
    if request.transport:
        request.transport.abort()
    return web.Response()


def _broken() -> web.Response:
    return web.json_response({"error": "internal_error"}, status=500)
