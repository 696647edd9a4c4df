"""From where a key may be used: networks as CIDR blocks, and whether an address is in one of them. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from core.errors import InvalidRequest

Network = IPv4Network | IPv6Network
MOST = 50


def read_networks(asked: Iterable[str]) -> list[str]:
    """The blocks as they are kept, each once; an address is a block of one. InvalidRequest names a wrong one."""
    found: dict[str, None] = {}
    for text in asked:
        try:
            found[str(ip_network(text.strip()))] = None
        except ValueError as error:
            raise InvalidRequest(
                f"'{text.strip()[:60]}' is neither an address nor a block of them such as 203.0.113.0/24.",
                param="addresses",
            ) from error
    if len(found) > MOST:
        raise InvalidRequest(
            f"A key can have at most {MOST} blocks; {len(found)} were given.", param="addresses"
        )
    return list(found)


def networks_of(kept: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in kept)


def is_within(address: str | None, allowed: Iterable[Network]) -> bool:
    """False for an address that nobody knows."""
    if address is None:
        return False
    known = ip_address(address)
    if isinstance(known, IPv6Address) and known.ipv4_mapped:
        known = known.ipv4_mapped
    return any(known in network for network in allowed)
