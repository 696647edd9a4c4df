"""Phase 2: the one place where an operation ends, whoever learned of its outcome: the request itself, a retry,
the sweeper, a notification. Ends each operation once; whoever comes later changes nothing and gets the same
answer."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from django.db.transaction import on_commit

from core.db import in_transaction, load_statement, run_statement
from core.faults import fault_point
from core.ids import new_id
from core.processes import me
from idempotency.keys import Answer
from idempotency.services import is_ours, keep_answer, kept_under, let_go
from ledger.lines import reversed_lines
from ledger.models import LedgerTransaction
from ledger.queries import lines_of
from ledger.services import post, reverse
from payments.attempts import Actor, Attempt, PayoutAttempt, Undertaking
from payments.conclusions import conclude, is_final
from payments.conclusions.drafts import Conclusion, intent_events, pending_answer
from payments.models import Operation
from payments.outcomes import cleaned
from payments.queries import available_on, refunded_minor
from payments.services.end_checkout import complete_checkout
from payments.services.load import lock_undertaking, undertaking_of
from payments.services.payout_alerts import now_known, tell_of_other_amount, tell_of_unknown
from payments.services.records import record, record_of, timeline
from payments.services.review_rows import open_review
from payments.services.start import jsonb, ledger_columns
from payments.services.tell_risk import tell_of_decline
from payments.services.timing import LOOKS_BEFORE_A_PERSON
from processors.protocol import Arrived, Outcome
from risk.models import Verdict
from webhooks.kick import kick

CHARGE_FINISH = load_statement("charge_finish.sql")

before_phase_2_commits = fault_point("phase_2.before_commit")
after_phase_2 = fault_point("phase_2.after_commit")


def finish_charge(attempt: Attempt, outcome: Outcome, actor: Actor) -> Answer:
    """Ends a charge that this process has just started, in one round trip. Where somebody else ended it first,
    their answer is the answer. The same rows as `finish_operation` writes, which a test holds it to; what has more
    to tell, an intent with events of its own or a review, takes that way."""
    outcome = cleaned(outcome)
    alone = attempt.intent.implicit and attempt.charge.effective != Verdict.REVIEW
    if not alone or not is_final(attempt, outcome):
        return finish_operation(attempt.operation.pk, outcome, actor, as_owner=True)
    conclusion = conclude(attempt, outcome, now=datetime.now(UTC))
    operation_id = attempt.operation.pk
    before_phase_2_commits()
    if not run_statement(CHARGE_FINISH, finish_columns(attempt, conclusion, actor)):
        return finish_operation(operation_id, outcome, actor, as_owner=True)
    after_phase_2()
    tell_of_decline(attempt, outcome)
    kick()
    return replace(conclusion.answer, original_request=attempt.operation.request_id)


def finish_operation(operation_id: int, outcome: Outcome, actor: Actor, *, as_owner: bool = False) -> Answer:
    """Ends the operation if it is open and the outcome is final; notes an unknown outcome; in any case says what
    the client is to be told. Once, however often and by however many it is called.

    `as_owner`: by right of the claim, as the request at work or who took it over. Where somebody else has taken it
    meanwhile, nothing is changed.
    """
    answer = end_operation(operation_id, outcome, actor, as_owner=as_owner)
    after_phase_2()
    kick()
    return answer


@in_transaction
def end_operation(operation_id: int, outcome: Outcome, actor: Actor, *, as_owner: bool = False) -> Answer:
    """The same, inside the caller's transaction if there is one."""
    outcome = cleaned(outcome)
    attempt = lock_undertaking(operation_id)
    operation = attempt.operation
    if not operation.is_open:
        return kept_answer(operation)
    if as_owner and not is_ours(operation.claim_id):
        return pending_answer(attempt)
    if not is_final(attempt, outcome):
        return _doubt(attempt, outcome, actor)
    conclusion = _conclude(attempt, outcome)
    write(attempt, conclusion, actor)
    on_commit(lambda: tell_of_decline(attempt, outcome))
    before_phase_2_commits()
    return replace(conclusion.answer, original_request=operation.request_id)


def _conclude(attempt: Undertaking, outcome: Outcome) -> Conclusion:
    now = datetime.now(UTC)
    if not isinstance(attempt, Attempt):
        return conclude(attempt, outcome, now=now)
    return conclude(
        attempt,
        outcome,
        now=now,
        refunded_minor=refunded_minor(attempt.charge),
        sale_available_on=available_on(attempt.charge),
    )


def _doubt(attempt: Undertaking, outcome: Outcome, actor: Actor) -> Answer:
    """The outcome stays open: the sweeper owns it from here, and a retry of the client may ask at once. After a
    day of that a person is asked for; the sweeper goes on all the same."""
    operation = attempt.operation
    if operation.state == Operation.State.PROCESSING:
        operation.doubt()
        operation.save(update_fields=["state"])
        asks_card = operation.takes_money_of_card or operation.kind == Operation.Kind.COMPLETE
        if asks_card and isinstance(attempt, Attempt):
            for draft in intent_events(attempt, "processing"):
                record(attempt, draft)
    reason = getattr(outcome, "reason", f"not what we asked for: {outcome}")
    timeline(attempt, "outcome.unknown", actor, reason=reason)
    if operation.attempts >= LOOKS_BEFORE_A_PERSON and operation.escalated_at is None:
        operation.escalated_at = datetime.now(UTC)
        operation.save(update_fields=["escalated_at"])
        timeline(
            attempt, "outcome.escalated", actor, reason="The processor does not tell: a person must ask it."
        )
        if isinstance(attempt, PayoutAttempt):
            tell_of_unknown(attempt, reason)
    if isinstance(attempt, PayoutAttempt) and isinstance(outcome, Arrived):
        tell_of_other_amount(attempt, outcome.amount_minor)
    if operation.claim_id is not None:
        let_go(operation.claim_id)
    return pending_answer(attempt)


def write(
    attempt: Undertaking, conclusion: Conclusion, actor: Actor, *, called_back_under: str | None = None
) -> None:
    """Ends the operation as concluded, inside the transaction that has locked it. The events are of the call that
    began it, or of the one that calls it back, with its key."""
    operation = attempt.operation
    operation.save(update_fields=["state", "next_attempt_at", "finished_at", "answer"])
    match attempt:
        case PayoutAttempt(payout=payout):
            payout.save()
            if operation.escalated_at is not None:
                now_known(attempt)
        case Attempt(charge=charge, intent=intent, refund=refund):
            if operation.kind != Operation.Kind.REFUND:
                charge.save()
                intent.save()
            if refund is not None:
                refund.save()
    book(attempt, conclusion)
    timeline(attempt, conclusion.kind, actor, reason=conclusion.reason)
    if conclusion.opens_review and isinstance(attempt, Attempt):
        open_review(attempt)
    for draft in [*conclusion.events, *complete_checkout(attempt)]:
        if called_back_under is None:
            record(attempt, draft)
        else:
            record_of(operation, draft, actor, idempotency_key=called_back_under)
    if operation.claim_id is not None:
        keep_answer(operation.claim_id, conclusion.answer)


def book(attempt: Undertaking, conclusion: Conclusion, *, reference: str = "") -> None:
    """The conclusion's booking and the merchant's view of it; nothing where no money was in doubt."""
    reference = reference or attempt.finish_reference
    if conclusion.reverses_start:
        started = LedgerTransaction.objects.get(reference=attempt.start_reference)
        _give_back(started, conclusion, reference)
    elif conclusion.booking:
        post(
            reference=reference,
            kind=conclusion.booking_kind,
            lines=conclusion.booking,
            livemode=attempt.operation.livemode,
            merchant_id=attempt.operation.merchant_id,
        )
    if conclusion.balance is not None:
        conclusion.balance.save(force_insert=True)


def _give_back(started: LedgerTransaction, conclusion: Conclusion, reference: str) -> None:
    """The exact opposite of what phase 1 booked; where that has become available meanwhile, to where it stands."""
    if Counter(reversed_lines(lines_of(started))) == Counter(conclusion.booking):
        reverse(started, reference=reference, kind=conclusion.booking_kind)
        return
    post(
        reference=reference,
        kind=conclusion.booking_kind,
        lines=conclusion.booking,
        livemode=started.livemode,
        merchant_id=started.merchant_id,
    )


def kept_answer(operation: Operation) -> Answer:
    """What the client of an ended operation is told, whoever ended it. Where its claim is forgotten by now, the
    payment itself tells, as it stands."""
    if operation.claim_id and (kept := kept_under(operation.claim_id)):
        return kept
    shown = pending_answer(undertaking_of(operation.public_id))
    return replace(shown, final=True, original_request=operation.request_id)


def finish_columns(attempt: Attempt, conclusion: Conclusion, actor: Actor) -> dict[str, object]:
    """What the statement of phase 2 is run with."""
    operation, charge, intent = attempt.operation, attempt.charge, attempt.intent
    accounts, amounts = ledger_columns(conclusion.booking, attempt)
    (event,) = conclusion.events
    return {
        "operation_id": operation.pk,
        "operation_state": operation.state,
        # "Never left us" ends an operation only where nobody else may have sent it meanwhile.
        "only_if_first": operation.state == Operation.State.NOT_DONE,
        "raw": jsonb(operation.answer) if operation.answer else None,
        "charge_id": charge.pk,
        "charge": charge.public_id,
        "charge_state": charge.state,
        "captured_minor": charge.captured_minor,
        "fee_minor": charge.fee_minor,
        "balance_transaction": charge.balance_transaction,
        "available_on": conclusion.balance.available_on if conclusion.balance else None,
        "balance_state": conclusion.balance.state if conclusion.balance else None,
        "processor_id": charge.processor_id,
        "authorization_code": charge.authorization_code,
        "network_transaction_id": charge.network_transaction_id,
        "card_checks": jsonb(charge.card_checks),
        "capture_before": charge.capture_before,
        "next_look_at": charge.next_look_at,
        "failure_code": charge.failure_code,
        "decline_code": charge.decline_code,
        "failure_message": charge.failure_message,
        "intent_id": intent.pk,
        "intent_state": intent.state,
        "order_held": intent.order_held,
        "start_reference": attempt.start_reference,
        "finish_reference": attempt.finish_reference,
        "booking_kind": conclusion.booking_kind,
        "reverses_start": conclusion.reverses_start,
        "merchant_id": charge.merchant_id,
        "livemode": charge.livemode,
        "currency": charge.currency,
        "line_accounts": accounts,
        "line_amounts": amounts,
        "timeline_kind": conclusion.kind,
        "reason": conclusion.reason,
        "actor": actor.name,
        "request_id": operation.request_id,
        "key": operation.idempotency_key,
        "event": new_id("evt"),
        "event_type": event.type,
        "event_data": jsonb(event.data),
        "claim_id": operation.claim_id,
        "owner": me(),
        "status": conclusion.answer.status,
        "body": conclusion.answer.body,
    }
