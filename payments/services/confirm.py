"""Pays an intent: an attempt at a processor, as `POST /v1/charges` makes one, for an intent that may see several."""

from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from core.db import in_transaction
from core.errors import InvalidRequest, ResourceMissing, ServiceUnavailable
from core.ids import new_id
from idempotency.errors import KeyTaken
from idempotency.keys import Answer, Key
from idempotency.services import keep_answer
from merchants.auth import Caller
from payments import agreed, bookings, queries, routing
from payments.amounts import check_amount
from payments.attempts import Actor, Attempt
from payments.conclusions.drafts import EventDraft, shown_intent
from payments.errors import TokenAlreadyUsed, unexpected_state
from payments.models import Operation, PaymentIntent
from payments.queries import latest_charge
from payments.routes import Route
from payments.services.block import before_commit as before_blocked
from payments.services.block import told, write_blocked
from payments.services.cards import facts_of, usable_card
from payments.services.intents import NewIntent, draft
from payments.services.judge import Origin, check_judged, judge
from payments.services.orders import check_order, one_payment_per_order
from payments.services.pursue import pursue
from payments.services.records import record_of, timeline
from payments.services.resume import repeat, repeat_taken
from payments.services.start import Errand, charge_kind, hold, new_charge, open_operation
from processors.vault import TokenDetails
from risk.models import Decision, Verdict


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What may come with a confirmation. Columns of the intent by name, and options by their wire names; `ip` of the
    browser where it is one that confirms."""

    source: str = ""
    payment_method: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    ip: str = ""


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
    if found.state not in PaymentIntent.EDITABLE:
        # Nothing is judged, nor counted, that can't be paid anyway.
        if key is not None and (answer := repeat(key, actor)):
            return answer
        raise unexpected_state(found, "confirmed", shown=shown_intent(found, latest_charge(found)))
    wanted = copy(found)
    _apply(wanted, asked, card)
    number = found.charges.filter(late_of=None).count() + 1
    origin = Origin(
        once=key.text if key else f"{found.public_id}:{number}", ip=asked.ip, device=device_of(wanted.options)
    )
    judged = _judged(caller, wanted, card, origin, number)

    @in_transaction
    def start() -> Attempt | Answer:
        errand = Errand(actor, key).claimed()
        row = PaymentIntent.objects.select_for_update(no_key=True).get(pk=found.pk)
        if row.state not in PaymentIntent.EDITABLE:
            raise unexpected_state(row, "confirmed", shown=shown_intent(row, latest_charge(row)))
        check_judged(judged.decision, row)
        _apply(row, asked, card)
        if judged.route is None:
            return _blocked(row, judged, errand)
        row.process()
        row.save()
        return _attempt(row, judged, judged.route, errand)

    try:
        with one_payment_per_order(found):
            started = start()
    except KeyTaken:
        assert key is not None
        return repeat_taken(key, actor)
    return _go_on(started, actor)


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
    origin = Origin(once=key.text, device=device_of(row.options))
    judged = _judged(caller, row, card, origin, 1)
    if judged.route is None:
        row.fail()

    @in_transaction
    def start() -> Attempt | Answer:
        errand = Errand(actor, key).claimed()
        # Anew where the transaction is run again.
        row.pk = None
        row.save(force_insert=True)
        created = EventDraft("payment_intent.created", row.public_id, shown_intent(row, None))
        record_of(row, created, actor, idempotency_key=key.text)
        if judged.route is None:
            return _blocked(row, judged, errand)
        return _attempt(row, judged, judged.route, errand)

    try:
        with one_payment_per_order(row):
            started = start()
    except KeyTaken:
        return repeat_taken(key, actor)
    return _go_on(started, actor)


def device_of(options: dict[str, Any]) -> str:
    """The browser session that the merchant passed on."""
    return str((options.get("radar_options") or {}).get("session") or "")


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was decided about an attempt, and where it goes; nowhere where it is blocked."""

    decision: Decision
    card: TokenDetails
    route: Route | None


def _judged(caller: Caller, row: PaymentIntent, card: TokenDetails, origin: Origin, number: int) -> _Judged:
    charge = new_id("ch")
    decision = judge(row, card, caller.merchant_public_id, origin, charge=charge, attempt=number)
    if decision.effective == Verdict.BLOCK:
        return _Judged(decision, card, None)
    return _Judged(decision, card, routing.route(facts_of(row, card, decision), seed=row.public_id))


def _blocked(row: PaymentIntent, judged: _Judged, errand: Errand) -> Answer:
    """The attempt ends here, and the intent waits for another card, inside the caller's transaction."""
    if row.state == PaymentIntent.State.REQUIRES_CONFIRMATION:
        row.strip()
    row.save()
    fees = agreed.fee_plan(row.merchant_id)
    key_text = errand.key.text if errand.key else ""
    answer = write_blocked(row, judged.card, judged.decision, fees, errand.actor, key_text)
    if errand.claim_id is not None:
        keep_answer(errand.claim_id, answer)
    before_blocked()
    return answer


def _go_on(started: Attempt | Answer, actor: Actor) -> Answer:
    if isinstance(started, Attempt):
        return pursue(started, actor)
    told()
    return started


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


def _attempt(row: PaymentIntent, judged: _Judged, route: Route, errand: Errand) -> Attempt:
    """Phase 1: decision, charge, operation, hold, timeline, under the intent's lock."""
    # Anew where the transaction is run again.
    judged.decision.pk = None
    judged.decision.save(force_insert=True)
    fees = agreed.fee_plan(row.merchant_id)
    charge = new_charge(row, judged.card, route.processors[0], fees, judged.decision)
    charge.save(force_insert=True)
    attempt = open_operation(
        charge_kind(charge), charge, row.amount_minor, errand, shows=Operation.Shows.INTENT
    )
    hold(attempt, "sale_started", bookings.sale_started(attempt.money))
    timeline(attempt, "charge.started", errand.actor, reason=route.reason, data=dict(route.data))
    return replace(attempt, routing_reason=route.reason, others=route.processors[1:])
