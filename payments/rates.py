"""What a currency is worth in another one, exactly. Pure.

A rate is quoted in whole units, as a decimal: "1.0837" says that 1 EUR buys 1.0837 USD. It is kept as that text, and
as a fraction between the smallest units. What is bought is rounded down to the smallest unit. What leaves the
exchange account is rounded half up, so that over many exchanges it is right; the unit between both, where there is
one, is booked by itself.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from core.errors import InvalidRequest
from core.money import CURRENCIES, decimals

# More digits than any quote has, and what a bigint holds between any two currencies.
RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,8})?")


@dataclass(frozen=True, slots=True)
class Rate:
    """From one currency into another; the fraction is of their smallest units."""

    quoted: str
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Bought:
    """Integers in the smallest unit: what the merchant gets, and what rounding leaves to us."""

    amount_minor: int
    rounding_minor: int


def rate(quoted: str, *, sold: str, bought: str) -> Rate:
    """InvalidRequest for what is no rate, or no two currencies."""
    for name, currency in (("sold_currency", sold), ("bought_currency", bought)):
        if currency not in CURRENCIES:
            raise InvalidRequest(f"'{currency}' is not a currency that we know.", param=name)
    if sold == bought:
        raise InvalidRequest(f"{sold.upper()} can't be exchanged for itself.", param="bought_currency")
    if not RATE.fullmatch(quoted) or not Fraction(quoted):
        raise InvalidRequest(
            f"'{quoted}' is not a rate: a positive decimal such as 1.0837, with at most eight decimals.",
            param="rate",
        )
    exact = Fraction(quoted) * Fraction(10) ** (decimals(bought) - decimals(sold))
    return Rate(quoted, exact.numerator, exact.denominator)


def exchanged(sold_minor: int, at: Rate) -> Bought:
    """What so much buys at the rate."""
    product = sold_minor * at.numerator
    down = product // at.denominator
    nearest = (2 * product + at.denominator) // (2 * at.denominator)
    return Bought(down, nearest - down)
