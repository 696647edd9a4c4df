"""Ports of this machine: which are free, and who answers on them."""

import http.client
import secrets
import socket
from pathlib import Path

from gateway.child import CannotStart

HOST = "127.0.0.1"
# Above what well-known programs use.
LOWEST_PORT = 10_000
LINUX_FIRST_OUTGOING_PORT = 32_768


def free_port(*, near: int | None = None, taken: frozenset[int] = frozenset()) -> int:
    """The first free port from `near` on, or from anywhere. Never one that the kernel gives to outgoing
    connections: such a port can be gone before its server has started."""
    end = _first_outgoing_port()
    start = near if near and near < end else LOWEST_PORT + secrets.randbelow(end - 2 * LOWEST_PORT)
    for port in range(start, end):
        if port not in taken and port_is_free(port):
            return port
    raise CannotStart(f"No port from {start} to {end} is free on {HOST}.")


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers themselves do: a connection that is still closing does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int, path: str) -> bool:
    """Whether an HTTP server says anything but a server error there, within half a second."""
    connection = http.client.HTTPConnection(HOST, port, timeout=0.5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _first_outgoing_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return LINUX_FIRST_OUTGOING_PORT
    # A machine may allow nearly all of them; then some of the risk has to be taken.
    return first if first > 3 * LOWEST_PORT else LINUX_FIRST_OUTGOING_PORT
