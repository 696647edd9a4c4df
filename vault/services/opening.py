"""The one way to a stored card's number: within the merchant's limit, and with a row that tells what it was for."""

from core.db import load_statement, release_connection, run_statement
from vault.allowance import take_turn
from vault.envelope import Envelope, Wrapped, open_early_number, open_merchant_key, open_number
from vault.errors import Unreadable
from vault.keyring import key_ring
from vault.models import card_binding

REVEAL = load_statement("reveal.sql")


def open_card(token: str, *, merchant: str, livemode: bool, purpose: str, reference: str) -> str:
    """The number. TooManyDecryptions; ServiceUnavailable while nobody counts; Unreadable, also for a card that has
    been shredded meanwhile. Never inside a transaction."""
    release_connection()
    take_turn(merchant)
    scope = {"token": token, "merchant": merchant, "livemode": livemode}
    rows = run_statement(REVEAL, {**scope, "purpose": purpose, "reference": reference})
    if not rows:
        raise Unreadable("There is no such card any more.")
    row = rows[0]
    envelope = Envelope(bytes(row.wrapped_key), bytes(row.number))
    bound_to = card_binding(token, merchant=merchant, livemode=livemode)
    if row.early_version is not None:
        return open_early_number(key_ring(), row.early_version, envelope, bound_to=bound_to)
    merchant_key = open_merchant_key(key_ring(), Wrapped(row.key_version, bytes(row.wrapped)), merchant)
    return open_number(merchant_key, envelope, bound_to=bound_to)
