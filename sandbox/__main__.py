"""Starts the sandbox bank: `python -m sandbox --host 127.0.0.1 --port 9001 --data bank.sqlite3`."""

import argparse
import logging
import os
import resource
import sys
from pathlib import Path

from aiohttp import web

from sandbox.app import make_app
from sandbox.desk import Desk
from sandbox.messenger import Messenger
from sandbox.outbox import Outbox
from sandbox.store import Store, StoreUnusable

# Held connections (no_answer, latency) are cut after this: a stopping bank waits for nobody.
SHUTDOWN_SECONDS = 0.2
# Idle connections stay open for an hour: a bank that closes them by itself adds drops that nobody ordered.
KEEP_ALIVE_SECONDS = 3600
# A thousand callers may connect in the same instant.
BACKLOG = 4096
# Known to everybody, as is the bank's bearer: it is for trials.
NOTIFY_SECRET = "sandbox-notifications"  # noqa: S105


def main() -> None:
    options = _options()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    _allow_many_connections()
    try:
        store = Store(options.data)
    except StoreUnusable as error:
        sys.exit(f"sandbox bank: {error}")
    url = options.public_url or f"http://{options.host}:{options.port}"
    messenger = Messenger(Outbox(store), url=options.notify_url, secret=options.notify_secret)
    desk = Desk(store, public_url=url.rstrip("/"), announce=messenger.announce)
    try:
        web.run_app(
            make_app(desk, messenger, settlement_dir=options.settlement_dir),
            host=options.host,
            port=options.port,
            shutdown_timeout=SHUTDOWN_SECONDS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            backlog=BACKLOG,
            access_log=None,
            print=None,
        )
    except OSError as error:
        sys.exit(
            f"sandbox bank: cannot listen on {options.host}:{options.port}: {os.strerror(error.errno or 0)}"
        )
    finally:
        store.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--data", type=Path, required=True, help="SQLite file, made when missing")
    parser.add_argument(
        "--public-url", help="where callers see this bank, for redirects; default: host and port"
    )
    parser.add_argument("--notify-url", help="where notifications are sent; default: none are")
    parser.add_argument(
        "--notify-secret",
        default=os.environ.get("SANDBOX_NOTIFY_SECRET") or NOTIFY_SECRET,
        help=f"signs notifications; default: the variable SANDBOX_NOTIFY_SECRET, or {NOTIFY_SECRET}",
    )
    parser.add_argument(
        "--settlement-dir", type=Path, help="where settlement files and statements are put as well"
    )
    options = parser.parse_args()
    if options.notify_url and not options.notify_url.startswith(("http://", "https://")):
        parser.error("--notify-url must be an http or https URL")
    return options


def _allow_many_connections() -> None:
    """The usual soft limit of 1,024 open files is less than a thousand callers and the bank's own files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:
        wanted = 65536 if hard == resource.RLIM_INFINITY else min(65536, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


if __name__ == "__main__":
    main()
