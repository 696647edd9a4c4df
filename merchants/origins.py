"""Which web pages may bring cards for a merchant: origins, as browsers write them. Pure."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from core.errors import InvalidRequest

MOST = 50
DEFAULT_PORTS = {"https": 443, "http": 80}
HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*|[0-9a-f:.]+", re.ASCII)


def read_origins(asked: Iterable[str], *, livemode: bool) -> list[str]:
    """The origins as they are kept, each once. InvalidRequest names a wrong one, and why it is one."""
    found = dict.fromkeys(_read(text.strip(), livemode) for text in asked if text.strip())
    if len(found) > MOST:
        raise InvalidRequest(
            f"There can be at most {MOST} origins in a mode; {len(found)} were given.", param="origins"
        )
    return list(found)


def _read(text: str, livemode: bool) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
        host = (parts.hostname or "").encode("ascii" if (parts.hostname or "").isascii() else "idna").decode()
    except (ValueError, UnicodeError):
        raise _refusal(text, "it can't be read") from None
    if "*" in text:
        raise _refusal(text, "name each host: there are no wildcards")
    if parts.scheme not in DEFAULT_PORTS or not HOST.fullmatch(host):
        raise _refusal(text, "it is no https:// and a host")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise _refusal(text, "an origin ends with its host, or a port behind it")
    if livemode and parts.scheme != "https":
        raise _refusal(text, "pages that take real cards are on https")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port and port != DEFAULT_PORTS[parts.scheme] else "")


def _refusal(text: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"'{text[:100]}' is not an origin such as https://shop.example.com: {why}.", param="origins"
    )
