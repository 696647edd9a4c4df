"""Phase 1: everything we are about to do, written before a processor hears of it."""

import functools
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.utils import timezone

from core.db import load_statement, run_statement
from core.faults import fault_point
from core.ids import new_id
from core.processes import me
from core.rows import new_row
from idempotency.errors import KeyTaken
from idempotency.keys import Key
from idempotency.services import take
from ledger.accounts import account_ids
from ledger.lines import Line
from ledger.services import post
from payments import bookings
from payments.attempts import Actor, Attempt
from payments.fees import Plan
from payments.models import Charge, Operation, PaymentIntent, Refund
from payments.services.load import assemble
from payments.services.review_rows import close_review
from payments.services.timing import FIRST_LOOK_SECONDS
from processors.vault import TokenDetails
from risk.models import Decision

CHARGE_START = load_statement("charge_start.sql")
before_phase_1_commits = fault_point("phase_1.before_commit")
# What all charges of one card at one intent have in common.
SHARED = (
    "merchant_id livemode payment_intent_id decision_id amount_minor currency fee_plan_id source payment_method "
    "card_brand card_last4 card_exp_month card_exp_year card_fingerprint card_funding card_country billing_details "
    "description metadata receipt_email statement_descriptor statement_descriptor_suffix"
).split()


def start_charge(attempt: Attempt, key: Key, *, timeout_seconds: float) -> None:
    """Writes the attempt and takes the claim, or writes nothing and raises KeyTaken. The rows get their keys."""
    operation, charge, intent = attempt.operation, attempt.charge, attempt.intent
    operation.idempotency_key, operation.request_id = key.text, key.request_id
    before_phase_1_commits()
    rows = run_statement(CHARGE_START, start_columns(attempt, key, timeout_seconds=timeout_seconds))
    if not rows:
        raise KeyTaken
    row = rows[0]
    decision = charge.decision
    assert decision is not None
    decision.pk, charge.decision_id = row.decision_id, row.decision_id
    charge.decision = decision
    intent.pk, charge.pk, operation.pk = row.intent_id, row.charge_id, row.operation_id
    intent.created_at = charge.created_at = operation.created_at = row.created_at
    operation.claim_id = row.claim_id
    operation.deadline_at, operation.next_attempt_at = row.deadline_at, row.next_attempt_at


def start_columns(attempt: Attempt, key: Key, *, timeout_seconds: float) -> dict[str, object]:
    """What the statement of phase 1 is run with."""
    operation, charge, intent = attempt.operation, attempt.charge, attempt.intent
    accounts, amounts = ledger_columns(bookings.sale_started(attempt.money), attempt)
    return {
        "merchant_id": charge.merchant_id,
        "livemode": charge.livemode,
        "key": key.text,
        "fingerprint": key.fingerprint,
        "owner": me(),
        "lease_seconds": settings.IDEMPOTENCY_LEASE_SECONDS,
        "timeout_seconds": timeout_seconds,
        "first_look_seconds": timeout_seconds + FIRST_LOOK_SECONDS,
        "request_id": key.request_id,
        "actor": operation.actor,
        "operation": operation.public_id,
        "kind": operation.kind,
        "operation_state": operation.state,
        "intent": intent.public_id,
        "intent_state": intent.state,
        "charge": charge.public_id,
        "charge_state": charge.state,
        "amount_minor": charge.amount_minor,
        "currency": charge.currency,
        "capture_method": intent.capture_method,
        "order_reference": intent.order_reference,
        "order_held": intent.order_held,
        "routing_reason": attempt.routing_reason,
        "processor": charge.processor,
        "fee_plan_id": charge.fee_plan_id,
        "source": charge.source,
        "payment_method": charge.payment_method,
        "card_brand": charge.card_brand,
        "card_last4": charge.card_last4,
        "card_exp_month": charge.card_exp_month,
        "card_exp_year": charge.card_exp_year,
        "card_fingerprint": charge.card_fingerprint,
        "card_funding": charge.card_funding,
        "card_country": charge.card_country,
        "card_checks": jsonb(charge.card_checks),
        "billing_details": jsonb(charge.billing_details),
        "description": charge.description,
        "metadata": jsonb(charge.metadata),
        "receipt_email": charge.receipt_email,
        "statement_descriptor": charge.statement_descriptor,
        "statement_descriptor_suffix": charge.statement_descriptor_suffix,
        "start_reference": attempt.start_reference,
        "line_accounts": accounts,
        "line_amounts": amounts,
        **decision_columns(charge.decision),
    }


def decision_columns(decision: Decision | None) -> dict[str, object]:
    assert decision is not None
    return {
        "once": decision.once,
        "facts": jsonb(decision.facts),
        "results": jsonb(decision.results),
        "lists": jsonb(decision.lists),
        "score": decision.score,
        "model": decision.model,
        "engine": decision.engine,
        "verdict": decision.verdict,
        "effective": decision.effective,
        "enforced": decision.enforced,
        "risk_level": decision.level,
        "rule": decision.rule,
        "risk_reason": decision.reason,
        "fault": decision.fault,
        "on_fault": decision.on_fault,
        "took_microseconds": decision.took_microseconds,
    }


@dataclass(frozen=True, slots=True)
class Errand:
    """On whose behalf an operation is opened: who asked, and under which key and claim, if any."""

    actor: Actor
    key: Key | None = None
    key_text: str = ""
    reference: str = field(default_factory=functools.partial(new_id, "op"))
    claim_id: int | None = None

    def claimed(self) -> "Errand":
        """The same with the claim on its key taken, inside the caller's transaction. KeyTaken."""
        if self.key is None:
            return self
        claim_id = take(self.key, operation=self.reference)
        return replace(self, claim_id=claim_id)


def open_operation(
    kind: str,
    charge: Charge,
    amount_minor: int,
    errand: Errand,
    *,
    shows: str = Operation.Shows.CHARGE,
    cause: str = "",
    refund: Refund | None = None,
    at_once: bool = False,
) -> Attempt:
    """Phase 1 of a call to a processor, inside the caller's transaction, under its charge's lock.

    `at_once`: nobody is about to make the call, so the sweeper is to make it now.
    """
    if kind == Operation.Kind.VOID:
        text = errand.key.text if errand.key else errand.key_text
        close_review(charge, cause, errand.actor, key_text=text)
    now = timezone.now()
    timeout_seconds = 0 if at_once else settings.PROCESSOR_TIMEOUT_SECONDS
    first_look_seconds = 0 if at_once else timeout_seconds + FIRST_LOOK_SECONDS
    operation = Operation.objects.create(
        public_id=errand.reference,
        merchant_id=charge.merchant_id,
        livemode=charge.livemode,
        kind=kind,
        charge=charge,
        payment_intent=charge.payment_intent,
        refund=refund,
        amount_minor=amount_minor,
        currency=charge.currency,
        processor=charge.processor,
        created_at=now,
        deadline_at=now + timedelta(seconds=timeout_seconds),
        next_attempt_at=now + timedelta(seconds=first_look_seconds),
        claim_id=errand.claim_id,
        request_id=errand.actor.request_id,
        idempotency_key=errand.key.text if errand.key else errand.key_text,
        actor=errand.actor.name,
        shows=shows,
        cause=cause,
    )
    before_phase_1_commits()
    return assemble(operation, charge, charge.payment_intent, refund)


def new_charge(
    intent: PaymentIntent,
    card: TokenDetails,
    processor: str,
    fees: Plan,
    decision: Decision,
    *,
    state: str = Charge.State.PROCESSING,
) -> Charge:
    """The row of the attempt that was decided about, with the intent's own card and words, that nobody has written
    yet."""
    return new_row(
        Charge,
        public_id=decision.charge,
        decision=decision,
        merchant_id=intent.merchant_id,
        livemode=intent.livemode,
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        payment_intent=intent,
        state=state,
        processor=processor,
        fee_plan_id=fees.id,
        source=intent.source,
        payment_method=intent.payment_method,
        card_brand=card.brand,
        card_last4=card.last4,
        card_exp_month=card.exp_month,
        card_exp_year=card.exp_year,
        card_fingerprint=card.fingerprint,
        card_funding=card.funding,
        card_country=card.country or "",
        card_checks={"cvc": card.cvc_check} if card.cvc_check else {},
        billing_details=card.billing_details,
        description=intent.description,
        metadata=intent.metadata,
        receipt_email=intent.receipt_email,
        statement_descriptor=intent.statement_descriptor,
        statement_descriptor_suffix=intent.statement_descriptor_suffix,
    )


def charge_kind(charge: Charge) -> str:
    return Operation.Kind.SALE if charge.takes_at_once else Operation.Kind.AUTHORIZE


def hold(attempt: Attempt, kind: str, lines: list[Line]) -> None:
    """Books what the operation may come to, before anybody hears of it."""
    post(
        reference=attempt.start_reference,
        kind=kind,
        lines=lines,
        livemode=attempt.charge.livemode,
        merchant_id=attempt.charge.merchant_id,
    )


def ledger_columns(lines: list[Line], attempt: Attempt) -> tuple[list[int], list[int]]:
    """The lines as two arrays: account ids and amounts."""
    charge = attempt.charge
    ids = account_ids(
        (
            line.address,
            line.currency,
            charge.livemode,
            charge.merchant_id if line.address.startswith("merchant:") else None,
        )
        for line in lines
    )
    return (
        [ids[line.address, line.currency, charge.livemode] for line in lines],
        [line.amount_minor for line in lines],
    )


def jsonb(value: Any) -> str:
    """JSON as text, for a parameter that the statement casts."""
    return msgspec.json.encode(value).decode()
