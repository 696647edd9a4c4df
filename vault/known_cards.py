"""The test cards and the static tokens that stand for them. They work in test mode only, as often as you
like; what a processor does with each number is the sandbox bank's business."""

from dataclasses import dataclass

from vault.card import PlainCard, brand_of

# Fixed, not "next year": a processor that gets the same reference again must get the same card with it.
STATIC_EXPIRY = (12, 2034)


@dataclass(frozen=True)
class KnownCard:
    """A number that moves no money anywhere."""

    number: str
    funding: str = "credit"
    country: str = "US"


_CARDS = (
    KnownCard("4242424242424242"),
    KnownCard("5555555555554444"),
    KnownCard("378282246310005"),
    KnownCard("6011111111111117"),
    KnownCard("4000056655665556", funding="debit"),
    KnownCard("5200828282828210", funding="debit"),
    # Straight to available; the second is an Irish card (its digits 7 to 9 are the country's ISO 3166 number,
    # as in the French and the German card below).
    KnownCard("4000000000000077"),
    KnownCard("4000003720000278", country="IE"),
    # Declined.
    KnownCard("4000000000000002"),
    KnownCard("4000000000009995"),
    KnownCard("4000000000009987"),
    KnownCard("4000000000009979"),
    KnownCard("4000000000000069"),
    KnownCard("4000000000000127"),
    KnownCard("4000000000000119"),
    KnownCard("4000000000006975"),
    KnownCard("4000000000000341"),
    KnownCard("4100000000000019"),
    # Held until somebody has looked at it.
    KnownCard("4000000000009235"),
    # A check fails: security code, postal code, street, both.
    KnownCard("4000000000000101"),
    KnownCard("4000000000000036"),
    KnownCard("4000000000000028"),
    KnownCard("4000000000000010"),
    # Disputed, or refunded in vain.
    KnownCard("4000000000000259"),
    KnownCard("4000000000002685"),
    KnownCard("4000000000001976"),
    KnownCard("4000000000005126"),
    # The bank asks for authentication.
    KnownCard("4000002500003155", country="FR"),
    KnownCard("4000002760003184", country="DE"),
)
CARDS = {card.number: card for card in _CARDS}

# `tok_<name>` and `pm_card_<name>`.
STATIC_NAMES = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "mastercard": "5555555555554444",
    "mastercard_debit": "5200828282828210",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "bypassPending": "4000000000000077",
    "bypassPendingInternational": "4000003720000278",
    "chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedLostCard": "4000000000009987",
    "chargeDeclinedStolenCard": "4000000000009979",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "chargeDeclinedFraudulent": "4100000000000019",
    "radarBlock": "4100000000000019",
    "riskLevelElevated": "4000000000009235",
    "visa_chargeDeclined": "4000000000000002",
    "visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedLostCard": "4000000000009987",
    "visa_chargeDeclinedStolenCard": "4000000000009979",
    "visa_chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "chargeCustomerFail": "4000000000000341",
    "cvcCheckFail": "4000000000000101",
    "avsZipFail": "4000000000000036",
    "avsLine1Fail": "4000000000000028",
    "avsFail": "4000000000000010",
    "createDispute": "4000000000000259",
    "createDisputeProductNotReceived": "4000000000002685",
    "createDisputeInquiry": "4000000000001976",
    "refundFail": "4000000000005126",
    "threeDSecure2Required": "4000002760003184",
    "authenticationRequired": "4000002760003184",
    "authenticationRequiredOnSetup": "4000002500003155",
}


def static_card(token: str, *, livemode: bool) -> PlainCard | None:
    """The card behind a static token such as `tok_visa`; None for any other id, and always in live mode."""
    if livemode:
        return None
    prefix = "pm_card_" if token.startswith("pm_card_") else "tok_"
    number = STATIC_NAMES.get(token.removeprefix(prefix)) if token.startswith(prefix) else None
    if number is None:
        return None
    month, year = STATIC_EXPIRY
    return PlainCard(number, month, year, "1234" if 4 in brand_of(number).cvc_lengths else "123")
