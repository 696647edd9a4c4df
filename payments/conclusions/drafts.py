"""What a conclusion is made of."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.errors import TollgateError
from core.rows import new_row
from idempotency.keys import Answer
from ledger.lines import Line
from payments import serializers
from payments.attempts import Attempt, PayoutAttempt, Undertaking
from payments.models import BalanceTransaction, Charge, Operation, PaymentIntent, Refund


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event to record with the change: the object's snapshot, and what changed in it where that is told."""

    type: str
    object_id: str
    data: dict[str, Any]
    previous_attributes: dict[str, Any] | None = None


@dataclass(slots=True)
class Conclusion:
    """All that one outcome leads to, besides the states that the attempt's rows now hold."""

    kind: str
    reason: str
    answer: Answer
    booking: list[Line] = field(default_factory=list)
    booking_kind: str = ""
    reverses_start: bool = False
    balance: BalanceTransaction | None = None
    # A person must look at what is held now.
    opens_review: bool = False
    events: list[EventDraft] = field(default_factory=list)


def shown(attempt: Undertaking) -> dict[str, Any]:
    """The object that the operation's caller is answered with, as its row stands."""
    match attempt.operation.shows, attempt:
        case Operation.Shows.CHARGE, Attempt(charge=charge):
            return serializers.charge(charge)
        case Operation.Shows.REFUND, Attempt(refund=Refund() as refund):
            return serializers.refund(refund)
        case Operation.Shows.INTENT, Attempt(intent=intent, charge=charge):
            return serializers.payment_intent(intent, latest_charge=charge)
        case Operation.Shows.PAYOUT, PayoutAttempt(payout=payout):
            return serializers.payout(payout)
        case other, _:
            raise ValueError(f"nothing is shown as {other}")


def shown_intent(intent: PaymentIntent, charge: Charge | None) -> dict[str, Any]:
    """An intent with its last attempt, for whoever asked by it."""
    return serializers.payment_intent(intent, latest_charge=charge)


def done(attempt: Undertaking, told: EventDraft | None = None) -> Answer:
    """`told` is an event of the charge as it stands, where one was drawn up: it shows the same."""
    same = told is not None and attempt.operation.shows == Operation.Shows.CHARGE
    return Answer(200, as_json(told.data if same and told else shown(attempt)))


def refused(attempt: Attempt, error: TollgateError) -> Answer:
    """A refusal, with the intent as it stands now for those who asked by it."""
    body = error.body()
    if attempt.operation.shows == Operation.Shows.INTENT:
        body["error"]["payment_intent"] = shown(attempt)
    return Answer(error.status, as_json(body))


def pending_answer(attempt: Undertaking) -> Answer:
    """What a client is told while the outcome is open. It is not kept: a retry asks again."""
    return Answer(200, as_json(shown(attempt)), final=False)


def changed(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """An event's previous attributes: how what is different now was before."""
    names = [*before, *(name for name in now if name not in before)]
    return {name: before.get(name) for name in names if before.get(name) != now.get(name)}


def charge_event(attempt: Attempt, type: str, before: dict[str, Any] | None = None) -> EventDraft:
    """`before` is the charge as it was shown until now, where that is to be told."""
    snapshot = serializers.charge(attempt.charge)
    previous = None if before is None else changed(before, snapshot)
    return EventDraft(type, attempt.charge.public_id, snapshot, previous)


def intent_events(attempt: Attempt, *types: str) -> list[EventDraft]:
    """Events of the intent; none where nobody knows it, and none for money that came after its end."""
    if attempt.intent.implicit or attempt.charge.late_of_id is not None:
        return []
    snapshot = serializers.payment_intent(attempt.intent, latest_charge=attempt.charge)
    return [EventDraft(f"payment_intent.{type}", attempt.intent.public_id, snapshot) for type in types]


def balance_transaction(
    attempt: Attempt,
    type: str,
    source: str,
    amount_minor: int,
    *,
    available: bool,
    fee_minor: int = 0,
    reference: str = "",
) -> BalanceTransaction:
    """`available` says on which of the merchant's accounts it is booked."""
    states = BalanceTransaction.State
    return new_row(
        BalanceTransaction,
        merchant_id=attempt.charge.merchant_id,
        livemode=attempt.charge.livemode,
        type=type,
        source=source,
        charge=attempt.charge,
        state=states.AVAILABLE if available else states.PENDING,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        currency=attempt.operation.currency,
        ledger_reference=reference or attempt.finish_reference,
    )


def as_json(shown: dict[str, Any]) -> str:
    return msgspec.json.encode(shown).decode()
