"""The bank's HTTP side for callers: /v1 and /health. Each call meets its faults here, around the work."""

import asyncio
import functools
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.calls import CallCounter
from sandbox.control import add_control_routes
from sandbox.desk import Desk, ReferenceReused
from sandbox.faults import FaultBook
from sandbox.fields import REFERENCE, InvalidRequest
from sandbox.orders import Order, read_authorize, read_capture, read_refund, read_tombstone, read_void

log = logging.getLogger("sandbox")

# Orders are a few hundred bytes.
MOST_BODY_BYTES = 64 * 1024
BEARER = "Bearer sandbox"
LATE_TASKS = web.AppKey("late_tasks", set[asyncio.Task[None]])


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: dict[str, Any]

    @property
    def word(self) -> str:
        """The one word that the log shows."""
        return str(self.body.get("status") or self.body.get("error"))


def make_app(desk: Desk) -> web.Application:
    faults, calls = FaultBook(), CallCounter()
    app = web.Application(middlewares=[_errors_as_json], client_max_size=MOST_BODY_BYTES)
    app[LATE_TASKS] = set()
    window = Window(desk, faults, calls, app[LATE_TASKS])
    app.router.add_get("/health", _health)
    for path, read in ORDERS.items():
        app.router.add_post(path, functools.partial(window.order, read))
    app.router.add_post("/v1/tombstones", window.tombstone)
    app.router.add_get("/v1/operations/{reference}", window.lookup)
    add_control_routes(app, desk, faults, calls)
    return app


ORDERS: dict[str, Callable[[object], Order]] = {
    "/v1/authorizations": read_authorize,
    "/v1/captures": read_capture,
    "/v1/voids": read_void,
    "/v1/refunds": read_refund,
}


class Window:
    """Where calls are served: counts them, applies their faults, lets the desk work."""

    def __init__(
        self, desk: Desk, faults: FaultBook, calls: CallCounter, late_tasks: set[asyncio.Task[None]]
    ) -> None:
        self._desk = desk
        self._faults = faults
        self._calls = calls
        self._late_tasks = late_tasks

    async def order(self, read: Callable[[object], Order], request: web.Request) -> web.StreamResponse:
        order = read(await _body(request))
        return await self._serve(request, order.kind, order.reference, lambda: self._perform(order))

    async def tombstone(self, request: web.Request) -> web.StreamResponse:
        reference = read_tombstone(await _body(request))
        return await self._serve(request, "tombstone", reference, lambda: self._bury(reference))

    async def lookup(self, request: web.Request) -> web.StreamResponse:
        reference = request.match_info["reference"]
        if not REFERENCE.fullmatch(reference):
            raise InvalidRequest("reference is not a valid value")
        return await self._serve(request, "lookup", reference, lambda: self._look_up(reference))

    async def _serve(
        self, request: web.Request, kind: str, reference: str, work: Callable[[], Reply]
    ) -> web.StreamResponse:
        _authenticate(request)
        self._calls.add(kind, reference)
        plan = self._faults.plan(kind, reference)
        note = f" latency={plan.latency_seconds:.3f}s" if plan.latency_seconds else ""
        note += f" fault={plan.fault}" if plan.fault else ""
        match plan.fault:
            case "drop":
                log.info("%s %s cut, not done%s", kind, reference, note)
                return _cut(request)
            case "late_arrival":
                log.info("%s %s cut, arrives in %.3f s%s", kind, reference, plan.fault_seconds, note)
                self._arrive_late(kind, reference, work, plan.fault_seconds)
                return _cut(request)
            case "error_before":
                log.info("%s %s 500 not done%s", kind, reference, note)
                await asyncio.sleep(plan.latency_seconds)
                return _broken()
        reply = work()
        log.info("%s %s %d %s%s", kind, reference, reply.status, reply.word, note)
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

    def _arrive_late(self, kind: str, reference: str, work: Callable[[], Reply], seconds: float) -> None:
        """The request is still on its way: nothing but the passing of time is to be seen of it."""

        async def arrive() -> None:
            await asyncio.sleep(seconds)
            reply = work()
            log.info("%s %s %d %s late", kind, reference, reply.status, reply.word)

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


UNKNOWN_REFERENCE = {"error": "unknown_reference"}


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _authenticate(request: web.Request) -> None:
    if request.headers.get("Authorization") != BEARER:
        raise web.HTTPUnauthorized


async def _body(request: web.Request) -> object:
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


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except InvalidRequest as error:
        # The path is left out of the log here: it is the caller's text.
        log.info("%s 400 %s", request.method, error)
        return web.json_response({"error": "invalid_request", "message": str(error)}, status=400)
    except web.HTTPException as error:
        log.info("%s %d", request.method, error.status)
        return web.json_response({"error": error.reason.lower().replace(" ", "_")}, status=error.status)
