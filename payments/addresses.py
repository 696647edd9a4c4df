"""Where cardholders' browsers come back to us, signed so that only we can have made the address."""

from django.conf import settings
from django.core.signing import BadSignature, Signer

SALT = "payments.return"


def return_address(intent: str) -> str:
    """Always the same for an intent: a request that is sent again must be the same request."""
    return f"{settings.PUBLIC_URL}/pay/return/{Signer(salt=SALT).sign(intent)}"


def checkout_address(session: str) -> str:
    """Where a cardholder pays by a checkout session. Whoever has the address may: its id can't be guessed."""
    return f"{settings.PUBLIC_URL}/checkout/{session}"


def intent_of(signed: str) -> str | None:
    """The intent's public id, or None for an address that we did not make."""
    try:
        return Signer(salt=SALT).unsign(signed)
    except BadSignature:
        return None
