"""The facts of a payment: what rules may ask for, what a score is made of, what a decision stores. Nested by group,
as an expression names them: `payment.amount`, `card.country`. Unknown text is "", an unknown number is -1. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["int", "string", "bool"]
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Field:
    """One fact by its place. `sensitive` ones tell of a person or a card."""

    group: str
    name: str
    type: Kind
    description: str
    example: int | str | bool
    sensitive: bool = False
    # What stands there while nobody knows.
    neutral: int | str | bool = ""

    @property
    def path(self) -> str:
        return f"{self.group}.{self.name}" if self.group else self.name


def _number(group: str, name: str, description: str, example: int, neutral: int = UNKNOWN) -> Field:
    return Field(group, name, "int", description, example, neutral=neutral)


def _text(group: str, name: str, description: str, example: str, *, sensitive: bool = False) -> Field:
    return Field(group, name, "string", description, example, sensitive)


def _flag(group: str, name: str, description: str) -> Field:
    return Field(group, name, "bool", description, True, neutral=False)


PAYMENT = (
    _number("payment", "amount", "What is to be paid, in the currency's smallest unit", 12_00),
    _text("payment", "currency", "The currency, as three small letters", "eur"),
    _number(
        "payment",
        "amount_base",
        "The same in the smallest unit of the base currency; -1 where its rate is not known",
        13_05,
    ),
    _flag("payment", "capture", "Whether the money is to be taken at once, not only held"),
    _number("payment", "attempt", "Which attempt at this payment it is; the first is 1", 1, neutral=1),
    _number("payment", "hour", "The hour of the day, in UTC", 23),
    _text("merchant", "id", "The merchant's id", "acct_0TnEXAMPLE"),
)
CARD = (
    _text("card", "brand", "The card's brand, in small letters", "visa"),
    _text("card", "country", "Where the card was issued, as two capital letters", "US"),
    _text("card", "funding", "credit, debit, prepaid or unknown", "credit"),
    _text(
        "card",
        "fingerprint",
        "The same for every payment by the same card",
        "Xt5EWLLDS7FJjR1c",
        sensitive=True,
    ),
    _text("card", "bin", "The first six digits: who issued the card", "424242"),
    _text("card", "last4", "The last four digits", "4242"),
)
CUSTOMER = (
    _text("customer", "email", "The customer's email, in small letters", "jenny@example.com", sensitive=True),
    _text("customer", "email_domain", "What is after the email's @", "example.com"),
    _text(
        "customer",
        "ip",
        "Where the customer's browser is, as far as we saw it",
        "203.0.113.7",
        sensitive=True,
    ),
    _text("customer", "ip_country", "The country of that address", "DE"),
    _text(
        "customer", "device", "The browser session, where the merchant passed it on", "rse_1", sensitive=True
    ),
    _number("customer", "age_days", "Days since this merchant's first payment of this email", 42),
)
HISTORY = (
    _number(
        "history", "card_payments", "Payments of this card that succeeded at this merchant, up to 100", 3
    ),
    _number("history", "card_disputes", "Disputes of this card at this merchant, up to 100", 0),
    _number(
        "history", "email_payments", "Payments of this email that succeeded at this merchant, up to 100", 3
    ),
    _number("history", "email_disputes", "Disputes of this email at this merchant, up to 100", 0),
)
VELOCITY = (
    _number("velocity", "card_attempts_10m", "Attempts by this card in ten minutes, this one included", 1),
    _number("velocity", "card_declines_1h", "Declined attempts by this card within an hour", 0),
    _number(
        "velocity", "card_amount_base_1d", "What this card tried to pay in a day, in the base currency", 13_05
    ),
    _number("velocity", "ip_attempts_10m", "Attempts from this address in ten minutes, this one included", 1),
    _number("velocity", "ip_cards_1h", "Different cards from this address within an hour", 1),
    _number("velocity", "ip_declines_1h", "Declined attempts from this address within an hour", 0),
    _number("velocity", "email_cards_1d", "Different cards of this email in a day", 1),
    _number("velocity", "device_cards_1d", "Different cards of this device in a day", 1),
    _number("velocity", "bin_declines_10m", "Declined attempts by cards of this BIN in ten minutes", 0),
)
SCORE = Field(
    "", "score", "int", "The model's score, 0 to 99; -1 where no model is live", 12, neutral=UNKNOWN
)
# `lists.<key>` is a bool for each list that there is; a list that is not there is not in the facts.
LISTS = "lists"

FIELDS: tuple[Field, ...] = (*PAYMENT, *CARD, *CUSTOMER, *HISTORY, *VELOCITY, SCORE)
GROUPS = (*dict.fromkeys(field.group for field in FIELDS if field.group), LISTS)


def neutral() -> dict[str, Any]:
    """Facts of a payment of which nothing is known yet."""
    return {name: dict(group) for name, group in _NEUTRAL.items()} | {SCORE.name: SCORE.neutral}


_NEUTRAL: Mapping[str, Mapping[str, Any]] = {
    group: {field.name: field.neutral for field in FIELDS if field.group == group} for group in GROUPS
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A payment that is to be judged, as far as whoever asks knows it. `device` is the merchant's word; `ip` is of
    the customer's browser, never of the merchant's server.

    `once` is the same whenever the same attempt is made again, by a client that repeats its request for one: it is
    judged anew then, before anybody knows that it has its answer already, but it must be counted once.
    """

    merchant_id: int
    merchant: str
    livemode: bool
    charge: str
    payment_intent: str
    once: str
    amount_minor: int
    currency: str
    capture: bool
    attempt: int = 1
    card_brand: str = ""
    card_country: str = ""
    card_funding: str = ""
    card_fingerprint: str = ""
    card_bin: str = ""
    card_last4: str = ""
    email: str = ""
    ip: str = ""
    device: str = ""


def known(request: Request, *, hour: int, amount_base: int) -> dict[str, Any]:
    """The facts that need nobody's answer; all others are neutral."""
    facts = neutral()
    email = request.email.strip().lower()
    facts["payment"].update(
        amount=request.amount_minor,
        currency=request.currency,
        amount_base=amount_base,
        capture=request.capture,
        attempt=request.attempt,
        hour=hour,
    )
    facts["merchant"]["id"] = request.merchant
    facts["card"].update(
        brand=request.card_brand,
        country=request.card_country,
        funding=request.card_funding,
        fingerprint=request.card_fingerprint,
        bin=request.card_bin,
        last4=request.card_last4,
    )
    facts["customer"].update(
        email=email,
        email_domain=email.rpartition("@")[2],
        ip=request.ip,
        device=request.device,
    )
    return facts


def value(facts: Mapping[str, Any], path: str) -> Any:
    """What stands at a place such as `card.country`; None where nothing does."""
    found: Any = facts
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found
