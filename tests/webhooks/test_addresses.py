"""Where webhooks may go: the internet, and nothing that only we can reach."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.webhooks.conftest import Shop, send, time_passes
from tests.webhooks.receiver import Receiver
from webhooks.addresses import AddressRefused, UrlInvalid, check_url, is_public, socket_factory
from webhooks.models import Delivery
from webhooks.services.relay import relay

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
        *("169.254.169.254", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        # IPv4 inside IPv6: mapped, 6to4, NAT64, Teredo.
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001::1", "::7f00:1"),
    ],
)
def test_what_only_we_can_reach_is_not(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(AddressRefused, match="is not a public address"):
        socket_factory(allow_private=False)((2, 1, 6, "", (address, 443)))


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://intranet/", "http://a.local/"),
        *("http://a.localhost./", "http://metadata.google.internal/", "http://169.254.169.254/"),
        *("http://[::ffff:127.0.0.1]/", "http://2130706433/"),
    ],
)
def test_a_url_that_never_leads_outside_is_refused_when_it_is_set(url: str) -> None:
    with pytest.raises(UrlInvalid):
        check_url(url, livemode=False, allow_private=False)
    assert check_url("https://hooks.example.com:8443/a?b=c", livemode=True, allow_private=False)


def test_development_may_use_its_own_machine() -> None:
    assert check_url("http://localhost:3000/hooks", livemode=False, allow_private=True)
    socket_factory(allow_private=True)((2, 1, 6, "", ("127.0.0.1", 443))).close()


def test_live_mode_goes_to_https_only() -> None:
    with pytest.raises(UrlInvalid, match="https"):
        check_url("http://example.com/", livemode=True, allow_private=True)


@pytest.mark.parametrize("port", [22, 25, 379, 1023])
def test_ports_of_other_services_are_refused_twice(port: int) -> None:
    with pytest.raises(UrlInvalid, match="port"):
        check_url(f"http://hooks.example.com:{port}/", livemode=False, allow_private=False)
    with pytest.raises(AddressRefused, match="port"):
        socket_factory(allow_private=False)((2, 1, 6, "", ("8.8.8.8", port)))


class Internet:
    """What lies beyond the process: the system's DNS, which gives each question the next answer, and a network in
    which every address leads to one receiver on loopback."""

    def __init__(self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[list[str]] = []
        self.asked: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.port = receiver.port
        connect = asyncio.SelectorEventLoop.sock_connect

        async def sock_connect(loop: Any, sock: socket.socket, address: Any) -> None:
            self.connected.append(address[:2])
            await connect(loop, sock, ("127.0.0.1", self.port))

        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)
        monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", sock_connect)

    def _look_up(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in self.answers.pop(0)
        ]


@pytest.fixture
def internet(
    shop: Shop, receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Internet]:
    settings.WEBHOOKS_ALLOW_LOOPBACK = False
    shop.endpoint(f"http://hooks.example.com:{receiver.port}/hooks")
    # The database's host is an address or a socket, and has its connections: who asks now is the sender.
    relay()
    beyond = Internet(receiver, monkeypatch)
    yield beyond
    monkeypatch.undo()


def attempt(shop: Shop) -> tuple[int | None, str]:
    """One event, sent as the worker sends it: status and error."""
    event = shop.event()
    send()
    return Delivery.objects.values_list("last_status", "last_error").get(event=event)


def test_a_name_is_looked_up_once_and_that_answer_is_the_one_connected_to(
    shop: Shop, internet: Internet, receiver: Receiver
) -> None:
    """A second lookup between the check and the connection would get the second answer."""
    internet.answers = [[PUBLIC], ["127.0.0.1"]]
    assert attempt(shop) == (200, "")
    assert internet.asked == ["hooks.example.com"]
    assert internet.connected == [(PUBLIC, receiver.port)]
    assert [got.headers["Host"] for got in receiver.received] == [f"hooks.example.com:{receiver.port}"]


def test_dns_that_answers_differently_the_second_time_is_checked_the_second_time(
    shop: Shop, internet: Internet, receiver: Receiver
) -> None:
    internet.answers = [[PUBLIC], ["127.0.0.1"], ["::ffff:10.0.0.1"], ["169.254.169.254"]]
    assert attempt(shop) == (200, "")
    for private in ("127.0.0.1", "::ffff:10.0.0.1", "169.254.169.254"):
        # After a failure nothing else is sent to it for a while.
        time_passes()
        Delivery.objects.filter(state="pending").update(state="given_up", next_attempt_at=None)
        status, error = attempt(shop)
        assert status is None and f"{private} is not a public address" in error
    assert internet.connected == [(PUBLIC, receiver.port)]
    assert len(receiver.received) == 1


def test_no_address_of_an_answer_is_used_unchecked(
    shop: Shop, internet: Internet, receiver: Receiver
) -> None:
    """Where the first address is refused, the connector goes on to the next: that one is checked too."""
    internet.answers = [["10.255.255.1", "::1", "127.0.0.1"]]
    status, error = attempt(shop)
    assert status is None and "is not a public address" in error
    internet.answers = [["10.255.255.1", PUBLIC]]
    Delivery.objects.filter(state="pending").update(state="given_up", next_attempt_at=None)
    assert attempt(shop) == (200, "")
    assert internet.connected == [(PUBLIC, receiver.port)]


def test_a_redirect_leads_nowhere(shop: Shop, internet: Internet, receiver: Receiver) -> None:
    internet.answers = [[PUBLIC], ["127.0.0.1"]]
    receiver.status, receiver.location = 307, "http://127.0.0.1/admin/"
    assert attempt(shop) == (307, "answered 307; redirects are not followed")
    assert internet.asked == ["hooks.example.com"]
    assert len(receiver.received) == len(internet.connected) == 1
