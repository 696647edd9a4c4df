"""`python -m bench.receiver --port N`: a merchant's server that answers `/fast/…` at once, `/slow/…` after a second,
and `/dead/…` never. A process of its own, so that what it costs is not counted as ours."""

import argparse
import asyncio

from aiohttp import web

SLOW_SECONDS = 1.0


async def fast(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


async def slow(request: web.Request) -> web.Response:
    await asyncio.sleep(SLOW_SECONDS)
    return web.Response()


async def dead(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    return web.Response()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.receiver", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    app = web.Application()
    for name, handler in (("fast", fast), ("slow", slow), ("dead", dead)):
        app.router.add_post(f"/{name}/{{number}}", handler)
    web.run_app(
        app,
        host="127.0.0.1",
        port=parser.parse_args().port,
        print=lambda *_: None,
        access_log=None,
        backlog=2_048,
    )


if __name__ == "__main__":
    main()
