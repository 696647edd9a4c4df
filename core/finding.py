"""One box that finds anything. Each app registers what it can find by what a person typed; this module reads what
that may mean, and knows no table."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from core.money import CURRENCIES, THREE_DECIMALS, TWO_DECIMALS, ZERO_DECIMALS, decimals

# Of each way to find something. More is what the lists and their filters are for.
MOST = 10
LONGEST = 320
AMOUNT = re.compile(
    r"(?:(?P<before>[a-z]{3})\s*)?(?P<whole>\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.(?P<rest>\d{1,3}))?"
    r"(?:\s*(?P<after>[a-z]{3}))?",
    re.IGNORECASE,
)
DECIMALS = {0: ZERO_DECIMALS, 2: TWO_DECIMALS, 3: THREE_DECIMALS}


@dataclass(frozen=True)
class Amount:
    """What was typed, in the smallest unit of any of these currencies."""

    minor: int
    currencies: frozenset[str]


@dataclass(frozen=True)
class Term:
    """What a person typed, without the blanks around it."""

    text: str

    @property
    def prefix(self) -> str:
        """`ch` of `ch_…`; empty for what is no id."""
        return self.text.partition("_")[0] if "_" in self.text and " " not in self.text else ""

    @property
    def email(self) -> str:
        return self.text.lower() if "@" in self.text and " " not in self.text else ""

    @property
    def last4(self) -> str:
        return self.text if len(self.text) == 4 and self.text.isascii() and self.text.isdigit() else ""

    @property
    def word(self) -> str:
        """Anything that may be a reference of somebody's."""
        return "" if self.email else self.text

    @property
    def amounts(self) -> list[Amount]:
        """`12.50`, `1,250 eur` and `USD 12.50`: an amount in each format that currencies have, or in that one's."""
        found = AMOUNT.fullmatch(self.text)
        if found is None or (found["before"] and found["after"]):
            return []
        currency = (found["before"] or found["after"] or "").lower()
        if currency and currency not in CURRENCIES:
            return []
        formats = {decimals(currency): frozenset({currency})} if currency else DECIMALS
        whole, rest = found["whole"].replace(",", ""), found["rest"] or ""
        return [
            Amount(int(whole + rest.ljust(places, "0")), currencies)
            for places, currencies in formats.items()
            if len(rest) <= places and int(whole + rest.ljust(places, "0")) < 2**63
        ]


@dataclass(frozen=True)
class Found:
    """One row of the results: where it leads, and what a person recognizes it by. `by` says what matched."""

    title: str
    url: str
    by: str
    about: str = ""
    amount: str = ""
    state: SafeString | str = ""
    livemode: bool | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Finder:
    """`find` takes a fixed number of queries, each from an index. `permission` is needed to be shown its results."""

    title: str
    permission: str
    find: Callable[[Term], list[Found]]
    place: int


_finders: dict[str, Finder] = {}


def register(finder: Finder) -> None:
    _finders[finder.title] = finder


def finders() -> list[Finder]:
    return sorted(_finders.values(), key=lambda one: one.place)
