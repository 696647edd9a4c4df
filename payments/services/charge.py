"""Charges a card: phase 1, the processor's call with nothing held, phase 2."""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from core.errors import InvalidRequest, ResourceMissing, ServiceUnavailable
from core.faults import fault_point
from core.money import CURRENCIES, THREE_DECIMALS, display
from idempotency.errors import KeyTaken
from idempotency.keys import Answer, Key
from merchants.auth import Caller
from payments import routing
from payments.attempts import Actor, Attempt
from payments.errors import AmountOutOfRange, CardDataRefused, TokenAlreadyUsed
from payments.models import Charge, Operation, PaymentIntent
from payments.services.ask import ask_processor
from payments.services.finish import finish_charge
from payments.services.resume import repeat, repeat_taken
from payments.services.start import charge_kind, start_charge
from processors.vault import TokenDetails

# Eight digits, as on the wire; and Stripe's floor of 50 in currencies of 0 and 2 decimals.
MAX_AMOUNT_MINOR = 99_999_999
MIN_AMOUNT_MINOR = 50
MIN_AMOUNT_THREE_DECIMALS_MINOR = 500

before_phase_1_commits = fault_point("charge.before_phase_1_commits")
after_phase_1 = fault_point("charge.after_phase_1")
after_processor = fault_point("charge.after_processor")


@dataclass(frozen=True, slots=True)
class NewCharge:
    """What a merchant asks for, already of the right shape."""

    amount_minor: int
    currency: str
    source: str
    capture: bool = True
    description: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    receipt_email: str = ""
    statement_descriptor: str = ""
    statement_descriptor_suffix: str = ""


def create_charge(*, caller: Caller, asked: NewCharge, key: Key) -> Answer:
    """Charges once per key. The answer: the charge (captured, or `pending` while the outcome is open), or a
    decline. Errors before anything is written: InvalidRequest and its leaves."""
    actor = Actor(caller.key_name, key.request_id)
    _check_amount(asked.amount_minor, asked.currency)
    processor = routing.choose(livemode=caller.livemode)
    try:
        card = _usable_card(caller, asked.source)
    except (ResourceMissing, TokenAlreadyUsed, ServiceUnavailable):
        # A repeated request finds its token used by the first one, or the vault away: its answer is kept already.
        if answer := repeat(key, actor):
            return answer
        raise
    attempt = new_attempt(caller, asked, card, processor)
    timeout_seconds = settings.PROCESSOR_TIMEOUT_SECONDS
    before_phase_1_commits()
    try:
        start_charge(attempt, key, timeout_seconds=timeout_seconds)
    except KeyTaken:
        return repeat_taken(key, actor)
    after_phase_1()
    outcome = ask_processor(attempt, timeout_seconds=timeout_seconds)
    after_processor()
    return finish_charge(attempt, outcome, actor)


def _check_amount(amount_minor: int, currency: str) -> None:
    if currency not in CURRENCIES:
        raise InvalidRequest(
            f"Invalid currency: {currency}. Use a three-letter ISO 4217 code that we support, in lower case.",
            param="currency",
        )
    if amount_minor <= 0:
        raise InvalidRequest(
            f"This value must be greater than or equal to 1 (got {amount_minor}).",
            param="amount",
            code="parameter_invalid_integer",
        )
    floor = MIN_AMOUNT_THREE_DECIMALS_MINOR if currency in THREE_DECIMALS else MIN_AMOUNT_MINOR
    if amount_minor < floor:
        raise AmountOutOfRange(
            f"Amount must be at least {display(floor, currency)}.", param="amount", code="amount_too_small"
        )
    if amount_minor > MAX_AMOUNT_MINOR:
        raise AmountOutOfRange(
            f"Amount must be no more than {display(MAX_AMOUNT_MINOR, currency)}.",
            param="amount",
            code="amount_too_large",
        )


def _usable_card(caller: Caller, source: str) -> TokenDetails:
    if source.isdigit():
        raise CardDataRefused("source")
    card = routing.vault().token(source, caller.merchant_public_id, caller.livemode)
    if card is None:
        raise ResourceMissing("token", source, param="source")
    if card.used:
        raise TokenAlreadyUsed(source)
    return card


def new_attempt(caller: Caller, asked: NewCharge, card: TokenDetails, processor: str) -> Attempt:
    """The rows of a charge that nobody has written yet."""
    shared: dict[str, Any] = {
        "merchant_id": caller.merchant_id,
        "livemode": caller.livemode,
        "amount_minor": asked.amount_minor,
        "currency": asked.currency,
    }
    intent = PaymentIntent(
        **shared,
        state=PaymentIntent.State.PROCESSING,
        description=asked.description,
        metadata=asked.metadata,
    )
    charge = Charge(
        **shared,
        payment_intent=intent,
        state=Charge.State.PROCESSING,
        processor=processor,
        source=asked.source,
        payment_method=card.card_id,
        card_brand=card.brand,
        card_last4=card.last4,
        card_exp_month=card.exp_month,
        card_exp_year=card.exp_year,
        card_fingerprint=card.fingerprint,
        card_funding=card.funding,
        card_country=card.country or "",
        card_checks={"cvc": card.cvc_check} if card.cvc_check else {},
        billing_details=card.billing_details,
        description=asked.description,
        metadata=asked.metadata,
        receipt_email=asked.receipt_email,
        statement_descriptor=asked.statement_descriptor,
        statement_descriptor_suffix=asked.statement_descriptor_suffix,
    )
    operation = Operation(
        **shared,
        kind=charge_kind(capture=asked.capture),
        payment_intent=intent,
        charge=charge,
        processor=processor,
        actor=caller.key_name,
    )
    return Attempt(
        operation=operation,
        charge=charge,
        intent=intent,
        merchant=caller.merchant_public_id,
        fee_basis_points=caller.fee_basis_points,
        fee_fixed_minor=caller.fee_fixed_minor,
        settlement_days=caller.settlement_days,
    )
