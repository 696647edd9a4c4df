"""Sends merchants what they have: never more than is available, however many ask at once.

Phase 1 only. The bank is asked some seconds later by the sweeper, under the operation's own reference: so a payout
can be called back for a moment, and one whose outcome is unknown is looked after like any other call."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from core.db import in_transaction
from core.errors import InvalidRequest
from core.ids import new_id
from idempotency.keys import Answer, Key
from idempotency.services import answer_once
from ledger.errors import LimitExceeded
from ledger.limits import set_limit
from ledger.services import post
from merchants.auth import Caller
from payments import bookings, chart, queries, routing, serializers
from payments.amounts import check_positive
from payments.attempts import Actor, PayoutAttempt
from payments.conclusions import paying_out
from payments.conclusions.drafts import EventDraft
from payments.errors import NoBankAccount, PayoutExceedsBalance, PayoutRefused
from payments.metadata import merged
from payments.models import BalanceTransaction, BankAccount, Operation, Payout
from payments.services.finish import write
from payments.services.load import lock_undertaking, of_payout
from payments.services.records import record, record_of, timeline
from payments.services.terms import lock_terms
from webhooks.kick import kick

# Banks say "the next day"; what they do is learned from them.
ARRIVAL = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewPayout:
    """What is asked for. Without a destination, the merchant's account for the currency."""

    amount_minor: int
    currency: str
    destination: str = ""
    description: str = ""
    statement_descriptor: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    # Why staff asked for it; for the timeline, not for the merchant.
    reason: str = ""


def create_payout(*, caller: Caller, asked: NewPayout, key: Key) -> Answer:
    """Takes a payout in, once per key. BalanceInsufficient above what is available, NoBankAccount."""
    check_positive(asked.amount_minor)
    actor = Actor(caller.key_name, key.request_id)

    def work() -> dict[str, Any]:
        account = _account(caller, asked)
        return serializers.payout(open_payout(account, asked, actor, key=key.text))

    return _told(answer_once(key, in_transaction(work)))


def open_payout(
    account: BankAccount, asked: NewPayout, actor: Actor, *, key: str = "", scheduled_on: date | None = None
) -> Payout:
    """Phase 1, inside the caller's transaction: the amount leaves what the merchant has. BalanceInsufficient."""
    now = timezone.now()
    payout = Payout(
        bank_account=account,
        merchant=account.merchant,
        livemode=account.livemode,
        created_at=now,
        amount_minor=asked.amount_minor,
        currency=account.currency,
        scheduled_on=scheduled_on,
        description=asked.description,
        statement_descriptor=asked.statement_descriptor,
        metadata=asked.metadata,
        arrival_on=now + ARRIVAL,
        processor=routing.payout_processor(livemode=account.livemode),
        balance_transaction=new_id("txn"),
    )
    payout.save(force_insert=True)
    attempt = of_payout(_operation(payout, actor, key, now), payout)
    _hold(attempt)
    balance = paying_out.balance_of(
        attempt,
        BalanceTransaction.Type.PAYOUT,
        -payout.amount_minor,
        payout.arrival_on,
        reference=attempt.start_reference,
    )
    balance.public_id = payout.balance_transaction
    balance.save(force_insert=True)
    timeline(attempt, "payout.started", actor, reason=asked.reason or asked.description)
    record(attempt, EventDraft("payout.created", payout.public_id, serializers.payout(payout)))
    return payout


def cancel_payout(*, caller: Caller, payout: str, key: Key | None, reason: str = "") -> Answer:
    """Calls a payout back that no bank was asked for yet; staff say why. PayoutRefused afterwards."""
    actor = Actor(caller.key_name, key.request_id if key else "")

    def work() -> dict[str, Any]:
        found = queries.payout(caller, payout)
        call_back(found, actor, key=key.text if key else "", reason=reason)
        return serializers.payout(queries.payout(caller, payout))

    return _told(answer_once(key, in_transaction(work)))


def call_back(payout: Payout, actor: Actor, *, key: str = "", reason: str = "") -> None:
    """The same, inside the caller's transaction."""
    attempt = lock_undertaking(payout.operations.get().pk)
    assert isinstance(attempt, PayoutAttempt)
    operation = attempt.operation
    # Whoever sends it has counted that before.
    if not operation.is_open or operation.attempts:
        raise PayoutRefused(
            f"Payout {payout.public_id} is {attempt.payout.state} and has been handed to the bank: "
            "it can't be canceled any more."
        )
    write(attempt, paying_out.canceled(attempt, timezone.now(), reason), actor, called_back_under=key)


def describe_payout(
    *, caller: Caller, payout: str, metadata: dict[str, str] | None, clear: bool, key: Key | None
) -> Answer:
    """New metadata; no state and no amount. ResourceMissing."""
    actor = Actor(caller.key_name, key.request_id if key else "")

    def work() -> dict[str, Any]:
        row = queries.payout(caller, payout, lock=True)
        before = serializers.payout(row)
        row.metadata = merged(row.metadata, metadata, clear=clear)
        row.save(update_fields=["metadata"])
        after = serializers.payout(row)
        if before != after:
            draft = EventDraft("payout.updated", row.public_id, after, {"metadata": before["metadata"]})
            record_of(row, draft, actor, idempotency_key=key.text if key else "")
        return after

    return _told(answer_once(key, in_transaction(work)))


def reverse_payout(*, caller: Caller, payout: str) -> Answer:
    """Always refused: nobody takes money out of a merchant's bank account."""
    row = queries.payout(caller, payout)
    raise PayoutRefused(
        f"Payout {row.public_id} goes to a bank account, which can't be debited: it can be canceled while it is "
        "pending, and comes back by itself if that bank returns it."
    )


def _told(answer: Answer) -> Answer:
    kick()
    return answer


def _account(caller: Caller, asked: NewPayout) -> BankAccount:
    accounts = queries.bank_accounts(caller).filter(removed_at=None)
    if asked.destination:
        found = accounts.filter(public_id=asked.destination).first()
        if found is None or found.currency != asked.currency:
            raise InvalidRequest(
                f"No such external account for {asked.currency.upper()}: '{asked.destination}'",
                param="destination",
            )
        return found
    found = accounts.filter(currency=asked.currency).first()
    if found is None:
        raise NoBankAccount(asked.currency)
    return found


def _operation(payout: Payout, actor: Actor, key: str, now: datetime) -> Operation:
    send_at = now + timedelta(seconds=settings.PAYOUT_SEND_AFTER_SECONDS)
    return Operation.objects.create(
        merchant_id=payout.merchant_id,
        livemode=payout.livemode,
        kind=Operation.Kind.PAYOUT,
        payout=payout,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        processor=payout.processor,
        created_at=now,
        deadline_at=send_at,
        next_attempt_at=send_at,
        request_id=actor.request_id,
        idempotency_key=key,
        actor=actor.name,
        shows=Operation.Shows.PAYOUT,
    )


def _hold(attempt: PayoutAttempt) -> None:
    """The ledger refuses what would overdraw, and makes all who pay out of one account wait for each other."""
    payout = attempt.payout
    reserve_minor = lock_terms(payout.merchant_id).reserve_fixed_minor
    set_limit(
        chart.merchant_available(attempt.merchant),
        payout.currency,
        livemode=payout.livemode,
        max_balance_minor=-reserve_minor,
        kind="payout_started",
        merchant_id=payout.merchant_id,
    )
    try:
        post(
            reference=attempt.start_reference,
            kind="payout_started",
            lines=bookings.payout_started(attempt.money),
            livemode=payout.livemode,
            merchant_id=payout.merchant_id,
        )
    except LimitExceeded as error:
        raise PayoutExceedsBalance(
            asked_minor=payout.amount_minor,
            available_minor=error.left_minor,
            reserve_minor=reserve_minor,
            currency=payout.currency,
        ) from error
