"""From phase 1 to the answer: the processor is asked, and where it provably did nothing, the next one."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import dropwhile

from django.conf import settings

from core.db import in_transaction
from core.faults import fault_point
from core.trail import note
from idempotency.keys import Answer
from idempotency.leases import at_work
from idempotency.services import hand_on, is_ours
from ledger.lines import reversed_lines
from payments import bookings
from payments.attempts import Actor, Attempt
from payments.conclusions.drafts import Conclusion, charge_event, pending_answer
from payments.errors import decline_message
from payments.health import allows
from payments.models import Charge
from payments.services.ask import CARD_IS_GONE, ask_processor
from payments.services.finish import book, finish_charge, finish_operation
from payments.services.load import lock_attempt
from payments.services.records import record, timeline
from payments.services.start import SHARED, Errand, hold, open_operation
from processors.protocol import NotSent, Outcome

# What another processor would not change: the card, or our own vault.
OURS = CARD_IS_GONE | {"vault_unavailable", "vault_refused"}
after_phase_1 = fault_point("phase_1.after_commit")
after_processor = fault_point("processor.after_answer")
before_fail_over_commits = fault_point("fail_over.before_commit")
after_fail_over = fault_point("fail_over.after_commit")


def pursue(attempt: Attempt, actor: Actor) -> Answer:
    """Ends a fresh charge that this process has just started, or leaves it to the sweeper while its outcome is
    open. Another processor is asked only where this one provably did nothing."""
    _note(attempt)
    after_phase_1()
    with at_work(attempt.operation.claim_id):
        while True:
            outcome = _ask(attempt)
            if attempt.others and isinstance(outcome, NotSent) and outcome.code not in OURS:
                again = _fail_over(_with_open_doors(attempt), outcome, actor)
                if again is not None:
                    attempt = again
                    after_fail_over()
                    continue
            return finish_charge(attempt, outcome, actor)


def carry_out(attempt: Attempt, actor: Actor) -> Answer:
    """The same for what only the charge's own processor can do."""
    _note(attempt)
    after_phase_1()
    with at_work(attempt.operation.claim_id):
        return finish_operation(attempt.operation.pk, _ask(attempt), actor, as_owner=True)


def _ask(attempt: Attempt) -> Outcome:
    outcome = ask_processor(attempt, timeout_seconds=settings.PROCESSOR_TIMEOUT_SECONDS)
    after_processor()
    note(processor=attempt.operation.processor, outcome=type(outcome).__name__)
    return outcome


def _note(attempt: Attempt) -> None:
    note(
        payment_intent=attempt.intent.public_id,
        charge=attempt.charge.public_id,
        operation=attempt.operation.public_id,
    )


def _with_open_doors(attempt: Attempt) -> Attempt:
    """The attempt with those processors next that are not left alone just now; with the first of them if all are."""
    others = tuple(dropwhile(lambda name: not allows(name), attempt.others)) or attempt.others[:1]
    return replace(attempt, others=others)


@in_transaction
def _fail_over(attempt: Attempt, outcome: NotSent, actor: Actor) -> Attempt | None:
    """Ends the attempt and starts the next one, together; the client's claim now waits for that one. None where
    somebody else has taken the operation over: theirs may have left."""
    first = lock_attempt(attempt.operation.pk)
    if not first.operation.is_open or first.operation.attempts or not is_ours(first.operation.claim_id):
        return None
    processor, *others = attempt.others
    _end(first, outcome, processor, actor)
    charge = Charge(
        **{name: getattr(first.charge, name) for name in SHARED},
        processor=processor,
        state=Charge.State.PROCESSING,
        created_at=datetime.now(UTC),
    )
    charge.payment_intent, charge.decision = first.intent, first.charge.decision
    charge.save(force_insert=True)
    before = first.operation
    errand = Errand(
        Actor(before.actor, before.request_id), key_text=before.idempotency_key, claim_id=before.claim_id
    )
    again = open_operation(before.kind, charge, before.amount_minor, errand, shows=before.shows)
    if before.claim_id is not None:
        hand_on(before.claim_id, operation=again.operation.public_id)
    hold(again, "sale_started", bookings.sale_started(again.money))
    reason = f"{attempt.operation.processor} turned the charge away undone."
    timeline(again, "charge.started", actor, reason=reason)
    before_fail_over_commits()
    return replace(again, routing_reason=reason, others=tuple(others))


def _end(attempt: Attempt, outcome: Outcome, next_processor: str, actor: Actor) -> None:
    operation, charge = attempt.operation, attempt.charge
    assert isinstance(outcome, NotSent)
    operation.abandon()
    operation.next_attempt_at, operation.finished_at = None, datetime.now(UTC)
    operation.save(update_fields=["state", "next_attempt_at", "finished_at"])
    charge.decline()
    charge.failure_code = "processing_error"
    charge.failure_message = decline_message("processing_error")
    charge.save(update_fields=["state", "failure_code", "failure_message"])
    conclusion = Conclusion(
        kind="charge.not_sent",
        reason=f"{outcome.reason} Goes to {next_processor} instead.",
        answer=pending_answer(attempt),
        booking=reversed_lines(bookings.sale_started(attempt.money)),
        booking_kind="sale_reversed",
        reverses_start=True,
        events=[charge_event(attempt, "charge.failed")],
    )
    book(attempt, conclusion)
    timeline(attempt, conclusion.kind, actor, reason=conclusion.reason)
    for draft in conclusion.events:
        record(attempt, draft)
