"""Stripe's test cards and what each of them does at this bank.

Any other number that passes Luhn is approved, but those whose digits nine to twelve are 0002: this bank has no
cardholders to ask.
"""

import datetime
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Card:
    """A card as a caller sent it. Its number and CVC stay out of every repr, log line and database row."""

    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cvc: str | None = field(repr=False)

    @property
    def last4(self) -> str:
        return self.number[-4:]

    def is_expired(self, today: datetime.date) -> bool:
        """A card is good through the last day of its month."""
        return (self.exp_year, self.exp_month) < (today.year, today.month)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    decline_code: str | None = None
    needs_authentication: bool = False
    failed_checks: frozenset[str] = frozenset()
    scenario: str | None = None


def behaviour(card: Card) -> Behaviour:
    return BEHAVIOURS.get(card.number) or (DECLINES if card.number[8:12] == DEAD else APPROVES)


def passes_luhn(number: str) -> bool:
    doubled = [int(digit) * 2 for digit in number[-2::-2]]
    kept = [int(digit) for digit in number[-1::-2]]
    return (sum(kept) + sum(value - 9 if value > 9 else value for value in doubled)) % 10 == 0


DEAD = "0002"
APPROVES = Behaviour()
DECLINES = Behaviour(decline_code="generic_decline")

BEHAVIOURS = {
    "4242424242424242": APPROVES,
    "5555555555554444": APPROVES,
    "378282246310005": APPROVES,
    "6011111111111117": APPROVES,
    "4000056655665556": APPROVES,
    "5200828282828210": APPROVES,
    "4000000000000077": Behaviour(scenario="available_at_once"),
    "4000003720000278": Behaviour(scenario="available_at_once"),
    "4000000000000002": Behaviour(decline_code="generic_decline"),
    "4000000000000341": Behaviour(decline_code="generic_decline"),
    "4000000000009995": Behaviour(decline_code="insufficient_funds"),
    "4000000000009987": Behaviour(decline_code="lost_card"),
    "4000000000009979": Behaviour(decline_code="stolen_card"),
    "4000000000000069": Behaviour(decline_code="expired_card"),
    "4000000000000127": Behaviour(decline_code="incorrect_cvc", failed_checks=frozenset({"cvc"})),
    "4000000000000119": Behaviour(decline_code="processing_error"),
    "4000000000006975": Behaviour(decline_code="card_velocity_exceeded"),
    "4100000000000019": Behaviour(decline_code="fraudulent"),
    "4000000000000101": Behaviour(failed_checks=frozenset({"cvc"})),
    "4000000000000036": Behaviour(failed_checks=frozenset({"address_postal_code"})),
    "4000000000000028": Behaviour(failed_checks=frozenset({"address_line1"})),
    "4000000000000010": Behaviour(failed_checks=frozenset({"address_line1", "address_postal_code"})),
    "4000000000000259": Behaviour(scenario="dispute_fraudulent"),
    "4000000000002685": Behaviour(scenario="dispute_product_not_received"),
    "4000000000001976": Behaviour(scenario="inquiry"),
    "4000000000005126": Behaviour(scenario="refund_fails_later"),
    "4000002500003155": Behaviour(needs_authentication=True),
    "4000002760003184": Behaviour(needs_authentication=True),
}
