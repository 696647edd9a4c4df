"""What may be done to a payment that exists: each deed is chosen by small numbers, against what was seen last."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from payments.attempts import Actor
from payments.models import PaymentIntent
from payments.services.learn import learn
from tests.fuzz.seen import Row, Seen
from tests.fuzz.world import World

Act = Callable[[], object]
CARDS = ("pm_card_visa", "pm_card_mastercard", "tok_visa")
# What is held for review, and what is blocked.
RISKY = ("pm_card_riskLevelElevated", "pm_card_radarBlock")
METHODS = ("automatic", "manual", "automatic_async")


class Deed(StrEnum):
    CONFIRM = "confirm"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    PAY_OUT = "pay out"
    CALL_BACK = "call a payout back"
    AVAILABLE = "make available"
    LOOK_AFTER_PAYOUTS = "look after payouts"
    UPDATE = "update"
    DESCRIBE = "describe"
    COME_BACK = "come back"
    LEARN = "learn"
    REPEAT = "repeat"
    SWEEP = "sweep"
    LOOK_AFTER = "look after"
    NOTIFICATIONS = "apply notifications"
    APPROVE = "approve a review"
    REJECT = "reject a review"
    END_REVIEWS = "end reviews"
    ANSWER = "answer a dispute"
    LOOK_AFTER_DISPUTES = "look after disputes"
    FIND_DISPUTES = "find disputes"


@dataclass(frozen=True)
class Target:
    """An intent, and one of its charges where there is one."""

    intent: Row
    charge: Row | None


def target_of(world: World, deed: Deed, pick: int, *, any_state: bool = False) -> Target:
    """One that the deed suits, if there is one; of all payments otherwise, or where any state will do."""
    seen = world.now
    everything = _targets(seen)
    suitable = [] if any_state else [each for each in everything if _suits(seen, deed, each)]
    among = suitable or everything
    # The newest first: small numbers are what a failing example is reduced to.
    return among[-1 - pick % len(among)]


def _targets(seen: Seen) -> list[Target]:
    found = []
    for intent in seen.intents.values():
        charges: list[Row | None] = list(seen.charges_of(intent))
        found += [Target(intent, charge) for charge in charges or [None]]
    return found


def _suits(seen: Seen, deed: Deed, target: Target) -> bool:
    intent, charge = target.intent, target.charge
    state = charge.state if charge else None
    match deed:
        case Deed.CONFIRM | Deed.UPDATE:
            return intent.state in PaymentIntent.EDITABLE
        case Deed.CAPTURE:
            return state == "authorized"
        case Deed.CANCEL:
            return intent.state not in ("succeeded", "canceled", "processing")
        case Deed.REFUND:
            return state in ("captured", "authorized")
        case Deed.ANSWER:
            return charge is not None and bool(seen.disputes_of(charge))
        case Deed.PAY_OUT | Deed.CALL_BACK | Deed.AVAILABLE | Deed.LOOK_AFTER_PAYOUTS:
            # They are about what the merchant has, not about one payment.
            return True
        case Deed.APPROVE | Deed.REJECT | Deed.END_REVIEWS:
            review = seen.review_of(charge) if charge else None
            return review is not None and bool(review.state == "open")
        case Deed.COME_BACK:
            return bool(state == "requires_action")
        case _:
            return charge is not None


def prepare(world: World, deed: Deed, target: Target, part: int) -> Act:
    """Ready to be done, here or in a thread. `part` says how much, with which card, to which end."""
    intent, charge = target.intent, target.charge
    here = f"/v1/payment_intents/{intent.public_id}"
    match deed:
        case Deed.CONFIRM if part > len(CARDS):
            asked = {"client_secret": intent.client_secret, "payment_method": CARDS[0]}
            return lambda: world.browse(f"{here}/confirm", asked)
        case Deed.CONFIRM:
            method = METHODS[part] if part in (1, 2) else None
            asked = {"payment_method": CARDS[part % 3], "capture_method": method}
            return _posting(world, f"{here}/confirm", asked)
        case Deed.CAPTURE if charge is not None and (intent.implicit or part % 2):
            path = f"/v1/charges/{charge.public_id}/capture"
            return _posting(world, path, {"amount": some_of(charge.amount_minor, part)})
        case Deed.CAPTURE:
            return _posting(
                world, f"{here}/capture", {"amount_to_capture": some_of(intent.amount_minor, part)}
            )
        case Deed.CANCEL:
            return _posting(world, f"{here}/cancel", {})
        case Deed.REFUND:
            named = (
                {"charge": charge.public_id} if charge and part % 2 else {"payment_intent": intent.public_id}
            )
            return _posting(world, "/v1/refunds", named | {"amount": some_of(intent.amount_minor, part)})
        case Deed.PAY_OUT:
            # Nothing is refused with a good message too.
            available = max(world.now.available("usd"), 1)
            asked = {"amount": some_of(available, part) or available, "currency": "usd"}
            return _posting(world, "/v1/payouts", asked)
        case Deed.CALL_BACK if world.now.payouts:
            payouts = list(world.now.payouts.values())
            waiting = [payout for payout in payouts if payout.state == "pending"] or payouts
            return _posting(world, f"/v1/payouts/{waiting[-1 - part % len(waiting)].public_id}/cancel", {})
        case Deed.AVAILABLE:
            return world.make_available
        case Deed.LOOK_AFTER_PAYOUTS:
            return world.look_after_payouts
        case Deed.APPROVE if charge is not None and charge.review:
            return _posting(world, f"/v1/reviews/{charge.review}/approve", {})
        case Deed.REJECT if charge is not None and charge.review:
            return lambda: world.reject(charge.review)
        case Deed.END_REVIEWS:
            return world.end_reviews
        case Deed.UPDATE:
            return _posting(world, here, _changes(intent, part))
        case Deed.DESCRIBE if charge is not None:
            objects = [f"charges/{charge.public_id}"]
            objects += [f"refunds/{refund.public_id}" for refund in world.now.refunds_of(charge)]
            return _posting(world, f"/v1/{objects[part % len(objects)]}", {"metadata[changed]": part})
        case Deed.COME_BACK:
            return lambda: world.come_back(intent.public_id)
        case Deed.LEARN if charge is not None:
            own = world.now.operations_of(charge)
            reference = own[part % len(own)].public_id
            return lambda: world.run(lambda: learn(reference, Actor("fuzz")), f"learn of {reference}")
        case Deed.REPEAT:
            sent = world.sent[-1 - part % len(world.sent)]
            return lambda: world.send(sent)
        case Deed.LOOK_AFTER:
            return world.look_after
        case Deed.ANSWER if charge is not None and (own := world.now.disputes_of(charge)):
            here = f"/v1/disputes/{own[-1].public_id}"
            if part % 3 == 0:
                return _posting(world, f"{here}/close", {})
            said = {"evidence[customer_name]": f"Ada {part}", "submit": "true" if part % 3 == 1 else None}
            return _posting(world, here, said)
        case Deed.LOOK_AFTER_DISPUTES:
            return world.look_after_disputes
        case Deed.FIND_DISPUTES:
            return world.find_disputes
        case Deed.NOTIFICATIONS:
            return world.apply_notifications
        case _:
            return world.sweep


def some_of(amount_minor: int, part: int) -> int | None:
    """All without saying so, 60 %, half, the smallest unit, all, or more than there is."""
    shares = (None, amount_minor * 6 // 10, amount_minor // 2, 1, amount_minor, amount_minor + 1)
    return shares[part % len(shares)]


def _posting(world: World, path: str, params: dict[str, Any]) -> Act:
    sent = world.write(path, params)
    return lambda: world.send(sent)


def _changes(intent: Row, part: int) -> dict[str, Any]:
    changes: tuple[dict[str, Any], ...] = (
        {"amount": intent.amount_minor + 100},
        {"capture_method": "manual"},
        {"capture_method": "automatic"},
        {"payment_method": CARDS[0]},
        {"payment_method": ""},
        {"description": "changed"},
        {"order_reference": "1"},
    )
    return changes[part % len(changes)]
