"""What makes a card plausible: its number, brand, expiry and security code. Pure; no card is kept here."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from core.redaction import luhn_valid
from vault.errors import IncorrectNumber, InvalidCvc, InvalidExpiryMonth, InvalidExpiryYear

# Cards are issued for a few years; Stripe too refuses expiry dates further away than this.
MAX_YEARS_AHEAD = 50
# A card is good until its month has ended everywhere on Earth, which is twelve hours after it did in UTC.
LAST_TIME_ZONE = timedelta(hours=12)
# Six digits at the front and four at the end may be kept in the clear of numbers as long as this (PCI DSS 3.4.1).
LEAST_DIGITS_FOR_BIN = 15


@dataclass(frozen=True)
class Brand:
    """A network: its name on payment methods and on cards, its number ranges and lengths (ISO/IEC 7812)."""

    name: str
    title: str
    ranges: tuple[tuple[int, int], ...]
    lengths: tuple[int, ...]
    cvc_lengths: tuple[int, ...] = (3,)


BRANDS = (
    Brand("amex", "American Express", ((34, 34), (37, 37)), (15,), (4,)),
    Brand("diners", "Diners Club", ((300, 305), (3095, 3095), (36, 36), (38, 39)), (14, 15, 16, 17, 18, 19)),
    Brand("jcb", "JCB", ((3528, 3589),), (16, 17, 18, 19)),
    Brand("visa", "Visa", ((4, 4),), (13, 16, 19)),
    Brand("mastercard", "MasterCard", ((51, 55), (2221, 2720)), (16,)),
    Brand("discover", "Discover", ((6011, 6011), (644, 649), (65, 65)), (16, 17, 18, 19)),
    Brand("unionpay", "UnionPay", ((62, 62), (81, 81)), (16, 17, 18, 19)),
)
UNKNOWN = Brand("unknown", "Unknown", (), tuple(range(12, 20)), (3, 4))


@dataclass(frozen=True)
class PlainCard:
    """A card in the clear, alive only while a request is served. Its repr shows nothing of it."""

    number: str = field(repr=False)
    exp_month: int = field(repr=False)
    exp_year: int = field(repr=False)
    cvc: str | None = field(repr=False)

    @property
    def brand(self) -> Brand:
        return brand_of(self.number)

    @property
    def bin(self) -> str:
        """Who issued it; nothing of a number of which first and last digits together would leave too little."""
        return self.number[:6] if len(self.number) >= LEAST_DIGITS_FOR_BIN else ""


def check_card(
    number: str, exp_month: int, exp_year: int, cvc: str | None, *, now: datetime | None = None
) -> PlainCard:
    """The card, tidied. CardRefused says which part of it can not be right."""
    digits = number.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit() and luhn_valid(digits)):
        raise IncorrectNumber
    brand = brand_of(digits)
    if len(digits) not in brand.lengths:
        raise IncorrectNumber
    if not 1 <= exp_month <= 12:
        raise InvalidExpiryMonth
    year = exp_year + 2000 if 0 <= exp_year < 100 else exp_year
    _check_expiry(exp_month, year, (now or datetime.now(UTC)) - LAST_TIME_ZONE)
    if cvc is not None and not (cvc.isascii() and cvc.isdigit() and len(cvc) in brand.cvc_lengths):
        raise InvalidCvc
    return PlainCard(digits, exp_month, year, cvc)


def brand_of(number: str) -> Brand:
    """By the leading digits; UNKNOWN where no network is known."""
    for brand in BRANDS:
        for first, last in brand.ranges:
            if first <= int(number[: len(str(first))]) <= last:
                return brand
    return UNKNOWN


def brand_title(name: str) -> str:
    """`visa` as cards and tokens write it: `Visa`."""
    return next((brand.title for brand in BRANDS if brand.name == name), UNKNOWN.title)


def _check_expiry(month: int, year: int, now: datetime) -> None:
    if not now.year <= year <= now.year + MAX_YEARS_AHEAD:
        raise InvalidExpiryYear
    if year == now.year and month < now.month:
        raise InvalidExpiryMonth
