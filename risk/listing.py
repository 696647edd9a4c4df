"""What may stand on a list, and which entries a payment is on. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from risk.sameness import address, same_domain, same_email

CARD, BIN, EMAIL, DOMAIN, IP, COUNTRY = (
    "card_fingerprint",
    "card_bin",
    "email",
    "email_domain",
    "ip_address",
    "country",
)
TEXT, EXACT_TEXT = "string", "case_sensitive_string"
# A slip of the finger must not put a continent on a list.
WIDEST = {4: 8, 6: 19}


def matched_by(item_type: str, value: str) -> str:
    """What all spellings of a value have in common. ValueError says what is wrong with it."""
    plain = value.strip()
    if not plain:
        raise ValueError("it is empty")
    match item_type:
        case "card_bin":
            if not (plain.isascii() and plain.isdigit() and len(plain) == 6):
                raise ValueError("a BIN is the first six digits of a card number")
            return plain
        case "country":
            if not (plain.isascii() and plain.isalpha() and len(plain) == 2):
                raise ValueError("a country is two letters, such as DE")
            return plain.upper()
        case "email":
            return _email(plain)
        case "email_domain":
            return _domain(plain)
        case "ip_address":
            return _network(plain)
        case "card_fingerprint" | "case_sensitive_string":
            return plain
        case "string":
            return plain.lower()
        case _:
            raise ValueError(f"there are no lists of {item_type}")


def _email(plain: str) -> str:
    same = same_email(plain)
    local, _, domain = same.rpartition("@")
    if not local or "." not in domain or " " in same:
        raise ValueError("that is no email address")
    return same


def _domain(plain: str) -> str:
    same = same_domain(plain.removeprefix("@"))
    if "." not in same.strip(".") or "@" in same or " " in same or "*" in same:
        raise ValueError("that is no domain; its subdomains are on the list with it")
    return same


def _network(plain: str) -> str:
    try:
        network = ipaddress.ip_network(plain)
    except ValueError as error:
        raise ValueError(f"that is no address or range: {error}") from None
    if network.prefixlen < WIDEST[network.version]:
        raise ValueError(f"a range wider than /{WIDEST[network.version]} is a mistake")
    single = address(str(network.network_address)) if network.num_addresses == 1 else None
    return str(ipaddress.ip_network(single)) if single else str(network)


@dataclass(frozen=True, slots=True)
class Entry:
    """`merchant_id` None: for everybody's payments."""

    key: str
    item: str
    merchant_id: int | None
    livemode: bool
    expires_at: datetime | None

    def holds(self, merchant_id: int, livemode: bool, now: datetime) -> bool:
        return (
            self.livemode == livemode
            and self.merchant_id in (None, merchant_id)
            and (self.expires_at is None or now < self.expires_at)
        )


@dataclass(slots=True)
class Index:
    """All entries, by what they match. The work of a payment does not grow with them."""

    keys: frozenset[str] = frozenset()
    _exact: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)
    # By version and length of the network, then by the network.
    _networks: dict[tuple[int, int], dict[int, list[Entry]]] = field(default_factory=dict)

    def add(self, item_type: str, match: str, entry: Entry) -> None:
        if item_type != IP:
            self._exact.setdefault((item_type, match), []).append(entry)
            return
        network = ipaddress.ip_network(match)
        of_length = self._networks.setdefault((network.version, network.prefixlen), {})
        of_length.setdefault(int(network.network_address), []).append(entry)

    def found(self, facts: Mapping[str, Any], merchant_id: int, livemode: bool, now: datetime) -> list[Entry]:
        """Those that a payment of these facts is on."""
        at = [*self._by_value(facts), *self._by_place(facts["customer"]["ip"])]
        return [entry for entries in at for entry in entries if entry.holds(merchant_id, livemode, now)]

    def _by_value(self, facts: Mapping[str, Any]) -> Iterator[list[Entry]]:
        for place in dict.fromkeys(_values(facts)):
            if found := self._exact.get(place):
                yield found

    def _by_place(self, ip: str) -> Iterator[list[Entry]]:
        known = address(ip)
        if known is None:
            return
        for (version, length), networks in self._networks.items():
            if version == known.version:
                bits = known.max_prefixlen - length
                if found := networks.get(int(known) >> bits << bits):
                    yield found


def _values(facts: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    card, customer = facts["card"], facts["customer"]
    email = same_email(customer["email"])
    domain = same_domain(customer["email_domain"])
    yield CARD, card["fingerprint"]
    yield BIN, card["bin"]
    yield COUNTRY, card["country"]
    yield EMAIL, email
    while domain:
        yield DOMAIN, domain
        domain = domain.partition(".")[2]
    for text in (card["fingerprint"], card["bin"], card["country"], customer["email"], email, customer["ip"]):
        yield TEXT, text.lower()
        yield EXACT_TEXT, text
