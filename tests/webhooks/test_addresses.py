"""Where webhooks may go: the internet, and nothing that only we can reach."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.webhooks.receiver import Receiver
from webhooks.addresses import AddressRefused, UrlInvalid, check_url, is_public, socket_factory
from webhooks.sender import Result, new_session, send


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


class Turning(AbstractResolver):
    """DNS that gives each question the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET6 if ":" in address else family,
                proto=0, flags=socket.AI_NUMERICHOST,
            )
            for address in self.answers.pop(0)
        ]  # fmt: skip

    async def close(self) -> None:
        return None


def sent(resolver: Turning, port: int, *, times: int = 1, allow_private: bool = False) -> list[Result]:
    async def work() -> list[Result]:
        async with new_session(allow_private=allow_private, connections=5, resolver=resolver) as session:
            url = f"http://hooks.example.com:{port}/"
            # What a session keeps of an answer does not matter here: each attempt asks anew.
            session.connector._use_dns_cache = False  # type: ignore[union-attr]
            return [await send(session, url=url, body=b"{}", headers={}) for _ in range(times)]

    return asyncio.run(work())


def refused(address: str) -> Any:
    return f"{address} is not a public address"


def test_a_name_is_looked_up_once_and_that_answer_is_the_one_connected_to(receiver: Receiver) -> None:
    """A second lookup between the check and the connection would get the second answer."""
    dns = Turning(["127.0.0.1"], ["127.0.0.2"])
    (result,) = sent(dns, receiver.port, allow_private=True)
    assert result.succeeded and dns.asked == 1


def test_dns_that_answers_differently_the_second_time_is_checked_the_second_time(receiver: Receiver) -> None:
    dns = Turning(["10.255.255.1"], ["127.0.0.1"], ["::ffff:127.0.0.1"])
    results = sent(dns, receiver.port, times=3)
    assert [result.status for result in results] == [None] * 3
    assert all("is not a public address" in result.error for result in results)
    assert refused("127.0.0.1") in results[1].error
    assert receiver.received == []


def test_no_address_of_an_answer_is_used_unchecked(receiver: Receiver) -> None:
    """Where the first address fails, the connector goes on to the next: that one is checked too."""
    (result,) = sent(Turning(["10.255.255.1", "::1", "127.0.0.1"]), receiver.port)
    assert "is not a public address" in result.error
    assert receiver.received == []
