"""What a caller can order, read from the JSON bodies of /v1: shapes are checked here, sense in bank.py."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass

from sandbox.cards import Card, passes_luhn
from sandbox.fields import REFERENCE, Fields

# Eight digits are the wire's limit; the bank takes more, so that it is never the one that bounds a test.
MOST_MINOR = 10**12
# Printable ASCII only: it becomes a header of the answer that sends the cardholder's browser back.
RETURN_URL = re.compile(r"https?://(?![/?#])[!-~]+")
LONGEST_URL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize:
    reference: str
    amount_minor: int
    currency: str
    capture: bool
    card: Card
    descriptor: str | None
    return_url: str | None
    # The cardholder is to be challenged, whatever the card is.
    three_d_secure: bool = False

    kind = "authorize"
    id_prefix = "auth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Asks what became of an authorization that needed a challenge. The bank acts by itself when the challenge
    ends, so there is nothing left for it to do here."""

    reference: str
    authorization: str
    amount_minor: int

    kind = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    reference: str
    authorization: str
    amount_minor: int

    kind = "capture"
    id_prefix = "cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    reference: str
    authorization: str

    kind = "void"
    id_prefix = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    reference: str
    authorization: str
    amount_minor: int

    kind = "refund"
    id_prefix = "ref"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayOut:
    reference: str
    amount_minor: int
    currency: str
    holder: str
    country: str
    routing_number: str
    account_number: str
    descriptor: str

    kind = "payout"
    id_prefix = "po"


Order = Authorize | Complete | Capture | Void | Refund | PayOut


def read_authorize(body: object) -> Authorize:
    fields = Fields(body)
    order = Authorize(
        reference=fields.text("reference", REFERENCE),
        amount_minor=fields.integer("amount", 1, MOST_MINOR),
        currency=fields.text("currency", "[a-z]{3}"),
        capture=fields.flag("capture"),
        card=_read_card(fields.take("card")),
        descriptor=fields.optional_text("descriptor", ".{0,64}"),
        return_url=_read_return_url(fields),
        three_d_secure=fields.optional_flag("three_d_secure"),
    )
    fields.finish()
    return order


def read_complete(body: object) -> Complete:
    fields = Fields(body)
    order = Complete(
        reference=fields.text("reference", REFERENCE),
        authorization=fields.text("authorization", REFERENCE),
        amount_minor=fields.integer("amount", 1, MOST_MINOR),
    )
    fields.finish()
    return order


def read_capture(body: object) -> Capture:
    fields = Fields(body)
    order = Capture(
        reference=fields.text("reference", REFERENCE),
        authorization=fields.text("authorization", REFERENCE),
        amount_minor=fields.integer("amount", 1, MOST_MINOR),
    )
    fields.finish()
    return order


def read_void(body: object) -> Void:
    fields = Fields(body)
    order = Void(
        reference=fields.text("reference", REFERENCE), authorization=fields.text("authorization", REFERENCE)
    )
    fields.finish()
    return order


def read_refund(body: object) -> Refund:
    fields = Fields(body)
    order = Refund(
        reference=fields.text("reference", REFERENCE),
        authorization=fields.text("authorization", REFERENCE),
        amount_minor=fields.integer("amount", 1, MOST_MINOR),
    )
    fields.finish()
    return order


def read_payout(body: object) -> PayOut:
    fields = Fields(body)
    order = PayOut(
        reference=fields.text("reference", REFERENCE),
        amount_minor=fields.integer("amount", 1, MOST_MINOR),
        currency=fields.text("currency", "[a-z]{3}"),
        holder=fields.text("holder", ".{1,200}"),
        country=fields.text("country", "[A-Z]{2}"),
        routing_number=fields.text("routing_number", ".{0,34}"),
        account_number=fields.text("account_number", "[A-Z0-9]{4,34}"),
        descriptor=fields.text("descriptor", ".{0,64}"),
    )
    fields.finish()
    return order


def read_tombstone(body: object) -> str:
    fields = Fields(body)
    reference = fields.text("reference", REFERENCE)
    fields.finish()
    return reference


def fingerprint(order: Order, secret: bytes) -> str:
    """Tells the same order from another one under its reference, without giving a card number away.

    The CVC is left out: a vault may have forgotten it by the time it repeats the request.
    """
    match order:
        case Authorize():
            card = [order.card.number, order.card.exp_month, order.card.exp_year]
            content = [order.amount_minor, order.currency, order.capture, order.descriptor, *card]
            # Only where there is one: orders of before there were any keep their fingerprints.
            content += [order.return_url] if order.return_url else []
            content += ["three_d_secure"] if order.three_d_secure else []
        case Complete() | Capture() | Refund():
            content = [order.authorization, order.amount_minor]
        case Void():
            content = [order.authorization]
        case PayOut():
            content = [order.amount_minor, order.currency, order.country, order.account_number]
            content += [order.holder, order.routing_number, order.descriptor]
    message = json.dumps([order.kind, *content]).encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def _read_return_url(fields: Fields) -> str | None:
    """None where there is none, or an empty one."""
    url = fields.optional_text("return_url", f".{{0,{LONGEST_URL}}}")
    if url and not RETURN_URL.fullmatch(url):
        raise fields.wrong("return_url", "must be an http or https URL")
    return url or None


def _read_card(body: object) -> Card:
    fields = Fields(body, "card")
    card = Card(
        number=fields.text("number", "[0-9]{12,19}"),
        exp_month=fields.integer("exp_month", 1, 12),
        exp_year=fields.integer("exp_year", 2000, 2999),
        cvc=fields.optional_text("cvc", "[0-9]{3,4}"),
    )
    fields.finish()
    if not passes_luhn(card.number):
        raise fields.wrong("number", "fails its check digit")
    return card
