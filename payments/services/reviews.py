"""Ends reviews: a person approves or rejects what was held for them, or nobody did in time. What follows, a capture
or a void, begins in the same transaction."""

import logging
from collections.abc import Callable

from django.utils import timezone

from core.db import in_transaction, load_statement, release_connection, run_statement
from core.faults import fault_point
from idempotency.errors import KeyInUse, KeyTaken
from idempotency.keys import Answer, Key
from idempotency.services import keep_answer, settle, take
from payments import serializers
from payments.attempts import Actor, Attempt
from payments.conclusions.drafts import as_json
from payments.errors import CallInProgress, ReviewClosed
from payments.models import Charge, Operation
from payments.queries import with_intent
from payments.services.capture import open_capture
from payments.services.pursue import carry_out
from payments.services.records import timeline_of_charge
from payments.services.review_rows import end_review, lock_review
from payments.services.start import Errand
from payments.services.void import start_void
from risk.models import Review, RiskSettings
from webhooks.kick import kick

CLAIM_REVIEWS = load_statement("claim_reviews.sql")
BATCH = 50
LEASE_SECONDS = 120
BEAT = Actor("beat")

log = logging.getLogger("tollgate.payments")
before_commit = fault_point("review.before_commit")
after_commit = fault_point("review.after_commit")
after_claim = fault_point("look_after_reviews.after_claim")


def approve_review(review: Review, *, actor: Actor, key: Key | None = None, note: str = "") -> Answer:
    """The payment is taken to be honest: captured where its merchant asked for the money at once, else theirs to
    capture. Once per key. The answer: the review. ReviewClosed, CallInProgress."""
    return _decide(review, Review.approve, actor, key, note)


def reject_review(review: Review, *, actor: Actor, key: Key | None = None, note: str = "") -> Answer:
    """The payment is taken to be fraud: what the card holds is set free, and nothing was ever taken."""
    return _decide(review, Review.reject, actor, key, note)


def look_after_reviews() -> int:
    """Ends each review whose deadline has come as its merchant declared; how many. Two at once never take the same
    one."""
    due = run_statement(CLAIM_REVIEWS, {"limit": BATCH, "lease_seconds": LEASE_SECONDS})
    for row in due:
        after_claim()
        try:
            _expire(row.public_id)
        except (ReviewClosed, CallInProgress):
            # Somebody was faster, or the charge is busy: then it is due again by its own row.
            continue
        except Exception:
            # One that fails must not hold the others up; it is due again by its own row.
            log.exception("review %s could not be ended", row.public_id)
        finally:
            release_connection()
    return len(due)


def _expire(public_id: str) -> None:
    review = Review.objects.get(public_id=public_id)
    _decide(review, Review.expire, BEAT, None, f"Nobody decided until {review.due_at:%Y-%m-%d %H:%M} UTC.")


def _decide(
    found: Review, move: Callable[[Review], None], actor: Actor, key: Key | None, note: str
) -> Answer:
    @in_transaction
    def start() -> tuple[Attempt | None, Answer]:
        claim_id = take(key) if key else None
        charge, review = _locked(found)
        move(review)
        attempt = _follow(review, charge, actor, note, key.text if key else "")
        answer = Answer(200, as_json(serializers.review(review)), original_request=actor.request_id)
        if claim_id is not None:
            keep_answer(claim_id, answer)
        before_commit()
        return attempt, answer

    try:
        attempt, answer = start()
    except KeyTaken:
        assert key is not None
        settled = settle(key)
        if isinstance(settled, Answer):
            return settled
        raise KeyInUse(key.text) from None
    after_commit()
    kick()
    if attempt is not None:
        # Should this process die now, the sweeper asks.
        carry_out(attempt, actor)
    return answer


def _locked(found: Review) -> tuple[Charge, Review]:
    charge = with_intent(Charge.objects.select_for_update(no_key=True).get(public_id=found.charge))
    assert charge is not None
    review = lock_review(found.public_id)
    if review.state != Review.State.OPEN:
        raise ReviewClosed(review.public_id, review.state)
    if charge.operations.filter(state__in=Operation.OPEN).exists():
        raise CallInProgress(charge.public_id)
    return charge, review


def _follow(review: Review, charge: Charge, actor: Actor, note: str, key_text: str) -> Attempt | None:
    """What the review has just come to, inside the transaction, under both locks."""
    approved = review.state == Review.State.APPROVED or (
        review.state == Review.State.EXPIRED and review.at_deadline == RiskSettings.End.APPROVE
    )
    reason = Review.ClosedReason.APPROVED if approved else _refusal(review)
    end_review(review, charge, actor, reason=reason, note=note, key_text=key_text)
    timeline_of_charge(charge, f"review.{review.state}", actor, reason=note)
    errand = Errand(actor, key_text=key_text)
    if not approved:
        charge.payment_intent.cancellation_reason = _why_canceled(review)
        charge.payment_intent.save(update_fields=["cancellation_reason"])
        return start_void(charge, Operation.Cause.REJECTED, errand, note=note)
    if review.captures and _may_be_captured(charge):
        return open_capture(charge, charge.amount_minor, errand, note=note)
    return None


def _refusal(review: Review) -> str:
    """A person has looked and takes it for fraud; a deadline has not looked."""
    if review.state == Review.State.REJECTED:
        return Review.ClosedReason.REFUNDED_AS_FRAUD
    return Review.ClosedReason.CANCELED


def _why_canceled(review: Review) -> str:
    return "fraudulent" if review.state == Review.State.REJECTED else "automatic"


def _may_be_captured(charge: Charge) -> bool:
    return (
        charge.state == Charge.State.AUTHORIZED
        and charge.capture_before is not None
        and charge.capture_before > timezone.now()
    )
