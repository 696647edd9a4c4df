"""What a processor says of our references later on: a challenge that was answered, a refund that came back,
money that was taken after an attempt had ended as failed. A notification is a hint only; the lookup is the word."""

from core.db import in_transaction, release_connection
from core.faults import fault_point
from core.trail import note
from payments import bookings, routing, serializers
from payments.attempts import Actor, Attempt, PayoutAttempt
from payments.conclusions import is_final
from payments.conclusions.drafts import EventDraft
from payments.conclusions.refunding import came_back
from payments.models import Charge, Operation, Refund
from payments.outcomes import cleaned
from payments.queries import available_on, is_available, refunded_minor
from payments.services.challenge import open_completion
from payments.services.finish import book, end_operation, finish_operation
from payments.services.load import lock_undertaking, undertaking_of
from payments.services.payout_news import follow_payout
from payments.services.records import record, record_of, timeline
from payments.services.refund import open_refund
from payments.services.start import SHARED, Errand, hold, open_operation
from payments.services.timing import LOOK_TIMEOUT_SECONDS
from payments.services.void import start_void
from processors.protocol import Approved, Declined, Failed, NotFound, Outcome, Tombstoned, Unknown
from webhooks.kick import kick

TAKES_MONEY = (Operation.Kind.SALE, Operation.Kind.AUTHORIZE)

after_lookup = fault_point("learn.after_lookup")
before_commit = fault_point("learn.before_commit")
after_commit = fault_point("learn.after_commit")


def learn(reference: str, actor: Actor) -> bool:
    """Looks our reference up at its processor and applies the answer; whether there was one. Once, however often
    and in whatever order it is called. Operation.DoesNotExist for a reference that is not ours."""
    attempt = undertaking_of(reference)
    note(operation=reference, begun_by=attempt.operation.request_id)
    processor = routing.processor(attempt.operation.processor)
    release_connection()
    said = cleaned(processor.look_up(reference, timeout_seconds=LOOK_TIMEOUT_SECONDS))
    after_lookup()
    if isinstance(said, NotFound | Unknown):
        return False
    if attempt.operation.is_open:
        if is_final(attempt, said):
            finish_operation(attempt.operation.pk, said, actor)
        return True
    _apply(attempt.operation.pk, said, actor)
    after_commit()
    kick()
    return True


def learn_of_charge(charge_id: int, actor: Actor) -> None:
    """The same for a charge that awaits its cardholder."""
    waiting = Operation.objects.filter(
        charge_id=charge_id,
        charge__state=Charge.State.REQUIRES_ACTION,
        kind__in=TAKES_MONEY,
        state=Operation.State.ACTION_REQUIRED,
    )
    reference = waiting.values_list("public_id", flat=True).first()
    if reference is not None:
        learn(reference, actor)


@in_transaction
def _apply(operation_id: int, said: Outcome, actor: Actor) -> None:
    attempt = lock_undertaking(operation_id)
    match attempt:
        case PayoutAttempt():
            follow_payout(attempt, said, actor)
        case Attempt():
            _apply_to_payment(attempt, said, actor)
    before_commit()


def _apply_to_payment(attempt: Attempt, said: Outcome, actor: Actor) -> None:
    operation, charge, refund = attempt.operation, attempt.charge, attempt.refund
    match said:
        case Approved() | Declined() | Tombstoned() if _awaits_cardholder(attempt):
            end_operation(open_completion(charge, actor).operation.pk, said, actor)
        case Approved() if operation.kind in TAKES_MONEY and _ended_without_money(attempt):
            _book_late(attempt, said, actor)
        case Failed() if refund is not None and refund.state == Refund.State.SUCCEEDED:
            _take_back(attempt, said, actor)
        case _:
            return


def _awaits_cardholder(attempt: Attempt) -> bool:
    waits = attempt.charge.state == Charge.State.REQUIRES_ACTION
    busy = attempt.charge.operations.filter(state__in=Operation.OPEN).exists()
    return waits and not busy and attempt.operation.state == Operation.State.ACTION_REQUIRED


def _ended_without_money(attempt: Attempt) -> bool:
    """Failed, and not because the processor itself confirmed that it lets go; and not booked as late before."""
    charge = attempt.charge
    if charge.state != Charge.State.FAILED or charge.late_successes.exists():
        return False
    let_go = charge.operations.filter(kind=Operation.Kind.VOID, state=Operation.State.SUCCEEDED)
    return not let_go.exists()


def _book_late(attempt: Attempt, said: Approved, actor: Actor) -> None:
    """New money: a charge of its own, given back at once. The intent and its attempts stay as they ended."""
    failed, intent = attempt.charge, attempt.intent
    charge = Charge(
        **{name: getattr(failed, name) for name in SHARED} | {"amount_minor": said.amount_minor},
        processor=failed.processor,
        state=Charge.State.PROCESSING,
        late_of=failed,
    )
    charge.payment_intent = intent
    charge.save(force_insert=True)
    charge.refresh_from_db(fields=["created_at"])
    asked = failed.operations.filter(kind__in=TAKES_MONEY).earliest("pk")
    found = open_operation(asked.kind, charge, said.amount_minor, Errand(actor))
    hold(found, "sale_started", bookings.sale_started(found.money))
    reason = f"{failed.processor} took money for {failed.public_id}, which had ended as failed."
    timeline(found, "charge.late_success", actor, reason=reason)
    end_operation(found.operation.pk, said, actor)
    booked = Charge.objects.select_for_update(no_key=True).get(pk=charge.pk)
    booked.payment_intent = intent
    if booked.state == Charge.State.CAPTURED:
        back = open_refund(booked, said.amount_minor, Errand(actor), at_once=True)
        timeline(back, "refund.started", actor, reason="Money that came late goes back.")
        assert back.refund is not None
        shown = serializers.refund(back.refund)
        record(back, EventDraft("refund.created", back.refund.public_id, shown))
    elif booked.state == Charge.State.AUTHORIZED:
        start_void(booked, Operation.Cause.LATE, Errand(actor), at_once=True)


def _take_back(attempt: Attempt, said: Failed, actor: Actor) -> None:
    refund = attempt.refund
    assert refund is not None
    on = available_on(attempt.charge)
    assert on is not None
    conclusion = came_back(
        attempt,
        said,
        refunded_minor(attempt.charge),
        max(on, refund.created_at),
        to_available=is_available(attempt.charge),
    )
    refund.save()
    book(attempt, conclusion, reference=f"{attempt.operation.public_id}:returned")
    timeline(attempt, conclusion.kind, actor, reason=conclusion.reason)
    for draft in conclusion.events:
        record_of(attempt.operation, draft, actor)
