"""What we keep of a captured charge. A plan is a list of rules; the first one that fits the payment is its price.
Pure.

A share is in millionths (29,000 is 2.9 %) and is rounded half up to the smallest unit by itself. Then the fixed
amount is added, then the minimum and the cap are kept; a fee is never more than its charge.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from core.errors import InvalidRequest
from core.money import CURRENCIES, decimals, display, share

MILLION = 1_000_000
MAX_RULES = 50

Amount = Annotated[int, msgspec.Meta(ge=0, le=99_999_999)]
Currency = Annotated[str, msgspec.Meta(pattern="^[a-z]{3}$")]
Brand = Annotated[str, msgspec.Meta(pattern="^[a-z]{1,20}$")]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
# Whether a card was issued in the plan's home country. What is not known is neither.
DOMESTIC, CROSS_BORDER = "domestic", "cross_border"
Origin = Annotated[str, msgspec.Meta(pattern=f"^({DOMESTIC}|{CROSS_BORDER})?$")]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fits where every condition does; an empty one always does. Amounts are in the smallest unit of the payment's
    currency."""

    share_millionths: Annotated[int, msgspec.Meta(ge=0, le=MILLION)]
    fixed_minor: Amount = 0
    minimum_minor: Amount = 0
    maximum_minor: Amount | None = None
    currencies: tuple[Currency, ...] = ()
    card_brands: tuple[Brand, ...] = ()
    card_countries: tuple[Country, ...] = ()
    card_origin: Origin = ""

    def fits(self, *, currency: str, card_brand: str, card_country: str, home_country: str) -> bool:
        if self.currencies and currency not in self.currencies:
            return False
        if self.card_brands and card_brand not in self.card_brands:
            return False
        if self.card_countries and card_country not in self.card_countries:
            return False
        if not self.card_origin:
            return True
        return bool(card_country) and (card_country == home_country) == (self.card_origin == DOMESTIC)

    def price(self, amount_minor: int) -> int:
        fee_minor = max(share(amount_minor, self.share_millionths) + self.fixed_minor, self.minimum_minor)
        if self.maximum_minor is not None:
            fee_minor = min(fee_minor, self.maximum_minor)
        return min(fee_minor, amount_minor)

    @property
    def fits_all(self) -> bool:
        return not (self.currencies or self.card_brands or self.card_countries or self.card_origin)


class Plan(msgspec.Struct, frozen=True):
    """One version of a plan, as its row says it. The last rule fits every payment."""

    id: int
    home_country: str
    rules: tuple[Rule, ...]

    def fee(self, amount_minor: int, *, currency: str, card_brand: str = "", card_country: str = "") -> int:
        """The fee of a captured amount, in minor units."""
        rule = self.rule(currency=currency, card_brand=card_brand, card_country=card_country)
        return rule.price(amount_minor)

    def rule(self, *, currency: str, card_brand: str, card_country: str) -> Rule:
        for rule in self.rules:
            if rule.fits(
                currency=currency,
                card_brand=card_brand,
                card_country=card_country,
                home_country=self.home_country,
            ):
                return rule
        raise LookupError(f"Fee plan {self.id} has no rule for {currency}.")


def read_rules(given: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Rules out of what a plan's row holds, unchecked but for their shape."""
    return msgspec.convert(given, tuple[Rule, ...])


def checked_rules(given: Any, *, home_country: str) -> tuple[Rule, ...]:
    """The rules of a new plan. InvalidRequest naming the rule and the value that no plan may have."""
    try:
        rules = msgspec.convert(given, tuple[Rule, ...])
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"This is no fee plan: {error}.", param="rules") from error
    if not 1 <= len(rules) <= MAX_RULES:
        raise InvalidRequest(f"A fee plan has 1 to {MAX_RULES} rules, not {len(rules)}.", param="rules")
    if home_country and not (home_country.isascii() and home_country.isupper() and len(home_country) == 2):
        raise InvalidRequest(f"'{home_country}' is not a country such as DE.", param="home_country")
    for place, rule in enumerate(rules, start=1):
        for wrong in _faults(rule, home_country=home_country, last=place == len(rules)):
            raise InvalidRequest(f"Rule {place}: {wrong}.", param="rules")
    return rules


def _faults(rule: Rule, *, home_country: str, last: bool) -> Iterator[str]:
    if unknown := [currency for currency in rule.currencies if currency not in CURRENCIES]:
        yield f"{unknown[0].upper()} is not a currency that we know"
    if rule.maximum_minor is not None and rule.maximum_minor < rule.minimum_minor:
        yield f"its cap, {rule.maximum_minor}, is below its minimum, {rule.minimum_minor}"
    if rule.card_origin and not home_country:
        yield "domestic and cross-border cards need the plan's home country"
    if last and not rule.fits_all:
        yield "the last rule must fit every payment, so it has no conditions"
    if rule.fits_all and not last:
        yield "it fits every payment, so the rules behind it would never be asked"
    if len({decimals(currency) for currency in rule.currencies if currency in CURRENCIES}) > 1:
        yield "its currencies must have the same number of decimals"


def in_words(rule: Rule, home_country: str) -> str:
    """`EUR, Visa, cards from DE: 1.5 % + 0.25 EUR, at least 1.00 EUR`, for people. Amounts of several currencies are
    in the smallest unit of each."""

    def amount(minor: int) -> str:
        return display(minor, rule.currencies[0]) if len(rule.currencies) == 1 else f"{minor} (smallest unit)"

    whom = [", ".join(rule.currencies).upper(), ", ".join(brand.capitalize() for brand in rule.card_brands)]
    if rule.card_countries:
        whom.append(f"cards from {', '.join(rule.card_countries)}")
    if rule.card_origin:
        whom.append(f"cards from {'' if rule.card_origin == DOMESTIC else 'outside of '}{home_country}")
    whole, rest = divmod(rule.share_millionths, MILLION // 100)
    price = f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + " %"
    if rule.fixed_minor:
        price += f" + {amount(rule.fixed_minor)}"
    if rule.minimum_minor:
        price += f", at least {amount(rule.minimum_minor)}"
    if rule.maximum_minor is not None:
        price += f", at most {amount(rule.maximum_minor)}"
    return f"{', '.join(filter(None, whom)) or 'all other payments'}: {price}"


def dispute_fee(currency: str, fees_minor: Mapping[str, int]) -> int:
    """What a dispute costs the merchant, in minor units: as agreed for the currency, else 15.00 in currencies of two
    decimals, 1,500 in those of none, 5.000 in those of three."""
    if currency in fees_minor:
        return fees_minor[currency]
    return 5_000 if decimals(currency) == 3 else 1_500
