"""What processors say of disputes, booked whatever it is: states forward only, the money with them, told to the
merchant. A notification is a hint only; the list of the charge's disputes is the word."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from controls.services import raise_alert, resolve_alert
from core.db import in_transaction, release_connection
from core.faults import fault_point
from core.ids import new_id
from core.money import display
from idempotency.keys import Answer
from idempotency.services import keep_answer
from ledger.services import post
from payments import bookings, queries, routing, serializers
from payments.attempts import Actor
from payments.bookings import Money
from payments.conclusions.drafts import EventDraft, as_json, changed
from payments.fees import dispute_fee
from payments.models import BalanceTransaction, Charge, Dispute, Terms
from payments.services.records import record_of, timeline_of_dispute
from payments.services.tell_risk import tell_of_dispute
from payments.services.timing import LOOK_TIMEOUT_SECONDS
from processors.protocol import DisputeDesk, DisputeReport, Unknown
from webhooks.kick import kick

# What is open is looked at once an hour, in case a notification never comes.
LOOK_SECONDS = 3600
DEADLINE_ALERT = "dispute_deadline"

State = Dispute.State
# The way to each state that a processor may report, by where the dispute stands: news may have been missed between.
# Where there is no way, what is reported is older than what we know.
WAYS: dict[str, dict[str, tuple[str, ...]]] = {
    State.WARNING_NEEDS_RESPONSE: {
        State.WARNING_UNDER_REVIEW: ("review_inquiry",),
        State.WARNING_CLOSED: ("close_inquiry",),
        State.NEEDS_RESPONSE: ("escalate",),
        State.UNDER_REVIEW: ("escalate", "review"),
        State.WON: ("escalate", "review", "win"),
        State.LOST: ("escalate", "lose"),
    },
    State.NEEDS_RESPONSE: {
        State.UNDER_REVIEW: ("review",),
        State.WON: ("review", "win"),
        State.LOST: ("lose",),
    },
    State.UNDER_REVIEW: {State.WON: ("win",), State.LOST: ("lose",)},
}
WAYS[State.WARNING_UNDER_REVIEW] = {
    state: way
    for state, way in WAYS[State.WARNING_NEEDS_RESPONSE].items()
    if state != State.WARNING_UNDER_REVIEW
}

log = logging.getLogger("tollgate.payments")
after_lookup = fault_point("learn.after_lookup")
before_commit = fault_point("dispute.before_commit")


def learn_disputes(charge: Charge, actor: Actor) -> bool:
    """Asks the charge's processor for its disputes and books what it says; whether it said anything. Once, however
    often and in whatever order it is called."""
    desk = routing.processor(charge.processor)
    if not isinstance(desk, DisputeDesk) or not charge.processor_id:
        return False
    release_connection()
    reports = desk.disputes(charge.processor_id, timeout_seconds=LOOK_TIMEOUT_SECONDS)
    after_lookup()
    if isinstance(reports, Unknown):
        return False
    for report in reports:
        book_report(charge.pk, report, actor)
    kick()
    return bool(reports)


@in_transaction
def book_report(charge_id: int, report: DisputeReport, actor: Actor) -> Dispute:
    """The dispute as its processor says it stands, under its charge's lock; a report that is older than what we
    know changes nothing."""
    charge = queries.with_intent(Charge.objects.select_for_update(no_key=True).get(pk=charge_id))
    assert charge is not None
    known = Dispute.objects.select_for_update(no_key=True).filter(
        processor=charge.processor, processor_id=report.processor_id
    )
    dispute = known.first()
    if dispute is None:
        dispute = _open(charge, report, actor)
    dispute.charge, dispute.payment_intent = charge, charge.payment_intent
    _move(dispute, report, actor)
    tell_of_dispute(dispute)
    before_commit()
    return dispute


def lock_dispute(dispute_id: int) -> Dispute:
    """The dispute and its charge, locked inside the caller's transaction: the charge first, always."""
    charge_id = Dispute.objects.values_list("charge_id", flat=True).get(pk=dispute_id)
    charge = queries.with_intent(Charge.objects.select_for_update(no_key=True).get(pk=charge_id))
    assert charge is not None
    dispute = Dispute.objects.select_for_update(no_key=True).get(pk=dispute_id)
    dispute.charge, dispute.payment_intent = charge, charge.payment_intent
    return dispute


def shown(dispute: Dispute) -> dict[str, Any]:
    return serializers.dispute(dispute, queries.balances_of_disputes([dispute])[dispute.pk])


def tell(
    dispute: Dispute, type: str, actor: Actor, before: dict[str, Any] | None = None, *, key: str = ""
) -> None:
    """An event of the dispute as it stands, with what has changed since `before`."""
    now = shown(dispute)
    was = None if before is None else changed(before, now)
    if was == {}:
        return
    draft = EventDraft(f"charge.dispute.{type}", dispute.public_id, now, was)
    record_of(dispute, draft, actor, idempotency_key=key)


def _open(charge: Charge, report: DisputeReport, actor: Actor) -> Dispute:
    inquiry = report.state.startswith("warning_")
    dispute = Dispute(
        merchant_id=charge.merchant_id,
        livemode=charge.livemode,
        charge=charge,
        payment_intent=charge.payment_intent,
        state=State.WARNING_NEEDS_RESPONSE if inquiry else State.NEEDS_RESPONSE,
        amount_minor=report.amount_minor,
        currency=report.currency,
        reason=report.reason[:60],
        network_reason_code=report.network_reason_code[:20],
        processor=charge.processor,
        processor_id=report.processor_id,
        due_by=_moment(report.due_by),
        next_look_at=timezone.now() + timedelta(seconds=LOOK_SECONDS),
        created_at=timezone.now(),
    )
    balance = None if inquiry else _withdrawal(dispute)
    dispute.save(force_insert=True)
    charge.disputed = True
    timeline_of_dispute(dispute, "dispute.opened", actor, reason=dispute.reason)
    if balance is not None:
        _book_withdrawal(dispute, balance)
    tell(dispute, "created", actor)
    if balance is not None:
        tell(dispute, "funds_withdrawn", actor)
    _check_bound(dispute)
    return dispute


def _move(dispute: Dispute, report: DisputeReport, actor: Actor) -> None:
    before, claim_id = shown(dispute), dispute.claim_id
    way = WAYS.get(dispute.state, {}).get(report.state, ())
    is_news = bool(way) or report.state == dispute.state
    if is_news and dispute.is_open:
        dispute.due_by = _moment(report.due_by) or dispute.due_by
        dispute.submissions = max(dispute.submissions, report.submissions)
    for step in way:
        _step(dispute, step, actor)
    if way:
        _forget_deadline(dispute, actor)
    if way and dispute.is_open:
        dispute.next_look_at, dispute.looks = timezone.now() + timedelta(seconds=LOOK_SECONDS), 0
    dispute.save()
    if way:
        tell(dispute, "updated" if dispute.is_open else "closed", actor, before)
        if before["status"].startswith("warning_") and dispute.balance_transaction:
            tell(dispute, "funds_withdrawn", actor, before)
        if dispute.state == State.WON:
            tell(dispute, "funds_reinstated", actor, before)
    else:
        tell(dispute, "updated", actor, before)
    if claim_id is not None and not dispute.wanted:
        keep_answer(claim_id, Answer(200, as_json(shown(dispute))))


def _forget_deadline(dispute: Dispute, actor: Actor) -> None:
    """It was answered, or has a new deadline: whoever was reminded of the old one is done with it."""
    if dispute.reminded_days is not None:
        dispute.reminded_days = None
        resolve_alert(
            kind=DEADLINE_ALERT,
            subject=dispute.public_id,
            actor=actor.name,
            reason=f"The dispute is now {dispute.state.replace('_', ' ')}.",
        )


def _step(dispute: Dispute, step: str, actor: Actor) -> None:
    """One step of the drawing, with its money and its timeline row."""
    getattr(dispute, step)()
    balance = None
    match step:
        case "escalate":
            balance = _withdrawal(dispute)
        case "win":
            balance = _reinstatement(dispute)
    if dispute.state not in Dispute.ANSWERABLE:
        dispute.want_nothing()
    if not dispute.is_open:
        dispute.next_look_at = None
    dispute.save()
    timeline_of_dispute(dispute, f"dispute.{dispute.state}", actor)
    if step == "escalate":
        assert balance is not None
        _book_withdrawal(dispute, balance)
        _check_bound(dispute)
    elif step == "win":
        assert balance is not None
        _book(dispute, balance, "dispute_won", bookings.dispute_won(_money(dispute)))


def _withdrawal(dispute: Dispute) -> BalanceTransaction:
    own = Terms.objects.filter(merchant=dispute.merchant_id).values_list("dispute_fees", flat=True).first()
    dispute.fee_minor = dispute_fee(dispute.currency, {**settings.DISPUTE_FEES, **(own or {})})
    balance = _balance(dispute, -dispute.amount_minor, dispute.fee_minor, "opened")
    dispute.balance_transaction = balance.public_id
    return balance


def _reinstatement(dispute: Dispute) -> BalanceTransaction:
    balance = _balance(dispute, dispute.amount_minor, 0, "won")
    dispute.reversal_balance_transaction = balance.public_id
    return balance


def _book_withdrawal(dispute: Dispute, balance: BalanceTransaction) -> None:
    lines = bookings.dispute_opened(_money(dispute), fee_minor=dispute.fee_minor or 0)
    _book(dispute, balance, "dispute_opened", lines)


def _book(dispute: Dispute, balance: BalanceTransaction, kind: str, lines: Iterable[Any]) -> None:
    post(
        reference=balance.ledger_reference,
        kind=kind,
        lines=list(lines),
        livemode=dispute.livemode,
        merchant_id=dispute.merchant_id,
    )
    balance.save(force_insert=True)


def _balance(dispute: Dispute, amount_minor: int, fee_minor: int, phase: str) -> BalanceTransaction:
    return BalanceTransaction(
        public_id=new_id("txn"),
        merchant_id=dispute.merchant_id,
        livemode=dispute.livemode,
        type=BalanceTransaction.Type.ADJUSTMENT,
        source=dispute.public_id,
        charge=dispute.charge,
        state=BalanceTransaction.State.AVAILABLE,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        currency=dispute.currency,
        available_on=timezone.now(),
        created_at=timezone.now(),
        ledger_reference=f"{dispute.public_id}:{phase}",
    )


def _money(dispute: Dispute) -> Money:
    merchant = dispute.payment_intent.merchant.public_id
    return Money(dispute.amount_minor, dispute.currency, merchant, dispute.processor)


def _check_bound(dispute: Dispute) -> None:
    """What left by refunds and disputes together is more than was taken: booked all the same, and somebody looks."""
    if not dispute.balance_transaction:
        return
    charge = dispute.charge
    captured_minor = charge.captured_minor or 0
    gone_minor = queries.taken_minor(charge) + queries.disputed_minor(charge)
    if gone_minor > captured_minor:
        raise_alert(
            kind="bound_exceeded",
            subject=dispute.public_id,
            message=f"Refunds and disputes of {charge.public_id} come to "
            f"{display(gone_minor, charge.currency)}, more than the "
            f"{display(captured_minor, charge.currency)} that were captured.",
            livemode=dispute.livemode,
            merchant_id=dispute.merchant_id,
            currency=dispute.currency,
            amount_minor=gone_minor - captured_minor,
            data={
                "charge": charge.public_id,
                "dispute": dispute.public_id,
                "processor": dispute.processor,
            },
        )


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
