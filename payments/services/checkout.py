"""Makes checkout sessions, takes a cardholder's payment at their page, and ends those whose time is over."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from core.db import in_transaction
from core.errors import InvalidRequest
from core.ids import new_id
from idempotency.keys import Answer, Key, fingerprint
from idempotency.services import answer_once
from merchants.auth import Caller, keyless_caller
from payments import queries, serializers
from payments.addresses import checkout_address
from payments.amounts import check_amount
from payments.attempts import Actor
from payments.conclusions.drafts import EventDraft, shown_intent
from payments.errors import SessionNotOpen
from payments.models import CheckoutSession, PaymentIntent
from payments.services.cancel import cancel_unpaid
from payments.services.challenge import CARDHOLDER
from payments.services.confirm import Confirmation, confirm_intent
from payments.services.intents import NewIntent, draft
from payments.services.orders import check_order
from payments.services.records import record_of, timeline_of_intent

# At the page of one session. Whoever tries more cards than that is trying cards, not paying.
MOST_ATTEMPTS = 10
BATCH = 100


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a merchant asks for, already of the right shape. `intent` says all that its intent is to say."""

    intent: NewIntent
    items: list[dict[str, Any]]
    expires_at: datetime
    success_url: str = ""
    cancel_url: str = ""
    customer_email: str = ""
    client_reference_id: str = ""
    locale: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


def create_session(*, caller: Caller, asked: NewSession, key: Key | None) -> Answer:
    """A session and its intent, once per key. InvalidRequest and its leaves, OrderTaken."""
    check_amount(asked.intent.amount_minor, asked.intent.currency)
    check_order(caller, asked.intent.order_reference)
    session_id = new_id("cs")
    intent = draft(caller, asked.intent, None, state=PaymentIntent.State.REQUIRES_PAYMENT_METHOD)
    intent.return_url = checkout_address(session_id)
    intent.options = intent.options | {"checkout": session_id}
    session = CheckoutSession(
        public_id=session_id,
        merchant_id=caller.merchant_id,
        livemode=caller.livemode,
        payment_intent=intent,
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        items=asked.items,
        success_url=asked.success_url,
        cancel_url=asked.cancel_url,
        customer_email=asked.customer_email,
        client_reference_id=asked.client_reference_id,
        locale=asked.locale,
        metadata=asked.metadata,
        expires_at=asked.expires_at,
    )
    actor = Actor(caller.key_name, key.request_id if key else "")

    def work() -> dict[str, Any]:
        intent.save(force_insert=True)
        timeline_of_intent(intent, "intent.created", actor, reason=f"To be paid at {session_id}.")
        created = EventDraft("payment_intent.created", intent.public_id, shown_intent(intent, None))
        record_of(intent, created, actor, idempotency_key=key.text if key else "")
        session.payment_intent = intent
        session.save(force_insert=True)
        return serializers.checkout_session(session)

    return answer_once(key, work)


def expire_session(*, caller: Caller, session: str, key: Key | None) -> Answer:
    """Ends an open session and cancels its intent, once per key. SessionNotOpen; UnexpectedState while it is paid."""
    actor = Actor(caller.key_name, key.request_id if key else "")
    return answer_once(key, lambda: _expire(caller, queries.checkout_session(caller, session), key, actor))


def pay_session(session: CheckoutSession, method: str, *, email: str, request_id: str) -> Answer:
    """One attempt with a payment method that the vault's fields made; the same again for the same method, however
    often it is sent. SessionNotOpen, and what `confirm_intent` refuses."""
    caller = keyless_caller(session.merchant, livemode=session.livemode, name=CARDHOLDER)
    intent = session.payment_intent
    key = Key(
        merchant_id=session.merchant_id,
        livemode=session.livemode,
        text=f"checkout:{session.public_id}:{method}",
        fingerprint=fingerprint(f"/checkout/{session.public_id}/pay", {"payment_method": method}),
        request_id=request_id,
    )
    if intent.state in PaymentIntent.EDITABLE and (is_over(session) or has_tried_enough(session)):
        raise SessionNotOpen(session.public_id)
    columns = {"receipt_email": email} if email and not intent.receipt_email else {}
    asked = Confirmation(source=method, columns=columns)
    return confirm_intent(caller=caller, intent=intent.public_id, asked=asked, key=key)


def is_over(session: CheckoutSession) -> bool:
    """Nobody begins to pay any more."""
    if session.state != CheckoutSession.State.OPEN or session.expires_at <= timezone.now():
        return True
    return bool(session.payment_intent.state == PaymentIntent.State.CANCELED)


def has_tried_enough(session: CheckoutSession) -> bool:
    return session.payment_intent.charges.count() >= MOST_ATTEMPTS


def expire_overdue() -> int:
    """Ends the sessions whose time is over, but for those at which a payment is under way; how many."""
    ended = (*PaymentIntent.EDITABLE, PaymentIntent.State.CANCELED)
    overdue = CheckoutSession.objects.filter(
        state=CheckoutSession.State.OPEN, expires_at__lte=timezone.now(), payment_intent__state__in=ended
    )
    rows = list(overdue.select_related("payment_intent", "merchant").order_by("expires_at")[:BATCH])
    return sum(_expire_alone(row) for row in rows)


@in_transaction
def _expire_alone(session: CheckoutSession) -> bool:
    caller = keyless_caller(session.merchant, livemode=session.livemode, name="expire_checkouts")
    try:
        _expire(caller, session, None, Actor(caller.key_name))
    except InvalidRequest:
        # Somebody was quicker: it is paid, or being paid.
        return False
    return True


def _expire(caller: Caller, session: CheckoutSession, key: Key | None, actor: Actor) -> dict[str, Any]:
    """Inside the caller's transaction: the intent first, whose lock every payment takes."""
    if session.payment_intent.state != PaymentIntent.State.CANCELED:
        if session.state != CheckoutSession.State.OPEN:
            raise SessionNotOpen(session.public_id)
        cancel_unpaid(caller, session.payment_intent.public_id, "expired", key, actor)
    row = (
        CheckoutSession.objects.select_for_update(no_key=True, of=("self",))
        .select_related("payment_intent")
        .get(pk=session.pk)
    )
    if row.state != CheckoutSession.State.OPEN:
        raise SessionNotOpen(session.public_id)
    row.expire()
    row.save(update_fields=["state"])
    shown = serializers.checkout_session(row)
    told = EventDraft("checkout.session.expired", row.public_id, shown)
    record_of(row, told, actor, idempotency_key=key.text if key else "")
    return shown
