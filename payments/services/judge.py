"""Has a payment judged before anybody is asked for it: what the gateway knows of it, as risk wants to hear it."""

from dataclasses import dataclass

from django.utils import timezone

from core.errors import TollgateError
from payments.models import PaymentIntent
from payments.services.history import history_of
from processors.vault import TokenDetails
from risk.facts import Request
from risk.models import Decision
from risk.services.assess import assess


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request to pay came from. `ip` is of the customer's browser, if that is who called; `device` is the
    session that the merchant's page had it in; `once` is the same when the request is repeated for its answer."""

    once: str
    ip: str = ""
    device: str = ""


class ChangedMeanwhile(TollgateError):
    """What was judged is not what would be paid."""

    status = 409
    type = "invalid_request_error"
    code = "lock_timeout"
    retry = True

    def __init__(self, intent: str) -> None:
        super().__init__(f"{intent} was changed while it was being confirmed. Try again.")


def judge(
    intent: PaymentIntent, card: TokenDetails, merchant: str, origin: Origin, *, charge: str, attempt: int = 1
) -> Decision:
    """The decision, which nobody has written yet. Never inside a transaction: Redis is asked, and the clock runs."""
    return assess(
        Request(
            merchant_id=intent.merchant_id,
            merchant=merchant,
            livemode=intent.livemode,
            charge=charge,
            payment_intent=intent.public_id,
            once=origin.once,
            amount_minor=intent.amount_minor,
            currency=intent.currency,
            capture=intent.takes_at_once,
            attempt=attempt,
            card_brand=card.brand,
            card_country=card.country or "",
            card_funding=card.funding,
            card_fingerprint=card.fingerprint,
            card_bin=card.bin,
            card_last4=card.last4,
            email=intent.receipt_email or card.billing_details.get("email") or "",
            ip=origin.ip or card.client_ip,
            device=origin.device,
        ),
        at=timezone.now(),
        history=history_of,
    )


def check_judged(decision: Decision, row: PaymentIntent) -> None:
    """ChangedMeanwhile where the intent, once it is locked, is not what was judged."""
    payment = decision.facts["payment"]
    if (payment["amount"], payment["currency"]) != (row.amount_minor, row.currency):
        raise ChangedMeanwhile(row.public_id)
