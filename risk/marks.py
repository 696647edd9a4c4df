"""What is counted about payments, of whom, and for how long: the one place that says which facts of velocity come
from which marks. Pure but for the key that hides whom the names are about."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from risk.facts import UNKNOWN
from risk.sameness import same_email, same_place

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# Of the newest: whoever did something a thousand times has done it often enough, and Redis is not to be filled by it.
MOST = 1_000
# Nothing older is ever asked for.
KEEP = DAY


@dataclass(frozen=True, slots=True)
class Read:
    """A fact: how many marks, or what they add up to, in a window that slides by the millisecond."""

    fact: str
    window: int
    how: Literal["count", "sum"] = "count"


@dataclass(frozen=True, slots=True)
class Series:
    """Marks of one subject's attempts, of the different cards that it used, or of its declines."""

    subject: str
    what: Literal["attempts", "cards", "declines"]
    reads: Sequence[Read]

    @property
    def keep(self) -> int:
        return max(read.window for read in self.reads)


SERIES = (
    Series(
        "card",
        "attempts",
        (Read("card_attempts_10m", 10 * MINUTE), Read("card_amount_base_1d", DAY, "sum")),
    ),
    Series("card", "declines", (Read("card_declines_1h", HOUR),)),
    Series("ip", "attempts", (Read("ip_attempts_10m", 10 * MINUTE),)),
    Series("ip", "cards", (Read("ip_cards_1h", HOUR),)),
    Series("ip", "declines", (Read("ip_declines_1h", HOUR),)),
    Series("email", "cards", (Read("email_cards_1d", DAY),)),
    Series("device", "cards", (Read("device_cards_1d", DAY),)),
    Series("bin", "declines", (Read("bin_declines_10m", 10 * MINUTE),)),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A series of this payment's subject: where its marks are, and the mark to leave; "" leaves none."""

    series: Series
    name: str
    mark: str


def lines(
    facts: Mapping[str, Any], *, livemode: bool, once: str, secret: bytes, declined: bool = False
) -> Iterator[Line]:
    """One for each series whose subject is known. `declined` leaves the marks of a decline instead of an attempt's.
    The same payment under the same `once` leaves the same marks, however often it does."""
    subjects = _subjects(facts)
    card, amount = subjects["card"], facts["payment"]["amount_base"]
    attempt = f"{once}|{'' if amount == UNKNOWN else amount}"
    marks = {
        "attempts": "" if declined else attempt,
        "cards": "" if declined or not card else hidden(card, secret),
        "declines": once if declined else "",
    }
    whose = f"{facts['merchant']['id']}:{'live' if livemode else 'test'}"
    for series in SERIES:
        subject = subjects[series.subject]
        if subject:
            place = hidden(f"{whose}:{subject}", secret)
            yield Line(series, f"risk:{series.subject}:{series.what}:{place}", marks[series.what])


def hidden(text: str, secret: bytes) -> str:
    """Redis is told of nobody's email, address or card."""
    return hashlib.blake2b(text.encode(), key=secret[:64], digest_size=15).hexdigest()


def _subjects(facts: Mapping[str, Any]) -> dict[str, str]:
    card, customer = facts["card"], facts["customer"]
    return {
        "card": card["fingerprint"],
        "bin": card["bin"],
        "ip": same_place(customer["ip"]),
        "email": same_email(customer["email"]),
        "device": customer["device"],
    }
