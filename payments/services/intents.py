"""Makes payment intents and changes what they say, while nothing is under way. No processor hears of it."""

from dataclasses import dataclass, field
from typing import Any

from core.errors import InvalidRequest
from core.ids import new_id, random_text
from idempotency.keys import Answer, Key
from idempotency.services import answer_once
from merchants.auth import Caller
from payments.amounts import check_amount
from payments.attempts import Actor
from payments.conclusions.drafts import EventDraft, shown_intent
from payments.errors import unexpected_state
from payments.models import PaymentIntent
from payments.queries import lock_charge_of_intent
from payments.services.cards import usable_card
from payments.services.orders import check_order
from payments.services.records import record_of, timeline_of_intent
from processors.vault import TokenDetails


@dataclass(frozen=True, slots=True)
class NewIntent:
    """What a merchant asks for, already of the right shape. `source` is the vault's id of the card, if given."""

    amount_minor: int
    currency: str
    source: str = ""
    payment_method: str = ""
    capture_method: str = "automatic"
    order_reference: str = ""
    return_url: str = ""
    description: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    receipt_email: str = ""
    statement_descriptor: str = ""
    statement_descriptor_suffix: str = ""
    shipping: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)


# 26 base-62 characters: 155 bits, with which a browser may confirm this one payment.
SECRET_CHARACTERS = 26
# What an update may set while an attempt is under way or over: words, not terms.
WORDS = frozenset({"description", "metadata", "receipt_email", "shipping"})


def create_intent(*, caller: Caller, asked: NewIntent, key: Key | None) -> Answer:
    """Makes an intent once per key, without an attempt to pay it. InvalidRequest and its leaves, OrderTaken."""
    check_amount(asked.amount_minor, asked.currency)
    check_order(caller, asked.order_reference)
    card = usable_card(caller, asked.source, param="payment_method") if asked.source else None
    state = PaymentIntent.State.REQUIRES_CONFIRMATION if card else PaymentIntent.State.REQUIRES_PAYMENT_METHOD
    intent = draft(caller, asked, card, state=state)
    actor = Actor(caller.key_name, key.request_id if key else "")

    def work() -> dict[str, Any]:
        intent.save(force_insert=True)
        timeline_of_intent(intent, "intent.created", actor)
        shown = shown_intent(intent, None)
        created = EventDraft("payment_intent.created", intent.public_id, shown)
        record_of(intent, created, actor, idempotency_key=key.text if key else "")
        return shown

    return answer_once(key, work)


def draft(caller: Caller, asked: NewIntent, card: TokenDetails | None, *, state: str) -> PaymentIntent:
    """The row of an intent that nobody has written yet."""
    public_id = new_id("pi")
    return PaymentIntent(
        public_id=public_id,
        merchant_id=caller.merchant_id,
        livemode=caller.livemode,
        state=state,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        capture_method=asked.capture_method,
        source=asked.source,
        payment_method=asked.payment_method or (card.card_id if card else ""),
        client_secret=f"{public_id}_secret_{random_text(SECRET_CHARACTERS)}",
        order_reference=asked.order_reference,
        order_held=(asked.order_reference or None) if state == PaymentIntent.State.PROCESSING else None,
        return_url=asked.return_url,
        description=asked.description,
        metadata=asked.metadata,
        receipt_email=asked.receipt_email,
        statement_descriptor=asked.statement_descriptor,
        statement_descriptor_suffix=asked.statement_descriptor_suffix,
        shipping=asked.shipping,
        options=asked.options,
    )


def update_intent(*, caller: Caller, intent: str, changes: dict[str, Any], key: Key | None) -> Answer:
    """Sets the named columns, once per key. UnexpectedState for terms once an attempt was made and stands.

    A `source` of "" takes the card away; `metadata` holds the whole new set.
    """
    actor = Actor(caller.key_name, key.request_id if key else "")
    card_id = ""
    if source := changes.get("source"):
        card_id = usable_card(caller, source, param="payment_method").card_id

    def work() -> dict[str, Any]:
        charge, row = lock_charge_of_intent(caller, intent)
        # Metadata that names the order once more says nothing new.
        again = {"order_reference"} if changes.get("order_reference") == row.order_reference else set()
        terms = set(changes) - WORDS - again
        if terms and row.state not in PaymentIntent.EDITABLE:
            raise unexpected_state(row, "updated", shown=shown_intent(row, charge))
        _check_terms(row, changes)
        for name, value in changes.items():
            setattr(row, name, row.options | value if name == "options" else value)
        if "source" in changes:
            row.payment_method = changes.get("payment_method") or card_id
            _equip(row)
        row.save()
        timeline_of_intent(row, "intent.updated", actor, reason=", ".join(sorted(changes)))
        return shown_intent(row, charge)

    return answer_once(key, work)


def _check_terms(row: PaymentIntent, changes: dict[str, Any]) -> None:
    if {"amount_minor", "currency"} & set(changes):
        check_amount(changes.get("amount_minor", row.amount_minor), changes.get("currency", row.currency))
        if row.options.get("checkout"):
            raise InvalidRequest(
                f"{row.public_id} is paid by the checkout session {row.options['checkout']}, whose items make its "
                "amount: make another session.",
                param="amount" if "amount_minor" in changes else "currency",
            )
    reference = changes.get("order_reference")
    if reference is not None and row.order_reference and reference != row.order_reference:
        raise InvalidRequest(
            f"{row.public_id} is for order '{row.order_reference}': make another intent for another order.",
            param="order_reference",
        )


def _equip(row: PaymentIntent) -> None:
    """The state follows from whether there is a card."""
    if row.source and row.state == PaymentIntent.State.REQUIRES_PAYMENT_METHOD:
        row.equip()
    elif not row.source and row.state == PaymentIntent.State.REQUIRES_CONFIRMATION:
        row.strip()
