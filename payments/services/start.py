"""Phase 1 of a charge: everything we are about to do, written in one round trip before a processor hears of it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.utils import timezone

from core.db import load_statement, run_statement
from core.processes import me
from idempotency.errors import KeyTaken
from idempotency.keys import Key
from ledger.accounts import account_ids
from ledger.lines import Line
from ledger.services import post
from payments import bookings
from payments.attempts import Actor, Attempt
from payments.models import Charge, Operation, Refund
from payments.services.load import assemble
from payments.services.timing import FIRST_LOOK_SECONDS, LEASE_GRACE_SECONDS

CHARGE_START = load_statement("charge_start.sql")


def start_charge(attempt: Attempt, key: Key, *, timeout_seconds: float) -> None:
    """Writes the attempt and takes the claim, or writes nothing and raises KeyTaken. The rows get their keys."""
    operation, charge, intent = attempt.operation, attempt.charge, attempt.intent
    operation.idempotency_key, operation.request_id = key.text, key.request_id
    rows = run_statement(CHARGE_START, start_columns(attempt, key, timeout_seconds=timeout_seconds))
    if not rows:
        raise KeyTaken
    row = rows[0]
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
        "lease_seconds": lease_seconds(),
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
        "processor": charge.processor,
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
    }


@dataclass(frozen=True, slots=True)
class Claimed:
    """The claim that an operation works under: who asked, with which key, and the operation's own reference."""

    claim_id: int
    reference: str
    key: Key
    actor: Actor


def open_operation(
    kind: str, charge: Charge, amount_minor: int, claimed: Claimed, *, refund: Refund | None = None
) -> Attempt:
    """Phase 1 of what follows a charge, inside the caller's transaction, under the charge's lock."""
    now = timezone.now()
    timeout_seconds = settings.PROCESSOR_TIMEOUT_SECONDS
    operation = Operation.objects.create(
        public_id=claimed.reference,
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
        next_attempt_at=now + timedelta(seconds=timeout_seconds + FIRST_LOOK_SECONDS),
        claim_id=claimed.claim_id,
        request_id=claimed.key.request_id,
        idempotency_key=claimed.key.text,
        actor=claimed.actor.name,
    )
    return assemble(operation, charge, charge.payment_intent, refund)


def hold(attempt: Attempt, kind: str, lines: list[Line]) -> None:
    """Books what the operation may come to, before anybody hears of it."""
    post(
        reference=attempt.start_reference,
        kind=kind,
        lines=lines,
        livemode=attempt.charge.livemode,
        merchant_id=attempt.charge.merchant_id,
    )


def lease_seconds() -> float:
    """How long a claim may be held by a process that is not known to be dead."""
    return float(settings.PROCESSOR_TIMEOUT_SECONDS) + LEASE_GRACE_SECONDS


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


def charge_kind(*, capture: bool) -> str:
    return Operation.Kind.SALE if capture else Operation.Kind.AUTHORIZE
