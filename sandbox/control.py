"""The bank's HTTP side for tests: order faults and how notifications go out, count what was really done, list the
books. No key is asked."""

from aiohttp import web

from sandbox.calls import CallCounter
from sandbox.desk import Desk
from sandbox.faults import MOST_FAULTS, MOST_SECONDS, FaultBook, TooManyFaults, read_fault
from sandbox.fields import Fields, InvalidRequest
from sandbox.notifications import read_manner
from sandbox.outbox import Outbox

MOST_LISTED = 1000


def add_control_routes(
    app: web.Application, desk: Desk, faults: FaultBook, calls: CallCounter, outbox: Outbox
) -> None:
    _add_faults(app, faults)
    _add_books(app, desk, calls)
    _add_notifications(app, outbox)
    _add_settings(app, desk)


def _add_faults(app: web.Application, faults: FaultBook) -> None:
    async def add_fault(request: web.Request) -> web.Response:
        fault = read_fault(await body_of(request))
        try:
            return web.json_response({"id": faults.add(fault)})
        except TooManyFaults:
            message = f"{MOST_FAULTS} faults are set; delete some"
            return web.json_response({"error": "too_many_faults", "message": message}, status=409)

    async def list_faults(request: web.Request) -> web.Response:
        return web.json_response({"faults": faults.listed()})

    async def clear_faults(request: web.Request) -> web.Response:
        return web.json_response({"deleted": faults.clear()})

    async def remove_fault(request: web.Request) -> web.Response:
        if faults.remove(request.match_info["id"]):
            return web.json_response({"deleted": 1})
        return web.json_response({"error": "unknown_fault"}, status=404)

    app.router.add_post("/control/faults", add_fault)
    app.router.add_get("/control/faults", list_faults)
    app.router.add_delete("/control/faults", clear_faults)
    app.router.add_delete("/control/faults/{id}", remove_fault)


def _add_books(app: web.Application, desk: Desk, calls: CallCounter) -> None:
    async def count(request: web.Request) -> web.Response:
        reference = request.query.get("reference")
        done, approved = desk.counts(reference)
        return web.json_response(done | {"approved": approved, "calls": calls.counts(reference)})

    async def list_operations(request: web.Request) -> web.Response:
        return web.json_response({"operations": desk.newest(limit_of(request))})

    app.router.add_get("/control/counts", count)
    app.router.add_get("/control/operations", list_operations)


def _add_notifications(app: web.Application, outbox: Outbox) -> None:
    async def set_manner(request: web.Request) -> web.Response:
        outbox.manner = read_manner(await body_of(request))
        return web.json_response(outbox.manner.as_json())

    async def list_notifications(request: web.Request) -> web.Response:
        listed = outbox.listed(request.query.get("reference"), limit_of(request))
        return web.json_response(outbox.manner.as_json() | {"notifications": listed})

    app.router.add_post("/control/notifications", set_manner)
    app.router.add_get("/control/notifications", list_notifications)


def _add_settings(app: web.Application, desk: Desk) -> None:
    def settings() -> web.Response:
        return web.json_response({"refund_fails_after_seconds": desk.failing_refunds.after_seconds})

    async def change(request: web.Request) -> web.Response:
        fields = Fields(await body_of(request))
        seconds = fields.number("refund_fails_after_seconds", 0.0, MOST_SECONDS)
        fields.finish()
        desk.failing_refunds.after_seconds = seconds
        return settings()

    async def show(request: web.Request) -> web.Response:
        return settings()

    app.router.add_post("/control/settings", change)
    app.router.add_get("/control/settings", show)


async def body_of(request: web.Request) -> object:
    try:
        body: object = await request.json()
    except ValueError as error:
        raise InvalidRequest("the body is not JSON") from error
    return body


def limit_of(request: web.Request) -> int:
    limit = request.query.get("limit", "100")
    if not limit.isdecimal() or not 1 <= int(limit) <= MOST_LISTED:
        raise InvalidRequest(f"limit must be an integer between 1 and {MOST_LISTED}")
    return int(limit)
