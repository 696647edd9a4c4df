"""A shop's web site: pages of an origin that is not the gateway's."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """Its pages by path, which may be changed while it serves, and from where browsers said that they came."""

    port: int
    pages: dict[str, str] = field(default_factory=dict)
    referrers: list[str] = field(default_factory=list)

    def origin(self, name: str = "shop") -> str:
        """By any name of the `.example` world, where the browser is told that it is this machine."""
        return f"http://{name}.example:{self.port}"


@contextlib.contextmanager
def open_site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.referrers.append(self.headers.get("Referer", ""))
            page = site.pages.get(self.path.partition("?")[0])
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((page or "").encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
