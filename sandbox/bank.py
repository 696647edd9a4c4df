"""The bank's rules as pure functions: what an order does to an authorization, and what the bank then says.

No clock, no randomness, no I/O: whoever calls brings those.
"""

import datetime
from dataclasses import dataclass, replace

from sandbox.cards import Card, behaviour
from sandbox.orders import Authorize

NOT_ALLOWED = "not_allowed"
TOMBSTONED = "tombstoned"
AUTHENTICATION_FAILED = "authentication_failed"
VOIDED = "voided"
# A refund of the card that is made for it comes back with this, in Stripe's words.
REFUND_CAME_BACK = "expired_or_canceled_card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """One authorization as it stands now. Its own answer is kept elsewhere, and stays as it was given but for a
    challenge that ends, and a tombstone."""

    id: str
    reference: str
    state: str  # approved | declined | action_required | voided
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    currency: str
    last4: str
    scenario: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the bank decided, and the authorization afterwards (None: as before)."""

    decline_code: str | None
    after: Authorization | None


def authorize(
    order: Authorize, authorization_id: str, today: datetime.date
) -> tuple[str | None, Authorization]:
    """The decline code, if any, and the new authorization, which is kept even when declined."""
    known = behaviour(order.card)
    decline_code = known.decline_code or ("expired_card" if order.card.is_expired(today) else None)
    if decline_code:
        state = "declined"
    elif known.needs_authentication or order.three_d_secure:
        state = "action_required"
    else:
        state = "approved"
    return decline_code, Authorization(
        id=authorization_id,
        reference=order.reference,
        state=state,
        amount_minor=order.amount_minor,
        captured_minor=order.amount_minor if order.capture and state == "approved" else 0,
        refunded_minor=0,
        currency=order.currency,
        last4=order.card.last4,
        scenario=known.scenario,
    )


def authenticate(authorization: Authorization, *, succeeded: bool, capture: bool) -> Authorization | None:
    """What the cardholder's answer makes of it, at once; None when no challenge is open."""
    if authorization.state != "action_required":
        return None
    if not succeeded:
        return replace(authorization, state="declined")
    return replace(
        authorization, state="approved", captured_minor=authorization.amount_minor if capture else 0
    )


def capture(authorization: Authorization | None, amount_minor: int) -> Verdict:
    """Several captures may follow one authorization, up to its amount."""
    if authorization is None or authorization.state != "approved":
        return Verdict(NOT_ALLOWED, None)
    captured_minor = authorization.captured_minor + amount_minor
    if captured_minor > authorization.amount_minor:
        return Verdict(NOT_ALLOWED, None)
    return Verdict(None, replace(authorization, captured_minor=captured_minor))


def void(authorization: Authorization | None) -> Verdict:
    """Only what is still open and not captured can be voided; captured money goes back by refund."""
    if authorization is None or authorization.state not in ("approved", "action_required"):
        return Verdict(NOT_ALLOWED, None)
    if authorization.captured_minor:
        return Verdict(NOT_ALLOWED, None)
    return Verdict(None, replace(authorization, state="voided"))


def refund(authorization: Authorization | None, amount_minor: int) -> Verdict:
    if authorization is None or authorization.state != "approved":
        return Verdict(NOT_ALLOWED, None)
    refunded_minor = authorization.refunded_minor + amount_minor
    if refunded_minor > authorization.captured_minor:
        return Verdict(NOT_ALLOWED, None)
    return Verdict(None, replace(authorization, refunded_minor=refunded_minor))


def refund_came_back(authorization: Authorization, amount_minor: int) -> Authorization:
    """The merchant's money again, so that it can be refunded another time."""
    return replace(authorization, refunded_minor=authorization.refunded_minor - amount_minor)


def reverse(authorization: Authorization, *, captured_at_once: bool) -> Authorization | None:
    """The authorization undone, as a tombstone asks; None when something was built on it and it must stay."""
    own_capture_minor = authorization.amount_minor if captured_at_once else 0
    if authorization.refunded_minor or authorization.captured_minor != own_capture_minor:
        return None
    return replace(authorization, state="voided", captured_minor=0)


def checks(card: Card) -> dict[str, str]:
    """The network's checks. No address comes with a card here, so only the cards made to fail say more."""
    failed = behaviour(card).failed_checks
    result = {
        "cvc": "pass" if card.cvc else "unchecked",
        "address_line1": "unchecked",
        "address_postal_code": "unchecked",
    }
    return result | dict.fromkeys(failed, "fail")


# What a dispute costs the bank's customer, won or lost, in the smallest unit.
DISPUTE_FEE_MINOR = 500


def fee_minor(amount_minor: int) -> int:
    """1.5 %, rounded half up."""
    return (amount_minor * 15 + 500) // 1000
