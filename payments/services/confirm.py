"""Pays an intent: an attempt at a processor, as `POST /v1/charges` makes one, for an intent that may see several."""

from dataclasses import dataclass, field, replace
from typing import Any

from core.db import in_transaction
from core.errors import InvalidRequest, ResourceMissing, ServiceUnavailable
from idempotency.errors import KeyTaken
from idempotency.keys import Answer, Key
from merchants.auth import Caller
from payments import agreed, bookings, queries, routing
from payments.amounts import check_amount
from payments.attempts import Actor, Attempt
from payments.conclusions.drafts import EventDraft, shown_intent
from payments.errors import TokenAlreadyUsed, unexpected_state
from payments.models import Operation, PaymentIntent
from payments.queries import latest_charge
from payments.routes import Route
from payments.services.cards import facts_of, usable_card
from payments.services.intents import NewIntent, draft
from payments.services.orders import check_order, one_payment_per_order
from payments.services.pursue import pursue
from payments.services.records import record_of, timeline
from payments.services.resume import repeat, repeat_taken
from payments.services.start import Errand, charge_kind, hold, new_charge, open_operation
from processors.vault import TokenDetails


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What may come with a confirmation. Columns of the intent by name, and options by their wire names."""

    source: str = ""
    payment_method: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def confirm_intent(
    *, caller: Caller, intent: str, asked: Confirmation, key: Key | None, request_id: str = ""
) -> Answer:
    """Makes one attempt, once per key; without a key (a browser has none) the intent's own state sees to that.

    The answer: the intent, which may await its cardholder or the processor's word; or a decline, with the intent.
    UnexpectedState, OrderTaken and other InvalidRequests before anything is written.
    """
    actor = Actor(caller.key_name, key.request_id if key else request_id)
    found = queries.payment_intent(caller, intent)
    try:
        card = _card(caller, found, asked)
    except (InvalidRequest, ServiceUnavailable):
        # A repeated request finds its card used by the first one, or the vault away: its answer is kept already.
        if key is not None and (answer := repeat(key, actor)):
            return answer
        raise
    route = routing.route(facts_of(found, card), seed=found.public_id)

    @in_transaction
    def start() -> Attempt:
        errand = Errand(actor, key).claimed()
        row = PaymentIntent.objects.select_for_update(no_key=True).get(pk=found.pk)
        if row.state not in PaymentIntent.EDITABLE:
            raise unexpected_state(row, "confirmed", shown=shown_intent(row, latest_charge(row)))
        _apply(row, asked, card)
        return _attempt(row, card, route, errand)

    try:
        with one_payment_per_order(found):
            attempt = start()
    except KeyTaken:
        assert key is not None
        return repeat_taken(key, actor)
    return pursue(attempt, actor)


def create_and_confirm(*, caller: Caller, asked: NewIntent, key: Key) -> Answer:
    """Makes an intent and the first attempt at it together, once per key."""
    actor = Actor(caller.key_name, key.request_id)
    check_amount(asked.amount_minor, asked.currency)
    if not asked.source:
        raise InvalidRequest(
            "You cannot confirm this PaymentIntent because it's missing a payment method: pass payment_method.",
            param="payment_method",
            code="payment_intent_unexpected_state",
        )
    try:
        check_order(caller, asked.order_reference)
        card = usable_card(caller, asked.source, param="payment_method")
    except (ResourceMissing, TokenAlreadyUsed, InvalidRequest, ServiceUnavailable):
        if answer := repeat(key, actor):
            return answer
        raise
    row = draft(caller, asked, card, state=PaymentIntent.State.PROCESSING)
    route = routing.route(facts_of(row, card), seed=row.public_id)

    @in_transaction
    def start() -> Attempt:
        errand = Errand(actor, key).claimed()
        # Anew where the transaction is run again.
        row.pk = None
        row.save(force_insert=True)
        created = EventDraft("payment_intent.created", row.public_id, shown_intent(row, None))
        record_of(row, created, actor, idempotency_key=key.text)
        return _attempt(row, card, route, errand)

    try:
        with one_payment_per_order(row):
            attempt = start()
    except KeyTaken:
        return repeat_taken(key, actor)
    return pursue(attempt, actor)


def _card(caller: Caller, intent: PaymentIntent, asked: Confirmation) -> TokenDetails:
    source = asked.source or intent.source
    if not source:
        raise unexpected_state(
            intent,
            "confirmed",
            "It has no payment method: pass payment_method, or add one to it first.",
            shown=shown_intent(intent, latest_charge(intent)),
        )
    return usable_card(caller, source, param="payment_method", spent_on=intent)


def _apply(row: PaymentIntent, asked: Confirmation, card: TokenDetails) -> None:
    if asked.source:
        row.source, row.payment_method = asked.source, asked.payment_method or card.card_id
    for name, value in asked.columns.items():
        setattr(row, name, value)
    row.options = row.options | asked.options
    row.process()
    row.save()


def _attempt(row: PaymentIntent, card: TokenDetails, route: Route, errand: Errand) -> Attempt:
    """Phase 1: charge, operation, hold, timeline, under the intent's lock."""
    charge = new_charge(row, card, route.processors[0], agreed.fee_plan(row.merchant_id))
    charge.save(force_insert=True)
    attempt = open_operation(charge_kind(row), charge, row.amount_minor, errand, shows=Operation.Shows.INTENT)
    hold(attempt, "sale_started", bookings.sale_started(attempt.money))
    timeline(attempt, "charge.started", errand.actor, reason=route.reason, data=dict(route.data))
    return replace(attempt, routing_reason=route.reason, others=route.processors[1:])
