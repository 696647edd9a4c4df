"""The bank's HTTP side for tests: set faults, count what was really done, list the books. No key is asked."""

from aiohttp import web

from sandbox.calls import CallCounter
from sandbox.desk import Desk
from sandbox.faults import MOST_FAULTS, FaultBook, TooManyFaults, read_fault
from sandbox.fields import InvalidRequest

MOST_LISTED = 1000


def add_control_routes(app: web.Application, desk: Desk, faults: FaultBook, calls: CallCounter) -> None:
    async def add_fault(request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except ValueError as error:
            raise InvalidRequest("the body is not JSON") from error
        try:
            return web.json_response({"id": faults.add(read_fault(body))})
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

    async def count(request: web.Request) -> web.Response:
        reference = request.query.get("reference")
        done, approved = desk.counts(reference)
        return web.json_response(done | {"approved": approved, "calls": calls.counts(reference)})

    async def list_operations(request: web.Request) -> web.Response:
        limit = request.query.get("limit", "100")
        if not limit.isdecimal() or not 1 <= int(limit) <= MOST_LISTED:
            raise InvalidRequest(f"limit must be an integer between 1 and {MOST_LISTED}")
        return web.json_response({"operations": desk.newest(int(limit))})

    app.router.add_post("/control/faults", add_fault)
    app.router.add_get("/control/faults", list_faults)
    app.router.add_delete("/control/faults", clear_faults)
    app.router.add_delete("/control/faults/{id}", remove_fault)
    app.router.add_get("/control/counts", count)
    app.router.add_get("/control/operations", list_operations)
