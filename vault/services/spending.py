"""Single use: a token belongs to the first reference that uses it. It is given back only when no call of that
reference can have left this process."""

import logging

import psycopg
from django.db import DatabaseError
from django.db.models import Case, F, Value, When

from core.db import load_statement, release_connection, run_statement
from core.errors import ServiceUnavailable, TollgateError
from vault.card import PlainCard
from vault.cvc_store import find_cvc
from vault.errors import TokenAlreadyUsed, TooManyDecryptions, Unreadable
from vault.keyring import KeyFileUnusable
from vault.known_cards import static_card
from vault.models import Card
from vault.services.opening import open_card

SPEND = load_statement("spend.sql")

log = logging.getLogger("tollgate.vault")


class NotSpendable(TollgateError):
    """There is no card to send. `wire_code` says why; the token stays, or becomes again, unused."""


def spend(token: str, reference: str, *, merchant: str, livemode: bool) -> PlainCard:
    """The card behind a token, which now belongs to the reference. NotSpendable: then nothing may be sent."""
    if static := static_card(token, livemode=livemode):
        return static
    scope = {"token": token, "merchant": merchant, "livemode": livemode}
    try:
        rows = run_statement(SPEND, {**scope, "reference": reference})
        if not rows:
            raise _why_not(token, merchant=merchant, livemode=livemode)
    except (ServiceUnavailable, psycopg.Error, DatabaseError) as error:
        raise NotSpendable("The vault's database gave no answer.", code="vault_unavailable") from error
    row = rows[0]
    try:
        number = open_card(token, merchant=merchant, livemode=livemode, purpose="charge", reference=reference)
        cvc = find_cvc(token) if row.cvc_given else None
    except (Unreadable, KeyFileUnusable) as error:
        log.error("the card of %s can't be read: %s", token, error)
        give_back(token, reference)
        raise NotSpendable(f"The card of {token} can't be read.", code="card_unreadable") from error
    except (psycopg.Error, DatabaseError) as error:
        give_back(token, reference)
        raise NotSpendable("The vault's database gave no answer.", code="vault_unavailable") from error
    except (ServiceUnavailable, TooManyDecryptions) as error:
        give_back(token, reference)
        raise NotSpendable(error.message, code="vault_unavailable") from error
    return PlainCard(number, row.exp_month, row.exp_year, cvc)


def give_back(token: str, reference: str) -> None:
    """One counted call of the reference provably did not leave; after the last one the token is unused again.

    Called at most once for each `spend`. If the database fails, the token stays spent: that harms nobody.
    """
    last = {"attempts": 1}
    try:
        Card.objects.filter(public_id=token, reference=reference, attempts__gt=0).update(
            attempts=F("attempts") - 1,
            reference=Case(When(**last, then=Value(None)), default=F("reference")),
            used_at=Case(When(**last, then=Value(None)), default=F("used_at")),
        )
    except DatabaseError as error:
        log.warning("%s stays spent on %s (%s)", token, reference, type(error).__name__)
    finally:
        release_connection()


def _why_not(token: str, *, merchant: str, livemode: bool) -> NotSpendable:
    cards = Card.objects.filter(public_id=token, merchant=merchant, livemode=livemode, shredded_at=None)
    known = cards.exists()
    release_connection()
    if known:
        return NotSpendable(TokenAlreadyUsed(token).message, code=TokenAlreadyUsed.code)
    return NotSpendable(f"No such token: '{token}'", code="resource_missing")
