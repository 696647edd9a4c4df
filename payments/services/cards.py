"""The card that a payment is to be made with, as the vault knows it."""

from core.errors import ResourceMissing
from merchants.auth import Caller
from payments import routing
from payments.errors import CardDataRefused, TokenAlreadyUsed
from payments.models import PaymentIntent
from payments.routes import Facts
from processors.vault import TokenDetails
from risk.models import Decision, Verdict


def usable_card(
    caller: Caller, source: str, *, param: str = "source", spent_on: PaymentIntent | None = None
) -> TokenDetails:
    """The card behind a token or a payment method. ResourceMissing, TokenAlreadyUsed, VaultUnavailable.

    What is spent already may still be used for the payment that it was spent on.
    """
    if source.isdigit():
        raise CardDataRefused(param)
    card = routing.vault().token(source, caller.merchant_public_id, caller.livemode)
    if card is None:
        kind = "PaymentMethod" if source.startswith("pm_") else "token"
        raise ResourceMissing(kind, source, param=param)
    if card.used and not (spent_on and spent_on.charges.filter(source=source).exists()):
        raise TokenAlreadyUsed(source, param=param)
    return card


def facts_of(intent: PaymentIntent, card: TokenDetails, decision: Decision) -> Facts:
    """What routing may know of an attempt."""
    return Facts(
        livemode=intent.livemode,
        merchant_id=intent.merchant_id,
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        card_brand=card.brand,
        card_country=card.country or "",
        three_d_secure=decision.effective == Verdict.CHALLENGE,
    )
