"""Where webhooks may go. A url is judged when it is set, and again the address when a socket is made for it,
after DNS and with no lookup in between: no name, redirect or spelling of an address gets around that."""

import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from yarl import URL

from core.errors import InvalidRequest

URL_CHARACTERS = 2_048
# Below, other services listen: a mail server takes an HTTP request for a conversation.
WEB_PORTS = (80, 443)
FIRST_FREE_PORT = 1_024
# Addresses that carry an IPv4 address inside: a network could lead them to an address that we would refuse.
TRANSLATED = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("2002::/16"),
    ipaddress.IPv6Network("2001::/32"),
)


class UrlInvalid(InvalidRequest):
    code = "url_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Invalid URL: {reason}", param="url")


class AddressRefused(OSError):
    """The name leads to an address that webhooks must not reach."""


def check_url(text: str, *, livemode: bool, allow_private: bool) -> str:
    """The url. UrlInvalid for what could never be sent to; names are not looked up here."""
    if len(text) > URL_CHARACTERS:
        raise UrlInvalid(f"it has more than {URL_CHARACTERS} characters.")
    if not text.isprintable() or " " in text:
        raise UrlInvalid("it holds spaces or control characters.")
    try:
        # The parser that the sender uses: two parsers that differ would be a hole.
        url = URL(text)
        host, port = url.host, url.port
    except ValueError as error:
        raise UrlInvalid(f"{error}.") from error
    if url.scheme not in ("http", "https") or not host or not port:
        raise UrlInvalid("it must begin with https:// or http:// and name a host.")
    if livemode and url.scheme != "https":
        raise UrlInvalid("webhooks of live mode go to https:// only.")
    if not allow_private and not _may_be_public(host):
        raise UrlInvalid(f"{host} can not be reached from the internet.")
    if not allow_private and not _is_for_web(port):
        raise UrlInvalid(
            f"port {port} is none that webhooks go to: 80, 443, and {FIRST_FREE_PORT} or higher."
        )
    return text


def is_public(address: str) -> bool:
    """Whether the address belongs to the internet at large: not loopback, private, link-local, shared,
    reserved or multicast, nor an IPv6 disguise of such."""
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip.is_site_local or any(ip in network for network in TRANSLATED):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def socket_factory(*, allow_private: bool) -> Callable[[Any], socket.socket]:
    """Makes the sender's sockets, for addresses that it may connect to. AddressRefused for the others."""

    def make(addr_info: Any) -> socket.socket:
        family, kind, protocol, _, address = addr_info
        if not allow_private and not is_public(address[0]):
            raise AddressRefused(errno.EACCES, f"{address[0]} is not a public address")
        if not allow_private and not _is_for_web(address[1]):
            raise AddressRefused(errno.EACCES, f"webhooks do not go to port {address[1]}")
        return socket.socket(family, kind, protocol)

    return make


def _is_for_web(port: int) -> bool:
    return port in WEB_PORTS or port >= FIRST_FREE_PORT


def _may_be_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        return "." in host and not host.rstrip(".").endswith((".localhost", ".local", ".internal"))
