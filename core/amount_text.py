"""Amounts as people of a language write them. For what is to be read only: nobody parses this back."""

import copy
from decimal import Decimal

from babel import Locale

from core.money import decimals


def amount_text(amount_minor: int, currency: str, language: str) -> str:
    """As the language writes it, with the decimals that we count the currency in."""
    locale, places = Locale.parse(language), decimals(currency)
    pattern = copy.copy(locale.currency_formats["standard"])
    pattern.frac_prec = (places, places)
    value = Decimal(amount_minor).scaleb(-places)
    return str(pattern.apply(value, locale, currency=currency.upper(), currency_digits=False))
