"""Where callers fetch settlement files and statements, and tests close a day and order errors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from aiohttp import web

from sandbox.fields import REFERENCE, Fields, InvalidRequest
from sandbox.settlement import ERRORS, Settlements
from sandbox.statements import statement

# A day is closed within so many seconds of its end.
LOOK_SECONDS = 60


def add_settlement_routes(app: web.Application, settlements: Settlements, folder: Path | None) -> None:
    """With a folder, files and statements are put there too."""

    async def fetch(request: web.Request) -> web.Response:
        content = settlements.file(_day(request))
        if content is None:
            return web.json_response({"error": "day_not_over"}, status=404)
        return web.Response(text=content, content_type="text/csv")

    async def fetch_statement(request: web.Request) -> web.Response:
        day = _day(request)
        if settlements.file(day) is None:
            return web.json_response({"error": "day_not_over"}, status=404)
        return web.Response(text=_statement(settlements, day), content_type="application/xml")

    async def close(request: web.Request) -> web.Response:
        fields = Fields(await request.json())
        day = date.fromisoformat(fields.text("day", r"\d{4}-\d{2}-\d{2}"))
        fields.finish()
        content = settlements.file(day, close=True)
        assert content is not None
        deliver(settlements, folder, day)
        return web.json_response({"day": str(day), "lines": content.count("\n") - 3})

    async def err(request: web.Request) -> web.Response:
        fields = Fields(await request.json())
        reference = fields.text("reference", REFERENCE)
        error = fields.text("error", "|".join(ERRORS))
        fields.finish()
        settlements.err(reference, error)
        return web.json_response({"reference": reference, "error": error})

    async def owed(request: web.Request) -> web.Response:
        return web.json_response({"owed": settlements.owed()})

    app.router.add_get("/v1/settlements/{day}", fetch)
    app.router.add_get("/v1/statements/{day}", fetch_statement)
    app.router.add_post("/control/settlements", close)
    app.router.add_post("/control/settlement_errors", err)
    app.router.add_get("/control/owed", owed)


@contextlib.asynccontextmanager
async def closing_days(settlements: Settlements, folder: Path | None) -> AsyncIterator[None]:
    """Yesterday is closed soon after midnight, UTC."""

    async def keep() -> None:
        while True:
            yesterday = datetime.now(UTC).date() - timedelta(days=1)
            settlements.file(yesterday)
            deliver(settlements, folder, yesterday)
            await asyncio.sleep(LOOK_SECONDS)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def deliver(settlements: Settlements, folder: Path | None, day: date) -> None:
    """Whole files only: each is written beside its place, then moved there."""
    if folder is None:
        return
    for source, name, content in (
        ("sandbox", f"settlement-{day}.csv", settlements.file(day) or ""),
        ("bank", f"statement-{day}.xml", _statement(settlements, day)),
    ):
        target = folder / source / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_suffix(".part")
            unfinished.write_text(content)
            unfinished.replace(target)


def _statement(settlements: Settlements, day: date) -> str:
    return statement(day, settlements.account.opening(day), settlements.account.entries(day))


def _day(request: web.Request) -> date:
    try:
        return date.fromisoformat(request.match_info["day"])
    except ValueError as error:
        raise InvalidRequest("the day must be like 2026-01-31") from error
