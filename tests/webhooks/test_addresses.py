"""Where webhooks may go: the internet, and nothing that only we can reach."""

import pytest

from webhooks.addresses import AddressRefused, UrlInvalid, check_url, is_public, socket_factory


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
