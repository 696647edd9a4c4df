"""The bank put together: its URLs, and what runs beside them. /v1 is for callers, /challenge for cardholders,
/control for tests."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import web

from sandbox.alarm import Alarm
from sandbox.calls import CallCounter
from sandbox.challenge_page import add_challenge_routes
from sandbox.control import add_control_routes
from sandbox.desk import Desk
from sandbox.dispute_window import add_dispute_control, add_dispute_routes
from sandbox.faults import FaultBook
from sandbox.fields import InvalidRequest
from sandbox.messenger import Messenger
from sandbox.orders import (
    Order,
    read_authorize,
    read_capture,
    read_complete,
    read_payout,
    read_refund,
    read_void,
)
from sandbox.settlement_window import add_settlement_routes, closing_days
from sandbox.window import Window

log = logging.getLogger("sandbox")

# Orders are a few hundred bytes, evidence is up to 150,000 characters.
MOST_BODY_BYTES = 1024 * 1024

ORDERS: dict[str, Callable[[object], Order]] = {
    "/v1/authorizations": read_authorize,
    "/v1/completions": read_complete,
    "/v1/captures": read_capture,
    "/v1/voids": read_void,
    "/v1/refunds": read_refund,
    "/v1/payouts": read_payout,
}


def make_app(desk: Desk, messenger: Messenger, *, settlement_dir: Path | None = None) -> web.Application:
    faults, calls, alarm = FaultBook(), CallCounter(), Alarm()
    app = web.Application(middlewares=[_errors_as_json], client_max_size=MOST_BODY_BYTES)

    async def send_notifications() -> None:
        # A refund that will come back, or a sale that will be disputed, may be among what was just done.
        alarm.ring()
        await messenger.send_new()

    window = Window(desk, faults, calls, send_notifications=send_notifications)
    app.router.add_get("/health", _health)
    for path, read in ORDERS.items():
        app.router.add_post(path, functools.partial(window.order, read))
    app.router.add_post("/v1/tombstones", window.tombstone)
    app.router.add_get("/v1/operations/{reference}", window.lookup)
    add_dispute_routes(app, desk.disputes, window)
    add_dispute_control(app, desk.disputes, window)
    add_challenge_routes(app, desk.challenges, send_notifications)
    add_settlement_routes(app, desk.settlements, settlement_dir)
    add_control_routes(app, desk, faults, calls, messenger.outbox)
    app.cleanup_ctx.append(functools.partial(_at_work, desk, messenger, alarm))
    app.cleanup_ctx.append(functools.partial(_closing_days, desk, settlement_dir))
    return app


async def _at_work(
    desk: Desk, messenger: Messenger, alarm: Alarm, app: web.Application
) -> AsyncIterator[None]:
    """Notifications, returning refunds and disputes, as long as the bank is open."""

    def act_on_due() -> None:
        desk.failing_refunds.fail_due()
        desk.disputes.act_on_due()
        desk.payouts.act_on_due()
        messenger.start_new()

    def next_due() -> float | None:
        due = [desk.failing_refunds.next_due(), desk.disputes.next_due(), desk.payouts.next_due()]
        return min((moment for moment in due if moment is not None), default=None)

    async with messenger.at_work():
        stories = asyncio.create_task(alarm.keep(act_on_due, next_due))
        try:
            yield
        finally:
            stories.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await stories


async def _closing_days(desk: Desk, folder: Path | None, app: web.Application) -> AsyncIterator[None]:
    async with closing_days(desk.settlements, folder):
        yield


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


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
