"""Opens a review with the authorization that it holds, and closes it where there is nothing left to decide on."""

from datetime import timedelta

from django.utils import timezone

from payments import serializers
from payments.attempts import Actor, Attempt
from payments.conclusions.drafts import EventDraft
from payments.models import Charge, Operation
from payments.services.records import record, record_of
from risk.declared import settings_now
from risk.models import Review, RiskSettings

# What is left of an authorization's time once nobody has decided: enough to capture or to void it after all.
SHARE_LEFT = 0.1
CLOSED_BY_VOID = {
    Operation.Cause.REFUNDED: Review.ClosedReason.REFUNDED,
}


def open_review(attempt: Attempt) -> None:
    """Inside the transaction that books the authorization. Its id is the charge's already."""
    charge, decision = attempt.charge, attempt.charge.decision
    assert decision is not None and charge.capture_before is not None
    terms, now = settings_now(charge.merchant_id, charge.livemode), timezone.now()
    latest = charge.capture_before - (charge.capture_before - now) * SHARE_LEFT
    due = min(now + timedelta(hours=terms.review_hours), latest)
    review = Review.objects.create(
        public_id=charge.review,
        merchant_id=charge.merchant_id,
        livemode=charge.livemode,
        decision=decision,
        charge=charge.public_id,
        payment_intent=attempt.intent.public_id,
        captures=attempt.intent.takes_at_once,
        due_at=due,
        next_look_at=due,
        at_deadline=RiskSettings.End(terms.review_end),
    )
    record(attempt, EventDraft("review.opened", review.public_id, serializers.review(review)))


def close_review(charge: Charge, cause: str, actor: Actor, *, key_text: str = "") -> None:
    """What the charge holds is given up, inside the transaction that begins with it, under the charge's lock. Nothing
    where no review is open."""
    if not charge.review:
        return
    review = lock_review(charge.review)
    if review.state != Review.State.OPEN:
        return
    review.close()
    reason = CLOSED_BY_VOID.get(Operation.Cause(cause), Review.ClosedReason.CANCELED)
    end_review(review, charge, actor, reason=reason, key_text=key_text)


def lock_review(public_id: str) -> Review:
    """Under the charge's lock, which comes first."""
    locked = Review.objects.select_for_update(no_key=True, of=("self",))
    return locked.select_related("decision").get(public_id=public_id)


def end_review(
    review: Review, charge: Charge, actor: Actor, *, reason: str, note: str = "", key_text: str = ""
) -> None:
    """Writes the end that the review has just come to, and tells of it."""
    review.next_look_at, review.closed_at = None, timezone.now()
    review.closed_reason, review.closed_by, review.note = reason, actor.name[:100], note[:500]
    review.save()
    shown = serializers.review(review)
    record_of(charge, EventDraft("review.closed", review.public_id, shown), actor, idempotency_key=key_text)
