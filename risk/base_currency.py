"""Amounts of all currencies made comparable, for rules and scores. Never for money: nothing is booked by it. Pure."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from core.money import CURRENCIES, decimals
from risk.facts import UNKNOWN

# What one unit is worth in US dollars, roughly. Whoever compares in another currency, or closer, sets their own.
ROUGH_RATES = (
    "eur=1.1,gbp=1.3,chf=1.2,cad=0.72,aud=0.65,nzd=0.6,jpy=0.0067,cny=0.14,hkd=0.13,sgd=0.75,inr=0.012,krw=0.0007,"
    "sek=0.1,nok=0.095,dkk=0.15,pln=0.26,czk=0.045,huf=0.0028,ron=0.22,brl=0.18,mxn=0.055,zar=0.056,aed=0.27,"
    "sar=0.27,ils=0.28,try=0.024,thb=0.03,php=0.017,kwd=3.25,bhd=2.65,omr=2.6,tnd=0.33"
)


def read_rates(text: str) -> dict[str, Decimal]:
    """`eur=1.1,gbp=1.3` as rates by currency. ValueError names the pair that is wrong."""
    rates: dict[str, Decimal] = {}
    for pair in filter(None, text.split(",")):
        currency, _, rate = pair.strip().lower().partition("=")
        try:
            rates[currency] = Decimal(rate)
        except InvalidOperation:
            raise ValueError(f"no rate: {pair.strip()!r}") from None
        if currency not in CURRENCIES or not 0 < rates[currency] < 1_000_000:
            raise ValueError(f"no rate of a currency that we know: {pair.strip()!r}")
    return rates


def in_base(amount_minor: int, currency: str, *, base: str, rates: Mapping[str, Decimal]) -> int:
    """The amount in the smallest unit of `base`; UNKNOWN where there is no rate. A rate says how much of the base
    currency one unit of a currency is worth."""
    if currency == base:
        return amount_minor
    rate = rates.get(currency)
    if rate is None:
        return UNKNOWN
    scaled = Decimal(amount_minor).scaleb(decimals(base) - decimals(currency)) * rate
    return int(scaled.to_integral_value(ROUND_HALF_EVEN))
